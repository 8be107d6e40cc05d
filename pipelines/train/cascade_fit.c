/* The images that both stages are fitted on. */
#include "pipelines/train/cascade_fit.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/eval/stats.h"
#include "pipelines/cascade/cascade.h"

/* Recall of the gate at which negatives that pass are hard ones: laxer than it
 * will work at. */
#define LAX_RECALL 0.99

/* Items of some parts, and what the model says of them. */
struct scored {
    size_t n;
    uint32_t *item;          /* [n], those that can be read */
    uint8_t *positive;       /* [n] */
    struct cascade_scores s; /* rows [n] */
};

static void release(struct scored *x)
{
    nn_mem_free(x->item);
    nn_mem_free(x->positive);
    cascade_scores_release(&x->s);
}

/* Positives only of the valid part. */
static int wanted(const struct nn_item *it, int with_train)
{
    return it->split == NN_VALID ||
           (with_train && it->split == NN_TRAIN && it->label == NN_NEGATIVE);
}

/* Rows that could not be read are left out. */
static void keep_readable(struct scored *x, const struct nn_dataset *ds)
{
    struct cascade_scores *s = &x->s;
    size_t n = 0;

    for (size_t i = 0; i < x->n; i++) {
        if (s->ok[i]) {
            s->p_gate[n] = s->p_gate[i];
            s->p_none[n] = s->p_none[i];
            memmove(s->p_rung + n * s->n_rungs, s->p_rung + i * s->n_rungs,
                    s->n_rungs * sizeof *s->p_rung);
            x->item[n] = x->item[i];
            x->positive[n++] = ds->items[x->item[i]].label != NN_NEGATIVE;
        }
    }
    x->n = n;
}

static enum nn_status score(struct scored *x, const struct nn_dataset *ds,
                            const struct model *m, const char *features,
                            int with_train, const char *label,
                            struct nn_error *err)
{
    struct cascade *c = NULL;
    enum nn_status st;

    *x = (struct scored){ .item = nn_mem_calloc(ds->n, sizeof *x->item),
                          .positive = nn_mem_calloc(ds->n, 1) };
    if (x->item == NULL || x->positive == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (!ds->items[i].bad && wanted(&ds->items[i], with_train)) {
            x->item[x->n++] = (uint32_t)i;
        }
    }
    st = cascade_create(m, CASCADE_BATCH, &c, err);
    if (st) {
        return st;
    }
    cascade_keep_features(c, features);
    st = cascade_score(c, ds, x->item, x->n, 1, label, &x->s, err);
    cascade_destroy(&c);
    if (st) {
        return st;
    }
    keep_readable(x, ds);
    return NN_OK;
}

/* --- what stands for none --- */

static enum nn_status lax_threshold(const struct scored *x, double *t,
                                    struct nn_error *err)
{
    double *p = nn_mem_calloc(x->n, sizeof *p);
    struct nn_recall_threshold at;
    enum nn_status st;
    size_t n = 0;

    if (p == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < x->n; i++) {
        if (x->positive[i]) {
            p[n++] = x->s.p_gate[i];
        }
    }
    st = nn_threshold_at_recall(p, n, LAX_RECALL, NN_CONFIDENCE, &at, err);
    nn_mem_free(p);
    if (st) {
        return st;
    }
    *t = at.threshold;
    return NN_OK;
}

/* Negatives of a part into none; *n: how many. */
static enum nn_status take_part(const struct scored *x,
                                const struct nn_dataset *ds,
                                enum nn_split split, double limit,
                                uint8_t *none, size_t *n, struct nn_error *err)
{
    size_t positives = nn_dataset_count(ds, split, NN_ITEMS_POSITIVE), m = 0;
    uint32_t *item = nn_mem_calloc(x->n, sizeof *item);
    double *p = nn_mem_calloc(x->n, sizeof *p);
    enum nn_status st;

    if (item == NULL || p == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < x->n; i++) {
        if (!x->positive[i] && ds->items[x->item[i]].split == split) {
            item[m] = x->item[i];
            p[m++] = x->s.p_gate[i];
        }
    }
    st = species_hard_negatives(p, item, m, limit,
                                (positives + ds->n_classes - 1) / ds->n_classes,
                                none, n, err);
out:
    nn_mem_free(item);
    nn_mem_free(p);
    return st;
}

enum nn_status cascade_fit_none(const struct nn_dataset *ds,
                                const struct model *m, const char *features,
                                uint8_t **none, struct nn_error *err)
{
    uint8_t *flags = nn_mem_calloc(ds->n, 1);
    struct scored x = { .n = 0 };
    size_t train = 0, valid = 0;
    double limit = 0;
    enum nn_status st;

    *none = NULL;
    if (flags == NULL) {
        return nn_fail_nomem(err);
    }
    st = score(&x, ds, m, features, 1, "hard negatives", err);
    if (st) {
        goto out;
    }
    st = lax_threshold(&x, &limit, err);
    if (st) {
        goto out;
    }
    st = take_part(&x, ds, NN_TRAIN, limit, flags, &train, err);
    if (st) {
        goto out;
    }
    st = take_part(&x, ds, NN_VALID, limit, flags, &valid, err);
    if (st) {
        goto out;
    }
    nn_log(NN_LOG_INFO,
           "species: may say none; learns it from the %zu hardest negatives "
           "of the gate, and is judged on %zu of the valid part",
           train, valid);
    if (train > 0) {
        *none = flags;
        flags = NULL;
    }
out:
    release(&x);
    nn_mem_free(flags);
    return st;
}

/* --- thresholds --- */

/* What the rungs reject gets the number that stands for that. */
static void apply_rungs(struct scored *x, const struct rungs *rungs, double t1)
{
    struct cascade_scores *s = &x->s;

    for (size_t i = 0; i < x->n; i++) {
        for (size_t k = rungs->n; k-- > 0;) { /* the first one has the word */
            double p = s->p_rung[i * rungs->n + k];

            if (p < rungs->v[k].threshold) {
                s->p_gate[i] = rung_score(t1, rungs->v[k].threshold, p);
            }
        }
    }
}

static void say_rungs(const struct model *m)
{
    for (size_t k = 0; k < m->rungs.n; k++) {
        const struct rung *r = &m->rungs.v[k];

        nn_log(NN_LOG_INFO,
               "cascade: rung %zu threshold %.4f (after it %.3f of the "
               "positives and %.3f of the negatives are left)",
               k + 1, r->threshold, r->recall, r->fpr);
    }
}

enum nn_status cascade_fit_policy(const struct nn_dataset *ds, struct model *m,
                                  const char *features,
                                  const struct cascade_aim *aim,
                                  struct nn_error *err)
{
    struct scored x = { .n = 0 };
    struct cascade_votes votes;
    double t1 = 0;
    char *text;
    enum nn_status st;

    m->policy.gate_weight = CASCADE_GATE_WEIGHT;
    for (size_t k = 0; k < m->rungs.n; k++) {
        m->rungs.v[k].threshold = 0; /* all images through all nets */
    }
    st = score(&x, ds, m, features, 0, "thresholds", err);
    if (st) {
        goto out;
    }
    votes = (struct cascade_votes){ x.n,        x.s.p_gate, x.s.p_none,
                                    x.positive, m->rungs.n, x.s.p_rung };
    st = cascade_choose(&votes, aim, &m->rungs, &t1, &m->policy, err);
    if (st) {
        goto out;
    }
    m->policy.gate_weight = CASCADE_GATE_WEIGHT;
    apply_rungs(&x, &m->rungs, t1);
    say_rungs(m);
    m->gate_policy =
        gate_policy_at(x.s.p_gate, x.positive, x.n, t1, aim->min_recall);
    text = cascade_policy_text(&m->policy);
    if (text == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    nn_log(NN_LOG_INFO,
           "cascade: gate threshold %.4f (keeps %.3f of the positives, passes "
           "%.3f of the negatives), none below %.4f: %s",
           t1, m->gate_policy.recall, m->gate_policy.fpr,
           m->policy.none_threshold, text);
    nn_mem_free(text);
out:
    release(&x);
    return st;
}
