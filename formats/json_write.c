/* json_write.c - writing JSON: members are put one after the other, commas and indentation come by themselves. */
#include <math.h>
#include <string.h>

#include "formats/bytes.h"

void ad__json_quote(ad_text *t, const char *value)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    ad_text_bytes(t, "\"", 1);
    for (const char *p = value; *p; p++) {
        const char *known = strchr(from, *p);
        if (known) ad_text_add(t, "\\%c", to[known - from]);
        else if ((unsigned char)*p < 0x20) ad_text_add(t, "\\u%04x", (unsigned)*p);
        else ad_text_bytes(t, p, 1);
    }
    ad_text_bytes(t, "\"", 1);
}

static void new_line(ad_json_writer *w)
{
    if (w->indent) ad_text_add(&w->text, "\n%*s", w->indent * w->depth, "");
}

/* What stands before a member: a comma, a new line, its key. */
static void lead(ad_json_writer *w, const char *key)
{
    if (w->depth > 0) {
        if (w->started[w->depth]) ad_text_bytes(&w->text, ",", 1);
        w->started[w->depth] = true;
        new_line(w);
        AD_ASSERT_EQ(key != NULL, w->closer[w->depth] == '}');
    }
    if (!key) return;
    ad__json_quote(&w->text, key);
    ad_text_add(&w->text, w->indent ? ": " : ":");
}

static void open_level(ad_json_writer *w, const char *key, char opener, char closer)
{
    lead(w, key);
    AD_ASSERT(w->depth + 1 < AD_JSON_DEPTH);
    ad_text_bytes(&w->text, &opener, 1);
    w->depth++;
    w->started[w->depth] = false;
    w->closer[w->depth] = closer;
}

void ad_json_open_object(ad_json_writer *w, const char *key)
{
    open_level(w, key, '{', '}');
}

void ad_json_open_array(ad_json_writer *w, const char *key)
{
    open_level(w, key, '[', ']');
}

void ad_json_close(ad_json_writer *w)
{
    AD_ASSERT(w->depth > 0);
    char closer = w->closer[w->depth];
    bool filled = w->started[w->depth--];
    if (filled) new_line(w);
    ad_text_bytes(&w->text, &closer, 1);
}

void ad_json_put_text(ad_json_writer *w, const char *key, const char *value)
{
    lead(w, key);
    if (value) ad__json_quote(&w->text, value);
    else ad_text_add(&w->text, "null");
}

void ad_json_put_number(ad_json_writer *w, const char *key, double value)
{
    char text[40];
    lead(w, key);
    ad_text_add(&w->text, "%s", isfinite(value) ? ad__number_text(value, text) : "null");
}

void ad_json_put_int(ad_json_writer *w, const char *key, int64_t value)
{
    lead(w, key);
    ad_text_add(&w->text, "%lld", (long long)value);
}

void ad_json_put_bool(ad_json_writer *w, const char *key, bool value)
{
    lead(w, key);
    ad_text_add(&w->text, value ? "true" : "false");
}

void ad_json_end(ad_json_writer *w)
{
    AD_ASSERT_EQ(w->depth, 0);
    ad_text_bytes(&w->text, "\n", 1);
}
