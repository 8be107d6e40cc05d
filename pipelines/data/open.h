/* pipelines/data/open.h - open what the user named: folders, archives,
 * manifests, rendered and joined data. */
#ifndef PIPELINES_DATA_OPEN_H
#define PIPELINES_DATA_OPEN_H

#include "common/data/dataset.h"
#include "common/data/pool.h"

/* Sources of images other than files: rendered data ("synth:..."). */
extern const struct nn_generator *const data_generators[];

/* Shares of data without splits. */
#define DATA_VALID_SHARE 0.15
#define DATA_TEST_SHARE  0.15

/* How labelled data are opened. */
struct data_options {
    uint64_t seed;                          /* of splits */
    struct nn_word_list classes, negatives; /* as in nn_dataset_options */
    int must_exist;
    int no_class_needed; /* 1: negatives alone are fine */
    int all_negative;    /* 1: a pool (dataset.h), every image a negative */
    int lists_bad; /* 1: the caller lists what cannot be read: no warning */
    const char *split_file; /* split_file.h, or NULL */
    const char *decisions;  /* decisions.h, or NULL */
};

/* Open labelled data for training or measuring: opens, fingerprints, groups
 * near-duplicates, gives each photo its split, and warns of unreadable files
 * and leaks. Splits are drawn (nn_dataset_split_rest()) where the source names
 * none, or train alone; where it names a train part and no valid part, a share
 * of train is held out. A split file comes before all that: only images without
 * a row are drawn, or keep the split of the source. Decisions come last, so
 * that they move no photo from its split. All is said. Errors: those of
 * nn_dataset_open(), nn_split_file_read(), nn_decisions_read() and
 * nn_decisions_apply(). */
NN_MUST_CHECK enum nn_status data_open(const char *path,
                                       const struct data_options *how,
                                       struct nn_dataset **out,
                                       struct nn_error *err);
/* Folders, archives and rendered data alike, without labels. */
NN_MUST_CHECK enum nn_status
data_open_pool(const char *path, struct nn_dataset **out, struct nn_error *err);
/* The same of any size, a window at a time. */
NN_MUST_CHECK enum nn_status data_open_pools(const char *const *paths, size_t n,
                                             struct nn_pool **out,
                                             struct nn_error *err);

#endif /* PIPELINES_DATA_OPEN_H */
