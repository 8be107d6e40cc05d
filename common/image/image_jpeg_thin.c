#include "common/image/image_jpeg_thin.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/image/image_jpeg_pass.h"

enum {
    ROOM = 8192,     /* bytes more than the file has, for small ones */
    FEWEST_BITS = 24 /* of a block in the mean: below that the library
                        is as fast */
};

struct thinning {
    struct nn_jpeg_codes dc[NUM_HUFF_TBLS], ac[NUM_HUFF_TBLS];
    uint16_t first[NUM_HUFF_TBLS][NUM_HUFF_TBLS][1 << NN_JPEG_WINDOW];
    struct nn_jpeg_plan plan;
};

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
           j->Se == DCTSIZE2 - 1 && j->comps_in_scan == j->num_components;
}

/* The blocks of an MCU in their order, and how many MCUs there are. 0: the
 * library would not take so many. */
static int plan_blocks(struct thinning *t,
                       const struct jpeg_decompress_struct *j, int32_t rows)
{
    struct nn_jpeg_plan *to = &t->plan;
    int alone = j->comps_in_scan == 1;
    int64_t w = 8 * (int64_t)j->max_h_samp_factor;
    int64_t h = 8 * (int64_t)j->max_v_samp_factor;

    for (int c = 0; c < j->comps_in_scan; c++) {
        const jpeg_component_info *info = j->cur_comp_info[c];
        int n = alone ? 1 : info->h_samp_factor * info->v_samp_factor;
        struct nn_jpeg_block b = { &t->dc[info->dc_tbl_no],
                                   &t->ac[info->ac_tbl_no],
                                   t->first[info->dc_tbl_no][info->ac_tbl_no],
                                   info->DCT_scaled_size == 1 };

        if (n > NN_JPEG_BLOCKS - to->n_blocks) {
            return 0;
        }
        while (n-- > 0) {
            to->block[to->n_blocks++] = b;
        }
    }
    /* With a margin: the library gives rows only once it has looked beyond. */
    int64_t all = alone ? j->comp_info[0].height_in_blocks
                        : (j->image_height + h - 1) / h;
    int64_t most = alone ? rows + 2 * (h / 8) : rows / (h / 8) + 3;

    to->top = rows > 0;
    to->mcus = (alone ? j->comp_info[0].width_in_blocks
                      : (j->image_width + w - 1) / w) *
               (to->top && most < all ? most : all);
    to->interval = j->restart_interval;
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
        nn_jpeg_join_codes(&t->dc[dc], &t->ac[ac], t->first[dc][ac]);
    }
    return 0;
}

/* The rest of the file, which begins with a marker, behind the thinned data.
 * 0: there is no room, so that thinning gained nothing. */
static int add(struct nn_jpeg_data *to, const uint8_t *rest, size_t n)
{
    if (to->cap - to->n < n) {
        return 0;
    }
    memcpy(to->bytes + to->n, rest, n);
    to->n += n;
    return 1;
}

static enum nn_status thin(struct thinning *t,
                           const struct jpeg_decompress_struct *j, int32_t rows,
                           struct nn_jpeg_thin *out)
{
    const struct nn_jpeg_plan *plan = &t->plan;
    size_t size = j->src->bytes_in_buffer;
    const uint8_t *p = j->src->next_input_byte, *rest = p;
    int all = -1;

    if (!plan_blocks(t, j, rows) ||
        (double)size * 8 < FEWEST_BITS * (double)plan->mcus * plan->n_blocks ||
        build_tables(t, j)) {
        return NN_OK;
    }
    struct nn_jpeg_data to = { .cap = size + ROOM };

    to.bytes = nn_mem_realloc(NULL, to.cap, 1);
    enum nn_status st = to.bytes
                            ? nn_jpeg_pass(plan, p, p + size, &to, &rest, &all)
                            : NN_ERR_NOMEM;

    if (st || all < 0 ||
        (!plan->top && !add(&to, rest, size - (size_t)(rest - p)))) {
        nn_mem_free(to.bytes);
        return st;
    }
    *out = (struct nn_jpeg_thin){ to.bytes, to.n };
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
