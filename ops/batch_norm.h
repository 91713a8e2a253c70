/* batch_norm.h - what batch_norm and its statistics share. Private to ops/. */
#ifndef ADZE_OPS_BATCH_NORM_H
#define ADZE_OPS_BATCH_NORM_H

#include "ops/ops.h"

/* Of an ad_batch_norm_attr. */
extern const ad_attr ad__batch_norm_attrs[];

#endif
