/* BMP, GIF, TIFF, AVIF and HEIC; orientation in odd places; what is read of
 * damaged files, and what the note says. */
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/image/image.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

/* Decoded, or the text of the error in err. */
static enum nn_status decode(const struct sample *s, struct nn_image *img,
                             struct nn_image_info *info, struct nn_error *err)
{
    struct nn_image_options opt = nn_image_defaults();

    *err = (struct nn_error)NN_ERROR_INIT;
    return nn_image_decode(s->bytes, s->size, &opt, img, info, err);
}

/* Largest difference of two images of one size. */
static int distance(const struct nn_image *a, const struct nn_image *b)
{
    int most = 0;

    ck_assert_int_eq(a->w, b->w);
    ck_assert_int_eq(a->h, b->h);
    for (int64_t i = 0; i < (int64_t)a->w * a->h * 3; i++) {
        int d = a->rgb[i] - b->rgb[i];

        d = d < 0 ? -d : d;
        most = d > most ? d : most;
    }
    return most;
}

/* Decode, compare within a bound, and check the note (NULL: any). */
static void expect(const struct sample *s, const struct nn_image *want,
                   int bound, const char *note)
{
    struct nn_image got = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct nn_error err;
    long live = nn_mem_live();

    ck_assert_msg(decode(s, &got, &info, &err) == NN_OK, "%s", err.text);
    ck_assert_int_le(distance(&got, want), bound);
    ck_assert_msg(!note || strcmp(info.note, note) == 0, "note '%s'",
                  info.note);
    nn_image_release(&got);
    ck_assert_int_eq(nn_mem_live(), live);
}

/* --- formats --- */

static const struct sample_bmp bmps[] = {
    { 24, 0, 0, 0 }, { 24, 0, 1, 0 }, { 24, 0, 0, 1 }, { 32, 0, 0, 0 },
    { 16, 0, 0, 0 }, { 8, 0, 0, 0 },  { 8, 1, 0, 0 },  { 8, 0, 0, 1 },
    { 4, 0, 0, 0 },  { 4, 1, 0, 0 },  { 4, 0, 1, 0 },  { 1, 0, 0, 0 },
};
#define N_BMPS (sizeof(bmps) / sizeof(bmps[0]))

START_TEST(bmp_of_every_kind)
{
    struct nn_image img = NN_IMAGE_INIT, want = NN_IMAGE_INIT;
    struct nn_image got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_error err;

    sample_noise(&img, 37, 11, 4);
    sample_bmp(&s, &img, bmps[_i], &want);
    ck_assert_int_eq(nn_image_sniff(s.bytes, s.size), NN_IMAGE_BMP);
    expect(&s, &want, 0, "");
    for (size_t n = 0; n < s.size; n++) {
        uint8_t *cut = nn_mem_calloc(n, 1); /* for ASan */
        struct sample part = { cut, n, n };
        struct nn_image_info info;

        memcpy(cut, s.bytes, n);
        if (decode(&part, &got, &info, &err) == NN_OK) {
            ck_assert(n > s.size / 2);
            ck_assert(info.note[0] != 0 || n + 4 > s.size);
        } else {
            ck_assert(err.text[0] != 0);
        }
        nn_image_release(&got);
        nn_mem_free(cut);
    }
    nn_image_release(&img);
    nn_image_release(&want);
    sample_release(&s);
}
END_TEST

START_TEST(bmp_that_lies_is_refused)
{
    struct nn_image img = NN_IMAGE_INIT, want = NN_IMAGE_INIT;
    struct nn_image got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_error err;

    sample_image(&img, 9, 7);
    sample_bmp(&s, &img, (struct sample_bmp){ 24, 0, 0, 0 }, &want);
    s.bytes[30] = 4; /* JPEG inside */
    ck_assert_int_eq(decode(&s, &got, NULL, &err), NN_ERR_UNSUPPORTED);
    s.bytes[30] = 0;
    memcpy(s.bytes + 18, "\xff\xff\xff\x7f", 4);
    ck_assert_int_eq(decode(&s, &got, NULL, &err), NN_ERR_UNSUPPORTED);
    memcpy(s.bytes + 18, "\0\0\0\x80", 4);
    ck_assert_int_eq(decode(&s, &got, NULL, &err), NN_ERR_FORMAT);
    memcpy(s.bytes + 18, "\x09\0\0\0\0\0\0\x80", 8); /* height -2^31 */
    ck_assert_int_eq(decode(&s, &got, NULL, &err), NN_ERR_FORMAT);
    nn_image_release(&img);
    nn_image_release(&want);
    sample_release(&s);
}
END_TEST

/* _i: interlaced, and frames. */
START_TEST(gif_gives_its_first_frame)
{
    struct nn_image img = NN_IMAGE_INIT, want = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image got = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct nn_error err;

    sample_image(&img, 45, 21);
    sample_gif(&s, &img, 1 + _i / 2, _i & 1, &want);
    if (!nn_image_can_read(NN_IMAGE_GIF)) {
        ck_assert_int_eq(decode(&s, &got, NULL, &err), NN_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "without giflib"));
    } else {
        expect(&s, &want, 0, _i > 1 ? "the first frame of an animation" : "");
        s.size = _i > 1 ? s.size / 2 - s.size / 20 : s.size - s.size / 10;
        ck_assert_msg(decode(&s, &got, &info, &err) == NN_OK, "%s", err.text);
        ck_assert_ptr_eq(strstr(info.note, "truncated GIF: "), info.note);
        nn_image_release(&got);
        s.size = s.size / 5;
        ck_assert_int_eq(decode(&s, &got, NULL, &err), NN_ERR_FORMAT);
    }
    nn_image_release(&img);
    nn_image_release(&want);
    sample_release(&s);
}
END_TEST

START_TEST(tiff_in_every_orientation)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;

    sample_image(&img, 31, 19);
    sample_tiff(&s, &img, _i);
    if (!nn_image_can_read(NN_IMAGE_TIFF)) {
        ck_assert_int_eq(decode(&s, &got, NULL, &err), NN_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "without libtiff"));
    } else {
        ck_assert_msg(decode(&s, &got, &info, &err) == NN_OK, "%s", err.text);
        ck_assert_int_eq(info.orientation, _i > 0 ? _i : 1);
        ck_assert_int_eq(got.w, _i >= 5 ? 19 : 31);
        /* the first stored pixel, where that orientation puts it */
        static const int right[] = { 0, 0, 1, 1, 0, 0, 1, 1, 0 };
        static const int low[] = { 0, 0, 0, 1, 1, 0, 0, 1, 1 };
        size_t at = ((size_t)(low[_i] ? got.h - 1 : 0) * (size_t)got.w +
                     (size_t)(right[_i] ? got.w - 1 : 0)) *
                    3;

        ck_assert_int_eq(memcmp(got.rgb + at, img.rgb, 3), 0);
        nn_image_release(&got);
        s.size -= 300; /* pixels are missing */
        ck_assert_int_eq(decode(&s, &got, NULL, &err), NN_ERR_FORMAT);
    }
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* sample_image() of 64 x 48 as libheif 1.15 encodes it at quality 90: from
 * files, because encoders are often missing where decoders are not. */
START_TEST(avif_and_heic)
{
    static const char *const files[] = { CORPUS_DIR "/small.heic",
                                         CORPUS_DIR "/small.avif" };
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct sample s = { 0 };
    struct nn_error err;

    ck_assert_int_eq(nn_file_read(files[_i], 1 << 20, &s.bytes, &s.size, &err),
                     NN_OK);
    ck_assert_int_eq(nn_image_sniff(s.bytes, s.size), NN_IMAGE_HEIF);
    if (!nn_image_can_read(NN_IMAGE_HEIF)) {
        ck_assert_int_eq(decode(&s, &got, NULL, &err), NN_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "without libheif"));
    } else if (decode(&s, &got, &info, &err) == NN_ERR_UNSUPPORTED) {
        /* libheif without a decoder of this kind */
        ck_assert_ptr_nonnull(strstr(err.text, "libheif cannot read"));
    } else {
        sample_image(&img, 64, 48);
        nn_image_release(&got);
        expect(&s, &img, 16, "");
        s.size -= s.size / 3;
        ck_assert_int_eq(decode(&s, &got, NULL, &err), NN_ERR_FORMAT);
    }
    nn_image_release(&got);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* --- orientation in odd places --- */

/* An APP1 segment behind the start marker. */
static void put_app1(struct sample *s, const void *bytes, size_t n)
{
    struct sample segment = { 0 };

    sample_add_be16(&segment, 0xFFE1);
    sample_add_be16(&segment, (unsigned)n + 2);
    sample_add(&segment, bytes, n);
    sample_insert(s, 2, segment.bytes, segment.size);
    sample_release(&segment);
}

/* EXIF with the value as a LONG, little-endian. */
static void long_exif(struct sample *exif, int orientation)
{
    sample_add(exif, "Exif\0\0II*\0\10\0\0\0\1\0\x12\1\4\0\1\0\0\0", 24);
    sample_add_le32(exif, (uint32_t)orientation);
    sample_add_le32(exif, 0);
}

static void raw_profile(struct sample *text, const struct sample *exif,
                        int deflate)
{
    struct sample plain = { 0 };
    char piece[16];

    snprintf(piece, sizeof piece, "\nexif\n%8zu\n", exif->size);
    sample_add(&plain, piece, strlen(piece));
    for (size_t i = 0; i < exif->size; i++) {
        snprintf(piece, sizeof piece, "%02x%s", exif->bytes[i],
                 i % 36 == 35 ? "\n" : "");
        sample_add(&plain, piece, strlen(piece));
    }
    sample_add(text, "Raw profile type exif", 22);
    if (deflate) {
        uLongf n = compressBound(plain.size);
        uint8_t *packed = nn_mem_calloc(n, 1);

        ck_assert_int_eq(compress(packed, &n, plain.bytes, plain.size), Z_OK);
        sample_add_u8(text, 0);
        sample_add(text, packed, n);
        nn_mem_free(packed);
    } else {
        sample_add(text, plain.bytes, plain.size);
    }
    sample_release(&plain);
}

static const char xmp6[] = "<x:xmpmeta><rdf:Description "
                           "tiff:Orientation=\"6\"/></x:xmpmeta>";
static const char xmp6_element[] =
    "<x:xmpmeta><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>";

static void jpeg_of_case(int i, const struct nn_image *img, struct sample *s)
{
    struct sample block = { 0 };

    sample_jpeg(s, img, SAMPLE_JPEG_444, 98);
    if (i == 0) {
        long_exif(&block, 6);
    } else if (i == 1) { /* behind a block that says nothing */
        sample_exif(&block, 6, 1);
        put_app1(s, block.bytes, block.size);
        put_app1(s, "Exif\0\0II*\0\10\0\0\0\0\0\0\0\0\0", 20);
        sample_release(&block);
        return;
    } else {
        sample_add(&block, "http://ns.adobe.com/xap/1.0/", 29);
        sample_add(&block, i == 2 ? xmp6 : xmp6_element,
                   i == 2 ? sizeof xmp6 - 1 : sizeof xmp6_element - 1);
    }
    put_app1(s, block.bytes, block.size);
    sample_release(&block);
}

static void png_of_case(int i, const struct nn_image *img, struct sample *s)
{
    static const struct sample_png kind = { 2, 8, 0, 0 };
    struct sample exif = { 0 }, text = { 0 };

    sample_png(s, img, kind, NULL);
    sample_exif(&exif, 6, i & 1);
    if (i < 2) {
        raw_profile(&text, &exif, i);
        sample_png_insert(s, i ? "zTXt" : "tEXt", text.bytes, text.size);
    } else {
        sample_add(&text, "XML:com.adobe.xmp\0\0\0\0", 22);
        sample_add(&text, xmp6, sizeof xmp6 - 1);
        sample_png_insert(s, "iTXt", text.bytes, text.size);
    }
    sample_release(&exif);
    sample_release(&text);
}

START_TEST(orientation_in_odd_places)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;

    sample_image(&img, 40, 24);
    if (_i < 4) {
        jpeg_of_case(_i, &img, &s);
    } else {
        png_of_case(_i - 4, &img, &s);
    }
    ck_assert_msg(decode(&s, &got, &info, &err) == NN_OK, "%s", err.text);
    ck_assert_int_eq(info.orientation, 6);
    ck_assert_int_eq(got.w, 24);
    nn_image_release(&got);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

START_TEST(exif_goes_before_xmp)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 }, block = { 0 };
    struct nn_image_info info;
    struct nn_error err;

    sample_image(&img, 40, 24);
    sample_jpeg(&s, &img, SAMPLE_JPEG_444, 90);
    sample_jpeg_orient(&s, 3, 0);
    sample_add(&block, "http://ns.adobe.com/xap/1.0/", 29);
    sample_add(&block, xmp6, sizeof xmp6 - 1);
    put_app1(&s, block.bytes, block.size); /* it stands in front */
    ck_assert_int_eq(decode(&s, &got, &info, &err), NN_OK);
    ck_assert_int_eq(info.orientation, 3);
    nn_image_release(&got);
    nn_image_release(&img);
    sample_release(&s);
    sample_release(&block);
}
END_TEST

/* --- damage --- */

/* w x h with a restart marker behind every row of blocks. */
static void with_restarts(struct sample *s, int32_t w, int32_t h)
{
    struct nn_image img = NN_IMAGE_INIT;

    sample_noise(&img, w, h, 8);
    sample_jpeg_rows(s, &img, 85);
    nn_image_release(&img);
}

/* Where the k-th restart marker stands. */
static size_t restart_at(const struct sample *s, int k)
{
    for (size_t i = 0; i + 1 < s->size; i++) {
        if (s->bytes[i] == 0xFF && (s->bytes[i + 1] & 0xF8) == 0xD0 &&
            k-- == 0) {
            return i;
        }
    }
    ck_abort_msg("no such marker");
    return 0;
}

START_TEST(a_bad_stripe_costs_a_note)
{
    struct nn_image whole = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;
    size_t from, to, same = 0, row = (size_t)96 * 3;

    with_restarts(&s, 96, 160);
    ck_assert_int_eq(decode(&s, &whole, &info, &err), NN_OK);
    ck_assert_str_eq(info.note, "");
    from = restart_at(&s, 7) + 2;
    to = restart_at(&s, 8);
    if (_i == 0) {
        memset(s.bytes + from, 0, to - from); /* a lost cluster */
    } else if (_i == 1) {
        s.bytes[from - 1] ^= 1; /* another number */
    } else {
        memset(s.bytes + from, 0xFF, to - from);
    }
    ck_assert_msg(decode(&s, &got, &info, &err) == NN_OK, "%s", err.text);
    ck_assert_msg(strstr(info.note, "damaged JPEG") == info.note, "note '%s'",
                  info.note);
    for (size_t y = 0; y < 160; y++) {
        same += memcmp(got.rgb + y * row, whole.rgb + y * row, row) == 0;
    }
    ck_assert_uint_ge(same, 160 - 3 * 16); /* rows that are as they were */
    nn_image_release(&got);
    nn_image_release(&whole);
    sample_release(&s);
}
END_TEST

/* Share of the file that is kept, in percent; what must come of it. */
static const struct {
    int kept;
    enum nn_status status;
    const char *text;
} cuts[] = {
    { 99, NN_OK, "truncated JPEG: 9" },
    { 80, NN_OK, "truncated JPEG: " },
    { 30, NN_ERR_FORMAT, "truncated JPEG data" },
    { 5, NN_ERR_FORMAT, "truncated JPEG" },
};

START_TEST(a_cut_jpeg_tells_its_share)
{
    struct nn_image img = NN_IMAGE_INIT, whole = NN_IMAGE_INIT;
    struct nn_image got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;

    sample_noise(&img, 200, 200, 3);
    sample_jpeg(&s, &img, SAMPLE_JPEG_420, 80);
    ck_assert_int_eq(decode(&s, &whole, &info, &err), NN_OK);
    s.size = s.size * (size_t)cuts[_i].kept / 100;
    ck_assert_int_eq(decode(&s, &got, &info, &err), cuts[_i].status);
    const char *text = cuts[_i].status ? err.text : info.note;

    ck_assert_msg(strstr(text, cuts[_i].text) == text, "got '%s'", text);
    if (!cuts[_i].status) { /* the upper half is as it was */
        ck_assert_int_eq(memcmp(got.rgb, whole.rgb, (size_t)200 * 3 * 90), 0);
    }
    nn_image_release(&got);
    nn_image_release(&img);
    nn_image_release(&whole);
    sample_release(&s);
}
END_TEST

/* Every pixel is there: the same image, with a note where one is due. */
START_TEST(odd_ends_cost_nothing)
{
    static const char tail[] = "\0\0VENDOR";
    struct nn_image img = NN_IMAGE_INIT, whole = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;
    const char *note = "the JPEG's end marker is missing, all rows are there";

    sample_noise(&img, 80, 56, 3);
    sample_jpeg(&s, &img, SAMPLE_JPEG_420, 80);
    ck_assert_int_eq(decode(&s, &whole, &info, &err), NN_OK);
    s.size -= 2;
    expect(&s, &whole, 0, note);
    for (int i = 0; i < 3000; i++) { /* padded to the end of a cluster */
        sample_add_u8(&s, 0);
    }
    expect(&s, &whole, 0, note);
    s.size -= 3000;
    sample_add(&s, tail, 8);
    expect(&s, &whole, 0, note);
    s.size -= 8;
    sample_add_be16(&s, 0xFFD9);
    sample_add(&s, tail, 8);
    expect(&s, &whole, 0, "");
    nn_image_release(&img);
    nn_image_release(&whole);
    sample_release(&s);
}
END_TEST

/* Share of samples that differ by more than 30 levels. */
static double share_of_other(const struct nn_image *a, const struct nn_image *b)
{
    int64_t n = (int64_t)a->w * a->h * 3, other = 0;

    for (int64_t i = 0; i < n; i++) {
        int d = a->rgb[i] - b->rgb[i];

        other += d > 30 || d < -30;
    }
    return (double)other / (double)n;
}

/* Bytes that spoil the rest without an error of the entropy coding. */
START_TEST(a_flipped_byte_is_not_passed_in_silence)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct nn_image whole = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;
    int spoilt = 0, told = 0;

    sample_noise(&img, 160, 160, 3);
    sample_jpeg(&s, &img, SAMPLE_JPEG_420, 80);
    ck_assert_int_eq(decode(&s, &whole, &info, &err), NN_OK);
    for (size_t at = s.size / 3; at < s.size * 2 / 3; at += 97) {
        uint8_t kept = s.bytes[at];

        s.bytes[at] ^= 0x10;
        if (decode(&s, &got, &info, &err) == NN_OK &&
            share_of_other(&got, &whole) > 0.2) {
            spoilt++;
            told += info.note[0] != 0;
        }
        nn_image_release(&got);
        s.bytes[at] = kept;
    }
    ck_assert_int_gt(spoilt, 5);
    /* one that only changes a value, all blocks behind it brighter, is valid */
    ck_assert_msg(told * 10 >= spoilt * 7, "%d of %d", told, spoilt);
    nn_image_release(&img);
    nn_image_release(&whole);
    sample_release(&s);
}
END_TEST

START_TEST(a_cut_progressive_jpeg_lacks_detail)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;
    size_t whole;

    sample_noise(&img, 96, 96, 3);
    sample_jpeg(&s, &img, SAMPLE_JPEG_PROGRESSIVE, 80);
    whole = s.size;
    s.size = whole * 9 / 10;
    ck_assert_msg(decode(&s, &got, &info, &err) == NN_OK, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(info.note, "details are missing"));
    nn_image_release(&got);
    s.size = whole / 10; /* within the first scans */
    ck_assert_int_eq(decode(&s, &got, &info, &err), NN_ERR_FORMAT);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* _i: interlaced. */
START_TEST(a_cut_png_tells_its_share)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample_png kind = { 2, 8, _i, 0 };
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;
    size_t whole;

    sample_noise(&img, 70, 70, 3);
    sample_png(&s, &img, kind, NULL);
    whole = s.size;
    s.size -= 12;
    expect(&s, &img, 0, "the PNG's end is missing, the image is whole");
    s.size = whole * 9 / 10;
    ck_assert_msg(decode(&s, &got, &info, &err) == NN_OK, "%s", err.text);
    ck_assert_ptr_eq(strstr(info.note, "truncated PNG: "), info.note);
    nn_image_release(&got);
    s.size = whole / 5;
    ck_assert_int_eq(decode(&s, &got, &info, &err), NN_ERR_FORMAT);
    ck_assert_ptr_eq(strstr(err.text, "truncated PNG data"), err.text);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* --- large photos --- */

START_TEST(large_photos_count_as_decoded)
{
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err = NN_ERROR_INIT;

    sample_image(&img, 640, 480);
    sample_jpeg(&s, &img, SAMPLE_JPEG_420, 80);
    opt.max_pixels = 640 * 480 / 16;
    opt.max_dim = 200;
    ck_assert_int_eq(nn_image_decode(s.bytes, s.size, &opt, &got, &info, &err),
                     NN_ERR_UNSUPPORTED);
    opt.min_side = 60;
    ck_assert_int_eq(nn_image_decode(s.bytes, s.size, &opt, &got, &info, &err),
                     NN_OK);
    ck_assert_int_eq(got.w, 80);
    ck_assert_str_eq(info.note, "640 x 480 pixels, decoded at 1/8");
    nn_image_release(&got);
    sample_release(&s);
    /* a progressive one keeps all coefficients: a limit of its own */
    sample_jpeg(&s, &img, SAMPLE_JPEG_PROGRESSIVE, 80);
    ck_assert_int_eq(nn_image_decode(s.bytes, s.size, &opt, &got, &info, &err),
                     NN_ERR_UNSUPPORTED);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("more formats");
    TCase *tc = tcase_create("formats");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, bmp_of_every_kind, 0, N_BMPS);
    tcase_add_test(tc, bmp_that_lies_is_refused);
    tcase_add_loop_test(tc, gif_gives_its_first_frame, 0, 4);
    tcase_add_loop_test(tc, tiff_in_every_orientation, 0, 9);
    tcase_add_loop_test(tc, avif_and_heic, 0, 2);
    tcase_add_loop_test(tc, orientation_in_odd_places, 0, 7);
    tcase_add_test(tc, exif_goes_before_xmp);
    suite_add_tcase(s, tc);
    tc = tcase_create("damage");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_bad_stripe_costs_a_note, 0, 3);
    tcase_add_loop_test(tc, a_cut_jpeg_tells_its_share, 0,
                        sizeof(cuts) / sizeof(cuts[0]));
    tcase_add_test(tc, odd_ends_cost_nothing);
    tcase_add_test(tc, a_flipped_byte_is_not_passed_in_silence);
    tcase_add_test(tc, a_cut_progressive_jpeg_lacks_detail);
    tcase_add_loop_test(tc, a_cut_png_tells_its_share, 0, 2);
    tcase_add_test(tc, large_photos_count_as_decoded);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
