#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/synth/scene.h"
#include "pipelines/synth/synth.h"
#include "tests/unit/testkit.h"

enum { SIZE = 64, BYTES = SIZE * SIZE * 3 };

START_TEST(names_cover_every_value)
{
    for (int i = 0; i <= SYNTH_NEGATIVE; i++) {
        ck_assert_ptr_nonnull(synth_class_name((enum synth_class)i));
    }
    for (int i = 0; i < SYNTH_FAMILIES; i++) {
        ck_assert_ptr_nonnull(synth_family_name((enum synth_family)i));
    }
    ck_assert_str_eq(synth_class_name(SYNTH_TEDDY), "teddy");
    ck_assert_str_eq(synth_family_name(SYNTH_TEXTURE), "texture");
    ck_assert_str_eq(synth_split_name(SYNTH_VALID), "valid");
    ck_assert_ptr_null(synth_class_name((enum synth_class)4));
    ck_assert_ptr_null(synth_family_name(SYNTH_FAMILY_NONE));
    ck_assert_ptr_null(synth_split_name(SYNTH_SPLITS));
}
END_TEST

/* Shares within five standard deviations of a binomial count. */
static void near_share(size_t got, size_t n, double share, const char *what)
{
    double want = share * (double)n, off = (double)got - want;
    double variance = want * (1.0 - share);

    ck_assert_msg(off * off <= 25.0 * variance + 1e-9,
                  "%s: %zu of %zu, want about %.1f", what, got, n, want);
}

START_TEST(labels_follow_the_shares)
{
    enum { N = 60000 };
    struct synth_options o = synth_defaults();
    size_t class[4] = { 0 }, family[SYNTH_FAMILIES] = { 0 }, split[3] = { 0 };
    size_t near = 0;

    for (uint64_t i = 0; i < N; i++) {
        struct synth_truth t;

        synth_describe(99, i, &o, &t);
        class[t.class]++;
        split[t.split]++;
        near += t.near_miss != 0;
        ck_assert((t.class == SYNTH_NEGATIVE) ==
                  (t.family != SYNTH_FAMILY_NONE));
        if (t.class == SYNTH_NEGATIVE) {
            family[t.family]++;
            ck_assert(!t.near_miss || t.family != SYNTH_EMPTY);
        } else {
            ck_assert_int_eq(t.near_miss, 0);
        }
        ck_assert(t.visible == 0.0f && t.area == 0.0f && t.extent == 0.0f);
    }
    near_share(class[SYNTH_BLACK], N, 1.0 / 6, "black");
    near_share(class[SYNTH_NEGATIVE], N, 0.5, "negative");
    near_share(split[SYNTH_TEST], N, 0.15, "test");
    near_share(split[SYNTH_VALID], N, 0.15, "valid");
    near_share(near, class[SYNTH_NEGATIVE], 0.02, "near miss");
    for (int i = 1; i < SYNTH_FAMILIES; i++) {
        near_share(family[i], class[SYNTH_NEGATIVE], 0.98 * 0.1 + 0.02 / 9,
                   synth_family_name((enum synth_family)i));
    }
}
END_TEST

START_TEST(bad_options_are_named)
{
    struct nn_error err = NN_ERROR_INIT;
    struct synth_options o = synth_defaults();

    ck_assert_int_eq(synth_check(&o, &err), NN_OK);
    o.near_miss_share = 1.5f;
    ck_assert_int_eq(synth_check(&o, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "near-miss"));
    o = synth_defaults();
    o.family_share[2] = -1.0f;
    ck_assert_int_eq(synth_check(&o, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "family share 2"));
    o = synth_defaults();
    memset(o.class_share, 0, sizeof o.class_share);
    ck_assert_int_eq(synth_check(&o, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "all class shares"));
    o = synth_defaults();
    o.class_share[0] = NAN;
    ck_assert_int_eq(synth_check(&o, &err), NN_ERR_ARG);
    o = synth_defaults();
    o.valid_share = 0.6f;
    o.test_share = 0.6f;
    ck_assert_int_eq(synth_check(&o, &err), NN_ERR_ARG);
}
END_TEST

static const struct {
    const char *text;
    int good;
    uint64_t count, seed;
    int size;
    double near_miss, negatives;
} specs[] = {
    { "synth:1000", 1, 1000, 1, 128, 0.02, 3 },
    { "synth:1000:7", 1, 1000, 7, 128, 0.02, 3 },
    { "synth:5:0:size=64:near-miss=0.5", 1, 5, 0, 64, 0.5, 3 },
    { "synth:5:kind=bears", 1, 5, 1, 128, 0.02, 0 },
    { "synth:5:18446744073709551615:kind=all", 1, 5, UINT64_MAX, 128, 0.02, 3 },
    { "synth", 0, 0, 0, 0, 0, 0 },
    { "synth:", 0, 0, 0, 0, 0, 0 },
    { "synth:0", 0, 0, 0, 0, 0, 0 },
    { "synth:-3", 0, 0, 0, 0, 0, 0 },
    { "synth:12x", 0, 0, 0, 0, 0, 0 },
    { "synth:99999999999999999999", 0, 0, 0, 0, 0, 0 },
    { "synth:5:7x", 0, 0, 0, 0, 0, 0 },
    { "synth:5:7:", 0, 0, 0, 0, 0, 0 },
    { "synth:5:size=63", 0, 0, 0, 0, 0, 0 },
    { "synth:5:size=513", 0, 0, 0, 0, 0, 0 },
    { "synth:5:size", 0, 0, 0, 0, 0, 0 },
    { "synth:5:near-miss=2", 0, 0, 0, 0, 0, 0 },
    { "synth:5:near-miss=", 0, 0, 0, 0, 0, 0 },
    { "synth:5:near-miss=nan", 0, 0, 0, 0, 0, 0 },
    { "synth:5:kind=cats", 0, 0, 0, 0, 0, 0 },
    { "synth:5:sise=64", 0, 0, 0, 0, 0, 0 },
    { "folder", 0, 0, 0, 0, 0, 0 },
};

START_TEST(specs_parse_or_say_why)
{
    struct nn_error err = NN_ERROR_INIT;
    struct synth_spec s;

    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        enum nn_status st = synth_open_spec(specs[i].text, &s, &err);

        ck_assert_msg(st == (specs[i].good ? NN_OK : NN_ERR_ARG), "'%s': %d",
                      specs[i].text, (int)st);
        if (!specs[i].good) {
            ck_assert(err.text[0] != '\0');
            err.text[0] = '\0';
            continue;
        }
        ck_assert_uint_eq(s.count, specs[i].count);
        ck_assert_uint_eq(s.seed, specs[i].seed);
        ck_assert_int_eq(s.size, specs[i].size);
        ck_assert_double_eq_tol((double)s.opt.near_miss_share,
                                specs[i].near_miss, 1e-6);
        ck_assert_double_eq((double)s.opt.class_share[SYNTH_NEGATIVE],
                            specs[i].negatives);
    }
}
END_TEST

START_TEST(sizes_out_of_range_are_refused)
{
    struct synth_options o = synth_defaults();
    struct nn_error err = NN_ERROR_INIT;
    static const int32_t bad[] = { -5, 0, 63, 513 };

    for (int i = 0; i < 4; i++) {
        uint8_t *bytes;
        size_t n;

        ck_assert_int_eq(synth_render(1, 0, &o, bad[i], NULL, NULL, NULL, &err),
                         NN_ERR_ARG);
        ck_assert_int_eq(
            synth_encode(1, 0, &o, bad[i], SYNTH_JPEG, &bytes, &n, NULL, &err),
            NN_ERR_ARG);
        ck_assert_ptr_null(bytes);
    }
}
END_TEST

/* One image of every class and family, so that a change of what is drawn is
 * noticed; the bytes are the same for gcc and clang, with and without
 * optimisation, in scalar code and in AVX2. After a wanted change: copy the
 * values that are printed. */
static const char *const golden[SYNTH_CLASSES + SYNTH_FAMILIES] = {
    "60789df5746c69344d6e24033c126530", "d1e1012976f4957cd78955842f8a144a",
    "2b9791f1d66a7a209c3c3a9fd835ec41", "9886cac6a8347645d6b48208b1cd10c9",
    "4518ebaef482b8905b087510e80cca89", "0c7fecb6b53d7ead640ce3fbdeaddaab",
    "51a9494c94409aa2d84e914cb58e5ba5", "0606036a2732ab14402ce647aeabfb9a",
    "de25f9ce39a98463406864e5540024dc", "33ec91ecc328efe12c47d58dc1620ed8",
    "02d6fed8120f7525ff94dd52ce275dce", "92be8dd2e39b9eed5555f32792114544",
    "760df10c2225c4a755fb568b29e739ee",
};

static int count_changed(void)
{
    struct synth_options o = synth_defaults();
    uint8_t rgb[BYTES];
    char hex[33];
    int wrong = 0;

    for (int k = 0; k < SYNTH_CLASSES + SYNTH_FAMILIES; k++) {
        struct synth_truth t;
        uint64_t i = 0;

        do {
            synth_describe(11, i++, &o, &t);
        } while (k < SYNTH_CLASSES ? (int)t.class != k
                                   : (int)t.family != k - SYNTH_CLASSES);
        ck_assert_int_eq(synth_render(11, i - 1, &o, SIZE, rgb, NULL, &t, NULL),
                         NN_OK);
        nn_hash_hex(rgb, sizeof rgb, hex);
        if (strcmp(hex, golden[k]) != 0) {
            fprintf(stderr, "    \"%s\",\n", hex);
            wrong++;
        }
    }
    return wrong;
}

START_TEST(images_repeat_to_the_byte)
{
    ck_assert_int_eq(count_changed(), 0);
    nn_cpu_limit("scalar");
    ck_assert_int_eq(count_changed(), 0);
    nn_cpu_limit(NULL);
}
END_TEST

/* Above 192 pixels a side there is one ray a pixel: another path. */
START_TEST(large_images_repeat_too)
{
    enum { LARGE = 200 };
    struct synth_options o = synth_defaults();
    uint8_t *rgb = nn_mem_calloc((size_t)LARGE * LARGE, 3);
    char hex[33];

    ck_assert_ptr_nonnull(rgb);
    ck_assert_int_eq(synth_render(12, 2, &o, LARGE, rgb, NULL, NULL, NULL),
                     NN_OK);
    nn_hash_hex(rgb, (size_t)LARGE * LARGE * 3, hex);
    ck_assert_str_eq(hex, "51f1ab981ea61cbf06655a28d85718ea");
    nn_mem_free(rgb);
}
END_TEST

/* What few images of default data show: bear-like negatives, every texture. */
START_TEST(rare_negatives_show_something)
{
    struct synth_options o = synth_defaults();
    uint8_t rgb[BYTES];

    for (int k = 0; k < SYNTH_CLASSES; k++) {
        o.class_share[k] = 0.0f;
    }
    o.near_miss_share = 0.3f;
    o.family_share[SYNTH_TEXTURE] = 9.0f;
    for (uint64_t i = 0; i < 64; i++) {
        int low = 255, high = 0;

        ck_assert(!synth_render(13, i, &o, SIZE, rgb, NULL, NULL, NULL));
        for (int k = 0; k < BYTES; k += 3) {
            low = rgb[k] < low ? rgb[k] : low;
            high = rgb[k] > high ? rgb[k] : high;
        }
        ck_assert_msg(high - low > 16, "image %d is flat", (int)i);
    }
}
END_TEST

struct batch {
    struct synth_options opt;
    uint8_t *rgb;
};

static void draw_one(void *ctx, size_t i)
{
    struct batch *b = ctx;

    if (synth_render(5, i, &b->opt, SIZE, b->rgb + i * BYTES, NULL, NULL,
                     NULL)) {
        memset(b->rgb + i * BYTES, 0, BYTES);
    }
}

START_TEST(thread_count_changes_nothing)
{
    enum { N = 24 };
    struct batch one = { .opt = synth_defaults() }, two = one;

    one.rgb = nn_mem_calloc(N, BYTES);
    two.rgb = nn_mem_calloc(N, BYTES);
    ck_assert(one.rgb != NULL && two.rgb != NULL);
    nn_parallel_set_threads(1);
    nn_parallel_for(N, draw_one, &one);
    nn_parallel_set_threads(2);
    nn_parallel_for(N, draw_one, &two);
    ck_assert_int_eq(memcmp(one.rgb, two.rgb, (size_t)N * BYTES), 0);
    for (size_t i = 1; i < N; i++) { /* and images differ */
        ck_assert_int_ne(memcmp(one.rgb, one.rgb + i * BYTES, BYTES), 0);
    }
    nn_mem_free(one.rgb);
    nn_mem_free(two.rgb);
}
END_TEST

/* The subject's whole outline, counted pixel by pixel: the same camera with a
 * wider frame, so that nothing is cut off, and nothing in front. */
static double whole_outline(uint64_t seed, uint64_t index,
                            const struct synth_options *o)
{
    enum { WIDE = 4 * SIZE };
    struct scene *s = nn_mem_calloc(1, sizeof *s);
    struct canvas c = { .size = WIDE };
    double sum = 0.0;

    c.layer = nn_mem_calloc((size_t)WIDE * WIDE * 4, sizeof *c.layer);
    c.cover = nn_mem_calloc((size_t)WIDE * WIDE, sizeof *c.cover);
    ck_assert(s != NULL && c.layer != NULL && c.cover != NULL);
    scene_draw_up(s, seed, index, o);
    s->camera.tan_half *= 4.0f;
    s->camera.ox *= 0.25f;
    s->camera.oy *= 0.25f;
    s->env.water_level = -1e6f;
    march_draw(s, &c);
    for (size_t i = 0; i < (size_t)WIDE * WIDE; i++) {
        sum += (double)(c.layer[4 * i + 3] * (1.0f - c.cover[i]));
    }
    nn_mem_free(c.cover);
    nn_mem_free(c.layer);
    nn_mem_free(s);
    return sum;
}

static void check_truth(const struct synth_truth *t, const uint8_t *mask,
                        double whole, uint64_t index)
{
    double sum = 0.0, share;
    int side, box[2];

    for (int p = 0; p < SIZE * SIZE; p++) {
        int x = p % SIZE, y = p / SIZE;

        sum += mask[p] / 255.0;
        if (mask[p] > 66) { /* 0.25 and rounding */
            testkit_assert(x >= t->box[0] && x < t->box[2] && y >= t->box[1] &&
                               y < t->box[3],
                           "%d, %d is outside of the box", x, y);
        }
    }
    /* one byte rounds by at most 1/510 */
    ck_assert_double_eq_tol(sum / (SIZE * SIZE), (double)t->area, 0.002);
    box[0] = t->box[2] - t->box[0];
    box[1] = t->box[3] - t->box[1];
    side = box[0] > box[1] ? box[0] : box[1];
    ck_assert_double_eq_tol((double)t->extent, side / (double)SIZE, 1e-6);
    ck_assert(t->visible >= 0.0f && t->visible <= 1.0f);
    if (whole > 100.0) {
        /* the grid of 48 x 48 rays sees an outline of some hundred cells:
         * its edge cells put a few per cent of doubt on the area */
        share = sum / whole < 1.0 ? sum / whole : 1.0;
        ck_assert_msg(share - (double)t->visible < 0.12 &&
                          (double)t->visible - share < 0.12,
                      "image %llu: visible %.3f, mask says %.3f",
                      (unsigned long long)index, (double)t->visible, share);
    }
}

START_TEST(truth_matches_the_mask)
{
    struct synth_options o = synth_defaults();
    int partly = 0, with = 0;

    for (uint64_t i = 0; i < 150; i++) {
        uint8_t rgb[BYTES], mask[SIZE * SIZE];
        struct synth_truth t, d;

        ck_assert_int_eq(synth_render(21, i, &o, SIZE, rgb, mask, &t, NULL),
                         NN_OK);
        synth_describe(21, i, &o, &d);
        ck_assert(t.class == d.class && t.family == d.family &&
                  t.split == d.split && t.near_miss == d.near_miss);
        if (t.family == SYNTH_EMPTY || t.family == SYNTH_TEXTURE) {
            for (int p = 0; p < SIZE * SIZE; p++) {
                testkit_assert(mask[p] == 0, "mask[%d] is %d", p, mask[p]);
            }
            ck_assert(t.visible == 0.0f && t.area == 0.0f);
            continue;
        }
        check_truth(&t, mask, whole_outline(21, i, &o), i);
        with++;
        partly += t.visible < 0.8f;
    }
    ck_assert_int_gt(partly, with / 20); /* some are cut off or hidden */
    ck_assert_int_lt(partly, with / 2);
}
END_TEST

/* No body may reach the fixed tables' ends: the last rows would be lost. */
START_TEST(bodies_fit_their_tables)
{
    struct synth_options o = synth_defaults();
    struct scene *s = nn_mem_calloc(1, sizeof *s);

    ck_assert_ptr_nonnull(s);
    for (uint64_t i = 0; i < 6000; i++) {
        o.near_miss_share = i & 1 ? 0.5f : 0.0f;
        scene_draw_up(s, 31, i, &o);
        ck_assert_uint_lt(s->subject.n_prims, MODEL_PRIMS);
        ck_assert_uint_lt(s->subject.n_materials, MODEL_MATERIALS);
        ck_assert_uint_lt(s->subject.n_paints, MODEL_PAINTS);
        ck_assert(s->camera.pos.y > 0.0f);
    }
    nn_mem_free(s);
}
END_TEST

START_TEST(files_open_again)
{
    struct synth_options o = synth_defaults();
    static const unsigned char jpeg[] = { 0xff, 0xd8, 0xff };
    static const unsigned char png[] = { 0x89, 'P', 'N', 'G' };

    for (int f = SYNTH_JPEG; f <= SYNTH_PNG; f++) {
        uint8_t *a = NULL, *b = NULL;
        size_t n = 0, m = 0;
        struct synth_truth t;

        ck_assert_int_eq(synth_encode(3, 4, &o, SIZE, (enum synth_format)f, &a,
                                      &n, &t, NULL),
                         NN_OK);
        ck_assert_int_eq(synth_encode(3, 4, &o, SIZE, (enum synth_format)f, &b,
                                      &m, NULL, NULL),
                         NN_OK);
        ck_assert_uint_eq(n, m);
        ck_assert_int_eq(memcmp(a, b, n), 0);
        ck_assert_int_eq(f == SYNTH_JPEG ? memcmp(a, jpeg, sizeof jpeg)
                                         : memcmp(a, png, sizeof png),
                         0);
        nn_mem_free(a);
        nn_mem_free(b);
    }
}
END_TEST

static int encode_once(void *ctx)
{
    struct synth_options o = synth_defaults();
    uint8_t *bytes = NULL;
    size_t n = 0;
    enum nn_status st = synth_encode(3, 4, &o, SIZE, *(enum synth_format *)ctx,
                                     &bytes, &n, NULL, NULL);

    nn_mem_free(bytes);
    return st;
}

START_TEST(survives_allocation_failure)
{
    enum synth_format f = SYNTH_JPEG;

    testkit_each_alloc_failure(encode_once, &f);
    f = SYNTH_PNG;
    testkit_each_alloc_failure(encode_once, &f);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("synth");
    TCase *t = tcase_create("images");

    tcase_set_timeout(t, 300);
    tcase_add_test(t, names_cover_every_value);
    tcase_add_test(t, labels_follow_the_shares);
    tcase_add_test(t, bad_options_are_named);
    tcase_add_test(t, specs_parse_or_say_why);
    tcase_add_test(t, sizes_out_of_range_are_refused);
    tcase_add_test(t, images_repeat_to_the_byte);
    tcase_add_test(t, large_images_repeat_too);
    tcase_add_test(t, rare_negatives_show_something);
    tcase_add_test(t, thread_count_changes_nothing);
    tcase_add_test(t, truth_matches_the_mask);
    tcase_add_test(t, bodies_fit_their_tables);
    tcase_add_test(t, files_open_again);
    tcase_add_test(t, survives_allocation_failure);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
