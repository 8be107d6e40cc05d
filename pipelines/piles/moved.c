#include "pipelines/piles/moved.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"

static int by_key(const void *a, const void *b)
{
    const struct moved_place *x = a, *y = b;

    return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
                            : (x->at > y->at) - (x->at < y->at);
}

static enum nn_status read_places(struct pile_moved *m, struct nn_error *err)
{
    struct pile_entry e;

    for (int64_t at = 0; at < m->list.end; at = ftello(m->list.file)) {
        enum nn_status st = pile_list_entry(&m->list, at, &e, err);

        if (st) {
            return st;
        }
        if (e.to != NULL && e.by == PILE_MOVE) {
            if (nn_mem_grow(&m->v, &m->cap, m->n + 1, sizeof *m->v)) {
                pile_entry_release(&e);
                return nn_fail_nomem(err);
            }
            m->v[m->n++] =
                (struct moved_place){ pile_name_key(e.from, e.member), at };
        }
        pile_entry_release(&e);
    }
    if (m->n > 0) {
        qsort(m->v, m->n, sizeof *m->v, by_key);
    }
    return NN_OK;
}

enum nn_status pile_moved_open(struct pile_moved *m, const char *dir,
                               struct nn_error *err)
{
    char *path = nn_path_join(dir, PILE_LIST_NAME);
    enum nn_status st = NN_OK;
    int lock = -1;

    *m = (struct pile_moved){ .dir = nn_mem_strdup(dir) };
    if (path == NULL || m->dir == NULL) {
        st = nn_fail_nomem(err);
    } else if (nn_file_exists(path)) {
        st = nn_folder_take(dir, &lock, err);
        if (st == NN_OK) {
            st = pile_list_open(&m->list, path, NULL, err);
        }
        if (st == NN_OK) {
            st = read_places(m, err);
        }
        nn_folder_give_back(&lock);
    }
    nn_mem_free(path);
    return st;
}

/* Behind the last place of the key: of a name that was moved twice the later
 * one counts. */
static size_t end_of(const struct pile_moved *m, uint64_t key)
{
    size_t lo = 0, hi = m->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (m->v[mid].key <= key) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* *path stays NULL where the list has no file for it. */
static enum nn_status look_up(struct pile_moved *m, const char *from,
                              char **path, struct nn_error *err)
{
    uint64_t key = pile_name_key(from, NULL);
    size_t end = end_of(m, key);
    struct pile_entry e;
    enum nn_status st;

    if (end == 0 || m->v[end - 1].key != key) {
        return NN_OK;
    }
    st = pile_list_entry(&m->list, m->v[end - 1].at, &e, err);
    if (st == NN_OK && e.to != NULL && strcmp(e.from, from) == 0) {
        *path = nn_path_join(m->dir, e.to);
        st = *path == NULL ? nn_fail_nomem(err) : NN_OK;
    }
    pile_entry_release(&e);
    return st;
}

enum nn_status pile_moved_find(struct pile_moved *m, const char *file,
                               char **path, struct nn_error *err)
{
    char *from;
    enum nn_status st = NN_OK;

    *path = NULL;
    if (m->n > 0 && !nn_file_exists(file)) {
        from = pile_absolute(&m->folder, file);
        st = from == NULL ? nn_fail_nomem(err) : look_up(m, from, path, err);
        nn_mem_free(from);
    }
    if (st == NN_OK && *path == NULL) {
        *path = nn_mem_strdup(file);
        st = *path == NULL ? nn_fail_nomem(err) : NN_OK;
    }
    return st;
}

void pile_moved_release(struct pile_moved *m)
{
    pile_list_release(&m->list);
    pile_folder_release(&m->folder);
    nn_mem_free(m->dir);
    nn_mem_free(m->v);
    *m = (struct pile_moved){ .dir = NULL };
}
