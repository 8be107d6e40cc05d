#include "pipelines/cli/inspect_weights.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json.h"

static const char *const keys[] = { "net", "data", "training" };
enum { N_KEYS = sizeof keys / sizeof keys[0] };

static const char *dtype_name(enum nn_dtype d)
{
    static const char *const names[] = { "F32", "F16", "BF16", "I64", "other" };

    return names[d];
}

/* The value of a key: as JSON where it is some, else as a string. */
static json_t *meta_json(const char *value)
{
    json_t *j = json_loads(value, JSON_DECODE_ANY, NULL);

    return j != NULL ? j : nn_json_text(value);
}

static size_t parameters(const struct nn_st_file *f)
{
    size_t n = 0;

    for (size_t i = 0; i < nn_st_count(f); i++) {
        n += nn_st_entry(f, i)->count;
    }
    return n;
}

static json_t *shape_json(const struct nn_st_entry *e)
{
    json_t *shape = json_array();

    for (int d = 0; d < e->ndim; d++) {
        nn_json_add(&shape, json_integer((json_int_t)e->shape[d]));
    }
    return shape;
}

static void print_tensor(const struct nn_st_entry *e)
{
    printf("  %-48s %-5s", e->name, dtype_name(e->dtype));
    for (int d = 0; d < e->ndim; d++) {
        printf("%s%lld", d > 0 ? "x" : " ", (long long)e->shape[d]);
    }
    putchar('\n');
}

void inspect_weights_print(const struct nn_st_file *f, const char *path,
                           int layers)
{
    const char *format = nn_st_meta(f, "format");

    printf("weights %s\nformat %s, %zu tensors, %.2f M values\n", path,
           format != NULL ? format : "not named", nn_st_count(f),
           (double)parameters(f) / 1e6);
    for (size_t i = 0; layers && i < nn_st_count(f); i++) {
        print_tensor(nn_st_entry(f, i));
    }
    for (size_t k = 0; k < N_KEYS; k++) {
        const char *value = nn_st_meta(f, keys[k]);
        json_t *j = value == NULL ? NULL : meta_json(value);
        char *text = nn_json_dump(j, JSON_INDENT(2) | JSON_ENCODE_ANY);

        if (text != NULL) {
            printf("%s: %s\n", keys[k], text);
        }
        nn_mem_free(text);
        json_decref(j);
    }
}

enum nn_status inspect_weights_json(const struct nn_st_file *f, int layers,
                                    struct nn_error *err)
{
    json_t *j = json_object(), *list = json_array();
    const char *format = nn_st_meta(f, "format");
    enum nn_status st;

    nn_json_put(&j, "format", format ? json_string(format) : json_null());
    nn_json_put(&j, "tensors", json_integer((json_int_t)nn_st_count(f)));
    nn_json_put(&j, "values", json_integer((json_int_t)parameters(f)));
    for (size_t k = 0; k < N_KEYS; k++) {
        const char *value = nn_st_meta(f, keys[k]);

        if (value != NULL) {
            nn_json_put(&j, keys[k], meta_json(value));
        }
    }
    for (size_t i = 0; layers && i < nn_st_count(f); i++) {
        const struct nn_st_entry *e = nn_st_entry(f, i);

        nn_json_add(&list,
                    json_pack("{s:s, s:s, s:o}", "name", e->name, "dtype",
                              dtype_name(e->dtype), "shape", shape_json(e)));
    }
    if (layers) {
        nn_json_put(&j, "layers", json_incref(list));
    }
    st = nn_json_print(j, stdout, err);
    json_decref(list);
    json_decref(j);
    return st;
}
