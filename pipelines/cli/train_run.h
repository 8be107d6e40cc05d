/* pipelines/cli/train_run.h - the options of train, and a run with them. */
#ifndef PIPELINES_CLI_TRAIN_RUN_H
#define PIPELINES_CLI_TRAIN_RUN_H

#include <jansson.h>

#include "pipelines/cli/cmd.h"
#include "pipelines/cli/augment_rows.h"
#include "pipelines/cascade/rung.h"
#include "pipelines/cli/data_rows.h"
#include "pipelines/mine/train_rounds.h"
#include "pipelines/train/baseline.h"
#include "pipelines/train/train_subset.h"

struct rung_choice {
    enum nn_arch arch;
    float width;
    int32_t size;
};

struct train {
    struct cmd_common common;
    const char *out, *init;
    char *init_path; /* what init stands for; NULL: left out, or none */
    int system, resume, half, loss, no_report, no_reference;
    int epochs, batch, gate_epochs, species_epochs;
    int gate_net, gate_size, species_net, species_size; /* net_choice.h */
    const char *gate_tta, *species_tta; /* of the trained nets */
    struct nn_option_list rung;         /* as given; train_rungs.h */
    struct rung_choice rungs[RUNGS_MAX];
    double rung_loss;
    int rung_epochs;
    double gate_width, species_width, min_recall, gate_recall, gate_pass;
    double min_coverage;
    double lr, weight_decay, positive_share, label_smoothing, ema, bn_var_floor;
    int species_from;
    int species_none; /* enum below */
    int thresholds;   /* THRESHOLDS_LEAST_FPR ... */
    struct data_rows data;
    struct nn_option_list negatives, unknown, mine_pool, leave_out;
    const char *teacher; /* a model, or NULL; train_teach.h */
    double teacher_weight;
    struct nn_option_list unlabelled;
    struct train_rounds rounds;
    struct train_subset subset;
    struct augment_options views;
    /* Of nets that start from pre-trained weights. */
    double init_rate, head_rate, layer_decay;
    int head_epochs, freeze_bn_stats;
    int tune, head_views;           /* 0: auto, else enum nn_tune + 1 */
    const char *feature_cache;      /* given */
    char *feature_dir;              /* NULL: nothing is kept */
    char *gate_init, *species_init; /* the files, NULL: random */
    uint64_t seed, split_seed;
    struct gate_options gate;
    struct species_options species;
};

/* Values of thresholds. */
enum { THRESHOLDS_LEAST_FPR, THRESHOLDS_CHEAPEST };

/* Values of species_from. */
enum { SPECIES_FROM_GATE, SPECIES_FROM_INIT, SPECIES_FROM_RANDOM };

/* Values of species_none. */
enum { SPECIES_NONE_ON, SPECIES_NONE_OFF };

/* Learning rate of nets that start from pre-trained weights: --lr times this
 * (docs/training.md). */
#define TRAIN_INIT_RATE 0.3
/* Of the positives that may be lost, the share that rungs may lose: what a weak
 * net takes the strong ones use better (docs/training.md). */
#define TRAIN_RUNG_LOSS 0

/* Share of a teacher's word on images with a label (docs/training.md). */
#define TRAIN_TEACHER_WEIGHT 0.5

/* Sizes that were given are ones that a net may have. Errors: NN_ERR_ARG. */
NN_MUST_CHECK enum nn_status train_check_sizes(struct train *t,
                                               struct nn_error *err);

/* In this order (train_start.c): the architectures and sizes that nobody named;
 * options into those of the stages; first weights, and with them epochs, rates
 * and what is tuned. Errors: those of reading the files of --init and of
 * backbones; NN_ERR_ARG (contradictions), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status train_choose_nets(struct train *t,
                                               struct nn_error *err);
void train_apply_options(struct train *t);
NN_MUST_CHECK enum nn_status train_choose_start(struct train *t,
                                                struct nn_error *err);

/* A rung like the gate, with its own net; *init (nn_mem_free) is what o->init
 * points to. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
train_rung_options(const struct train *t, const struct rung_choice *c,
                   const char *task, struct gate_options *o, char **init,
                   struct nn_error *err);
/* 1: a net in front of the species net is trained in epochs; after
 * train_choose_start(). */
int train_has_epochs(const struct train *t);
void train_say_result(const char *name, const struct nn_train_result *r);

/* Of a run that goes on: what would end it half-way, or change what its rounds
 * of mining were, is told before. options: what it is to have now. Errors:
 * NN_ERR_ARG, those of reading the run's state. */
NN_MUST_CHECK enum nn_status train_check_extension(const struct train *t,
                                                   const json_t *options,
                                                   struct nn_error *err);

/* Train what t says on `data` and write t->out. o: the options, kept in the
 * run folder and in the model.
 * Errors: those of opening data and pools and of training. */
NN_MUST_CHECK enum nn_status train_run(struct train *t,
                                       const struct nn_options *o,
                                       const char *data, struct nn_error *err);

#endif /* PIPELINES_CLI_TRAIN_RUN_H */
