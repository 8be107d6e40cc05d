#include "common/image/image_jpeg_pass.h"

#include "common/base/cpu.h"
#include "common/base/mem.h"

enum {
    LAST = 63,   /* the last coefficient of a block */
    ROOM = 8192, /* bytes: more than an MCU takes */
    LOOKS = 3,   /* without a refill: three entries have at most 54 bits */
    BURST = 128, /* blocks between two checks for room */
    SLACK = BURST + 2 * NN_JPEG_BLOCKS,
    MOST_ENDS = 1 << 14, /* found before the bits are put */
    AHEAD = 16,          /* bytes behind the data that a walk may read */
    APART = 1 << 16,     /* bits from which on a second walk pays */
    STRIDE = 1 << 11,    /* bits between two comparisons of the walks */
    NEVER = 1 << 30      /* behind all data */
};

/* Where a walk over the codes is. */
struct walk {
    uint64_t w; /* the data from pos on, up to bit `to` (behind that either 0 or
                   the data), at the top */
    uint32_t pos;          /* bits of the data held */
    uint32_t to;           /* a multiple of 8; NEVER: a code was none */
    uint32_t k;            /* the next coefficient; 0: DC */
    const uint16_t *codes; /* of the next bits */
    uint32_t *ends, *full; /* n ends from an MCU's first on, and where there is
                              no room for a burst */
    size_t n;
};

struct pass {
    const struct nn_jpeg_plan *plan;
    int64_t mcus;
    struct walk at;
    /* What is looked up next in a block, and in the one behind it. */
    const uint16_t *next[SLACK][2];
    /* Two lists of where blocks end, as bits of the data held. */
    uint32_t ends[2][MOST_ENDS + SLACK];
    struct nn_jpeg_output out;
    struct nn_jpeg_data *to;
    struct nn_jpeg_input in;
};

/* --- where blocks end --- */

static void move_walk(const struct pass *s, struct walk *w, uint32_t pos)
{
    w->w = nn_jpeg_peek(s->in.data, pos);
    w->pos = pos;
    w->to = pos / 8 * 8 + 56;
}

/* At the beginning of an MCU. */
static struct walk walk_from(struct pass *s, uint32_t pos, int list)
{
    struct walk w = { .codes = s->plan->block[0].first,
                      .ends = s->ends[list],
                      .full = s->ends[list] + MOST_ENDS };

    move_walk(s, &w, pos);
    return w;
}

/* One code alone: codes behind the last coefficient of a block are the next
 * one's. */
static void one_code(const struct pass *s, struct walk *w)
{
    const struct nn_jpeg_block *b =
        &s->plan->block[w->n % (size_t)s->plan->n_blocks];
    const struct nn_jpeg_codes *t = w->k ? b->ac : b->dc;
    uint64_t bits = nn_jpeg_peek(s->in.data, w->pos);
    uint16_t e = t->one[bits >> (64 - NN_JPEG_WINDOW)];

    if (e == 0 && !nn_jpeg_find_code(t, (uint32_t)(bits >> 48), &e)) {
        w->to = NEVER;
        return;
    }
    move_walk(s, w, w->pos + (e & NN_JPEG_BITS));
    w->k += nn_jpeg_passed(e);
    w->codes = s->next[w->n][0];
    if (e & NN_JPEG_END || w->k > LAST) {
        w->codes = s->next[w->n][1];
        w->ends[w->n++] = w->pos;
        w->k = 0;
    }
}

NN_INLINE void refill(const struct pass *s, struct walk *w)
{
    w->w |= nn_jpeg_load(s->in.data + w->to / 8) >> (w->to - w->pos);
    w->to += (63 - (w->to - w->pos)) & ~7U;
}

/* Pass over the codes of one entry. 1: nothing was done, one_code() has to.
 *
 * After how many entries a block ends cannot be foreseen, and a branch taken
 * wrongly costs as much as two of them: what is noted and looked up next is
 * chosen without one. */
NN_INLINE int look(const struct pass *s, struct walk *w)
{
    uint32_t e = w->codes[w->w >> (64 - NN_JPEG_WINDOW)];
    uint32_t k = w->k + (e >> NN_JPEG_PASSED);

    /* k is more than LAST, whether the block ends (bit 7) or not. */
    if (k & NN_JPEG_MOST) {
        return 1;
    }
    w->w <<= e & NN_JPEG_BITS;
    w->pos += e & NN_JPEG_BITS;
    w->ends[w->n] = w->pos;
    w->codes = s->next[w->n][e / NN_JPEG_END];
    w->k = k & (e / NN_JPEG_END - 1);
    w->n += e / NN_JPEG_END;
    return 0;
}

/* Between bursts. 0: the walk is at an end. */
static inline int settle(const struct pass *s, struct walk *w, uint32_t limit)
{
    if (w->n >= BURST) {
        size_t whole = w->n - w->n % (size_t)s->plan->n_blocks;

        w->ends += whole;
        w->n -= whole;
    }
    return w->to <= limit && w->ends < w->full;
}

static void walk_one(const struct pass *s, struct walk *to, uint32_t limit)
{
    while (settle(s, to, limit)) {
        struct walk w = *to;
        int stop = 0;

        while (!stop && w.to <= limit && w.n < BURST) {
            refill(s, &w);
            for (int i = 0; i < LOOKS && !stop; i++) {
                stop = look(s, &w);
            }
        }
        *to = w;
        if (stop) {
            one_code(s, to);
        }
    }
}

/* A look-up waits for the one before it, but not for the other walk's. */
static void walk_both(const struct pass *s, struct walk *to, uint32_t limit,
                      struct walk *to2, uint32_t limit2)
{
    while (settle(s, to, limit) & settle(s, to2, limit2)) {
        struct walk a = *to, b = *to2;
        int stop = 0, stop2 = 0;

        while (!(stop | stop2) && a.to <= limit && a.n < BURST &&
               b.to <= limit2 && b.n < BURST) {
            refill(s, &a);
            refill(s, &b);
            for (int i = 0; i < LOOKS && !(stop | stop2); i++) {
                stop = look(s, &a);
                stop2 = look(s, &b);
            }
        }
        *to = a;
        *to2 = b;
        if (stop) {
            one_code(s, to);
        }
        if (stop2) {
            one_code(s, to2);
        }
    }
}

/* Ends in a list up to the walk. */
static size_t n_ends(const struct pass *s, const struct walk *w, int list)
{
    return (size_t)(w->ends - s->ends[list]) + w->n;
}

/* Where MCUs begin in the one list and in the other, as numbers of ends. */
struct meeting {
    size_t a, b;
};

/* Whether an MCU begins at the same bit for both walks: from there on they are
 * the same. first: where b begins. */
static int meet(const struct pass *s, const struct walk *a,
                const struct walk *b, uint32_t first, struct meeting *m)
{
    size_t n = n_ends(s, a, 0), n2 = n_ends(s, b, 1);
    size_t step = (size_t)s->plan->n_blocks;

    while (m->a <= n && m->b <= n2) {
        uint32_t pa = m->a ? s->ends[0][m->a - 1] : (uint32_t)s->in.pos;
        uint32_t pb = m->b ? s->ends[1][m->b - 1] : first;

        if (pa == pb) {
            return 1;
        }
        m->a += pa < pb ? step : 0;
        m->b += pb < pa ? step : 0;
    }
    return 0;
}

/* A second walk begins in the middle of the data as if an MCU began there.
 * Huffman codes come into step by themselves: after a few blocks it finds the
 * true ends, and after a few MCUs it most often has their order right too. What
 * it found before the first walk meets it is dropped. 0: they do not meet; then
 * s->at is the first walk, else the second. */
static int walk_apart(struct pass *s, uint32_t limit, struct meeting *m)
{
    uint32_t middle = (s->at.pos + limit) / 16 * 8, first = middle;
    struct walk a = s->at, b = walk_from(s, middle, 1);

    while (walk_both(s, &a, middle, &b, limit),
           b.to == NEVER && first < limit) {
        first = b.pos / 8 * 8 + 8;
        b = walk_from(s, first, 1);
    }
    *m = (struct meeting){ 0 };
    walk_one(s, &b, limit);
    while (!meet(s, &a, &b, first, m)) {
        if (a.to > limit || a.ends >= a.full) {
            s->at = a;
            return 0;
        }
        walk_one(s, &a, a.to + STRIDE < limit ? a.to + STRIDE : limit);
    }
    s->at = b;
    return 1;
}

/* --- what is passed on --- */

/* A walk came through the block, so that its codes are there. */
NN_INLINE void put_block(struct nn_jpeg_output *out, const uint8_t *data,
                         const struct nn_jpeg_block *b, size_t from, size_t end)
{
    if (!b->thin) {
        nn_jpeg_copy_bits(out, data, from, end);
        return;
    }
    uint64_t w = nn_jpeg_peek(data, from);
    uint16_t e = b->dc->one[w >> (64 - NN_JPEG_WINDOW)];

    if (e == 0) {
        nn_jpeg_find_code(b->dc, (uint32_t)(w >> 48), &e);
    }
    uint32_t n = e & NN_JPEG_BITS;

    nn_jpeg_put(out, w >> (64 - n) << b->ac->end_length | b->ac->end_code,
                n + b->ac->end_length);
}

enum state {
    RUNS,
    DONE,     /* all MCUs that were asked for */
    INTERVAL, /* all of a restart interval */
    CUT,
    FAILED
};

static enum state after_mcu(struct pass *s)
{
    int64_t every = s->plan->interval;

    s->mcus++;
    if (s->mcus == s->plan->mcus) {
        return DONE;
    }
    return every > 0 && s->mcus % every == 0 ? INTERVAL : RUNS;
}

/* No MCU is sure to be whole any more. */
static int is_cut(const struct nn_jpeg_input *in)
{
    return in->cut && in->n * 8 < in->pos + NN_JPEG_MCU_BITS;
}

/* Put the MCUs of which all of n ends are known. */
static enum state put_mcus(struct pass *s, const uint32_t *ends, size_t n)
{
    size_t step = (size_t)s->plan->n_blocks;
    struct nn_jpeg_input *in = &s->in;
    struct nn_jpeg_output out = s->out;
    enum state st = RUNS;

    for (; st == RUNS && n >= step; n -= step, ends += step) {
        if (is_cut(in)) {
            st = CUT;
            break;
        }
        if (ends[step - 1] > in->n * 8 || out.cap - out.n < ROOM) {
            return FAILED;
        }
        size_t from = in->pos;

        for (size_t i = 0; i < step; from = ends[i++]) {
            put_block(&out, in->data, &s->plan->block[i], from, ends[i]);
        }
        in->pos = from;
        st = after_mcu(s);
    }
    s->out = out;
    return st;
}

/* --- the scan --- */

/* The data of one interval are used up, to the last byte. */
static int at_marker(const struct nn_jpeg_input *in)
{
    return in->ended && (in->pos + 7) / 8 == in->n;
}

static void enter_interval(struct pass *s)
{
    nn_jpeg_fill(&s->in);
    s->at = walk_from(s, 0, 0);
}

/* The marker behind a restart interval, after s->mcus MCUs. */
static enum state pass_restart(struct pass *s)
{
    uint8_t code = (uint8_t)(0xD0 + (s->mcus / s->plan->interval - 1) % 8);

    if (!at_marker(&s->in) || s->in.p[1] != code ||
        nn_jpeg_stuff(s->to, &s->out) || s->to->cap - s->to->n < 2) {
        return FAILED;
    }
    s->to->bytes[s->to->n++] = 0xFF;
    s->to->bytes[s->to->n++] = code;
    s->in.p += 2;
    s->in.n = s->in.pos = 0;
    s->in.ended = 0;
    enter_interval(s);
    return RUNS;
}

/* Behind what was put. Both the walk and the ends that are left move with the
 * data; what the walk read of the zeros behind them is read anew. */
static enum state more_data(struct pass *s)
{
    uint32_t from = (uint32_t)(s->in.pos & ~(size_t)7);

    if (is_cut(&s->in)) {
        return CUT;
    }
    if (s->at.to == NEVER || s->in.ended || s->in.cut) {
        return FAILED;
    }
    nn_jpeg_fill(&s->in);
    move_walk(s, &s->at, s->at.pos - from);
    for (size_t i = 0; i < s->at.n; i++) {
        s->ends[0][i] -= from;
    }
    return RUNS;
}

/* Up to which bit a walk may read ahead: no zero behind the data may be taken
 * for one of theirs while there are more. */
static uint32_t walk_limit(const struct nn_jpeg_input *in)
{
    uint32_t bits = (uint32_t)in->n * 8;

    return in->ended || in->cut ? bits + AHEAD * 8 : bits > 64 ? bits - 64 : 0;
}

/* Find MCUs in the data that are held, and put them. */
static enum state pass_held(struct pass *s, uint32_t limit)
{
    int64_t left = (s->plan->mcus - s->mcus) * s->plan->n_blocks;
    struct meeting m;
    enum state st;
    size_t n, rest;

    if (left < s->at.full - s->at.ends) {
        s->at.full = s->at.ends + left;
    }
    if (!s->plan->top && limit > s->at.pos + APART &&
        walk_apart(s, limit, &m)) {
        n = n_ends(s, &s->at, 1);
        st = put_mcus(s, s->ends[0], m.a);
        if (st == RUNS) {
            st = put_mcus(s, s->ends[1] + m.b, n - m.b);
        }
        rest = (n - m.b) % (size_t)s->plan->n_blocks;
        memcpy(s->ends[0], s->ends[1] + n - rest, rest * sizeof(**s->ends));
    } else {
        walk_one(s, &s->at, limit);
        n = n_ends(s, &s->at, 0);
        st = put_mcus(s, s->ends[0], n);
        rest = n % (size_t)s->plan->n_blocks;
        memmove(s->ends[0], s->ends[0] + n - rest, rest * sizeof(**s->ends));
    }
    s->at.ends = s->ends[0];
    s->at.full = s->ends[0] + MOST_ENDS;
    s->at.n = rest;
    return st;
}

static enum state pass(struct pass *s)
{
    enum state st = RUNS;

    enter_interval(s);
    while (st == RUNS) {
        uint32_t limit = walk_limit(&s->in);

        st = pass_held(s, limit);
        if (st == INTERVAL) {
            st = pass_restart(s);
        } else if (st == RUNS && s->at.to > limit) {
            st = more_data(s);
        }
    }
    return st;
}

static int end_pass(struct pass *s, enum state st)
{
    int top = s->plan->top;

    if (st != DONE && !(top && st == CUT)) {
        return -1;
    }
    /* A marker may stand right behind the last chunk. */
    if (!top && !s->in.ended) {
        nn_jpeg_fill(&s->in);
    }
    if (nn_jpeg_stuff(s->to, &s->out) || (!top && !at_marker(&s->in))) {
        return -1;
    }
    return st == DONE;
}

enum nn_status nn_jpeg_pass(const struct nn_jpeg_plan *plan, const uint8_t *p,
                            const uint8_t *end, struct nn_jpeg_data *to,
                            const uint8_t **rest, int *all)
{
    size_t room = (size_t)(end - p) + 2 * ROOM;
    struct pass *s = nn_mem_calloc(1, sizeof(*s));
    uint8_t *scratch = nn_mem_realloc(NULL, room, 1);

    if (!s || !scratch) {
        nn_mem_free(scratch);
        nn_mem_free(s);
        return NN_ERR_NOMEM;
    }
    s->plan = plan;
    for (int i = 0; i < SLACK; i++) {
        s->next[i][0] = plan->block[i % plan->n_blocks].ac->many;
        s->next[i][1] = plan->block[(i + 1) % plan->n_blocks].first;
    }
    s->to = to;
    s->in.p = p;
    s->in.end = end;
    s->out.bytes = scratch;
    s->out.cap = room;
    *all = end_pass(s, pass(s));
    *rest = s->in.p;
    nn_mem_free(scratch);
    nn_mem_free(s);
    return NN_OK;
}
