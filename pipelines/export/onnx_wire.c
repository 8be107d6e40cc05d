#include "pipelines/export/onnx_wire.h"

#include <string.h>

#include "common/base/mem.h"

enum { WIRE_VARINT = 0, WIRE_LENGTH = 2 };

void onnx_wire_release(struct onnx_wire *w)
{
    nn_mem_free(w->v);
    *w = (struct onnx_wire)ONNX_WIRE_INIT;
}

/* Room for n more bytes, or NULL. */
static unsigned char *extend(struct onnx_wire *w, size_t n)
{
    if (w->failed || nn_mem_grow(&w->v, &w->cap, w->n + n, 1)) {
        w->failed = 1;
        return NULL;
    }
    w->n += n;
    return w->v + w->n - n;
}

static void put_varint(struct onnx_wire *w, uint64_t x)
{
    unsigned char bytes[10];
    unsigned char *to;
    size_t n = 0;

    do {
        bytes[n] = (unsigned char)((x & 0x7f) | (x > 0x7f ? 0x80 : 0));
        x >>= 7;
        n++;
    } while (x > 0);
    to = extend(w, n);
    if (to != NULL) {
        memcpy(to, bytes, n);
    }
}

static void put_key(struct onnx_wire *w, uint32_t field, uint32_t type)
{
    put_varint(w, (uint64_t)field << 3 | type);
}

static void put_le(unsigned char *to, uint64_t x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = (unsigned char)(x >> (8 * i) & 0xff);
    }
}

void onnx_put_int(struct onnx_wire *w, uint32_t field, int64_t value)
{
    put_key(w, field, WIRE_VARINT);
    put_varint(w, (uint64_t)value);
}

/* Key and length; room for n bytes, or NULL. */
static unsigned char *begin_bytes(struct onnx_wire *w, uint32_t field, size_t n)
{
    put_key(w, field, WIRE_LENGTH);
    put_varint(w, n);
    return extend(w, n);
}

static void put_bytes(struct onnx_wire *w, uint32_t field, const void *bytes,
                      size_t n)
{
    unsigned char *to = begin_bytes(w, field, n);

    if (to != NULL && n > 0) {
        memcpy(to, bytes, n);
    }
}

void onnx_put_text(struct onnx_wire *w, uint32_t field, const char *text)
{
    put_bytes(w, field, text, strlen(text));
}

void onnx_put_floats(struct onnx_wire *w, uint32_t field, const float *v,
                     size_t n)
{
    unsigned char *to = begin_bytes(w, field, 4 * n);

    for (size_t i = 0; to != NULL && i < n; i++) {
        uint32_t bits;

        memcpy(&bits, &v[i], sizeof bits);
        put_le(to + 4 * i, bits, 4);
    }
}

void onnx_put_longs(struct onnx_wire *w, uint32_t field, const int64_t *v,
                    size_t n)
{
    unsigned char *to = begin_bytes(w, field, 8 * n);

    for (size_t i = 0; to != NULL && i < n; i++) {
        put_le(to + 8 * i, (uint64_t)v[i], 8);
    }
}

void onnx_put_message(struct onnx_wire *w, uint32_t field,
                      struct onnx_wire *inner)
{
    w->failed |= inner->failed;
    put_bytes(w, field, inner->v, inner->n);
    onnx_wire_release(inner);
}
