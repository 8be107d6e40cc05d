/* Fingerprints, near-duplicate groups, splits and leaks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/image/resize.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

/* Write a variant of image `seed`. */
static void put(const char *dir, const char *name, const struct nn_image *img,
                int quality)
{
    size_t size;
    uint8_t *bytes = album_jpeg(img, quality, &size);

    album_put(dir, name, bytes, size);
    nn_mem_free(bytes);
}

static void put_part(const char *dir, const char *name,
                     const struct nn_image *img, struct nn_box box, int32_t w,
                     int32_t h, int quality)
{
    struct nn_image part;

    ck_assert_int_eq(nn_image_create(&part, w, h), NN_OK);
    ck_assert_int_eq(nn_image_resize(img, box, NN_FILTER_AREA, &part), NN_OK);
    put(dir, name, &part, quality);
    nn_image_release(&part);
}

/* A frame of one level that rises by `slope` from left to right. */
static void put_flat(const char *dir, const char *name, int value, int slope)
{
    struct nn_image img;

    ck_assert_int_eq(nn_image_create(&img, 80, 60), NN_OK);
    for (size_t i = 0; i < 80 * 60 * 3; i++) {
        img.rgb[i] = (uint8_t)(value + (int)(i / 3 % 80) * slope / 80);
    }
    put(dir, name, &img, 95);
    nn_image_release(&img);
}

static struct nn_dataset *open_grouped(const char *dir)
{
    struct nn_dataset *ds = album_open(dir);

    nn_dataset_fingerprint(ds);
    ck_assert_int_eq(nn_dataset_group(ds, NN_NEAR_BITS, NULL), NN_OK);
    return ds;
}

static uint64_t group(const struct nn_dataset *ds, const char *file)
{
    return ds->items[album_item(ds, file)].group;
}

START_TEST(test_fingerprint)
{
    char *dir = testkit_mkdir();
    struct nn_image img, tiles;
    struct nn_dataset *ds;
    const struct nn_item *it;

    album_image(&img, 5, 400, 300);
    put(dir, "a/x.jpg", &img, 95);
    ds = album_open(dir);
    nn_dataset_fingerprint(ds);
    it = &ds->items[0];
    ck_assert_int_eq(it->bad, 0);
    ck_assert_int_eq(it->w, 400);
    ck_assert_int_eq(it->h, 300);
    ck_assert_uint_ne(it->hash, 0);
    ck_assert_int_le(__builtin_popcountll(it->dhash ^ nn_image_dhash(&img)), 3);
    ck_assert_int_eq(nn_image_create(&tiles, 4, 4), NN_OK);
    ck_assert_int_eq(nn_image_resize(&img, (struct nn_box){ 0, 0, 400, 300 },
                                     NN_FILTER_AREA, &tiles),
                     NN_OK);
    for (size_t i = 0; i < 48; i++) { /* scaled decoding and JPEG loss */
        ck_assert_int_le(abs(it->colour[i] - tiles.rgb[i]), 4);
    }
    nn_image_release(&tiles);
    ck_assert_int_eq(nn_image_create(&tiles, 16, 16), NN_OK);
    ck_assert_int_eq(nn_image_resize(&img, (struct nn_box){ 0, 0, 400, 300 },
                                     NN_FILTER_AREA, &tiles),
                     NN_OK);
    for (size_t i = 0; i < 256; i++) {
        double luma = 0.299 * tiles.rgb[3 * i] + 0.587 * tiles.rgb[3 * i + 1] +
                      0.114 * tiles.rgb[3 * i + 2];

        ck_assert_double_eq_tol(it->luma[i], luma, 5);
    }
    nn_image_release(&tiles);
    nn_image_release(&img);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_copies)
{
    static const char *const copies[] = { "a/same.jpg", "a/small.jpg",
                                          "a/poor.jpg", "b/crop.jpg",
                                          "b/wide.jpg" };
    char *dir = testkit_mkdir(), name[32];
    struct nn_image img;
    struct nn_dataset *ds;

    album_image(&img, 1, 320, 240);
    put(dir, "a/orig.jpg", &img, 90);
    put(dir, "a/same.jpg", &img, 90);
    put_part(dir, "a/small.jpg", &img, (struct nn_box){ 0, 0, 320, 240 }, 160,
             120, 90);
    put(dir, "a/poor.jpg", &img, 20);
    put_part(dir, "b/crop.jpg", &img, (struct nn_box){ 6, 4, 310, 234 }, 310,
             234, 85);
    put_part(dir, "b/wide.jpg", &img, (struct nn_box){ 0, 0, 320, 240 }, 320,
             200, 85);
    nn_image_release(&img);
    for (uint64_t seed = 100; seed < 300; seed++) {
        snprintf(name, sizeof name, "a/o%llu.jpg", (unsigned long long)seed);
        album_put_image(dir, name, seed);
    }
    ds = open_grouped(dir);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_msg(group(ds, copies[i]) == group(ds, "a/orig.jpg"),
                      "%s stands apart", copies[i]);
    }
    for (uint64_t seed = 100; seed < 300; seed++) {
        snprintf(name, sizeof name, "a/o%llu.jpg", (unsigned long long)seed);
        ck_assert_msg(group(ds, name) == album_item(ds, name) + 1,
                      "%s is in a group", name);
    }
    ck_assert_uint_eq(group(ds, "a/orig.jpg"),
                      album_item(ds, "a/orig.jpg") + 1);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* Same shapes, other colours: another image. */
START_TEST(test_colours)
{
    char *dir = testkit_mkdir();
    struct nn_image img;
    struct nn_dataset *ds;

    album_image(&img, 1, 320, 240);
    for (size_t i = 0; i < 320 * 240 * 3; i++) {
        img.rgb[i] = (uint8_t)(img.rgb[i] / 2 + 60);
    }
    put(dir, "a/1.jpg", &img, 95);
    for (size_t i = 0; i < 320 * 240; i++) {
        img.rgb[3 * i] = (uint8_t)(img.rgb[3 * i] + 50);
        img.rgb[3 * i + 2] = (uint8_t)(img.rgb[3 * i + 2] - 50);
    }
    put(dir, "a/2.jpg", &img, 95);
    nn_image_release(&img);
    ds = open_grouped(dir);
    ck_assert_int_le(
        __builtin_popcountll(ds->items[0].dhash ^ ds->items[1].dhash), 6);
    ck_assert_uint_ne(ds->items[0].group, ds->items[1].group);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* Dark frames all look alike, blank ones have hashes of mere noise: only
 * equal bytes make them one. */
START_TEST(test_plain)
{
    char *dir = testkit_mkdir(), name[32];
    struct nn_dataset *ds;

    for (int v = 0; v < 40; v++) {
        snprintf(name, sizeof name, "a/%02d.jpg", v);
        put_flat(dir, name, v, 8);
    }
    put_flat(dir, "a/x.jpg", 100, 0);
    put_flat(dir, "b/y.jpg", 100, 0);
    put_flat(dir, "b/z.jpg", 101, 0);
    ds = open_grouped(dir);
    for (size_t i = 0; i < ds->n; i++) {
        int twin = strcmp(ds->items[i].file, "b/y.jpg") == 0;

        ck_assert_msg((ds->items[i].group == i + 1) == !twin, "%s",
                      ds->items[i].file);
    }
    ck_assert_uint_eq(group(ds, "b/y.jpg"), group(ds, "a/x.jpg"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* --- made-up items: many, without files --- */

static struct nn_item *many(struct nn_dataset *ds, size_t n)
{
    *ds = (struct nn_dataset){ .n = n };
    ds->items = nn_mem_calloc(n, sizeof *ds->items);
    ck_assert_ptr_nonnull(ds->items);
    for (size_t i = 0; i < n; i++) {
        ds->items[i] = (struct nn_item){ .label = NN_NEGATIVE,
                                         .family = -1,
                                         .split = NN_SPLIT_NONE,
                                         .hash = i + 1 };
        ds->items[i].dhash = nn_rng_at(3, 1, i);
        for (size_t k = 0; k < 256; k++) {
            ds->items[i].luma[k] = (uint8_t)(k / 16 * 16);
        }
    }
    return ds->items;
}

/* Against every pair, one by one; all but the hashes is alike, so these alone
 * decide. Hashes lie close together, so groups have all sizes. */
/* The rule for two images, one condition at a time. Luma rises from left to
 * right in one and from top to bottom in the other. */
START_TEST(test_near)
{
    struct nn_item a = { .hash = 1, .dhash = 0xff }, b;

    for (size_t i = 0; i < sizeof a.luma; i++) {
        a.luma[i] = (uint8_t)(10 * (i % 16));
    }
    b = a;
    b.hash = 2;
    ck_assert_int_eq(nn_items_near(&a, &b, 0), 1);
    b.dhash = 0xfff; /* 4 bits */
    ck_assert_int_eq(nn_items_near(&a, &b, 3), 0);
    ck_assert_int_eq(nn_items_near(&a, &b, 4), 1);
    memset(b.colour, 20, sizeof b.colour);
    ck_assert_int_eq(nn_items_near(&a, &b, 4), 1);
    b.colour[0] = 21;
    ck_assert_int_eq(nn_items_near(&a, &b, 4), 0);
    b.colour[0] = 20;
    for (size_t i = 0; i < sizeof b.luma; i++) {
        b.luma[i] = (uint8_t)(10 * (i / 16));
    }
    ck_assert_int_eq(nn_items_near(&a, &b, 4), 0);
    b.hash = 1; /* the same bytes */
    ck_assert_int_eq(nn_items_near(&a, &b, 4), 1);
    b.bad = 1;
    ck_assert_int_eq(nn_items_near(&a, &b, 4), 0);
    /* Plain: only equal bytes are near. */
    b = a;
    b.hash = 2;
    memset(a.luma, 100, sizeof a.luma);
    memset(b.luma, 100, sizeof b.luma);
    ck_assert_int_eq(nn_items_near(&a, &b, 16), 0);
    b.hash = 1;
    ck_assert_int_eq(nn_items_near(&a, &b, 16), 1);
}
END_TEST

START_TEST(test_bands)
{
    enum { N = 600 };
    struct nn_dataset ds;
    struct nn_item *v = many(&ds, N);
    struct nn_rng rng = nn_rng_make(9, (uint64_t)_i);
    size_t want[N], rounds = 1, groups = 0;

    for (size_t i = 0; i < N; i++) { /* a walk: some flips of an earlier one */
        if (i > 0 && nn_rng_chance(&rng, 0.7f)) {
            v[i].dhash = v[nn_rng_below(&rng, (uint32_t)i)].dhash;
            for (uint32_t k = nn_rng_below(&rng, 20); k > 0; k--) {
                v[i].dhash ^= (uint64_t)1 << nn_rng_below(&rng, 64);
            }
        }
        want[i] = i;
    }
    while (rounds-- > 0) { /* the smallest index spreads until nothing moves */
        for (size_t i = 0; i < N; i++) {
            for (size_t j = 0; j < N; j++) {
                if (want[j] < want[i] &&
                    __builtin_popcountll(v[i].dhash ^ v[j].dhash) <= _i) {
                    want[i] = want[j];
                    rounds = 1;
                }
            }
        }
    }
    ck_assert_int_eq(nn_dataset_group(&ds, _i, NULL), NN_OK);
    for (size_t i = 0; i < N; i++) {
        ck_assert_uint_eq(v[i].group, want[i] + 1);
        groups += want[i] == i;
    }
    ck_assert_uint_gt(groups, 2);
    ck_assert_uint_lt(groups, N);
    nn_mem_free(v);
}
END_TEST

START_TEST(test_group_rules)
{
    struct nn_dataset ds;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_item *v = many(&ds, 10);

    v[3].hash = v[0].hash;          /* equal bytes */
    v[2].group = 2, v[1].group = 2; /* given by a manifest */
    v[4].dhash = v[5].dhash;        /* near */
    v[6].dhash = v[5].dhash;        /* near, but bad */
    v[6].bad = 1;
    v[7].dhash = v[5].dhash;
    memset(v[7].luma, 9, sizeof v[7].luma); /* plain */
    v[8].dhash = v[5].dhash;
    for (size_t k = 0; k < 256; k++) {
        v[8].luma[k] = (uint8_t)(255 - v[5].luma[k]); /* a negative */
    }
    v[9].dhash = v[5].dhash;
    memset(v[9].colour, 21, sizeof v[9].colour);
    ck_assert_int_eq(nn_dataset_group(&ds, 0, &err), NN_OK);
    static const uint64_t want[] = { 1, 2, 2, 1, 5, 5, 7, 8, 9, 10 };
    for (size_t i = 0; i < 10; i++) {
        ck_assert_uint_eq(v[i].group, want[i]);
    }
    memset(v[9].colour, 20, sizeof v[9].colour);
    v[3].dhash = v[5].dhash; /* joins two groups */
    ck_assert_int_eq(nn_dataset_group(&ds, 0, &err), NN_OK);
    ck_assert_uint_eq(v[9].group, 1);
    ck_assert_uint_eq(v[0].group, 1);
    ck_assert_int_eq(nn_dataset_group(&ds, 17, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_dataset_group(&ds, -1, &err), NN_ERR_ARG);
    nn_mem_free(v);
}
END_TEST

START_TEST(test_leaks)
{
    struct nn_dataset ds;
    struct nn_item *v = many(&ds, 10);
    struct nn_leaks l;
    static const uint64_t groups[] = { 1, 1, 3, 3, 3, 6, 6, 8, 8, 0 };
    static const enum nn_split splits[] = { NN_TRAIN, NN_TRAIN, NN_VALID,
                                            NN_TRAIN, NN_TEST,  NN_VALID,
                                            NN_TEST,  NN_TRAIN, NN_TEST,
                                            NN_TEST };
    for (size_t i = 0; i < 10; i++) {
        v[i].group = groups[i];
        v[i].split = splits[i];
    }
    v[8].bad = 1;
    v[4].label = 2; /* one of three */
    nn_dataset_leaks(&ds, &l);
    ck_assert_uint_eq(l.duplicates, 1 + 2 + 1);
    ck_assert_uint_eq(l.leaked, 2);
    ck_assert_uint_eq(l.conflicting, 3);
    ck_assert_uint_eq(l.first[0], 3);
    ck_assert_uint_eq(l.first[1], 2);
    nn_mem_free(v);
}
END_TEST

/* --- splits --- */

static int group_split(void *ctx)
{
    struct nn_dataset *ds = ctx;
    const struct nn_split_shares how = { .valid = 0.1, .test = 0.1, .seed = 1 };
    struct nn_split_counts counts;
    enum nn_status st = nn_dataset_group(ds, 3, NULL);

    return st ? st : nn_dataset_split_rest(ds, &how, &counts, NULL);
}

START_TEST(test_no_memory)
{
    struct nn_dataset ds;
    struct nn_item *v = many(&ds, 20);

    testkit_each_alloc_failure(group_split, &ds);
    nn_mem_free(v);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("group");
    TCase *t = tcase_create("group");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_fingerprint);
    tcase_add_test(t, test_copies);
    tcase_add_test(t, test_colours);
    tcase_add_test(t, test_plain);
    tcase_add_test(t, test_near);
    tcase_add_loop_test(t, test_bands, 0, 17);
    tcase_add_test(t, test_group_rules);
    tcase_add_test(t, test_leaks);
    tcase_add_test(t, test_no_memory);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
