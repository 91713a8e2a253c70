/* svg.c - frame, colours and text of the pictures that the engine draws. */
#include <stdarg.h>
#include <stdio.h>

#include "autograd/svg.h"

const char *const ad__svg_colors[AD__SVG_COLORS] = {
    "#4477aa", "#ee8866", "#228833", "#ccaa22", "#aa3377", "#66ccee", "#884422", "#99cc44", "#7766bb", "#b0b0b0"
};

static const char style[] =
    "<style>\n"
    ".page{fill:#ffffff}.ink{fill:#222222}.soft{fill:#5b6470}.rule{stroke:#8a929b}.track{fill:#dfe4e9}.gap{stroke:#ffffff}\n"
    ".forward{fill:#d9e5f2}.backward{fill:#f4dfd3}.update{fill:#dcebd9}\n"
    "@media (prefers-color-scheme:dark){\n"
    ".page{fill:#14181d}.ink{fill:#e6e9ec}.soft{fill:#a2abb5}.rule{stroke:#6b747e}.track{fill:#2c343d}.gap{stroke:#14181d}\n"
    ".forward{fill:#2a3c52}.backward{fill:#523629}.update{fill:#2c4630}}\n"
    "</style>\n";

void ad__svg_begin(ad__text *t, int width, int height, int left, const char *title)
{
    ad__text_put(t, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\">\n%s"
                 "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n<text class=\"ink\" x=\"%d\" y=\"24\" font-size=\"16\" font-weight=\"bold\">",
                 width, height, width, height, style, width, height, left);
    ad__svg_escaped(t, title, 512);
    ad__text_put(t, "</text>\n");
}

void ad__svg_note(ad__text *t, int width, const char *format, ...)
{
    char note[512];
    va_list args;
    va_start(args, format);
    vsnprintf(note, sizeof note, format, args);
    va_end(args);
    ad__text_put(t, "<text class=\"soft\" x=\"%d\" y=\"24\" font-size=\"12\" text-anchor=\"end\">", width - 16);
    ad__svg_escaped(t, note, 512);
    ad__text_put(t, "</text>\n");
}

void ad__svg_end(ad__text *t)
{
    ad__text_put(t, "</svg>\n");
}

void ad__svg_escaped(ad__text *t, const char *s, int most)
{
    for (int i = 0; s[i] && (i < most || ((unsigned char)s[i] & 0xC0) == 0x80); i++) {
        if (s[i] == '<') ad__text_put(t, "&lt;");
        else if (s[i] == '>') ad__text_put(t, "&gt;");
        else if (s[i] == '&') ad__text_put(t, "&amp;");
        else if (s[i] == '"') ad__text_put(t, "&quot;");
        else ad__text_put(t, "%c", s[i]);
    }
}

double ad__svg_tick(double most)
{
    double tick = 1;
    while (tick * 60 < most) tick *= 10;
    while (tick * 6 < most) tick *= tick * 15 < most ? 5 : 2;
    return tick;
}
