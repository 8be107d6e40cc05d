#include "pipelines/cli/inspect_data.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "pipelines/data/data_card.h"

static int by_int(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

struct sizes {
    int32_t min, median, max; /* longest side, pixels */
};

static struct sizes measure_sizes(const struct nn_dataset *ds)
{
    int32_t *v = nn_mem_calloc(ds->n, sizeof *v);
    struct sizes s = { 0, 0, 0 };
    size_t n = 0;

    for (size_t i = 0; v != NULL && i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (!it->bad) {
            v[n++] = it->w > it->h ? it->w : it->h;
        }
    }
    if (n > 0) {
        qsort(v, n, sizeof *v, by_int);
        s = (struct sizes){ v[0], v[n / 2], v[n - 1] };
    }
    nn_mem_free(v);
    return s;
}

static int by_group(const void *a, const void *b)
{
    const struct nn_item *x = *(const struct nn_item *const *)a;
    const struct nn_item *y = *(const struct nn_item *const *)b;

    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    return (x > y) - (x < y);
}

/* Readable items in order of their group, so that groups stand together. */
static const struct nn_item **grouped(const struct nn_dataset *ds, size_t *n)
{
    const struct nn_item **v = nn_mem_calloc(ds->n, sizeof *v);

    *n = 0;
    for (size_t i = 0; v != NULL && i < ds->n; i++) {
        if (!ds->items[i].bad && ds->items[i].group != 0) {
            v[(*n)++] = &ds->items[i];
        }
    }
    if (v != NULL) {
        qsort(v, *n, sizeof(struct nn_item *), by_group);
    }
    return v;
}

/* Kind of a group of n members starting at v. */
enum kinship { KIN_ALONE, KIN_WITHIN, KIN_ACROSS, KIN_CONFLICT };

static enum kinship kinship(const struct nn_item *const *v, size_t n)
{
    enum kinship k = n > 1 ? KIN_WITHIN : KIN_ALONE;

    for (size_t i = 1; i < n; i++) {
        if (v[i]->label != v[0]->label) {
            return KIN_CONFLICT;
        }
        if (v[i]->split != v[0]->split) {
            k = KIN_ACROSS;
        }
    }
    return k;
}

static size_t group_size(const struct nn_item *const *v, size_t n)
{
    size_t m = 1;

    while (m < n && v[m]->group == v[0]->group) {
        m++;
    }
    return m;
}

static const char *label_name(const struct nn_dataset *ds,
                              const struct nn_item *it)
{
    return it->label == NN_NEGATIVE ? "(negative)" : ds->classes[it->label];
}

static void print_group(const struct nn_dataset *ds,
                        const struct nn_item *const *v, size_t m)
{
    for (size_t i = 0; i < m; i++) {
        printf("  %s%s  [%s, %s]\n", i == 0 ? "" : "  = ", v[i]->file,
               nn_split_name(v[i]->split), label_name(ds, v[i]));
    }
}

static void print_kin(const struct nn_dataset *ds,
                      const struct nn_item *const *v, size_t n,
                      enum kinship want, const char *title, int max)
{
    size_t groups = 0, images = 0;
    int shown = 0;

    for (size_t at = 0, m; at < n; at += m) {
        m = group_size(v + at, n - at);
        if (kinship(v + at, m) == want) {
            groups++;
            images += m;
        }
    }
    printf("%s: %zu groups, %zu images\n", title, groups, images);
    for (size_t at = 0, m; at < n && shown < max; at += m) {
        m = group_size(v + at, n - at);
        if (kinship(v + at, m) == want) {
            print_group(ds, v + at, m);
            shown++;
        }
    }
    if ((size_t)shown < groups) {
        printf("  ... and %zu more groups (--pairs N shows more)\n",
               groups - (size_t)shown);
    }
}

static const char *reason(const struct nn_item *it)
{
    return it->why != NULL ? it->why : "could not be read";
}

static void print_bad(const struct nn_dataset *ds, int max)
{
    size_t bad = 0;

    for (size_t i = 0; i < ds->n; i++) {
        bad += ds->items[i].bad != 0;
    }
    printf("unreadable: %zu\n", bad);
    for (size_t i = 0, shown = 0; i < ds->n && shown < (size_t)max; i++) {
        const struct nn_item *it = &ds->items[i];

        if (it->bad) {
            printf("  %s: %s\n", it->file, reason(it));
            shown++;
        }
    }
}

void inspect_data_print(const struct nn_dataset *ds, int pairs)
{
    struct sizes s = measure_sizes(ds);
    size_t n;
    const struct nn_item **v = grouped(ds, &n);
    const struct nn_item *const *g = (const struct nn_item *const *)v;

    data_card_print(ds, stdout);
    data_card_print_names(ds, stdout);
    data_card_print_families(ds, stdout);
    printf("splits: %s\nlongest side: %d to %d px, median %d\n",
           ds->has_splits ? "as the source names them"
                          : "drawn by seed, near-duplicates kept together",
           s.min, s.max, s.median);
    print_bad(ds, pairs);
    if (v != NULL) {
        print_kin(ds, g, n, KIN_CONFLICT, "near-duplicates, other label",
                  pairs);
        print_kin(ds, g, n, KIN_ACROSS, "near-duplicates across splits (leaks)",
                  pairs);
        print_kin(ds, g, n, KIN_WITHIN, "near-duplicates within a split",
                  pairs);
    }
    nn_mem_free(v);
}

static json_t *bad_json(const struct nn_dataset *ds)
{
    json_t *a = json_array();

    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (it->bad) {
            nn_json_add(&a,
                        json_pack("{s:o, s:o}", "file", nn_json_text(it->file),
                                  "error", nn_json_text(reason(it))));
        }
    }
    return a;
}

static json_t *groups_json(const struct nn_dataset *ds)
{
    static const char *const kinds[] = { "alone", "within", "across",
                                         "conflict" };
    json_t *a = json_array();
    size_t n;
    const struct nn_item **v = grouped(ds, &n);
    const struct nn_item *const *g = (const struct nn_item *const *)v;

    for (size_t at = 0, m; v != NULL && at < n; at += m) {
        json_t *files = json_array();
        enum kinship k;

        m = group_size(g + at, n - at);
        k = kinship(g + at, m);
        for (size_t i = 0; i < m; i++) {
            nn_json_add(&files, nn_json_text(g[at + i]->file));
        }
        if (k == KIN_ALONE) {
            json_decref(files);
        } else {
            nn_json_add(
                &a, json_pack("{s:s, s:o}", "kind", kinds[k], "files", files));
        }
    }
    if (v == NULL) {
        json_decref(a);
        return NULL;
    }
    nn_mem_free(v);
    return a;
}

enum nn_status inspect_data_json(const struct nn_dataset *ds,
                                 struct nn_error *err)
{
    struct sizes s = measure_sizes(ds);
    json_t *j = data_card_json(ds);
    enum nn_status st;

    if (j == NULL) {
        return nn_fail_nomem(err);
    }
    nn_json_put(&j, "has_splits", json_boolean(ds->has_splits));
    nn_json_put(&j, "longest_side",
                json_pack("{s:i, s:i, s:i}", "min", s.min, "median", s.median,
                          "max", s.max));
    nn_json_put(&j, "unreadable_files", bad_json(ds));
    nn_json_put(&j, "duplicate_groups", groups_json(ds));
    st = nn_json_print(j, stdout, err);
    json_decref(j);
    return st;
}
