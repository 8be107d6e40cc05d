/* common/tensor/safetensors.h - the model file format.
 *
 * Grammar (huggingface/safetensors): 8 bytes little-endian length n, n bytes
 * JSON object {"name": {"dtype","shape","data_offsets":[a,b]}, ...,
 * "__metadata__": {string: string}}, then raw little-endian tensors. */
#ifndef NN_COMMON_TENSOR_SAFETENSORS_H
#define NN_COMMON_TENSOR_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/tensor/graph.h"

enum nn_dtype { NN_F32, NN_F16, NN_BF16, NN_I64, NN_DTYPE_OTHER };

struct nn_st_entry {
    const char *name;
    enum nn_dtype dtype;
    int ndim;
    int64_t shape[8];
    size_t count;  /* elements */
    size_t offset; /* bytes into the data part */
    size_t bytes;
};

/* Metadata that our files have: the 128-bit XXH3 (nn_hash_hex()) of the header
 * without this entry, as compact JSON with its keys sorted, followed by the
 * bytes of the tensors. A file without it is read unchecked. */
#define NN_ST_CHECKSUM "xxh3"

/* A file that has been read and checked as a whole. Read-only, shareable. */
struct nn_st_file;

/* Errors: NN_ERR_IO; NN_ERR_NOMEM; NN_ERR_FORMAT, naming the tensor: a header
 * above 100 MB or longer than the file, damaged JSON, a name that comes
 * twice, offsets out of range, sizes that do not match shape and dtype,
 * overlaps, holes, bytes that belong to no tensor, and a file that is not the
 * one of its checksum. *out is then NULL. */
NN_MUST_CHECK enum nn_status
nn_st_open(const char *path, struct nn_st_file **out, struct nn_error *err);
/* The same for a file in memory: `bytes`, a block of nn_mem, belongs to the
 * result, and is freed on failure; `name` stands for the path. */
NN_MUST_CHECK enum nn_status nn_st_parse(unsigned char *bytes, size_t size,
                                         const char *name,
                                         struct nn_st_file **out,
                                         struct nn_error *err);
void nn_st_close(struct nn_st_file **f);
size_t nn_st_count(const struct nn_st_file *f);
const struct nn_st_entry *nn_st_entry(const struct nn_st_file *f, size_t i);
const struct nn_st_entry *nn_st_find(const struct nn_st_file *f,
                                     const char *name); /* or NULL */
const char *nn_st_meta(const struct nn_st_file *f, const char *key); /* or 0 */
/* Whether nn_st_read() takes it. Errors: NN_ERR_UNSUPPORTED (names it). */
NN_MUST_CHECK enum nn_status nn_st_check(const struct nn_st_entry *e,
                                         struct nn_error *err);
/* Convert count elements to float. Errors: as nn_st_check(). */
NN_MUST_CHECK enum nn_status nn_st_read(const struct nn_st_file *f,
                                        const struct nn_st_entry *e, float *dst,
                                        struct nn_error *err);

/* Collects tensors (data is borrowed until commit) and metadata, then writes
 * the file beside and renames it. */
struct nn_st_writer;
NN_MUST_CHECK enum nn_status nn_st_writer_create(struct nn_st_writer **out);
void nn_st_writer_destroy(struct nn_st_writer **w);
/* A key that is set again takes the new value.
 * Errors: NN_ERR_NOMEM; NN_ERR_ARG (key or value is not UTF-8). */
NN_MUST_CHECK enum nn_status
nn_st_writer_meta(struct nn_st_writer *w, const char *key, const char *value);
/* dtype F32, F16 or BF16 (rounded to nearest even).
 * Errors: NN_ERR_ARG (another dtype, more than 8 axes, a negative one, a name
 * that is taken, reserved or not UTF-8), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_st_writer_add(struct nn_st_writer *w, const char *name, enum nn_dtype dtype,
                 int ndim, const int64_t *shape, const float *data);
NN_MUST_CHECK enum nn_status nn_st_writer_commit(struct nn_st_writer *w,
                                                 const char *path,
                                                 struct nn_error *err);

/* A graph's parameters under "PREFIX" + name. Files hold PyTorch's layouts
 * (convolution OIHW, dense [out,in]); memory holds ours. `values` is a flat
 * array of nn_graph_param_count() floats (p->value.data, an EMA, ...). The
 * writer keeps its own copy. */
NN_MUST_CHECK enum nn_status nn_st_writer_add_params(struct nn_st_writer *w,
                                                     const char *prefix,
                                                     enum nn_dtype dtype,
                                                     const struct nn_graph *g,
                                                     const float *values);

/* One of them, the i-th. Errors: as nn_st_writer_add(). */
NN_MUST_CHECK enum nn_status
nn_st_writer_add_param(struct nn_st_writer *w, const char *prefix,
                       enum nn_dtype dtype, const struct nn_graph *g, size_t i,
                       const float *values);

/* Two nets of a file may share tensors: where the metadata "PREFIXtrunk" names
 * another prefix, what is not there under PREFIX is read under that one. */
#define NN_TRUNK_KEY "trunk"

/* What nn_params_load() did, for a message. */
struct nn_load_report {
    int taken, missing, mismatched, unused; /* tensors */
    char first_missing[128], first_mismatched[256], first_unused[128];
};
/* Load by name and exact shape. strict: any missing or mismatched tensor is
 * NN_ERR_FORMAT naming it (values untouched); else such tensors keep their
 * values and are counted. "num_batches_tracked" entries are ignored. */
NN_MUST_CHECK enum nn_status
nn_params_load(const struct nn_st_file *f, const char *prefix,
               const struct nn_graph *g, float *values, int strict,
               struct nn_load_report *report, struct nn_error *err);

#endif /* NN_COMMON_TENSOR_SAFETENSORS_H */
