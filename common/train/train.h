/* common/train/train.h - the one training loop of every net of the project.
 *
 * The loop draws an index list per epoch from the task's sampler, trains one
 * pass with the loader's augmented views, evaluates the averaged weights,
 * writes a row of results.csv and a checkpoint, and keeps the best weights.
 * Same seed, data and program: bit-equal weights for any thread count and
 * across interruption and resume (mid-epoch too). */
#ifndef NN_COMMON_TRAIN_TRAIN_H
#define NN_COMMON_TRAIN_TRAIN_H

#include <signal.h>

#include "common/data/loader.h"
#include "common/tensor/loss.h"
#include "common/tensor/optim.h"
#include "common/train/mix.h"
#include "common/net/net.h"

/* Progressive resolution: `epochs` epochs on inputs of size x size pixels. */
struct nn_train_phase {
    int32_t size;
    int epochs;
};

/* What a training changes. */
enum nn_tune {
    NN_TUNE_ALL,        /* every weight, from the start */
    NN_TUNE_FROZEN,     /* the classifier alone, fitted on features (frozen.h);
                           no epochs */
    NN_TUNE_HEAD_FIRST, /* the fitted classifier first, then every weight */
};
#define NN_TUNE_NAMES "all|frozen|head-first"

struct nn_train_options {
    enum nn_tune tune;
    int head_views; /* augmented views of each image that a fitted classifier
                       learns from, besides the image as it is */
    const char *feature_dir; /* where features are kept (feature_cache.h); NULL:
                                nowhere */
    int epochs;              /* >= 1 */
    int32_t batch;           /* images per step */
    uint64_t seed;
    struct nn_loss loss;
    struct nn_optim_options optim;
    struct nn_schedule schedule;
    double clip;    /* largest gradient norm; 0 off */
    double ema;     /* decay of the weight average; 0 off */
    int patience;   /* epochs without a better metric before stopping; 0:
                       never */
    int eval_every; /* epochs between evaluations, >= 1; the last always */
    struct nn_augment augment;
    size_t cache_bytes;
    int threads;         /* loader workers */
    double head_lr;      /* factor of the classifier's rate, 1 */
    double block_decay;  /* rate of each earlier stage times this, 1: same */
    int freeze_epochs;   /* first epochs that train the classifier alone */
    int freeze_bn_stats; /* the first stages (nn_graph_stage()) whose running
                            means and variances stay as they are: few images
                            estimate them badly */
    /* Least running variance of a batch norm; 0: none. A channel that is silent
     * on nearly all training images has a variance near zero; the rare image
     * that wakes it is then scaled up by hundreds in every such layer. A floor
     * damps that and changes nothing for other images. */
    float bn_var_floor;
    struct nn_mix mix; /* images blended in pairs */
    /* Input sizes of the first epochs, borrowed; the epochs behind them have
     * the net's own size. Rates, optimiser and averages go on across phases,
     * and every evaluation is at the net's own size. */
    const struct nn_train_phase *phases;
    size_t n_phases;
};
struct nn_train_options nn_train_defaults(void);
/* Where features of a net trained so are worth keeping: feature_dir, or NULL
 * where the trunk changes. */
const char *nn_train_feature_dir(const struct nn_train_options *opt);

struct nn_train_metrics {
    double loss;   /* on the validation items, NAN when not computed */
    double metric; /* larger is better: chooses the best epoch */
    char text[96]; /* for the log: "ROC area 0.958" */
};

/* What is trained. All callbacks get ctx. */
struct nn_train_task {
    const char *name; /* "gate": label, csv column, checkpoint prefix */
    const struct nn_dataset *ds;
    void *ctx;
    /* Index list of an epoch into a block that the task owns, valid until
     * the next call. Must depend on (seed, epoch) alone. */
    enum nn_status (*sample)(void *ctx, uint64_t epoch, const uint32_t **index,
                             size_t *n);
    /* Row of K targets and the weight of an item. */
    void (*target)(void *ctx, uint32_t item, float *t, float *weight);
    /* Score the net as loaded in s (averaged weights). */
    enum nn_status (*evaluate)(void *ctx, struct nn_scorer *s,
                               struct nn_train_metrics *m,
                               struct nn_error *err);
    uint64_t soft_hash; /* of targets that are no labels, which the data do not
                           tell; 0: there are none. A run that goes on has the
                           same. */
};

/* A run folder: results.csv (a row an epoch) and last.safetensors (the state
 * of the stage under way and the weights of the finished ones). */
struct nn_run {
    const char *dir; /* NULL: nothing is written */
    int resume;      /* go on from last.safetensors; with more epochs than a
                        finished run has had, from its best weights and with a
                        schedule of their own */
    const volatile sig_atomic_t *stop; /* set by SIGINT; may be NULL */
};

struct nn_train_result {
    int epochs_done, best_epoch; /* 1-based */
    struct nn_train_metrics best;
    double seconds;
    double images_per_s; /* training alone, without evaluation */
    int stopped_early;
};

/* Train net in place; on success net->params hold the best averaged weights.
 * Errors: NN_ERR_STOPPED (stop was set: the step was finished and the state
 * saved), NN_ERR_NUMERIC (loss NaN or Inf: names task, epoch, step and node),
 * NN_ERR_IO, NN_ERR_NOMEM, NN_ERR_ARG. */
NN_MUST_CHECK enum nn_status
nn_train(const struct nn_train_task *task, const struct nn_train_options *opt,
         const struct nn_run *run, struct nn_net *net,
         struct nn_train_result *result, struct nn_error *err);

/* Class-balanced sampler: each epoch draws n_epoch items so that each bucket
 * gets its share; within a bucket every item comes once before any comes
 * again (shuffled anew). */
struct nn_sampler {
    size_t n_buckets;
    const uint32_t *const *bucket; /* items of a bucket */
    const size_t *bucket_n;
    const double *share; /* sums to 1 */
    size_t n_epoch;
    uint64_t seed;
};
/* Fill index[n_epoch], a function of (seed, epoch) alone. */
NN_MUST_CHECK enum nn_status nn_sampler_epoch(const struct nn_sampler *s,
                                              uint64_t epoch, uint32_t *index);

#endif /* NN_COMMON_TRAIN_TRAIN_H */
