#include "common/image/thumbnail.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>
#include <libexif/exif-data.h>

#include "common/base/mem.h"
#include "common/image/image_internal.h"
#include "common/image/image_jpeg_thin.h"

enum {
    AS_MANY = 16,      /* pixels of the photo for one of the thumbnail */
    EDIT_SECONDS = 60, /* the camera itself takes to write the file */
    STRIP_SHARE = 8,   /* of the photo's rows at most, 1 / that */
    TILES = 20,        /* across */
    TILE_ROWS = 4,     /* of the thumbnail, about */
    FEWEST_ROWS = 2,   /* of the thumbnail that the strip must cover */
    BLACK = 24,        /* mean of a row of a bar */
    DIFFER_MEAN = 8,
    DIFFER_MOST = 48,
};

/* --- what EXIF says --- */

static const ExifEntry *entry(const ExifData *d, ExifIfd ifd, int tag)
{
    return exif_content_get_entry(d->ifd[ifd], (ExifTag)tag);
}

/* A whole number; 0 where there is none. */
static int64_t number(const ExifData *d, ExifIfd ifd, int tag)
{
    const ExifEntry *e = entry(d, ifd, tag);
    ExifByteOrder order = exif_data_get_byte_order((ExifData *)(uintptr_t)d);

    if (e == NULL || e->components < 1) {
        return 0;
    }
    if (e->format == EXIF_FORMAT_SHORT && e->size >= 2) {
        return exif_get_short(e->data, order);
    }
    return e->format == EXIF_FORMAT_LONG && e->size >= 4
               ? (int64_t)exif_get_long(e->data, order)
               : 0;
}

static int clock_of(const ExifData *d, ExifIfd ifd, int tag, double *seconds)
{
    const ExifEntry *e = entry(d, ifd, tag);
    char text[20] = "";

    if (e == NULL || e->data == NULL || e->size < 19) {
        return 0;
    }
    memcpy(text, e->data, 19);
    return nn_shot_clock(text, seconds);
}

/* Each may be absent; what is there must agree. */
static int exif_agrees(const ExifData *d, const struct nn_image_info *info)
{
    int64_t w = number(d, EXIF_IFD_EXIF, 0xa002);
    int64_t h = number(d, EXIF_IFD_EXIF, 0xa003);
    int64_t turn = number(d, EXIF_IFD_1, EXIF_TAG_ORIENTATION);
    double taken, changed;

    if ((w != 0 && w != info->w) || (h != 0 && h != info->h) ||
        (turn != 0 && turn != info->orientation) ||
        entry(d, EXIF_IFD_0, 0x000b) != NULL) { /* ProcessingSoftware */
        return 0;
    }
    return !clock_of(d, EXIF_IFD_0, 0x0132, &changed) ||
           !clock_of(d, EXIF_IFD_EXIF, 0x9003, &taken) ||
           fabs(changed - taken) <= EDIT_SECONDS;
}

static int was_edited(const uint8_t *head, size_t n)
{
    static const char *const traces[] = { "Photoshop 3.0", "xmpMM:History" };

    for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++) {
        if (memmem(head, n, traces[i], strlen(traces[i])) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* The file ends with the end marker, or with zeros or fill bytes behind it. */
static int has_end(const uint8_t *b, size_t n)
{
    while (n >= 2 && (b[n - 1] == 0 || b[n - 1] == 0xFF)) {
        n--;
    }
    return n >= 2 && b[n - 2] == 0xFF && b[n - 1] == 0xD9;
}

/* --- the sides --- */

/* Pixels of the thumbnail that show the photo. */
struct part {
    int32_t x, y, w, h;
};

static double row_mean(const struct nn_image *t, size_t first, size_t step,
                       int32_t n)
{
    double sum = 0;

    for (int32_t i = 0; i < n; i++) {
        const uint8_t *p = t->rgb + 3 * (first + step * (size_t)i);

        sum += p[0] + p[1] + p[2];
    }
    return sum / (3.0 * n);
}

/* Rows (or columns) from..to-1 are black. */
static int is_black(const struct nn_image *t, int columns, int32_t from,
                    int32_t to)
{
    for (int32_t i = from; i < to; i++) {
        double mean = columns ? row_mean(t, (size_t)i, (size_t)t->w, t->h)
                              : row_mean(t, (size_t)i * (size_t)t->w, 1, t->w);

        if (mean > BLACK) {
            return 0;
        }
    }
    return 1;
}

/* Of `have` pixels in a row or column `want` show the photo: bars of equal
 * width on both sides. The row next to the photo may have some of it. */
static int cut_bars(const struct nn_image *t, int columns, int32_t have,
                    int32_t want, int32_t *at, int32_t *size)
{
    int32_t bar = (have - want) / 2, other = have - want - bar;

    if (want < 1 || bar < 1 || !is_black(t, columns, 0, bar - 1) ||
        !is_black(t, columns, have - other + 1, have)) {
        return 0;
    }
    *at = bar;
    *size = want;
    return 1;
}

static int32_t scaled(int32_t side, int32_t to, int32_t from)
{
    return (int32_t)(((int64_t)side * to + from / 2) / from);
}

/* 0: the sides of both do not agree. */
static int part_of(const struct nn_image *t, const struct nn_image_info *info,
                   struct part *p)
{
    int32_t high = scaled(t->w, info->h, info->w);
    int32_t wide = scaled(t->h, info->w, info->h);

    *p = (struct part){ 0, 0, t->w, t->h };
    if (abs(high - t->h) <= 1 || abs(wide - t->w) <= 1) {
        return 1;
    }
    return high < t->h ? cut_bars(t, 0, t->h, high, &p->y, &p->h)
                       : cut_bars(t, 1, t->w, wide, &p->x, &p->w);
}

static enum nn_status take_part(struct nn_image *t, const struct part *p)
{
    struct nn_image out;

    if (p->w == t->w && p->h == t->h) {
        return NN_OK;
    }
    if (nn_image_create(&out, p->w, p->h)) {
        return NN_ERR_NOMEM;
    }
    for (int32_t y = 0; y < p->h; y++) {
        memcpy(out.rgb + 3 * (size_t)y * (size_t)p->w,
               t->rgb + 3 * ((size_t)(y + p->y) * (size_t)t->w + (size_t)p->x),
               3 * (size_t)p->w);
    }
    nn_image_release(t);
    *t = out;
    return NN_OK;
}

/* --- the top of the photo --- */

struct strip {
    struct jpeg_error_mgr manager;
    struct jpeg_decompress_struct jpeg;
    jmp_buf stopped;
    struct nn_jpeg_thin thin;
    struct nn_image img; /* of all rows that were made room for */
    int no_memory;
};

static void on_error(j_common_ptr c)
{
    struct strip *s = (struct strip *)(void *)c->err;

    s->no_memory = c->err->msg_code == JERR_OUT_OF_MEMORY ||
                   c->err->msg_code == JERR_NO_BACKING_STORE;
    longjmp(s->stopped, 1);
}

/* The first that is odd is the end of what can be relied on. */
static void on_message(j_common_ptr c, int level)
{
    if (level < 0) {
        on_error(c);
    }
}

static void read_strip(struct strip *s, const uint8_t *head, size_t n,
                       int32_t rows)
{
    struct jpeg_decompress_struct *j = &s->jpeg;

    if (setjmp(s->stopped)) {
        return;
    }
    jpeg_create_decompress(j);
    jpeg_mem_src(j, head, (unsigned long)n);
    jpeg_read_header(j, TRUE);
    j->out_color_space = JCS_EXT_RGB;
    j->dct_method = JDCT_ISLOW;
    j->scale_num = 1;
    j->scale_denom = 8;
    jpeg_calc_output_dimensions(j);
    if (nn_jpeg_thin(j, rows, &s->thin)) {
        ERREXIT1(j, JERR_OUT_OF_MEMORY, 0);
    }
    jpeg_start_decompress(j);
    if (j->output_width != (JDIMENSION)s->img.w) {
        return;
    }
    while (j->output_scanline < (JDIMENSION)rows) {
        JSAMPROW row =
            s->img.rgb + 3 * (size_t)j->output_scanline * (size_t)s->img.w;

        jpeg_read_scanlines(j, &row, 1);
    }
}

/* The first rows at 1/8 into *img, as many as can be relied on (maybe none). */
static enum nn_status top_of(const uint8_t *head, size_t n,
                             const struct nn_image_info *info,
                             struct nn_image *img)
{
    int32_t rows = (info->h + 8 * STRIP_SHARE - 1) / (8 * STRIP_SHARE);
    struct strip s = { .no_memory = 0 };

    if (nn_image_create(&s.img, (info->w + 7) / 8, rows)) {
        return NN_ERR_NOMEM;
    }
    s.jpeg.err = jpeg_std_error(&s.manager);
    s.manager.error_exit = on_error;
    s.manager.emit_message = on_message;
    read_strip(&s, head, n, rows);
    s.img.h = (int32_t)s.jpeg.output_scanline;
    jpeg_destroy_decompress(&s.jpeg);
    nn_mem_free(s.thin.bytes);
    if (s.no_memory) {
        nn_image_release(&s.img);
        return NN_ERR_NOMEM;
    }
    *img = s.img;
    return NN_OK;
}

/* Mean colour of the pixels of a box, whose edges are rounded. */
static void mean_of(const struct nn_image *img, double x0, double x1, double y0,
                    double y1, double mean[3])
{
    int32_t left = (int32_t)lround(x0), right = (int32_t)lround(x1);
    int32_t top = (int32_t)lround(y0), bottom = (int32_t)lround(y1);
    double sum[3] = { 0, 0, 0 };

    right = right > left ? right : left + 1;
    bottom = bottom > top ? bottom : top + 1;
    for (int32_t y = top; y < bottom; y++) {
        for (int32_t x = left; x < right; x++) {
            const uint8_t *p =
                img->rgb + 3 * ((size_t)y * (size_t)img->w + (size_t)x);

            for (size_t c = 0; c < 3; c++) {
                sum[c] += p[c];
            }
        }
    }
    for (size_t c = 0; c < 3; c++) {
        mean[c] = sum[c] / ((double)(right - left) * (bottom - top));
    }
}

/* The photo's top beside the thumbnail's, tile by tile. */
static int looks_alike(const struct nn_image *top, const struct nn_image *t,
                       int32_t photo_rows)
{
    double rows = 8.0 * top->h * t->h / photo_rows, worst = 0, sum = 0;
    int32_t down = (int32_t)(rows / TILE_ROWS);

    if (rows < FEWEST_ROWS || t->w < TILES) {
        return 0;
    }
    down = down > 0 ? down : 1;
    for (int32_t i = 0; i < down; i++) {
        for (int32_t k = 0; k < TILES; k++) {
            double a[3], b[3], x0 = (double)k / TILES, x1 = (k + 1.0) / TILES;
            double y0 = (double)i / down, y1 = (i + 1.0) / down;

            mean_of(top, x0 * top->w, x1 * top->w, y0 * top->h, y1 * top->h, a);
            mean_of(t, x0 * t->w, x1 * t->w, y0 * rows, y1 * rows, b);
            for (size_t c = 0; c < 3; c++) {
                sum += fabs(a[c] - b[c]);
                worst = fmax(worst, fabs(a[c] - b[c]));
            }
        }
    }
    return worst <= DIFFER_MOST && sum <= 3.0 * TILES * down * DIFFER_MEAN;
}

/* --- all of it --- */

/* The thumbnail as it is stored, if it is a whole JPEG small enough; else
 * empty. */
static enum nn_status
decode(const ExifData *d, const struct nn_image_info *photo, struct nn_image *t)
{
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image_info info;
    enum nn_status st;

    *t = (struct nn_image)NN_IMAGE_INIT;
    if (d->data == NULL || nn_image_sniff(d->data, d->size) != NN_IMAGE_JPEG) {
        return NN_OK;
    }
    opt.keep_orientation = 1;
    opt.max_pixels = (int64_t)photo->w * photo->h / AS_MANY;
    st = nn_image_decode(d->data, d->size, &opt, t, &info, NULL);
    if (st == NN_ERR_NOMEM) {
        return st;
    }
    if (st == NN_OK &&
        (info.note[0] != '\0' || (int64_t)info.w * info.h > opt.max_pixels)) {
        nn_image_release(t);
    }
    return NN_OK;
}

static enum nn_status cut_and_compare(const uint8_t *head, size_t n,
                                      int32_t least,
                                      const struct nn_image_info *info,
                                      struct nn_image *t)
{
    struct nn_image top = NN_IMAGE_INIT;
    struct part p;
    enum nn_status st;
    int alike;

    if (!part_of(t, info, &p) || (p.w < p.h ? p.w : p.h) < least) {
        nn_image_release(t);
        return NN_OK;
    }
    st = take_part(t, &p);
    if (st) {
        return st;
    }
    st = top_of(head, n, info, &top);
    if (st) {
        return st;
    }
    alike = looks_alike(&top, t, info->h);
    nn_image_release(&top);
    if (!alike) {
        nn_image_release(t);
        return NN_OK;
    }
    return nn_image_orient(t, info->orientation);
}

/* exif: the block with its "Exif\0\0". */
static enum nn_status take(const uint8_t *exif, size_t n_exif,
                           const uint8_t *head, size_t n, int32_t least,
                           const struct nn_image_info *info, struct nn_image *t)
{
    ExifData *d = exif_data_new();
    enum nn_status st = NN_OK;

    if (d == NULL) {
        return NN_ERR_NOMEM;
    }
    exif_data_unset_option(d, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
    exif_data_unset_option(d, EXIF_DATA_OPTION_IGNORE_UNKNOWN_TAGS);
    exif_data_load_data(d, exif, (unsigned)n_exif);
    if (exif_agrees(d, info)) {
        st = decode(d, info, t);
    }
    exif_data_unref(d);
    return st == NN_OK && t->rgb != NULL
               ? cut_and_compare(head, n, least, info, t)
               : st;
}

enum nn_status nn_image_thumbnail(const uint8_t *head, size_t n_head,
                                  const uint8_t *tail, size_t n_tail,
                                  int32_t least, struct nn_image *img,
                                  struct nn_image_info *info)
{
    struct nn_image_header h = { .info = { .format = NN_IMAGE_JPEG,
                                           .orientation = 1 } };
    struct nn_error why;
    enum nn_status st;

    *img = (struct nn_image)NN_IMAGE_INIT;
    *info = (struct nn_image_info){ .format = NN_IMAGE_UNKNOWN };
    if (nn_image_sniff(head, n_head) != NN_IMAGE_JPEG) {
        return NN_OK;
    }
    st = nn_jpeg_header(head, n_head, &h, &why);
    if (st) {
        return st == NN_ERR_NOMEM ? st : NN_OK;
    }
    *info = h.info;
    if (h.exif == NULL || h.progressive || h.info.channels > 3 ||
        was_edited(head, h.body) ||
        !has_end(n_tail > 0 ? tail : head, n_tail > 0 ? n_tail : n_head)) {
        return NN_OK;
    }
    st = take(h.exif, h.n_exif, head, n_head, least, info, img);
    if (st) {
        nn_image_release(img);
    }
    return st;
}
