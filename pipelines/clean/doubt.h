/* pipelines/clean/doubt.h - which photos are worth a second look.
 *
 * Three views, added:
 *   label    log of p(likeliest other label) / p(given label) by heads that
 *            never saw the photo (crossfit.h), within -CLEAN_LOG_MOST and
 *            CLEAN_LOG_MOST: the photo shows something else
 *   outlier  how far it lies from its own class: 1 - the mean cosine to the
 *            CLEAN_NEIGHBOURS nearest photos of its class outside its own
 *            near-duplicate group
 *   flat     how much of it is even (flat.h): drawn, printed, cut out
 * The last two are counted from the median of the class in units of 1.4826
 * times its median absolute deviation (of which CLEAN_LEAST_SPREAD is the
 * least), up to CLEAN_FAR_MOST. Negatives have no common look: theirs are 0,
 * and so are those of a class with fewer photos than CLEAN_LEAST.
 *     doubt = outlier + CLEAN_FLAT_WEIGHT flat + CLEAN_LABEL_WEIGHT label
 * Measured in docs/cleaning.md. */
#ifndef PIPELINES_CLEAN_DOUBT_H
#define PIPELINES_CLEAN_DOUBT_H

#include "pipelines/clean/crossfit.h"

#define CLEAN_LOG_MOST     8.0
#define CLEAN_LABEL_WEIGHT 0.5
#define CLEAN_FLAT_WEIGHT  0.5
#define CLEAN_FAR_MOST     12.0
#define CLEAN_LEAST_SPREAD 1e-3
enum { CLEAN_NEIGHBOURS = 30, CLEAN_LEAST = 20, CLEAN_REFERENCES = 4096 };

struct clean_doubt {
    double label, outlier, flat, doubt;
    int32_t other; /* the likeliest other label, -1: none */
    float p_given, p_other;
    int judged; /* 0: no head knew its label (all photos of it are in one
                   fold); all is 0 then but outlier */
};

/* d [n] from p [n,outputs] and fold [n] of clean_crossfit(), and flat [n] or
 * NULL. negatives: the
 * output of the negatives, or -1. Of a class with more than CLEAN_REFERENCES
 * photos every m-th is a neighbour. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status clean_doubts(const struct clean_rows *rows,
                                          const float *p, const int32_t *fold,
                                          const float *flat, int32_t negatives,
                                          struct clean_doubt *d,
                                          struct nn_error *err);

#endif /* PIPELINES_CLEAN_DOUBT_H */
