/*
 * loss.h - how losses are reduced to one number: by the axes they name.
 */
#ifndef ADZE_OPS_LOSS_H
#define ADZE_OPS_LOSS_H

#include "ops/elementwise.h"

/* Letters of the axes of a tensor [B,..,C] between batch and channels: "", "L", "HW" or "DHW". */
const char *ad__inner_axes(int rank);

/* Refuses unless `over` names, in any order, the letter `extra` ("" for none) and the inner axes of x [B,..,C]. */
ad_status ad__over(ad_error *e, const char *op, const char *over, const ad_shape *x, const char *extra);

/* A loss of each element of [B,..] to one number, by `batch` and `pixels` of the attributes. */
ad_tensor *ad__loss_reduce(ad_tape *t, ad_tensor *loss, const ad_loss_attr *attr);

/* over, batch, pixels */
extern const ad_attr ad__loss_attrs[];
extern const char *const ad__batch_words[], *const ad__pixel_words[];

#endif
