/* False-positive rates at 95 % hit rate, by family, with intervals over
 * pictures and seeds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/study/study.h"

enum { STATS = STUDY_KINDS + 3 }; /* of one set of negatives */
#define HIT_RATE   0.95
#define CONFIDENCE 0.95

/* Items of the bootstrap: the readable test pictures, then the seeds. */
struct measure {
    const struct study *s;
    size_t n, n_families;
    uint32_t *test;   /* [n] place in s->test */
    uint32_t *family; /* [n] of negatives; n_families - 1: none */
    uint8_t *positive;
    uint8_t *stratum; /* [n + seeds] */
    uint32_t *order;  /* [trials,kinds,n] pictures by falling score */
    /* scratch of a thread: */
    uint32_t *weight; /* [threads, n + seeds] */
    double *pass;     /* [threads, 2 kinds, n_families] */
};

/* --- one gate on weighted pictures --- */

struct ranked {
    double score;
    uint32_t i;
};

static int falling(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    return x->score != y->score ? (x->score < y->score ? 1 : -1)
                                : (x->i > y->i) - (x->i < y->i);
}

static double score_of(const struct measure *m, size_t trial, int kind,
                       uint32_t i)
{
    return m->s->trial[trial].run[kind].score[m->test[i]];
}

/* Add `times` times the weights of the negatives that pass at 95 % hit rate
 * to pass[family]; of a trial that leaves families out, theirs alone. */
static void add_passes(const struct measure *m, size_t trial, int kind,
                       const uint32_t *weight, double times, double *pass)
{
    int32_t set = m->s->trial[trial].set;
    const uint32_t *order =
        m->order + (trial * STUDY_KINDS + (size_t)kind) * m->n;
    double hits = 0, all = 0, last = INFINITY;

    for (size_t i = 0; i < m->n; i++) {
        all += m->positive[i] ? weight[i] : 0;
    }
    for (size_t k = 0; k < m->n; k++) {
        uint32_t i = order[k];
        double score = score_of(m, trial, kind, i);

        if (score != last && hits / all >= HIT_RATE) {
            return; /* ties pass together */
        }
        last = score;
        if (m->positive[i]) {
            hits += weight[i];
        } else if (set < 0 || m->s->set_of[m->family[i]] == set) {
            pass[m->family[i]] += times * weight[i];
        }
    }
}

/* --- statistics of a resample --- */

static double quotient(double a, double b)
{
    return (a > 0 ? a : 0.5) / (b > 0 ? b : 0.5);
}

/* pass[kinds]: pictures, means over trials; n: how many negatives. */
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

/* pass[kind][family] of the trials with all families, and of those that did
 * not see the family. */
static void count_passes(const struct measure *m, const uint32_t *weight,
                         double *seen, double *unseen)
{
    const struct study *s = m->s;
    size_t nf = m->n_families;

    for (size_t k = 0; k < STUDY_KINDS; k++) {
        for (size_t t = 0; t < s->n_trials; t++) {
            int is_set = t >= s->n_seeds;
            double times =
                is_set ? 1 : (double)weight[m->n + t] / (double)s->n_seeds;

            if (times > 0) {
                add_passes(m, t, (int)k, weight, times,
                           (is_set ? unseen : seen) + k * nf);
            }
        }
    }
}

/* nn_stats_fn: all, left out, each family, each family unseen. */
static void statistics(void *ctx, const uint32_t *pick, size_t n, double *v)
{
    const struct measure *m = ctx;
    size_t nf = m->n_families, width = m->n + m->s->n_seeds;
    uint32_t *weight = m->weight + nn_parallel_thread() * width;
    double *seen = m->pass + nn_parallel_thread() * 2 * STUDY_KINDS * nf;
    double *unseen = seen + STUDY_KINDS * nf;
    double all[STUDY_KINDS] = { 0 }, left[STUDY_KINDS] = { 0 };
    double n_all = 0, n_left = 0;

    for (size_t i = 0; i < width; i++) {
        weight[i] = pick == NULL;
    }
    for (size_t i = 0; pick != NULL && i < n; i++) {
        weight[pick[i]]++;
    }
    memset(seen, 0, 2 * STUDY_KINDS * nf * sizeof *seen);
    count_passes(m, weight, seen, unseen);
    for (size_t f = 0; f < nf; f++) {
        double a[STUDY_KINDS], b[STUDY_KINDS], n_f = 0;
        int is_left = f + 1 < nf && m->s->set_of[f] >= 0;

        for (size_t i = 0; i < m->n; i++) {
            n_f += !m->positive[i] && m->family[i] == f ? weight[i] : 0;
        }
        for (int k = 0; k < STUDY_KINDS; k++) {
            a[k] = seen[(size_t)k * nf + f];
            b[k] = unseen[(size_t)k * nf + f];
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
    nn_mem_free(m->test);
    nn_mem_free(m->family);
    nn_mem_free(m->positive);
    nn_mem_free(m->stratum);
    nn_mem_free(m->order);
    nn_mem_free(m->weight);
    nn_mem_free(m->pass);
}

static enum nn_status rank_all(struct measure *m, struct nn_error *err)
{
    struct ranked *r = nn_mem_calloc(m->n, sizeof *r);
    uint32_t *to = m->order;

    if (r == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t t = 0; t < m->s->n_trials; t++) {
        for (int k = 0; k < STUDY_KINDS; k++) {
            for (uint32_t i = 0; i < m->n; i++) {
                r[i] = (struct ranked){ score_of(m, t, k, i), i };
            }
            qsort(r, m->n, sizeof *r, falling);
            for (size_t i = 0; i < m->n; i++) {
                *to++ = r[i].i;
            }
        }
    }
    nn_mem_free(r);
    return NN_OK;
}

static void list_pictures(struct measure *m)
{
    const struct experiment_test *t = &m->s->test;

    for (uint32_t i = 0; i < t->n; i++) {
        int32_t family = m->s->ds->items[t->index[i]].family;

        if (t->ok[i]) {
            m->test[m->n] = i;
            m->positive[m->n] = t->positive[i];
            m->family[m->n] =
                family >= 0 ? (uint32_t)family : (uint32_t)m->n_families - 1;
            m->stratum[m->n++] = t->positive[i];
        }
    }
    memset(m->stratum + m->n, 2, m->s->n_seeds);
}

static enum nn_status measure_init(struct measure *m, const struct study *s,
                                   struct nn_error *err)
{
    size_t threads = (size_t)nn_parallel_threads(), n = s->test.n;

    *m = (struct measure){ .s = s, .n_families = s->ds->n_families + 1 };
    m->test = nn_mem_calloc(n, sizeof *m->test);
    m->family = nn_mem_calloc(n, sizeof *m->family);
    m->positive = nn_mem_calloc(n, 1);
    m->stratum = nn_mem_calloc(n + s->n_seeds, 1);
    m->order = nn_mem_calloc(n, s->n_trials * STUDY_KINDS * sizeof *m->order);
    m->weight = nn_mem_calloc(threads, (n + s->n_seeds) * sizeof *m->weight);
    m->pass = nn_mem_calloc(threads,
                            2 * STUDY_KINDS * m->n_families * sizeof *m->pass);
    if (m->test == NULL || m->family == NULL || m->positive == NULL ||
        m->stratum == NULL || m->order == NULL || m->weight == NULL ||
        m->pass == NULL) {
        return nn_fail_nomem(err);
    }
    list_pictures(m);
    if (s->test.n_positives == 0 || s->test.n_negatives == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "no readable pictures of a class, or no readable "
                       "negatives, in the test part");
    }
    return rank_all(m, err);
}

/* --- results --- */

static void take(const struct nn_interval *v, size_t n, struct study_figures *f)
{
    *f = (struct study_figures){ .n = n };
    for (int k = 0; k < STUDY_KINDS; k++) {
        f->rate[k] = v[k];
    }
    f->ratio = v[STUDY_KINDS];
    f->ratio_base = v[STUDY_KINDS + 1];
    f->gain = v[STUDY_KINDS + 2];
}

static void take_all(const struct measure *m, const struct nn_interval *v,
                     struct study_result *r)
{
    size_t nf = m->n_families, n_left = 0;

    for (size_t f = 0; f < nf; f++) {
        int is_left = f + 1 < nf && m->s->set_of[f] >= 0;
        size_t n = 0;

        for (size_t i = 0; i < m->n; i++) {
            n += !m->positive[i] && m->family[i] == f;
        }
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
                                 .confidence = CONFIDENCE,
                                 .seed = 1 };
    struct nn_interval *v = NULL;
    size_t n_stats = 0;
    enum nn_status st = measure_init(&m, s, err);

    *r = (struct study_result){ .n_families = m.n_families };
    if (!st) {
        n_stats = (2 + 2 * m.n_families) * STATS;
        v = nn_mem_calloc(n_stats, sizeof *v);
        r->family = nn_mem_calloc(m.n_families, sizeof *r->family);
        r->unseen = nn_mem_calloc(m.n_families, sizeof *r->unseen);
        st = v == NULL || r->family == NULL || r->unseen == NULL
                 ? nn_fail_nomem(err)
                 : NN_OK;
    }
    if (!st) {
        spec.n = m.n + s->n_seeds;
        spec.stratum = m.stratum;
        st = nn_bootstrap_many(&spec, statistics, &m, n_stats, v, err);
    }
    if (!st) {
        take_all(&m, v, r);
    }
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
    return f->n > 0 && f->gain.lo > 0   ? STUDY_HELPED
           : f->n > 0 && f->gain.hi < 0 ? STUDY_HURT
                                        : STUDY_UNCLEAR;
}
