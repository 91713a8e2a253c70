"""Where the figures of a bench come from and go to: the options --json, --from and --svg."""
import json


def options(parser, picture=None):
    """`picture`: the file that is drawn unasked."""
    parser.add_argument("--json", help="the figures, to a file")
    parser.add_argument("--from", dest="saved", help="figures that --json saved, instead of a run")
    parser.add_argument("--svg", help="the picture, to a file", default=picture)


def figures(given, measure):
    if not given.saved:
        return measure(given)
    with open(given.saved) as f:
        return json.load(f)


def write(given, rows, picture):
    if given.json:
        with open(given.json, "w") as f:
            json.dump(rows, f, indent=1)
    if given.svg:
        with open(given.svg, "w") as f:
            f.write(picture(rows))
