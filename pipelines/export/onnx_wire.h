/* pipelines/export/onnx_wire.h - the few pieces of the Protocol Buffers
 * encoding that ONNX files need (protobuf.dev/programming-guides/encoding): a
 * message is a row of fields, each a key (number << 3 | wire type) and a value:
 * a varint (type 0), four bytes (5), or a length and that many bytes (2). */
#ifndef PIPELINES_EXPORT_ONNX_WIRE_H
#define PIPELINES_EXPORT_ONNX_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* A message under construction. Once memory runs out it stays `failed` and
 * further calls do nothing, so one check at the end is enough. */
struct onnx_wire {
    unsigned char *v;
    size_t n, cap;
    int failed;
};
#define ONNX_WIRE_INIT                                                         \
    {                                                                          \
        0, 0, 0, 0                                                             \
    }
void onnx_wire_release(struct onnx_wire *w);

void onnx_put_int(struct onnx_wire *w, uint32_t field, int64_t value);
void onnx_put_text(struct onnx_wire *w, uint32_t field, const char *text);
/* n little-endian float32 values as bytes. */
void onnx_put_floats(struct onnx_wire *w, uint32_t field, const float *v,
                     size_t n);
/* n whole numbers as little-endian int64 bytes. */
void onnx_put_longs(struct onnx_wire *w, uint32_t field, const int64_t *v,
                    size_t n);
/* A message within a message; `inner` is released. */
void onnx_put_message(struct onnx_wire *w, uint32_t field,
                      struct onnx_wire *inner);

#endif /* PIPELINES_EXPORT_ONNX_WIRE_H */
