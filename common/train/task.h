/* common/train/task.h - what every trainer of a classifier shares.
 *
 * A trainer says to which output an image belongs. From that follow the
 * buckets of training items and their shares of an epoch, the targets, the
 * list of validation items and their logits, and the calibration by one
 * temperature. What is the trainer's own: the outputs, the figure by which the
 * best epoch is chosen, and what is decided on the logits at the end.
 *
 *     struct nn_task t;
 *     nn_task_open(&t, &spec, err)         labels, buckets, equal shares
 *     nn_task_need_all(&t, err)            or other demands
 *     nn_task_net(&t, &net_spec, &net, err)
 *     nn_task_train(&t, &options, run, net, &result, err)
 *     nn_task_score_net(&t, net, batch, err)
 *     nn_task_fit_softmax(&t, k, net, err)
 *     nn_task_close(&t)
 *
 * One thread at a time. */
#ifndef NN_COMMON_TRAIN_TASK_H
#define NN_COMMON_TRAIN_TASK_H

#include "common/train/train.h"

/* Images of no output. */
enum {
    NN_TASK_UNUSED = -1, /* neither trained on nor validated */
    NN_TASK_ZEROS = -2,  /* trained on with a target of zeros; validated */
    NN_TASK_UNSEEN = -3, /* validated, never trained on */
    NN_TASK_TAUGHT = -4, /* trained on as `soften` says, in whatever part it
                            stands; not validated */
};

struct nn_task_spec {
    const char *name; /* of the saved state and in results.csv: "gate" */
    const struct nn_dataset *ds; /* with splits; outlives the task */
    uint64_t seed;               /* of the sampler and of random weights */
    size_t n_outputs;
    /* 0: a bucket an output, whose shares of an epoch may be set; 1: one bucket
     * of all training items, drawn as often as they are there. Items of
     * NN_TASK_ZEROS have no bucket of their own: they are drawn with 1 alone.
     */
    int one_bucket;
    /* All callbacks get ctx. The name of an output in a block of nn_mem, NULL
     * when out of memory; the output of an item or one of the values above;
     * and figures of the net whose logits the task holds. */
    void *ctx;
    char *(*name_of)(const void *ctx, size_t output);
    int32_t (*label_of)(const void *ctx, const struct nn_item *item);
    /* Somebody else's word on a training item into its row of targets, which
     * holds a 1 at its label, or zeros where it has none; NULL: the label is
     * all. Not for a classifier that is fitted. With it, items of
     * NN_TASK_TAUGHT are in a bucket of their own, behind the others. */
    void (*soften)(const void *ctx, uint32_t item, float *row);
    uint64_t soft_hash; /* of all that soften() says: an interrupted training
                           goes on with the same */
    enum nn_status (*measure)(void *ctx, struct nn_train_metrics *m,
                              struct nn_error *err);
};

struct nn_task {
    struct nn_task_spec spec;
    char **outputs; /* [n_outputs] names */
    int32_t *label; /* [ds->n] */
    /* Training items by bucket. The shares need not sum to 1; a bucket that is
     * empty must have 0. */
    struct nn_sampler sampler;
    uint32_t *items, **bucket;
    size_t *size;    /* [n_buckets] */
    double *share;   /* [n_buckets] 1 / n_buckets until the trainer sets them */
    uint32_t *index; /* [sampler.n_epoch] of the epoch */
    /* Validation items. Their features are kept here between runs (those of a
     * frozen trunk are worth keeping), or NULL: nowhere. */
    const char *feature_dir;
    uint32_t *valid;
    size_t n_valid;
    /* After nn_task_score_net(): those that could be read, in their order. */
    size_t n_good;
    float *logits;     /* [n_good,n_outputs], before the temperature */
    int32_t *truth;    /* [n_good] label */
    uint8_t *positive; /* [n_good] 0: a negative of the data set */
    uint64_t *group;   /* [n_good] near-duplicates have the same */
    double *score;     /* [n_good] room for what the trainer makes of each */
    uint8_t *ok;       /* [n_valid] */
};

/* Labels, buckets and lists; spec is copied. Release with nn_task_close(),
 * after an error too. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_task_open(struct nn_task *t,
                                          const struct nn_task_spec *spec,
                                          struct nn_error *err);
void nn_task_close(struct nn_task *t);

/* From now on an epoch draws n images by the shares, not as many as there are
 * training items. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_task_set_epoch(struct nn_task *t, size_t n,
                                               struct nn_error *err);

/* Training items of buckets from .. to - 1. */
size_t nn_task_count(const struct nn_task *t, size_t from, size_t to);
/* Buckets of items that have a label: all, or all but the last. */
size_t nn_task_labelled(const struct nn_task *t);
/* Every output has a training item, and there is something to validate on.
 * Errors: NN_ERR_ARG (names the class and the data set). */
NN_MUST_CHECK enum nn_status nn_task_need_all(const struct nn_task *t,
                                              struct nn_error *err);
/* Positives and negatives in train and valid both; 0 in trains_on_negatives:
 * negatives in valid are enough. who: "the gate".
 * Errors: NN_ERR_ARG (names what is lacking, and where). */
NN_MUST_CHECK enum nn_status nn_task_need_both(const struct nn_task *t,
                                               const char *who,
                                               int trains_on_negatives,
                                               struct nn_error *err);

/* A net with the task's outputs and random weights; outputs of spec are not
 * looked at. Errors: those of nn_net_create(). */
NN_MUST_CHECK enum nn_status nn_task_net(const struct nn_task *t,
                                         const struct nn_net_spec *spec,
                                         struct nn_net **out,
                                         struct nn_error *err);
/* Weights of a file into net, as nn_net_init_from(), said through the log;
 * nothing where path is NULL. */
NN_MUST_CHECK enum nn_status nn_task_init(struct nn_net *net, const char *path,
                                          const char *prefix, const char *who,
                                          struct nn_error *err);
/* nn_train() on the task, or what opt->tune says instead: frozen, the fitted
 * classifier and result->epochs_done = 0, without files in the run folder (a
 * second run finds the features in the cache). */
NN_MUST_CHECK enum nn_status
nn_task_train(struct nn_task *t, const struct nn_train_options *opt,
              const struct nn_run *run, struct nn_net *net,
              struct nn_train_result *result, struct nn_error *err);

/* Logits of the validation items. Errors: those of nn_scorer_create() and
 * nn_scorer_run_items(); NN_ERR_ARG (none can be read). */
NN_MUST_CHECK enum nn_status nn_task_score_net(struct nn_task *t,
                                               const struct nn_net *net,
                                               int32_t batch,
                                               struct nn_error *err);
/* The largest of the first k logits of validation item i; of equal ones the
 * first. */
size_t nn_task_best(const struct nn_task *t, size_t i, size_t k);
/* p [n_good,n_outputs] = softmax(logits / temperature). */
void nn_task_softmax(const struct nn_task *t, double temperature, double *p);

/* Set net's temperature by nn_temperature_choose(): the one with the least
 * cross-entropy, or 1 where that does not lower the calibration error, which
 * is then said through the log. On the logits of the validation items that
 * have an output, judged by the first n_judged outputs; or on n logits z of
 * yes / no questions, as many of each validation item.
 * Errors: NN_ERR_ARG, NN_ERR_NUMERIC, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_task_fit_softmax(const struct nn_task *t,
                                                 size_t n_judged,
                                                 struct nn_net *net,
                                                 struct nn_error *err);
NN_MUST_CHECK enum nn_status
nn_task_fit_binary(const struct nn_task *t, const double *z, const uint8_t *yes,
                   size_t n, struct nn_net *net, struct nn_error *err);

#endif /* NN_COMMON_TRAIN_TASK_H */
