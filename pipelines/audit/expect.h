/* pipelines/audit/expect.h - from a model's probabilities to the share of
 * positives that a pile of other mixture should have at each score. */
#ifndef PIPELINES_AUDIT_EXPECT_H
#define PIPELINES_AUDIT_EXPECT_H

#include <stddef.h>

/* p [n]: probabilities of a model whose training photos were half positives.
 * The pile's share q of positives is the fixed point of q = mean of
 *     p_i' = p_i q / (p_i q + (1 - p_i) (1 - q))
 * (Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier
 * to new a priori probabilities", 2002); out [n] gets p_i', but never less
 * than 1 / (2 n): a score is no proof. Returns q. Only the number of looks
 * depends on how good this guess is, no statement does. */
double audit_expect(const double *p, size_t n, double *out);

#endif /* PIPELINES_AUDIT_EXPECT_H */
