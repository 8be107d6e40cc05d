/* pipelines/compare/comparison.h - designs trained and measured side by side.
 *
 * Every design is trained with the same images, backbone, views, number of
 * training images seen and seeds, and judged on the same test images at
 * thresholds that the same rule fitted on the validation split. The written
 * form is comparison.json; docs/comparison.md has its grammar. */
#ifndef PIPELINES_COMPARE_COMPARISON_H
#define PIPELINES_COMPARE_COMPARISON_H

#include <jansson.h>
#include <stdio.h>

#include "common/base/options.h"
#include "pipelines/data/open.h"
#include "pipelines/measure/outcomes.h"

#define COMPARISON_FORMAT "bearcascade-comparison 1"

/* --- what is compared ------------------------------------------------------
 */

struct comparison_design {
    const char *name; /* "multilabel-focal" */
    enum model_system system;
    int focal;
    int plain;          /* a cascade whose species net cannot say none */
    int sees_negatives; /* 0: leaving a family out changes nothing */
};
extern const struct comparison_design comparison_designs[];
extern const size_t comparison_n_designs;

struct comparison_options {
    const char *data, *out;
    const char *systems; /* "cascade,softmax-none,softmax-none+small": designs
                            and variants of them, or NULL: all designs */
    int seeds;           /* 1..seeds */
    int gate_epochs, species_epochs;
    struct data_options how;        /* data are read */
    struct nn_option_list left_out; /* families; empty: every fourth */
    int no_left_out;
    /* More options of train: "gate-size=64", or of one system's runs alone
     * "softmax-none:gate-size=64". */
    struct nn_option_list with;
    int keep_overlap; /* 1: copies of train and valid count too */
    int replicates;   /* of the bootstrap */
    int threads;
};

/* The length of the system's name in an entry of .with, 0 where it is for all
 * runs. */
size_t comparison_with_system(const char *with);

/* One trained model and what it said of the test images. */
struct comparison_run {
    uint64_t seed;
    char *dir, *command;
    char hash[33]; /* of the weights' bytes */
    double threshold, reject_threshold;
    int says_none; /* the species net may */
    double train_seconds;
    struct outcomes said; /* a row for each test image, in their order */
};

/* Decoded images in memory; files as they are. */
enum comparison_way { COMPARISON_MEMORY, COMPARISON_FILES, COMPARISON_WAYS };
/* Time an image takes on its way through a whole system, reading and decoding
 * of files included, the least of some rounds in turns with the other
 * systems. */
struct comparison_speed {
    double ms[2][2]; /* of others and of images of a class; where the gate
                        passes nothing on, and where it passes everything on.
                        NaN: not measured (drawn images are no files) */
    int unsure;      /* 1: the machine was busy */
};

/* A rung in front of the gate (pipelines/cascade/rung.h). */
struct comparison_rung {
    size_t macs;
    double ms_1, ms_bulk;
    double go_on[2]; /* shares of the validation negatives and positives that
                        are left after it */
};

struct comparison_cost {
    size_t parameters; /* what two nets share counts once */
    size_t n_rungs;
    struct comparison_rung rung[RUNGS_MAX];
    size_t macs_gate, macs_species; /* of a species net on the gate's trunk its
                                       classifier's alone; and its times */
    double ms_gate_1, ms_species_1; /* an image, one at a time */
    double ms_gate_bulk, ms_species_bulk; /* an image, 32 at a time */
    double peak_bytes;                    /* of classify; NaN: not measured */
    struct comparison_speed speed[COMPARISON_WAYS];
};

struct comparison_system {
    const struct comparison_design *design;
    char *name; /* the design's, or "softmax-none+small" */
    size_t n_runs;
    struct comparison_run *run;
    struct comparison_run *left_out; /* or NULL */
    struct comparison_cost cost;
};

/* Test images of a class, and others, below which no design is recommended. */
enum { COMPARISON_MIN_IMAGES = 30 };
/* Shares of right answers that differ by less are close: where the interval of
 * the difference lies within that, the faster design is recommended. */
#define COMPARISON_CLOSE 0.05

struct comparison {
    const struct comparison_options *opt;
    struct nn_dataset *ds;
    size_t n, n_positives, k; /* test images, those of a class, classes */
    uint32_t *index; /* [n] items of ds: the n_positives of a class first */
    size_t n_systems;
    struct comparison_system *system; /* the cascade first where it is */
    size_t n_left;
    int32_t *left; /* families left out of the extra runs */
};

/* --- from data to scores ---------------------------------------------------
 */

/* Parse --systems and make room. A design, or "+" and a name behind it: a
 * variant, trained with the options that .with has for that name. Test images
 * that are copies, byte by byte, of some in train or valid are left out with a
 * warning. ds is owned by c afterwards, also on error. Errors: NN_ERR_ARG
 * (unknown system, a variant in .with that is not in .systems, unknown family,
 * nothing to test on), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
comparison_init(struct comparison *c, const struct comparison_options *opt,
                struct nn_dataset *ds, struct nn_error *err);
void comparison_release(struct comparison *c);

/* Train what is missing: every system and seed into OUT/SYSTEM-sSEED, and
 * OUT/SYSTEM-left-out. Errors: those of subprocess_train(). */
NN_MUST_CHECK enum nn_status comparison_train(struct comparison *c,
                                              struct nn_error *err);

/* Load every model, check that it was trained on these data, score the test
 * images, and comparison_measure(). Test images that cannot be read are
 * dropped for all. Errors: those of model_load() and cascade_score();
 * NN_ERR_ARG (a model of other data). */
NN_MUST_CHECK enum nn_status comparison_score(struct comparison *c,
                                              struct nn_error *err);

/* The cost of every system, from its first run. Equal nets and equal systems
 * are measured once. Errors: those of model_load(), cascade_create(),
 * nn_dataset_read() and subprocess_run(). */
NN_MUST_CHECK enum nn_status comparison_measure(struct comparison *c,
                                                struct nn_error *err);
/* Its last part, the speeds of the models m [n_systems], one a system, whose
 * gates are left closed. twin[i]: the first system of the same cost. */
NN_MUST_CHECK enum nn_status comparison_race(struct comparison *c,
                                             struct model *const *m,
                                             const size_t *twin,
                                             struct nn_error *err);
/* 1 when times of n rounds say that the machine was busy: at least half of them
 * exceed the least by more than a fifth, or of the time that the threads wanted
 * to run they spent more than a tenth waiting for a core (waited, 0..1). */
int comparison_unsure(const double *ms, size_t n, double waited);

/* --- what was measured ------------------------------------------------------
 */

/* Figures of a system: means over its runs, with intervals over the images. Of
 * a difference, those of the cascade minus those of the system. */
struct comparison_means {
    size_t n, n_runs;
    struct nn_interval *v; /* [n] */
    double *seed;          /* [n_runs,n] each run alone */
};

/* Shares of images with a class at which costs are given. */
enum { COMPARISON_PREVALENCES = 4, COMPARISON_RARE = 2 };
extern const double comparison_prevalence[COMPARISON_PREVALENCES];

struct comparison_price {
    double macs, ms; /* expected, an image; ms: of the nets alone, many at a
                        time */
    double images_s[COMPARISON_WAYS]; /* NaN: not measured */
};

struct comparison_system_result {
    struct comparison_means figures;  /* [OUTCOMES_FIGURES] */
    struct comparison_means families; /* [families, 2] FPR at 95 % and false
                                         positive; n 0: too many to show */
    struct comparison_means left_out; /* the same of the extra run, or n 0 */
    size_t *confusion;                /* [k+1,k+2] of all runs */
    struct comparison_price price[COMPARISON_PREVALENCES];
    double passed_on[2];  /* shares of the negatives and of the positives that
                             the gate passes on, mean of the runs */
    double ms_1, ms_bulk; /* a test image, the species net where it is
                             reached */
};

/* The cascade against another system. */
struct comparison_difference {
    struct comparison_means figures;
    double p_holm[OUTCOMES_FIGURES]; /* adjusted over the systems; NaN: none */
    size_t only_cascade, only_other; /* right, by majority of the runs */
    double mcnemar, mcnemar_holm;
    double even_macs, even_ms; /* largest prevalence at which the cascade costs
                                  no more; 1: always, NaN: never */
};

/* What the cascade costs beside another system where a class is rare
 * (COMPARISON_RARE). */
struct comparison_weight {
    int way; /* compared by; COMPARISON_WAYS: multiply-adds, where no time is
                sure */
    double ratio; /* cost of the other over that of the cascade */
};

/* Verdicts of the cascade's runs, and what a perfect stage would give. */
struct comparison_budget {
    size_t total, right, misses, false_passes, confusions, unknown;
    struct nn_interval perfect_gate, perfect_species; /* right verdicts */
};

struct comparison_result {
    size_t n_systems;
    struct comparison_system_result *system; /* as in struct comparison */
    size_t n_differences; /* 0, or n_systems - 1: from the second system on */
    struct comparison_difference *difference;
    size_t *family_n;                /* [families] test negatives */
    struct comparison_budget budget; /* total 0: there is no cascade */
    size_t duplicates, leaks;        /* nn_dataset_leaks() */
    size_t weighed; /* system that the sentence weighs the cascade against; 0:
                       none, there is no recommendation */
    struct comparison_weight weight;
    char *text;       /* the verdict in a sentence or two */
    char **condition; /* [n_conditions] what it holds under */
    size_t n_conditions;
};
/* From the scores and costs in c. Errors: NN_ERR_NOMEM, those of
 * nn_bootstrap_many(). */
NN_MUST_CHECK enum nn_status comparison_result_init(const struct comparison *c,
                                                    struct comparison_result *r,
                                                    struct nn_error *err);
void comparison_result_release(struct comparison_result *r);
/* Parts of it: prices and break-even points, */
void comparison_prices(const struct comparison *c, struct comparison_result *r);
struct comparison_weight comparison_weigh(const struct comparison *c,
                                          const struct comparison_result *r,
                                          size_t other);
/* and text and conditions from the rest. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status comparison_verdict(const struct comparison *c,
                                                struct comparison_result *r,
                                                struct nn_error *err);

/* --- what is written --------------------------------------------------------
 */

/* The contents of comparison.json; NULL with err set when out of memory. */
json_t *comparison_json(const struct comparison *c,
                        const struct comparison_result *r,
                        struct nn_error *err);

/* The table that compare prints. */
void comparison_print(const struct comparison *c,
                      const struct comparison_result *r, FILE *to);

/* {"INDEX": {"thumb", "cam": {SYSTEM}}}: images for the galleries of the
 * report as data URLs, as the net sees them, with the class-activation maps of
 * each system's first run laid over them (nn_scorer_map_bytes()); INDEX is the
 * position in the test images. NULL with err set on failure. */
json_t *comparison_images(const struct comparison *c, struct nn_error *err);

#endif /* PIPELINES_COMPARE_COMPARISON_H */
