/*
 * datasets.h - images outlined by several readers: sources, splits by patient, and the loader that makes training batches.
 *
 *   ad_dataset_open(&err, "lidc", folder, 0, NULL, &d);              a source by name (ad_sources lists them), with its options
 *   ad_item_init(&err, &item, d); ad_dataset_read(&err, d, AD_TEST, i, &item);     one image with all its masks
 *   ad_loader_new(&err, d, &options, &l); ad_loader_next(&err, l, &batch);         batches, prepared by a thread of their own
 *
 * A data set is read-only after opening and may be read by several threads. Everything random (order, reader, flips, turns) is a
 * pure function of (seed, step, place in the batch): a run that is resumed at step n sees what the unbroken run saw.
 */
#ifndef ADZE_DATASETS_DATASETS_H
#define ADZE_DATASETS_DATASETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "autograd/autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- splits ---- */

typedef enum ad_split { AD_TRAIN, AD_VAL, AD_TEST, AD_SPLIT_COUNT } ad_split;

AD_API const char *ad_split_name(ad_split s);                        /* "train", "val", "test" */
AD_API AD_CHECKED ad_status ad_split_parse(ad_error *e, const char *name, ad_split *out);
/* The part that a patient belongs to when nobody made a split: a hash of (seed, patient) against fixed fractions. Adding or
 * removing patients never moves another one. */
AD_API ad_split ad_split_of_patient(uint64_t seed, int64_t patient, double val_fraction, double test_fraction);

/* ---- items ---- */

#define AD_ITEM_NAME 48

/* One image with the masks of all its readers. Rows from the top, columns from the left. An empty mask is a reader's answer. */
typedef struct ad_item {
    int height, width, readers;
    uint8_t *image;             /* [height, width] */
    uint8_t *masks;             /* [readers, height, width], labels 0..classes-1 */
    int64_t patient;
    char name[AD_ITEM_NAME];    /* for messages and files: "lidc_0231_n1_s14" */
} ad_item;

/* ---- sources ---- */

/* One kind of data set: datasets/NAME.c holds the descriptor ad_source_NAME, datasets/local.mk the list. */
typedef struct ad_source {
    const char *name;
    const char *doc;            /* one line */
    bool folder;                /* needs a folder or file of the user's */
    const ad_attr *options;     /* ended by an entry without name */
    size_t options_size;        /* of the struct that the options fill */
    /* `folder` is NULL where the source needs none. Leaves its state in *out, on failure nothing. */
    ad_status (*open)(ad_error *e, const char *folder, const void *options, void **out);
    void (*close)(void *state);
    void (*size)(const void *state, int *height, int *width, int *readers, int *classes);
    int64_t (*count)(const void *state, ad_split split);
    /* Fills the item, whose arrays have the size above. Called by several threads at once. */
    ad_status (*read)(ad_error *e, void *state, ad_split split, int64_t i, ad_item *item);
    /* Adds all that was read, or NULL where name and options say everything. */
    void (*digest)(const void *state, ad_sha256 *sum);
    /* Masks of n further readers first.. of the item, drawn from the law that made it; NULL where that law is not known. */
    ad_status (*draw)(ad_error *e, void *state, ad_split split, int64_t i, int first, int n, uint8_t *masks);
} ad_source;

AD_API extern const ad_source *const ad_sources[];                   /* ended by NULL */
AD_API const ad_source *ad_source_find(const char *name);            /* NULL if there is none */

typedef struct ad_dataset ad_dataset;

/* `folder` may be NULL where the source needs none. Options as in the source's table; what is not given takes its default. */
AD_API AD_CHECKED ad_status ad_dataset_open(ad_error *e, const char *source, const char *folder, int n_options,
                                            const ad_attr_value *options, ad_dataset **out);
AD_API void ad_dataset_free(ad_dataset *d);
AD_API const ad_source *ad_dataset_source(const ad_dataset *d);
AD_API const char *ad_dataset_folder(const ad_dataset *d);           /* NULL if it has none */
AD_API void ad_dataset_size(const ad_dataset *d, int *height, int *width, int *readers, int *classes);   /* each may be NULL */
AD_API int64_t ad_dataset_count(const ad_dataset *d, ad_split split);
/* SHA-256 of what was read; false, and nothing written, for data that are made and not read. */
AD_API bool ad_dataset_digest(const ad_dataset *d, char hex[65]);

/* Buffers for the items of this data set; any number of reads into one item. */
AD_API AD_CHECKED ad_status ad_item_init(ad_error *e, ad_item *item, const ad_dataset *d);
AD_API void ad_item_fini(ad_item *item);
AD_API AD_CHECKED ad_status ad_dataset_read(ad_error *e, ad_dataset *d, ad_split split, int64_t i, ad_item *item);
/* masks [n, height, width] of further readers first.. of item i (AD_EUSAGE where the source knows no law). Readers 0..readers-1
 * are those of the item itself; fresh ones begin at 1000. */
AD_API AD_CHECKED ad_status ad_dataset_draw(ad_error *e, ad_dataset *d, ad_split split, int64_t i, int first, int n, uint8_t *masks);

/* ---- between an item and a network of another size ---- */

/* AD_CROP takes the central window, where everything outside counts as background afterwards; AD_RESIZE scales the whole image
 * (bilinear, pixel centres at half integers, edges repeated) and labels by the nearest pixel. */
typedef enum ad_fit { AD_CROP, AD_RESIZE } ad_fit;

AD_API AD_CHECKED ad_status ad_fit_parse(ad_error *e, const char *name, ad_fit *out);     /* "crop", "resize" */
/* Refuses a crop that is larger than the item. */
AD_API AD_CHECKED ad_status ad_fit_check(ad_error *e, ad_fit fit, int item_height, int item_width, int height, int width);
/* x [height, width] = image / 255 - 0.5. */
AD_API void ad_fit_image(ad_fit fit, const ad_item *item, int height, int width, float *x);
/* y [height, width] of one reader's mask. */
AD_API void ad_fit_mask(ad_fit fit, const ad_item *item, int reader, int height, int width, uint8_t *y);
/* An item seen otherwise, as training shows it: turned to the left by `degrees` and enlarged by `zoom` about the middle of the window,
 * which lies `moved` pixels of the item down and right of its place. Beyond its edge the image repeats the edge and is background. */
typedef struct ad_view {
    double moved[2], degrees, zoom;
} ad_view;
/* x [height, width] and y [height, width], as ad_fit_image and ad_fit_mask give them. */
AD_API void ad_view_image(ad_fit fit, const ad_item *item, const ad_view *view, int height, int width, float *x);
AD_API void ad_view_mask(ad_fit fit, const ad_item *item, int reader, const ad_view *view, int height, int width, uint8_t *y);
/* The way back to the item's grid, on which scores are taken: labels [height, width] to [item_height, item_width], probabilities
 * [height, width, classes] likewise (outside of a crop: certainly background). */
AD_API void ad_unfit_labels(ad_fit fit, int height, int width, const uint8_t *labels, int item_height, int item_width, uint8_t *out);
AD_API void ad_unfit_probabilities(ad_fit fit, int height, int width, int classes, const float *p, int item_height, int item_width,
                                   float *out);

/* ---- what published pipelines do to images and label maps, [height, width] (transform.c has the formulas) ---- */

AD_API void ad_window(int64_t n, const float *x, double lo, double hi, float *y);      /* held in [lo, hi], then (x - lo) / (hi - lo) */
/* `turns` quarter turns to the left, then mirrored along axis `flip` (0: rows, 1: columns, -1: not). Odd turns swap the sizes. */
AD_API void ad_turn(int height, int width, const float *x, int turns, int flip, float *y);
AD_API void ad_rotate(int height, int width, const float *x, double degrees, float *y);   /* about the middle; nearest pixel, 0 outside */
/* To out_height x out_width with the end points kept; order 0: nearest, 1: linear, 3: cubic spline. AD_EUSAGE for others. */
AD_API AD_CHECKED ad_status ad_zoom(ad_error *e, int height, int width, const float *x, int order, int out_height, int out_width, float *y);
AD_API void ad_spline_coefficients(int height, int width, const float *x, double *c);     /* of the cubic spline through the pixels */

/* ---- loader ---- */

typedef struct ad_loader_options {
    ad_split split;
    int batch;
    int height, width;     /* of the network's input; 0: of the items */
    ad_fit fit;
    int reader;            /* whose mask is the label: AD_READER_RANDOM draws one per item and step, AD_READER_MEAN: all; else 0..readers-1 */
    bool flips;            /* mirrored left-right with probability 1/2 */
    bool turns;            /* turned by 0, 90, 180 or 270 degrees (0 or 180 where height != width) */
    int shift;             /* moved by -shift..shift pixels of the item along each axis */
    double rotate, zoom;   /* turned by -rotate..rotate degrees; enlarged or made smaller by a factor of up to zoom (0 or 1: not) */
    bool no_shuffle;       /* items in their order, not a new permutation for every epoch */
    uint64_t seed;
    int64_t first_step;    /* the step of the first batch: where a resumed run goes on */
} ad_loader_options;

#define AD_READER_RANDOM (-1)
#define AD_READER_MEAN (-2)

/* One batch; valid until the next call of ad_loader_next on its loader. Item b of step s is number s * batch + b of the endless
 * row of permutations of the split, so every epoch shows every item once. */
typedef struct ad_batch {
    int64_t step;
    int size, height, width, classes;
    const float *x;                        /* [size, height, width, 1] */
    const int32_t *labels;                 /* [size, height, width]; of the mean of all readers, the class that most of them drew */
    const float *onehot;                   /* [size, height, width, classes]; of the mean, the share of the readers that drew the class */
    const char (*names)[AD_ITEM_NAME];     /* [size] */
    const int *reader;                     /* [size]: whose mask it is */
} ad_batch;

typedef struct ad_loader ad_loader;

/* The data set must outlive the loader. Starts the thread that prepares batch n + 1 while the caller works on batch n. */
AD_API AD_CHECKED ad_status ad_loader_new(ad_error *e, ad_dataset *borrowed, const ad_loader_options *options, ad_loader **out);
AD_API void ad_loader_free(ad_loader *l);
AD_API AD_CHECKED ad_status ad_loader_next(ad_error *e, ad_loader *l, ad_batch *out);
/* The same batch made at once in the calling thread, for looking at any step; valid until the next call on this loader. */
AD_API AD_CHECKED ad_status ad_loader_at(ad_error *e, ad_loader *l, int64_t step, ad_batch *out);

#ifdef __cplusplus
}
#endif
#endif
