#include "pipelines/train/teacher.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/cascade/cascade.h"

/* --- does it fit? --- */

static int has_class(char *const *classes, size_t n, const char *name)
{
    for (size_t k = 0; k < n; k++) {
        if (strcmp(classes[k], name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Both tables are sorted, so the same names stand in the same places. */
static enum nn_status check(const struct model *m, const struct nn_dataset *ds,
                            struct nn_error *err)
{
    if (m->system != MODEL_CASCADE) {
        return nn_fail(err, NN_ERR_ARG, "the teacher '%s' is no cascade",
                       m->path);
    }
    for (size_t k = 0; k < ds->n_classes; k++) {
        if (!has_class(m->classes, m->n_classes, ds->classes[k])) {
            return nn_fail(err, NN_ERR_ARG,
                           "the teacher '%s' does not know the class '%s'",
                           m->path, ds->classes[k]);
        }
    }
    for (size_t k = 0; k < m->n_classes; k++) {
        if (!has_class(ds->classes, ds->n_classes, m->classes[k])) {
            return nn_fail(err, NN_ERR_ARG,
                           "the teacher '%s' has the class '%s', which '%s' "
                           "has not",
                           m->path, m->classes[k], ds->path);
        }
    }
    return NN_OK;
}

static void warn_of_leaks(const struct model *m, const struct nn_dataset *ds)
{
    size_t n = 0, known = 0;

    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (!it->bad && (it->split == NN_VALID || it->split == NN_TEST)) {
            n++;
            known += nn_seen_has(&m->seen, NN_TRAIN, it) != 0;
        }
    }
    if (known > 0) {
        nn_log(NN_LOG_WARN,
               "the teacher was trained on %zu of the %zu images of valid and "
               "test: figures on those are too good, and `evaluate` leaves "
               "them out",
               known, n);
    }
}

/* --- its answers --- */

/* Images between looks at whether the user wants to stop. */
enum { PIECE = 512 };

struct asked {
    const struct teacher *t;
    const struct nn_dataset *ds;
    const struct model *m;
    struct gate_lessons *to;
    uint32_t *index; /* [n] */
    size_t n;
};

static enum nn_status set_up(struct asked *a, struct nn_error *err)
{
    size_t n = a->ds->n, k = a->ds->n_classes;
    struct gate_lessons *l = a->to;

    a->index = nn_mem_calloc(n, sizeof *a->index);
    l->ok = nn_mem_calloc(n, 1);
    l->positive = nn_mem_calloc(n, sizeof *l->positive);
    l->of_class = nn_mem_calloc(n, k * sizeof *l->of_class);
    if (a->index == NULL || l->ok == NULL || l->positive == NULL ||
        l->of_class == NULL) {
        return nn_fail_nomem(err);
    }
    l->n = n;
    l->n_classes = k;
    l->weight = a->t->weight;
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &a->ds->items[i];

        if (!it->bad &&
            (it->split == NN_TRAIN || it->split == NN_SPLIT_UNLABELLED)) {
            a->index[a->n++] = (uint32_t)i;
        }
    }
    return NN_OK;
}

/* p: of the species net, where it ran; else NULL. */
static void put_classes(const double *p, size_t k, float *q)
{
    double sum = 0;

    for (size_t j = 0; p != NULL && j < k; j++) {
        sum += p[j];
    }
    for (size_t j = 0; j < k; j++) {
        q[j] = (float)(sum > 0 ? p[j] / sum : 1 / (double)k);
    }
}

static void put(const struct asked *a, const struct cascade_scores *s,
                const uint32_t *index)
{
    size_t k = a->ds->n_classes;
    int both = model_says_none(a->m);

    for (size_t i = 0; i < s->n; i++) {
        size_t item = index[i];

        if (!s->ok[i]) {
            continue;
        }
        a->to->ok[item] = 1;
        a->to->positive[item] =
            (float)(both && s->ran[i] ? 1 - s->p_none[i] : s->p_gate[i]);
        put_classes(s->ran[i] ? s->p + i * k : NULL, k,
                    a->to->of_class + item * k);
    }
}

static enum nn_status ask_all(const struct asked *a, struct cascade *c,
                              struct nn_progress *bar, struct nn_error *err)
{
    for (size_t from = 0; from < a->n; from += PIECE) {
        size_t n = a->n - from < PIECE ? a->n - from : PIECE;
        struct cascade_scores s;
        enum nn_status st;

        if (a->t->stop != NULL && *a->t->stop) {
            return nn_fail(err, NN_ERR_STOPPED,
                           "interrupted while the teacher looked at the "
                           "images; go on with --resume");
        }
        st = cascade_score(c, a->ds, a->index + from, n, 1, NULL, &s, err);
        if (st) {
            return st;
        }
        put(a, &s, a->index + from);
        cascade_scores_release(&s);
        nn_progress_update(bar, (int64_t)(from + n), NULL);
    }
    return NN_OK;
}

static uint64_t hash(const struct gate_lessons *l)
{
    uint64_t h = nn_hash_u64(&l->weight, sizeof l->weight, 1);

    h = nn_hash_u64(l->ok, l->n, h);
    h = nn_hash_u64(l->positive, l->n * sizeof *l->positive, h);
    h = nn_hash_u64(l->of_class, l->n * l->n_classes * sizeof *l->of_class, h);
    return h + (h == 0);
}

static enum nn_status ask(struct asked *a, struct nn_error *err)
{
    struct nn_progress bar;
    struct cascade *c = NULL;
    enum nn_status st = set_up(a, err);

    if (st) {
        return st;
    }
    st = cascade_create(a->m, CASCADE_BATCH, &c, err);
    if (st) {
        return st;
    }
    cascade_keep_features(c, a->t->features);
    nn_progress_begin(&bar, "teacher", "img", (int64_t)a->n);
    st = ask_all(a, c, &bar, err);
    nn_progress_end(&bar, NULL);
    cascade_destroy(&c);
    a->to->soft_hash = hash(a->to);
    return st;
}

/* How often it agrees with the labels, and what it takes the others for. */
static void say(const struct asked *a)
{
    const struct gate_lessons *l = a->to;
    size_t labelled = 0, agrees = 0, others = 0, positive = 0;

    for (size_t i = 0; i < a->n; i++) {
        const struct nn_item *it = &a->ds->items[a->index[i]];
        int yes = l->positive[a->index[i]] >= 0.5f;

        if (!l->ok[a->index[i]]) {
            continue;
        }
        if (it->split == NN_SPLIT_UNLABELLED) {
            others++;
            positive += (size_t)yes;
        } else {
            labelled++;
            agrees += yes == (it->label != NN_NEGATIVE);
        }
    }
    nn_log(NN_LOG_INFO,
           "teacher: agrees with the labels of %zu of %zu training images (a "
           "class or none); of %zu without a label it takes %zu for one of a "
           "class",
           agrees, labelled, others, positive);
}

enum nn_status teacher_ask(const struct teacher *t, const struct nn_dataset *ds,
                           struct gate_lessons *lessons, struct nn_seen *seen,
                           struct nn_error *err)
{
    struct asked a = { .t = t, .ds = ds, .to = lessons };
    struct model *m = NULL;
    enum nn_status st = model_load(t->path, &m, err);

    *lessons = (struct gate_lessons){ .n = 0 };
    *seen = (struct nn_seen){ .n = { 0 } };
    if (st) {
        return st;
    }
    a.m = m;
    st = check(m, ds, err);
    if (st) {
        goto out;
    }
    warn_of_leaks(m, ds);
    for (size_t k = 0; k < m->rungs.n; k++) {
        m->rungs.v[k].threshold = 0; /* all images through all nets */
    }
    st = ask(&a, err);
    if (st) {
        goto out;
    }
    say(&a);
    *seen = m->seen;
    m->seen = (struct nn_seen){ .n = { 0 } };
out:
    nn_mem_free(a.index);
    model_destroy(&m);
    return st;
}
