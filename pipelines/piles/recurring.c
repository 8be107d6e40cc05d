#include "pipelines/piles/recurring.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/data/dataset.h"
#include "common/image/burst.h"

struct spot {
    char *file, *label, *time; /* time "": none */
    uint64_t camera, group;
    double p, seconds;
};

struct spots {
    struct spot *v;
    size_t n, cap;
};

static void spots_release(struct spots *s)
{
    for (size_t i = 0; i < s->n; i++) {
        nn_mem_free(s->v[i].file);
        nn_mem_free(s->v[i].label);
        nn_mem_free(s->v[i].time);
    }
    nn_mem_free(s->v);
}

static enum nn_status add_spot(struct spots *s, const struct pile_row *row)
{
    struct spot *to;

    if (nn_mem_grow(&s->v, &s->cap, s->n + 1, sizeof *s->v)) {
        return NN_ERR_NOMEM;
    }
    to = &s->v[s->n++];
    *to = (struct spot){ .file = nn_mem_strdup(row->file),
                         .label = nn_mem_strdup(row->label),
                         .time = nn_mem_strdup(row->time),
                         .camera = row->camera,
                         .p = row->p_positive };
    return to->file == NULL || to->label == NULL || to->time == NULL
               ? NN_ERR_NOMEM
               : NN_OK;
}

/* All positives of the rows that are files of their own. */
static enum nn_status collect(struct pile_rows *rows, struct spots *s,
                              struct recurring_counts *n, struct nn_error *err)
{
    struct pile_row row;
    int more;

    for (;;) {
        enum nn_status st = pile_rows_next(rows, &row, &more, err);

        if (st || !more) {
            return st;
        }
        if (row.error != NULL || strcmp(row.label, "none") == 0) {
            continue;
        }
        if (nn_archive_prefix(row.file) > 0) {
            n->unseen++;
        } else if (add_spot(s, &row)) {
            return nn_fail_nomem(err);
        }
    }
}

/* Which photos are near-duplicates. */
static enum nn_status find_groups(struct spots *s, struct pile_moved *moved,
                                  struct recurring_counts *n,
                                  struct nn_error *err)
{
    char **path = nn_mem_calloc(s->n, sizeof *path);
    struct nn_dataset *ds = NULL;
    enum nn_status st = NN_OK;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; st == NN_OK && i < s->n; i++) {
        st = pile_moved_find(moved, s->v[i].file, &path[i], err);
    }
    if (st) {
        goto out;
    }
    st = nn_dataset_open_files((const char *const *)path, s->n, &ds, err);
    if (st) {
        goto out;
    }
    nn_dataset_fingerprint(ds);
    st = nn_dataset_group(ds, NN_NEAR_BITS, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < s->n; i++) {
        int bad = ds->items[i].bad;

        /* What cannot be read is alone, behind all groups. */
        s->v[i].group = bad ? s->n + 1 + i : ds->items[i].group;
        n->unseen += (size_t)bad;
        n->positives += (size_t)!bad;
    }
out:
    nn_dataset_close(&ds);
    for (size_t i = 0; i < s->n; i++) {
        nn_mem_free(path[i]);
    }
    nn_mem_free(path);
    return st;
}

/* --- views --- */

static int compare(const struct spot *x, const struct spot *y)
{
    if (x->camera != y->camera) {
        return x->camera < y->camera ? -1 : 1;
    }
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    return strcmp(x->label, y->label);
}

static int by_view_and_time(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    int c = compare(x, y);

    if (c == 0 && x->seconds != y->seconds) {
        c = x->seconds < y->seconds ? -1 : 1;
    }
    return c != 0 ? c : strcmp(x->file, y->file);
}

/* Spots from..from + n - 1 of the sorted ones. */
struct view {
    size_t from, n, events;
};

static size_t events_of(const struct spot *v, size_t n)
{
    size_t events = 1;

    for (size_t i = 1; i < n; i++) {
        events += v[i].time[0] == '\0' || v[i - 1].time[0] == '\0' ||
                  !nn_burst_near(v[i - 1].seconds, v[i - 1].seconds,
                                 v[i].seconds, RECURRING_GAP);
    }
    return events;
}

static int most_first(const void *a, const void *b)
{
    const struct view *x = a, *y = b;

    if (x->n != y->n) {
        return x->n > y->n ? -1 : 1;
    }
    return (x->from > y->from) - (x->from < y->from);
}

/* Those that recur; *out has room for all. */
static size_t find_views(struct spots *s, struct view *out)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (!nn_shot_clock(s->v[i].time, &s->v[i].seconds)) {
            s->v[i].time[0] = '\0';
        }
    }
    qsort(s->v, s->n, sizeof *s->v, by_view_and_time);
    for (size_t from = 0, to; from < s->n; from = to) {
        struct view w = { .from = from };

        to = from + 1;
        while (to < s->n && compare(&s->v[from], &s->v[to]) == 0) {
            to++;
        }
        w.n = to - from;
        w.events = events_of(s->v + from, w.n);
        if (w.events >= RECURRING_EVENTS) {
            out[n++] = w;
        }
    }
    qsort(out, n, sizeof *out, most_first);
    return n;
}

static json_t *view_json(const struct spots *s, const struct view *w)
{
    const struct spot *v = s->v + w->from;
    const char *first = "", *last = "";
    size_t show = 0, least = 0;
    json_t *j = json_object(), *files = json_array();
    const char *base = nn_path_base(v[0].file);
    char *folder = nn_mem_strndup(v[0].file, (size_t)(base - v[0].file));

    for (size_t i = 0; i < w->n; i++) {
        show = v[i].p > v[show].p ? i : show;
        least = v[i].p < v[least].p ? i : least;
        first = first[0] == '\0' ? v[i].time : first;
        last = v[i].time[0] != '\0' ? v[i].time : last;
        nn_json_add(&files, nn_json_text(v[i].file));
    }
    nn_json_put(&j, "camera", folder != NULL ? nn_json_text(folder) : NULL);
    nn_json_put(&j, "label", nn_json_text(v[0].label));
    nn_json_put(&j, "photos", json_integer((json_int_t)w->n));
    nn_json_put(&j, "events", json_integer((json_int_t)w->events));
    if (first[0] != '\0') {
        nn_json_put(&j, "first", nn_json_text(first));
        nn_json_put(&j, "last", nn_json_text(last));
    }
    nn_json_put(&j, "p_least", nn_json_number(v[least].p));
    nn_json_put(&j, "p_most", nn_json_number(v[show].p));
    nn_json_put(&j, "show", nn_json_text(v[show].file));
    nn_json_put(&j, "files", files);
    nn_mem_free(folder);
    return j;
}

static enum nn_status write_views(const struct spots *s, const struct view *v,
                                  size_t n, const char *path,
                                  struct nn_error *err)
{
    struct nn_file_out out = { .stream = NULL };
    enum nn_status st = nn_file_out_open(&out, path, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        json_t *j = view_json(s, &v[i]);
        char *text = nn_json_dump(j, JSON_COMPACT | JSON_REAL_PRECISION(6));

        json_decref(j);
        if (text == NULL) {
            st = nn_fail_nomem(err);
            goto out;
        }
        fprintf(out.stream, "%s\n", text);
        nn_mem_free(text);
    }
    st = nn_file_out_commit(&out, err);
out:
    nn_file_out_abort(&out);
    return st;
}

enum nn_status pile_recurring(struct pile_rows *rows, struct pile_moved *moved,
                              const char *path, struct recurring_counts *n,
                              struct nn_error *err)
{
    struct spots s = { .n = 0 };
    struct view *view = NULL;
    enum nn_status st;

    *n = (struct recurring_counts){ 0 };
    st = collect(rows, &s, n, err);
    if (st) {
        goto out;
    }
    if (s.n > 0) {
        st = find_groups(&s, moved, n, err);
        if (st) {
            goto out;
        }
        view = nn_mem_calloc(s.n, sizeof *view);
        if (view == NULL) {
            st = nn_fail_nomem(err);
            goto out;
        }
        n->views = find_views(&s, view);
    }
    for (size_t i = 0; i < n->views; i++) {
        n->photos += view[i].n;
    }
    st = write_views(&s, view, n->views, path, err);
out:
    nn_mem_free(view);
    spots_release(&s);
    return st;
}
