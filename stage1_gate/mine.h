/* stage1_gate/mine.h - hard-negative mining: the images of a pool that fool
 * the gate, without the bears that hide in it.
 *
 * A pool is never assumed clean. It is scored once (gate_mine_scan), those that
 * pass are looked at one after another (gate_mine_choose), and each gets one
 * verdict: hard, random, duplicate, capped, suspected_false_negative. Possible
 * false negatives look like true positives and are for a person, never for
 * training. What counts as one is a rule fitted on the validation images
 * (gate_mine_rule_fit), which the gate has not been trained on.
 *
 * Sources: bootstrapping of negatives (K.-K. Sung and T. Poggio, PAMI 20,
 * 1998), online hard examples (A. Shrivastava et al., CVPR 2016); for false
 * negatives among the hardest, the debiased view of C.-Y. Chuang et al.,
 * NeurIPS 2020. */
#ifndef STAGE1_GATE_MINE_H
#define STAGE1_GATE_MINE_H

#include "common/data/pool.h"
#include "common/data/seen.h"
#include "stage1_gate/gate.h"

/* --- scores of a pool --- */

/* Gate logits of the n images of a pool in a file, NAN for those that cannot
 * be read. */
struct gate_mine_scores {
    int fd; /* -1: none */
    size_t n;
};
/* Score every image of the pool, a window of it at a time. journal: a file
 * that grows by a block of scores at a time, or NULL for an unnamed one; when
 * it holds scores of the same gate and pool they are taken and only the rest
 * is computed, so a scan that was killed goes on where it stopped, and a
 * finished one is not repeated. features: folder where the images' features
 * are kept for a gate that shares its trunk (nn_scorer_keep_features()), or
 * NULL. label: progress text, or NULL.
 *
 * Errors: NN_ERR_STOPPED (stop was set; the journal holds what was done),
 * NN_ERR_ARG (the journal is of another gate or pool), NN_ERR_IO,
 * NN_ERR_NOMEM; *out is then empty. */
NN_MUST_CHECK enum nn_status
gate_mine_scan(const struct nn_net *gate, const struct nn_pool *pool,
               const char *journal, const char *features,
               const volatile sig_atomic_t *stop, const char *label,
               struct gate_mine_scores *out, struct nn_error *err);
/* z[0..n-1] = scores of images at.., at + n <= s->n. Errors: NN_ERR_IO. */
NN_MUST_CHECK enum nn_status
gate_mine_scores_read(const struct gate_mine_scores *s, size_t at, size_t n,
                      double *z, struct nn_error *err);
/* Scores of a file of their own, which has no name: those of s. Errors:
 * NN_ERR_IO; *out is then empty. */
NN_MUST_CHECK enum nn_status
gate_mine_scores_copy(const struct gate_mine_scores *s,
                      struct gate_mine_scores *out, struct nn_error *err);
/* Scores of images at.. = z[0..n-1], at + n <= s->n. Errors: NN_ERR_IO. */
NN_MUST_CHECK enum nn_status gate_mine_scores_write(struct gate_mine_scores *s,
                                                    size_t at, size_t n,
                                                    const double *z,
                                                    struct nn_error *err);
void gate_mine_scores_close(struct gate_mine_scores *s);

/* --- known images --- */

enum { GATE_MINE_NEIGHBOURS = 5 };

/* Median of the shorter sides of 256 images of the pool, evenly spread; 0
 * where none can be read, and where it is at least half the gate's input:
 * images that large look like the known ones as they are. Errors: those of
 * nn_pool_take(). */
NN_MUST_CHECK enum nn_status gate_mine_pool_side(const struct nn_net *gate,
                                                 const struct nn_pool *pool,
                                                 int32_t *side,
                                                 struct nn_error *err);
/* Embeddings of the readable train images of a data set: rows of length 1,
 * positives and negatives. side: known images are reduced to this shorter
 * side first, here and in gate_mine_rule_fit(), so that they are compared with
 * a pool of thumbnails as thumbnails; 0: as they are. features: as in
 * gate_mine_scan(); outlives the bank, whose users keep theirs there too. */
struct gate_mine_bank {
    const struct nn_dataset *ds;
    int32_t side;
    const char *features;
    size_t n, dims, n_positives;
    float *v;          /* [n,dims] */
    uint32_t *item;    /* [n] of ds */
    uint8_t *positive; /* [n] */
};
NN_MUST_CHECK enum nn_status
gate_mine_bank_create(const struct nn_net *gate, const struct nn_dataset *ds,
                      int32_t side, const char *features,
                      struct gate_mine_bank *bank, struct nn_error *err);
void gate_mine_bank_release(struct gate_mine_bank *bank);

/* Where an image stands among the known ones. */
struct gate_mine_neighbourhood {
    double positive_cos; /* mean cosine to its 5 nearest positives */
    double negative_cos; /* and to its 5 nearest negatives */
    uint32_t nearest[3]; /* items of bank->ds: nearest positives, best first */
    double agreement;    /* of the second scorer, 0..1 */
};

/* Second score of images index[0..n-1] of ds, such as the species net's
 * largest probability; p[i] 0..1. NULL as a function: no second scorer (0). */
typedef enum nn_status gate_mine_second_scorer_fn(void *ctx,
                                                  const struct nn_dataset *ds,
                                                  const uint32_t *index,
                                                  size_t n, double *p,
                                                  struct nn_error *err);
struct gate_mine_second_scorer {
    gate_mine_second_scorer_fn *score;
    void *ctx;
};

/* --- suspected false negatives --- */

/* t(x) = w . (1, z/T, positive_cos - negative_cos, agreement), the first two
 * features of the gate, the third of its neighbours, the fourth of somebody
 * else: a logistic regression of positive against negative on the validation
 * images, ridge 1e-3 on standardised features. A candidate with t >= limit
 * is a suspected false negative. */
struct gate_mine_rule {
    double w[4], limit;
    double rate;   /* share of the validation positives to be caught */
    double caught; /* share of those above the gate's threshold that is */
    double lost;   /* share of the validation negatives that score above
                      the gate's threshold and would be filtered */
    size_t n_positives, n_negatives; /* above the threshold, validation */
};
double
gate_mine_rule_score(const struct gate_mine_rule *rule, double z_calibrated,
                     const struct gate_mine_neighbourhood *neighbourhood);
/* Fit on the valid split of bank->ds; the limit is the largest that catches
 * `rate` of the positives, whatever the gate says of them.
 * Errors: NN_ERR_ARG (no positives or no negatives in valid), and those of
 * the scorer. */
NN_MUST_CHECK enum nn_status
gate_mine_rule_fit(const struct nn_net *gate, const struct gate_mine_bank *bank,
                   const struct gate_mine_second_scorer *second_scorer,
                   double threshold, double rate, struct gate_mine_rule *rule,
                   struct nn_error *err);

/* --- choosing --- */

enum gate_mine_mode {
    GATE_MINE_HARD, /* drawn evenly from the draw_from times as many with the
                       largest scores, then down from there */
    GATE_MINE_FALSE_POSITIVES, /* drawn evenly from `min_score` up */
    GATE_MINE_HARDEST,         /* from the largest score down to `min_score` */
    GATE_MINE_SEMI,      /* just not accepted: from below `threshold` down */
    GATE_MINE_UNIFORM,   /* evenly over the scores from `min_score` up */
    GATE_MINE_RANDOM,    /* whatever the score */
    GATE_MINE_UNCERTAIN, /* as GATE_MINE_HARD, with those nearest to `threshold`
                            (difference of logits, either side) in place of the
                            largest scores */
};
#define GATE_MINE_MODES                                                        \
    "hard|false-positives|hardest|semi-hard|uniform|random|uncertain"

enum gate_mine_verdict {
    GATE_MINE_V_HARD,         /* accepted for its score */
    GATE_MINE_V_RANDOM,       /* accepted as a fresh random negative */
    GATE_MINE_V_SUSPECTED_FN, /* looks like a positive: for a person */
    GATE_MINE_V_DUPLICATE,    /* of a known image or an earlier candidate */
    GATE_MINE_V_CAPPED,       /* its folder or cluster has enough */
    GATE_MINE_V_UNREADABLE,
};
const char *gate_mine_verdict_name(enum gate_mine_verdict v);
/* 1: a negative to train on, for its score or at random. */
int gate_mine_is_accepted(enum gate_mine_verdict v);

struct gate_mine_options {
    enum gate_mine_mode mode;
    size_t top;            /* negatives wanted in all */
    double hard_share;     /* of them, by score; the rest random */
    double threshold;      /* of the gate */
    double min_score;      /* gate probability below which nothing is hard */
    double draw_from;      /* of GATE_MINE_HARD and _UNCERTAIN, 1 or more */
    double hard_floor;     /* its min_score */
    double same_cosine;    /* embeddings that close, and fingerprints that are
                              not far: the same image */
    double cluster_cosine; /* and that close, the same kind of image */
    size_t folder_cap;     /* accepted of one folder of the pool; 0: no cap */
    size_t cluster_cap;    /* accepted of one cluster; 0: no cap */
    int caps_yield;        /* 1: what is over a cap is taken all the same, in
                              order, where there is not enough without it */
    size_t max_candidates; /* candidates examined by score (once there are
                              enough hard ones, for the filter alone), and as
                              many at random */
    /* Images below a folder of one of these names are passed over. */
    const char *const *leave_out;
    size_t n_leave_out;
    const struct nn_seen *seen; /* images of these are duplicates, or NULL */
    const uint64_t *pass_over;  /* [n_pass_over] hashes of images that are
                                   passed over too */
    size_t n_pass_over;
    uint64_t seed;
};
/* Of a duplicate of an image that the gate was trained on and bank->ds lacks.
 */
#define GATE_MINE_SAME_AS_SEEN INT64_MIN
/* hard, drawn from 5 times as many, hard_share 1, least the gate's threshold
 * for the modes that ask for it, cosines 0.995 and 0.9, caps a fifth and a
 * tenth of top, 20 x top candidates, seed 1. */
#define GATE_MINE_DRAW_FROM 5.0
struct gate_mine_options gate_mine_defaults(const struct gate_policy *policy,
                                            size_t top);
/* The same for n images that a person is asked about: uncertain ones, whatever
 * they are, of each cluster one as long as the pool has n clusters. Goes with
 * no rule. */
struct gate_mine_options
gate_mine_ask_defaults(const struct gate_policy *policy, size_t n);

/* One candidate, in the order looked at. */
struct gate_mine_pick {
    uint32_t item; /* of the pool; result->images has them in pick order */
    enum gate_mine_verdict verdict;
    int32_t cluster; /* number of its cluster of candidates, or -1 */
    double z, p;     /* gate logit, probability */
    double fn_score; /* t(x) */
    struct gate_mine_neighbourhood neighbourhood;
    uint64_t hash;
    int64_t same_as; /* duplicates: the pick it equals, or -1 - item of
                        bank->ds, or GATE_MINE_SAME_AS_SEEN; 0 for others */
};
struct gate_mine_result {
    size_t n;
    struct gate_mine_pick *pick;
    struct nn_dataset *images; /* [n] the picks; reads through the pool */
    size_t count[GATE_MINE_V_UNREADABLE + 1]; /* by verdict */
    size_t above;      /* images of the pool at `min_score` or above */
    size_t unreadable; /* images without a score, which are not looked at */
    int exhausted;     /* 1: fewer than asked, nothing is left to look at */
};
/* scores: of the pool (gate_mine_scan); those of fd -1 are unknown, which is
 * enough for GATE_MINE_RANDOM. rule NULL: nothing is filtered, and the pool is
 * taken for clean. Images of the pool that equal or nearly equal one of
 * bank->ds (any split) are duplicates, so nothing of valid or test leaks into
 * training. Depends on its arguments alone, not on threads. Memory: a few
 * dozen bytes for each of opt->max_candidates candidates, whatever the pool.
 * Errors: NN_ERR_ARG (unknown scores, another mode), those of the scorer and
 * of nn_pool_take(); NN_ERR_STOPPED. */
NN_MUST_CHECK enum nn_status gate_mine_choose(
    const struct nn_net *gate, const struct nn_pool *pool,
    const struct gate_mine_scores *scores, const struct gate_mine_bank *bank,
    const struct gate_mine_rule *rule,
    const struct gate_mine_second_scorer *second_scorer,
    const struct gate_mine_options *opt, const volatile sig_atomic_t *stop,
    struct gate_mine_result *out, struct nn_error *err);
void gate_mine_result_release(struct gate_mine_result *r);
/* Negatives that opt wants by score. */
size_t gate_mine_wanted_hard(const struct gate_mine_options *opt);
/* Which of r->images were accepted, in order; a block of nn_mem, *n of them.
 * NULL when out of memory. */
uint32_t *gate_mine_accepted(const struct gate_mine_result *r, size_t *n);

/* They become training negatives of ds, with fingerprints, so that a later
 * choice knows them; r's pool must outlive ds. Errors: those of
 * nn_dataset_append_ref(). */
NN_MUST_CHECK enum nn_status gate_mine_append(struct nn_dataset *ds,
                                              const struct gate_mine_result *r,
                                              struct nn_error *err);

#endif /* STAGE1_GATE_MINE_H */
