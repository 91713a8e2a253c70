/*
 * 00_one_neuron - reverse mode, one record at a time. A neuron y = tanh(w x + b) and the loss (y - 1)^2: the tape is printed, then
 * the reverse walk is taken step by step, with what each step appended and what it found.
 */
#include <adze/adze.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_lines_from(const ad_tape *t, int first)
{
    char *text = ad_tape_text(t), *line = text;
    for (int i = 0; line && *line; i++) {
        char *end = strchr(line, '\n');
        if (i >= first) printf("%.*s\n", (int)(end - line), line);
        line = end + 1;
    }
    free(text);
}

int main(void)
{
    ad_ctx *ctx = ad_new(NULL);
    ad_tape *t = ad_tape_new(ctx, AD_F64);
    const ad_shape scalar = { 0 };
    ad_tensor *x = ad_input(t, "x", &scalar), *w = ad_input(t, "w", &scalar), *b = ad_input(t, "b", &scalar);
    ad_tensor *y = ad_tanh(t, ad_add(t, ad_mul(t, w, x), b));
    ad_tensor *loss = ad_square(t, ad_shift(t, y, -1));
    printf("the tape:\n");
    print_lines_from(t, 0);

    ad_tensor *wrt[] = { w, b };
    int before = ad_tape_count(t), at;
    if (ad_gradients_begin(t, loss, 2, wrt) != AD_OK) return fprintf(stderr, "%s\n", ad_ctx_message(ctx)), 1;
    while ((at = ad_gradients_step(t)) >= 0) {
        printf("back over record %d:\n", at);
        print_lines_from(t, before);
        before = ad_tape_count(t);
    }

    double values[] = { 0.5, -2.0, 0.25 };
    if (ad_set(x, &values[0]) != AD_OK || ad_set(w, &values[1]) != AD_OK || ad_set(b, &values[2]) != AD_OK) return 1;
    printf("y = %.6f, loss = %.6f, d loss / d w = %.6f, d loss / d b = %.6f\n", ad_value(y, 0), ad_value(loss, 0),
           ad_value(ad_gradient(t, w), 0), ad_value(ad_gradient(t, b), 0));
    ad_tape_free(t);
    ad_ctx_free(ctx);
    return 0;
}
