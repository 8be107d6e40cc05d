#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/data/stop.h"
#include "pipelines/piles/places.h"
#include "pipelines/piles/sort.h"
#include "pipelines/piles/sort_internal.h"

struct undo {
    struct pile_undo_counts *counts;
    char *dir, *list_path;
    int lock;
    struct pile_list list;
    int64_t *at; /* where the lines of files begin, and then those kept */
    size_t n, cap;
};

/* Copies of members have the time of their archive. */
static int copy_is_as_it_was(const struct pile_entry *e, const char *to)
{
    struct stat a, b;

    if (e->member == NULL) {
        return pile_same(e->from, to, 1);
    }
    return stat(e->from, &a) == 0 && stat(to, &b) == 0 &&
           a.st_size == e->bytes && a.st_mtim.tv_sec == b.st_mtim.tv_sec;
}

static int move_back(const struct pile_entry *e, const char *to)
{
    const char *base = nn_path_base(e->from);
    char *dir = nn_mem_strndup(e->from, (size_t)(base - e->from));
    char *temp = dir != NULL ? pile_temp(dir) : NULL;
    int why;

    if (temp == NULL) {
        why = ENOMEM;
        goto out;
    }
    errno = 0;
    if (nn_file_mkdirs(dir, NULL)) {
        why = errno != 0 ? errno : ENOTDIR;
        goto out;
    }
    why = pile_move_new(to, e->from, temp);
    if (why == EEXIST && pile_same(to, e->from, 1)) {
        why = unlink(to) == 0 ? 0 : errno; /* a kill left both */
    }
out:
    nn_mem_free(dir);
    nn_mem_free(temp);
    return why;
}

/* NULL: done. */
static const char *take_back(const struct pile_entry *e, const char *to,
                             int *why)
{
    *why = 0;
    switch (e->by) {
    case PILE_MOVE:
        *why = move_back(e, to);
        return *why == 0        ? NULL
               : *why == EEXIST ? "its former place is taken by another file"
                                : strerror(*why);
    case PILE_COPY:
        if (!copy_is_as_it_was(e, to)) {
            return "it or the file that it was copied from has changed";
        }
        break;
    case PILE_LINK:
        if (!pile_same(e->from, to, 0)) {
            return "it is no link to its photo any more";
        }
        break;
    }
    *why = unlink(to) == 0 ? 0 : errno;
    return *why == 0 ? NULL : strerror(*why);
}

/* The folders above a file, as far as they are empty; a kill may have come
 * between the file and one of them. */
static void remove_empty(const struct undo *u, char *to)
{
    size_t top = strlen(u->dir);
    char *slash;

    while ((slash = strrchr(to, '/')) != NULL && (size_t)(slash - to) > top) {
        *slash = '\0';
        if (rmdir(to) != 0 && errno != ENOENT) {
            return;
        }
    }
}

static enum nn_status undo_entry(struct undo *u, const struct pile_entry *e,
                                 int *keep, struct nn_error *err)
{
    char *to = nn_path_join(u->dir, e->to);
    struct stat st;
    const char *text;
    int why;

    *keep = 0;
    if (to == NULL) {
        return nn_fail_nomem(err);
    }
    if (lstat(to, &st) != 0) {
        u->counts->gone++;
        remove_empty(u, to);
        nn_mem_free(to);
        return NN_OK;
    }
    text = take_back(e, to, &why);
    if (text == NULL) {
        u->counts->undone++;
        remove_empty(u, to);
    } else {
        *keep = 1;
        pile_say(++u->counts->kept, to, text);
    }
    nn_mem_free(to);
    return text != NULL && pile_fatal(why)
               ? nn_fail(err, NN_ERR_IO, "cannot go on: %s", text)
               : NN_OK;
}

/* Where the lines begin. */
static enum nn_status find_lines(struct undo *u, struct nn_error *err)
{
    int64_t at = 0, begin = 0;
    int c;

    rewind(u->list.file);
    while ((c = getc_unlocked(u->list.file)) != EOF) {
        at++;
        if (c != '\n') {
            continue;
        }
        if (begin > 0) {
            if (nn_mem_grow(&u->at, &u->cap, u->n + 1, sizeof *u->at)) {
                return nn_fail_nomem(err);
            }
            u->at[u->n++] = begin;
        }
        begin = at;
    }
    return NN_OK;
}

static enum nn_status undo_lines(struct undo *u, struct nn_error *err)
{
    size_t kept = u->n; /* behind the place that is looked at next */
    enum nn_status st = NN_OK;

    for (size_t i = u->n; st == NN_OK && i-- > 0;) {
        struct pile_entry e;
        int keep = 0;

        if (stop_asked) {
            return NN_ERR_STOPPED;
        }
        st = pile_list_entry(&u->list, u->at[i], &e, err);
        if (st == NN_OK && e.to != NULL) {
            st = undo_entry(u, &e, &keep, err);
        }
        pile_entry_release(&e);
        if (keep) {
            u->at[--kept] = u->at[i];
        }
    }
    if (st) {
        return st;
    }
    st = pile_list_keep(&u->list, u->at + kept, u->n - kept, err);
    if (st == NN_OK && kept == u->n) {
        (void)!rmdir(u->dir);
    }
    return st;
}

/* The list goes before its folder, so a kill may leave the folder alone: an
 * empty one without a list is what is left of an undo that was done. */
static int was_done(const char *list)
{
    return nn_file_is_dir(list) && rmdir(list) == 0;
}

static enum nn_status find_list(struct undo *u, const char *list,
                                struct nn_error *err)
{
    struct pile_folder f = { .given = NULL };

    u->list_path = nn_file_is_dir(list) ? nn_path_join(list, PILE_LIST_NAME)
                                        : nn_mem_strdup(list);
    if (u->list_path == NULL) {
        return nn_fail_nomem(err);
    }
    if (!nn_file_exists(u->list_path)) {
        return nn_fail(err, NN_ERR_IO, "there is no list '%s'", u->list_path);
    }
    u->dir = pile_absolute(&f, u->list_path);
    pile_folder_release(&f);
    if (u->dir == NULL) {
        return nn_fail_nomem(err);
    }
    *strrchr(u->dir, '/') = '\0';
    return NN_OK;
}

enum nn_status pile_undo(const char *list, struct pile_undo_counts *counts,
                         struct nn_error *err)
{
    struct undo u = { .counts = counts, .lock = -1 };
    enum nn_status st;

    *counts = (struct pile_undo_counts){ 0 };
    if (was_done(list)) {
        return NN_OK;
    }
    st = find_list(&u, list, err);
    if (st) {
        goto out;
    }
    st = nn_folder_take(u.dir, &u.lock, err);
    if (st) {
        goto out;
    }
    st = pile_list_open(&u.list, u.list_path, NULL, err);
    if (st) {
        goto out;
    }
    st = find_lines(&u, err);
    if (st) {
        goto out;
    }
    st = undo_lines(&u, err);
out:
    nn_folder_give_back(&u.lock);
    pile_list_release(&u.list);
    nn_mem_free(u.at);
    nn_mem_free(u.dir);
    nn_mem_free(u.list_path);
    return st;
}
