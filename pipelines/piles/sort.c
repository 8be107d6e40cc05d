#include "pipelines/piles/sort.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/data/stop.h"
#include "pipelines/piles/places.h"
#include "pipelines/piles/sort_internal.h"

enum { BATCH = 64 };

static int taken(const struct pile_run *s, const char *place)
{
    char *full = nn_path_join(s->dir, place);
    struct stat st;
    int yes = full == NULL || lstat(full, &st) == 0;

    for (size_t i = 0; !yes && i < s->batch.n; i++) {
        yes = strcmp(s->batch.v[i].to, place) == 0;
    }
    nn_mem_free(full);
    return yes;
}

/* What lies at that place already is this photo, put there by hand or before
 * the list was thrown away. */
static int is_there(const struct pile_run *s, const char *from,
                    const char *place)
{
    char *full = nn_path_join(s->dir, place);
    int yes = full != NULL && s->o->by != PILE_MOVE &&
              pile_same(from, full, s->o->by == PILE_COPY);

    nn_mem_free(full);
    return yes;
}

/* The first name that is free: e->to becomes it. 1: the photo is there. */
static enum nn_status choose_place(const struct pile_run *s,
                                   struct pile_entry *e, int *there,
                                   struct nn_error *err)
{
    char *place = e->to;

    *there = 0;
    for (int n = 1; n < INT_MAX; n++) {
        char *next = pile_place_numbered(place, n);

        if (next == NULL) {
            return nn_fail_nomem(err);
        }
        e->to = next;
        if (!taken(s, next)) {
            break;
        }
        if (n == 1 && e->member == NULL && is_there(s, e->from, next)) {
            *there = 1;
            break;
        }
        if (n < INT_MAX - 1) {
            nn_mem_free(next);
        }
    }
    nn_mem_free(place);
    return NN_OK;
}

/* --- side files --- */

static enum nn_status add_side(struct pile_run *s, const char *photo,
                               const char *place, const char *name,
                               struct nn_error *err)
{
    size_t n_dir = (size_t)(nn_path_base(photo) - photo);
    size_t stem = pile_stem(photo) - n_dir;
    struct pile_entry e = { .by = s->o->by, .side = 1 };
    struct stat st;
    int there;

    e.from = nn_mem_sprintf("%.*s%s", (int)n_dir, photo, name);
    e.to = nn_mem_sprintf("%.*s%s", (int)pile_stem(place), place, name + stem);
    if (e.from == NULL || e.to == NULL) {
        pile_entry_release(&e);
        return nn_fail_nomem(err);
    }
    if (lstat(e.from, &st) != 0 || !S_ISREG(st.st_mode)) {
        pile_entry_release(&e);
        return NN_OK; /* it went with another photo, or is no file */
    }
    e.bytes = st.st_size;
    e.mtime_ns = pile_mtime_ns(&st);
    if (choose_place(s, &e, &there, err)) {
        pile_entry_release(&e);
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < s->batch.n && !there; i++) {
        there =
            strcmp(s->batch.v[i].from, e.from) == 0 && s->o->by == PILE_MOVE;
    }
    if (there) {
        pile_entry_release(&e);
        return NN_OK;
    }
    return pile_entries_add(&s->batch, &e) ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status add_sides(struct pile_run *s, const char *photo,
                                const char *place, struct nn_error *err)
{
    size_t from, to;
    enum nn_status st = pile_sides_of(&s->sides, photo, &from, &to, err);

    for (size_t i = from; st == NN_OK && i < to; i++) {
        st = add_side(s, photo, place, s->sides.name[i], err);
    }
    return st;
}

/* --- photos --- */

/* Why the photo cannot be placed, or NULL: e has its size and time. *before: an
 * earlier run placed it. */
static const char *look_at(const struct pile_run *s, struct pile_entry *e,
                           int *before)
{
    struct stat st;
    uint64_t name = pile_name_key(e->from, e->member);

    *before = 0;
    if (lstat(e->from, &st) != 0) {
        *before = errno == ENOENT && pile_keys_have(&s->list.done, name);
        return *before ? NULL : strerror(errno);
    }
    if (S_ISLNK(st.st_mode) && s->o->by == PILE_MOVE) {
        return "it is a symbolic link, which is not moved";
    }
    if (stat(e->from, &st) != 0) {
        return strerror(errno);
    }
    if (!S_ISREG(st.st_mode)) {
        return "it is no file";
    }
    if (e->member != NULL && s->o->by != PILE_COPY) {
        return "it is in an archive: only --sort-by copy takes it out";
    }
    if (pile_inside(s->dir, e->from)) {
        return "it lies in the folder of sorted photos";
    }
    e->bytes = st.st_size;
    e->mtime_ns = pile_mtime_ns(&st);
    *before = s->o->by != PILE_MOVE &&
              pile_keys_have(&s->list.done, pile_entry_key(e));
    return NULL;
}

static int in_batch(const struct pile_run *s, const struct pile_entry *e)
{
    uint64_t key = pile_entry_key(e);

    for (size_t i = 0; i < s->batch.n; i++) {
        if (pile_entry_key(&s->batch.v[i]) == key) {
            return 1;
        }
    }
    return 0;
}

static enum nn_status take_photo(struct pile_run *s, const struct pile_row *row,
                                 struct pile_entry *e, struct nn_error *err)
{
    int before, there = 0;
    const char *why = look_at(s, e, &before);
    enum nn_status st;

    if (why != NULL) {
        pile_stays(s, row->file, why);
        return NN_OK;
    }
    if (before || in_batch(s, e)) {
        s->counts->before++;
        return NN_OK;
    }
    e->to = pile_place(s->list.base, e->from, e->member, row);
    if (e->to == NULL) {
        return nn_fail_nomem(err);
    }
    st = choose_place(s, e, &there, err);
    if (st) {
        return st;
    }
    if (there) {
        s->counts->before++;
        return NN_OK;
    }
    st = pile_entries_add(&s->batch, e) ? nn_fail_nomem(err) : NN_OK;
    if (st == NN_OK && s->batch.v[s->batch.n - 1].member == NULL) {
        char *from = nn_mem_strdup(s->batch.v[s->batch.n - 1].from);
        char *to = nn_mem_strdup(s->batch.v[s->batch.n - 1].to);

        st = from != NULL && to != NULL ? add_sides(s, from, to, err)
                                        : nn_fail_nomem(err);
        nn_mem_free(from);
        nn_mem_free(to);
    }
    return st;
}

static enum nn_status take_row(struct pile_run *s, const struct pile_row *row,
                               struct nn_error *err)
{
    struct pile_entry e = { .by = s->o->by };
    const char *member;
    enum nn_status st;

    s->seen++;
    nn_progress_update(&s->bar, (int64_t)s->seen, NULL);
    if (row->error != NULL) {
        s->counts->unread++;
        return NN_OK;
    }
    st = pile_source(&s->folder, row, &e.from, &member, err);
    if (st == NN_OK && member != NULL) {
        e.member = nn_mem_strdup(member);
        st = e.member == NULL ? nn_fail_nomem(err) : NN_OK;
    }
    if (st == NN_OK) {
        st = take_photo(s, row, &e, err);
    }
    pile_entry_release(&e);
    return st == NN_OK && s->batch.n >= BATCH ? pile_flush(s, err) : st;
}

static enum nn_status take_rows(struct pile_run *s, struct pile_rows *rows,
                                struct nn_error *err)
{
    struct pile_row row;
    int more;
    enum nn_status st;

    for (size_t i = 0; i < s->list.begun.n; i++) {
        st = pile_settle(s, &s->list.begun.v[i], 1, err);
        if (st == NN_OK && pile_remember(s, &s->list.begun.v[i])) {
            st = nn_fail_nomem(err);
        }
        if (st) {
            return st;
        }
    }
    do {
        st = pile_rows_next(rows, &row, &more, err);
        if (st == NN_OK && more) {
            st = take_row(s, &row, err);
        }
        if (st == NN_OK && stop_asked) {
            st = NN_ERR_STOPPED;
        }
    } while (st == NN_OK && more);
    return st ? st : pile_flush(s, err);
}

/* --- the folder --- */

/* The absolute path of a folder that may not be there yet; NULL when out of
 * memory. */
static char *folder_path(const char *dir)
{
    struct pile_folder f = { .given = NULL };
    char real[PATH_MAX], *out;

    if (realpath(dir, real) != NULL) {
        return nn_mem_strdup(real);
    }
    out = pile_absolute(&f, dir);
    pile_folder_release(&f);
    return out;
}

static enum nn_status list_path(const char *dir, char **path,
                                struct nn_error *err)
{
    *path = nn_path_join(dir, PILE_LIST_NAME);
    return *path == NULL ? nn_fail_nomem(err) : NN_OK;
}

enum nn_status pile_sort_check(const struct pile_sort_options *o,
                               const char *const *paths, size_t n,
                               struct nn_error *err)
{
    char *dir = folder_path(o->into), real[PATH_MAX];
    enum nn_status st = dir == NULL ? nn_fail_nomem(err) : NN_OK;
    int lock = -1;

    for (size_t i = 0; st == NN_OK && i < n; i++) {
        if (nn_file_is_dir(paths[i]) && realpath(paths[i], real) != NULL &&
            (strcmp(real, dir) == 0 || pile_inside(real, dir))) {
            st = nn_fail(err, NN_ERR_ARG,
                         "'%s' lies in '%s', whose photos are to be sorted: "
                         "choose a folder beside it",
                         o->into, paths[i]);
        }
    }
    if (st == NN_OK && !o->dry_run) {
        st = nn_folder_take(dir, &lock, err);
        if (st == NN_OK && access(dir, W_OK | X_OK) != 0) {
            st = nn_fail(err, NN_ERR_IO, "cannot write to '%s': %s", o->into,
                         strerror(errno));
        }
        nn_folder_give_back(&lock);
    }
    nn_mem_free(dir);
    return st;
}

static enum nn_status open_list(struct pile_run *s, struct pile_rows *rows,
                                struct nn_error *err)
{
    char *path = NULL, *base = NULL;
    enum nn_status st = list_path(s->dir, &path, err);

    if (st) {
        return st;
    }
    if (!nn_file_exists(path)) {
        st = pile_common_folder(rows, &base, err);
        pile_rows_rewind(rows);
    }
    if (st == NN_OK && s->o->dry_run && base != NULL) {
        s->list.base = base;
        base = NULL;
    } else if (st == NN_OK) {
        st = pile_list_open(&s->list, path, base, err);
    }
    nn_mem_free(base);
    nn_mem_free(path);
    return st;
}

enum nn_status pile_sort(struct pile_rows *rows,
                         const struct pile_sort_options *o,
                         struct pile_sort_counts *counts, struct nn_error *err)
{
    struct pile_run s = { .o = o, .counts = counts, .lock = -1 };
    enum nn_status st = NN_OK;

    *counts = (struct pile_sort_counts){ 0 };
    s.dir = folder_path(o->into);
    s.temp = s.dir != NULL ? pile_temp(s.dir) : NULL;
    if (s.temp == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    if (!o->dry_run) {
        st = nn_folder_take(s.dir, &s.lock, err);
        if (st) {
            goto out;
        }
    }
    st = open_list(&s, rows, err);
    if (st) {
        goto out;
    }
    if (o->dry_run) { /* what a killed run had begun counts as done */
        for (size_t i = 0; i < s.list.begun.n; i++) {
            if (pile_remember(&s, &s.list.begun.v[i])) {
                st = nn_fail_nomem(err);
                goto out;
            }
        }
        pile_entries_release(&s.list.begun);
    }
    nn_progress_begin(&s.bar, "sort", "img", 0);
    st = take_rows(&s, rows, err);
    nn_progress_end(&s.bar, NULL);
out:
    nn_folder_give_back(&s.lock);
    pile_list_release(&s.list);
    pile_entries_release(&s.batch);
    pile_sides_release(&s.sides);
    pile_archive_release(&s.archive);
    pile_folder_release(&s.folder);
    nn_mem_free(s.dir);
    nn_mem_free(s.temp);
    return st;
}
