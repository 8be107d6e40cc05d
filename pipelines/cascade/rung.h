/* pipelines/cascade/rung.h - cheap nets in front of the gate.
 *
 * A gate may be a ladder: rungs 1..R, each a gate net of its own with a smaller
 * input (stage1_gate/gate.h), the cheapest first, and then the gate itself.
 * With p_i the probability of a positive that rung i gives and r_i its
 * threshold, the first rung with p_i < r_i rejects the image, and no later net
 * sees it; the rest come to the gate. What the rungs reject is told by one
 * number together with what the gate says, so that everything behind them
 * decides and ranks as if there were one gate of threshold t1:
 *
 *     g = min(1, t1 / r_i) p_i    where rung i rejects: g < t1
 *     g = the gate's probability  where none does
 *
 * The input of a rung is a view of the gate's input (common/net/tta.h), so that
 * an image is decoded and fitted once, in the rung's own normalisation. A
 * cascade of classifiers that each reject and pass on is that of Viola and
 * Jones (2001). */
#ifndef PIPELINES_CASCADE_RUNG_H
#define PIPELINES_CASCADE_RUNG_H

#include <jansson.h>

#include "common/net/net.h"

enum { RUNGS_MAX = 3 };

struct rung {
    struct nn_net *net;
    double threshold; /* r_i */
    /* Shares of the validation positives and negatives that this rung and those
     * before it hand on. */
    double recall, fpr;
};

struct rungs {
    size_t n;
    struct rung v[RUNGS_MAX];
};

/* g above of an image that a rung rejects. It is below gate_threshold > 0 for
 * every p < threshold, whatever rounding does; NaN for a p that is NaN. */
double rung_score(double gate_threshold, double threshold, double p);

void rungs_release(struct rungs *r);
/* Nets as "rung1.", "rung2.", ... and metadata "rungs", a JSON array of
 * threshold, recall and fpr; nothing where there are none. What a rung shares
 * with the gate's net, which was saved as "gate.", is not stored again.
 * Errors: those of nn_net_save(). */
NN_MUST_CHECK enum nn_status rungs_save(struct nn_st_writer *w,
                                        const struct rungs *r,
                                        const struct nn_net *gate,
                                        enum nn_dtype dtype,
                                        struct nn_error *err);
/* Errors: NN_ERR_FORMAT (more than RUNGS_MAX, a number out of its range, a net
 * that is no gate or has a larger input than the gate), those of
 * nn_net_load(). Release afterwards, on failure too. */
NN_MUST_CHECK enum nn_status rungs_load(const struct nn_st_file *f,
                                        const struct nn_net *gate,
                                        struct rungs *r, struct nn_error *err);
/* [{"threshold": .., "recall": .., "fpr": ..}, ...]; NULL: out of memory. */
json_t *rungs_json(const struct rungs *r);
/* Multiply-adds of an image for the whole ladder, gate included, of which
 * `positive` are positives: each net times the share of images that reach it.
 */
double rungs_macs(const struct rungs *r, const struct nn_net *gate,
                  double positive);

#endif /* PIPELINES_CASCADE_RUNG_H */
