/* Writing model files, and a graph's parameters in PyTorch's layouts. */
#include <jansson.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/file.h"
#include "common/tensor/half.h"
#include "common/tensor/layout.h"
#include "common/tensor/safetensors_internal.h"

struct pending {
    char *name;
    enum nn_dtype dtype;
    int ndim;
    int64_t shape[8];
    const float *data;
    float *own; /* data's block when the writer owns it, or NULL */
    size_t count;
};

struct nn_st_writer {
    struct pending *t;
    size_t n, cap;
    json_t *meta;
};

enum nn_status nn_st_writer_create(struct nn_st_writer **out)
{
    struct nn_st_writer *w = nn_mem_calloc(1, sizeof *w);

    *out = NULL;
    if (w == NULL) {
        return NN_ERR_NOMEM;
    }
    w->meta = json_object();
    if (w->meta == NULL) {
        nn_mem_free(w);
        return NN_ERR_NOMEM;
    }
    *out = w;
    return NN_OK;
}

void nn_st_writer_destroy(struct nn_st_writer **wp)
{
    struct nn_st_writer *w = *wp;

    *wp = NULL;
    if (w == NULL) {
        return;
    }
    for (size_t i = 0; i < w->n; i++) {
        nn_mem_free(w->t[i].name);
        nn_mem_free(w->t[i].own);
    }
    nn_mem_free(w->t);
    json_decref(w->meta);
    nn_mem_free(w);
}

static int is_utf8(const char *s)
{
    json_t *j = json_string(s),
           *raw = j == NULL ? json_string_nocheck(s) : NULL;
    int damaged = j == NULL && raw != NULL;

    json_decref(j);
    json_decref(raw);
    return !damaged;
}

enum nn_status nn_st_writer_meta(struct nn_st_writer *w, const char *key,
                                 const char *value)
{
    if (!is_utf8(key) || !is_utf8(value)) {
        return NN_ERR_ARG;
    }
    return json_object_set_new(w->meta, key, json_string(value)) ? NN_ERR_NOMEM
                                                                 : NN_OK;
}

static int name_taken(const struct nn_st_writer *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++) {
        if (strcmp(w->t[i].name, name) == 0) {
            return 1;
        }
    }
    return strcmp(name, "__metadata__") == 0;
}

/* Elements of a shape; 0 and *count, or -1. */
static int count_of(int ndim, const int64_t *shape, size_t *count)
{
    *count = 1;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0 || nn_size_mul(*count, (size_t)shape[i], count)) {
            return -1;
        }
    }
    return 0;
}

static enum nn_status add(struct nn_st_writer *w, const char *prefix,
                          const char *name, enum nn_dtype dtype, int ndim,
                          const int64_t *shape, const float *data, float *own)
{
    struct pending *t;
    size_t count;
    char *full;

    if (count_of(ndim, shape, &count)) {
        return NN_ERR_ARG;
    }
    full = nn_mem_sprintf("%s%s", prefix, name);
    if (full == NULL || nn_mem_grow(&w->t, &w->cap, w->n + 1, sizeof *w->t)) {
        nn_mem_free(full);
        return NN_ERR_NOMEM;
    }
    if (name_taken(w, full) || !is_utf8(full)) {
        nn_mem_free(full);
        return NN_ERR_ARG;
    }
    t = &w->t[w->n++];
    *t = (struct pending){ .name = full,
                           .dtype = dtype,
                           .ndim = ndim,
                           .data = data,
                           .own = own,
                           .count = count };
    memcpy(t->shape, shape, (size_t)ndim * sizeof *shape);
    return NN_OK;
}

enum nn_status nn_st_writer_add(struct nn_st_writer *w, const char *name,
                                enum nn_dtype dtype, int ndim,
                                const int64_t *shape, const float *data)
{
    if (ndim < 0 || ndim > 8 ||
        (dtype != NN_F32 && dtype != NN_F16 && dtype != NN_BF16)) {
        return NN_ERR_ARG;
    }
    return add(w, "", name, dtype, ndim, shape, data, NULL);
}

enum nn_status nn_st_writer_add_param(struct nn_st_writer *w,
                                      const char *prefix, enum nn_dtype dtype,
                                      const struct nn_graph *g, size_t i,
                                      const float *values)
{
    const struct nn_param *p = nn_graph_param(g, i);
    struct nn_layout l = nn_layout_of(g, i);
    float *own = nn_mem_calloc(p->count, sizeof *own);
    /* Running statistics span a wide range: never store them short. */
    enum nn_dtype as = p->trained ? dtype : NN_F32;
    enum nn_status st;

    if (own == NULL) {
        return NN_ERR_NOMEM;
    }
    nn_layout_to_file(&l, values + p->offset, own);
    st = add(w, prefix, p->name, as, l.ndim, l.shape, own, own);
    if (st) {
        nn_mem_free(own);
    }
    return st;
}

enum nn_status nn_st_writer_add_params(struct nn_st_writer *w,
                                       const char *prefix, enum nn_dtype dtype,
                                       const struct nn_graph *g,
                                       const float *values)
{
    for (size_t i = 0; nn_graph_param(g, i) != NULL; i++) {
        enum nn_status st =
            nn_st_writer_add_param(w, prefix, dtype, g, i, values);

        if (st) {
            return st;
        }
    }
    return NN_OK;
}

/* --- bytes -----------------------------------------------------------------
 */

static size_t dtype_bytes(enum nn_dtype d)
{
    return d == NN_F32 ? 4 : 2;
}

static const char *dtype_name(enum nn_dtype d)
{
    if (d == NN_F32) {
        return "F32";
    }
    return d == NN_F16 ? "F16" : "BF16";
}

static json_t *describe(const struct pending *t, size_t from, size_t to)
{
    json_t *shape = json_array();

    for (int d = 0; d < t->ndim; d++) {
        nn_json_add(&shape, json_integer(t->shape[d]));
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_name(t->dtype),
                     "shape", shape, "data_offsets", (json_int_t)from,
                     (json_int_t)to);
}

/* NULL when out of memory. */
static json_t *make_header(const struct nn_st_writer *w)
{
    json_t *h = json_object();
    size_t at = 0;

    if (json_object_size(w->meta) > 0) {
        nn_json_put(&h, "__metadata__", json_incref(w->meta));
    }
    for (size_t i = 0; h != NULL && i < w->n; i++) {
        const struct pending *t = &w->t[i];
        size_t end = at + t->count * dtype_bytes(t->dtype);

        nn_json_put(&h, t->name, describe(t, at, end));
        at = end;
    }
    return h;
}

static void put_le(unsigned char *p, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        p[i] = (unsigned char)(v >> (8 * i) & 0xff);
    }
}

static uint32_t encoded(enum nn_dtype dtype, float x)
{
    uint32_t bits;

    if (dtype == NN_F16) {
        return nn_float_to_half(x);
    }
    if (dtype == NN_BF16) {
        return nn_float_to_bfloat(x);
    }
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Write to f, or where it is NULL, add to the hash. */
static void put_tensor(FILE *f, struct nn_hasher *h, const struct pending *t)
{
    enum { BLOCK = 1024 };
    unsigned char buf[BLOCK * 4];
    size_t size = dtype_bytes(t->dtype);

    for (size_t at = 0; at < t->count; at += BLOCK) {
        size_t n = t->count - at < BLOCK ? t->count - at : BLOCK;

        for (size_t i = 0; i < n; i++) {
            put_le(buf + i * size, encoded(t->dtype, t->data[at + i]), size);
        }
        if (f != NULL) {
            fwrite(buf, size, n, f);
        } else {
            nn_hash_add(h, buf, size * n);
        }
    }
}

/* A file with metadata gets a checksum too. NULL when out of memory. */
static json_t *header_with_checksum(struct nn_st_writer *w)
{
    struct nn_hasher *h;
    json_t *header = make_header(w);
    char hex[33];

    if (header == NULL || json_object_size(w->meta) == 0) {
        return header;
    }
    h = nn_st_checksum_begin(header);
    if (h == NULL) {
        json_decref(header);
        return NULL;
    }
    for (size_t i = 0; i < w->n; i++) {
        put_tensor(NULL, h, &w->t[i]);
    }
    nn_hash_end(&h, hex);
    if (nn_st_writer_meta(w, NN_ST_CHECKSUM, hex)) { /* the header's, too */
        json_decref(header);
        return NULL;
    }
    return header;
}

enum nn_status nn_st_writer_commit(struct nn_st_writer *w, const char *path,
                                   struct nn_error *err)
{
    json_t *h = header_with_checksum(w);
    char *text = nn_json_dump(h, JSON_COMPACT);
    struct nn_file_out o = { 0 };
    unsigned char length[8];
    size_t len = text != NULL ? strlen(text) : 0, pad = (8 - len % 8) % 8;
    enum nn_status st;

    json_decref(h);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_file_out_open(&o, path, err);
    if (st) {
        goto out;
    }
    put_le(length, len + pad, sizeof length);
    fwrite(length, 1, sizeof length, o.stream);
    fwrite(text, 1, len, o.stream);
    fprintf(o.stream, "%*s", (int)pad, "");
    for (size_t i = 0; i < w->n; i++) {
        put_tensor(o.stream, NULL, &w->t[i]);
    }
    st = nn_file_out_commit(&o, err);
out:
    nn_mem_free(text);
    return st;
}
