/* Figures of the systems, their differences, and where the cascade errs. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/compare/comparison.h"

/* Statistics of one resample; twice the families at most. */
enum { MAX_STATS = 512 };

static enum nn_status intervals(const struct comparison *c, nn_stats_fn *fn,
                                void *ctx, size_t n_stats,
                                struct nn_interval *out, struct nn_error *err)
{
    const struct nn_bootstrap spec = { .n = c->n,
                                       .stratum =
                                           c->system[0].run[0].said.positive,
                                       .replicates = (size_t)c->opt->replicates,
                                       .confidence = NN_CONFIDENCE,
                                       .seed = 1 };

    return nn_bootstrap_many(&spec, fn, ctx, n_stats, out, err);
}

/* --- means over the runs ----------------------------------------------------
 */

/* A statistic of single runs, averaged over the runs of a system; minus that
 * of another system when there is one. */
struct mean {
    const struct comparison *c;
    const struct comparison_run *run, *minus; /* [n_runs] each */
    size_t n_runs, n_stats;
    void (*of)(const struct comparison *c, const struct outcomes *t,
               const uint32_t *pick, size_t n, double *value);
};

static void all_figures(const struct comparison *c, const struct outcomes *t,
                        const uint32_t *pick, size_t n, double *value)
{
    (void)c;
    outcomes_figures(t, OUTCOMES_ALL, pick, n, value);
}

/* FPR at 95 % and false positive of every family: [families, 2]. */
static void family_figures(const struct comparison *c, const struct outcomes *t,
                           const uint32_t *pick, size_t n, double *value)
{
    struct outcomes_family f[MAX_STATS / 2 + 1];
    double limit = outcomes_limit95(t, pick, n);

    outcomes_families(t, pick, n, limit, f, c->ds->n_families);
    for (size_t i = 0; i < c->ds->n_families; i++) {
        double all = f[i].n > 0 ? (double)f[i].n : (double)NAN;

        value[2 * i] = (double)f[i].over / all;
        value[2 * i + 1] = (double)f[i].passed / all;
    }
}

/* nn_stats_fn */
static void mean_stats(void *ctx, const uint32_t *pick, size_t n, double *value)
{
    const struct mean *m = ctx;
    double one[MAX_STATS];

    memset(value, 0, m->n_stats * sizeof *value);
    for (size_t j = 0; j < m->n_runs; j++) {
        m->of(m->c, &m->run[j].said, pick, n, one);
        for (size_t i = 0; i < m->n_stats; i++) {
            value[i] += one[i] / (double)m->n_runs;
        }
        if (m->minus == NULL) {
            continue;
        }
        m->of(m->c, &m->minus[j].said, pick, n, one);
        for (size_t i = 0; i < m->n_stats; i++) {
            value[i] -= one[i] / (double)m->n_runs;
        }
    }
}

static enum nn_status means_init(struct comparison_means *to,
                                 const struct mean *m, struct nn_error *err)
{
    struct mean all = *m;

    to->v = nn_mem_calloc(m->n_stats, sizeof *to->v);
    to->seed = nn_mem_calloc(m->n_stats * m->n_runs, sizeof *to->seed);
    if (to->v == NULL || to->seed == NULL) {
        return nn_fail_nomem(err);
    }
    to->n = m->n_stats;
    to->n_runs = m->n_runs;
    for (size_t j = 0; j < m->n_runs; j++) {
        struct mean one = *m;

        one.run = m->run + j;
        one.minus = m->minus != NULL ? m->minus + j : NULL;
        one.n_runs = 1;
        mean_stats(&one, NULL, m->c->n, to->seed + j * m->n_stats);
    }
    return intervals(m->c, mean_stats, &all, m->n_stats, to->v, err);
}

static void means_release(struct comparison_means *m)
{
    nn_mem_free(m->v);
    nn_mem_free(m->seed);
}

/* --- a system ---------------------------------------------------------------
 */

/* Hundreds of families say nothing one by one. */
static enum nn_status families_init(struct comparison_means *to,
                                    const struct comparison *c,
                                    const struct comparison_run *run,
                                    size_t n_runs, struct nn_error *err)
{
    size_t nf = c->ds->n_families;
    const struct mean m = { c, run, NULL, n_runs, 2 * nf, family_figures };

    return nf == 0 || nf > MAX_STATS / 2 ? NN_OK : means_init(to, &m, err);
}

/* Where all resamples agree: the exact intervals of shares. */
static void widen_families(struct comparison_means *m, const size_t *n)
{
    for (size_t i = 0; i < m->n; i++) {
        outcomes_widen_share(&m->v[i], n[i / 2]);
    }
}

static enum nn_status add_confusions(const struct comparison *c,
                                     const struct comparison_system *s,
                                     size_t *counts, struct nn_error *err)
{
    size_t cells = (c->k + 1) * (c->k + 2);
    size_t *one = nn_mem_calloc(cells, sizeof *one);
    enum nn_status st = NN_OK;

    if (one == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t j = 0; j < s->n_runs; j++) {
        st = outcomes_confusion(&s->run[j].said, one, err);
        if (st) {
            goto out;
        }
        for (size_t i = 0; i < cells; i++) {
            counts[i] += one[i];
        }
    }
out:
    nn_mem_free(one);
    return st;
}

static enum nn_status system_init(struct comparison_system_result *to,
                                  const struct comparison *c,
                                  const struct comparison_system *s,
                                  struct nn_error *err)
{
    const struct mean m = { c,         s->run,           NULL,
                            s->n_runs, OUTCOMES_FIGURES, all_figures };
    enum nn_status st;

    to->confusion =
        nn_mem_calloc((c->k + 1) * (c->k + 2), sizeof *to->confusion);
    if (to->confusion == NULL) {
        return nn_fail_nomem(err);
    }
    st = add_confusions(c, s, to->confusion, err);
    if (st) {
        return st;
    }
    st = means_init(&to->figures, &m, err);
    if (st) {
        return st;
    }
    st = families_init(&to->families, c, s->run, s->n_runs, err);
    if (st) {
        return st;
    }
    if (s->left_out == NULL) {
        return NN_OK;
    }
    return families_init(&to->left_out, c, s->left_out, 1, err);
}

/* --- differences ------------------------------------------------------------
 */

/* An image counts as right when more than half of the seeds have it right:
 * seed by seed the same images would count several times. */
static void majority(const struct comparison *c,
                     const struct comparison_system *s, uint8_t *right)
{
    for (size_t i = 0; i < c->n; i++) {
        size_t n = 0;

        for (size_t j = 0; j < s->n_runs; j++) {
            const struct outcomes *t = &s->run[j].said;

            n += t->verdict[i] == t->truth[i];
        }
        right[i] = 2 * n > s->n_runs;
    }
}

static enum nn_status difference_init(struct comparison_difference *to,
                                      const struct comparison *c,
                                      const struct comparison_system *s,
                                      struct nn_error *err)
{
    const struct comparison_system *us = &c->system[0];
    const struct mean m = { c,         us->run,          s->run,
                            s->n_runs, OUTCOMES_FIGURES, all_figures };
    uint8_t *a = nn_mem_calloc(c->n, 1), *b = nn_mem_calloc(c->n, 1);
    enum nn_status st;

    if (a == NULL || b == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = means_init(&to->figures, &m, err);
    if (st) {
        goto out;
    }
    outcomes_widen_difference(to->figures.v, c->n_positives,
                              c->n - c->n_positives);
    majority(c, us, a);
    majority(c, s, b);
    nn_mcnemar_count(a, b, c->n, &to->only_cascade, &to->only_other);
    to->mcnemar = nn_mcnemar_exact(to->only_cascade, to->only_other);
out:
    nn_mem_free(a);
    nn_mem_free(b);
    return st;
}

/* Holm's adjustment over the systems of figure f, or of McNemar's test where f
 * is OUTCOMES_FIGURES. NaN where a system lacks the figure. */
static enum nn_status adjust(struct comparison_difference *d, size_t n,
                             size_t f, double *p, struct nn_error *err)
{
    int known = 1;

    for (size_t i = 0; i < n; i++) {
        p[i] = f < OUTCOMES_FIGURES ? d[i].figures.v[f].p_zero : d[i].mcnemar;
        known = known && p[i] >= 0;
    }
    if (known) {
        enum nn_status st = nn_holm_adjust(p, n, p, err);

        if (st) {
            return st;
        }
    }
    for (size_t i = 0; i < n; i++) {
        double *to =
            f < OUTCOMES_FIGURES ? &d[i].p_holm[f] : &d[i].mcnemar_holm;

        *to = known ? p[i] : (double)NAN;
    }
    return NN_OK;
}

static enum nn_status all_differences(const struct comparison *c,
                                      struct comparison_result *r,
                                      struct nn_error *err)
{
    size_t n = c->n_systems - 1;
    double *p;
    enum nn_status st = NN_OK;

    if (n == 0 || c->system[0].design->system != MODEL_CASCADE) {
        return NN_OK;
    }
    p = nn_mem_calloc(n, sizeof *p);
    r->difference = nn_mem_calloc(n, sizeof *r->difference);
    if (p == NULL || r->difference == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    r->n_differences = n;
    for (size_t i = 0; i < n; i++) {
        st = difference_init(&r->difference[i], c, &c->system[i + 1], err);
        if (st) {
            goto out;
        }
    }
    for (size_t f = 0; f <= OUTCOMES_FIGURES; f++) {
        st = adjust(r->difference, n, f, p, err);
        if (st) {
            goto out;
        }
    }
out:
    nn_mem_free(p);
    return st;
}

/* --- error budget -----------------------------------------------------------
 */

/* From the confusion matrix of the cascade's runs. */
static void spend(const size_t *counts, size_t k, struct comparison_budget *b)
{
    for (size_t truth = 0; truth <= k; truth++) {
        for (size_t said = 0; said < k + 2; said++) {
            size_t n = counts[truth * (k + 2) + said];

            b->total += n;
            b->right += said == truth ? n : 0;
            b->false_passes += truth == k && said != k ? n : 0;
            b->misses += truth < k && said == k ? n : 0;
            b->unknown += truth < k && said == k + 1 ? n : 0;
            b->confusions += truth < k && said < k && said != truth ? n : 0;
        }
    }
}

/* nn_stats_fn: end-to-end accuracy if one stage made no error: 0 with a perfect
 * gate, 1 with a perfect species net. A perfect gate lets every image of a
 * class reach the species net and stops all else; a perfect species net names
 * every positive that passes, and says none of the rest where it may. */
static void perfect(void *ctx, const uint32_t *pick, size_t n, double *value)
{
    const struct comparison_system *s = ctx;
    size_t gate = 0, species = 0;

    for (size_t r = 0; r < s->n_runs; r++) {
        const struct comparison_run *run = &s->run[r];
        const struct outcomes *t = &run->said;

        for (size_t j = 0; j < n; j++) {
            size_t i = pick != NULL ? pick[j] : j;
            int passed = outcomes_passed_gate(t, i);
            int may = run->says_none;

            gate += !t->positive[i] ||
                    (t->best[i] == t->truth[i] && !t->none_behind[i] &&
                     t->confidence[i] >= run->reject_threshold);
            species += (t->positive[i] ? passed : !passed || may) ? 1u : 0u;
        }
    }
    value[0] = (double)gate / (double)(n * s->n_runs);
    value[1] = (double)species / (double)(n * s->n_runs);
}

static enum nn_status budget_init(const struct comparison *c,
                                  struct comparison_result *r,
                                  struct nn_error *err)
{
    struct comparison_budget *b = &r->budget;
    struct nn_interval v[2];
    enum nn_status st;

    if (c->system[0].design->system != MODEL_CASCADE) {
        return NN_OK;
    }
    spend(r->system[0].confusion, c->k, b);
    st = intervals(c, perfect, &c->system[0], 2, v, err);
    if (st) {
        return st;
    }
    outcomes_widen_share(&v[0], c->n);
    outcomes_widen_share(&v[1], c->n);
    b->perfect_gate = v[0];
    b->perfect_species = v[1];
    return NN_OK;
}

/* --- the whole --------------------------------------------------------------
 */

static enum nn_status count_families(const struct comparison *c,
                                     struct comparison_result *r,
                                     struct nn_error *err)
{
    size_t nf = c->ds->n_families;
    struct outcomes_family *f = nn_mem_calloc(nf + 1, sizeof *f);

    r->family_n = nn_mem_calloc(nf + 1, sizeof *r->family_n);
    if (f == NULL || r->family_n == NULL) {
        nn_mem_free(f);
        return nn_fail_nomem(err);
    }
    outcomes_families(&c->system[0].run[0].said, NULL, c->n, 0, f, nf);
    for (size_t i = 0; i < nf; i++) {
        r->family_n[i] = f[i].n;
    }
    nn_mem_free(f);
    return NN_OK;
}

/* All but the near-duplicates. */
static enum nn_status fill(const struct comparison *c,
                           struct comparison_result *r, struct nn_error *err)
{
    enum nn_status st = count_families(c, r, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < c->n_systems; i++) {
        struct comparison_system_result *s = &r->system[i];

        st = system_init(s, c, &c->system[i], err);
        if (st) {
            return st;
        }
        outcomes_widen(s->figures.v, c->n_positives, c->n - c->n_positives);
        widen_families(&s->families, r->family_n);
        widen_families(&s->left_out, r->family_n);
    }
    st = all_differences(c, r, err);
    if (st) {
        return st;
    }
    st = budget_init(c, r, err);
    if (st) {
        return st;
    }
    comparison_prices(c, r);
    return comparison_verdict(c, r, err);
}

enum nn_status comparison_result_init(const struct comparison *c,
                                      struct comparison_result *r,
                                      struct nn_error *err)
{
    struct nn_leaks leaks;
    enum nn_status st;

    *r = (struct comparison_result){ .system = nn_mem_calloc(
                                         c->n_systems, sizeof *r->system) };
    if (r->system == NULL) {
        return nn_fail_nomem(err);
    }
    r->n_systems = c->n_systems;
    nn_dataset_leaks(c->ds, &leaks);
    r->duplicates = leaks.duplicates;
    r->leaks = leaks.leaked;
    st = fill(c, r, err);
    if (st) {
        comparison_result_release(r);
    }
    return st;
}

void comparison_result_release(struct comparison_result *r)
{
    for (size_t i = 0; i < r->n_systems; i++) {
        means_release(&r->system[i].figures);
        means_release(&r->system[i].families);
        means_release(&r->system[i].left_out);
        nn_mem_free(r->system[i].confusion);
    }
    for (size_t i = 0; i < r->n_differences; i++) {
        means_release(&r->difference[i].figures);
    }
    for (size_t i = 0; i < r->n_conditions; i++) {
        nn_mem_free(r->condition[i]);
    }
    nn_mem_free(r->system);
    nn_mem_free(r->difference);
    nn_mem_free(r->family_n);
    nn_mem_free(r->text);
    nn_mem_free(r->condition);
    *r = (struct comparison_result){ 0 };
}
