/* From names to labels: splits, classes, negative families. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

/* --- parts of a name --------------------------------------------------------- */

/* Number of '/'-separated parts. */
static size_t count_parts(const char *name)
{
    size_t n = 1;

    for (; *name != '\0'; name++) {
        n += *name == '/';
    }
    return n;
}

/* Part i into buf; returns 0, or -1 when there is none or it is too long. */
static int part(const char *name, size_t i, char *buf, size_t size)
{
    size_t len;

    while (i-- > 0) {
        name = strchr(name, '/');
        if (name == NULL) {
            return -1;
        }
        name++;
    }
    len = strcspn(name, "/");
    if (len == 0 || len >= size) {
        return -1;
    }
    memcpy(buf, name, len);
    buf[len] = '\0';
    return 0;
}

static int split_of_part(const char *name, size_t i, enum nn_split *s)
{
    char word[32];

    return part(name, i, word, sizeof word) ? -1 : nn_split_parse(word, s);
}

/* Parts to leave out in front: a folder that holds all of an archive and is
 * neither a split nor a class ("bears/train/..." -> "train/..."). */
static size_t common_top(const struct nn_finder *f)
{
    char first[256], other[256];
    enum nn_split s;

    if (f->n == 0 || part(f->found[0].name, 0, first, sizeof first) ||
        nn_split_parse(first, &s) == 0 || nn_is_negative_name(first, NULL)) {
        return 0;
    }
    for (size_t i = 0; i < f->n; i++) {
        if (count_parts(f->found[i].name) < 3 ||
            part(f->found[i].name, 0, other, sizeof other) ||
            strcmp(first, other) != 0) {
            return 0;
        }
    }
    return 1;
}

/* --- name tables --------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    char **v;
    size_t n, cap;
};

static enum nn_status names_add(struct names *t, const char *name)
{
    for (size_t i = t->n; i-- > 0;) {
        if (strcmp(t->v[i], name) == 0) {
            return NN_OK;
        }
    }
    if (nn_mem_grow(&t->v, &t->cap, t->n + 1, sizeof *t->v)) {
        return NN_ERR_NOMEM;
    }
    t->v[t->n] = nn_mem_strdup(name);
    return t->v[t->n] == NULL ? NN_ERR_NOMEM : (t->n++, NN_OK);
}

static int32_t names_find(const struct names *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->v[i], name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

/* --- one picture --------------------------------------------------------------- */

struct labelling {
    const struct nn_finder *f;
    size_t top;     /* parts left out in front */
    int has_splits; /* the next part is a split */
    struct names classes, families;
};

struct place {
    enum nn_split split;
    char label[256], family[256]; /* "" label: negative */
    int usable;                   /* 0: lies outside any class folder */
};

static void place_of(const struct labelling *l, const struct nn_found *x,
                     struct place *p)
{
    size_t at = l->top;

    *p = (struct place){ .split = x->split };
    if (x->labelled) {
        p->usable = 1;
        snprintf(p->label, sizeof p->label, "%s",
                 x->label != NULL ? x->label : "");
        snprintf(p->family, sizeof p->family, "%s",
                 x->family != NULL ? x->family : "");
        if (nn_is_negative_name(p->label, l->f->opt->negative_names)) {
            p->label[0] = '\0';
        }
        return;
    }
    if (l->has_splits && p->split == NN_SPLIT_NONE &&
        split_of_part(x->name, at++, &p->split)) {
        return;
    }
    if (count_parts(x->name) < at + 2 ||
        part(x->name, at, p->label, sizeof p->label)) {
        return;
    }
    p->usable = 1;
    if (nn_is_negative_name(p->label, l->f->opt->negative_names)) {
        p->label[0] = '\0';
        if (count_parts(x->name) < at + 3 ||
            part(x->name, at + 1, p->family, sizeof p->family)) {
            p->family[0] = '\0';
        }
    }
}

static enum nn_status collect_names(struct labelling *l, size_t *usable)
{
    enum nn_status st = NN_OK;

    *usable = 0;
    for (size_t i = 0; !st && i < l->f->n; i++) {
        struct place p;

        place_of(l, &l->f->found[i], &p);
        *usable += (size_t)p.usable;
        if (p.usable && p.label[0] != '\0') {
            st = names_add(&l->classes, p.label);
        } else if (p.usable && p.family[0] != '\0') {
            st = names_add(&l->families, p.family);
        }
    }
    if (l->classes.n > 0) {
        qsort(l->classes.v, l->classes.n, sizeof(char *), by_text);
    }
    if (l->families.n > 0) {
        qsort(l->families.v, l->families.n, sizeof(char *), by_text);
    }
    return st;
}

static int any_split_folder(const struct labelling *l)
{
    for (size_t i = 0; i < l->f->n; i++) {
        enum nn_split s;

        if (l->f->found[i].split != NN_SPLIT_NONE ||
            (!l->f->found[i].labelled &&
             count_parts(l->f->found[i].name) >= l->top + 3 &&
             split_of_part(l->f->found[i].name, l->top, &s) == 0)) {
            return 1;
        }
    }
    return 0;
}

static enum nn_status fill_items(struct nn_dataset *ds, struct labelling *l,
                                 size_t usable)
{
    ds->items = nn_mem_calloc(usable, sizeof *ds->items);
    if (ds->items == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < l->f->n; i++) {
        struct nn_found *x = &l->f->found[i];
        struct place p;
        struct nn_item *it = &ds->items[ds->n];

        place_of(l, x, &p);
        if (!p.usable) {
            continue;
        }
        *it = (struct nn_item){ .file = x->name, .split = p.split,
                                .group = x->group, .weight = 1 };
        it->label = p.label[0] != '\0' ? names_find(&l->classes, p.label)
                                       : NN_NEGATIVE;
        it->family = it->label == NN_NEGATIVE && p.family[0] != '\0'
                         ? names_find(&l->families, p.family)
                         : -1;
        it->where = nn_where_pack(x->kind, x->where);
        x->name = NULL; /* the item owns it now */
        ds->n++;
    }
    return NN_OK;
}

static enum nn_status label_pool(struct nn_dataset *ds, struct nn_finder *f)
{
    ds->items = nn_mem_calloc(f->n, sizeof *ds->items);
    if (ds->items == NULL) {
        return NN_ERR_NOMEM;
    }
    ds->unlabelled = 1;
    for (size_t i = 0; i < f->n; i++) {
        struct nn_found *x = &f->found[i];

        ds->items[i] = (struct nn_item){ .file = x->name, .label = NN_NEGATIVE,
                                         .family = -1, .split = NN_SPLIT_NONE,
                                         .weight = 1 };
        ds->items[i].where = nn_where_pack(x->kind, x->where);
        x->name = NULL;
    }
    ds->n = f->n;
    return NN_OK;
}

enum nn_status nn_label_items(struct nn_dataset *ds, struct nn_finder *f,
                              int is_archive, struct nn_error *err)
{
    struct labelling l = { .f = f };
    size_t usable = 0;
    enum nn_status st;

    if (f->opt->as_pool) {
        return label_pool(ds, f) ? nn_fail_nomem(err) : NN_OK;
    }
    l.top = is_archive ? common_top(f) : 0;
    l.has_splits = any_split_folder(&l);
    st = collect_names(&l, &usable);
    if (!st && usable > 0) {
        st = fill_items(ds, &l, usable);
    }
    /* The tables move to the data set, which also frees them on failure. */
    ds->classes = l.classes.v;
    ds->n_classes = l.classes.n;
    ds->families = l.families.v;
    ds->n_families = l.families.n;
    ds->has_splits = l.has_splits;
    if (st) {
        return nn_fail_nomem(err);
    }
    if (usable < f->n) {
        nn_log(NN_LOG_WARN,
               "%zu pictures of '%s' lie outside %s folders and are left out",
               f->n - usable, ds->path,
               l.has_splits ? "split and class" : "class");
    }
    if (usable == 0 || ds->n_classes == 0) {
        return nn_fail(err, NN_ERR_FORMAT,
                       usable == 0 ? "no pictures in class folders in '%s'"
                                   : "'%s' has negatives only, no class",
                       ds->path);
    }
    return NN_OK;
}
