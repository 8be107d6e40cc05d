/* Reading and checking model files. */
#include "common/tensor/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/file.h"
#include "common/tensor/half.h"
#include "common/tensor/safetensors_internal.h"

#define ST_MAX_HEADER (100u << 20)
#define ST_MAX_FILE   ((size_t)4 << 30)

struct nn_st_file {
    unsigned char *bytes;
    const unsigned char *data;
    size_t data_bytes;
    json_t *header, *meta;
    struct nn_st_entry *entry;
    size_t n;
};

static const struct {
    const char *name;
    enum nn_dtype dtype;
    size_t bytes;
} dtypes[] = {
    { "F32", NN_F32, 4 },          { "F16", NN_F16, 2 },
    { "BF16", NN_BF16, 2 },        { "I64", NN_I64, 8 },
    { "F64", NN_DTYPE_OTHER, 8 },  { "I32", NN_DTYPE_OTHER, 4 },
    { "I16", NN_DTYPE_OTHER, 2 },  { "I8", NN_DTYPE_OTHER, 1 },
    { "U8", NN_DTYPE_OTHER, 1 },   { "U16", NN_DTYPE_OTHER, 2 },
    { "U32", NN_DTYPE_OTHER, 4 },  { "U64", NN_DTYPE_OTHER, 8 },
    { "BOOL", NN_DTYPE_OTHER, 1 },
};

/* --- one entry -------------------------------------------------------------
 */

static enum nn_status bad(struct nn_error *err, const char *name,
                          const char *what)
{
    return nn_fail(err, NN_ERR_FORMAT, "tensor '%s': %s", name, what);
}

static enum nn_status read_dtype(const json_t *j, struct nn_st_entry *e,
                                 size_t *size, struct nn_error *err)
{
    const char *s = json_string_value(json_object_get(j, "dtype"));

    for (size_t i = 0; s != NULL && i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(s, dtypes[i].name) == 0) {
            e->dtype = dtypes[i].dtype;
            *size = dtypes[i].bytes;
            return NN_OK;
        }
    }
    return bad(err, e->name, "its dtype is not known");
}

static enum nn_status read_shape(const json_t *j, struct nn_st_entry *e,
                                 struct nn_error *err)
{
    const json_t *shape = json_object_get(j, "shape");
    size_t n = json_array_size(shape);

    if (!json_is_array(shape) || n > 8) {
        return bad(err, e->name,
                   "its shape is not a list of at most 8 numbers");
    }
    e->ndim = (int)n;
    e->count = 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(shape, i);
        json_int_t d = json_integer_value(v);

        if (!json_is_integer(v) || d < 0 ||
            nn_size_mul(e->count, (size_t)d, &e->count)) {
            return bad(err, e->name, "its shape is damaged");
        }
        e->shape[i] = d;
    }
    return NN_OK;
}

static enum nn_status read_entry(struct nn_st_file *f, const char *name,
                                 const json_t *j, struct nn_error *err)
{
    struct nn_st_entry *e = &f->entry[f->n];
    const json_t *o = json_object_get(j, "data_offsets");
    json_int_t from = json_integer_value(json_array_get(o, 0));
    json_int_t to = json_integer_value(json_array_get(o, 1));
    size_t size = 0, bytes = 0;
    enum nn_status st;

    *e = (struct nn_st_entry){ .name = name };
    if (!json_is_object(j)) {
        return bad(err, name, "its description is not an object");
    }
    st = read_dtype(j, e, &size, err);
    if (st) {
        return st;
    }
    st = read_shape(j, e, err);
    if (st) {
        return st;
    }
    if (json_array_size(o) != 2 || !json_is_integer(json_array_get(o, 0)) ||
        !json_is_integer(json_array_get(o, 1)) || from < 0 || to < from ||
        (size_t)to > f->data_bytes) {
        return bad(err, name, "its offsets leave the file");
    }
    if (nn_size_mul(e->count, size, &bytes) || bytes != (size_t)(to - from)) {
        return bad(err, name, "its bytes do not match its shape and dtype");
    }
    e->offset = (size_t)from;
    e->bytes = bytes;
    f->n++;
    return NN_OK;
}

/* --- the file --------------------------------------------------------------
 */

static int by_offset(const void *a, const void *b)
{
    const struct nn_st_entry *x = a, *y = b;

    if (x->offset != y->offset) {
        return x->offset < y->offset ? -1 : 1;
    }
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* The tensors must cover the data part exactly: no overlap, no hole. */
static enum nn_status check_cover(struct nn_st_file *f, struct nn_error *err)
{
    size_t end = 0;

    qsort(f->entry, f->n, sizeof *f->entry, by_offset);
    for (size_t i = 0; i < f->n; i++) {
        if (f->entry[i].offset != end) {
            return bad(err, f->entry[i].name,
                       f->entry[i].offset < end
                           ? "it overlaps another tensor"
                           : "there is a hole before its data");
        }
        end += f->entry[i].bytes;
    }
    return end == f->data_bytes
               ? NN_OK
               : nn_fail(err, NN_ERR_FORMAT, "%zu bytes after the last tensor",
                         f->data_bytes - end);
}

static enum nn_status check_meta(struct nn_st_file *f, struct nn_error *err)
{
    const char *key;
    json_t *v;

    f->meta = json_object_get(f->header, "__metadata__");
    if (f->meta != NULL && !json_is_object(f->meta)) {
        return nn_fail(err, NN_ERR_FORMAT, "its metadata is not an object");
    }
    json_object_foreach(f->meta, key, v)
    {
        if (!json_is_string(v)) {
            return nn_fail(err, NN_ERR_FORMAT, "its metadata '%s' is not text",
                           key);
        }
    }
    return NN_OK;
}

static enum nn_status parse_header(struct nn_st_file *f, size_t size,
                                   struct nn_error *err)
{
    uint64_t n = 0;
    json_error_t je;
    enum nn_status st;

    for (int i = 7; i >= 0 && size >= 8; i--) {
        n = n << 8 | f->bytes[i];
    }
    if (size < 10 || n < 2 || n > size - 8 || n > ST_MAX_HEADER) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "not a safetensors file (header length)");
    }
    if (f->bytes[8] != '{') { /* nor blanks before it, says the format */
        return nn_fail(err, NN_ERR_FORMAT,
                       "not a safetensors file (header: not an object)");
    }
    f->data = f->bytes + 8 + n;
    f->data_bytes = size - 8 - (size_t)n;
    st = nn_json_load((const char *)f->bytes + 8, (size_t)n,
                      JSON_REJECT_DUPLICATES, &f->header, &je);
    if (st) {
        return st == NN_ERR_NOMEM
                   ? nn_fail_nomem(err)
                   : nn_fail(err, NN_ERR_FORMAT,
                             "not a safetensors file (header: %s)", je.text);
    }
    return NN_OK;
}

struct nn_hasher *nn_st_checksum_begin(const json_t *header)
{
    json_t *h = nn_json_copy(header);
    json_t *meta = nn_json_copy(json_object_get(header, "__metadata__"));
    struct nn_hasher *hash = NULL;
    char *text = NULL;

    if (h == NULL || meta == NULL) {
        goto out;
    }
    json_object_del(meta, NN_ST_CHECKSUM);
    nn_json_put(&h, "__metadata__", json_incref(meta));
    text = nn_json_dump(h, JSON_COMPACT | JSON_SORT_KEYS);
    hash = text != NULL ? nn_hash_begin() : NULL;
    if (hash != NULL) {
        nn_hash_add(hash, text, strlen(text));
    }
out:
    nn_mem_free(text);
    json_decref(h);
    json_decref(meta);
    return hash;
}

static enum nn_status check_sum(const struct nn_st_file *f,
                                struct nn_error *err)
{
    const char *want =
        json_string_value(json_object_get(f->meta, NN_ST_CHECKSUM));
    struct nn_hasher *h;
    char hex[33];

    if (want == NULL) {
        return NN_OK;
    }
    h = nn_st_checksum_begin(f->header);
    if (h == NULL) {
        return nn_fail_nomem(err);
    }
    nn_hash_add(h, f->data, f->data_bytes);
    nn_hash_end(&h, hex);
    if (strcmp(want, hex) == 0) {
        return NN_OK;
    }
    return nn_fail(err, NN_ERR_FORMAT,
                   "it is damaged (its checksum is %s, not %s)", hex, want);
}

static enum nn_status parse(struct nn_st_file *f, size_t size,
                            struct nn_error *err)
{
    enum nn_status st = parse_header(f, size, err);
    const char *key;
    json_t *v;

    if (st) {
        return st;
    }
    f->entry = nn_mem_calloc(json_object_size(f->header), sizeof *f->entry);
    if (f->entry == NULL) {
        return nn_fail_nomem(err);
    }
    st = check_meta(f, err);
    if (st) {
        return st;
    }
    json_object_foreach(f->header, key, v)
    {
        if (strcmp(key, "__metadata__") == 0) {
            continue;
        }
        st = read_entry(f, key, v, err);
        if (st) {
            return st;
        }
    }
    st = check_cover(f, err);
    if (st) {
        return st;
    }
    return check_sum(f, err);
}

enum nn_status nn_st_parse(unsigned char *bytes, size_t size, const char *name,
                           struct nn_st_file **out, struct nn_error *err)
{
    struct nn_st_file *f = nn_mem_calloc(1, sizeof *f);
    struct nn_error why = NN_ERROR_INIT;
    enum nn_status st;

    *out = NULL;
    if (f == NULL) {
        nn_mem_free(bytes);
        return nn_fail_nomem(err);
    }
    f->bytes = bytes;
    st = parse(f, size, &why);
    if (st) {
        nn_st_close(&f);
        return nn_fail(err, st, "cannot read '%s': %s", name, why.text);
    }
    *out = f;
    return NN_OK;
}

enum nn_status nn_st_open(const char *path, struct nn_st_file **out,
                          struct nn_error *err)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    enum nn_status st;

    *out = NULL;
    st = nn_file_read(path, ST_MAX_FILE, &bytes, &size, err);
    if (st) {
        return st;
    }
    return nn_st_parse(bytes, size, path, out, err);
}

void nn_st_close(struct nn_st_file **fp)
{
    struct nn_st_file *f = *fp;

    *fp = NULL;
    if (f == NULL) {
        return;
    }
    json_decref(f->header);
    nn_mem_free(f->entry);
    nn_mem_free(f->bytes);
    nn_mem_free(f);
}

size_t nn_st_count(const struct nn_st_file *f)
{
    return f->n;
}

const struct nn_st_entry *nn_st_entry(const struct nn_st_file *f, size_t i)
{
    return &f->entry[i];
}

const struct nn_st_entry *nn_st_find(const struct nn_st_file *f,
                                     const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        if (strcmp(f->entry[i].name, name) == 0) {
            return &f->entry[i];
        }
    }
    return NULL;
}

const char *nn_st_meta(const struct nn_st_file *f, const char *key)
{
    return json_string_value(json_object_get(f->meta, key));
}

static uint16_t read_u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

enum nn_status nn_st_check(const struct nn_st_entry *e, struct nn_error *err)
{
    if (e->dtype == NN_F32 || e->dtype == NN_F16 || e->dtype == NN_BF16) {
        return NN_OK;
    }
    return nn_fail(err, NN_ERR_UNSUPPORTED,
                   "tensor '%s' is not of type F32, F16 or BF16", e->name);
}

enum nn_status nn_st_read(const struct nn_st_file *f,
                          const struct nn_st_entry *e, float *dst,
                          struct nn_error *err)
{
    const unsigned char *p = f->data + e->offset;
    enum nn_status st = nn_st_check(e, err);

    if (st) {
        return st;
    }
    switch (e->dtype) {
    case NN_F32:
        for (size_t i = 0; i < e->count; i++) {
            uint32_t bits = (uint32_t)read_u16(p + 4 * i) |
                            (uint32_t)read_u16(p + 4 * i + 2) << 16;

            memcpy(&dst[i], &bits, sizeof bits);
        }
        break;
    case NN_F16:
        for (size_t i = 0; i < e->count; i++) {
            dst[i] = nn_half_to_float(read_u16(p + 2 * i));
        }
        break;
    case NN_BF16:
        for (size_t i = 0; i < e->count; i++) {
            dst[i] = nn_bfloat_to_float(read_u16(p + 2 * i));
        }
        break;
    case NN_I64:
    case NN_DTYPE_OTHER:
        break;
    }
    return NN_OK;
}
