#include "common/image/image_jpeg_bits.h"

void nn_jpeg_fill(struct nn_jpeg_input *in)
{
    size_t from = in->pos / 8;

    in->n -= from;
    memmove(in->data, in->data + from, in->n);
    in->pos -= from * 8;
    while (in->n < NN_JPEG_CHUNK && !in->ended) {
        size_t most = (size_t)(in->end - in->p);

        most = most < NN_JPEG_CHUNK - in->n ? most : NN_JPEG_CHUNK - in->n;
        const uint8_t *stuffed = memchr(in->p, 0xFF, most);
        size_t n = stuffed ? (size_t)(stuffed - in->p) : most;

        memcpy(in->data + in->n, in->p, n);
        in->n += n;
        in->p += n;
        in->cut = in->end - in->p < 2;
        if (!stuffed || in->cut) {
            break;
        }
        if (stuffed[1] == 0) {
            in->data[in->n++] = 0xFF;
            in->p += 2;
        } else {
            in->ended = 1;
        }
    }
    memset(in->data + in->n, 0, NN_JPEG_PADDING);
}

int nn_jpeg_stuff(struct nn_jpeg_data *to, struct nn_jpeg_output *out)
{
    if (out->bits > 0) {
        nn_jpeg_put(out, 0xFFU >> out->bits, 8 - out->bits);
    }
    for (size_t from = 0; from < out->n;) {
        const uint8_t *at = out->bytes + from;
        const uint8_t *full = memchr(at, 0xFF, out->n - from);
        size_t n = full ? (size_t)(full - at) + 1 : out->n - from;

        if (to->cap - to->n < n + 1) {
            return -1;
        }
        memcpy(to->bytes + to->n, at, n);
        to->n += n;
        from += n;
        if (full) {
            to->bytes[to->n++] = 0;
        }
    }
    out->n = 0;
    return 0;
}
