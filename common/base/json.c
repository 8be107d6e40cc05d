#include "common/base/json.h"

#include <math.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/text.h"

/* jansson does not always tell a lack of memory from damaged text. */
static _Thread_local int starved;

static void *take(size_t size)
{
    void *p = nn_mem_realloc(NULL, size, 1);

    starved |= p == NULL;
    return p;
}

void nn_json_use_nn_mem(void)
{
    json_set_alloc_funcs(take, nn_mem_free);
}

json_t *nn_json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *nn_json_text(const char *s)
{
    char *text = nn_text(s);
    json_t *j = text != NULL ? json_string(text) : NULL;

    nn_mem_free(text);
    return j;
}

static void drop(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

/* jansson's copy leaves out what it has no memory for. */
json_t *nn_json_copy(const json_t *value)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)value);

    if (json_object_size(copy) != json_object_size(value) ||
        json_array_size(copy) != json_array_size(value)) {
        drop(&copy);
    }
    return copy;
}

void nn_json_put(json_t **object, const char *key, json_t *value)
{
    json_t *clean = NULL;

    if (*object == NULL || value == NULL) {
        drop(object);
    } else if (json_object_set(*object, key, value) != 0) {
        clean = nn_json_text(key);
        if (clean == NULL || strcmp(json_string_value(clean), key) == 0 ||
            json_object_set(*object, json_string_value(clean), value) != 0) {
            drop(object);
        }
    }
    json_decref(clean);
    json_decref(value);
}

void nn_json_add(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) != 0) {
        drop(array);
    }
}

char *nn_json_dump(const json_t *value, size_t flags)
{
    char *text, *copy = NULL;
    json_free_t release;

    starved = 0;
    text = value != NULL ? json_dumps(value, flags) : NULL;
    if (text != NULL) { /* jansson's block, which may not be ours */
        copy = starved ? NULL : nn_mem_strdup(text);
        json_get_alloc_funcs(NULL, &release);
        release(text);
    }
    return copy;
}

enum nn_status nn_json_load(const char *text, size_t size, size_t flags,
                            json_t **value, json_error_t *why)
{
    starved = 0;
    *value = json_loadb(text, size, flags, why);
    if (starved) {
        drop(value);
        return NN_ERR_NOMEM;
    }
    return *value != NULL ? NN_OK : NN_ERR_FORMAT;
}

enum nn_status nn_json_parse(const char *text, size_t size, const char *name,
                             json_t **value, struct nn_error *err)
{
    json_error_t e;
    json_t *v;
    enum nn_status st = nn_json_load(
        text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &v, &e);

    if (st == NN_ERR_NOMEM) {
        return nn_fail_nomem(err);
    }
    if (st) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "'%s' is not valid JSON: line %d, column %d: %s", name,
                       e.line, e.column, e.text);
    }
    *value = v;
    return NN_OK;
}

enum nn_status nn_json_read(const char *path, size_t max_bytes, json_t **value,
                            struct nn_error *err)
{
    unsigned char *data = NULL;
    size_t size = 0;
    enum nn_status st = nn_file_read(path, max_bytes, &data, &size, err);

    if (st) {
        return st;
    }
    st = nn_json_parse((const char *)data, size, path, value, err);
    nn_mem_free(data);
    return st;
}

enum nn_status nn_json_write(const char *path, const json_t *value,
                             struct nn_error *err)
{
    char *text = nn_json_dump(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    struct nn_file_out out;
    enum nn_status st;

    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_file_out_open(&out, path, err);
    if (st) {
        goto out;
    }
    fprintf(out.stream, "%s\n", text);
    st = nn_file_out_commit(&out, err);
out:
    nn_mem_free(text);
    return st;
}

enum nn_status nn_json_print(const json_t *value, FILE *to,
                             struct nn_error *err)
{
    char *text = nn_json_dump(value, JSON_INDENT(1) | JSON_ENCODE_ANY);

    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    fprintf(to, "%s\n", text);
    nn_mem_free(text);
    return NN_OK;
}

char *nn_json_line(const json_t *value)
{
    return nn_json_dump(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

enum nn_status nn_json_print_line(json_t *value, FILE *to, struct nn_error *err)
{
    char *line = nn_json_line(value);

    json_decref(value);
    if (line == NULL) {
        return nn_fail_nomem(err);
    }
    fprintf(to, "%s\n", line);
    nn_mem_free(line);
    return NN_OK;
}
