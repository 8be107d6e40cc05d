#include "pipelines/cascade/model_reference.h"

#include <math.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/mem.h"

#define KEY    "reference"
#define TENSOR "reference.near"

static int is_reduced(const struct nn_shift_reference *ref)
{
    return ref->dims < ref->from_dims;
}

size_t model_reference_bytes(const struct nn_shift_reference *ref)
{
    return ref->n * ref->dims * (is_reduced(ref) ? 2 : 4);
}

json_t *model_reference_json(const struct nn_shift_reference *ref)
{
    return json_pack("{s:I, s:I, s:I}", "photos",
                     (json_int_t)(ref->n + ref->rest[0] + ref->rest[1]), "near",
                     (json_int_t)ref->n, "bytes",
                     (json_int_t)model_reference_bytes(ref));
}

enum nn_status model_reference_put(struct nn_st_writer *w,
                                   const struct nn_shift_reference *ref,
                                   struct nn_error *err)
{
    const int64_t shape[] = { (int64_t)ref->n, (int64_t)ref->dims };
    json_t *j;
    char *text;
    enum nn_status st;

    if (ref->n == 0) {
        return NN_OK;
    }
    j = json_pack("{s:I, s:[I,I], s:f}", "from_dims",
                  (json_int_t)ref->from_dims, "rest", (json_int_t)ref->rest[0],
                  (json_int_t)ref->rest[1], "limit", ref->limit);
    text = nn_json_dump(j, JSON_COMPACT);
    json_decref(j);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_st_writer_meta(w, KEY, text);
    nn_mem_free(text);
    if (st) {
        return nn_fail_nomem(err);
    }
    return nn_st_writer_add(w, TENSOR, is_reduced(ref) ? NN_F16 : NN_F32, 2,
                            shape, ref->near)
               ? nn_fail_nomem(err)
               : NN_OK;
}

static enum nn_status damaged(struct nn_error *err)
{
    return nn_fail(err, NN_ERR_FORMAT, "its reference is damaged");
}

/* All but the rows. */
static enum nn_status read_numbers(const char *text, size_t dims,
                                   struct nn_shift_reference *ref,
                                   struct nn_error *err)
{
    json_error_t why;
    json_t *j;
    json_int_t from, rest[2];
    enum nn_status st = nn_json_load(text, strlen(text), 0, &j, &why);

    if (st == NN_ERR_NOMEM) {
        return nn_fail_nomem(err);
    }
    if (st) {
        return damaged(err);
    }
    if (json_unpack(j, "{s:I, s:[I,I], s:F}", "from_dims", &from, "rest",
                    &rest[0], &rest[1], "limit", &ref->limit) ||
        rest[0] < 0 || rest[1] < 0 ||
        (rest[0] < NN_SHIFT_MIN && rest[1] < NN_SHIFT_MIN) ||
        !(fabs(ref->limit) <= 2)) {
        st = damaged(err);
    } else if (from != (json_int_t)dims) {
        st = nn_fail(err, NN_ERR_FORMAT,
                     "its reference is of %lld features, the net has %zu",
                     (long long)from, dims);
    }
    json_decref(j);
    if (st) {
        return st;
    }
    ref->from_dims = dims;
    ref->rest[0] = (size_t)rest[0];
    ref->rest[1] = (size_t)rest[1];
    return NN_OK;
}

static enum nn_status read_rows(const struct nn_st_file *f,
                                struct nn_shift_reference *ref,
                                struct nn_error *err)
{
    const struct nn_st_entry *e = nn_st_find(f, TENSOR);

    if (e == NULL || e->ndim != 2 || e->shape[0] < NN_SHIFT_NEAREST ||
        e->shape[1] < 1 || e->shape[1] > (int64_t)ref->from_dims) {
        return damaged(err);
    }
    ref->n = (size_t)e->shape[0];
    ref->dims = (size_t)e->shape[1];
    ref->near = nn_mem_calloc(e->count, sizeof *ref->near);
    if (ref->near == NULL) {
        return nn_fail_nomem(err);
    }
    return nn_st_read(f, e, ref->near, err) ? damaged(err) : NN_OK;
}

enum nn_status model_reference_get(const struct nn_st_file *f, size_t dims,
                                   struct nn_shift_reference *ref,
                                   struct nn_error *err)
{
    const char *text = nn_st_meta(f, KEY);
    enum nn_status st;

    *ref = (struct nn_shift_reference){ 0 };
    if (text == NULL) {
        return NN_OK;
    }
    st = read_numbers(text, dims, ref, err);
    if (st) {
        goto out;
    }
    st = read_rows(f, ref, err);
out:
    if (st) {
        nn_shift_release(ref);
    }
    return st;
}
