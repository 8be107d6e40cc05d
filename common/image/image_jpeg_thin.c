#include "common/image/image_jpeg_thin.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/image/image_internal.h"
#include "common/image/image_jpeg_codes.h"

enum {
    LAST = 63,            /* the last coefficient of a block */
    MOST_BLOCKS = 10,     /* of an MCU */
    BLOCK_BITS = 64 * 31, /* the longest block: 64 codes, each with bits */
    CHUNK = 1 << 16,      /* bytes of data held without their stuffing */
    ROOM = 8192,          /* bytes: more than an MCU takes in a file */
    FEWEST_BITS = 24,     /* of a block in the mean: below that the library
                             is as fast */
    /* zeros behind the data: an MCU that runs over their end, and a word */
    PADDING = MOST_BLOCKS * BLOCK_BITS / 8 + 16
};

/* --- data without their stuffing --- */

struct input {
    const uint8_t *p, *end; /* of the file: what comes next */
    uint8_t *data;          /* CHUNK bytes, then PADDING */
    size_t n;               /* bytes in data */
    size_t pos;             /* bits read of them */
    int ended;              /* p stands at a marker */
    int cut;                /* the file ends before one */
};

/* Move what is not read yet to the front and fill up to the next marker. */
static void fill(struct input *in)
{
    size_t from = in->pos / 8;

    in->n -= from;
    memmove(in->data, in->data + from, in->n);
    in->pos -= from * 8;
    while (in->n < CHUNK && !in->ended) {
        size_t most = (size_t)(in->end - in->p);

        most = most < CHUNK - in->n ? most : CHUNK - in->n;
        const uint8_t *mark = memchr(in->p, 0xFF, most);
        size_t n = mark ? (size_t)(mark - in->p) : most;

        memcpy(in->data + in->n, in->p, n);
        in->n += n;
        in->p += n;
        in->cut = in->end - in->p < 2;
        if (!mark || in->cut) {
            break;
        }
        if (mark[1] == 0) {
            in->data[in->n++] = 0xFF;
            in->p += 2;
        } else {
            in->ended = 1;
        }
    }
    memset(in->data + in->n, 0, PADDING);
}

static inline uint64_t load(const uint8_t *p)
{
    return (uint64_t)nn_be32(p) << 32 | nn_be32(p + 4);
}

/* The next bits, at the top; at least 57. */
static inline uint64_t peek(const uint8_t *data, size_t pos)
{
    return load(data + pos / 8) << (pos & 7);
}

/* --- data with their stuffing --- */

struct output {
    uint8_t *bytes;
    size_t n, cap;
    uint64_t held; /* the last `bits` bits of it are still to be written */
    uint32_t bits; /* < 32 */
};

static void put_byte(struct output *out, uint8_t byte)
{
    out->bytes[out->n++] = byte;
    if (byte == 0xFF) {
        out->bytes[out->n++] = 0;
    }
}

static void put_word(struct output *out, uint32_t word)
{
    /* No byte of it is 0xFF: its complement has no zero byte. */
    if (((~word - 0x01010101U) & word & 0x80808080U) == 0) {
        uint8_t *to = out->bytes + out->n;

        to[0] = (uint8_t)(word >> 24);
        to[1] = (uint8_t)(word >> 16);
        to[2] = (uint8_t)(word >> 8);
        to[3] = (uint8_t)word;
        out->n += 4;
        return;
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
        put_byte(out, (uint8_t)(word >> shift));
    }
}

/* v: the `bits` bits, at most 32 */
static inline void put(struct output *out, uint64_t v, uint32_t bits)
{
    out->held = out->held << bits | v;
    out->bits += bits;
    if (out->bits >= 32) {
        out->bits -= 32;
        put_word(out, (uint32_t)(out->held >> out->bits));
    }
}

/* Ones up to the next whole byte, as before every marker. */
static void align(struct output *out)
{
    uint32_t more = (8 - (out->bits & 7)) & 7;

    put(out, (1U << more) - 1, more);
    while (out->bits > 0) {
        out->bits -= 8;
        put_byte(out, (uint8_t)(out->held >> out->bits));
    }
}

static void copy_bits(struct output *out, const uint8_t *data, size_t pos,
                      size_t end)
{
    while (pos < end) {
        size_t n = end - pos < 32 ? end - pos : 32;

        put(out, peek(data, pos) >> (64 - n), (uint32_t)n);
        pos += n;
    }
}

/* --- blocks --- */

/* Where a block is read: the next n bits at the top of w (those behind them
 * are either 0 or as in the data), and what follows them. */
struct reader {
    const uint8_t *p;
    uint64_t w;
    uint32_t n;
};

/* 56 bits or more */
static inline void refill(struct reader *r)
{
    r->w |= load(r->p) >> r->n;
    r->p += (63 - r->n) / 8;
    r->n |= 56;
}

static inline void consume(struct reader *r, uint32_t bits)
{
    r->w <<= bits;
    r->n -= bits;
}

static struct reader read_from(const uint8_t *data, size_t pos)
{
    struct reader r = { .p = data + pos / 8 };

    refill(&r);
    consume(&r, pos & 7);
    return r;
}

static size_t position(const struct reader *r, const uint8_t *data)
{
    return (size_t)(r->p - data) * 8 - r->n;
}

/* The next code alone, or 0: there is none. */
static inline uint32_t next_code(const struct nn_jpeg_codes *t,
                                 struct reader *r)
{
    refill(r);
    uint16_t e = t->one[r->w >> (64 - NN_JPEG_WINDOW)];

    if (e == 0 && !nn_jpeg_find_code(t, (uint32_t)(r->w >> 48), &e)) {
        return 0;
    }
    consume(r, e & NN_JPEG_BITS);
    return e;
}

/* Pass over a block's AC codes. -1: one is none. */
static inline int pass_ac(const struct nn_jpeg_codes *t, struct reader *r)
{
    uint32_t k = 1;

    while (k <= LAST) {
        uint32_t e;

        refill(r);
        /* Bits for two entries, of at most NN_JPEG_WINDOW + 15. Codes behind
         * the last coefficient are the next block's. */
        for (int i = 0; i < 2; i++) {
            e = t->many[r->w >> (64 - NN_JPEG_WINDOW)];
            if (k + nn_jpeg_passed(e) > LAST) {
                e = next_code(t, r);
                k += nn_jpeg_passed(e);
                if (e == 0 || e & NN_JPEG_END) {
                    return e ? 0 : -1;
                }
                break;
            }
            consume(r, e & NN_JPEG_BITS);
            k += nn_jpeg_passed(e);
            if (e & NN_JPEG_END) {
                return 0;
            }
        }
    }
    return 0;
}

struct block {
    const struct nn_jpeg_codes *dc, *ac;
    int thin;
};

struct thinning {
    struct nn_jpeg_codes dc[NUM_HUFF_TBLS], ac[NUM_HUFF_TBLS];
    struct block block[MOST_BLOCKS]; /* of an MCU */
    int n_blocks;
    int64_t mcus;
    int top;          /* the first rows are enough, and the file may be cut */
    int64_t interval; /* MCUs between restart markers; 0: there are none */
    struct input in;
    struct output out;
    uint8_t data[CHUNK + PADDING];
};

static int thin_mcu(struct thinning *t)
{
    const uint8_t *data = t->data;
    struct reader r = read_from(data, t->in.pos);
    size_t kept = t->in.pos; /* up to here the data are passed on */

    for (int i = 0; i < t->n_blocks; i++) {
        const struct block *b = &t->block[i];

        if (!next_code(b->dc, &r)) {
            return -1;
        }
        if (b->thin) {
            copy_bits(&t->out, data, kept, position(&r, data));
        }
        if (pass_ac(b->ac, &r)) {
            return -1;
        }
        if (b->thin) {
            put(&t->out, b->ac->end_code, b->ac->end_length);
            kept = position(&r, data);
        }
    }
    t->in.pos = position(&r, data);
    copy_bits(&t->out, data, kept, t->in.pos);
    return t->in.pos <= t->in.n * 8 ? 0 : -1;
}

/* The data of one interval are used up, to the last byte. */
static int at_marker(struct thinning *t)
{
    return t->in.ended && (t->in.pos + 7) / 8 == t->in.n;
}

/* The marker behind the restart interval that is the i-th, from 0. */
static int pass_restart(struct thinning *t, int64_t i)
{
    uint8_t code = (uint8_t)(JPEG_RST0 + i % 8);
    struct output *out = &t->out;

    if (!at_marker(t) || t->in.p[1] != code) {
        return -1;
    }
    align(out);
    out->bytes[out->n++] = 0xFF;
    out->bytes[out->n++] = code;
    t->in.p += 2;
    t->in.n = t->in.pos = 0;
    t->in.ended = 0;
    return 0;
}

/* -1: no MCU is sure to be whole any more. */
static int fill_for_mcu(struct input *in)
{
    size_t least = in->pos + MOST_BLOCKS * BLOCK_BITS;

    if (!in->ended && !in->cut && in->n * 8 < least) {
        fill(in);
        least = in->pos + MOST_BLOCKS * BLOCK_BITS;
    }
    return in->cut && in->n * 8 < least ? -1 : 0;
}

/* 1: all MCUs were there; 0: those before the file's end; -1: they are not as
 * the library would read them without a word. */
static int thin_mcus(struct thinning *t)
{
    for (int64_t i = 0; i < t->mcus; i++) {
        if (t->interval > 0 && i > 0 && i % t->interval == 0 &&
            pass_restart(t, i / t->interval - 1)) {
            return -1;
        }
        if (fill_for_mcu(&t->in)) {
            return 0;
        }
        if (t->out.cap - t->out.n < ROOM || thin_mcu(t)) {
            return -1;
        }
    }
    return 1;
}

static int thin_scan(struct thinning *t)
{
    int all = thin_mcus(t);

    if (t->top) {
        align(&t->out);
        return all;
    }
    /* A marker may stand right behind the last chunk. */
    if (!t->in.ended) {
        fill(&t->in);
    }
    align(&t->out);
    return all == 1 && at_marker(t) ? 0 : -1;
}

/* --- the scan --- */

static int is_plain(const struct jpeg_decompress_struct *j)
{
    int mean = 0; /* is all that is wanted of a component */

    for (int c = 0; c < j->comps_in_scan; c++) {
        const jpeg_component_info *info = j->cur_comp_info[c];

        if (info->dc_tbl_no >= NUM_HUFF_TBLS ||
            info->ac_tbl_no >= NUM_HUFF_TBLS) {
            return 0;
        }
        mean |= info->DCT_scaled_size == 1;
    }
    return mean && !j->progressive_mode && !j->arith_code && j->Ss == 0 &&
           j->Se == LAST && j->comps_in_scan == j->num_components;
}

/* The blocks of an MCU in their order, and how many MCUs there are. 0: the
 * library would not take so many. */
static int plan_blocks(struct thinning *t,
                       const struct jpeg_decompress_struct *j, int32_t rows)
{
    int alone = j->comps_in_scan == 1;
    int64_t w = 8 * (int64_t)j->max_h_samp_factor;
    int64_t h = 8 * (int64_t)j->max_v_samp_factor;

    for (int c = 0; c < j->comps_in_scan; c++) {
        const jpeg_component_info *info = j->cur_comp_info[c];
        int n = alone ? 1 : info->h_samp_factor * info->v_samp_factor;
        struct block b = { &t->dc[info->dc_tbl_no], &t->ac[info->ac_tbl_no],
                           info->DCT_scaled_size == 1 };

        if (n > MOST_BLOCKS - t->n_blocks) {
            return 0;
        }
        while (n-- > 0) {
            t->block[t->n_blocks++] = b;
        }
    }
    /* With a margin: the library gives rows only once it has looked beyond. */
    int64_t all = alone ? j->comp_info[0].height_in_blocks
                        : (j->image_height + h - 1) / h;
    int64_t most = alone ? rows + 2 * (h / 8) : rows / (h / 8) + 3;

    t->top = rows > 0;
    t->mcus = (alone ? j->comp_info[0].width_in_blocks
                     : (j->image_width + w - 1) / w) *
              (t->top && most < all ? most : all);
    t->interval = j->restart_interval;
    return 1;
}

/* -1: a table that the scan needs is none, or has no "end of block". */
static int build_tables(struct thinning *t,
                        const struct jpeg_decompress_struct *j)
{
    for (int c = 0; c < j->comps_in_scan; c++) {
        int dc = j->cur_comp_info[c]->dc_tbl_no;
        int ac = j->cur_comp_info[c]->ac_tbl_no;

        if ((!t->dc[dc].built &&
             nn_jpeg_build_codes(&t->dc[dc], j->dc_huff_tbl_ptrs[dc], 0)) ||
            (!t->ac[ac].built &&
             nn_jpeg_build_codes(&t->ac[ac], j->ac_huff_tbl_ptrs[ac], 1)) ||
            t->ac[ac].end_length == 0) {
            return -1;
        }
    }
    return 0;
}

/* The rest of the file, which begins with a marker, behind the thinned data.
 * 0: there is no room, so that thinning gained nothing. */
static int add_rest(struct thinning *t)
{
    size_t rest = (size_t)(t->in.end - t->in.p);

    if (t->out.cap - t->out.n < rest) {
        return 0;
    }
    memcpy(t->out.bytes + t->out.n, t->in.p, rest);
    t->out.n += rest;
    return 1;
}

static enum nn_status thin(struct thinning *t,
                           const struct jpeg_decompress_struct *j, int32_t rows,
                           struct nn_jpeg_thin *out)
{
    size_t size = j->src->bytes_in_buffer;

    if (!plan_blocks(t, j, rows) ||
        (double)size * 8 < FEWEST_BITS * (double)t->mcus * t->n_blocks ||
        build_tables(t, j)) {
        return NN_OK;
    }
    t->in = (struct input){ .p = j->src->next_input_byte,
                            .end = j->src->next_input_byte + size,
                            .data = t->data };
    t->out.cap = size + ROOM;
    t->out.bytes = nn_mem_realloc(NULL, t->out.cap, 1);
    if (!t->out.bytes) {
        return NN_ERR_NOMEM;
    }
    if (thin_scan(t) < 0 || (!t->top && !add_rest(t))) {
        nn_mem_free(t->out.bytes);
        return NN_OK;
    }
    *out = (struct nn_jpeg_thin){ t->out.bytes, t->out.n };
    return NN_OK;
}

enum nn_status nn_jpeg_thin(struct jpeg_decompress_struct *j, int32_t rows,
                            struct nn_jpeg_thin *out)
{
    *out = (struct nn_jpeg_thin){ 0 };
    if (!is_plain(j)) {
        return NN_OK;
    }
    struct thinning *t = nn_mem_calloc(1, sizeof(*t));
    enum nn_status st = t ? thin(t, j, rows, out) : NN_ERR_NOMEM;

    nn_mem_free(t);
    if (out->bytes) {
        j->src->next_input_byte = out->bytes;
        j->src->bytes_in_buffer = out->size;
    }
    return st;
}
