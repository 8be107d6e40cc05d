/* pipelines/experiment/experiment.h - what compare, sweep and mine --study
 * share: option words for subprocess_train(), the test images, and the scores
 * of a trained model. */
#ifndef PIPELINES_EXPERIMENT_EXPERIMENT_H
#define PIPELINES_EXPERIMENT_EXPERIMENT_H

#include "common/base/options.h"
#include "pipelines/cascade/cascade.h"
#include "pipelines/data/open.h"

/* --- option words --- */

struct experiment_words {
    const char **v; /* [n] */
    size_t n, cap;
    char **own; /* [n_own] those that were made here */
    size_t n_own, cap_own;
    int failed; /* 1: out of memory, words are missing */
};
#define EXPERIMENT_WORDS_INIT                                                  \
    {                                                                          \
        NULL, 0, 0, NULL, 0, 0, 0                                              \
    }
/* name, and value unless it is NULL; both are kept by pointer. */
void experiment_add(struct experiment_words *w, const char *name,
                    const char *value);
/* name and a number. */
void experiment_add_number(struct experiment_words *w, const char *name,
                           unsigned long long value);
/* "--name=value" of "name=value" or "--name=value". */
void experiment_add_option(struct experiment_words *w, const char *option);
/* The same of each in a list. */
void experiment_add_with(struct experiment_words *w,
                         const struct nn_option_list *with);
/* The value that a list of "name=value" or "--name=value" gives an option, the
 * last one of several, "" without one; NULL: it is not given. */
const char *experiment_with_value(const struct nn_option_list *with,
                                  const char *name);
/* How the data are to be read: --split-seed, --class and the like. */
void experiment_add_data(struct experiment_words *w,
                         const struct data_options *how);
void experiment_words_release(struct experiment_words *w);

/* subprocess_train() with these words. Errors: as there, NN_ERR_NOMEM when a
 * word is missing. */
NN_MUST_CHECK enum nn_status experiment_train(const char *data, const char *dir,
                                              const struct experiment_words *w,
                                              int threads, char **command,
                                              struct nn_error *err);

/* --- test images --- */

struct experiment_test {
    uint32_t *index; /* items of the test split */
    uint8_t *positive;
    uint8_t *ok; /* 0: some net could not read it; left out of all figures */
    size_t n, n_positives, n_negatives; /* of those with ok, the last two */
};
/* Errors: NN_ERR_ARG (no positives or no negatives), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status experiment_test_init(const struct nn_dataset *ds,
                                                  struct experiment_test *t,
                                                  struct nn_error *err);
void experiment_test_release(struct experiment_test *t);
/* Count again after ok has changed. */
void experiment_test_count(struct experiment_test *t);

/* What the runs' nets see of images is kept where their trainings keep it: runs
 * with one frozen trunk look at each image once. The folder (nn_mem_free()), or
 * NULL: nothing is kept. */
char *experiment_feature_dir(const struct nn_option_list *with);
/* 1: c keeps them there; 0: no folder, or a MobileNetV4, whose weights are
 * trained. */
int experiment_keep_features(struct cascade *c, const struct model *m,
                             const char *dir);

/* p[i] = p_positive of images index[0..n-1]; ok[i] becomes 0 where one could
 * not be read. with: options of the run, for experiment_feature_dir(). Errors:
 * as cascade_score(). */
NN_MUST_CHECK enum nn_status
experiment_score(const struct model *m, const struct nn_dataset *ds,
                 const uint32_t *index, size_t n,
                 const struct nn_option_list *with, const char *label,
                 double *p, uint8_t *ok, struct nn_error *err);

#endif /* PIPELINES_EXPERIMENT_EXPERIMENT_H */
