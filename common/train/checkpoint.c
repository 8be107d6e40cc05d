#include "common/train/checkpoint.h"

#include <string.h>

#include "common/base/json.h"
#include "common/base/file.h"
#include "common/tensor/safetensors.h"

static int is_of_task(const char *name, const char *task)
{
    size_t n = strlen(task);

    return strncmp(name, task, n) == 0 && name[n] == '.';
}

/* Copies of the other tasks' arrays, alive until the file is written. */
struct kept {
    float **block;
    size_t n;
};

static void kept_release(struct kept *k)
{
    for (size_t i = 0; i < k->n; i++) {
        nn_mem_free(k->block[i]);
    }
    nn_mem_free(k->block);
}

static enum nn_status keep_entry(struct nn_st_writer *w,
                                 const struct nn_st_file *f,
                                 const struct nn_st_entry *e, struct kept *k,
                                 struct nn_error *err)
{
    float *v = nn_mem_calloc(e->count, sizeof *v);
    enum nn_status st;

    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    k->block[k->n++] = v;
    st = nn_st_read(f, e, v, err);
    if (st) {
        return st;
    }
    if (nn_st_writer_add(w, e->name, NN_F32, e->ndim, e->shape, v)) {
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

static enum nn_status keep_state(struct nn_st_writer *w,
                                 const struct nn_st_file *f, const char *task)
{
    char *key = nn_mem_sprintf("%s.state", task);
    const char *text = key != NULL ? nn_st_meta(f, key) : NULL;
    enum nn_status st = key == NULL ? NN_ERR_NOMEM : NN_OK;

    if (text != NULL) {
        st = nn_st_writer_meta(w, key, text);
    }
    nn_mem_free(key);
    return st;
}

static enum nn_status keep_states(struct nn_st_writer *w,
                                  const struct nn_st_file *f, const char *task,
                                  struct nn_error *err)
{
    const char *tasks = nn_st_meta(f, "tasks");
    json_t *list = NULL;
    enum nn_status st =
        tasks == NULL ? NN_OK
                      : nn_json_load(tasks, strlen(tasks), 0, &list, NULL);

    if (st) {
        return nn_fail(err, st, "the tasks that a run holds cannot be read: %s",
                       nn_status_str(st));
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));

        if (name == NULL || strcmp(name, task) == 0) {
            continue;
        }
        if (keep_state(w, f, name)) {
            st = nn_fail_nomem(err);
            goto out;
        }
    }
out:
    json_decref(list);
    return st;
}

/* Everything of the other tasks in the present file. */
static enum nn_status keep_others(struct nn_st_writer *w,
                                  const struct nn_st_file *f, const char *task,
                                  struct kept *k, struct nn_error *err)
{
    enum nn_status st;

    k->block = nn_mem_calloc(nn_st_count(f), sizeof *k->block);
    if (k->block == NULL) {
        return nn_fail_nomem(err);
    }
    st = keep_states(w, f, task, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < nn_st_count(f); i++) {
        const struct nn_st_entry *e = nn_st_entry(f, i);

        if (is_of_task(e->name, task)) {
            continue;
        }
        st = keep_entry(w, f, e, k, err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

/* The list of tasks in the file, this one added. */
static enum nn_status put_tasks(struct nn_st_writer *w,
                                const struct nn_st_file *f, const char *task,
                                struct nn_error *err)
{
    const char *old = f != NULL ? nn_st_meta(f, "tasks") : NULL;
    json_t *list = old != NULL ? json_loads(old, 0, NULL) : json_array();
    char *text = NULL;
    int there = 0;
    enum nn_status st;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));

        there |= name != NULL && strcmp(name, task) == 0;
    }
    if (!there) {
        nn_json_add(&list, json_string(task));
    }
    text = nn_json_dump(list, JSON_COMPACT);
    st = text != NULL ? nn_st_writer_meta(w, "tasks", text) : NN_ERR_NOMEM;
    nn_mem_free(text);
    json_decref(list);
    return st ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status put_array(struct nn_st_writer *w, const char *task,
                                const struct nn_checkpoint_array *a)
{
    int64_t count = (int64_t)a->buf->count;
    char *name = nn_mem_sprintf("%s.%s", task, a->name);
    enum nn_status st = name == NULL ? NN_ERR_NOMEM : NN_OK;

    if (name != NULL && count > 0) {
        st = nn_st_writer_add(w, name, NN_F32, 1, &count, a->buf->data);
    }
    nn_mem_free(name);
    return st;
}

static enum nn_status put_task(struct nn_st_writer *w, const char *task,
                               const json_t *state,
                               const struct nn_checkpoint_array *a, size_t n,
                               struct nn_error *err)
{
    char *text = nn_json_dump(state, JSON_COMPACT | JSON_REAL_PRECISION(17));
    char *key = nn_mem_sprintf("%s.state", task);
    enum nn_status st = NN_ERR_NOMEM;

    if (text != NULL && key != NULL) {
        st = nn_st_writer_meta(w, key, text);
    }
    nn_mem_free(text);
    nn_mem_free(key);
    if (st) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        if (put_array(w, task, &a[i])) {
            return nn_fail_nomem(err);
        }
    }
    return NN_OK;
}

enum nn_status nn_checkpoint_write(const char *path, const char *task,
                                   const json_t *state,
                                   const struct nn_checkpoint_array *arrays,
                                   size_t n, struct nn_error *err)
{
    struct nn_st_writer *w = NULL;
    struct nn_st_file *old = NULL;
    struct kept kept = { NULL, 0 };
    enum nn_status st;

    if (nn_st_writer_create(&w)) {
        return nn_fail_nomem(err);
    }
    if (nn_file_exists(path)) {
        st = nn_st_open(path, &old, err);
        if (st) {
            goto out;
        }
        st = keep_others(w, old, task, &kept, err);
        if (st) {
            goto out;
        }
    }
    st = put_tasks(w, old, task, err);
    if (st) {
        goto out;
    }
    st = put_task(w, task, state, arrays, n, err);
    if (st) {
        goto out;
    }
    st = nn_st_writer_commit(w, path, err);
out:
    kept_release(&kept);
    nn_st_close(&old);
    nn_st_writer_destroy(&w);
    return st;
}

static enum nn_status read_array(const struct nn_st_file *f, const char *path,
                                 const char *task,
                                 const struct nn_checkpoint_array *a,
                                 struct nn_error *err)
{
    char *name = nn_mem_sprintf("%s.%s", task, a->name);
    const struct nn_st_entry *e = name != NULL ? nn_st_find(f, name) : NULL;
    enum nn_status st;

    if (name == NULL) {
        return nn_fail_nomem(err);
    }
    if (e == NULL || e->count != a->buf->count) {
        st = nn_fail(err, NN_ERR_FORMAT,
                     "cannot resume from '%s': '%s' is missing or of another "
                     "size",
                     path, name);
        goto out;
    }
    st = nn_st_read(f, e, a->buf->data, err);
out:
    nn_mem_free(name);
    return st;
}

static enum nn_status read_state(const char *text, const char *path,
                                 json_t **state, struct nn_error *err)
{
    enum nn_status st = nn_json_load(text, strlen(text), 0, state, NULL);

    if (st == NN_ERR_NOMEM) {
        return nn_fail_nomem(err);
    }
    if (!json_is_object(*state)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "cannot resume from '%s': its state is damaged", path);
    }
    return NN_OK;
}

enum nn_status nn_checkpoint_read(const char *path, const char *task,
                                  json_t **state,
                                  const struct nn_checkpoint_array *arrays,
                                  size_t n, struct nn_error *err)
{
    struct nn_st_file *f = NULL;
    char *key = nn_mem_sprintf("%s.state", task);
    const char *text;
    json_t *j = NULL;
    enum nn_status st;

    *state = NULL;
    if (key == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_st_open(path, &f, err);
    if (st) {
        goto out;
    }
    text = nn_st_meta(f, key);
    if (text == NULL) {
        goto out;
    }
    st = read_state(text, path, &j, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (arrays[i].buf->count == 0) {
            continue;
        }
        st = read_array(f, path, task, &arrays[i], err);
        if (st) {
            goto out;
        }
    }
    *state = j;
    j = NULL;
out:
    json_decref(j);
    nn_st_close(&f);
    nn_mem_free(key);
    return st;
}
