/* pipelines/mine/species_rounds.h - rounds of mining for a species net that may
 * say none.
 *
 * The gate's rounds (stage1_gate/rounds.h) find what passes the gate. One round
 * here finds what passes both stages: the pool is shown to the whole cascade,
 * what it accepts is chosen from by the rules of gate_mine_choose(), and the
 * species net is trained anew with that among its none. Gate and rungs stay;
 * thresholds are chosen anew. Nothing is looked for below the thresholds, so
 * that a round may take nothing.
 *
 * The new net stays when on the validation images, each with its own
 * thresholds,
 *   - the cascade accepts no more negatives than before, and
 *   - it does not name fewer positives rightly beyond chance
 *     (gate_rounds_fell()),
 * or in any case where the rounds are to be kept. Rounds end when the
 * false-positive rate stops falling by gate_rounds_fell(), when a target is
 * certified, or when nothing can be taken. */
#ifndef PIPELINES_MINE_SPECIES_ROUNDS_H
#define PIPELINES_MINE_SPECIES_ROUNDS_H

#include "pipelines/mine/train_rounds.h"

/* Trains m's species net on what `extra` ([ds->n] enum species_extra) says of
 * the data set's negatives, as `task`, and chooses the thresholds of both
 * stages. m->species is NULL before. */
typedef enum nn_status species_round_fit_fn(void *ctx, const char *task,
                                            const uint8_t *extra,
                                            struct model *m,
                                            struct nn_train_result *result,
                                            struct nn_error *err);

struct species_rounds {
    const struct train_rounds *how; /* species, pool, top, share, the rule, keep
                                       and max_fpr */
    /* Where features are kept that the gate, or the species net, shares with
     * others; NULL: nowhere. */
    const char *gate_features, *species_features;
    uint64_t seed;
    species_round_fit_fn *fit;
    void *ctx; /* of it */
};

/* Rounds on ds, which grows, behind m, whose nets and thresholds are set; its
 * species net and thresholds are replaced by the best, *result with them.
 * *extra, a block of nn_mem, grows with ds. Photos of no class in it
 * (SPECIES_UNKNOWN) count as positives of the rule for possible positives.
 * run->dir gets scores-species.bin, mined-species-R.jsonl,
 * mined-species-R.html and round-species-R.json; one line a round goes to the
 * log. Trainings are called "species+R".
 *
 * Errors: those of gate_mine_scan(), gate_mine_choose(), mining_write_round(),
 * cascade_score() and fit(); NN_ERR_STOPPED. m is then as it was before the
 * round. */
NN_MUST_CHECK enum nn_status
mine_species_rounds(struct nn_dataset *ds, const struct species_rounds *how,
                    const struct nn_run *run, struct model *m, uint8_t **extra,
                    struct nn_train_result *result, struct nn_error *err);

#endif /* PIPELINES_MINE_SPECIES_ROUNDS_H */
