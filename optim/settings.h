/* settings.h - texts of settings, "0.1, over=5000", to structs described by a table of attributes. */
#ifndef ADZE_OPTIM_SETTINGS_H
#define ADZE_OPTIM_SETTINGS_H

#include "optim/optim.h"

/* The settings that every optimiser has, first in its struct. */
typedef struct ad__optim_common {
    double weight_decay;
    bool maximize;
} ad__optim_common;
#define AD__OPTIM_COMMON(type, decay)                                                                                            \
    { "weight_decay", AD_ATTR_FLOAT, offsetof(type, common.weight_decay), decay, 0, 1e30, "of every weight, times its group's factor" }, \
    { "maximize", AD_ATTR_BOOL, offsetof(type, common.maximize), 0, 0, 0, "climb instead of descend" }

/* Fills out[size] from a text of values by name, or by place in the table's order. */
ad_status ad__settings_parse(ad_error *e, const char *name, const ad_attr *settings, size_t size, const char *text, void *out);

/* beta^t for t >= 0: the same bits on every machine, unlike the C library's. */
double ad__power(double base, double exponent);

#endif
