/* Filling a table of outcomes. */
#include "pipelines/measure/outcomes.h"

#include <math.h>
#include <string.h>

#include "common/base/mem.h"

enum nn_status outcomes_init(struct outcomes *t, size_t n, size_t k,
                             struct nn_error *err)
{
    *t = (struct outcomes){ .k = k };
    t->item = nn_mem_calloc(n, sizeof *t->item);
    t->truth = nn_mem_calloc(n, sizeof *t->truth);
    t->family = nn_mem_calloc(n, sizeof *t->family);
    t->verdict = nn_mem_calloc(n, sizeof *t->verdict);
    t->best = nn_mem_calloc(n, sizeof *t->best);
    t->positive = nn_mem_calloc(n, sizeof *t->positive);
    t->none_behind = nn_mem_calloc(n, sizeof *t->none_behind);
    t->by_species = nn_mem_calloc(n, sizeof *t->by_species);
    t->p_positive = nn_mem_calloc(n, sizeof *t->p_positive);
    t->p = nn_mem_calloc(n, k * sizeof *t->p);
    t->confidence = nn_mem_calloc(n, sizeof *t->confidence);
    if (t->item == NULL || t->truth == NULL || t->family == NULL ||
        t->verdict == NULL || t->best == NULL || t->positive == NULL ||
        t->none_behind == NULL || t->by_species == NULL ||
        t->p_positive == NULL || t->p == NULL || t->confidence == NULL) {
        outcomes_release(t);
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

void outcomes_release(struct outcomes *t)
{
    nn_mem_free(t->item);
    nn_mem_free(t->truth);
    nn_mem_free(t->family);
    nn_mem_free(t->verdict);
    nn_mem_free(t->best);
    nn_mem_free(t->positive);
    nn_mem_free(t->none_behind);
    nn_mem_free(t->by_species);
    nn_mem_free(t->p_positive);
    nn_mem_free(t->p);
    nn_mem_free(t->confidence);
    nn_ranking_release(&t->ranking);
    nn_ranking_release(&t->open_set);
    *t = (struct outcomes)OUTCOMES_INIT;
}

void outcomes_add(struct outcomes *t, const struct outcome *row,
                  const double *p)
{
    size_t i = t->n++;

    t->item[i] = row->item;
    t->truth[i] = row->truth;
    t->family[i] = row->family;
    t->verdict[i] = row->verdict;
    t->best[i] = row->best;
    t->positive[i] = row->truth < (int32_t)t->k;
    t->none_behind[i] = row->none_behind != 0;
    t->by_species[i] = row->by_species != 0;
    t->p_positive[i] = row->p_positive;
    if (p != NULL) {
        memcpy(t->p + i * t->k, p, t->k * sizeof *p);
        t->confidence[i] = species_confidence(t->says_unknown, p, t->k);
    }
    t->n_positives += t->positive[i];
}

enum nn_status outcomes_rank(struct outcomes *t, struct nn_error *err)
{
    uint8_t *named;
    enum nn_status st;

    if (t->n_positives == 0 || t->n_positives == t->n) {
        return NN_OK;
    }
    named = nn_mem_calloc(t->n, sizeof *named);
    if (named == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < t->n; i++) {
        named[i] = t->best[i] == t->truth[i];
    }
    st = nn_ranking_init(&t->ranking, t->p_positive, t->positive, NULL, t->n,
                         err);
    if (st) {
        goto out;
    }
    st = nn_ranking_init(&t->open_set, t->p_positive, t->positive, named, t->n,
                         err);
out:
    nn_mem_free(named);
    return st;
}

int outcomes_passed_gate(const struct outcomes *t, size_t i)
{
    return t->verdict[i] != (int32_t)t->k || t->by_species[i];
}

/* Rank what was filled, or give it up. */
static enum nn_status finish(struct outcomes *t, struct nn_error *err)
{
    enum nn_status st = outcomes_rank(t, err);

    if (st) {
        outcomes_release(t);
    }
    return st;
}

/* --- where the rows come from --- */

static void add_scored(struct outcomes *t, const struct model *m,
                       const struct nn_item *it, const struct cascade_scores *s,
                       uint32_t i)
{
    const double *p = s->ran[i] ? s->p + i * t->k : NULL;
    struct verdict v = cascade_scores_verdict(m, s, i);
    struct outcome row = {
        .item = i,
        .truth = it->label != NN_NEGATIVE ? it->label : (int32_t)t->k,
        .family = it->family,
        .best = v.best >= 0 ? v.best : 0,
        .p_positive = v.p_positive,
        .none_behind =
            cascade_decide(m, 1, s->p_none[i], p).kind == VERDICT_NONE,
        .by_species = v.kind == VERDICT_NONE && v.species_stage,
    };

    row.verdict = v.kind == VERDICT_CLASS
                      ? v.best
                      : (int32_t)t->k + (v.kind == VERDICT_UNKNOWN);
    if (p == NULL && t->k == 1) {
        p = &s->p_positive[i]; /* no species net: the gate is all there is */
    }
    outcomes_add(t, &row, p);
}

enum nn_status outcomes_of_scores(struct outcomes *t, const struct model *m,
                                  const struct nn_dataset *ds,
                                  const uint32_t *index,
                                  const struct cascade_scores *s,
                                  const uint32_t *pick, size_t n,
                                  struct nn_error *err)
{
    enum nn_status st = outcomes_init(t, n, m->n_classes, err);

    if (st) {
        return st;
    }
    t->says_unknown = model_says_unknown(m);
    for (int want = 1; want >= 0; want--) {
        for (size_t j = 0; j < n; j++) {
            uint32_t i = pick != NULL ? pick[j] : (uint32_t)j;
            const struct nn_item *it = &ds->items[index[i]];

            if (s->ok[i] && (it->label != NN_NEGATIVE) == want) {
                add_scored(t, m, it, s, i);
            }
        }
    }
    return finish(t, err);
}

enum nn_status outcomes_of_gate(struct outcomes *t,
                                const struct outcomes_gate *g,
                                struct nn_error *err)
{
    enum nn_status st = outcomes_init(t, g->n, 1, err);

    if (st) {
        return st;
    }
    for (int want = 1; want >= 0; want--) {
        for (size_t i = 0; i < g->n; i++) {
            const struct outcome row = {
                .item = (uint32_t)i,
                .truth = !want,
                .family = g->family != NULL ? g->family[i] : -1,
                .verdict = !(g->p_positive[i] >= g->threshold),
                .p_positive = g->p_positive[i],
            };

            if (g->ok[i] && g->positive[i] == want) {
                outcomes_add(t, &row, &g->p_positive[i]);
            }
        }
    }
    return finish(t, err);
}

enum nn_status outcomes_of_family(const struct outcomes *all, int32_t family,
                                  struct outcomes *t, struct nn_error *err)
{
    enum nn_status st = outcomes_init(t, all->n, all->k, err);

    if (st) {
        return st;
    }
    t->says_unknown = all->says_unknown;
    for (size_t i = 0; i < all->n; i++) {
        const struct outcome row = { all->item[i],        all->truth[i],
                                     all->family[i],      all->verdict[i],
                                     all->best[i],        all->p_positive[i],
                                     all->none_behind[i], all->by_species[i] };

        if (all->positive[i] || all->family[i] == family) {
            outcomes_add(t, &row, all->p + i * all->k);
        }
    }
    return finish(t, err);
}
