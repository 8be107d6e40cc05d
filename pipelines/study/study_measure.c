/* False-positive rates at 95 % recall, by family, with intervals over images
 * and seeds. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/measure/outcomes.h"
#include "pipelines/study/study.h"

enum { STATS = STUDY_KINDS + 3 }; /* of one set of negatives */

/* Items of the bootstrap: the readable test images, then the seeds. */
struct measure {
    const struct study *s;
    size_t n, n_families;  /* the last family: none */
    struct outcomes *gate; /* [trials,kinds] the same images in each */
    uint8_t *stratum;      /* [n + seeds] */
    /* scratch of a thread: */
    uint32_t *pick;                /* [threads, n] the images drawn */
    uint32_t *weight;              /* [threads, seeds] draws of each seed */
    double *pass;                  /* [threads, 2 kinds, n_families] */
    struct outcomes_family *count; /* [threads, n_families] */
};

static const struct outcomes *gate_of(const struct measure *m, size_t trial,
                                      size_t kind)
{
    return &m->gate[trial * STUDY_KINDS + kind];
}

/* --- statistics of a resample --- */

static double quotient(double a, double b)
{
    return (a > 0 ? a : 0.5) / (b > 0 ? b : 0.5);
}

/* pass[kinds]: images, means over trials; n: how many negatives. */
static void put_stats(const double *pass, double n, double *v)
{
    double mined = pass[STUDY_MINED], random = pass[STUDY_RANDOM];

    for (int k = 0; k < STUDY_KINDS; k++) {
        v[k] = n > 0 ? pass[k] / n : (double)NAN;
    }
    v[STUDY_KINDS] = n > 0 ? quotient(random, mined) : (double)NAN;
    v[STUDY_KINDS + 1] =
        n > 0 ? quotient(pass[STUDY_BASE], mined) : (double)NAN;
    v[STUDY_KINDS + 2] = n > 0 ? (random - mined) / n : (double)NAN;
}

/* What one thread works on. */
struct sample {
    uint32_t *pick, *weight;
    size_t n; /* images drawn */
    struct outcomes_family *count;
    double *seen, *unseen; /* [kinds,n_families] passes, means over trials */
};

/* Add `times` times the negatives that pass at 95 % recall to pass[family]; of
 * a trial that leaves families out, theirs alone. */
static void add_passes(const struct measure *m, size_t trial, size_t kind,
                       const struct sample *x, double times, double *pass)
{
    const struct outcomes *t = gate_of(m, trial, kind);
    int32_t set = m->s->trial[trial].set;

    outcomes_families(t, x->pick, x->n, outcomes_limit95(t, x->pick, x->n),
                      x->count, m->n_families - 1);
    for (size_t f = 0; f < m->n_families; f++) {
        if (set < 0 || m->s->set_of[f] == set) {
            pass[f] += times * (double)x->count[f].over;
        }
    }
}

/* Passes of the trials with all families, and of those that did not see the
 * family. */
static void count_passes(const struct measure *m, const struct sample *x)
{
    const struct study *s = m->s;
    size_t nf = m->n_families;

    memset(x->seen, 0, 2 * STUDY_KINDS * nf * sizeof *x->seen);
    for (size_t k = 0; k < STUDY_KINDS; k++) {
        for (size_t t = 0; t < s->n_trials; t++) {
            int is_set = t >= s->n_seeds;
            double times =
                is_set ? 1 : (double)x->weight[t] / (double)s->n_seeds;

            if (times > 0) {
                add_passes(m, t, k, x, times,
                           (is_set ? x->unseen : x->seen) + k * nf);
            }
        }
    }
}

/* The images and the seeds among the items drawn (NULL: each once). */
static struct sample draw(const struct measure *m, const uint32_t *pick,
                          size_t n)
{
    size_t thread = nn_parallel_thread(), nf = m->n_families;
    size_t n_seeds = m->s->n_seeds;
    struct sample x = { .pick = m->pick + thread * m->n,
                        .weight = m->weight + thread * n_seeds,
                        .count = m->count + thread * nf,
                        .seen = m->pass + thread * 2 * STUDY_KINDS * nf };

    x.unseen = x.seen + STUDY_KINDS * nf;
    memset(x.weight, 0, n_seeds * sizeof *x.weight);
    for (size_t j = 0; j < n; j++) {
        uint32_t i = pick != NULL ? pick[j] : (uint32_t)j;

        if (i < m->n) {
            x.pick[x.n++] = i;
        } else {
            x.weight[i - m->n]++;
        }
    }
    return x;
}

/* nn_stats_fn: all, left out, each family, each family unseen. */
static void statistics(void *ctx, const uint32_t *pick, size_t n, double *v)
{
    const struct measure *m = ctx;
    size_t nf = m->n_families;
    struct sample x = draw(m, pick, n);
    double all[STUDY_KINDS] = { 0 }, left[STUDY_KINDS] = { 0 };
    double n_all = 0, n_left = 0;

    count_passes(m, &x);
    outcomes_families(gate_of(m, 0, 0), x.pick, x.n, 0, x.count, nf - 1);
    for (size_t f = 0; f < nf; f++) {
        double a[STUDY_KINDS], b[STUDY_KINDS], n_f = (double)x.count[f].n;
        int is_left = f + 1 < nf && m->s->set_of[f] >= 0;

        for (size_t k = 0; k < STUDY_KINDS; k++) {
            a[k] = x.seen[k * nf + f];
            b[k] = x.unseen[k * nf + f];
            all[k] += a[k];
            left[k] += b[k];
        }
        n_all += n_f;
        n_left += is_left ? n_f : 0;
        put_stats(a, n_f, v + (2 + f) * STATS);
        put_stats(b, is_left ? n_f : 0, v + (2 + nf + f) * STATS);
    }
    put_stats(all, n_all, v);
    put_stats(left, n_left, v + STATS);
}

/* --- setting up --- */

static void measure_release(struct measure *m)
{
    size_t gates = m->s->n_trials * STUDY_KINDS;

    for (size_t i = 0; m->gate != NULL && i < gates; i++) {
        outcomes_release(&m->gate[i]);
    }
    nn_mem_free(m->gate);
    nn_mem_free(m->stratum);
    nn_mem_free(m->pick);
    nn_mem_free(m->weight);
    nn_mem_free(m->pass);
    nn_mem_free(m->count);
}

/* The table of every gate. */
static enum nn_status fill_gates(struct measure *m, struct nn_error *err)
{
    const struct experiment_test *t = &m->s->test;
    int32_t *family = nn_mem_calloc(t->n, sizeof *family);
    struct outcomes_gate g = {
        .n = t->n, .positive = t->positive, .ok = t->ok, .family = family
    };
    enum nn_status st = NN_OK;

    if (family == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < t->n; i++) {
        family[i] = m->s->ds->items[t->index[i]].family;
    }
    for (size_t i = 0; i < m->s->n_trials * STUDY_KINDS; i++) {
        g.p_positive = m->s->trial[i / STUDY_KINDS].run[i % STUDY_KINDS].score;
        st = outcomes_of_gate(&m->gate[i], &g, err);
        if (st) {
            goto out;
        }
    }
out:
    nn_mem_free(family);
    return st;
}

static enum nn_status measure_init(struct measure *m, const struct study *s,
                                   struct nn_error *err)
{
    size_t threads = (size_t)nn_parallel_threads();
    size_t n = s->test.n_positives + s->test.n_negatives;
    enum nn_status st;

    *m =
        (struct measure){ .s = s, .n = n, .n_families = s->ds->n_families + 1 };
    if (s->test.n_positives == 0 || s->test.n_negatives == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "no readable images of a class, or no readable "
                       "negatives, in the test part");
    }
    m->gate = nn_mem_calloc(s->n_trials, STUDY_KINDS * sizeof *m->gate);
    m->stratum = nn_mem_calloc(n + s->n_seeds, 1);
    m->pick = nn_mem_calloc(threads, n * sizeof *m->pick);
    m->weight = nn_mem_calloc(threads, s->n_seeds * sizeof *m->weight);
    m->pass = nn_mem_calloc(threads,
                            2 * STUDY_KINDS * m->n_families * sizeof *m->pass);
    m->count = nn_mem_calloc(threads, m->n_families * sizeof *m->count);
    if (m->gate == NULL || m->stratum == NULL || m->pick == NULL ||
        m->weight == NULL || m->pass == NULL || m->count == NULL) {
        return nn_fail_nomem(err);
    }
    st = fill_gates(m, err);
    if (st) {
        return st;
    }
    memcpy(m->stratum, m->gate[0].positive, n);
    memset(m->stratum + n, 2, s->n_seeds);
    return NN_OK;
}

/* --- results --- */

/* Gates that pass the same images show no difference, however few those are. */
static void tell_nothing(struct nn_interval *v, double none)
{
    if (fabs(v->value - none) < 1e-12) {
        outcomes_drop_interval(v);
    }
}

static void take(const struct nn_interval *v, size_t n, struct study_figures *f)
{
    *f = (struct study_figures){ .n = n };
    for (int k = 0; k < STUDY_KINDS; k++) {
        f->rate[k] = v[k];
    }
    f->ratio = v[STUDY_KINDS];
    f->ratio_base = v[STUDY_KINDS + 1];
    f->gain = v[STUDY_KINDS + 2];
    for (int k = 0; k < STUDY_KINDS; k++) {
        outcomes_widen_share(&f->rate[k], n);
    }
    tell_nothing(&f->ratio, 1);
    tell_nothing(&f->ratio_base, 1);
    tell_nothing(&f->gain, 0);
}

static void take_all(const struct measure *m, const struct nn_interval *v,
                     struct study_result *r)
{
    size_t nf = m->n_families, n_left = 0;

    outcomes_families(gate_of(m, 0, 0), NULL, m->n, 0, m->count, nf - 1);
    for (size_t f = 0; f < nf; f++) {
        int is_left = f + 1 < nf && m->s->set_of[f] >= 0;
        size_t n = m->count[f].n;

        n_left += is_left ? n : 0;
        take(v + (2 + f) * STATS, n, &r->family[f]);
        take(v + (2 + nf + f) * STATS, is_left ? n : 0, &r->unseen[f]);
    }
    take(v, m->s->test.n_negatives, &r->all);
    take(v + STATS, n_left, &r->left_out);
}

enum nn_status study_measure(const struct study *s, size_t replicates,
                             struct study_result *r, struct nn_error *err)
{
    struct measure m;
    struct nn_bootstrap spec = { .replicates = replicates,
                                 .confidence = NN_CONFIDENCE,
                                 .seed = 1 };
    struct nn_interval *v = NULL;
    size_t n_stats;
    enum nn_status st = measure_init(&m, s, err);

    *r = (struct study_result){ .n_families = m.n_families };
    if (st) {
        goto out;
    }
    n_stats = (2 + 2 * m.n_families) * STATS;
    v = nn_mem_calloc(n_stats, sizeof *v);
    r->family = nn_mem_calloc(m.n_families, sizeof *r->family);
    r->unseen = nn_mem_calloc(m.n_families, sizeof *r->unseen);
    if (v == NULL || r->family == NULL || r->unseen == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    spec.n = m.n + s->n_seeds;
    spec.stratum = m.stratum;
    st = nn_bootstrap_many(&spec, statistics, &m, n_stats, v, err);
    if (st) {
        goto out;
    }
    take_all(&m, v, r);
out:
    nn_mem_free(v);
    measure_release(&m);
    if (st) {
        study_result_release(r);
    }
    return st;
}

void study_result_release(struct study_result *r)
{
    nn_mem_free(r->family);
    nn_mem_free(r->unseen);
    *r = (struct study_result){ .family = NULL };
}

const char *study_verdict_name(enum study_verdict v)
{
    static const char *const names[] = { "helped", "hurt", "unclear" };

    return names[v];
}

enum study_verdict study_judge(const struct study_figures *f)
{
    int enough = f->n >= STUDY_MIN_IMAGES;

    return enough && f->gain.lo > 0   ? STUDY_HELPED
           : enough && f->gain.hi < 0 ? STUDY_HURT
                                      : STUDY_UNCLEAR;
}
