/* A JPEG whose data were thinned for 1/8 beside the same JPEG as it is, both
 * through libjpeg: the same pixels and the same warnings, whatever the data. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/image/image_jpeg_thin.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

struct made {
    int components; /* 1 grey, 3 YCbCr, 4 CMYK */
    int h, v;       /* sampling factors of the first component */
    int quality, optimize, restart, progressive;
    int32_t w, height;
    int thins; /* at 1/8 */
    int flat;  /* but for the top quarter */
    int odd;   /* DC codes: the longest for what is frequent */
};

static void encode(struct sample *s, const struct made *m)
{
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr manager;
    struct nn_image img = NN_IMAGE_INIT;
    uint8_t *bytes = NULL, *row = calloc((size_t)m->w, 4);
    unsigned long n = 0;

    sample_noise(&img, m->w, m->height, 11);
    j.err = jpeg_std_error(&manager);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &bytes, &n);
    j.image_width = (JDIMENSION)m->w;
    j.image_height = (JDIMENSION)m->height;
    j.input_components = m->components;
    j.in_color_space = m->components == 1   ? JCS_GRAYSCALE
                       : m->components == 3 ? JCS_RGB
                                            : JCS_CMYK;
    jpeg_set_defaults(&j);
    jpeg_set_quality(&j, m->quality, TRUE);
    j.optimize_coding = m->optimize;
    j.restart_interval = (unsigned)m->restart;
    j.comp_info[0].h_samp_factor = m->h;
    j.comp_info[0].v_samp_factor = m->v;
    if (m->odd) {
        JHUFF_TBL *t = j.dc_huff_tbl_ptrs[0];

        memset(t->bits, 0, sizeof(t->bits));
        for (int i = 0; i < 12; i++) {
            t->bits[5 + i] = 1;
            t->huffval[i] = (UINT8)(11 - i);
        }
    }
    if (m->progressive) {
        jpeg_simple_progression(&j);
    }
    jpeg_start_compress(&j, TRUE);
    for (int32_t y = 0; y < m->height; y++) {
        int flat = m->flat && y >= m->height / 4;

        for (int32_t x = 0; x < m->w * m->components; x++) {
            row[x] = flat ? 99
                          : img.rgb[((size_t)y * (size_t)m->w * 3) +
                                    (size_t)(x % (m->w * 3))];
        }
        jpeg_write_scanlines(&j, &row, 1);
    }
    jpeg_finish_compress(&j);
    sample_add(s, bytes, n);
    jpeg_destroy_compress(&j);
    free(bytes);
    free(row);
    nn_image_release(&img);
}

/* --- libjpeg, with and without thinning --- */

struct seen {
    struct jpeg_error_mgr manager;
    jmp_buf failed;
    uint8_t *pixels;
    size_t n;
    long warnings;
    int gave_up, thinned;
    int strict; /* a warning is an error */
};

static void on_error(j_common_ptr c)
{
    longjmp(((struct seen *)(void *)c->err)->failed, 1);
}

static void on_message(j_common_ptr c, int level)
{
    struct seen *to = (struct seen *)(void *)c->err;

    to->warnings += level < 0;
    if (level < 0 && to->strict) {
        on_error(c);
    }
}

static void decode(const uint8_t *bytes, size_t size, unsigned div, int thin,
                   struct seen *to)
{
    struct jpeg_decompress_struct j;
    struct nn_jpeg_thin t = { 0 };
    /* Not changed after setjmp(), but for what it points at. */
    struct nn_jpeg_thin *volatile mine = &t;

    memset(to, 0, sizeof(*to));
    j.err = jpeg_std_error(&to->manager);
    to->manager.error_exit = on_error;
    to->manager.emit_message = on_message;
    if (setjmp(to->failed)) {
        to->gave_up = 1;
        goto out;
    }
    jpeg_create_decompress(&j);
    jpeg_mem_src(&j, bytes, size);
    jpeg_read_header(&j, TRUE);
    j.scale_num = 1;
    j.scale_denom = div;
    jpeg_calc_output_dimensions(&j);
    if (thin) {
        ck_assert_int_eq(nn_jpeg_thin(&j, 0, mine), NN_OK);
    }
    to->thinned = mine->bytes != NULL;
    jpeg_start_decompress(&j);
    size_t stride = j.output_width * (size_t)j.output_components;

    to->n = stride * j.output_height;
    to->pixels = calloc(to->n, 1);
    while (j.output_scanline < j.output_height) {
        JSAMPROW row = to->pixels + j.output_scanline * stride;

        jpeg_read_scanlines(&j, &row, 1);
    }
    jpeg_finish_decompress(&j);
out:
    jpeg_destroy_decompress(&j);
    nn_mem_free(mine->bytes);
}

/* 1 when the data were thinned; then nobody may see it. */
static int compare(const uint8_t *bytes, size_t size, unsigned div)
{
    struct seen plain, thin;
    int thinned;

    decode(bytes, size, div, 1, &thin);
    decode(bytes, size, div, 0, &plain);
    thinned = thin.thinned;
    ck_assert_int_eq(thin.gave_up, plain.gave_up);
    ck_assert_int_eq(thin.warnings, plain.warnings);
    ck_assert_uint_eq(thin.n, plain.n);
    ck_assert(plain.n == 0 || memcmp(thin.pixels, plain.pixels, plain.n) == 0);
    free(plain.pixels);
    free(thin.pixels);
    return thinned;
}

static const struct made kinds[] = {
    { 3, 2, 2, 92, 0, 0, 0, 1280, 960, 1, 0, 0 }, /* many chunks of data */
    { 3, 2, 2, 92, 0, 0, 0, 1280, 960, 1, 1, 0 }, /* many blocks in one */
    /* full blocks; one ends where a chunk does */
    { 3, 2, 2, 100, 0, 0, 0, 1292, 960, 1, 0, 0 },
    { 3, 2, 2, 92, 1, 0, 0, 333, 251, 1, 0, 0 },  /* tables of its own */
    { 3, 2, 2, 100, 0, 0, 0, 317, 129, 1, 0, 0 }, /* long codes */
    { 3, 2, 2, 92, 0, 0, 0, 317, 129, 1, 0, 1 },
    { 3, 2, 2, 90, 0, 7, 0, 200, 177, 1, 0, 0 },
    { 3, 2, 2, 90, 0, 1, 0, 100, 90, 1, 0, 0 },
    { 3, 1, 1, 92, 0, 0, 0, 200, 131, 1, 0, 0 },
    { 3, 2, 1, 92, 0, 11, 0, 201, 131, 1, 0, 0 },
    { 3, 1, 2, 92, 0, 0, 0, 131, 200, 1, 0, 0 },
    { 3, 4, 1, 85, 1, 0, 0, 163, 100, 1, 0, 0 },
    { 3, 4, 2, 92, 1, 0, 0, 163, 100, 1, 0, 0 }, /* ten blocks */
    { 1, 1, 1, 92, 0, 5, 0, 201, 131, 1, 0, 0 },
    { 1, 2, 2, 92, 0, 0, 0, 201, 131, 1, 0, 0 },
    { 4, 1, 1, 92, 0, 0, 0, 120, 90, 1, 0, 0 },
    { 4, 2, 2, 92, 0, 0, 0, 120, 90, 1, 0, 0 },
    { 3, 2, 2, 5, 0, 0, 0, 200, 200, 0, 0, 0 }, /* nothing to gain */
    { 3, 2, 2, 92, 0, 0, 1, 200, 200, 0, 0, 0 },
    { 1, 1, 1, 100, 1, 0, 0, 8, 8, 0, 0, 0 }, /* no code for "end of block" */
    { 1, 1, 1, 92, 0, 0, 0, 1, 1, 1, 0, 0 },
};
#define N_KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

START_TEST(thinned_data_give_the_same_pixels)
{
    const struct made *m = &kinds[_i];
    struct sample s = { 0 };

    encode(&s, m);
    ck_assert_int_eq(compare(s.bytes, s.size, 8), m->thins);
    /* At 1/4 and more every coefficient counts. */
    ck_assert_int_eq(compare(s.bytes, s.size, 4), 0);
    ck_assert_int_eq(compare(s.bytes, s.size, 1), 0);
    /* What makers put behind the photo stays where it is. */
    sample_add(&s, "video\xFF\xD8\xFF\xDA", 9);
    ck_assert_int_eq(compare(s.bytes, s.size, 8), m->thins);
    sample_release(&s);
}
END_TEST

/* It is shorter, or there would be no sense in it. */
START_TEST(most_of_the_data_are_left_out)
{
    static const struct made m = { 3, 2, 2, 92, 0, 0, 0, 640, 480, 1, 0, 0 };
    struct sample s = { 0 };
    struct jpeg_decompress_struct j;
    struct jpeg_error_mgr manager;
    struct nn_jpeg_thin t;

    encode(&s, &m);
    j.err = jpeg_std_error(&manager);
    jpeg_create_decompress(&j);
    jpeg_mem_src(&j, s.bytes, s.size);
    jpeg_read_header(&j, TRUE);
    j.scale_denom = 8;
    jpeg_calc_output_dimensions(&j);
    for (long n = 1; n <= 4; n++) {
        long live = nn_mem_live();

        nn_mem_fail_at(n);
        ck_assert_int_eq(nn_jpeg_thin(&j, 0, &t), NN_ERR_NOMEM);
        nn_mem_fail_at(0);
        ck_assert_ptr_null(t.bytes);
        ck_assert_int_eq(nn_mem_live(), live);
    }
    ck_assert_int_eq(nn_jpeg_thin(&j, 0, &t), NN_OK);
    ck_assert_ptr_nonnull(t.bytes);
    ck_assert_uint_lt(t.size, s.size / 2);
    nn_mem_free(t.bytes);
    jpeg_destroy_decompress(&j);
    sample_release(&s);
}
END_TEST

/* Bytes changed anywhere, the header too: where the data are thinned all the
 * same, the library must not have noticed anything else either. */
START_TEST(damage_is_left_to_the_library)
{
    struct sample s = { 0 };
    uint32_t seed = (uint32_t)_i + 1;
    int thinned = 0, kept = 0;

    encode(&s, &kinds[_i]);
    for (int i = 0; i < 200; i++) {
        uint8_t old[3];
        size_t at[3];

        for (int k = 0; k < 3; k++) {
            seed = seed * 1664525u + 1013904223u;
            at[k] = (seed >> 4) % (i % 8 ? s.size : 700 % s.size);
            old[k] = s.bytes[at[k]];
            seed = seed * 1664525u + 1013904223u;
            s.bytes[at[k]] =
                (uint8_t)(i % 3 ? old[k] ^ 1U << (seed >> 29) : seed >> 24);
        }
        if (compare(s.bytes, s.size, 8)) {
            thinned++;
        } else {
            kept++;
        }
        for (int k = 2; k >= 0; k--) {
            s.bytes[at[k]] = old[k];
        }
    }
    ck_assert_int_gt(kept, 0);
    ck_assert(thinned > 0 || !kinds[_i].thins);
    sample_release(&s);
}
END_TEST

/* A file that ends early is never thinned. */
START_TEST(cut_data_are_left_to_the_library)
{
    struct sample s = { 0 };
    const struct made *m = &kinds[7];

    encode(&s, m);
    for (size_t n = 700; n < s.size; n += 37) {
        ck_assert_int_eq(compare(s.bytes, n, 8), 0);
    }
    /* Bytes that nobody wants, before the end marker and before a restart. */
    sample_insert(&s, s.size - 2, "\0\0", 2);
    ck_assert_int_eq(compare(s.bytes, s.size, 8), 0);
    sample_release(&s);
    encode(&s, m);
    size_t at = 700;

    while (s.bytes[at] != 0xFF || s.bytes[at + 1] != JPEG_RST0 + 3) {
        at++;
        ck_assert_uint_lt(at + 2, s.size);
    }
    sample_insert(&s, at, "\0", 1);
    ck_assert_int_eq(compare(s.bytes, s.size, 8), 0);
    s.bytes[at + 2] = JPEG_RST0 + 4;
    ck_assert_int_eq(compare(s.bytes, s.size, 8), 0);
    sample_release(&s);
}
END_TEST

/* Rows at 1/8 of the top of a file, up to the first warning. */
static unsigned decode_top(const uint8_t *bytes, size_t size, int32_t wanted,
                           int thin, struct seen *to)
{
    struct jpeg_decompress_struct j;
    struct nn_jpeg_thin t = { 0 };
    struct nn_jpeg_thin *volatile mine = &t;

    memset(to, 0, sizeof(*to));
    to->strict = 1;
    j.err = jpeg_std_error(&to->manager);
    to->manager.error_exit = on_error;
    to->manager.emit_message = on_message;
    if (setjmp(to->failed) == 0) {
        jpeg_create_decompress(&j);
        jpeg_mem_src(&j, bytes, size);
        jpeg_read_header(&j, TRUE);
        j.scale_denom = 8;
        jpeg_calc_output_dimensions(&j);
        to->n = j.output_width * (size_t)j.output_components;
        to->pixels = calloc(to->n, j.output_height);
        if (thin) {
            ck_assert_int_eq(nn_jpeg_thin(&j, wanted, mine), NN_OK);
            to->thinned = mine->bytes != NULL;
        }
        jpeg_start_decompress(&j);
        while (j.output_scanline < j.output_height) {
            JSAMPROW row = to->pixels + j.output_scanline * to->n;

            jpeg_read_scanlines(&j, &row, 1);
        }
    }
    unsigned rows = j.output_scanline;

    jpeg_destroy_decompress(&j);
    nn_mem_free(mine->bytes);
    return rows;
}

/* Of `size` bytes: how many rows there are, and how many are the same. */
static void compare_top(const struct sample *s, size_t size, int32_t rows,
                        unsigned *plain, unsigned *thinned)
{
    struct seen a, b;

    *plain = decode_top(s->bytes, size, 0, 0, &a);
    *thinned = decode_top(s->bytes, size, rows, 1, &b);
    ck_assert_int_eq(b.thinned, 1);
    ck_assert_uint_le(*thinned, *plain);
    ck_assert_mem_eq(a.pixels, b.pixels, *thinned * a.n);
    free(a.pixels);
    free(b.pixels);
}

START_TEST(the_top_of_a_file_is_enough)
{
    const struct made *m = &kinds[_i];
    struct sample s = { 0 };
    unsigned plain, thinned, v = (unsigned)m->v;

    if (!m->thins || m->height < 100) {
        return;
    }
    encode(&s, m);
    compare_top(&s, s.size, 5, &plain, &thinned);
    ck_assert_uint_ge(thinned, 5);
    ck_assert_uint_le(thinned, 5 + 4 * (unsigned)m->v);
    /* All of them: the scan's end is where the library expects it. */
    compare_top(&s, s.size, 1000, &plain, &thinned);
    ck_assert_uint_eq(plain, ((unsigned)m->height + 7) / 8);
    ck_assert_uint_ge(thinned + v, plain);
    if (s.size > 30000) {
        size_t row =
            (s.size * 8 * v + (size_t)m->height - 1) / (size_t)m->height;

        compare_top(&s, s.size / 2, 1000, &plain, &thinned);
        ck_assert_uint_gt(plain, 0);
        ck_assert_uint_ge(thinned + v * (1 + (3000 + row - 1) / row), plain);
    }
    sample_release(&s);
}
END_TEST

START_TEST(images_are_decoded_so)
{
    struct sample s = { 0 };
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_image_options opt = nn_image_defaults();
    struct seen plain;
    long live;

    encode(&s, &kinds[0]);
    live = nn_mem_live();
    opt.min_side = kinds[0].height / 8;
    ck_assert_int_eq(nn_image_decode(s.bytes, s.size, &opt, &img, NULL, NULL),
                     NN_OK);
    decode(s.bytes, s.size, 8, 0, &plain);
    ck_assert_uint_eq((size_t)img.w * (size_t)img.h * 3, plain.n);
    ck_assert_mem_eq(img.rgb, plain.pixels, plain.n);
    nn_image_release(&img);
    ck_assert_int_eq(nn_mem_live(), live);
    free(plain.pixels);
    sample_release(&s);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("jpeg_thin");
    TCase *tc = tcase_create("jpeg_thin");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, thinned_data_give_the_same_pixels, 0, N_KINDS);
    tcase_add_test(tc, most_of_the_data_are_left_out);
    tcase_add_loop_test(tc, damage_is_left_to_the_library, 3, N_KINDS - 1);
    tcase_add_loop_test(tc, the_top_of_a_file_is_enough, 0, N_KINDS);
    tcase_add_test(tc, images_are_decoded_so);
    tcase_add_test(tc, cut_data_are_left_to_the_library);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
