/*
 * checkpoint.h - weights, state and optimiser of one step in one safetensors file; part of models.h.
 *
 * Tensors are called by their paths and lie in PyTorch's order (memory has the channels last; op.h, ad_layout); those of the optimiser
 * are called "optim.SLOT/PATH", running averages of weights "ema.PATH". Random numbers have no state, so nothing of theirs is saved.
 */
#ifndef ADZE_MODELS_CHECKPOINT_H
#define ADZE_MODELS_CHECKPOINT_H

#include "autograd/autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Axis i of a tensor in a file is axis axes[i] in memory. */
AD_API void ad_layout_axes(ad_layout layout, int rank, int *axes);
/* Copies a tensor of `element` bytes a value from the order of memory to that of files, or back. */
AD_API void ad_layout_copy(const ad_shape *memory, ad_layout layout, size_t element, bool to_file, const void *from, void *to);

/* What a checkpoint says of itself, in the metadata of the file. */
typedef struct ad_checkpoint {
    int64_t step;                /* steps done */
    uint64_t seed;
    char model[64];              /* name of the model */
    char model_hash[65];         /* of its expanded form (ad_model_hash); "" is not compared */
    double seconds;              /* of training so far */
} ad_checkpoint;

/* Writes whole or not at all. */
AD_API AD_CHECKED ad_status ad_checkpoint_save(ad_error *e, const char *path, ad_params *params, const ad_checkpoint *about);
/* Fills the store. Everything that it declares must be there with its shape, and nothing else. With `training`, to train on; without,
 * tensors of the optimiser are neither missed nor read, and a weight is its running average if the file has one. All tensors that do not fit are named (AD_ECHECKPOINT). Unless
 * model_hash is NULL or "", a checkpoint of another model is refused. */
AD_API AD_CHECKED ad_status ad_checkpoint_load(ad_error *e, const char *path, ad_params *params, bool training, const char *model_hash,
                                               ad_checkpoint *about);
/* The file FOLDER/step-NNNNNNNNN.safetensors of a step. */
AD_API void ad_checkpoint_path(const char *folder, int64_t step, char *path, size_t size);
/* After a save: FOLDER/LATEST names the file and its SHA-256; then all but the newest `keep` are removed. */
AD_API AD_CHECKED ad_status ad_checkpoint_publish(ad_error *e, const char *folder, int64_t step, int keep);
/* The file that LATEST names, if its SHA-256 holds, else the highest step that can be read; AD_ECHECKPOINT if there is none. */
AD_API AD_CHECKED ad_status ad_checkpoint_latest(ad_error *e, const char *folder, char *path, size_t size);

#ifdef __cplusplus
}
#endif
#endif
