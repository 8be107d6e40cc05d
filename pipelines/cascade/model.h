/* pipelines/cascade/model.h - one file that holds everything needed to decide.
 *
 * A .safetensors file with the weights of both nets ("gate.", "species.") and
 * metadata: "format" (MODEL_FORMAT), "system", "classes" (JSON array),
 * "gate.net", "gate.policy", "species.net", "species.policy", "cascade.policy",
 * "rungs" (rung.h, weights "rung1.", ...),
 * "data" (JSON: name, hash, counts), "seen" (JSON: seen.h), "reference" (JSON:
 * model_reference.h), "program" (version), "training" (JSON: options, seconds).
 * docs/model-format.md has the grammar. */
#ifndef PIPELINES_CASCADE_MODEL_H
#define PIPELINES_CASCADE_MODEL_H

#include <jansson.h>

#include "common/data/seen.h"
#include "common/eval/shift.h"
#include "common/net/net.h"
#include "pipelines/cascade/cascade_policy.h"
#include "pipelines/cascade/rung.h"
#include "stage1_gate/gate.h"
#include "stage2_species/species.h"

#define MODEL_FORMAT "bearcascade-model 2"
#define MODEL_FORMAT_1                                                         \
    "bearcascade-model 1" /* read too: common/net/format1.h */
#define MODEL_FORMAT_3                                                         \
    "bearcascade-model 3" /* of a model with rungs, which programs that know   \
                             none must not read as one without */
#define MODEL_MAX_CLASSES 1000

/* 1: a format that model_load() reads. */
int model_format_known(const char *format);

enum model_system {
    MODEL_CASCADE,
    MODEL_MULTILABEL, /* the single models: pipelines/train/baseline.h */
    MODEL_SOFTMAX_NONE,
    MODEL_SOFTMAX_MAX,
    MODEL_SYSTEMS,
};
/* The order of enum model_system, '|' between names. */
#define MODEL_SYSTEM_NAMES "cascade|multilabel|softmax-none|softmax-max"
const char *model_system_name(enum model_system s);

struct model {
    enum model_system system;
    size_t n_classes;
    char **classes;      /* sorted as in the data set */
    struct rungs rungs;  /* in front of a cascade's gate; mostly none */
    struct nn_net *gate; /* of a single model, the one net */
    struct gate_policy gate_policy;
    struct nn_net *species; /* NULL when there is one class only, and of single
                               models */
    struct species_policy species_policy;
    struct cascade_policy policy; /* of both, where model_says_none() */
    /* Instead of the stored decision: model_set_threshold(). */
    int threshold_given;
    double threshold;
    int reject_given; /* 1: that of species_policy was not the stored one */
    json_t *data, *training;             /* objects, or NULL */
    struct nn_seen seen;                 /* empty in files of older programs */
    struct nn_shift_reference reference; /* of the validation images, on the
                                            features of model_strong_net();
                                            may be empty */
    char *path;                          /* where it was loaded from, or NULL */
};

/* 1: the species net has an output for none, so that either stage may say it.
 */
int model_says_none(const struct model *m);
/* The net whose features tell photos apart best: the species net, for a gate
 * may be a small one; the gate where it is alone. */
const struct nn_net *model_strong_net(const struct model *m);
/* 1: gate and species net are one trunk with two classifiers, and see the same
 * view of an image: what the gate has computed serves the species net too. */
int model_one_trunk(const struct model *m);
/* The larger of its nets' input sides, in pixels. */
int32_t model_input_side(const struct model *m);
/* 1: the species net has learnt what is of no class, "?" (species.h). */
int model_says_unknown(const struct model *m);
/* An image is a positive when its p_positive (struct verdict) is this or more:
 * what was given, else cascade_policy_threshold(), else the gate's threshold.
 */
double model_threshold(const struct model *m);
/* p_positive of an image (struct verdict): cascade_policy_score() where the
 * species net may say none, else p_gate. p_none counts where the gate passes.
 */
double model_score(const struct model *m, double p_gate, double p_none);
/* 1: the gate does not say none. It does below its threshold; where less was
 * given, the image is a positive from that on, whatever the species net says
 * of none. */
int model_gate_passes(const struct model *m, double p_gate);

/* Decide anew: an image is a positive from p_positive = p on. p_positive itself
 * stays what it was, with the stored thresholds, so that scores of one model
 * can be compared whatever they were decided by. p 0: everything is a positive.
 * Errors: NN_ERR_ARG (not in 0..1). */
NN_MUST_CHECK enum nn_status model_set_threshold(struct model *m, double p,
                                                 struct nn_error *err);
/* The verdict is unknown when no class has this probability. Errors: NN_ERR_ARG
 * (not in 0..1, or the model has no species net, so that nothing is unknown).
 */
NN_MUST_CHECK enum nn_status
model_set_reject_threshold(struct model *m, double p, struct nn_error *err);

/* Take the class names of ds; nets are filled in by the trainer. */
NN_MUST_CHECK enum nn_status model_create(const struct nn_dataset *ds,
                                          struct model **out,
                                          struct nn_error *err);
void model_destroy(struct model **m);

NN_MUST_CHECK enum nn_status model_save(const struct model *m, const char *path,
                                        enum nn_dtype dtype,
                                        struct nn_error *err);

/* path: a model file, or a run folder (its best.safetensors). Refuses what
 * does not fit: another format, unknown system, class names that do not match
 * the nets, missing policies; err names the file and the reason. */
NN_MUST_CHECK enum nn_status model_load(const char *path, struct model **out,
                                        struct nn_error *err);
/* The same for a file's bytes, which are copied; `name` stands for the path in
 * messages, and path is NULL. */
NN_MUST_CHECK enum nn_status model_load_memory(const void *bytes, size_t size,
                                               const char *name,
                                               struct model **out,
                                               struct nn_error *err);

#endif /* PIPELINES_CASCADE_MODEL_H */
