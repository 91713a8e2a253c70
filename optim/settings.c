/* settings.c - texts of settings: values by place get their names, the rest is the business of the attribute reader. */
#include "optim/settings.h"

#include <ctype.h>
#include <sleef.h>
#include <stdio.h>
#include <string.h>

/* Length of the value at p: up to a comma outside of brackets. */
static size_t piece_length(const char *p)
{
    int depth = 0;
    size_t n = 0;
    for (; p[n] && (depth > 0 || p[n] != ','); n++) depth += (p[n] == '[') - (p[n] == ']');
    return n;
}

ad_status ad__settings_parse(ad_error *e, const char *name, const ad_attr *settings, size_t size, const char *text, void *out)
{
    const ad_op schema = { .name = name, .attr_size = size, .attrs = settings };
    char named[1024] = "";
    size_t used = 0;
    const ad_attr *by_place = settings;
    for (const char *p = text ? text : ""; *p;) {
        while (isspace((unsigned char)*p)) p++;
        size_t n = piece_length(p);
        bool has_name = memchr(p, '=', n) != NULL;
        if (n && !has_name && !by_place->name) return AD_FAIL(e, EATTR, "%s: too many values in (%s)", name, text);
        int written = n == 0 ? 0 : snprintf(named + used, sizeof named - used, "%s%s%s%.*s", used ? ", " : "", has_name ? "" : by_place->name,
                                            has_name ? "" : "=", (int)n, p);
        if (written < 0 || used + (size_t)written >= sizeof named) return AD_FAIL(e, EATTR, "%s: settings longer than %zu characters", name,
                                                                                  sizeof named);
        used += (size_t)written;
        if (n && !has_name) by_place++;
        p += n + (p[n] == ',');
    }
    return ad_attr_parse(e, &schema, named, out);
}

double ad__power(double base, double exponent)
{
    return Sleef_cinz_powd1_u10purec(base, exponent);
}
