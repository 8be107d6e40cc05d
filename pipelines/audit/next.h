/* pipelines/audit/next.h - the answers re-rank what is left. */
#ifndef PIPELINES_AUDIT_NEXT_H
#define PIPELINES_AUDIT_NEXT_H

#include <signal.h>

#include "common/net/net.h"
#include "pipelines/audit/answers.h"

struct audit_next {
    size_t positives, nones; /* answers that it was fitted on */
    double expected;         /* positives among what is left */
};

/* What the answers teach: units with their features and scores. */
struct audit_lesson {
    size_t n, dims;
    const float *x;              /* [n,dims] */
    const double *p;             /* [n] score, a probability */
    const uint8_t *ok;           /* [n] 0: there are no features */
    const unsigned char *answer; /* [n] enum audit_answer */
};
/* p[i], [n]: the probability that unit i is positive, were half of all units
 * positive; its score where it has no features. By a logistic regression
 * (common/train/logistic.h) on features and the log-odds of the scores, which
 * count as an eighth of all features; each answer's weight makes both kinds
 * half. "Not sure" teaches nothing. Errors: NN_ERR_STOPPED, those of
 * nn_logistic_fit(). */
NN_MUST_CHECK enum nn_status audit_learn(const struct audit_lesson *l,
                                         const volatile sig_atomic_t *stop,
                                         double *p, struct nn_error *err);

/* audit_learn() on the features that the trunk of `net` gives the photos. What
 * it says of the units that are left, moved to their mixture (expect.h),
 * becomes a revision of the plan (revisions.h). A burst is its photo with the
 * highest score.
 *
 * Errors: NN_ERR_ARG (fewer than AUDIT_NEXT_MIN answers of either kind, none
 * since the last revision), NN_ERR_STOPPED, those of nn_features_of_items()
 * and audit_learn(). */
enum { AUDIT_NEXT_MIN = 3 };
NN_MUST_CHECK enum nn_status
audit_next(struct audit_plan *plan, const struct audit_result *r,
           const struct nn_net *net, const volatile sig_atomic_t *stop,
           struct audit_next *out, struct nn_error *err);

#endif /* PIPELINES_AUDIT_NEXT_H */
