/* tests/unit/stages/onnx_run.h - a reader of ONNX files and a plain
 * interpreter of what they hold, written after onnx.proto and the operators'
 * pages of opset 17. Anything unexpected fails the test. */
#ifndef TESTS_UNIT_STAGES_ONNX_RUN_H
#define TESTS_UNIT_STAGES_ONNX_RUN_H

#include <stddef.h>
#include <stdint.h>

/* --- the wire format --- */

struct onnx_bytes {
    const unsigned char *at, *end;
};
struct onnx_field {
    uint32_t number;
    int is_number; /* x; else bytes */
    uint64_t x;
    struct onnx_bytes bytes;
};
/* The next field of a message; 0 at its end. */
int onnx_next(struct onnx_bytes *message, struct onnx_field *f);
/* A text field; the buffer is overwritten by the fourth call after. */
const char *onnx_text(const struct onnx_field *f);

/* --- the graph --- */

enum { ONNX_VALUES = 1024, ONNX_NAME = 64, ONNX_DIMS = 4 };

struct onnx_value {
    char name[ONNX_NAME];
    int ndim;
    int64_t dim[ONNX_DIMS]; /* 1 beyond ndim */
    size_t n;
    float *v; /* whole numbers, too */
};
struct onnx_run {
    size_t n, n_nodes;
    struct onnx_value value[ONNX_VALUES];
};

/* Compute all values of graph (field 7 of a file) from image [1,c,h,w]. */
void onnx_run(struct onnx_run *r, struct onnx_bytes graph, const float *image,
              int64_t c, int64_t h, int64_t w);
/* By name; there must be one. */
const struct onnx_value *onnx_value(const struct onnx_run *r, const char *name);
void onnx_run_release(struct onnx_run *r);

#endif /* TESTS_UNIT_STAGES_ONNX_RUN_H */
