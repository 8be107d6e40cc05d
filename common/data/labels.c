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
    char word[32] = "";

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

static int is_negative(const struct nn_finder *f, struct span a)
{
    const struct nn_word_list *l = &f->opt->negative_names;

    for (size_t i = 0; i < l->n; i++) {
        if (span_compare(a, l->v[i]) == 0) {
            return 1;
        }
    }
    return nn_is_negative_word(a.s, a.n);
}

/* Folder number `at` holds data: folders of splits with class folders in
 * them, or one of negatives. */
static int holds_data(const struct nn_finder *f, size_t at)
{
    for (size_t i = 0; i < f->n; i++) {
        const char *name = inner(&f->found[i]);
        struct span word = folder(name, at);
        enum nn_split s;

        if (word.n > 0 &&
            (is_negative(f, word) ||
             (span_split(word, &s) == 0 && folder(name, at + 1).n > 0))) {
            return 1;
        }
    }
    return 0;
}

/* All images lie in one folder number `at`, each in a folder of its own there,
 * and it is neither a split nor the negatives. */
static int all_in_one(const struct nn_finder *f, size_t at)
{
    struct span first = folder(inner(&f->found[0]), at);
    enum nn_split s;

    if (first.n == 0 || span_split(first, &s) == 0 || is_negative(f, first)) {
        return 0;
    }
    for (size_t i = 0; i < f->n; i++) {
        struct span other = folder(inner(&f->found[i]), at);

        if (f->found[i].labelled || other.n != first.n ||
            memcmp(other.s, first.s, first.n) != 0 ||
            folder(inner(&f->found[i]), at + 1).n == 0) {
            return 0;
        }
    }
    return 1;
}

static int is_archive(const struct nn_finder *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->found[i].kind != NN_WHERE_MEMBER) {
            return 0;
        }
    }
    return 1;
}

/* Folders to leave out in front ("bears/train/..." -> "train/..."). What looks
 * like one class with folders in it stays one, but in archives, where
 * everything is often packed in a folder. */
static size_t common_top(const struct nn_dataset *ds, const struct nn_finder *f)
{
    size_t top = 0;

    while (!holds_data(f, top)) {
        if (!all_in_one(f, top)) {
            return is_archive(f) && all_in_one(f, 0);
        }
        top++;
    }
    if (top > 0 && f->found[0].kind == NN_WHERE_FILE) {
        struct span last = folder(inner(&f->found[0]), top - 1);
        const char *from = inner(&f->found[0]);

        nn_log(NN_LOG_INFO, "'%s' holds one folder, '%.*s': looking into it",
               ds->path, (int)(last.s + last.n - from), from);
    }
    return top;
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
    size_t top;              /* folders left out in front */
    int has_splits;          /* the next folder is a split */
    struct names words;      /* names of class folders and labels */
    enum nn_word_kind *kind; /* [words.n] */
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
    if (l->kind == NULL) { /* the words are still being collected */
        return;
    }
    if (p->label.n > 0 &&
        l->kind[names_place(&l->words, p->label)] == NN_WORD_NEGATIVE) {
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

/* What each name of a class folder or label means. */
static enum nn_status judge_words(struct labelling *l)
{
    const struct names *w = &l->words;

    for (size_t i = 0; i < l->f->n; i++) {
        struct place p;

        place_of(l, &l->f->found[i], &p);
        if (p.usable && p.label.n > 0 && names_add(&l->words, p.label)) {
            return NN_ERR_NOMEM;
        }
    }
    l->kind = nn_mem_calloc(w->n, sizeof *l->kind);
    if (l->kind == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < w->n; i++) {
        l->kind[i] = nn_word_kind_of(w->v[i], w->v, w->n, l->f->opt);
    }
    return NN_OK;
}

static enum nn_status check_named(const struct nn_dataset *ds,
                                  const struct labelling *l,
                                  const struct nn_word_list *named,
                                  struct nn_error *err)
{
    for (size_t i = 0; l->f->opt->names_must_exist && i < named->n; i++) {
        struct span a = span_of(named->v[i]);
        size_t at = names_place(&l->words, a);

        if (at == l->words.n || span_compare(a, l->words.v[at]) != 0) {
            return nn_fail(err, NN_ERR_ARG,
                           "'%s' has no class folder or label '%s'", ds->path,
                           named->v[i]);
        }
    }
    return NN_OK;
}

static enum nn_status collect_names(struct labelling *l, struct outside *out)
{
    *out = (struct outside){ 0 };
    for (size_t i = 0; i < l->f->n; i++) {
        enum nn_status st = NN_OK;
        struct place p;

        place_of(l, &l->f->found[i], &p);
        if (!p.usable) {
            out->example = out->n++ == 0 ? l->f->found[i].name : out->example;
        } else if (p.label.n > 0) {
            st = names_add(&l->classes, p.label);
        } else if (p.family.n > 0) {
            st = names_add(&l->families, p.family);
        }
        if (st) {
            return st;
        }
    }
    return NN_OK;
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
    if (l->classes.n == 0 && !l->f->opt->no_class_needed) {
        return nn_fail(err, NN_ERR_FORMAT, "'%s' has negatives only, no class",
                       ds->path);
    }
    for (size_t i = 0; l->has_splits && i < l->f->n; i++) {
        const struct nn_found *x = &l->f->found[i];

        if (x->labelled && x->split == NN_SPLIT_NONE &&
            x->kind != NN_WHERE_GENERATED) {
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

/* Names of one kind, for people. */
static enum nn_status list_words(const struct labelling *l,
                                 enum nn_word_kind kind, char ***out, size_t *n)
{
    struct names t = { 0 };
    enum nn_status st = NN_OK;

    for (size_t i = 0; i < l->words.n; i++) {
        if (l->kind[i] != kind) {
            continue;
        }
        st = names_add(&t, span_of(l->words.v[i]));
        if (st) {
            goto out;
        }
    }
out:
    *out = t.v;
    *n = t.n;
    return st;
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

/* Classes and families; the tables move to the data set, which also frees them
 * on failure. */
static enum nn_status take_names(struct nn_dataset *ds, struct labelling *l,
                                 struct outside *out)
{
    enum nn_status st = collect_names(l, out);

    ds->classes = l->classes.v;
    ds->n_classes = l->classes.n;
    ds->families = l->families.v;
    ds->n_families = l->families.n;
    if (st) {
        return st;
    }
    st = list_words(l, NN_WORD_NEGATIVE, &ds->negatives, &ds->n_negatives);
    if (st) {
        return st;
    }
    return list_words(l, NN_WORD_CLASS_AFTER_NO, &ds->doubtful,
                      &ds->n_doubtful);
}

static enum nn_status label_all(struct nn_dataset *ds, struct labelling *l,
                                struct nn_error *err)
{
    const struct nn_dataset_options *opt = l->f->opt;
    struct outside out;
    enum nn_status st;

    l->top = common_top(ds, l->f);
    ds->has_splits = l->has_splits = uses_splits(l);
    if (judge_words(l)) {
        return nn_fail_nomem(err);
    }
    st = check_named(ds, l, &opt->class_names, err);
    if (st) {
        return st;
    }
    st = check_named(ds, l, &opt->negative_names, err);
    if (st) {
        return st;
    }
    if (take_names(ds, l, &out)) {
        return nn_fail_nomem(err);
    }
    st = check_usable(ds, l, &out, err);
    if (st) {
        return st;
    }
    st = nn_check_single_labels(ds->path, ds->classes, ds->n_classes,
                                &opt->class_names, err);
    if (st) {
        return st;
    }
    fill_items(ds, l);
    if (nn_names_to_text(ds) || number_groups(ds)) {
        return nn_fail_nomem(err);
    }
    nn_warn_of_twins(ds->path, ds->classes, ds->n_classes);
    return NN_OK;
}

enum nn_status nn_label_items(struct nn_dataset *ds, struct nn_finder *f,
                              struct nn_error *err)
{
    struct labelling l = { .f = f };
    enum nn_status st;

    ds->items = nn_mem_calloc(f->n, sizeof *ds->items);
    if (ds->items == NULL) {
        return nn_fail_nomem(err);
    }
    if (f->opt->as_pool) {
        return label_pool(ds, f) ? nn_fail_nomem(err) : NN_OK;
    }
    st = label_all(ds, &l, err);
    for (size_t i = 0; i < l.words.n; i++) {
        nn_mem_free(l.words.v[i]);
    }
    nn_mem_free(l.words.v);
    nn_mem_free(l.kind);
    return st;
}
