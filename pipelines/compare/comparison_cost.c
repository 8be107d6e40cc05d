/* Where the cascade errs, and when it is the cheaper one. */
#include <math.h>

#include "common/base/mem.h"
#include "pipelines/compare/comparison.h"

/* --- error budget ----------------------------------------------------------
 */

struct budget {
    size_t total, right, misses, false_passes, confusions, unknown;
};

static void spend(const struct comparison *c, const struct comparison_run *r,
                  struct budget *b)
{
    for (size_t i = 0; i < c->n; i++) {
        int32_t none = (int32_t)c->k, v = r->verdict[i];

        b->total++;
        b->right += r->right[i];
        b->misses += c->positive[i] && v == none;
        b->false_passes += !c->positive[i] && v != none;
        b->unknown += c->positive[i] && v == none + 1;
        b->confusions += c->positive[i] && v < none && v != c->label[i];
    }
}

/* End-to-end accuracy if one stage made no error: 0 with a perfect gate, 1
 * with a perfect species net. A perfect gate lets every bear reach the species
 * net and stops all else; a perfect species net names all that pass. */
static void perfect(void *ctx, const uint32_t *pick, size_t n, double *value)
{
    const struct comparison *c = ctx;
    const struct comparison_system *s = &c->system[0];
    size_t gate = 0, species = 0;

    for (size_t r = 0; r < s->n_runs; r++) {
        const struct comparison_run *run = &s->run[r];

        for (size_t j = 0; j < n; j++) {
            size_t i = pick != NULL ? pick[j] : j;
            int passed = run->p_bear[i] >= run->threshold;

            gate += !c->positive[i] || (run->best[i] == c->label[i] &&
                                        run->trust[i] >= run->floor);
            species += passed == c->positive[i];
        }
    }
    value[0] = (double)gate / (double)(n * s->n_runs);
    value[1] = (double)species / (double)(n * s->n_runs);
}

static json_t *interval_json(const struct nn_interval *v)
{
    return json_pack("{s:o, s:o, s:o}", "value", comparison_number(v->value),
                     "lo", comparison_number(v->lo), "hi",
                     comparison_number(v->hi));
}

json_t *comparison_budget_json(const struct comparison *c, struct nn_error *err)
{
    const struct comparison_system *s = &c->system[0];
    struct comparison whole = *c;
    struct nn_interval v[2];
    struct budget b = { 0 };

    if (s->design->system != MODEL_CASCADE) {
        return json_null();
    }
    for (size_t r = 0; r < s->n_runs; r++) {
        spend(c, &s->run[r], &b);
    }
    if (comparison_intervals(c, perfect, &whole, 2, v, err)) {
        return NULL;
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "total",
                     (json_int_t)b.total, "right", (json_int_t)b.right,
                     "misses", (json_int_t)b.misses, "false_passes",
                     (json_int_t)b.false_passes, "confusions",
                     (json_int_t)b.confusions, "unknown", (json_int_t)b.unknown,
                     "perfect_gate", interval_json(&v[0]), "perfect_species",
                     interval_json(&v[1]));
}

/* --- cost against prevalence -----------------------------------------------
 */

/* Expected cost of a picture = gate + pass(prevalence) species, with
 * pass = prevalence hit + (1 - prevalence) alarm. */
struct price {
    double gate, species, hit, alarm;
};

static void rates(const struct comparison *c, const struct comparison_system *s,
                  double *hit, double *alarm)
{
    double n = (double)s->n_runs, pos = (double)c->n_positives;
    size_t hits = 0, alarms = 0;

    for (size_t r = 0; r < s->n_runs; r++) {
        for (size_t i = 0; i < c->n; i++) {
            int passed = s->run[r].p_bear[i] >= s->run[r].threshold;

            hits += passed && c->positive[i];
            alarms += passed && !c->positive[i];
        }
    }
    *hit = (double)hits / (n * pos);
    *alarm = (double)alarms / (n * ((double)c->n - pos));
}

static struct price price(const struct comparison *c,
                          const struct comparison_system *s, int time)
{
    const struct comparison_cost *k = &s->cost;
    struct price p = { .gate = time ? k->ms_gate_bulk : (double)k->macs_gate,
                       .species = time ? k->ms_species_bulk
                                       : (double)k->macs_species };

    rates(c, s, &p.hit, &p.alarm);
    return p;
}

static double price_at(const struct price *p, double prevalence)
{
    return p->gate +
           (prevalence * p->hit + (1 - prevalence) * p->alarm) * p->species;
}

/* Largest prevalence at which the cascade costs no more than `single`: 1 when
 * always, null when never. The cost grows with the prevalence. */
static json_t *break_even(const struct price *cascade, double single)
{
    double slope = (cascade->hit - cascade->alarm) * cascade->species;
    double at0 = price_at(cascade, 0), x;

    if (slope <= 0) {
        return at0 <= single ? json_real(1) : json_null();
    }
    x = (single - at0) / slope;
    return x < 0 ? json_null() : json_real(fmin(x, 1));
}

static json_t *prices_json(const struct comparison *c, double prevalence)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->n_systems; i++) {
        struct price macs = price(c, &c->system[i], 0);
        struct price ms = price(c, &c->system[i], 1);

        json_array_append_new(
            list,
            json_pack("{s:s, s:o, s:o}", "name", c->system[i].design->name,
                      "macs", comparison_number(price_at(&macs, prevalence)),
                      "ms", comparison_number(price_at(&ms, prevalence))));
    }
    return list;
}

json_t *comparison_prevalence_json(const struct comparison *c,
                                   struct nn_error *err)
{
    static const double at[] = { 0.5, 0.1, 0.01, 0.001 };
    json_t *rows = json_array(), *even = json_array(), *all;

    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        json_array_append_new(rows,
                              json_pack("{s:f, s:o}", "prevalence", at[i],
                                        "systems", prices_json(c, at[i])));
    }
    for (size_t i = 1;
         i < c->n_systems && c->system[0].design->system == MODEL_CASCADE;
         i++) {
        struct price macs = price(c, &c->system[0], 0);
        struct price ms = price(c, &c->system[0], 1);

        json_array_append_new(
            even,
            json_pack("{s:s, s:o, s:o}", "system", c->system[i].design->name,
                      "macs",
                      break_even(&macs, (double)c->system[i].cost.macs_gate),
                      "ms", break_even(&ms, c->system[i].cost.ms_gate_bulk)));
    }
    all = json_pack("{s:o, s:o}", "prevalence", rows, "break_even", even);
    if (all == NULL) {
        nn_fail_nomem(err);
    }
    return all;
}
