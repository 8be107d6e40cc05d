/* The loader: what batches hold, in which order, whatever the threads. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/data/loader.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

enum { IMAGES = 13, SIZE = 24, FLOATS = SIZE * SIZE * 3 };

static const float mean[3] = { 120, 110, 100 }, stddev[3] = { 60, 50, 64 };

/* IMAGES images of 64 x 48, the seed being the index. */
static char *make_folder(void)
{
    char *dir = testkit_mkdir(), name[32];

    for (int i = 0; i < IMAGES; i++) {
        snprintf(name, sizeof name, "a/%02d.jpg", i);
        album_put_image(dir, name, (uint64_t)i);
    }
    return dir;
}

static struct nn_loader_options options(void)
{
    struct nn_loader_options o = {
        .batch = 4, .size = SIZE, .threads = 2, .seed = 11
    };

    memcpy(o.mean, mean, sizeof mean);
    memcpy(o.stddev, stddev, sizeof stddev);
    return o;
}

static struct nn_loader *create(const struct nn_dataset *ds,
                                const struct nn_loader_options *o)
{
    struct nn_loader *l;
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st = nn_loader_create(ds, o, &l, &err);

    ck_assert_msg(st == NN_OK, "%s", err.text);
    return l;
}

static struct nn_batch next(struct nn_loader *l)
{
    struct nn_batch b;
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st = nn_loader_next(l, &b, &err);

    ck_assert_msg(st == NN_OK, "%s", err.text);
    return b;
}

/* All of a pass, in a row. */
struct pass {
    size_t n, batches;
    uint32_t index[256], row[256];
    int32_t size[256]; /* of each batch */
    float *input;
};

static void run(struct nn_loader *l, const uint32_t *index, size_t n,
                uint64_t epoch, size_t skip, struct pass *p)
{
    struct nn_batch b;

    *p = (struct pass){ 0 };
    p->input = nn_mem_calloc(256 * FLOATS, sizeof(float));
    ck_assert_int_eq(nn_loader_start(l, index, n, epoch, skip, NULL), NN_OK);
    while ((b = next(l)).n > 0) {
        memcpy(p->input + p->n * FLOATS, b.input,
               (size_t)b.n * FLOATS * sizeof(float));
        memcpy(p->index + p->n, b.index, (size_t)b.n * sizeof *b.index);
        memcpy(p->row + p->n, b.row, (size_t)b.n * sizeof *b.row);
        p->size[p->batches++] = b.n;
        p->n += (size_t)b.n;
    }
    ck_assert_int_eq(next(l).n, 0); /* over stays over */
}

static void expect_equal(const struct pass *a, const struct pass *b)
{
    ck_assert_uint_eq(a->n, b->n);
    ck_assert_mem_eq(a->index, b->index, a->n * sizeof a->index[0]);
    ck_assert_mem_eq(a->input, b->input, a->n * FLOATS * sizeof(float));
}

/* View of image `seed` made here, from nothing but the headers' words. */
static void reference(uint64_t seed, int32_t side, const struct nn_augment *a,
                      uint64_t stream, float *want)
{
    struct nn_loader_options o = options();
    struct nn_rng rng = nn_rng_make(o.seed, stream);
    struct nn_image_options decode = nn_image_defaults();
    struct nn_image whole = NN_IMAGE_INIT, img;
    uint8_t rgb[FLOATS];
    size_t size;
    uint8_t *bytes = album_small(seed, &size);

    decode.min_side = side;
    ck_assert_int_eq(nn_image_decode(bytes, size, &decode, &whole, NULL, NULL),
                     NN_OK);
    nn_mem_free(bytes);
    ck_assert_int_eq(nn_image_create(&img, side * 4 / 3, side), NN_OK);
    ck_assert_int_eq(
        nn_image_resize(&whole,
                        (struct nn_box){ 0, 0, (float)whole.w, (float)whole.h },
                        NN_FILTER_AREA, &img),
        NN_OK);
    if (a != NULL) {
        ck_assert_int_eq(nn_augment_apply(a, &rng, &img, SIZE, rgb), NN_OK);
    } else {
        ck_assert_int_eq(nn_image_fit(&img, SIZE, rgb), NN_OK);
    }
    for (size_t i = 0; i < FLOATS; i++) {
        want[i] = ((float)rgb[i] - mean[i % 3]) / stddev[i % 3];
    }
    nn_image_release(&whole);
    nn_image_release(&img);
}

START_TEST(test_contents)
{
    static const uint32_t order[] = { 5, 0, 12, 5, 5, 3, 0 };
    static const uint64_t view[] = { 0, 0, 0, 1, 2, 0, 1 };
    const struct nn_augment augment = nn_augment_defaults();
    char *dir = make_folder();
    struct nn_dataset *ds = album_open(dir);
    struct nn_loader_options o = options();
    struct nn_loader *l;
    struct pass p;
    float want[FLOATS];

    o.augment = _i ? &augment : NULL;
    l = create(ds, &o);
    run(l, order, 7, 3, 0, &p);
    ck_assert_uint_eq(p.n, 7);
    ck_assert_int_eq(p.size[0], 4);
    ck_assert_int_eq(p.size[1], 3);
    for (size_t i = 0; i < 7; i++) {
        ck_assert_uint_eq(p.index[i], order[i]);
        reference(order[i], SIZE + SIZE / 4, o.augment,
                  nn_rng_stream(3, order[i], view[i]), want);
        /* times a reciprocal, not a quotient: two roundings of 2^-24 */
        testkit_close(p.input + i * FLOATS, want, FLOATS, 0, 2.5e-7, "view");
    }
    nn_mem_free(p.input);
    nn_loader_destroy(&l);
    ck_assert_ptr_null(l);
    nn_loader_destroy(&l);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* Threads, cache and look-ahead change nothing. */
START_TEST(test_same_for_all)
{
    static const struct {
        int threads, prefetch;
        size_t cache;
    } ways[] = { { 1, 1, 1 << 20 }, { 4, 0, 1 << 20 }, { 4, 1, 1 },
                 { 1, 7, 1 },       { 3, 2, 9000 },    { 64, 3, 9000 } };
    const struct nn_augment augment = nn_augment_defaults();
    char *dir = make_folder();
    struct nn_dataset *ds = album_open(dir);
    uint32_t order[60];
    struct pass first[2], p;

    for (uint32_t i = 0; i < 60; i++) {
        order[i] = i * 7 % IMAGES;
    }
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        struct nn_loader_options o = options();
        struct nn_loader *l;

        o.augment = &augment;
        o.threads = ways[w].threads;
        o.prefetch = ways[w].prefetch;
        o.cache_bytes = ways[w].cache;
        l = create(ds, &o);
        for (uint64_t epoch = 0; epoch < 2; epoch++) {
            run(l, order, 60, epoch, 0, w == 0 ? &first[epoch] : &p);
            if (w > 0) {
                expect_equal(&p, &first[epoch]);
                nn_mem_free(p.input);
            }
        }
        nn_loader_destroy(&l);
    }
    ck_assert_mem_ne(first[0].input, first[1].input, FLOATS * sizeof(float));
    nn_mem_free(first[0].input);
    nn_mem_free(first[1].input);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_skip)
{
    const struct nn_augment augment = nn_augment_defaults();
    char *dir = make_folder();
    struct nn_dataset *ds = album_open(dir);
    struct nn_loader_options o = options();
    uint32_t order[30];
    struct pass all, rest;
    struct nn_loader *l;

    o.augment = &augment;
    l = create(ds, &o);
    for (uint32_t i = 0; i < 30; i++) {
        order[i] = i * i % IMAGES;
    }
    run(l, order, 30, 5, 0, &all);
    for (size_t skip = 0; skip <= 32; skip += (size_t)_i) {
        size_t from = skip < 30 ? skip : 30;

        run(l, order, 30, 5, skip, &rest);
        ck_assert_uint_eq(rest.n, 30 - from);
        ck_assert_mem_eq(rest.index, all.index + from,
                         rest.n * sizeof(uint32_t));
        for (size_t i = 0; i < rest.n; i++) {
            ck_assert_uint_eq(rest.row[i], from + i);
        }
        ck_assert_mem_eq(rest.input, all.input + from * FLOATS,
                         rest.n * FLOATS * sizeof(float));
        if (rest.batches > 0) {
            ck_assert_int_eq(rest.size[0], rest.n < 4 ? (int32_t)rest.n : 4);
        }
        nn_mem_free(rest.input);
    }
    nn_mem_free(all.input);
    nn_loader_destroy(&l);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* A pass may be given up at any time. */
START_TEST(test_restart)
{
    char *dir = make_folder();
    struct nn_dataset *ds = album_open(dir);
    struct nn_loader_options o = options();
    uint32_t order[IMAGES];
    struct pass want, got;
    struct nn_loader *l;

    o.threads = 3;
    l = create(ds, &o);
    for (uint32_t i = 0; i < IMAGES; i++) {
        order[i] = IMAGES - 1 - i;
    }
    ck_assert_int_eq(next(l).n, 0); /* no pass yet */
    run(l, order, IMAGES, 0, 0, &want);
    for (int round = 0; round < 30; round++) {
        ck_assert_int_eq(
            nn_loader_start(l, order + 3, 10, (uint64_t)round, 0, NULL), NN_OK);
        for (int k = 0; k < round % 3; k++) {
            ck_assert_int_gt(next(l).n, 0);
        }
        run(l, order, IMAGES, 0, 0, &got);
        expect_equal(&got, &want);
        nn_mem_free(got.input);
    }
    run(l, order, 0, 0, 0, &got);
    ck_assert_uint_eq(got.n, 0);
    nn_mem_free(got.input);
    ck_assert_int_eq(nn_loader_start(l, order, 5, 0, 0, NULL), NN_OK);
    nn_loader_destroy(&l); /* amid a pass */
    nn_mem_free(want.input);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(test_bad_images)
{
    static const uint32_t order[] = { 0, 1, 2, 3, 4, 5, 6, 7, 4,
                                      5, 6, 7, 8, 9, 1, 2, 3, 0 };
    static const uint32_t want[] = { 0, 2, 3, 8, 9, 2, 3, 0 };
    char *dir = make_folder();
    const char *log = album_log();
    struct nn_loader_stats stats;
    struct nn_dataset *ds;
    struct nn_loader_options o = options();
    struct nn_loader *l;
    struct pass p;

    album_put_text(dir, "a/01.jpg", "no image");
    album_put(dir, "a/04.jpg", "", 0);
    album_put_text(dir, "a/05.jpg", "\377\330\377\340 cut");
    ds = album_open(dir);
    ck_assert_int_eq(remove(album_path(dir, "a/06.jpg")), 0);
    ck_assert_int_eq(remove(album_path(dir, "a/07.jpg")), 0);
    l = create(ds, &o);
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        run(l, order, 18, epoch, 0, &p);
        ck_assert_uint_eq(p.n, 8);
        ck_assert_mem_eq(p.index, want, sizeof want);
        ck_assert_int_eq(p.size[0], 3); /* two batches are gone wholly */
        ck_assert_int_eq(p.size[1], 3);
        ck_assert_int_eq(p.size[2], 2);
        for (size_t i = 0; i < 8; i++) {
            float view[FLOATS];

            reference(want[i], SIZE + SIZE / 4, NULL, 0, view);
            testkit_close(p.input + i * FLOATS, view, FLOATS, 0, 2.5e-7, "v");
        }
        nn_mem_free(p.input);
    }
    nn_loader_get_stats(l, &stats);
    ck_assert_uint_eq(stats.failed, 5);
    for (int i = 0; i < IMAGES; i++) { /* named once, if bad */
        char name[32];
        const char *at;

        snprintf(name, sizeof name, "left out 'a/%02d.jpg'", i);
        at = strstr(log, name);
        ck_assert_msg((at != NULL) == (i == 1 || (i >= 4 && i <= 7)), "%s",
                      name);
        ck_assert(at == NULL || strstr(at + 1, name) == NULL);
    }
    nn_loader_destroy(&l);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(test_cache)
{
    char *dir = make_folder();
    struct nn_dataset *ds = album_open(dir);
    struct nn_loader_options o = options();
    struct nn_loader_stats s;
    uint32_t order[IMAGES];
    struct nn_loader *l;
    struct pass p;
    long blocks;

    /* 64 x 48 at a shorter side of 30: 40 x 30 pixels of 3 bytes */
    o.cache_bytes = _i ? 3600 * 5 + 100 : 1 << 20;
    l = create(ds, &o);
    for (uint32_t i = 0; i < IMAGES; i++) {
        order[i] = i;
    }
    run(l, order, IMAGES, 0, 0, &p);
    nn_mem_free(p.input);
    blocks = nn_mem_live();
    for (int k = 0; k < 2; k++) {
        run(l, order, IMAGES, 0, 0, &p);
        nn_mem_free(p.input);
        ck_assert_int_eq(nn_mem_live(), blocks); /* a pass keeps nothing */
    }
    nn_loader_get_stats(l, &s);
    ck_assert_uint_eq(s.cache_bytes, 3600 * (_i ? 5 : IMAGES));
    ck_assert_uint_eq(s.cache_hits, 2 * (_i ? 5 : IMAGES));
    ck_assert_uint_eq(s.cache_hits + s.cache_misses, 3 * IMAGES);
    ck_assert_uint_eq(s.failed, 0);
    ck_assert(s.wait_s > 0);
    nn_loader_destroy(&l);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* Straight from a tar, several workers reading at once. */
START_TEST(test_archive)
{
    char *dir = make_folder();
    const char *path = album_path(dir, "pack.tar");
    struct archive *a = album_archive(path, ALBUM_USTAR);
    struct nn_dataset *files, *packed;
    struct nn_loader_options o = options();
    uint32_t order[52];
    struct pass p[2];
    char name[32];

    for (int i = 0; i < IMAGES; i++) {
        snprintf(name, sizeof name, "a/%02d.jpg", i);
        album_add_image(a, name, (uint64_t)i);
    }
    album_finish(a);
    files = album_open(album_path(dir, "."));
    packed = album_open(path);
    o.threads = 4;
    o.cache_bytes = 1;
    for (uint32_t i = 0; i < 52; i++) {
        order[i] = i * 5 % IMAGES;
    }
    for (int k = 0; k < 2; k++) {
        struct nn_loader *l = create(k ? packed : files, &o);

        run(l, order, 52, 1, 0, &p[k]);
        nn_loader_destroy(&l);
    }
    expect_equal(&p[0], &p[1]);
    nn_mem_free(p[0].input);
    nn_mem_free(p[1].input);
    nn_dataset_close(&files);
    nn_dataset_close(&packed);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_prepare)
{
    struct nn_image img, got = NN_IMAGE_INIT;
    struct nn_error err = NN_ERROR_INIT;
    size_t size;
    uint8_t *bytes;

    album_image(&img, 1, 300, 200);
    bytes = album_jpeg(&img, 90, &size);
    ck_assert_int_eq(nn_image_prepare(bytes, size, 60, &got, NULL, &err),
                     NN_OK);
    ck_assert_int_eq(got.w, 90);
    ck_assert_int_eq(got.h, 60);
    nn_image_release(&got);
    ck_assert_int_eq(nn_image_prepare(bytes, size, 500, &got, NULL, &err),
                     NN_OK);
    ck_assert_int_eq(got.w, 300);
    nn_image_release(&got);
    got = (struct nn_image)NN_IMAGE_INIT;
    ck_assert_int_eq(nn_image_prepare(bytes, 30, 60, &got, NULL, &err),
                     NN_ERR_FORMAT);
    ck_assert_ptr_null(got.rgb);
    nn_image_release(&img);
    nn_mem_free(bytes);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(test_bad_options)
{
    char *dir = make_folder();
    struct nn_dataset *ds = album_open(dir);
    struct nn_augment augment = nn_augment_defaults();
    struct nn_loader_options o = options();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_loader *l = NULL;
    struct nn_batch b;
    uint32_t order[2] = { 0, IMAGES };

    o.batch = 0;
    ck_assert_int_eq(nn_loader_create(ds, &o, &l, &err), NN_ERR_ARG);
    o = options();
    o.size = 0;
    ck_assert_int_eq(nn_loader_create(ds, &o, &l, &err), NN_ERR_ARG);
    o = options();
    o.stddev[1] = 0;
    ck_assert_int_eq(nn_loader_create(ds, &o, &l, &err), NN_ERR_ARG);
    ck_assert_ptr_null(l);
    o = options();
    l = create(ds, &o);
    ck_assert_int_eq(nn_loader_start(l, order, 2, 0, 0, &err), NN_ERR_ARG);
    ck_assert_int_eq(next(l).n, 0);
    ck_assert_int_eq(nn_loader_start(l, order, 1, 0, 0, &err), NN_OK);
    ck_assert_int_eq(next(l).n, 1);
    nn_loader_destroy(&l);
    /* No image's fault, so it must not look like unreadable images. */
    augment.crop_min = 2;
    o.augment = &augment;
    l = create(ds, &o);
    ck_assert_int_eq(nn_loader_start(l, order, 1, 0, 0, &err), NN_OK);
    ck_assert_int_eq(nn_loader_next(l, &b, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot make a view"));
    ck_assert_int_eq(b.n, 0);
    nn_loader_destroy(&l);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

static int create_destroy(void *ctx)
{
    struct nn_loader_options o = options();
    struct nn_loader *l;
    enum nn_status st = nn_loader_create(ctx, &o, &l, NULL);

    nn_loader_destroy(&l);
    return st;
}

/* One worker, so that the failing allocation is always the same one. */
static int whole_pass(void *ctx)
{
    static const uint32_t order[] = { 0, 1, 2, 3, 4 };
    struct nn_loader_options o = options();
    struct nn_batch b = { .n = 1 };
    struct nn_loader *l;
    enum nn_status st;

    o.threads = 1;
    st = nn_loader_create(ctx, &o, &l, NULL);
    if (!st) {
        st = nn_loader_start(l, order, 5, 0, 0, NULL);
    }
    while (!st && b.n > 0) {
        st = nn_loader_next(l, &b, NULL);
    }
    nn_loader_destroy(&l);
    return st;
}

START_TEST(test_no_memory)
{
    char *dir = make_folder();
    struct nn_dataset *ds = album_open(dir);

    testkit_each_alloc_failure(create_destroy, ds);
    testkit_each_alloc_failure(whole_pass, ds);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

static Suite *create_suite(void)
{
    Suite *s = suite_create("loader");
    TCase *t = tcase_create("loader");

    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, test_contents, 0, 2);
    tcase_add_test(t, test_same_for_all);
    tcase_add_loop_test(t, test_skip, 3, 5);
    tcase_add_test(t, test_restart);
    tcase_add_test(t, test_bad_images);
    tcase_add_loop_test(t, test_cache, 0, 2);
    tcase_add_test(t, test_archive);
    tcase_add_test(t, test_prepare);
    tcase_add_test(t, test_bad_options);
    tcase_add_test(t, test_no_memory);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create_suite)
