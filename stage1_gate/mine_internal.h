/* stage1_gate/mine_internal.h - between the files of the miner. */
#ifndef STAGE1_GATE_MINE_INTERNAL_H
#define STAGE1_GATE_MINE_INTERNAL_H

#include "stage1_gate/mine.h"

double gate_mine_dot(const float *a, const float *b, size_t n);

/* Look at n images with embeddings v [n,dims] of length 1; agreement is
 * left as it is. Parallel. */
void gate_mine_bank_neighbourhood(
    const struct gate_mine_bank *bank, const float *v, size_t n,
    struct gate_mine_neighbourhood *neighbourhood);

/* --- order of candidates (mine_order.c) --- */

struct gate_mine_candidate {
    double key; /* the larger the earlier; then the smaller item */
    double z;   /* 0 where scores are unknown */
    uint32_t item;
};
/* The first `max` candidates of the pool by opt->mode, in order: *n of them
 * in a block of nn_mem. behind: only those that come after it, or NULL.
 * Holds no more than that many at a time.
 * Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status gate_mine_order(
    const struct gate_mine_scores *scores, const struct gate_mine_options *opt,
    double temperature, const struct gate_mine_candidate *behind, size_t max,
    struct gate_mine_candidate **out, size_t *n, struct nn_error *err);
/* Of n candidates in the order of GATE_MINE_HARD or _UNCERTAIN, how many are
 * drawn from. */
size_t gate_mine_drawn_from(const struct gate_mine_options *opt, size_t n);
/* Images with a score of z or more, and those without one. */
NN_MUST_CHECK enum nn_status
gate_mine_count(const struct gate_mine_scores *scores, double z, size_t *above,
                size_t *unreadable, struct nn_error *err);
/* The logit, before the temperature, of a probability. */
double gate_mine_logit_of(double p, double temperature);

/* What is over a cap is accepted, in order, until `want` are hard. */
void gate_mine_yield_caps(struct gate_mine_result *out, size_t want);

/* Ask, or 0 for all where there is nobody to ask. */
NN_MUST_CHECK enum nn_status
gate_mine_second_scores(const struct gate_mine_second_scorer *o,
                        const struct nn_dataset *ds, const uint32_t *index,
                        size_t n, struct gate_mine_neighbourhood *neighbourhood,
                        struct nn_error *err);

#endif /* STAGE1_GATE_MINE_INTERNAL_H */
