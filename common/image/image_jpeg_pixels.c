/* The pixels of a JPEG, as whole as they are.
 *
 * Through libjpeg's own interface and not TurboJPEG's, which says only that
 * there was a warning: here each warning is looked at, with the row where it
 * came up, so that a photo that lacks its last bytes or a stripe is read with
 * a note, and one that lacks most of itself is an error. The pixels are those
 * that TurboJPEG gives: accurate DCT, smooth chroma upsampling. */
#include "common/image/image_internal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "common/base/mem.h"
#include "common/image/image_jpeg_thin.h"

enum { MARK_EOI = 0xD9, MARK_SOS = 0xDA };

/* --- scans --- */

struct scans {
    int32_t n;
    int complete; /* the end marker is there */
    int detailed; /* progressive: before the last scan came one that brought
                     detail of the luma */
};

/* Offset behind the next marker with a segment or the end marker; 0: none. */
static size_t next_segment(const uint8_t *b, size_t size, size_t pos, int *code)
{
    while (pos + 1 < size) {
        const uint8_t *p = memchr(b + pos, 0xFF, size - pos);

        if (!p || p + 1 >= b + size) {
            return 0;
        }
        pos = (size_t)(p - b) + 1;
        if ((*p == 0xFF && b[pos] >= 0xC0 && b[pos] < 0xD0) ||
            (b[pos] >= MARK_EOI && b[pos] != 0xFF)) {
            *code = b[pos];
            return pos + 1;
        }
    }
    return 0;
}

/* Every scan costs a pass over all coefficients, so that a small file could
 * keep us busy for hours. */
static struct scans look_at_scans(const uint8_t *b, size_t size,
                                  const struct nn_image_header *head)
{
    struct scans s = { 0 };
    size_t pos = head->body;
    int code = 0, detail = 0;

    while ((pos = next_segment(b, size, pos, &code)) != 0) {
        size_t n = size - pos >= 2 ? nn_be16(b + pos) : 0;

        if (code == MARK_EOI) {
            s.complete = 1;
            break;
        }
        if (code == MARK_SOS) {
            size_t k = n > 6 && n <= size - pos ? b[pos + 2] : 0;

            s.n++;
            s.detailed |= detail;
            /* one component, its id, and the first coefficient */
            detail = k == 1 && n >= 8 && b[pos + 3] == head->luma_id &&
                     b[pos + 5] > 0;
        }
        if (n < 2 || n > size - pos) {
            break;
        }
        pos += n;
    }
    s.detailed |= detail && s.complete;
    return s;
}

/* --- what the library complains of --- */

struct reading {
    struct jpeg_error_mgr manager;
    struct jpeg_decompress_struct jpeg;
    jmp_buf failed;
    struct nn_jpeg_thin thin;
    uint8_t *row;         /* CMYK: one row */
    const uint8_t *bytes; /* the file */
    size_t size;
    int complete; /* the end marker is there */
    int out_of_memory, fatal, hopeless;
    int damaged;                   /* entropy data that make no sense */
    double lost;                   /* rows of the luma, as a share of all */
    int64_t interval, in_interval; /* counted last, and blocks of it */
    char text[JMSG_LENGTH_MAX];
};

static void on_error(j_common_ptr c)
{
    struct reading *r = (struct reading *)(void *)c->err;

    r->out_of_memory = c->err->msg_code == JERR_OUT_OF_MEMORY ||
                       c->err->msg_code == JERR_NO_BACKING_STORE;
    r->fatal = 1;
    c->err->format_message(c, r->text);
    longjmp(r->failed, 1);
}

/* Bytes that nobody wanted before a marker: entropy data that lost step leave
 * some over, but so does padding before the end, and a tail that a maker put
 * where the end marker should be. They end two bytes before where the library
 * stands. */
static int is_padding(const struct reading *r, size_t n, int marker)
{
    const uint8_t *end = r->jpeg.src->next_input_byte - 2;

    if (marker != MARK_EOI) {
        return 0;
    }
    if (!r->complete) {
        return 1;
    }
    for (const uint8_t *p = end - n; p < end; p++) {
        if (*p != 0 && *p != 0xFF) {
            return 0;
        }
    }
    return 1;
}

/* The scan that holds the luma's coarse values: what is lost in any other
 * costs detail or colour. */
static int is_main_scan(const struct jpeg_decompress_struct *j)
{
    return j->Ss == 0 && j->Ah == 0 && j->comps_in_scan >= 1 &&
           j->cur_comp_info[0] != NULL &&
           j->cur_comp_info[0]->component_index == 0;
}

/* Data of the present interval are lost, or all that follow. */
static void lose(struct reading *r)
{
    const struct jpeg_decompress_struct *j = &r->jpeg;
    double rows = j->total_iMCU_rows, at = j->input_iMCU_row;

    if (!is_main_scan(j) || rows < 1 || at >= rows || j->MCUs_per_row < 1) {
        r->damaged = 1;
        return;
    }
    if (j->restart_interval == 0) {
        double rest = (rows - at) / rows;

        r->lost = rest > r->lost ? rest : r->lost;
    } else {
        /* Intervals that share a row of blocks cost no more than the row. */
        int64_t per_row = j->MCUs_per_row, most;
        int64_t spans = (j->restart_interval + per_row - 1) / per_row;
        int64_t here = (int64_t)j->input_iMCU_row / spans;

        if (here != r->interval) {
            r->interval = here;
            r->in_interval = 0;
        }
        most = spans * per_row - r->in_interval;
        most = j->restart_interval < most ? j->restart_interval : most;
        r->in_interval += most;
        r->lost += (double)most / (rows * (double)per_row);
    }
    r->hopeless = r->lost > 1 - NN_IMAGE_LEAST_SHARE;
}

static void on_message(j_common_ptr c, int level)
{
    struct reading *r = (struct reading *)(void *)c->err;

    if (level >= 0) {
        return;
    }
    switch (c->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_MUST_RESYNC:
        lose(r);
        break;
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
        r->damaged = 1;
        if (r->jpeg.restart_interval > 0) {
            lose(r);
        }
        break;
    case JWRN_EXTRANEOUS_DATA:
        r->damaged |= r->jpeg.input_scan_number > 0 &&
                      !is_padding(r, (size_t)c->err->msg_parm.i[0],
                                  c->err->msg_parm.i[1]);
        break;
    default: /* odd headers and orders, which leave an image worth having */
        break;
    }
    if (r->hopeless) {
        longjmp(r->failed, 1);
    }
}

/* --- pixels --- */

/* Black is in the fourth channel; with an Adobe marker 255 means no ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, int32_t n, int inverted,
                        uint8_t *rgb)
{
    uint32_t flip = inverted ? 0 : 255;

    for (int32_t i = 0; i < n; i++, cmyk += 4) {
        uint32_t k = cmyk[3] ^ flip;

        for (size_t c = 0; c < 3; c++) {
            uint32_t v = (cmyk[c] ^ flip) * k;

            *rgb++ = (uint8_t)((v + 127) / 255);
        }
    }
}

static void set_up(struct reading *r, const struct nn_image_header *head,
                   int32_t div)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    const struct nn_image_info *info = &head->info;

    jpeg_mem_src(j, r->bytes, (unsigned long)r->size);
    jpeg_read_header(j, TRUE);
    /* The library must see the header as we did: our buffer is sized by it. */
    if (j->image_width != (JDIMENSION)info->w ||
        j->image_height != (JDIMENSION)info->h ||
        j->num_components != info->channels) {
        snprintf(r->text, sizeof(r->text), "two headers");
        r->fatal = 1;
        longjmp(r->failed, 1);
    }
    j->out_color_space = info->channels == 4 ? JCS_CMYK : JCS_EXT_RGB;
    j->dct_method = JDCT_ISLOW;
    j->scale_num = 1;
    j->scale_denom = (unsigned)div;
    jpeg_calc_output_dimensions(j);
    if (r->complete && nn_jpeg_thin(j, 0, &r->thin)) {
        ERREXIT1(j, JERR_OUT_OF_MEMORY, 0);
    }
    jpeg_start_decompress(j);
}

/* 0, or -1 where the library gave up. Nothing here changes after setjmp() but
 * r and the pixels. */
static int read_rows(struct reading *r, const struct nn_image_header *head,
                     int32_t div, struct nn_image *img)
{
    struct jpeg_decompress_struct *j = &r->jpeg;

    if (setjmp(r->failed)) {
        return -1;
    }
    jpeg_create_decompress(j);
    set_up(r, head, div);
    if (j->output_width != (JDIMENSION)img->w ||
        j->output_height != (JDIMENSION)img->h) {
        ERREXIT(j, JERR_BAD_LENGTH);
    }
    while (j->output_scanline < j->output_height) {
        uint8_t *rgb =
            img->rgb + (size_t)j->output_scanline * (size_t)img->w * 3;
        JSAMPROW row = r->row ? r->row : rgb;

        jpeg_read_scanlines(j, &row, 1);
        if (r->row) {
            cmyk_to_rgb(r->row, img->w, head->inverted, rgb);
        }
    }
    jpeg_finish_decompress(j);
    return 0;
}

static enum nn_status fail_reading(const struct reading *r,
                                   const struct scans *s, double share,
                                   struct nn_error *err)
{
    if (r->out_of_memory) {
        return nn_fail_nomem(err);
    }
    if (!s->complete || !r->fatal) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "truncated JPEG data (%.0f %% of the rows are there)",
                       share * 100);
    }
    return nn_fail(err, NN_ERR_FORMAT, "damaged JPEG data (%s)", r->text);
}

/* Rows that were decoded before the library gave up, as a share; those that
 * were not become grey. */
static double keep_rows(const struct reading *r, struct nn_image *img)
{
    size_t stride = (size_t)img->w * 3;
    size_t rows = r->jpeg.output_scanline;

    rows = rows < (size_t)img->h ? rows : (size_t)img->h;
    memset(img->rgb + rows * stride, 128, ((size_t)img->h - rows) * stride);
    return (double)rows / img->h;
}

/* What the caller should know, or an error where too little is left. */
static enum nn_status judge(const struct reading *r, const struct scans *s,
                            int gave_up, struct nn_image_header *head,
                            struct nn_image *img, struct nn_error *err)
{
    double share = r->lost < 1 ? 1 - r->lost : 0;

    if (gave_up) {
        double rows = r->hopeless ? 0 : keep_rows(r, img);

        share = r->hopeless || share < rows ? share : rows;
    }
    if (share < NN_IMAGE_LEAST_SHARE || r->out_of_memory ||
        (!s->complete && head->progressive && !s->detailed)) {
        return fail_reading(r, s, share, err);
    }
    if (share < 1) {
        nn_image_note_share(&head->info,
                            s->complete ? "damaged JPEG" : "truncated JPEG",
                            share);
    } else if (!s->complete && head->progressive) {
        nn_image_note(&head->info,
                      "truncated JPEG: details are missing (%" PRId32
                      " scans decoded)",
                      s->n);
    } else if (r->damaged || gave_up) {
        nn_image_note(&head->info, "damaged JPEG: parts of it may be wrong");
    } else if (!s->complete) {
        nn_image_note(&head->info,
                      "the JPEG's end marker is missing, all rows are there");
    }
    return NN_OK;
}

static enum nn_status check_scans(const struct nn_image_options *opt,
                                  const struct scans *s, struct nn_error *err)
{
    if (s->n > opt->max_scans) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "JPEG with %" PRId32 " scans is over the limit of "
                       "%" PRId32,
                       s->n, opt->max_scans);
    }
    return NN_OK;
}

enum nn_status nn_jpeg_pixels(const uint8_t *bytes, size_t size,
                              const struct nn_image_options *opt,
                              struct nn_image_header *head,
                              struct nn_image *img, struct nn_error *err)
{
    struct nn_image_info *info = &head->info;
    int32_t div = nn_image_divisor(info, opt->min_side);
    struct scans s = look_at_scans(bytes, size, head);
    struct reading r = {
        .bytes = bytes, .size = size, .interval = -1, .complete = s.complete
    };
    enum nn_status st = check_scans(opt, &s, err);

    if (st) {
        return st;
    }
    if (nn_image_create(img, (info->w + div - 1) / div,
                        (info->h + div - 1) / div)) {
        return nn_fail_nomem(err);
    }
    if (info->channels == 4) {
        r.row = nn_mem_calloc((size_t)img->w, 4);
        if (!r.row) {
            return nn_fail_nomem(err);
        }
    }
    r.jpeg.err = jpeg_std_error(&r.manager);
    r.manager.error_exit = on_error;
    r.manager.emit_message = on_message;
    int gave_up = read_rows(&r, head, div, img) != 0;

    st = judge(&r, &s, gave_up, head, img, err);
    jpeg_destroy_decompress(&r.jpeg);
    nn_mem_free(r.thin.bytes);
    nn_mem_free(r.row);
    if (st == NN_OK && (int64_t)info->w * info->h > opt->max_pixels) {
        nn_image_note(info, "%" PRId32 " x %" PRId32 " pixels, decoded at 1/%d",
                      info->w, info->h, (int)div);
    }
    return st;
}

/* Halve while the shorter side stays large enough: the library has fast code
 * for powers of two only. */
int32_t nn_image_divisor(const struct nn_image_info *info, int32_t min_side)
{
    int32_t side = info->w < info->h ? info->w : info->h, div = 1;

    while (info->format == NN_IMAGE_JPEG && min_side > 0 && div < 8 &&
           (side + 2 * div - 1) / (2 * div) >= min_side) {
        div *= 2;
    }
    return div;
}
