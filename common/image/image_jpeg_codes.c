#include "common/image/image_jpeg_codes.h"

/* Bits of the code and of what follows it, and the coefficients it passes. */
static uint16_t entry_of(const struct nn_jpeg_codes *t, uint32_t symbol,
                         uint32_t length)
{
    uint32_t run = symbol >> 4, extra = symbol & 15;

    if (!t->ac) {
        return (uint16_t)((length + symbol) | 1 << NN_JPEG_PASSED);
    }
    if (extra == 0 && run != 15) {
        return (uint16_t)(length | NN_JPEG_END);
    }
    return (uint16_t)((length + extra) | (run + 1) << NN_JPEG_PASSED);
}

uint32_t nn_jpeg_find_code(const struct nn_jpeg_codes *t, uint32_t bits,
                           uint16_t *entry)
{
    for (uint32_t n = 1; n <= NN_JPEG_LONGEST; n++) {
        if (bits < t->limit[n]) {
            int32_t at = t->index[n] + (int32_t)(bits >> (NN_JPEG_LONGEST - n));

            *entry = entry_of(t, t->symbol[at], n);
            return n;
        }
    }
    return 0;
}

/* 0, or -1 where the table is none. */
static int take_symbols(struct nn_jpeg_codes *t, const JHUFF_TBL *from)
{
    uint32_t code = 0;
    int32_t n = 0;

    for (uint32_t length = 1; length <= NN_JPEG_LONGEST; length++) {
        int32_t here = from->bits[length];

        if (n + here > 256 || code + (uint32_t)here > 1U << length) {
            return -1;
        }
        t->index[length] = n - (int32_t)code;
        for (int32_t i = 0; i < here; i++, n++, code++) {
            t->symbol[n] = from->huffval[n];
            if (!t->ac && t->symbol[n] > 15) {
                return -1;
            }
            if (t->symbol[n] == 0 && t->end_length == 0) {
                t->end_code = code;
                t->end_length = length;
            }
        }
        t->limit[length] = here ? code << (NN_JPEG_LONGEST - length) : 0;
        code <<= 1;
    }
    return 0;
}

/* As many whole codes as the window holds, of which the first is one of
 * `first`; behind the last may follow bits that it does not. */
static uint16_t join_codes(const struct nn_jpeg_codes *first,
                           const struct nn_jpeg_codes *ac, uint32_t window)
{
    const struct nn_jpeg_codes *t = first;
    uint32_t bits = 0, passed = 0, end = 0;

    while (bits < NN_JPEG_WINDOW && !end) {
        uint32_t rest = window << bits & ((1U << NN_JPEG_WINDOW) - 1);
        uint32_t e = t->one[rest], n = bits + (e & NN_JPEG_BITS);

        if (e == 0 || t->length[rest] > NN_JPEG_WINDOW - bits ||
            n > NN_JPEG_WIDEST) {
            break;
        }
        bits = n;
        passed += nn_jpeg_passed(e);
        end = e & NN_JPEG_END;
        t = ac;
    }
    passed = bits && passed < NN_JPEG_MOST ? passed : NN_JPEG_MOST;
    return (uint16_t)(bits | passed << NN_JPEG_PASSED | end);
}

void nn_jpeg_join_codes(const struct nn_jpeg_codes *dc,
                        const struct nn_jpeg_codes *ac, uint16_t *many)
{
    for (uint32_t w = 0; w < 1U << NN_JPEG_WINDOW; w++) {
        many[w] = join_codes(dc, ac, w);
    }
}

int nn_jpeg_build_codes(struct nn_jpeg_codes *t, const JHUFF_TBL *from, int ac)
{
    t->ac = ac;
    t->built = 1;
    if (!from || take_symbols(t, from)) {
        return -1;
    }
    for (uint32_t w = 0; w < 1U << NN_JPEG_WINDOW; w++) {
        uint16_t e = 0;
        uint32_t n =
            nn_jpeg_find_code(t, w << (NN_JPEG_LONGEST - NN_JPEG_WINDOW), &e);

        if (n > 0 && n <= NN_JPEG_WINDOW) {
            t->one[w] = e;
            t->length[w] = (uint8_t)n;
        }
    }
    if (ac) {
        nn_jpeg_join_codes(t, t, t->many);
    }
    return 0;
}
