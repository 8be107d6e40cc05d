/* What each system costs: time, memory, multiply-adds; and when the cascade is
 * the cheaper one. */
#include <math.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/experiment/subprocess.h"
#include "pipelines/compare/comparison.h"

enum {
    BULK = 32,          /* images a step of the timed passes */
    ROUNDS = 7,         /* through all nets, at least */
    PASSES = 3,         /* of each net in a round; the least of all counts */
    MEMORY_IMAGES = 64, /* that classify is given for its peak */
    TIMINGS = 2 * (2 + RUNGS_MAX), /* of a system */
};
#define SECONDS 0.5 /* that the rounds last, at least */
/* Shares of their multiply-adds by which nets that cost the same may differ. */
#define SAME_COST 0.01

/* --- time ------------------------------------------------------------------
 *
 * Round after round through all nets, and the least of each: a machine that
 * is busy for a while must not make one net look slower than its equal. */

struct timing {
    const struct nn_net *net;
    int classifier; /* 1: of the net its classifier alone */
    int32_t batch;
    double ms; /* an image */
};

/* Where the time of a timing goes. */
struct wanted {
    size_t timing;
    double *to;
};

struct timings {
    struct timing *t; /* each net once a batch size */
    struct wanted *wanted;
    size_t n, n_wanted;
};

/* PASSES of a scorer after one to warm up; the least time stays. */
static enum nn_status time_passes(struct timing *t, struct nn_scorer *s,
                                  const uint8_t *rgb, float *logits,
                                  struct nn_error *err)
{
    for (int i = -1; i < PASSES; i++) {
        double t0 = nn_time_s();
        enum nn_status st = nn_scorer_run_bytes(s, rgb, t->batch, logits, err);

        if (st) {
            return st;
        }
        if (i >= 0) {
            t->ms = fmin(t->ms, (nn_time_s() - t0) * 1e3 / t->batch);
        }
    }
    return NN_OK;
}

/* One round of a net alone. Noise as input: the kernels do not look at
 * values. */
static enum nn_status time_round(struct timing *t, struct nn_error *err)
{
    size_t side = (size_t)t->net->spec.size, bytes = side * side * 3;
    size_t batch = (size_t)t->batch;
    uint8_t *rgb = nn_mem_calloc(batch, bytes);
    float *logits =
        nn_mem_calloc(batch * t->net->spec.n_outputs, sizeof *logits);
    struct nn_scorer *s = NULL;
    enum nn_status st;

    if (rgb == NULL || logits == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_scorer_create(t->net, t->batch, &s, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < batch * bytes; i++) {
        rgb[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    st = time_passes(t, s, rgb, logits, err);
out:
    nn_scorer_destroy(&s);
    nn_mem_free(logits);
    nn_mem_free(rgb);
    return st;
}

static enum nn_status time_classifier(struct timing *t, struct nn_error *err)
{
    size_t batch = (size_t)t->batch;
    float *x = nn_mem_calloc(batch, nn_feature_dims(t->net) * sizeof *x);
    float *z = nn_mem_calloc(batch, t->net->spec.n_outputs * sizeof *z);
    enum nn_status st = NN_OK;

    if (x == NULL || z == NULL) {
        st = nn_fail_nomem(err);
    }
    for (int i = 0; !st && i < PASSES; i++) {
        double t0 = nn_time_s();

        st = nn_net_classify(t->net, x, batch, z, err);
        t->ms = fmin(t->ms, (nn_time_s() - t0) * 1e3 / t->batch);
    }
    nn_mem_free(z);
    nn_mem_free(x);
    return st;
}

static enum nn_status time_all(struct timing *t, size_t n, struct nn_error *err)
{
    double t0 = nn_time_s();

    for (size_t i = 0; i < n; i++) {
        t[i].ms = (double)INFINITY;
    }
    for (int round = 0; round < ROUNDS || nn_time_s() - t0 < SECONDS; round++) {
        for (size_t i = 0; i < n; i++) {
            enum nn_status st = t[i].classifier ? time_classifier(&t[i], err)
                                                : time_round(&t[i], err);

            if (st) {
                return st;
            }
        }
    }
    return NN_OK;
}

/* Nets that cost the same: alike but for some outputs. */
static int same_net(const struct nn_net *a, const struct nn_net *b)
{
    const struct nn_net_spec *x, *y;
    double more;

    if (a == NULL || b == NULL) {
        return a == b;
    }
    x = &a->spec;
    y = &b->spec;
    if (x->arch != y->arch || x->width != y->width || x->size != y->size ||
        x->n_more != y->n_more) {
        return 0;
    }
    for (size_t i = 0; i < x->n_more; i++) {
        if (x->more[i].size != y->more[i].size) {
            return 0;
        }
    }
    more = (double)nn_net_macs(a) / (double)nn_net_macs(b);
    return fabs(more - 1) < SAME_COST;
}

static void add_timing(struct timings *all, const struct nn_net *net,
                       int classifier, int32_t batch, double *to)
{
    size_t i = 0;

    while (i < all->n &&
           (all->t[i].batch != batch || all->t[i].classifier != classifier ||
            !same_net(all->t[i].net, net))) {
        i++;
    }
    if (i == all->n) {
        all->t[all->n++] = (struct timing){ .net = net,
                                            .classifier = classifier,
                                            .batch = batch };
    }
    all->wanted[all->n_wanted++] = (struct wanted){ i, to };
}

/* Those of a system, two for each of its nets: TIMINGS at most. */
static void add_timings(struct timings *all, const struct model *m,
                        struct comparison_cost *k)
{
    for (size_t i = 0; i < m->rungs.n; i++) {
        add_timing(all, m->rungs.v[i].net, 0, 1, &k->rung[i].ms_1);
        add_timing(all, m->rungs.v[i].net, 0, BULK, &k->rung[i].ms_bulk);
    }
    add_timing(all, m->gate, 0, 1, &k->ms_gate_1);
    add_timing(all, m->gate, 0, BULK, &k->ms_gate_bulk);
    if (m->species != NULL) {
        int alone = model_one_trunk(m);

        add_timing(all, m->species, alone, 1, &k->ms_species_1);
        add_timing(all, m->species, alone, BULK, &k->ms_species_bulk);
    }
}

/* --- memory ----------------------------------------------------------------
 */

/* Largest memory of `classify` on some test images, where DATA is a folder
 * whose files have paths. */
static enum nn_status measure_memory(const struct comparison *c,
                                     const struct comparison_run *r,
                                     double *bytes, struct nn_error *err)
{
    enum { FIXED = 6 };
    const char *args[FIXED + MEMORY_IMAGES] = { "classify", "--model",
                                                r->dir,     "--all-stages",
                                                "--quiet",  "--" };
    char *own[MEMORY_IMAGES] = { NULL };
    size_t n = 0, step = c->n / MEMORY_IMAGES + 1;
    struct subprocess_result result = { 0 };
    enum nn_status st = NN_OK;

    *bytes = (double)NAN;
    if (!nn_file_is_dir(c->opt->data)) {
        return NN_OK;
    }
    for (size_t i = 0; i < c->n && n < MEMORY_IMAGES; i += step) {
        own[n] = nn_path_join(c->opt->data, c->ds->items[c->index[i]].file);
        if (own[n] == NULL) {
            st = nn_fail_nomem(err);
            goto out;
        }
        args[FIXED + n] = own[n];
        n++;
    }
    if (n == 0 || !nn_file_exists(own[0])) {
        goto out;
    }
    st = subprocess_run(args, FIXED + n, NULL, &result, err);
    if (st) {
        goto out;
    }
    if (result.status == 0 && result.peak_bytes > 0) {
        *bytes = result.peak_bytes;
    }
out:
    for (size_t i = 0; i < n; i++) {
        nn_mem_free(own[i]);
    }
    return st;
}

/* --- all of it -------------------------------------------------------------
 */

static size_t classifier_count(const struct nn_net *net)
{
    int last = nn_graph_last_stage(net->graph);

    return nn_graph_stage_param(net->graph, last, NN_PARAM_WEIGHT)->count +
           nn_graph_stage_param(net->graph, last, NN_PARAM_BIAS)->count;
}

static void count(const struct model *m, struct comparison_cost *k)
{
    k->parameters = nn_graph_param_count(m->gate->graph);
    k->macs_gate = nn_net_macs(m->gate);
    k->n_rungs = m->rungs.n;
    for (size_t i = 0; i < m->rungs.n; i++) {
        const struct rung *r = &m->rungs.v[i];

        k->parameters += nn_graph_param_count(r->net->graph);
        k->rung[i] = (struct comparison_rung){ .macs = nn_net_macs(r->net),
                                               .go_on = { r->fpr, r->recall } };
    }
    if (m->species != NULL) {
        size_t of_classifier =
            nn_feature_dims(m->species) * (size_t)m->species->spec.n_outputs;

        k->parameters += nn_net_same_trunk(m->gate, m->species)
                             ? classifier_count(m->species)
                             : nn_graph_param_count(m->species->graph);
        k->macs_species =
            model_one_trunk(m) ? of_classifier : nn_net_macs(m->species);
    }
}

/* No rungs: those of two trainings need not reject the same. */
static int same_nets(const struct model *a, const struct model *b)
{
    return a->rungs.n == 0 && b->rungs.n == 0 && same_net(a->gate, b->gate) &&
           same_net(a->species, b->species) &&
           model_one_trunk(a) == model_one_trunk(b);
}

/* Systems of the same nets cost the same: the first of them. */
static size_t twin_of(struct model *const *m, size_t i)
{
    size_t j = 0;

    while (j < i && !same_nets(m[j], m[i])) {
        j++;
    }
    return j;
}

static enum nn_status load_all(struct comparison *c, struct model **m,
                               size_t *twin, struct timings *t,
                               struct nn_error *err)
{
    for (size_t i = 0; i < c->n_systems; i++) {
        struct comparison_system *s = &c->system[i];
        enum nn_status st = model_load(s->run[0].dir, &m[i], err);

        if (st) {
            return st;
        }
        twin[i] = twin_of(m, i);
        count(m[i], &s->cost);
        add_timings(t, m[i], &s->cost);
        st = measure_memory(c, &s->run[0], &s->cost.peak_bytes, err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

enum nn_status comparison_measure(struct comparison *c, struct nn_error *err)
{
    struct model **m = nn_mem_calloc(c->n_systems, sizeof(struct model *));
    size_t *twin = nn_mem_calloc(c->n_systems, sizeof *twin);
    struct timings all = {
        .t = nn_mem_calloc(TIMINGS * c->n_systems, sizeof *all.t),
        .wanted = nn_mem_calloc(TIMINGS * c->n_systems, sizeof *all.wanted),
    };
    enum nn_status st;

    if (m == NULL || twin == NULL || all.t == NULL || all.wanted == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = load_all(c, m, twin, &all, err);
    if (st) {
        goto out;
    }
    st = time_all(all.t, all.n, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < all.n_wanted; i++) {
        *all.wanted[i].to = all.t[all.wanted[i].timing].ms;
    }
    st = comparison_race(c, m, twin, err);
out:
    for (size_t i = 0; m != NULL && i < c->n_systems; i++) {
        model_destroy(&m[i]);
    }
    nn_mem_free(m);
    nn_mem_free(twin);
    nn_mem_free(all.t);
    nn_mem_free(all.wanted);
    return st;
}

/* --- cost against prevalence ------------------------------------------------
 */

const double comparison_prevalence[COMPARISON_PREVALENCES] = { 0.5, 0.1, 0.01,
                                                               0.001 };

/* Shares of the positives and of the negatives that reach the species net, in
 * all runs. */
struct rates {
    double recall, fpr;
};

static struct rates rates(const struct comparison *c,
                          const struct comparison_system *s)
{
    double n = (double)s->n_runs, pos = (double)c->n_positives;
    size_t true_positives = 0, false_positives = 0;

    for (size_t r = 0; r < s->n_runs; r++) {
        const struct outcomes *t = &s->run[r].said;

        for (size_t i = 0; i < t->n; i++) {
            int passed = outcomes_passed_gate(t, i);

            true_positives += passed && t->positive[i];
            false_positives += passed && !t->positive[i];
        }
    }
    return (struct rates){ (double)true_positives / (n * pos),
                           (double)false_positives /
                               (n * ((double)c->n - pos)) };
}

enum unit { UNIT_MACS, UNIT_MS_1, UNIT_MS_BULK };

static double of_rung(const struct comparison_rung *r, enum unit u)
{
    return u == UNIT_MACS   ? (double)r->macs
           : u == UNIT_MS_1 ? r->ms_1
                            : r->ms_bulk;
}

/* Expected cost of an image up to the gate: each net times the share of images
 * that come to it. */
static double ladder_price(const struct comparison_cost *k, enum unit u,
                           double prevalence)
{
    double gate = u == UNIT_MACS   ? (double)k->macs_gate
                  : u == UNIT_MS_1 ? k->ms_gate_1
                                   : k->ms_gate_bulk;
    double sum = 0, reach = 1;

    for (size_t i = 0; i < k->n_rungs; i++) {
        const struct comparison_rung *r = &k->rung[i];

        sum += reach * of_rung(r, u);
        reach = prevalence * r->go_on[1] + (1 - prevalence) * r->go_on[0];
    }
    return k->n_rungs > 0 ? sum + reach * gate : gate;
}

/* Expected cost of an image: ladder + pass(prevalence) species, with
 * pass = prevalence recall + (1 - prevalence) fpr. */
static double price(const struct comparison_cost *k, enum unit u,
                    struct rates r, double prevalence)
{
    double species =
        u == UNIT_MACS ? (double)k->macs_species : k->ms_species_bulk;

    return ladder_price(k, u, prevalence) +
           (prevalence * r.recall + (1 - prevalence) * r.fpr) * species;
}

/* Largest prevalence at which a line costs no more than another, given the
 * differences of their ends: 1 when always, NaN when never (or at 0 alone). */
static double break_even(double at0, double at1)
{
    if (at1 <= 0) {
        return 1;
    }
    return at0 < 0 ? at0 / (at0 - at1) : (double)NAN;
}

/* Images a second: times of others and of images of a class, each between that
 * where nothing and that where everything is passed on. */
static double images_s(const struct comparison_speed *s, struct rates r,
                       double prevalence)
{
    double others = (1 - r.fpr) * s->ms[0][0] + r.fpr * s->ms[0][1];
    double positives = (1 - r.recall) * s->ms[1][0] + r.recall * s->ms[1][1];

    return 1000 / ((1 - prevalence) * others + prevalence * positives);
}

static struct comparison_price price_at(const struct comparison *c,
                                        const struct comparison_system *s,
                                        double prevalence)
{
    const struct comparison_cost *k = &s->cost;
    struct rates r = rates(c, s);

    return (struct comparison_price){
        price(k, UNIT_MACS, r, prevalence),
        price(k, UNIT_MS_BULK, r, prevalence),
        { images_s(&k->speed[COMPARISON_MEMORY], r, prevalence),
          images_s(&k->speed[COMPARISON_FILES], r, prevalence) }
    };
}

/* Of a test image: the share that reaches the species net in a run. */
static double pass_rate(const struct outcomes *t)
{
    size_t passed = 0;

    for (size_t i = 0; i < t->n; i++) {
        passed += (size_t)outcomes_passed_gate(t, i);
    }
    return (double)passed / (double)t->n;
}

void comparison_prices(const struct comparison *c, struct comparison_result *r)
{
    for (size_t i = 0; i < c->n_systems; i++) {
        const struct comparison_system *s = &c->system[i];
        struct comparison_system_result *to = &r->system[i];
        const struct comparison_cost *k = &s->cost;
        double pass = pass_rate(&s->run[0].said);
        double share = (double)c->n_positives / (double)c->n;
        struct rates at = rates(c, s);

        to->passed_on[0] = at.fpr;
        to->passed_on[1] = at.recall;
        to->ms_1 = ladder_price(k, UNIT_MS_1, share) + pass * k->ms_species_1;
        to->ms_bulk =
            ladder_price(k, UNIT_MS_BULK, share) + pass * k->ms_species_bulk;
        for (size_t p = 0; p < COMPARISON_PREVALENCES; p++) {
            to->price[p] = price_at(c, s, comparison_prevalence[p]);
        }
    }
    for (size_t i = 0; i < r->n_differences; i++) {
        struct comparison_price us[2], it[2];

        for (int end = 0; end < 2; end++) {
            us[end] = price_at(c, &c->system[0], end);
            it[end] = price_at(c, &c->system[i + 1], end);
        }
        r->difference[i].even_macs =
            break_even(us[0].macs - it[0].macs, us[1].macs - it[1].macs);
        r->difference[i].even_ms =
            break_even(us[0].ms - it[0].ms, us[1].ms - it[1].ms);
    }
}

struct comparison_weight comparison_weigh(const struct comparison *c,
                                          const struct comparison_result *r,
                                          size_t other)
{
    const struct comparison_price *us = &r->system[0].price[COMPARISON_RARE];
    const struct comparison_price *it =
        &r->system[other].price[COMPARISON_RARE];
    static const int ways[] = { COMPARISON_FILES, COMPARISON_MEMORY };

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        int w = ways[i];
        int unsure = c->system[0].cost.speed[w].unsure ||
                     c->system[other].cost.speed[w].unsure;
        double ratio = us->images_s[w] / it->images_s[w];

        if (!unsure && isfinite(ratio)) {
            return (struct comparison_weight){ w, ratio };
        }
    }
    return (struct comparison_weight){ COMPARISON_WAYS, it->macs / us->macs };
}
