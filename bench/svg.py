"""What the pictures of this folder share: frame, colours, a light and a dark page (the colours of autograd/svg.c)."""
import math

COLORS = ("#4477aa", "#ee8866", "#228833", "#ccaa22", "#aa3377", "#7766bb")
STYLE = """<style>
.page{fill:#ffffff}.ink{fill:#222222}.soft{fill:#5b6470}.rule{stroke:#8a929b}.grid{stroke:#dfe4e9}.gap{stroke:#ffffff}
@media (prefers-color-scheme:dark){
.page{fill:#14181d}.ink{fill:#e6e9ec}.soft{fill:#a2abb5}.rule{stroke:#a2abb5}.grid{stroke:#2c343d}.gap{stroke:#14181d}}
</style>"""


def begin(width, height, left, title):
    return [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif">', STYLE,
            f'<rect class="page" width="{width}" height="{height}"/>',
            f'<text class="ink" x="{left}" y="24" font-size="16" font-weight="bold">{title}</text>']


def end(out):
    return "\n".join(out + ["</svg>"]) + "\n"


def powers(least, most, base=2):
    v = least
    while v <= most * 1.0001:
        yield v
        v *= base


def log_scale(at, length, least, most):
    """A function from a value to a place: `least` at `at`, `most` at `at` + `length`."""
    return lambda v: at + length * math.log(v / least) / math.log(most / least)
