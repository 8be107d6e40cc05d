#include "pipelines/cascade/cascade.h"

#include <math.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/score_items.h"
#include "pipelines/cascade/baseline_score.h"

/* Pictures per step: large enough to feed two cores, small enough for the
 * memory of a small computer. */
enum { CASCADE_BATCH = 32 };

struct cascade {
    const struct model *model;
    struct nn_scorer *gate, *species;
};

const char *verdict_kind_name(enum verdict_kind k)
{
    static const char *const names[] = { "none", "class", "unknown_bear" };

    return names[k];
}

struct verdict cascade_decide(const struct model *m, double p_bear,
                              const double *p)
{
    struct verdict v = { .p_bear = p_bear, .p = p, .best = -1 };

    for (size_t k = 0; p != NULL && k < m->n_classes; k++) {
        if (v.best < 0 || p[k] > p[v.best]) {
            v.best = (int32_t)k;
        }
    }
    if (!(p_bear >= m->gate_policy.threshold)) {
        v.kind = VERDICT_NONE;
        return v;
    }
    if (m->species == NULL) { /* one class, or a single model */
        v.kind = VERDICT_CLASS;
        v.best = v.best >= 0 ? v.best : 0;
        v.species_stage = m->system != MODEL_CASCADE;
        return v;
    }
    v.species_stage = 1;
    v.kind = v.best >= 0 && p[v.best] >= m->species_policy.floor
                 ? VERDICT_CLASS
                 : VERDICT_UNKNOWN;
    return v;
}

const char *verdict_label(const struct model *m, const struct verdict *v)
{
    return v->kind == VERDICT_CLASS ? m->classes[v->best]
                                    : verdict_kind_name(v->kind);
}

enum nn_status cascade_create(const struct model *m, struct cascade **out,
                              struct nn_error *err)
{
    struct cascade *c = nn_mem_calloc(1, sizeof *c);
    enum nn_status st;

    *out = NULL;
    if (c == NULL) {
        return nn_fail_nomem(err);
    }
    c->model = m;
    st = nn_scorer_create(m->gate, CASCADE_BATCH, &c->gate, err);
    if (!st && m->species != NULL) {
        st = nn_scorer_create(m->species, CASCADE_BATCH, &c->species, err);
    }
    if (st) {
        cascade_destroy(&c);
        return st;
    }
    *out = c;
    return NN_OK;
}

void cascade_destroy(struct cascade **cp)
{
    struct cascade *c = *cp;

    *cp = NULL;
    if (c == NULL) {
        return;
    }
    nn_scorer_destroy(&c->gate);
    nn_scorer_destroy(&c->species);
    nn_mem_free(c);
}

void cascade_scores_release(struct cascade_scores *s)
{
    nn_mem_free(s->ok);
    nn_mem_free(s->ran);
    nn_mem_free(s->gate_z);
    nn_mem_free(s->p_bear);
    nn_mem_free(s->p);
    *s = (struct cascade_scores)CASCADE_SCORES_INIT;
}

static enum nn_status scores_init(struct cascade_scores *s, size_t n, size_t k,
                                  struct nn_error *err)
{
    size_t cells;

    *s = (struct cascade_scores)CASCADE_SCORES_INIT;
    if (nn_size_mul(n, k, &cells)) {
        return nn_fail_nomem(err);
    }
    s->n = n;
    s->n_classes = k;
    s->ok = nn_mem_calloc(n, 1);
    s->ran = nn_mem_calloc(n, 1);
    s->gate_z = nn_mem_calloc(n, sizeof *s->gate_z);
    s->p_bear = nn_mem_calloc(n, sizeof *s->p_bear);
    s->p = nn_mem_calloc(cells, sizeof *s->p);
    if (s->ok == NULL || s->ran == NULL || s->gate_z == NULL ||
        s->p_bear == NULL || s->p == NULL) {
        cascade_scores_release(s);
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

/* A single model answers both questions at once. */
static void put_single(const struct model *m, const float *z, size_t i,
                       struct cascade_scores *s)
{
    double p = baseline_score(m->system, m->gate, z, s->p + i * m->n_classes);

    p = fmin(fmax(p, 1e-12), 1 - 1e-12); /* a finite logit */
    s->p_bear[i] = p;
    s->gate_z[i] = log(p / (1 - p)) * m->gate->temperature;
    s->ran[i] = 1;
}

static enum nn_status run_gate(struct cascade *c, const struct nn_dataset *ds,
                               const uint32_t *index, size_t n,
                               const char *label, struct cascade_scores *s,
                               struct nn_error *err)
{
    const struct nn_net *gate = c->model->gate;
    size_t k = gate->spec.n_outputs;
    float *z = nn_mem_calloc(n, k * sizeof *z);
    enum nn_status st;

    if (z == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_scorer_run_items(c->gate, ds, index, n, label, z, s->ok, err);
    for (size_t i = 0; !st && i < n; i++) {
        if (c->model->system == MODEL_CASCADE) {
            s->gate_z[i] = gate_logit(gate, z + i * k);
            s->p_bear[i] = gate_probability(gate, s->gate_z[i]);
        } else if (s->ok[i]) {
            put_single(c->model, z + i * k, i, s);
        }
    }
    nn_mem_free(z);
    return st;
}

/* The species net on the rows listed in row[0..m-1]. */
static enum nn_status run_rows(struct cascade *c, const struct nn_dataset *ds,
                               const uint32_t *index, const size_t *row,
                               size_t m, const char *label,
                               struct cascade_scores *s, struct nn_error *err)
{
    size_t k = s->n_classes;
    uint32_t *pick = nn_mem_calloc(m, sizeof *pick);
    uint8_t *ok = nn_mem_calloc(m, 1);
    float *z = nn_mem_calloc(m, k * sizeof *z);
    float *p = nn_mem_calloc(k, sizeof *p);
    enum nn_status st = NN_OK;

    if (pick == NULL || ok == NULL || z == NULL || p == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < m; i++) {
        pick[i] = index[row[i]];
    }
    st = nn_scorer_run_items(c->species, ds, pick, m, label, z, ok, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < m; i++) {
        nn_net_probabilities(c->model->species, z + i * k, p);
        s->ran[row[i]] = ok[i];
        s->ok[row[i]] = ok[i];
        for (size_t j = 0; j < k; j++) {
            s->p[row[i] * k + j] = (double)p[j];
        }
    }
out:
    nn_mem_free(pick);
    nn_mem_free(ok);
    nn_mem_free(z);
    nn_mem_free(p);
    return st;
}

static enum nn_status
run_species(struct cascade *c, const struct nn_dataset *ds,
            const uint32_t *index, size_t n, int all_stages, const char *label,
            struct cascade_scores *s, struct nn_error *err)
{
    size_t *row, m = 0;
    enum nn_status st = NN_OK;

    if (c->species == NULL) {
        return NN_OK;
    }
    row = nn_mem_calloc(n, sizeof *row);
    if (row == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        if (s->ok[i] &&
            (all_stages || s->p_bear[i] >= c->model->gate_policy.threshold)) {
            row[m++] = i;
        }
    }
    if (m > 0) {
        st = run_rows(c, ds, index, row, m, label, s, err);
    }
    nn_mem_free(row);
    return st;
}

enum nn_status cascade_score(struct cascade *c, const struct nn_dataset *ds,
                             const uint32_t *index, size_t n, int all_stages,
                             const char *label, struct cascade_scores *out,
                             struct nn_error *err)
{
    double t0 = nn_time_s(), t1;
    enum nn_status st = scores_init(out, n, c->model->n_classes, err);

    if (st) {
        return st;
    }
    st = run_gate(c, ds, index, n, label, out, err);
    t1 = nn_time_s();
    if (!st) {
        st = run_species(c, ds, index, n, all_stages, label, out, err);
    }
    out->gate_s = t1 - t0;
    out->species_s = nn_time_s() - t1;
    if (st) {
        cascade_scores_release(out);
    }
    return st;
}

struct verdict cascade_verdict(const struct cascade *c,
                               const struct cascade_scores *s, size_t i)
{
    return cascade_decide(c->model, s->p_bear[i],
                          s->ran[i] ? s->p + i * s->n_classes : NULL);
}
