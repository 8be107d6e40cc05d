/* BMP: OS/2 and Windows headers, palettes, RLE, bit fields, either order of
 * the rows. A file that ends early is read like a JPEG that does. */
#include "common/image/image_internal.h"

#include <string.h>

#include "common/base/mem.h"

enum { FILE_HEAD = 14, CORE_HEAD = 12, INFO_HEAD = 40 };
enum { BI_RGB, BI_RLE8, BI_RLE4, BI_BITFIELDS, BI_ALPHABITFIELDS = 6 };

struct bmp {
    const uint8_t *b;
    size_t size;
    int32_t w, h;
    int top_down, bits;
    uint32_t compression;
    size_t pixels; /* offset of the rows */
    const uint8_t *palette;
    size_t colours, step; /* of the palette: entries, bytes of one */
    uint32_t mask[4];     /* red, green, blue, alpha */
    size_t decoded;       /* rows that are there, from the first stored one */
};

static enum nn_status fail_header(struct nn_error *err)
{
    return nn_fail(err, NN_ERR_FORMAT, "damaged BMP header");
}

static void read_masks(struct bmp *m, uint32_t head)
{
    static const uint32_t five[4] = { 0x7C00, 0x3E0, 0x1F, 0 };
    static const uint32_t eight[4] = { 0xFF0000, 0xFF00, 0xFF, 0 };
    int given =
        m->compression == BI_BITFIELDS || m->compression == BI_ALPHABITFIELDS;
    size_t n = head >= 56 || m->compression == BI_ALPHABITFIELDS ? 4 : 3;

    memcpy(m->mask, m->bits == 16 ? five : eight, sizeof(m->mask));
    for (size_t i = 0; given && i < n; i++) {
        size_t at = FILE_HEAD + INFO_HEAD + 4 * i;

        m->mask[i] = at + 4 <= m->size ? nn_le32(m->b + at) : 0;
    }
}

static void find_palette(struct bmp *m, uint32_t head, uint32_t stated)
{
    size_t at = FILE_HEAD + (size_t)head, most = (size_t)1 << m->bits;

    m->step = head == CORE_HEAD ? 3 : 4;
    if (head == INFO_HEAD && m->compression == BI_BITFIELDS) {
        at += 12;
    }
    m->colours = stated > 0 && stated < most ? stated : most;
    if (at >= m->size) {
        m->colours = 0;
    } else if (m->colours > (m->size - at) / m->step) {
        m->colours = (m->size - at) / m->step;
    }
    m->palette = m->b + (at < m->size ? at : 0);
}

static int fits(const struct bmp *m)
{
    switch (m->compression) {
    case BI_RGB:
        return m->bits == 1 || m->bits == 4 || m->bits == 8 || m->bits == 16 ||
               m->bits == 24 || m->bits == 32;
    case BI_RLE8:
        return m->bits == 8 && !m->top_down;
    case BI_RLE4:
        return m->bits == 4 && !m->top_down;
    case BI_BITFIELDS:
    case BI_ALPHABITFIELDS:
        return m->bits == 16 || m->bits == 32;
    default:
        return 0;
    }
}

static enum nn_status parse(const uint8_t *b, size_t size, struct bmp *m,
                            struct nn_error *err)
{
    *m = (struct bmp){ .b = b, .size = size };
    uint32_t head = size >= FILE_HEAD + 4 ? nn_le32(b + FILE_HEAD) : 0;

    if (head < CORE_HEAD || size < FILE_HEAD + (size_t)head ||
        (head > CORE_HEAD && head < 16)) {
        return nn_fail(err, NN_ERR_FORMAT, "truncated BMP header");
    }
    m->pixels = nn_le32(b + 10);
    if (head == CORE_HEAD) {
        m->w = (int32_t)nn_le16(b + 18);
        m->h = (int32_t)nn_le16(b + 20);
        m->bits = (int)nn_le16(b + 24);
    } else {
        int64_t h = (int32_t)nn_le32(b + 22);

        m->w = (int32_t)nn_le32(b + 18);
        m->top_down = h < 0;
        m->h = h < -INT32_MAX ? 0 : (int32_t)(h < 0 ? -h : h);
        m->bits = (int)nn_le16(b + 28);
        m->compression = head >= 20 ? nn_le32(b + 30) : 0;
    }
    if (m->w < 1 || m->h < 1) {
        return fail_header(err);
    }
    if (!fits(m)) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "BMP with %d bits and compression %u is not supported",
                       m->bits, (unsigned)m->compression);
    }
    if (m->bits <= 8) {
        find_palette(m, head, head >= INFO_HEAD ? nn_le32(b + 46) : 0);
    }
    read_masks(m, head);
    return NN_OK;
}

enum nn_status nn_bmp_header(const uint8_t *b, size_t size,
                             struct nn_image_header *head, struct nn_error *err)
{
    struct bmp m;
    enum nn_status st = parse(b, size, &m, err);

    if (st) {
        return st;
    }
    head->info.w = m.w;
    head->info.h = m.h;
    head->info.bits = m.bits == 16 ? 5 : m.bits > 16 ? 8 : m.bits;
    head->info.channels = m.bits <= 8 ? 1 : m.mask[3] != 0 ? 4 : 3;
    return NN_OK;
}

/* --- pixels --- */

static void put_colour(const struct bmp *m, size_t i, uint8_t *rgb)
{
    const uint8_t *p = m->palette + i * m->step;

    if (i >= m->colours) {
        memset(rgb, 0, 3);
        return;
    }
    rgb[0] = p[2];
    rgb[1] = p[1];
    rgb[2] = p[0];
}

/* A field of a pixel, stretched to 0..255. */
static uint8_t field(uint32_t v, uint32_t mask)
{
    if (mask == 0) {
        return 0;
    }
    while (!(mask & 1)) {
        mask >>= 1;
        v >>= 1;
    }
    return (uint8_t)(((uint64_t)(v & mask) * 255 + mask / 2) / mask);
}

static void put_row(const struct bmp *m, const uint8_t *p, uint8_t *rgb)
{
    for (int32_t x = 0; x < m->w; x++, rgb += 3) {
        size_t i = (size_t)x;
        uint32_t v;

        switch (m->bits) {
        case 1:
            put_colour(m, p[i / 8] >> (7 - i % 8) & 1, rgb);
            break;
        case 4:
            put_colour(m, i & 1 ? p[i / 2] & 15 : p[i / 2] >> 4, rgb);
            break;
        case 8:
            put_colour(m, p[i], rgb);
            break;
        case 24:
            rgb[0] = p[i * 3 + 2];
            rgb[1] = p[i * 3 + 1];
            rgb[2] = p[i * 3];
            break;
        default: /* 16 and 32 */
            v = m->bits == 16 ? nn_le16(p + i * 2) : nn_le32(p + i * 4);
            for (size_t c = 0; c < 3; c++) {
                rgb[c] = field(v, m->mask[c]);
            }
        }
    }
}

static uint8_t *row_of(const struct bmp *m, struct nn_image *img, size_t y)
{
    size_t at = m->top_down ? y : (size_t)m->h - 1 - y;

    return img->rgb + at * (size_t)m->w * 3;
}

static void read_plain(struct bmp *m, struct nn_image *img)
{
    size_t stride = ((size_t)m->w * (size_t)m->bits + 31) / 32 * 4;
    size_t need = ((size_t)m->w * (size_t)m->bits + 7) / 8;

    for (size_t y = 0; y < (size_t)m->h; y++) {
        size_t at = m->pixels + y * stride;

        if (at > m->size || m->size - at < need) {
            return;
        }
        put_row(m, m->b + at, row_of(m, img, y));
        m->decoded = y + 1;
    }
}

/* Runs: (count, value), or (0, n > 2) and n values as they are, or an escape:
 * (0,0) end of row, (0,1) end of image, (0,2) a step right and up. */
static void read_runs(struct bmp *m, struct nn_image *img)
{
    const uint8_t *p = m->b + (m->pixels < m->size ? m->pixels : m->size);
    const uint8_t *end = m->b + m->size;
    size_t x = 0, y = 0, w = (size_t)m->w, h = (size_t)m->h;
    int four = m->compression == BI_RLE4;

    while (end - p >= 2 && y < h) {
        size_t n = p[0], v = p[1];
        int literal = n == 0 && v > 2;
        const uint8_t *from = p + 2;

        p += 2;
        if (n == 0 && v == 0) {
            x = 0;
            m->decoded = ++y;
            continue;
        }
        if (n == 0 && v == 1) {
            m->decoded = h;
            return;
        }
        if (n == 0 && v == 2) {
            if (end - p < 2) {
                return;
            }
            x += p[0];
            y += p[1];
            p += 2;
            continue;
        }
        if (literal) {
            size_t bytes = four ? (v + 1) / 2 : v;

            n = v;
            bytes += bytes & 1;
            if ((size_t)(end - p) < bytes) {
                return;
            }
            p += bytes;
        }
        for (size_t i = 0; i < n && x < w; i++, x++) {
            size_t c = literal ? from[four ? i / 2 : i] : v;

            c = !four ? c : i & 1 ? c & 15 : c >> 4;
            put_colour(m, c, row_of(m, img, y) + x * 3);
        }
    }
}

enum nn_status nn_bmp_pixels(const uint8_t *bytes, size_t size,
                             const struct nn_image_options *opt,
                             struct nn_image_header *head, struct nn_image *img,
                             struct nn_error *err)
{
    struct bmp m;
    enum nn_status st = parse(bytes, size, &m, err);

    (void)opt;
    if (st) {
        return st;
    }
    if (nn_image_create(img, m.w, m.h)) {
        return nn_fail_nomem(err);
    }
    memset(img->rgb, 128, (size_t)m.w * (size_t)m.h * 3);
    if (m.compression == BI_RLE8 || m.compression == BI_RLE4) {
        memset(img->rgb, 0, (size_t)m.w * (size_t)m.h * 3);
        read_runs(&m, img);
    } else {
        read_plain(&m, img);
    }
    double share = (double)m.decoded / m.h;

    if (share < NN_IMAGE_LEAST_SHARE) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "truncated BMP data (%.0f %% of the rows are there)",
                       share * 100);
    }
    if (share < 1) {
        nn_image_note_share(&head->info, "truncated BMP", share);
    }
    return NN_OK;
}
