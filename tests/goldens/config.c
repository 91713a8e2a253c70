/*
 * config.c - the configuration of a model case, with the sizes of its inputs added.
 *
 * Many files say what the network is and leave the image's size to the input itself. For every array "in/NAME" the configuration gets a
 * key `shape_NAME`, a list in the order of the file, so that a model's `map:` can read it: `height: shape_x[2]`.
 */
#include "golden.h"
#include "formats/formats.h"

#include <string.h>

#define INPUT "in/"

char *config_of(const kase *k)
{
    const char *given = ad_safetensors_metadata(k->st, "config");
    const char *end = given ? strrchr(given, '}') : NULL;
    ad_text t = { 0 };
    if (!end)
        return NULL;
    bool empty = strspn(given, " {") == (size_t)(end - given);
    ad_text_bytes(&t, given, (size_t)(end - given));
    const ad_array *a;
    for (int64_t i = 0; (a = ad_safetensors_at(k->st, i)); i++) {
        if (strncmp(a->name, INPUT, strlen(INPUT)) != 0)
            continue;
        ad_text_add(&t, "%s\"shape_%s\": [", empty ? "" : ", ", a->name + strlen(INPUT));
        for (int d = 0; d < a->rank; d++)
            ad_text_add(&t, d ? ", %lld" : "%lld", (long long)a->dim[d]);
        ad_text_add(&t, "]");
        empty = false;
    }
    ad_text_add(&t, "}");
    if (!t.failed)
        return t.data;
    ad_text_free(&t);
    return NULL;
}
