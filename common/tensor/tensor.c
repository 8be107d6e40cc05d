#include "common/tensor/tensor.h"

#include <stdio.h>
#include <string.h>

enum nn_status nn_shape_count(struct nn_shape s, size_t *count)
{
    size_t n, bytes;

    if (s.n < 1 || s.h < 1 || s.w < 1 || s.c < 1) {
        return NN_ERR_SHAPE;
    }
    if (nn_size_mul((size_t)s.n, (size_t)s.h, &n) ||
        nn_size_mul(n, (size_t)s.w, &n) || nn_size_mul(n, (size_t)s.c, &n) ||
        nn_size_mul(n, sizeof(float), &bytes)) {
        return NN_ERR_NOMEM;
    }
    *count = n;
    return NN_OK;
}

int nn_shape_equal(struct nn_shape a, struct nn_shape b)
{
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}

const char *nn_shape_str(struct nn_shape s, char *buf, size_t buf_size)
{
    snprintf(buf, buf_size, "[%d,%d,%d,%d]", (int)s.n, (int)s.h, (int)s.w,
             (int)s.c);
    return buf;
}

enum nn_status nn_buf_reset(struct nn_buf *b, size_t count)
{
    nn_buf_release(b);
    if (count == 0) {
        return NN_OK;
    }
    b->data = nn_mem_aligned(count, sizeof(float));
    if (b->data == NULL) {
        return NN_ERR_NOMEM;
    }
    b->count = count;
    return NN_OK;
}

void nn_buf_release(struct nn_buf *b)
{
    nn_mem_free(b->data);
    *b = (struct nn_buf)NN_BUF_INIT;
}

size_t nn_first_bad(const float *v, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;

        memcpy(&bits, &v[i], sizeof bits);
        if ((bits & 0x7f800000u) == 0x7f800000u) {
            return i;
        }
    }
    return count;
}
