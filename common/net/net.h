/* common/net/net.h - a network together with how an image becomes its input.
 *
 * Whatever changes a prediction travels with the weights: input size,
 * normalisation, head, temperature, class names. So training,
 * evaluation and use cannot disagree. */
#ifndef NN_COMMON_NET_NET_H
#define NN_COMMON_NET_NET_H

#include <jansson.h>

#include "common/net/arch.h"
#include "common/net/prepare.h"
#include "common/net/tta.h"
#include "common/tensor/graph.h"
#include "common/tensor/safetensors.h"

enum nn_head {
    NN_HEAD_SIGMOID, /* p_k = sigmoid(z_k / T), independent outputs */
    NN_HEAD_SOFTMAX, /* p = softmax(z / T) */
};

struct nn_net_spec {
    enum nn_arch arch;
    float width;   /* of MobileNetV4, 1 for others */
    int32_t size;  /* input pixels, square */
    size_t n_more; /* views behind the first, which has `size` */
    struct nn_tta_view more[NN_TTA_MAX - 1];
    float dropout; /* before the classifier, training only */
    enum nn_head head;
    float mean[3], stddev[3]; /* byte units */
    size_t n_outputs;
    const char *const *outputs; /* names, e.g. { "bear" } or the classes */
};
/* MobileNetV4 with ImageNet's mean and deviation, and dropout: the
 * project's defaults; the caller fills width, size, head and outputs. */
struct nn_net_spec nn_net_spec_defaults(void);
/* Another architecture, with the mean and deviation that its published weights
 * were trained with, and width 1 where it has none. The size stays. */
void nn_net_spec_set_arch(struct nn_net_spec *spec, enum nn_arch arch);

struct nn_net {
    struct nn_net_spec spec; /* outputs points to own copies */
    struct nn_graph *graph;
    struct nn_graph *more[NN_TTA_MAX - 1]; /* the same at other sizes */
    struct nn_params params; /* values; gradients only while training */
    double temperature;      /* 1 until calibrated */
};

/* The rule by which an image becomes an input, as files and reports name it:
 * all of it, aspect ratio not kept. */
#define NN_NET_FIT "squeeze"
/* How an image becomes its input. */
struct nn_input nn_net_input(const struct nn_net_spec *spec);

/* The graph, all weights 0: for weights that are about to be read. */
NN_MUST_CHECK enum nn_status nn_net_create_empty(const struct nn_net_spec *spec,
                                                 struct nn_net **out,
                                                 struct nn_error *err);
/* The graph and random weights, drawn from seed. */
NN_MUST_CHECK enum nn_status nn_net_create(const struct nn_net_spec *spec,
                                           uint64_t seed, struct nn_net **out,
                                           struct nn_error *err);
void nn_net_destroy(struct nn_net **net);
/* From now on the net sees images in these views, the first of which gives
 * spec.size; none: as it is. Weights stay. Scorers, training and saving of the
 * net come after this, not before. Errors: NN_ERR_ARG (a view larger than the
 * first, the first mirrored), NN_ERR_NOMEM; the net is then as it was. */
NN_MUST_CHECK enum nn_status nn_net_set_tta(struct nn_net *net,
                                            const struct nn_tta *views,
                                            struct nn_error *err);
/* [{"size": 160, "mirrored": true}, ...], the views behind the first; NULL
 * when there are none. */
json_t *nn_net_tta_json(const struct nn_net_spec *spec);
/* Multiply-adds of one image, all views. */
size_t nn_net_macs(const struct nn_net *net);

/* Weights under PREFIX ("gate."), spec and temperature as JSON metadata under
 * key "PREFIXnet". */
NN_MUST_CHECK enum nn_status nn_net_save(struct nn_st_writer *w,
                                         const char *prefix,
                                         const struct nn_net *net,
                                         enum nn_dtype dtype,
                                         struct nn_error *err);
/* 1 when both are of one architecture and differ in their classifiers alone. */
int nn_net_same_trunk(const struct nn_net *a, const struct nn_net *b);
/* As nn_net_save(), but a tensor whose bits `trunk` has too, which was saved
 * under trunk_prefix with the same dtype, is not stored again
 * (NN_TRUNK_KEY). */
NN_MUST_CHECK enum nn_status
nn_net_save_on(struct nn_st_writer *w, const char *prefix,
               const struct nn_net *net, const char *trunk_prefix,
               const struct nn_net *trunk, enum nn_dtype dtype,
               struct nn_error *err);
/* Refuses unknown architectures, heads, fit rules, absurd sizes and anything
 * missing, by name. */
NN_MUST_CHECK enum nn_status nn_net_load(const struct nn_st_file *f,
                                         const char *prefix,
                                         struct nn_net **out,
                                         struct nn_error *err);

/* Start from weights in a file: first under PREFIX, else the bare names (a
 * timm file, a pre-trained backbone). Tensors that do not fit (the
 * classifier) keep their values; report says what was taken. Errors:
 * NN_ERR_FORMAT when nothing fits, or the file holds a net of another
 * architecture (nn_arch_of_file()). */
NN_MUST_CHECK enum nn_status
nn_net_init_from(struct nn_net *net, const char *path, const char *prefix,
                 struct nn_load_report *report, struct nn_error *err);

/* Say through the log what nn_net_init_from() took from `path`, what was left
 * and why: "gate: 177 of 179 tensors ...". */
void nn_net_init_log(const char *who, const char *path,
                     const struct nn_load_report *report);

/* Run a network on prepared inputs; common/data/score_items.h runs it on a
 * data set. Owns an inference executor for each view: logits are means over
 * the views, embeddings and maps are of the first. A row's numbers, to the bit,
 * do not depend on what else is in the batch nor on its size. Use one scorer
 * from one thread. */
struct nn_scorer;
NN_MUST_CHECK enum nn_status nn_scorer_create(const struct nn_net *net,
                                              int32_t max_batch,
                                              struct nn_scorer **out,
                                              struct nn_error *err);
void nn_scorer_destroy(struct nn_scorer **s);
/* Take new weights of the same graph (an EMA, say). */
void nn_scorer_load(struct nn_scorer *s, const float *values);
/* From now on nn_scorer_input() asks for images whose shorter side has at most
 * `side` pixels, as if the files were that small; 0: no such limit. */
void nn_scorer_set_side(struct nn_scorer *s, int32_t side);
/* From now on common/data/score_items.h keeps what the classifier sees of each
 * image in the folder `dir` (feature_cache.h), which must outlive s, and takes
 * what is there already in place of running the net. NULL: it does not. A net
 * of several views keeps nothing. nn_scorer_feature_dir() is then NULL. */
void nn_scorer_keep_features(struct nn_scorer *s, const char *dir);
const char *nn_scorer_feature_dir(const struct nn_scorer *s);
const struct nn_net *nn_scorer_net(const struct nn_scorer *s);
/* What it wants prepared. */
struct nn_input nn_scorer_input(const struct nn_scorer *s);
int32_t nn_scorer_max_batch(const struct nn_scorer *s);
size_t nn_scorer_outputs(const struct nn_scorer *s); /* K */
/* Logits [n,K] of n inputs [n,size,size,3] as nn_prepare() makes them.
 * Errors: NN_ERR_ARG (n outside 1..max_batch), those of nn_exec_forward(). */
NN_MUST_CHECK enum nn_status nn_scorer_run(struct nn_scorer *s,
                                           const float *input, int32_t n,
                                           float *logits, struct nn_error *err);
/* Logits [n,K] of n already fitted inputs, n <= max_batch, each
 * [size,size,3] bytes. */
NN_MUST_CHECK enum nn_status nn_scorer_run_bytes(struct nn_scorer *s,
                                                 const uint8_t *rgb, int32_t n,
                                                 float *logits,
                                                 struct nn_error *err);
/* The features of row i of the last run, what the classifier sees:
 * nn_scorer_dims() floats C as the net computes them, so that for a net of one
 * view logits = weight [K,C] features + bias. Of several views those of the
 * first. Errors: NN_ERR_ARG (nothing was run). */
size_t nn_scorer_dims(const struct nn_scorer *s);
NN_MUST_CHECK enum nn_status nn_scorer_features(const struct nn_scorer *s,
                                                int32_t i, float *features);
/* The same scaled to length 1, so that the dot product of two is their cosine.
 * Errors: NN_ERR_ARG (nothing was run). */
NN_MUST_CHECK enum nn_status nn_scorer_embedding(struct nn_scorer *s, int32_t i,
                                                 float *embedding);
/* v [n] divided by its length; 0 stays. */
void nn_scale_to_length_1(float *v, size_t n);
/* Numbers in a feature vector: the inputs of the classifier. */
size_t nn_feature_dims(const struct nn_net *net);
/* The part of a net behind the mean over the image, on features [n,C]:
 * logits [n,K] = classifier(relu(norm(conv(features)))), or
 * classifier(features) for a net whose head stands before the mean, with the
 * running statistics. A plain loop, for a few vectors; any thread.
 * Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_net_head(const struct nn_net *net,
                                         const float *features, size_t n,
                                         float *logits, struct nn_error *err);
/* The classifier alone: logits [n,K] = weight [K,C] features [n,C] + bias, to
 * the bit those of nn_scorer_run() on the images of those features, for a net
 * of one view. Any thread. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_net_classify(const struct nn_net *net,
                                             const float *features, size_t n,
                                             float *logits,
                                             struct nn_error *err);
/* What each place of an image says: map [H,W,K] holds the logits that the net
 * would give if the features of the whole image were those of that place
 * (class activation maps, B. Zhou et al., CVPR 2016; the head between mean and
 * classifier is applied place by place). rgb [size,size,3] is one fitted input;
 * *h = *w = size / 32, rounded up. map is freed with nn_mem_free().
 * Errors: those of nn_scorer_run_bytes(); NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_scorer_map_bytes(struct nn_scorer *s, const uint8_t *rgb, float **map,
                    int32_t *h, int32_t *w, struct nn_error *err);
/* Probabilities of one row of K logits by head and temperature. */
void nn_net_probabilities(const struct nn_net *net, const float *logits,
                          float *p);

#endif /* NN_COMMON_NET_NET_H */
