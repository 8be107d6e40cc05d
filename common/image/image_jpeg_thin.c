#include "common/image/image_jpeg_thin.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/image/image_internal.h"

enum {
    WINDOW = 12, /* bits looked up at once */
    MAX_CODE = 16,
    LAST = 63,            /* the last coefficient of a block */
    MOST_BLOCKS = 10,     /* of an MCU */
    BLOCK_BITS = 64 * 31, /* the longest block: 64 codes, each with bits */
    CHUNK = 1 << 16,      /* bytes of data held without their stuffing */
    ROOM = 8192,          /* bytes: more than an MCU takes in a file */
    FEWEST_BITS = 24,     /* of a block in the mean: below that the library
                             is as fast */
    /* An entry: bits of the codes and of what follows them, above those the
       coefficients passed, and whether it ends with "end of block". */
    ENTRY_BITS = 63,
    ENTRY_PASSED = 6,
    ENTRY_MOST = 511, /* coefficients */
    ENTRY_END = 1 << 15,
    /* zeros behind the data: an MCU that runs over their end, and a word */
    PADDING = MOST_BLOCKS * BLOCK_BITS / 8 + 16
};

/* --- codes --- */

/* One Huffman table. An entry belongs to the next WINDOW bits. Where no whole
 * code stands there, it is 0 in `one` and passes more than a block in `many`.
 */
struct codes {
    uint16_t one[1 << WINDOW];    /* the first code */
    uint16_t many[1 << WINDOW];   /* as many as are whole */
    uint8_t length[1 << WINDOW];  /* of the first code */
    uint32_t limit[MAX_CODE + 1]; /* behind the last code of each length, as 16
                                     bits; 0: none of that length */
    int32_t index[MAX_CODE + 1];  /* of a symbol, less its code */
    uint8_t symbol[256];
    uint32_t end_code, end_length; /* "end of block"; length 0: there is none */
    int ac, built;
};

/* Bits of the code and of what follows it, and the coefficients it passes. */
static uint16_t entry_of(const struct codes *t, uint32_t symbol,
                         uint32_t length)
{
    uint32_t run = symbol >> 4, extra = symbol & 15;

    if (!t->ac) {
        return (uint16_t)(length + symbol);
    }
    if (extra == 0 && run != 15) {
        return (uint16_t)(length | ENTRY_END);
    }
    return (uint16_t)((length + extra) | (run + 1) << ENTRY_PASSED);
}

static inline uint32_t passed_by(uint32_t entry)
{
    return entry >> ENTRY_PASSED & ENTRY_MOST;
}

/* Length of the code that 16 bits begin with and its entry, or 0. */
static uint32_t find_code(const struct codes *t, uint32_t bits, uint16_t *entry)
{
    for (uint32_t n = 1; n <= MAX_CODE; n++) {
        if (bits < t->limit[n]) {
            int32_t at = t->index[n] + (int32_t)(bits >> (MAX_CODE - n));

            *entry = entry_of(t, t->symbol[at], n);
            return n;
        }
    }
    return 0;
}

/* 0, or -1 where the table is none. */
static int take_symbols(struct codes *t, const JHUFF_TBL *from)
{
    uint32_t code = 0;
    int32_t n = 0;

    for (uint32_t length = 1; length <= MAX_CODE; length++) {
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
        t->limit[length] = here ? code << (MAX_CODE - length) : 0;
        code <<= 1;
    }
    return 0;
}

/* As many whole codes as the window holds; behind the last may follow bits
 * that it does not. */
static uint16_t join_codes(const struct codes *t, uint32_t window)
{
    uint32_t bits = 0, passed = 0;

    while (bits < WINDOW) {
        uint32_t rest = window << bits & ((1U << WINDOW) - 1);
        uint32_t e = t->one[rest];

        if (e == 0 || t->length[rest] > WINDOW - bits) {
            break;
        }
        bits += e & ENTRY_BITS;
        passed += passed_by(e);
        if (e & ENTRY_END) {
            return (uint16_t)(bits | passed << ENTRY_PASSED | ENTRY_END);
        }
    }
    passed = bits ? passed : ENTRY_MOST;
    return (uint16_t)(bits | passed << ENTRY_PASSED);
}

static int build_codes(struct codes *t, const JHUFF_TBL *from, int ac)
{
    t->ac = ac;
    t->built = 1;
    if (!from || take_symbols(t, from)) {
        return -1;
    }
    for (uint32_t w = 0; w < 1U << WINDOW; w++) {
        uint16_t e = 0;
        uint32_t n = find_code(t, w << (MAX_CODE - WINDOW), &e);

        if (n > 0 && n <= WINDOW) {
            t->one[w] = e;
            t->length[w] = (uint8_t)n;
        }
    }
    for (uint32_t w = 0; ac && w < 1U << WINDOW; w++) {
        t->many[w] = join_codes(t, w);
    }
    return 0;
}

/* --- data without their stuffing --- */

struct input {
    const uint8_t *p, *end; /* of the file: what comes next */
    uint8_t *data;          /* CHUNK bytes, then PADDING */
    size_t n;               /* bytes in data */
    size_t pos;             /* bits read of them */
    int ended;              /* p stands at a marker */
};

/* Move what is not read yet to the front and fill up to the next marker.
 * -1: the file ends before one. */
static int fill(struct input *in)
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
        if (in->end - in->p < 2) {
            return -1;
        }
        if (!mark) {
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
    return 0;
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
static inline uint32_t next_code(const struct codes *t, struct reader *r)
{
    refill(r);
    uint16_t e = t->one[r->w >> (64 - WINDOW)];

    if (e == 0 && !find_code(t, (uint32_t)(r->w >> 48), &e)) {
        return 0;
    }
    consume(r, e & ENTRY_BITS);
    return e;
}

/* Pass over a block's AC codes. -1: one is none. */
static inline int pass_ac(const struct codes *t, struct reader *r)
{
    uint32_t k = 1;

    while (k <= LAST) {
        uint32_t e;

        refill(r);
        /* Bits for two entries, of at most WINDOW + 15. Codes behind the last
         * coefficient are the next block's. */
        for (int i = 0; i < 2; i++) {
            e = t->many[r->w >> (64 - WINDOW)];
            if (k + passed_by(e) > LAST) {
                e = next_code(t, r);
                k += passed_by(e);
                if (e == 0 || e & ENTRY_END) {
                    return e ? 0 : -1;
                }
                break;
            }
            consume(r, e & ENTRY_BITS);
            k += passed_by(e);
            if (e & ENTRY_END) {
                return 0;
            }
        }
    }
    return 0;
}

struct block {
    const struct codes *dc, *ac;
    int thin;
};

struct thinning {
    struct codes dc[NUM_HUFF_TBLS], ac[NUM_HUFF_TBLS];
    struct block block[MOST_BLOCKS]; /* of an MCU */
    int n_blocks;
    int64_t mcus;
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

static int thin_scan(struct thinning *t)
{
    struct input *in = &t->in;

    for (int64_t i = 0; i < t->mcus; i++) {
        if (t->interval > 0 && i > 0 && i % t->interval == 0 &&
            pass_restart(t, i / t->interval - 1)) {
            return -1;
        }
        if (!in->ended && in->n * 8 < in->pos + MOST_BLOCKS * BLOCK_BITS &&
            fill(in)) {
            return -1;
        }
        if (t->out.cap - t->out.n < ROOM || thin_mcu(t)) {
            return -1;
        }
    }
    /* A marker may stand right behind the last chunk. */
    if (!in->ended && fill(in)) {
        return -1;
    }
    align(&t->out);
    return at_marker(t) ? 0 : -1;
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
                       const struct jpeg_decompress_struct *j)
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
    t->mcus = alone ? (int64_t)j->comp_info[0].width_in_blocks *
                          j->comp_info[0].height_in_blocks
                    : ((j->image_width + w - 1) / w) *
                          ((j->image_height + h - 1) / h);
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
             build_codes(&t->dc[dc], j->dc_huff_tbl_ptrs[dc], 0)) ||
            (!t->ac[ac].built &&
             build_codes(&t->ac[ac], j->ac_huff_tbl_ptrs[ac], 1)) ||
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
                           const struct jpeg_decompress_struct *j,
                           struct nn_jpeg_thin *out)
{
    size_t size = j->src->bytes_in_buffer;

    if (!plan_blocks(t, j) ||
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
    if (thin_scan(t) || !add_rest(t)) {
        nn_mem_free(t->out.bytes);
        return NN_OK;
    }
    *out = (struct nn_jpeg_thin){ t->out.bytes, t->out.n };
    return NN_OK;
}

enum nn_status nn_jpeg_thin(const struct jpeg_decompress_struct *j,
                            struct nn_jpeg_thin *out)
{
    *out = (struct nn_jpeg_thin){ 0 };
    if (!is_plain(j)) {
        return NN_OK;
    }
    struct thinning *t = nn_mem_calloc(1, sizeof(*t));
    enum nn_status st = t ? thin(t, j, out) : NN_ERR_NOMEM;

    nn_mem_free(t);
    return st;
}
