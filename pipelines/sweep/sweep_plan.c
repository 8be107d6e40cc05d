/* Which gates are trained, and on which negatives. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "pipelines/sweep/sweep.h"

/* --- words --- */

static const char *const kind_names[SWEEP_KINDS] = { "random", "mined",
                                                     "one-family" };
static const char *const loss_names[SWEEP_LOSSES] = {
    "cross-entropy", "focal-1", "focal-2", "focal-5", "class-weights"
};

const char *sweep_kind_name(enum sweep_kind k)
{
    return kind_names[k];
}

const char *sweep_loss_name(enum sweep_loss l)
{
    return loss_names[l];
}

static int is_word(const char *at, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(at, word, n) == 0;
}

static enum nn_status parse_number(const char *at, size_t n, size_t *out,
                                   struct nn_error *err)
{
    char digits[20] = "";

    if (is_word(at, n, "all")) {
        *out = SWEEP_ALL;
        return NN_OK;
    }
    if (n < 1 || n > 12 || strspn(at, "0123456789") < n) {
        return nn_fail(err, NN_ERR_ARG,
                       "option '--negatives' wants numbers or 'all' with "
                       "commas between them, not '%.*s'",
                       (int)n, at);
    }
    memcpy(digits, at, n);
    *out = (size_t)strtoull(digits, NULL, 10);
    return NN_OK;
}

enum nn_status sweep_parse_numbers(const char *text, struct sweep_options *o,
                                   struct nn_error *err)
{
    o->n_numbers = 0;
    for (const char *at = text;;) {
        size_t n = strcspn(at, ",");
        enum nn_status st;

        if (nn_mem_grow(&o->number, &o->cap_numbers, o->n_numbers + 1,
                        sizeof *o->number)) {
            return nn_fail_nomem(err);
        }
        st = parse_number(at, n, &o->number[o->n_numbers++], err);
        if (st || at[n] == '\0') {
            return st;
        }
        at += n + 1;
    }
}

/* Words of a list into flags. */
static enum nn_status parse_words(const char *option, const char *text,
                                  const char *const *names, int n_names,
                                  int *flag, struct nn_error *err)
{
    memset(flag, 0, (size_t)n_names * sizeof *flag);
    for (const char *at = text;;) {
        size_t n = strcspn(at, ",");
        int i = 0;

        while (i < n_names && !is_word(at, n, names[i])) {
            i++;
        }
        if (i == n_names) {
            return nn_fail(err, NN_ERR_ARG,
                           "option '--%s' does not know '%.*s'", option, (int)n,
                           at);
        }
        flag[i] = 1;
        if (at[n] == '\0') {
            return NN_OK;
        }
        at += n + 1;
    }
}

enum nn_status sweep_parse_kinds(const char *text, struct sweep_options *o,
                                 struct nn_error *err)
{
    return parse_words("kinds", text, kind_names, SWEEP_KINDS, o->kind, err);
}

enum nn_status sweep_parse_losses(const char *text, struct sweep_options *o,
                                  struct nn_error *err)
{
    return parse_words("losses", text, loss_names, SWEEP_LOSSES, o->loss, err);
}

enum nn_status sweep_check_with(const struct nn_option_list *with,
                                struct nn_error *err)
{
    static const char *const own[] = {
        "out",       "o",          "seed",          "s",
        "epochs",    "e",          "gate-epochs",   "species-epochs",
        "resume",    "split-seed", "only",          "only-negatives",
        "system",    "gate-focal", "class-weights", "mine-pool",
        "negatives", "leave-out",  "quiet",         "threads",
        "help",
    };

    for (size_t i = 0; i < with->n; i++) {
        const char *word = with->v[i] + strspn(with->v[i], "-");
        size_t n = strcspn(word, "=");

        if (n == 0 || strpbrk(word, " \t\n") != NULL) {
            return nn_fail(err, NN_ERR_ARG,
                           "option '--with' wants NAME=VALUE or NAME, an "
                           "option of train, not '%s'",
                           with->v[i]);
        }
        for (size_t k = 0; k < sizeof own / sizeof own[0]; k++) {
            if (is_word(word, n, own[k])) {
                return nn_fail(err, NN_ERR_ARG,
                               "option '--with' must not set '%s': that is "
                               "for sweep to choose",
                               own[k]);
            }
        }
    }
    return NN_OK;
}

/* --- counts --- */

static enum nn_status count_families(const struct nn_dataset *ds,
                                     const char *family, struct sweep_counts *c,
                                     struct nn_error *err)
{
    size_t *size = nn_mem_calloc(ds->n_families + 1, sizeof *size);

    if (size == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (nn_item_in(&ds->items[i], NN_TRAIN, NN_ITEMS_NEGATIVE) &&
            ds->items[i].family >= 0) {
            size[ds->items[i].family]++;
        }
    }
    for (size_t f = 0; f < ds->n_families; f++) {
        int wanted = family != NULL ? strcmp(family, ds->families[f]) == 0
                                    : size[f] > c->n_family;

        if (wanted && size[f] > 0) {
            c->family = (int32_t)f;
            c->n_family = size[f];
        }
    }
    nn_mem_free(size);
    return family == NULL || c->family >= 0
               ? NN_OK
               : nn_fail(err, NN_ERR_ARG,
                         "'%s' has no training negatives of a family '%s'",
                         ds->path, family);
}

enum nn_status sweep_count(const struct nn_dataset *ds, const char *family,
                           struct sweep_counts *c, struct nn_error *err)
{
    *c = (struct sweep_counts){ .n_classes = ds->n_classes, .family = -1 };
    c->n_negatives = nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_NEGATIVE);
    c->n_positives = nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_POSITIVE);
    if (c->n_positives == 0 || c->n_negatives == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "a sweep needs %s in the train part of '%s'",
                       c->n_positives == 0 ? "images of a class"
                                           : "negatives (a folder named "
                                             "'negative', 'none', 'no_...')",
                       ds->path);
    }
    return count_families(ds, family, c, err);
}

/* --- points --- */

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return x < y ? -1 : x > y;
}

/* What there is of the numbers asked for, ascending, each once. */
static size_t *numbers(const struct sweep_options *o, size_t max, size_t *n)
{
    size_t *v = nn_mem_calloc(o->n_numbers + 1, sizeof *v);
    size_t m = 0;

    *n = 0;
    if (v == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < o->n_numbers; i++) {
        v[i] = o->number[i] < max ? o->number[i] : max;
    }
    qsort(v, o->n_numbers, sizeof *v, by_size);
    for (size_t i = 0; i < o->n_numbers; i++) {
        if (m == 0 || v[m - 1] != v[i]) {
            v[m++] = v[i];
        }
    }
    *n = m;
    return v;
}

static void set_budget(const struct sweep_options *o,
                       const struct sweep_plan *plan, struct sweep_point *p)
{
    double all = (double)o->epochs * (double)(plan->n_positives + plan->max);
    size_t shown = plan->n_positives + p->negatives;
    double epochs = all / (double)shown + 0.5;

    if (o->epochs == 0) {
        p->images = shown;
        return;
    }
    p->epochs = epochs < 1 ? 1 : epochs > 100000 ? 100000 : (int)epochs;
    p->images = (size_t)p->epochs * shown;
}

struct sweep_point sweep_first_point(const struct sweep_options *o,
                                     const struct sweep_plan *plan)
{
    struct sweep_point p = { .negatives = plan->first };

    set_budget(o, plan, &p);
    return p;
}

/* Append a point, unless it is there. */
static enum nn_status add(const struct sweep_options *o,
                          const struct sweep_counts *c, struct sweep_plan *plan,
                          struct sweep_point p, struct nn_error *err)
{
    if (p.kind == SWEEP_FAMILY && p.negatives > c->n_family) {
        p.negatives = c->n_family;
    }
    for (size_t i = 0; i < plan->n; i++) {
        const struct sweep_point *q = &plan->point[i];

        if (q->kind == p.kind && q->loss == p.loss &&
            q->negatives == p.negatives) {
            return NN_OK;
        }
    }
    if (nn_mem_grow(&plan->point, &plan->cap, plan->n + 1,
                    sizeof *plan->point)) {
        return nn_fail_nomem(err);
    }
    p.skipped = p.negatives == 0 && c->n_classes < 2;
    set_budget(o, plan, &p);
    plan->point[plan->n++] = p;
    return NN_OK;
}

/* 1 when the grid has this point; i counts the n numbers. */
static int wanted(const struct sweep_options *o, enum sweep_kind kind,
                  enum sweep_loss loss, size_t number, size_t i, size_t n)
{
    if (number == 0) {
        return kind == SWEEP_RANDOM && loss == SWEEP_CROSS_ENTROPY;
    }
    return loss == SWEEP_CROSS_ENTROPY || o->full_grid ||
           (kind == SWEEP_RANDOM && i + 2 >= n);
}

static enum nn_status fill(const struct sweep_options *o,
                           const struct sweep_counts *c, const size_t *v,
                           size_t n, struct sweep_plan *plan,
                           struct nn_error *err)
{
    for (int loss = 0; loss < SWEEP_LOSSES; loss++) {
        for (int kind = 0; kind < SWEEP_KINDS; kind++) {
            int here = o->loss[loss] && o->kind[kind] &&
                       (kind != SWEEP_FAMILY || c->family >= 0);

            for (size_t i = 0; here && i < n; i++) {
                const struct sweep_point p = { .negatives = v[i],
                                               .kind = (enum sweep_kind)kind,
                                               .loss = (enum sweep_loss)loss };
                enum nn_status st;

                if (!wanted(o, p.kind, p.loss, v[i], i, n)) {
                    continue;
                }
                st = add(o, c, plan, p, err);
                if (st) {
                    return st;
                }
            }
        }
    }
    return NN_OK;
}

static void figure_release(struct sweep_figure *f)
{
    nn_mem_free(f->seed);
    f->seed = NULL;
}

void sweep_plan_release(struct sweep_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        struct sweep_point *p = &plan->point[i];

        for (size_t s = 0; p->run != NULL && s < plan->n_seeds; s++) {
            nn_mem_free(p->run[s].score);
            nn_mem_free(p->run[s].command);
            nn_mem_free(p->run[s].dir);
        }
        nn_mem_free(p->run);
        figure_release(&p->roc_area);
        figure_release(&p->fpr95);
        figure_release(&p->fpr);
        figure_release(&p->average_precision);
    }
    nn_mem_free(plan->point);
    *plan = (struct sweep_plan){ 0 };
}

static enum nn_status make_runs(struct sweep_plan *plan, struct nn_error *err)
{
    for (size_t i = 0; i < plan->n; i++) {
        struct sweep_point *p = &plan->point[i];
        struct sweep_figure *f[] = { &p->roc_area, &p->fpr95, &p->fpr,
                                     &p->average_precision };

        p->run = nn_mem_calloc(plan->n_seeds, sizeof *p->run);
        if (p->run == NULL) {
            return nn_fail_nomem(err);
        }
        for (int k = 0; k < 4; k++) {
            f[k]->seed = nn_mem_calloc(plan->n_seeds, sizeof(double));
            if (f[k]->seed == NULL) {
                return nn_fail_nomem(err);
            }
        }
    }
    return NN_OK;
}

enum nn_status sweep_plan_init(const struct sweep_options *o,
                               const struct sweep_counts *c,
                               struct sweep_plan *plan, struct nn_error *err)
{
    size_t n = 0, *v = numbers(o, c->n_negatives, &n);
    enum nn_status st;

    *plan = (struct sweep_plan){ .n_seeds = (size_t)o->seeds,
                                 .max = c->n_negatives,
                                 .family = c->family,
                                 .n_positives = c->n_positives };
    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = n; i > 0; i--) {
        plan->first = v[i - 1] > 0 ? v[i - 1] : plan->first;
    }
    st = fill(o, c, v, n, plan, err);
    if (st) {
        goto out;
    }
    if (plan->n == 0) {
        st = nn_fail(err, NN_ERR_ARG,
                     "nothing to do: no number of negatives fits the kinds and "
                     "losses asked for");
        goto out;
    }
    st = make_runs(plan, err);
out:
    nn_mem_free(v);
    if (st) {
        sweep_plan_release(plan);
    }
    return st;
}

/* --- names --- */

enum sweep_kind sweep_kind_of_runs(const struct sweep_plan *plan,
                                   const struct sweep_point *p)
{
    return p->kind == SWEEP_MINED &&
                   (p->negatives == plan->first || p->negatives == plan->max)
               ? SWEEP_RANDOM
               : p->kind;
}

int sweep_same_runs(const struct sweep_plan *plan, const struct sweep_point *a,
                    const struct sweep_point *b)
{
    return a->negatives == b->negatives && a->loss == b->loss &&
           sweep_kind_of_runs(plan, a) == sweep_kind_of_runs(plan, b);
}

char *sweep_run_name(const struct sweep_plan *plan, const struct sweep_point *p,
                     size_t seed)
{
    return nn_mem_sprintf("%s-%zu-%s-seed%zu",
                          sweep_kind_name(sweep_kind_of_runs(plan, p)),
                          p->negatives, sweep_loss_name(p->loss), seed);
}

/* --- which negatives --- */

struct scored {
    double z;
    uint32_t item;
};

/* Falling score, then rising item. */
static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    if (x->z != y->z) {
        return x->z > y->z ? -1 : 1;
    }
    return x->item < y->item ? -1 : x->item > y->item;
}

static enum nn_status sort_hardest(uint32_t *v, size_t n, const double *z)
{
    struct scored *s = nn_mem_calloc(n + 1, sizeof *s);

    if (s == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        s[i] = (struct scored){ z[v[i]], v[i] };
    }
    qsort(s, n, sizeof *s, by_score);
    for (size_t i = 0; i < n; i++) {
        v[i] = s[i].item;
    }
    nn_mem_free(s);
    return NN_OK;
}

enum nn_status sweep_order(const struct nn_dataset *ds,
                           const struct sweep_plan *plan, enum sweep_kind kind,
                           uint64_t seed, const double *z, uint32_t **out,
                           size_t *n, struct nn_error *err)
{
    const uint64_t sweep = 0x7377656570; /* a stream of our own */
    struct nn_rng rng = nn_rng_make(seed, nn_rng_stream(sweep, 0, 0));
    uint32_t *v = nn_mem_calloc(ds->n, sizeof *v);
    size_t m = 0, kept = 0;

    *out = NULL;
    *n = 0;
    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (nn_item_in(&ds->items[i], NN_TRAIN, NN_ITEMS_NEGATIVE)) {
            v[m++] = (uint32_t)i;
        }
    }
    nn_rng_shuffle(&rng, v, m);
    for (size_t i = 0; kind == SWEEP_FAMILY && i < m; i++) {
        if (ds->items[v[i]].family == plan->family) {
            v[kept++] = v[i];
        }
    }
    m = kind == SWEEP_FAMILY ? kept : m;
    if (kind == SWEEP_MINED && m > plan->first &&
        sort_hardest(v + plan->first, m - plan->first, z)) {
        nn_mem_free(v);
        return nn_fail_nomem(err);
    }
    *out = v;
    *n = m;
    return NN_OK;
}
