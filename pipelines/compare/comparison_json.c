/* comparison.json: systems, their differences, and the whole. */
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/compare/comparison.h"
#include "pipelines/data/data_card.h"

/* --- means over seeds ------------------------------------------------------
 */

/* A statistic of single runs, averaged over the runs of a system; minus that
 * of another system when there is one. */
struct mean {
    const struct comparison *c;
    const struct comparison_run *run, *minus; /* [n_runs] each */
    size_t n_runs, n_stats;
    void (*of)(const struct comparison *c, const struct comparison_run *r,
               const uint32_t *pick, size_t n, double *value);
};

enum { MAX_STATS = 512 };

static void mean_stats(void *ctx, const uint32_t *pick, size_t n, double *value)
{
    const struct mean *m = ctx;
    double one[MAX_STATS];

    memset(value, 0, m->n_stats * sizeof *value);
    for (size_t j = 0; j < m->n_runs; j++) {
        m->of(m->c, &m->run[j], pick, n, one);
        for (size_t i = 0; i < m->n_stats; i++) {
            value[i] += one[i] / (double)m->n_runs;
        }
        if (m->minus == NULL) {
            continue;
        }
        m->of(m->c, &m->minus[j], pick, n, one);
        for (size_t i = 0; i < m->n_stats; i++) {
            value[i] -= one[i] / (double)m->n_runs;
        }
    }
}

/* Intervals of the means, and seeds [n_runs,n_stats]: the value of each run. */
static enum nn_status measure(const struct mean *m, struct nn_interval *out,
                              double *seeds, struct nn_error *err)
{
    struct mean all = *m;

    for (size_t j = 0; j < m->n_runs; j++) {
        struct mean one = *m;

        one.run = m->run + j;
        one.minus = m->minus != NULL ? m->minus + j : NULL;
        one.n_runs = 1;
        mean_stats(&one, NULL, m->c->n, seeds + j * m->n_stats);
    }
    return comparison_intervals(m->c, mean_stats, &all, m->n_stats, out, err);
}

static json_t *figure_json(const struct nn_interval *v, const double *seeds,
                           size_t n_runs, size_t stride)
{
    json_t *list = json_array();

    for (size_t j = 0; j < n_runs; j++) {
        json_array_append_new(list, comparison_number(seeds[j * stride]));
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "value",
                     comparison_number(v->value), "lo",
                     comparison_number(v->lo), "hi", comparison_number(v->hi),
                     "seeds", list);
}

struct measured {
    struct nn_interval *v;
    double *seeds;
};

static enum nn_status measured_init(struct measured *d, const struct mean *m,
                                    struct nn_error *err)
{
    enum nn_status st;

    d->v = nn_mem_calloc(m->n_stats + 1, sizeof *d->v);
    d->seeds = nn_mem_calloc((m->n_stats + 1) * m->n_runs, sizeof *d->seeds);
    st = d->v == NULL || d->seeds == NULL ? nn_fail_nomem(err)
                                          : measure(m, d->v, d->seeds, err);
    return st;
}

static void measured_release(struct measured *d)
{
    nn_mem_free(d->v);
    nn_mem_free(d->seeds);
}

/* --- a system --------------------------------------------------------------
 */

static json_t *figures_json(const struct comparison *c,
                            const struct comparison_system *s,
                            struct nn_error *err)
{
    const struct mean m = { c,         s->run,    NULL,
                            s->n_runs, N_FIGURES, comparison_figures };
    struct measured d;
    json_t *j = NULL;

    if (!measured_init(&d, &m, err)) {
        j = json_object();
        for (size_t i = 0; i < N_FIGURES; i++) {
            json_object_set_new(
                j, comparison_figure_names[i],
                figure_json(&d.v[i], d.seeds + i, s->n_runs, N_FIGURES));
        }
    }
    measured_release(&d);
    return j;
}

static size_t family_size(const struct comparison *c, size_t f)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        n += !c->positive[i] && c->ds->items[c->index[i]].family == (int32_t)f;
    }
    return n;
}

/* Families of runs: all, or those that were left out. */
static json_t *families_json(const struct comparison *c,
                             const struct comparison_run *run, size_t n_runs,
                             int left, struct nn_error *err)
{
    size_t nf =
        c->ds->n_families < MAX_STATS / 2 ? c->ds->n_families : MAX_STATS / 2;
    const struct mean m = { c,      run,    NULL,
                            n_runs, 2 * nf, comparison_family_figures };
    size_t n = left ? c->n_left : nf;
    struct measured d = { NULL, NULL };
    json_t *j = NULL;

    if (nf == 0) {
        return json_array();
    }
    if (nf == c->ds->n_families && !measured_init(&d, &m, err)) {
        j = json_array();
        for (size_t i = 0; i < n; i++) {
            size_t f = left ? (size_t)c->left[i] : i, at = 2 * f;

            json_array_append_new(
                j,
                json_pack("{s:s, s:I, s:o, s:o}", "name", c->ds->families[f],
                          "n", (json_int_t)family_size(c, f), "fpr95",
                          figure_json(&d.v[at], d.seeds + at, n_runs, 2 * nf),
                          "false_alarm",
                          figure_json(&d.v[at + 1], d.seeds + at + 1, n_runs,
                                      2 * nf)));
        }
    } else if (nf != c->ds->n_families) {
        j = json_array(); /* hundreds of families say nothing one by one */
    }
    measured_release(&d);
    return j;
}

static json_t *confusion_json(const struct comparison *c,
                              const struct comparison_system *s)
{
    size_t rows = c->k + 1, columns = c->k + 2;
    json_t *j = json_array();
    size_t *counts = nn_mem_calloc(rows, columns * sizeof *counts);

    for (size_t r = 0; counts != NULL && r < s->n_runs; r++) {
        for (size_t i = 0; i < c->n; i++) {
            counts[(size_t)c->label[i] * columns +
                   (size_t)s->run[r].verdict[i]]++;
        }
    }
    for (size_t r = 0; counts != NULL && r < rows; r++) {
        json_t *row = json_array();

        for (size_t i = 0; i < columns; i++) {
            json_array_append_new(
                row, json_integer((json_int_t)counts[r * columns + i]));
        }
        json_array_append_new(j, row);
    }
    nn_mem_free(counts);
    return j;
}

/* Of a test picture: the share of pictures that reach the species net. */
static double pass_rate(const struct comparison *c,
                        const struct comparison_run *r)
{
    size_t passed = 0;

    for (size_t i = 0; i < c->n; i++) {
        passed += r->p_bear[i] >= r->threshold;
    }
    return (double)passed / (double)c->n;
}

static json_t *cost_json(const struct comparison *c,
                         const struct comparison_system *s)
{
    const struct comparison_cost *k = &s->cost;
    double pass = pass_rate(c, &s->run[0]);

    return json_pack(
        "{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "parameters",
        (json_int_t)k->parameters, "macs_gate", (json_int_t)k->macs_gate,
        "macs_species", (json_int_t)k->macs_species, "ms_gate_1",
        comparison_number(k->ms_gate_1), "ms_species_1",
        comparison_number(k->ms_species_1), "ms_gate_bulk",
        comparison_number(k->ms_gate_bulk), "ms_species_bulk",
        comparison_number(k->ms_species_bulk), "ms_1",
        comparison_number(k->ms_gate_1 + pass * k->ms_species_1), "ms_bulk",
        comparison_number(k->ms_gate_bulk + pass * k->ms_species_bulk),
        "peak_mb", comparison_number(k->peak_bytes / 1e6));
}

static json_t *rows_json(const double *v, size_t n, size_t k)
{
    json_t *j = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *row = json_array();

        for (size_t q = 0; q < k; q++) {
            json_array_append_new(row, comparison_number(v[i * k + q]));
        }
        json_array_append_new(j, row);
    }
    return j;
}

static json_t *run_json(const struct comparison *c,
                        const struct comparison_run *r)
{
    json_t *p = json_array();

    for (size_t i = 0; i < c->n; i++) {
        json_array_append_new(p, comparison_number(r->p_bear[i]));
    }
    return json_pack("{s:I, s:s, s:s, s:s, s:f, s:f, s:f, s:o, s:o}", "seed",
                     (json_int_t)r->seed, "command", r->command, "model",
                     nn_path_base(r->dir), "hash", r->hash, "threshold",
                     r->threshold, "floor", r->floor, "train_seconds",
                     r->train_seconds, "p_bear", p, "p",
                     rows_json(r->p, c->n, c->k));
}

json_t *comparison_system_json(const struct comparison *c,
                               const struct comparison_system *s,
                               struct nn_error *err)
{
    json_t *figures = figures_json(c, s, err), *runs = json_array();
    json_t *families = families_json(c, s->run, s->n_runs, 0, err);
    json_t *left = s->left_out != NULL
                       ? families_json(c, s->left_out, 1, 1, err)
                       : json_array();

    for (size_t j = 0; j < s->n_runs; j++) {
        json_array_append_new(runs, run_json(c, &s->run[j]));
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                     s->design->name, "figures", figures, "families", families,
                     "left_out", left, "confusion", confusion_json(c, s),
                     "cost", cost_json(c, s), "runs", runs);
}

/* --- differences -----------------------------------------------------------
 */

/* A picture counts as right when more than half of the seeds have it right:
 * seed by seed the same pictures would count several times. */
static void majority(const struct comparison *c,
                     const struct comparison_system *s, uint8_t *right)
{
    for (size_t i = 0; i < c->n; i++) {
        size_t n = 0;

        for (size_t j = 0; j < s->n_runs; j++) {
            n += s->run[j].right[i];
        }
        right[i] = 2 * n > s->n_runs;
    }
}

static json_t *mcnemar_json(const struct comparison *c,
                            const struct comparison_system *s, double *p)
{
    uint8_t *a = nn_mem_calloc(c->n, 1), *b = nn_mem_calloc(c->n, 1);
    size_t only_a = 0, only_b = 0;

    if (a != NULL && b != NULL) {
        majority(c, &c->system[0], a);
        majority(c, s, b);
        nn_mcnemar_count(a, b, c->n, &only_a, &only_b);
    }
    *p = nn_mcnemar_exact(only_a, only_b);
    nn_mem_free(a);
    nn_mem_free(b);
    return json_pack("{s:I, s:I, s:f}", "only_cascade", (json_int_t)only_a,
                     "only_other", (json_int_t)only_b, "p", *p);
}

static json_t *difference_json(const struct comparison *c,
                               const struct comparison_system *s,
                               double *p /* [N_FIGURES + 1] */,
                               struct nn_error *err)
{
    const struct mean m = { c,         c->system[0].run, s->run,
                            s->n_runs, N_FIGURES,        comparison_figures };
    struct measured d;
    json_t *figures = NULL, *j = NULL;

    if (!measured_init(&d, &m, err)) {
        figures = json_object();
        for (size_t i = 0; i < N_FIGURES; i++) {
            json_t *f = figure_json(&d.v[i], d.seeds + i, s->n_runs, N_FIGURES);

            p[i] = d.v[i].p_zero;
            json_object_set_new(f, "p", comparison_number(p[i]));
            json_object_set_new(figures, comparison_figure_names[i], f);
        }
        j = json_pack("{s:s, s:o, s:o}", "system", s->design->name, "figures",
                      figures, "mcnemar", mcnemar_json(c, s, &p[N_FIGURES]));
    }
    measured_release(&d);
    return j;
}

/* Holm's adjustment over the systems, figure by figure. */
static enum nn_status adjust(json_t *list, const double *p, size_t m,
                             struct nn_error *err)
{
    double *one = nn_mem_calloc(m, sizeof *one);
    enum nn_status st = one == NULL ? nn_fail_nomem(err) : NN_OK;

    for (size_t f = 0; !st && f <= N_FIGURES; f++) {
        int known = 1;

        for (size_t i = 0; i < m; i++) {
            one[i] = p[i * (N_FIGURES + 1) + f];
            known = known && one[i] >= 0;
        }
        st = known ? nn_holm_adjust(one, m, one, err) : NN_OK;
        for (size_t i = 0; !st && i < m; i++) {
            json_t *d = json_array_get(list, i);
            json_t *at = f == N_FIGURES
                             ? json_object_get(d, "mcnemar")
                             : json_object_get(json_object_get(d, "figures"),
                                               comparison_figure_names[f]);

            json_object_set_new(at, "p_holm",
                                known ? json_real(one[i]) : json_null());
        }
    }
    nn_mem_free(one);
    return st;
}

json_t *comparison_differences_json(const struct comparison *c,
                                    struct nn_error *err)
{
    json_t *list = json_array();
    size_t m = c->n_systems - 1;
    double *p = nn_mem_calloc(m + 1, (N_FIGURES + 1) * sizeof *p);
    enum nn_status st = p == NULL ? nn_fail_nomem(err) : NN_OK;

    if (c->system[0].design->system != MODEL_CASCADE) {
        m = 0;
    }
    for (size_t i = 0; !st && i < m; i++) {
        json_t *d =
            difference_json(c, &c->system[i + 1], p + i * (N_FIGURES + 1), err);

        st = json_array_append_new(list, d) != 0 ? NN_ERR_NOMEM : NN_OK;
    }
    if (!st && m > 0) {
        st = adjust(list, p, m, err);
    }
    nn_mem_free(p);
    if (st) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* --- the whole -------------------------------------------------------------
 */

static json_t *test_json(const struct comparison *c)
{
    json_t *files = json_array(), *label = json_array(), *family = json_array();
    uint64_t hash = 0;
    char hex[20];

    for (size_t i = 0; i < c->n; i++) {
        const struct nn_item *it = &c->ds->items[c->index[i]];

        hash = nn_hash_u64(&it->hash, sizeof it->hash, hash);
        json_array_append_new(files, json_string(it->file));
        json_array_append_new(label, json_integer(it->label));
        json_array_append_new(family, json_integer(it->family));
    }
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)hash);
    return json_pack("{s:s, s:I, s:o, s:o, s:o}", "hash", hex, "n",
                     (json_int_t)c->n, "files", files, "label", label, "family",
                     family);
}

static json_t *names_json(char *const *names, size_t n)
{
    json_t *j = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(j, json_string(names[i]));
    }
    return j;
}

static json_t *data_json(const struct comparison *c)
{
    struct nn_leaks leaks;
    json_t *card = data_card_json(c->ds);
    char hex[33];

    nn_dataset_leaks(c->ds, &leaks);
    nn_dataset_hash(c->ds, hex);
    return json_pack("{s:s, s:s, s:o, s:I, s:I}", "path",
                     nn_path_base(c->ds->path), "hash", hex, "card", card,
                     "duplicates", (json_int_t)leaks.duplicates, "leaks",
                     (json_int_t)leaks.leaked);
}

static json_t *options_json(const struct comparison_options *o)
{
    json_t *with = json_array();

    for (size_t i = 0; i < o->with.n; i++) {
        json_array_append_new(with, json_string(o->with.v[i]));
    }
    return json_pack("{s:i, s:i, s:i, s:I, s:o, s:i}", "seeds", o->seeds,
                     "gate_epochs", o->gate_epochs, "species_epochs",
                     o->species_epochs, "split_seed", (json_int_t)o->split_seed,
                     "with", with, "replicates", o->replicates);
}

/* What times depend on. */
static json_t *machine_json(void)
{
    return json_pack("{s:s, s:i}", "instructions", nn_cpu_name(nn_cpu_flags()),
                     "threads", nn_parallel_threads());
}

static json_t *systems_json(const struct comparison *c, struct nn_error *err)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->n_systems; i++) {
        if (json_array_append_new(
                list, comparison_system_json(c, &c->system[i], err)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *comparison_json(const struct comparison *c, struct nn_error *err)
{
    json_t *seeds = json_array(), *all, *cost;

    for (int i = 1; i <= c->opt->seeds; i++) {
        json_array_append_new(seeds, json_integer(i));
    }
    all = json_pack("{s:s, s:s, s:o, s:n, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
                    "s:o, s:o}",
                    "format", COMPARISON_FORMAT, "program", BEARCASCADE_VERSION,
                    "machine", machine_json(), "verdict", "data", data_json(c),
                    "classes", names_json(c->ds->classes, c->k), "families",
                    names_json(c->ds->families, c->ds->n_families), "test",
                    test_json(c), "seeds", seeds, "options",
                    options_json(c->opt), "systems", systems_json(c, err),
                    "differences", comparison_differences_json(c, err),
                    "budget", comparison_budget_json(c, err));
    cost = comparison_prevalence_json(c, err);
    if (all == NULL || cost == NULL || json_object_update(all, cost) != 0 ||
        json_object_set_new(all, "verdict", comparison_verdict(c, all)) != 0) {
        json_decref(all);
        all = NULL;
        if (err->status == NN_OK) {
            nn_fail_nomem(err);
        }
    }
    json_decref(cost);
    return all;
}
