/* pipelines/piles/samples.h - what a page tells of a pile of any size: counts,
 * a histogram, and a few photos of each kind. */
#ifndef PIPELINES_PILES_SAMPLES_H
#define PIPELINES_PILES_SAMPLES_H

#include "common/base/rng.h"
#include "pipelines/piles/pile_rows.h"

enum { PILE_BINS = 50, PILE_SAMPLES = 24, PILE_GROUPS = 30, PILE_ERRORS = 20 };

struct pile_sample {
    char *file;
    size_t row; /* which one it was, from 0 */
    char *label;
    double p, best; /* p_positive; of the label, or -1 */
};
struct pile_group {
    char *label;
    int is_class;
    size_t n; /* rows of that label */
    struct pile_sample v[PILE_SAMPLES];
    size_t kept;
    struct nn_rng rng;
};
enum pile_kind { PILE_NONE, PILE_UNKNOWN, PILE_CLASS, PILE_KINDS };
struct pile_summary {
    size_t n, n_errors; /* rows with a verdict, and without */
    size_t bins[PILE_KINDS][PILE_BINS];
    double none_max;  /* largest p_positive of none; -1: there is none */
    double other_min; /* smallest of the others; 2: there are none */
    struct pile_group group[PILE_GROUPS]; /* random photos of the labels that
                                             came first */
    size_t n_groups, n_others;            /* others: rows of further labels */
    struct pile_group below; /* rejected, the largest p_positive first */
    struct pile_group above; /* not rejected, the smallest first */
    char *error_file[PILE_ERRORS], *error[PILE_ERRORS];
};

/* All rows. Which photos are shown depends on the rows alone. Errors: those of
 * pile_rows_next(). Release also after an error; it takes 100 kB, so it is
 * better not on a stack. */
NN_MUST_CHECK enum nn_status pile_summarise(struct pile_rows *rows,
                                            struct pile_summary *s,
                                            struct nn_error *err);
void pile_summary_release(struct pile_summary *s);

#endif /* PIPELINES_PILES_SAMPLES_H */
