/* magma.c - from a value on a scale to a colour of the map; the table itself is made from its public definition (magma_table.c). */
#include "formats/formats.h"

void ad_magma_color(double v, double lo, double hi, uint8_t rgb[3])
{
    static const uint8_t none[3] = { 128, 128, 128 };
    double t = (v - lo) / (hi - lo);
    if (!(hi > lo)) t = v != v ? v : v > hi;         /* an empty scale: everything above it is at its top */
    int index = t != t ? -1 : t <= 0 ? 0 : t >= 1 ? 255 : (int)(t * 256);
    const uint8_t *from = index < 0 ? none : ad_magma[index];
    for (int k = 0; k < 3; k++) rgb[k] = from[k];
}
