/* From names to labels: splits, classes, negative families. */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/data/dataset_internal.h"

/* --- parts of a name --- */

struct span {
    const char *s;
    size_t n; /* bytes; 0: none */
};

static struct span span_of(const char *s)
{
    return (struct span){ s, s != NULL ? strlen(s) : 0 };
}

static int span_compare(struct span a, const char *b)
{
    int c = strncmp(a.s, b, a.n);

    return c != 0 ? c : (b[a.n] != '\0' ? -1 : 0);
}

static int span_split(struct span a, enum nn_split *split)
{
    char word[16] = "";

    if (a.n >= sizeof word) {
        return -1;
    }
    memcpy(word, a.s, a.n);
    return nn_split_parse(word, split);
}

/* Folder number i of a path; empty when there are fewer folders: the last
 * part is the file. */
static struct span folder(const char *path, size_t i)
{
    const char *slash = strchr(path, '/');

    while (i-- > 0 && slash != NULL) {
        path = slash + 1;
        slash = strchr(path, '/');
    }
    return (struct span){ path, slash != NULL ? (size_t)(slash - path) : 0 };
}

static const char *inner(const struct nn_found *x)
{
    return x->name + x->inner;
}

/* Folders to leave out in front: one that holds all of the archives and is
 * neither a split nor the negatives ("bears/train/..." -> "train/..."). */
static size_t common_top(const struct nn_finder *f)
{
    struct span first = folder(inner(&f->found[0]), 0);
    enum nn_split s;

    if (first.n == 0 || span_split(first, &s) == 0 ||
        nn_is_negative_name(first.s, first.n, f->opt->negative_names)) {
        return 0;
    }
    for (size_t i = 0; i < f->n; i++) {
        struct span other = folder(inner(&f->found[i]), 0);

        if (f->found[i].kind != NN_WHERE_MEMBER || other.n != first.n ||
            memcmp(other.s, first.s, first.n) != 0 ||
            folder(inner(&f->found[i]), 1).n == 0) {
            return 0;
        }
    }
    return 1;
}

/* --- name tables, sorted --- */

struct names {
    char **v;
    size_t n, cap;
};

/* First place whose name is not below a. */
static size_t names_place(const struct names *t, struct span a)
{
    size_t from = 0, to = t->n;

    while (from < to) {
        size_t mid = from + (to - from) / 2;

        if (span_compare(a, t->v[mid]) > 0) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

static enum nn_status names_add(struct names *t, struct span a)
{
    size_t at = names_place(t, a);
    char *own;

    if (at < t->n && span_compare(a, t->v[at]) == 0) {
        return NN_OK;
    }
    if (nn_mem_grow(&t->v, &t->cap, t->n + 1, sizeof *t->v)) {
        return NN_ERR_NOMEM;
    }
    own = nn_mem_strndup(a.s, a.n);
    if (own == NULL) {
        return NN_ERR_NOMEM;
    }
    memmove(t->v + at + 1, t->v + at, (t->n - at) * sizeof *t->v);
    t->v[at] = own;
    t->n++;
    return NN_OK;
}

/* --- one image --- */

struct labelling {
    const struct nn_finder *f;
    size_t top;     /* folders left out in front */
    int has_splits; /* the next folder is a split */
    struct names classes, families;
};

struct place {
    enum nn_split split;
    struct span label, family; /* empty label: negative */
    int usable;                /* 0: lies outside any class folder */
};

static void place_of(const struct labelling *l, const struct nn_found *x,
                     struct place *p)
{
    const char *const *extra = l->f->opt->negative_names;
    size_t at = l->top;

    *p = (struct place){ .split = x->split };
    if (x->labelled) {
        p->label = span_of(x->label);
        p->family = span_of(x->family);
        p->usable = 1;
    } else {
        if (l->has_splits && p->split == NN_SPLIT_NONE &&
            span_split(folder(inner(x), at++), &p->split)) {
            return;
        }
        p->label = folder(inner(x), at);
        p->family = folder(inner(x), at + 1);
        p->usable = p->label.n > 0;
    }
    if (nn_is_negative_name(p->label.s, p->label.n, extra)) {
        p->label.n = 0;
    }
    if (p->label.n > 0) {
        p->family.n = 0;
    }
}

/* Splits are in use when a shard or a manifest names one, or when a split's
 * folder holds a class folder. */
static int uses_splits(const struct labelling *l)
{
    for (size_t i = 0; i < l->f->n; i++) {
        const struct nn_found *x = &l->f->found[i];
        enum nn_split s;

        if (x->split != NN_SPLIT_NONE ||
            (!x->labelled && folder(inner(x), l->top + 1).n > 0 &&
             span_split(folder(inner(x), l->top), &s) == 0)) {
            return 1;
        }
    }
    return 0;
}

/* --- all images --- */

struct outside {
    size_t n;
    const char *example;
};

static enum nn_status collect_names(struct labelling *l, struct outside *out)
{
    enum nn_status st = NN_OK;

    *out = (struct outside){ 0 };
    for (size_t i = 0; !st && i < l->f->n; i++) {
        struct place p;

        place_of(l, &l->f->found[i], &p);
        if (!p.usable) {
            out->example = out->n++ == 0 ? l->f->found[i].name : out->example;
        } else if (p.label.n > 0) {
            st = names_add(&l->classes, p.label);
        } else if (p.family.n > 0) {
            st = names_add(&l->families, p.family);
        }
    }
    return st;
}

static enum nn_status check_usable(const struct nn_dataset *ds,
                                   const struct labelling *l,
                                   const struct outside *out,
                                   struct nn_error *err)
{
    if (out->n == l->f->n) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "no images in class folders in '%s' ('%s' lies "
                       "outside)",
                       ds->path, out->example);
    }
    if (l->classes.n == 0) {
        return nn_fail(err, NN_ERR_FORMAT, "'%s' has negatives only, no class",
                       ds->path);
    }
    for (size_t i = 0; l->has_splits && i < l->f->n; i++) {
        const struct nn_found *x = &l->f->found[i];

        if (x->labelled && x->split == NN_SPLIT_NONE) {
            return nn_fail(err, NN_ERR_FORMAT,
                           "'%s' names a split for some images, but none "
                           "for '%s'",
                           ds->path, x->name);
        }
    }
    if (out->n > 0) {
        nn_log(NN_LOG_WARN,
               "left out %zu images of '%s' that lie outside the %s folders, "
               "such as '%s'",
               out->n, ds->path, l->has_splits ? "split and class" : "class",
               out->example);
    }
    return NN_OK;
}

static void fill_item(struct nn_item *it, struct nn_found *x)
{
    *it = (struct nn_item){ .file = x->name,
                            .label = NN_NEGATIVE,
                            .family = -1,
                            .split = x->split,
                            .group = x->group,
                            .weight = x->weight,
                            .where = nn_where_pack(x->kind, x->where) };
    x->name = NULL; /* the item owns it now */
}

static void fill_items(struct nn_dataset *ds, const struct labelling *l)
{
    for (size_t i = 0; i < l->f->n; i++) {
        struct nn_item *it = &ds->items[ds->n];
        struct place p;

        /* The spans of p point into the name, which moves but stays. */
        place_of(l, &l->f->found[i], &p);
        if (!p.usable) {
            continue;
        }
        fill_item(it, &l->f->found[i]);
        it->split = p.split;
        if (p.label.n > 0) {
            it->label = (int32_t)names_place(&l->classes, p.label);
        }
        if (p.family.n > 0) {
            it->family = (int32_t)names_place(&l->families, p.family);
        }
        ds->n++;
    }
}

struct keyed {
    uint64_t group;
    size_t item;
};

static int by_group(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;

    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    return (x->item > y->item) - (x->item < y->item);
}

/* The hashes of a manifest's group names become first index + 1. */
static enum nn_status number_groups(struct nn_dataset *ds)
{
    struct keyed *v = nn_mem_calloc(ds->n, sizeof *v);
    size_t n = 0, first = 0;

    if (v == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (ds->items[i].group != 0) {
            v[n++] = (struct keyed){ ds->items[i].group, i };
        }
    }
    if (n > 0) {
        qsort(v, n, sizeof *v, by_group);
    }
    for (size_t i = 0; i < n; i++) {
        first = v[i].group == v[first].group ? first : i;
        ds->items[v[i].item].group = v[first].item + 1;
    }
    nn_mem_free(v);
    return NN_OK;
}

/* Names as text, for files that must be UTF-8. */
static enum nn_status to_text(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *text = nn_text(names[i]);

        if (text == NULL) {
            return NN_ERR_NOMEM;
        }
        nn_mem_free(names[i]);
        names[i] = text;
    }
    return NN_OK;
}

static enum nn_status label_pool(struct nn_dataset *ds, struct nn_finder *f)
{
    for (size_t i = 0; i < f->n; i++) {
        fill_item(&ds->items[i], &f->found[i]);
        ds->items[i].split = NN_SPLIT_NONE;
    }
    ds->n = f->n;
    ds->unlabelled = 1;
    return number_groups(ds);
}

enum nn_status nn_label_items(struct nn_dataset *ds, struct nn_finder *f,
                              struct nn_error *err)
{
    struct labelling l = { .f = f };
    struct outside out;
    enum nn_status st;

    ds->items = nn_mem_calloc(f->n, sizeof *ds->items);
    if (ds->items == NULL) {
        return nn_fail_nomem(err);
    }
    if (f->opt->as_pool) {
        return label_pool(ds, f) ? nn_fail_nomem(err) : NN_OK;
    }
    l.top = common_top(f);
    l.has_splits = uses_splits(&l);
    st = collect_names(&l, &out);
    /* The tables move to the data set, which also frees them on failure. */
    ds->classes = l.classes.v;
    ds->n_classes = l.classes.n;
    ds->families = l.families.v;
    ds->n_families = l.families.n;
    ds->has_splits = l.has_splits;
    if (st) {
        return nn_fail_nomem(err);
    }
    st = check_usable(ds, &l, &out, err);
    if (st) {
        return st;
    }
    fill_items(ds, &l);
    if (to_text(ds->classes, ds->n_classes) ||
        to_text(ds->families, ds->n_families) || number_groups(ds)) {
        return nn_fail_nomem(err);
    }
    return NN_OK;
}
