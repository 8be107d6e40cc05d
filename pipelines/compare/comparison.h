/* pipelines/compare/comparison.h - designs trained and measured side by side.
 *
 * Every design is trained with the same pictures, backbone, views, number of
 * training pictures seen and seeds, and judged on the same test pictures at
 * thresholds that the same rule fitted on the validation split. The written
 * form is comparison.json; docs/comparison.md has its grammar. */
#ifndef PIPELINES_COMPARE_COMPARISON_H
#define PIPELINES_COMPARE_COMPARISON_H

#include <jansson.h>

#include "common/base/options.h"
#include "common/eval/metrics.h"
#include "common/eval/stats.h"
#include "pipelines/cascade/cascade.h"

#define COMPARISON_FORMAT "bearcascade-comparison 1"

/* --- what is compared ------------------------------------------------------
 */

struct comparison_design {
    const char *name; /* "multilabel-focal" */
    enum model_system system;
    int focal;
    int sees_negatives; /* 0: leaving a family out changes nothing */
};
extern const struct comparison_design comparison_designs[];
extern const size_t comparison_n_designs;

struct comparison_options {
    const char *data, *out;
    const char *systems; /* "cascade,multilabel", or NULL: all */
    int seeds;           /* 1..seeds */
    int gate_epochs, species_epochs;
    uint64_t split_seed;            /* where the data have no splits */
    struct nn_option_list left_out; /* families; empty: every fourth */
    int no_left_out;
    struct nn_option_list with; /* more options of train, "gate-size=64" */
    int replicates;             /* of the bootstrap */
    int threads;
};

/* One trained model and what it said of the test pictures. */
struct comparison_run {
    uint64_t seed;
    char *dir, *command;
    char hash[33]; /* of the weights' bytes */
    double threshold, floor;
    double train_seconds;
    double *p_bear;   /* [n] */
    double *p;        /* [n,k] */
    int32_t *verdict; /* [n] class, k: none, k+1: unknown_bear */
    int32_t *best;    /* [n] most likely class, whatever the gate says */
    uint8_t *right;   /* [n] the verdict is the truth */
    double *trust;    /* [n] probability of `best` */
    struct nn_ranking ranking, open_set;
};

struct comparison_cost {
    size_t parameters, macs_gate, macs_species;
    double ms_gate_1, ms_species_1;       /* a picture, one at a time */
    double ms_gate_bulk, ms_species_bulk; /* a picture, 32 at a time */
    double peak_bytes;                    /* of classify; NaN: not measured */
};

struct comparison_system {
    const struct comparison_design *design;
    size_t n_runs;
    struct comparison_run *run;
    struct comparison_run *left_out; /* or NULL */
    struct comparison_cost cost;
};

struct comparison {
    const struct comparison_options *opt;
    struct nn_dataset *ds;
    size_t n, n_positives, k; /* test pictures, those of a class, classes */
    uint32_t *index;          /* [n] items of ds: classes first */
    int32_t *label;           /* [n] class, or k */
    uint8_t *positive;        /* [n] */
    size_t n_systems;
    struct comparison_system *system; /* the cascade first where it is */
    size_t n_left;
    int32_t *left; /* families left out of the extra runs */
};

/* --- from data to scores ---------------------------------------------------
 */

/* Parse --systems and make room. ds is owned by c afterwards, also on error.
 * Errors: NN_ERR_ARG (unknown or repeated system, unknown family, nothing to
 * test on), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
comparison_init(struct comparison *c, const struct comparison_options *opt,
                struct nn_dataset *ds, struct nn_error *err);
void comparison_release(struct comparison *c);

/* Train what is missing: every design and seed into OUT/DESIGN-sSEED, and
 * OUT/DESIGN-left-out. Errors: those of subprocess_train(). */
NN_MUST_CHECK enum nn_status comparison_train(struct comparison *c,
                                              struct nn_error *err);

/* Load every model, check that it was trained on these data, score the test
 * pictures, and comparison_measure(). Test pictures that cannot be read are
 * dropped for all. Errors: those of model_load() and cascade_score();
 * NN_ERR_ARG (a model of other data). */
NN_MUST_CHECK enum nn_status comparison_score(struct comparison *c,
                                              struct nn_error *err);

/* The cost of every system, from its first run. Errors: those of
 * model_load(), nn_scorer_create() and subprocess_run(). */
NN_MUST_CHECK enum nn_status comparison_measure(struct comparison *c,
                                                struct nn_error *err);

/* --- figures ---------------------------------------------------------------
 */

enum {
    FIGURE_ROC_AREA,
    FIGURE_AVERAGE_PRECISION,
    FIGURE_FPR95,
    FIGURE_FPR99,
    FIGURE_SPECIES_ACCURACY,
    FIGURE_END_TO_END,
    FIGURE_MACRO_F1,
    FIGURE_OSCR_AREA,
    FIGURE_GATE_ECE,
    FIGURE_SPECIES_ECE,
    FIGURE_MISS_RATE,
    FIGURE_FALSE_ALARM,
    FIGURE_UNKNOWN_RATE,
    N_FIGURES,
};
extern const char *const comparison_figure_names[N_FIGURES];

/* One run's figures of the test pictures pick[0..n-1] (NULL: each once).
 * value [N_FIGURES]; NaN where there is none. Any thread. */
void comparison_figures(const struct comparison *c,
                        const struct comparison_run *r, const uint32_t *pick,
                        size_t n, double *value);
/* FPR at 95 % and false alarm of every family, [n_families, 2]. */
void comparison_family_figures(const struct comparison *c,
                               const struct comparison_run *r,
                               const uint32_t *pick, size_t n, double *value);

/* The parts of comparison.json; NULL with err set on failure. */
json_t *comparison_system_json(const struct comparison *c,
                               const struct comparison_system *s,
                               struct nn_error *err);
json_t *comparison_differences_json(const struct comparison *c,
                                    struct nn_error *err);
json_t *comparison_budget_json(const struct comparison *c,
                               struct nn_error *err);
/* {"prevalence": [...], "break_even": [...]} */
json_t *comparison_prevalence_json(const struct comparison *c,
                                   struct nn_error *err);
json_t *comparison_json(const struct comparison *c, struct nn_error *err);

/* {"INDEX": {"thumb", "cam": {SYSTEM}}}: pictures for the galleries of the
 * report as data URLs, as the net sees them, with the class-activation maps of
 * each system's first run laid over them (nn_scorer_map_bytes()); INDEX is the
 * position in the test pictures. NULL with err set on failure. */
json_t *comparison_pictures(const struct comparison *c, struct nn_error *err);

/* {"text","conditions"} from the other parts. NULL: out of memory. */
json_t *comparison_verdict(const struct comparison *c, const json_t *all);

/* The table that compare prints. */
void comparison_print(const json_t *all, FILE *to);

/* Mean figures over images with their interval: fn writes n_stats values of
 * one resample; ctx goes to it. */
NN_MUST_CHECK enum nn_status comparison_intervals(const struct comparison *c,
                                                  nn_stats_fn *fn, void *ctx,
                                                  size_t n_stats,
                                                  struct nn_interval *out,
                                                  struct nn_error *err);
/* A number, or null where it is not finite. */
json_t *comparison_number(double x);

#endif /* PIPELINES_COMPARE_COMPARISON_H */
