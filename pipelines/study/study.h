/* pipelines/study/study.h - does mining pay? Mined against random negatives.
 *
 * Each trial trains a gate (base) and goes on from it twice: with negatives
 * mined from a pool, and with as many drawn from it at random, for as many
 * epochs. A trial has a seed; trials of left-out sets also keep some negative
 * families out of training, validation and pool, and tell how the gates do on
 * what they have never seen. All are measured on the same test images. The
 * written form is study.json; docs/mining.md has its fields. */
#ifndef PIPELINES_STUDY_STUDY_H
#define PIPELINES_STUDY_STUDY_H

#include <jansson.h>
#include <stdio.h>

#include "common/eval/stats.h"
#include "pipelines/experiment/experiment.h"

#define STUDY_FORMAT "bearcascade-mining-study 1"

enum study_kind { STUDY_BASE, STUDY_MINED, STUDY_RANDOM, STUDY_KINDS };
const char *study_kind_name(enum study_kind k);

struct study_options {
    const char *data, *out;
    struct data_options how; /* data are read */
    struct nn_option_list pool, left_out, with;
    int seeds, top, rounds, epochs, round_epochs; /* epochs 0: train's own */
    int sets, no_left_out, trust_pool, threads;
};
/* --- the plan --- */

/* One gate, and what both kinds of negatives make of it. */
struct study_trial {
    uint64_t seed;
    int32_t set; /* of families that it does not see, or -1 */
    struct {
        char *dir, *command;
        double *score; /* [test.n] */
        size_t added;  /* negatives of all rounds */
    } run[STUDY_KINDS];
};

struct study {
    const struct study_options *o;
    const struct nn_dataset *ds;
    struct experiment_test test;
    int32_t *set_of; /* [families] set that leaves it out, or -1 */
    size_t n_sets, n_seeds;
    size_t n_trials; /* seeds, then sets with seed 1 */
    struct study_trial *trial;
};
/* Errors: NN_ERR_ARG (no such family; a set that would leave no negatives),
 * those of experiment_test_init(). */
NN_MUST_CHECK enum nn_status study_init(const struct study_options *o,
                                        const struct nn_dataset *ds,
                                        struct study *s, struct nn_error *err);
void study_release(struct study *s);

/* Train what is not there yet and score the test images.
 * Errors: those of subprocess_train(), model_load(), cascade_score(). */
NN_MUST_CHECK enum nn_status study_train(struct study *s, struct nn_error *err);

/* --- figures --- */

/* Rates are false-positive rates at 95 % recall, means over the trials;
 * intervals come from resampling images and seeds together. */
struct study_figures {
    size_t n; /* negatives */
    struct nn_interval rate[STUDY_KINDS];
    struct nn_interval ratio;      /* rate random / rate mined; half an image
                                      where none passes */
    struct nn_interval ratio_base; /* rate base / rate mined */
    struct nn_interval gain;       /* rate random - rate mined */
};
enum study_verdict { STUDY_HELPED, STUDY_HURT, STUDY_UNCLEAR };
const char *study_verdict_name(enum study_verdict v);
/* Test images below which nothing is said to have helped or hurt. */
enum { STUDY_MIN_IMAGES = 30 };
enum study_verdict study_judge(const struct study_figures *f); /* by gain */

struct study_result {
    struct study_figures all, left_out;
    size_t n_families;            /* the last one: negatives without one */
    struct study_figures *family; /* [n_families] trials that saw it */
    struct study_figures *unseen; /* [n_families] the one that did not; n 0
                                     where there is none */
};
/* Errors: NN_ERR_ARG (nothing readable), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status study_measure(const struct study *s,
                                           size_t replicates,
                                           struct study_result *r,
                                           struct nn_error *err);
void study_result_release(struct study_result *r);

/* --- the answer --- */

/* One or two sentences; nn_mem_free. NULL when out of memory. */
char *study_sentence(const struct study *s, const struct study_result *r);
/* The contents of study.json, or NULL when out of memory. */
json_t *study_json(const struct study *s, const struct study_result *r);
void study_print(const struct study *s, const struct study_result *r, FILE *to);

/* The whole: opens o->data, plans, trains, measures, writes DIR/study.json and
 * DIR/study.txt, prints the report. */
NN_MUST_CHECK enum nn_status study_run(const struct study_options *o,
                                       struct nn_error *err);

#endif /* PIPELINES_STUDY_STUDY_H */
