/* comparison.json: systems, their differences, and the whole. */
#include <stdio.h>

#include "common/base/json.h"
#include "common/base/cpu.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/compare/comparison.h"
#include "pipelines/data/data_card.h"

/* --- pieces -----------------------------------------------------------------
 */

/* A number, or null where it is not finite. */
static json_t *interval_json(const struct nn_interval *v)
{
    return json_pack("{s:o, s:o, s:o}", "value", nn_json_number(v->value), "lo",
                     nn_json_number(v->lo), "hi", nn_json_number(v->hi));
}

/* Figure i with the value of each run. */
static json_t *figure_json(const struct comparison_means *m, size_t i)
{
    json_t *seeds = json_array(), *j = interval_json(&m->v[i]);

    for (size_t r = 0; r < m->n_runs; r++) {
        nn_json_add(&seeds, nn_json_number(m->seed[r * m->n + i]));
    }
    nn_json_put(&j, "seeds", seeds);
    return j;
}

static json_t *names_json(char *const *names, size_t n)
{
    json_t *j = json_array();

    for (size_t i = 0; i < n; i++) {
        nn_json_add(&j, json_string(names[i]));
    }
    return j;
}

/* --- a system ---------------------------------------------------------------
 */

static json_t *figures_json(const struct comparison_means *m)
{
    json_t *j = json_object();

    for (size_t i = 0; i < m->n; i++) {
        nn_json_put(&j, outcomes_figure_names[i], figure_json(m, i));
    }
    return j;
}

static json_t *family_json(const struct comparison *c,
                           const struct comparison_result *r,
                           const struct comparison_means *m, size_t f)
{
    return json_pack("{s:s, s:I, s:o, s:o}", "name", c->ds->families[f], "n",
                     (json_int_t)r->family_n[f], "fpr95", figure_json(m, 2 * f),
                     "fpr", figure_json(m, 2 * f + 1));
}

static json_t *families_json(const struct comparison *c,
                             const struct comparison_result *r,
                             const struct comparison_means *m)
{
    json_t *j = json_array();

    for (size_t f = 0; f < m->n / 2; f++) {
        nn_json_add(&j, family_json(c, r, m, f));
    }
    return j;
}

/* Those that the extra run did not see. */
static json_t *left_out_json(const struct comparison *c,
                             const struct comparison_result *r,
                             const struct comparison_means *m)
{
    json_t *j = json_array();

    for (size_t i = 0; m->n > 0 && i < c->n_left; i++) {
        nn_json_add(&j, family_json(c, r, m, (size_t)c->left[i]));
    }
    return j;
}

static json_t *confusion_json(const size_t *counts, size_t k)
{
    json_t *j = json_array();

    for (size_t truth = 0; truth <= k; truth++) {
        json_t *row = json_array();

        for (size_t said = 0; said < k + 2; said++) {
            size_t n = counts[truth * (k + 2) + said];

            nn_json_add(&row, json_integer((json_int_t)n));
        }
        nn_json_add(&j, row);
    }
    return j;
}

static json_t *speed_json(const struct comparison_speed *s)
{
    json_t *sides[2];

    for (int positive = 0; positive < 2; positive++) {
        sides[positive] =
            json_pack("[o, o]", nn_json_number(s->ms[positive][0]),
                      nn_json_number(s->ms[positive][1]));
    }
    return json_pack("{s:o, s:o, s:b}", "positives", sides[1], "negatives",
                     sides[0], "unsure", s->unsure);
}

/* What each of the rungs costs, and who is left after it. */
static json_t *cost_rungs_json(const struct comparison_cost *k)
{
    json_t *a = json_array();

    for (size_t i = 0; i < k->n_rungs; i++) {
        const struct comparison_rung *g = &k->rung[i];

        nn_json_add(
            &a, json_pack("{s:I, s:o, s:o, s:{s:f, s:f}}", "macs",
                          (json_int_t)g->macs, "ms_1", nn_json_number(g->ms_1),
                          "ms_bulk", nn_json_number(g->ms_bulk), "go_on",
                          "positives", g->go_on[1], "negatives", g->go_on[0]));
    }
    return a;
}

static json_t *cost_json(const struct comparison_cost *k,
                         const struct comparison_system_result *r)
{
    return json_pack(
        "{s:I, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, "
        "s:{s:o, s:o}}",
        "parameters", (json_int_t)k->parameters, "rungs", cost_rungs_json(k),
        "macs_gate", (json_int_t)k->macs_gate, "macs_species",
        (json_int_t)k->macs_species, "ms_gate_1", nn_json_number(k->ms_gate_1),
        "ms_species_1", nn_json_number(k->ms_species_1), "ms_gate_bulk",
        nn_json_number(k->ms_gate_bulk), "ms_species_bulk",
        nn_json_number(k->ms_species_bulk), "ms_1", nn_json_number(r->ms_1),
        "ms_bulk", nn_json_number(r->ms_bulk), "peak_mb",
        nn_json_number(k->peak_bytes / 1e6), "passed_on", "positives",
        nn_json_number(r->passed_on[1]), "negatives",
        nn_json_number(r->passed_on[0]), "speed", "memory",
        speed_json(&k->speed[COMPARISON_MEMORY]), "files",
        speed_json(&k->speed[COMPARISON_FILES]));
}

static json_t *rows_json(const double *v, size_t n, size_t k)
{
    json_t *j = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *row = json_array();

        for (size_t q = 0; q < k; q++) {
            nn_json_add(&row, nn_json_number(v[i * k + q]));
        }
        nn_json_add(&j, row);
    }
    return j;
}

/* Classes up to which a run's probabilities are all told; n rows of hundreds
 * would be most of the file and of the page. */
enum { MOST_ROWS = 24 };

static void put_probabilities(json_t **j, const struct outcomes *t)
{
    json_t *best, *p;

    if (t->k <= MOST_ROWS) {
        nn_json_put(j, "p", rows_json(t->p, t->n, t->k));
        return;
    }
    best = json_array();
    p = json_array();
    for (size_t i = 0; i < t->n; i++) {
        size_t k = (size_t)t->best[i];

        nn_json_add(&best, json_integer((json_int_t)k));
        nn_json_add(&p, nn_json_number(t->p[i * t->k + k]));
    }
    nn_json_put(j, "best", best);
    nn_json_put(j, "best_p", p);
}

static json_t *run_json(const struct comparison_run *r)
{
    const struct outcomes *t = &r->said;
    json_t *j, *p = json_array();

    for (size_t i = 0; i < t->n; i++) {
        nn_json_add(&p, nn_json_number(t->p_positive[i]));
    }
    j = json_pack("{s:I, s:s, s:s, s:s, s:f, s:f, s:f, s:o}", "seed",
                  (json_int_t)r->seed, "command", r->command, "model",
                  nn_path_base(r->dir), "hash", r->hash, "threshold",
                  r->threshold, "reject_threshold", r->reject_threshold,
                  "train_seconds", r->train_seconds, "p_positive", p);
    put_probabilities(&j, t);
    if (t->says_unknown) { /* what the reject threshold applies to */
        json_t *known = json_array();

        for (size_t i = 0; i < t->n; i++) {
            nn_json_add(&known, nn_json_number(t->confidence[i]));
        }
        nn_json_put(&j, "known", known);
    }
    return j;
}

static json_t *system_json(const struct comparison *c,
                           const struct comparison_result *r, size_t i)
{
    const struct comparison_system *s = &c->system[i];
    const struct comparison_system_result *v = &r->system[i];
    json_t *runs = json_array();

    for (size_t j = 0; j < s->n_runs; j++) {
        nn_json_add(&runs, run_json(&s->run[j]));
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "name", s->name,
                     "figures", figures_json(&v->figures), "families",
                     families_json(c, r, &v->families), "left_out",
                     left_out_json(c, r, &v->left_out), "confusion",
                     confusion_json(v->confusion, c->k), "cost",
                     cost_json(&s->cost, v), "runs", runs);
}

static json_t *systems_json(const struct comparison *c,
                            const struct comparison_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->n_systems; i++) {
        nn_json_add(&list, system_json(c, r, i));
    }
    return list;
}

/* --- beside each other ------------------------------------------------------
 */

static json_t *difference_json(const char *name,
                               const struct comparison_difference *d)
{
    json_t *figures = json_object();

    for (size_t i = 0; i < d->figures.n; i++) {
        json_t *f = figure_json(&d->figures, i);

        nn_json_put(&f, "p", nn_json_number(d->figures.v[i].p_zero));
        nn_json_put(&f, "p_holm", nn_json_number(d->p_holm[i]));
        nn_json_put(&figures, outcomes_figure_names[i], f);
    }
    return json_pack("{s:s, s:o, s:{s:I, s:I, s:f, s:o}}", "system", name,
                     "figures", figures, "mcnemar", "only_cascade",
                     (json_int_t)d->only_cascade, "only_other",
                     (json_int_t)d->only_other, "p", d->mcnemar, "p_holm",
                     nn_json_number(d->mcnemar_holm));
}

static json_t *differences_json(const struct comparison *c,
                                const struct comparison_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->n_differences; i++) {
        nn_json_add(&list,
                    difference_json(c->system[i + 1].name, &r->difference[i]));
    }
    return list;
}

static json_t *budget_json(const struct comparison_budget *b)
{
    return b->total == 0
               ? json_null()
               : json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "total",
                           (json_int_t)b->total, "right", (json_int_t)b->right,
                           "misses", (json_int_t)b->misses, "false_passes",
                           (json_int_t)b->false_passes, "confusions",
                           (json_int_t)b->confusions, "unknown",
                           (json_int_t)b->unknown, "perfect_gate",
                           interval_json(&b->perfect_gate), "perfect_species",
                           interval_json(&b->perfect_species));
}

static json_t *price_json(const char *name, const struct comparison_price *p)
{
    return json_pack("{s:s, s:o, s:o, s:{s:o, s:o}}", "name", name, "macs",
                     nn_json_number(p->macs), "ms", nn_json_number(p->ms),
                     "images_s", "memory",
                     nn_json_number(p->images_s[COMPARISON_MEMORY]), "files",
                     nn_json_number(p->images_s[COMPARISON_FILES]));
}

static json_t *prevalence_json(const struct comparison *c,
                               const struct comparison_result *r)
{
    json_t *rows = json_array();

    for (size_t p = 0; p < COMPARISON_PREVALENCES; p++) {
        json_t *list = json_array();

        for (size_t i = 0; i < r->n_systems; i++) {
            nn_json_add(&list,
                        price_json(c->system[i].name, &r->system[i].price[p]));
        }
        nn_json_add(&rows,
                    json_pack("{s:f, s:o}", "prevalence",
                              comparison_prevalence[p], "systems", list));
    }
    return rows;
}

static json_t *break_even_json(const struct comparison *c,
                               const struct comparison_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->n_differences; i++) {
        const struct comparison_difference *d = &r->difference[i];

        nn_json_add(&list, json_pack("{s:s, s:o, s:o}", "system",
                                     c->system[i + 1].name, "macs",
                                     nn_json_number(d->even_macs), "ms",
                                     nn_json_number(d->even_ms)));
    }
    return list;
}

/* --- the whole --------------------------------------------------------------
 */

static json_t *test_json(const struct comparison *c)
{
    json_t *files = json_array(), *label = json_array(), *family = json_array();
    uint64_t hash = 0;
    char hex[20];

    for (size_t i = 0; i < c->n; i++) {
        const struct nn_item *it = &c->ds->items[c->index[i]];

        hash = nn_hash_u64(&it->hash, sizeof it->hash, hash);
        nn_json_add(&files, nn_json_text(it->file));
        nn_json_add(&label, json_integer(it->label));
        nn_json_add(&family, json_integer(it->family));
    }
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)hash);
    return json_pack("{s:s, s:I, s:o, s:o, s:o}", "hash", hex, "n",
                     (json_int_t)c->n, "files", files, "label", label, "family",
                     family);
}

static json_t *data_json(const struct comparison *c,
                         const struct comparison_result *r)
{
    json_t *card = data_card_json(c->ds);
    char hex[33];

    nn_dataset_hash(c->ds, hex);
    return json_pack("{s:s, s:s, s:o, s:I, s:I}", "path",
                     nn_path_base(c->ds->path), "hash", hex, "card", card,
                     "duplicates", (json_int_t)r->duplicates, "leaks",
                     (json_int_t)r->leaks);
}

static json_t *options_json(const struct comparison_options *o)
{
    json_t *with = json_array();

    for (size_t i = 0; i < o->with.n; i++) {
        nn_json_add(&with, nn_json_text(o->with.v[i]));
    }
    return json_pack("{s:i, s:i, s:i, s:I, s:o, s:i}", "seeds", o->seeds,
                     "gate_epochs", o->gate_epochs, "species_epochs",
                     o->species_epochs, "split_seed", (json_int_t)o->how.seed,
                     "with", with, "replicates", o->replicates);
}

/* What times depend on. */
static json_t *machine_json(void)
{
    return json_pack("{s:s, s:i}", "instructions", nn_cpu_name(nn_cpu_flags()),
                     "threads", nn_parallel_threads());
}

static json_t *weighed_json(const struct comparison *c,
                            const struct comparison_result *r)
{
    static const char *const by[] = { [COMPARISON_MEMORY] = "memory",
                                      [COMPARISON_FILES] = "files",
                                      [COMPARISON_WAYS] = "multiply-adds" };

    return r->weighed == 0 ? json_null()
                           : json_pack("{s:s, s:f, s:s, s:o}", "system",
                                       c->system[r->weighed].name, "prevalence",
                                       comparison_prevalence[COMPARISON_RARE],
                                       "by", by[r->weight.way], "cost_ratio",
                                       nn_json_number(r->weight.ratio));
}

static json_t *verdict_json(const struct comparison *c,
                            const struct comparison_result *r)
{
    json_t *conditions = names_json(r->condition, r->n_conditions);

    return json_pack("{s:s, s:o, s:o}", "text", r->text, "conditions",
                     conditions, "weighed", weighed_json(c, r));
}

json_t *comparison_json(const struct comparison *c,
                        const struct comparison_result *r, struct nn_error *err)
{
    json_t *seeds = json_array(), *all;

    for (int i = 1; i <= c->opt->seeds; i++) {
        nn_json_add(&seeds, json_integer(i));
    }
    all = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o}",
        "format", COMPARISON_FORMAT, "program", BEARCASCADE_VERSION, "machine",
        machine_json(), "verdict", verdict_json(c, r), "data", data_json(c, r),
        "classes", names_json(c->ds->classes, c->k), "families",
        names_json(c->ds->families, c->ds->n_families), "test", test_json(c),
        "seeds", seeds, "options", options_json(c->opt), "systems",
        systems_json(c, r), "differences", differences_json(c, r), "budget",
        budget_json(&r->budget), "prevalence", prevalence_json(c, r),
        "break_even", break_even_json(c, r));
    if (all == NULL) {
        nn_fail_nomem(err);
    }
    return all;
}
