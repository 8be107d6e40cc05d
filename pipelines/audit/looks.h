/* pipelines/audit/looks.h - which unit to look at next, and what the looks so
 * far prove.
 *
 * Units (photos, or bursts that are looked at as one) are ordered by score.
 * A person looks at the top ones first, then at draws from the rest; after
 * every answer the rule below says whether a top unit or a draw is the better
 * next look. What is proved holds whatever the scores are worth and whenever
 * the person stops: see nn_draw in common/eval/sampling.h and docs/audit.md.
 *
 * The page of an audit makes the same choices in JavaScript (looks.js), so
 * this uses + - * / sqrt and comparisons of doubles alone: they give the same
 * bits in both. */
#ifndef PIPELINES_AUDIT_LOOKS_H
#define PIPELINES_AUDIT_LOOKS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/eval/sampling.h"

enum audit_answer {
    AUDIT_UNSEEN,
    AUDIT_NONE,
    AUDIT_POSITIVE,
    AUDIT_UNSURE, /* counts as a positive that was not found */
};

struct audit_unit {
    double expected; /* share of such units that are positive: a guess */
    double clock;    /* > 0, drawn from the exponential distribution, mean 1 */
    double value;    /* what it counts: 1, or the photos of a burst */
};

#define AUDIT_TILT 0.5

struct audit_goal {
    double recall, confidence; /* in (0,1) */
    double tilt; /* >= 0: how much more often draws take what scores higher;
                    0: evenly. AUDIT_TILT is good for most piles. */
};

/* What can be said after some looks. */
struct audit_state {
    size_t n_top, n_draws;       /* looks of either kind */
    double found, unsure, known; /* values; known = found + unsure */
    double unseen;               /* values not looked at */
    double expected; /* all positives, unsure ones too: what the draws make
                        likely (mean of the unbiased guess of each draw), not
                        below known; 0 before the first draw if none known */
    double upper;    /* bound of the same number */
    double recall;   /* found / upper; 1 when upper is 0 */
    int reached;     /* recall >= the goal's */
};

struct audit_looks;

/* unit [n], by falling score, n >= 1; borrowed for the life of the object.
 * Errors: NN_ERR_ARG (n is 0 or above 2^31, a clock or value not above 0, a
 * share out of range), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status audit_looks_create(const struct audit_unit *unit,
                                                size_t n,
                                                const struct audit_goal *goal,
                                                struct audit_looks **out,
                                                struct nn_error *err);
void audit_looks_destroy(struct audit_looks **looks);
/* From the next look on, unit i is expected to be positive with the share
 * expected[i] in [0,1], [n], and the top is ordered by it. May be called after
 * any answers, with any shares that follow from what was seen so far: what is
 * proved stays true. Errors: NN_ERR_ARG (a share out of range). */
NN_MUST_CHECK enum nn_status audit_looks_revise(struct audit_looks *looks,
                                                const double *expected,
                                                struct nn_error *err);

/* The unit to look at next, or n when all were seen. is_draw may be NULL. */
size_t audit_looks_next(struct audit_looks *a, int *is_draw);
/* Its answer, not AUDIT_UNSEEN. */
NN_MUST_CHECK enum nn_status audit_looks_put(struct audit_looks *a,
                                             enum audit_answer answer,
                                             struct nn_error *err);
/* What the answers so far prove. Costs time in proportion to the draws. */
void audit_looks_state(const struct audit_looks *a, struct audit_state *out);
/* Only: is the goal reached? Cheaper than the state. */
int audit_looks_reached(const struct audit_looks *a);
/* The draws so far, *n of them; the array is valid until the next answer. */
const struct nn_draw *audit_looks_draws(const struct audit_looks *a, size_t *n);
enum audit_answer audit_looks_answer(const struct audit_looks *a, size_t unit);

#endif /* PIPELINES_AUDIT_LOOKS_H */
