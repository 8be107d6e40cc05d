/* pipelines/trial.h - what compare, sweep and mine --study share: option words
 * for child_train(), the test pictures, and the scores of a trained model. */
#ifndef PIPELINES_TRIAL_H
#define PIPELINES_TRIAL_H

#include "common/base/options.h"
#include "pipelines/model.h"

/* --- option words --- */

struct trial_words {
    const char **v; /* [n] */
    size_t n, cap;
    char **own; /* [n_own] those that were made here */
    size_t n_own, cap_own;
    int failed; /* 1: out of memory, words are missing */
};
#define TRIAL_WORDS_INIT                                                       \
    {                                                                          \
        NULL, 0, 0, NULL, 0, 0, 0                                              \
    }
/* name, and value unless it is NULL; both are kept by pointer. */
void trial_add(struct trial_words *w, const char *name, const char *value);
/* name and a number. */
void trial_add_number(struct trial_words *w, const char *name,
                      unsigned long long value);
/* "--name=value" for each "name=value" or "--name=value" of a list. */
void trial_add_with(struct trial_words *w, const struct nn_option_list *with);
void trial_words_release(struct trial_words *w);

/* child_train() with these words. Errors: as there, NN_ERR_NOMEM when a word
 * is missing. */
NN_MUST_CHECK enum nn_status trial_train(const char *data, const char *dir,
                                         const struct trial_words *w,
                                         int threads, char **command,
                                         struct nn_error *err);

/* --- test pictures --- */

struct trial_test {
    uint32_t *index; /* items of the test split */
    uint8_t *positive;
    uint8_t *ok; /* 0: some net could not read it; left out of all figures */
    size_t n, n_positives, n_negatives; /* of those with ok, the last two */
};
/* Errors: NN_ERR_ARG (no positives or no negatives), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status trial_test_init(const struct nn_dataset *ds,
                                             struct trial_test *t,
                                             struct nn_error *err);
void trial_test_release(struct trial_test *t);
/* Count again after ok has changed. */
void trial_test_count(struct trial_test *t);

/* p[i] = p_bear of pictures index[0..n-1]; ok[i] becomes 0 where one could not
 * be read. Errors: as cascade_score(). */
NN_MUST_CHECK enum nn_status trial_score(const struct model *m,
                                         const struct nn_dataset *ds,
                                         const uint32_t *index, size_t n,
                                         const char *label, double *p,
                                         uint8_t *ok, struct nn_error *err);

#endif /* PIPELINES_TRIAL_H */
