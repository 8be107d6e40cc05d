/* pipelines/clean/clean.h - what is probably wrong in a labelled data set.
 *
 * suspects    photos by falling doubt (doubt.h)
 * duplicates  near-duplicates under another label, or in another split
 * damaged     files that cannot be read */
#ifndef PIPELINES_CLEAN_CLEAN_H
#define PIPELINES_CLEAN_CLEAN_H

#include "common/data/dataset.h"
#include "common/data/decisions.h"
#include "common/data/feature_rows.h"
#include "pipelines/clean/doubt.h"

struct clean_options {
    const struct nn_net *net;        /* its classifier is not used */
    struct nn_feature_options views; /* view 0 */
    int folds;
    uint64_t seed;          /* of folds and of the sample */
    const uint8_t *decided; /* [ds->n] 1: a person has decided on it already,
                               it is not listed again; or NULL */
    size_t most; /* suspects to list; 0: CLEAN_SHARE of the photos, at least
                    CLEAN_LEAST_LISTED, at most CLEAN_MOST_LISTED */
};
#define CLEAN_SHARE      0.05
#define CLEAN_CONFIDENCE 0.95
enum {
    CLEAN_LEAST_LISTED = 50,
    CLEAN_MOST_LISTED = 500,
    CLEAN_MOST_PAIRS = 200,
    CLEAN_MOST_DAMAGED = 1000, /* on the page; the list has all */
    CLEAN_SAMPLE = 50
};

struct clean_pair {
    uint32_t item, twin;
    int conflict; /* 1: another label, 0: another split */
};
struct clean_findings {
    const struct nn_dataset *ds;
    size_t n, n_outputs;   /* readable photos that were judged; labels */
    int32_t negatives;     /* output of the negatives, or -1 */
    uint32_t *item;        /* [n] */
    int32_t *fold;         /* [n] */
    struct clean_doubt *d; /* [n] */
    uint32_t *order;       /* [n] rows by falling doubt */
    size_t n_listed;       /* of them, those that are listed */
    size_t n_sample;  /* of those, drawn evenly: the first to be looked at */
    uint8_t *sampled; /* [n] by row */
    struct clean_pair *pair;
    size_t n_pairs, cap_pairs;
    uint32_t *damaged; /* items */
    size_t n_damaged;
};

/* Judge the photos of ds, which has groups. Errors: NN_ERR_ARG (one label
 * alone), those of nn_features_of_items() and clean_crossfit(). Release also
 * after an error. */
NN_MUST_CHECK enum nn_status clean_find(const struct nn_dataset *ds,
                                        const struct clean_options *o,
                                        struct clean_findings *f,
                                        struct nn_error *err);
void clean_findings_release(struct clean_findings *f);

/* The name of an output: a class, or "none". */
const char *clean_output_name(const struct clean_findings *f, int32_t output);
/* Write DIR/clean.html and DIR/ranking.jsonl, a row for each photo that was
 * judged by falling doubt: {"file","hash","split","label","suggested",
 * "p_label","p_suggested","outlier","flat","doubt","fold"}. Errors: NN_ERR_IO,
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status clean_write(const struct clean_findings *f,
                                         const char *dir, struct nn_error *err);

/* What a sample says of the photos listed (page.js says the same). */
struct clean_statement {
    size_t listed, sample, seen, wrong; /* seen, wrong: of the sample */
    size_t looked_at, wrong_in_all;     /* all suspects that were decided on */
    size_t at_least; /* of those listed, wrong with CLEAN_CONFIDENCE; SIZE_MAX
                        until all of the sample were looked at */
};
/* From the rows and the head of decisions that the page saved. Errors:
 * NN_ERR_FORMAT (not of the page: no "listed" and "sample"). */
NN_MUST_CHECK enum nn_status clean_state(const struct nn_decisions *d,
                                         struct clean_statement *s,
                                         struct nn_error *err);

#endif /* PIPELINES_CLEAN_CLEAN_H */
