/*
 * data.c - from the keys data.* to an open data set.
 */
#include "config.h"

#include "experiments/experiment.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 16 };

/* A value whose kind is seen from its text: 3, 0.5, true, a word. */
static ad_attr_value guess(const char *name, const char *text)
{
    ad_attr_value v = { .name = name, .kind = AD_VALUE_TEXT, .text = text };
    char *end;
    double number = strtod(text, &end);
    if (!strcmp(text, "true") || !strcmp(text, "false")) {
        v.kind = AD_VALUE_BOOL;
        v.number = !strcmp(text, "true");
    } else if (end != text && !*end) {
        v.kind = strpbrk(text, ".eE") ? AD_VALUE_FLOAT : AD_VALUE_INT;
        v.number = number;
    }
    return v;
}

ad_status ad__data_open(ad_error *e, const ad__config *c, ad_dataset **out)
{
    char text[AD_ATTR_TEXT_SIZE], *save = NULL;
    ad_attr_value values[MAX_OPTIONS];
    int n = 0;
    memcpy(text, c->data_options, sizeof text);
    for (char *part = strtok_r(text, ", ", &save); part; part = strtok_r(NULL, ", ", &save)) {
        char *equals = strchr(part, '=');
        if (!equals || n == MAX_OPTIONS)
            return AD_FAIL(e, EUSAGE, "data.options: expected NAME=VALUE, at most %d of them, found '%s'", MAX_OPTIONS, part);
        *equals = '\0';
        values[n++] = guess(part, equals + 1);
    }
    return ad_dataset_open(e, c->data_set, *c->data_folder ? c->data_folder : NULL, n, values, out);
}
