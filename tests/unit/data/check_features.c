/* Features of images, and their cache on disk. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/data/feature_cache.h"
#include "common/data/feature_rows.h"
#include "common/data/score_items.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

/* --- the cache --- */

enum { D = 3, MANY = 3000 };
#define LIMIT  ((uint64_t)1 << 30)
#define RECORD (16 + D * 4)

static const float row_a[D] = { 1, 2, 3 }, row_b[D] = { -4, 0.5f, 6 };

static struct nn_feature_cache *cache_of(const char *dir, uint64_t key,
                                         uint64_t limit)
{
    struct nn_feature_cache *c;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_msg(nn_feature_cache_open(dir, key, D, limit, &c, &err) == NN_OK,
                  "%s", err.text);
    return c;
}

static void expect(struct nn_feature_cache *c, uint64_t content,
                   const float *want)
{
    float got[D];

    ck_assert_int_eq(nn_feature_cache_get(c, content, got), want != NULL);
    ck_assert(want == NULL || memcmp(got, want, sizeof got) == 0);
}

static char *file_of(const char *dir, unsigned key)
{
    return nn_mem_sprintf("%s/features-%016x.bin", dir, key);
}

START_TEST(what_is_put_is_found)
{
    char *dir = testkit_mkdir();
    char *below = nn_path_join(dir, "a/b");
    struct nn_feature_cache *c = cache_of(below, 7, LIMIT);

    expect(c, 11, NULL);
    nn_feature_cache_put(c, 11, row_a);
    nn_feature_cache_put(c, 12, row_b);
    expect(c, 11, row_a);
    expect(c, 12, row_b);
    expect(c, 13, NULL);
    nn_feature_cache_close(&c);
    ck_assert_ptr_null(c);
    c = cache_of(below, 7, LIMIT);
    expect(c, 11, row_a);
    expect(c, 12, row_b);
    nn_feature_cache_close(&c);
    c = cache_of(below, 8, LIMIT);
    expect(c, 11, NULL);
    nn_feature_cache_close(&c);
    nn_mem_free(below);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* Contents whose low bits are equal, and more than the first table holds. */
START_TEST(many_rows)
{
    char *dir = testkit_mkdir();
    struct nn_feature_cache *c = cache_of(dir, 1, LIMIT);

    for (uint64_t i = 0; i < MANY; i++) {
        const float row[D] = { (float)i, 0, 1 };

        nn_feature_cache_put(c, i << 32, row);
    }
    for (int again = 0; again < 2; again++) {
        for (uint64_t i = 0; i < MANY; i++) {
            const float row[D] = { (float)i, 0, 1 };

            expect(c, i << 32, row);
        }
        nn_feature_cache_close(&c);
        c = cache_of(dir, 1, LIMIT);
    }
    nn_feature_cache_close(&c);
    testkit_rmdir(dir);
}
END_TEST

static void damage(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    int c;

    ck_assert_ptr_nonnull(f);
    fseek(f, at, SEEK_SET);
    c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 1, f);
    fclose(f);
}

START_TEST(damage_is_seen)
{
    char *dir = testkit_mkdir(), *path = file_of(dir, 5);
    struct nn_feature_cache *c = cache_of(dir, 5, LIMIT);

    nn_feature_cache_put(c, 1, row_a);
    nn_feature_cache_put(c, 2, row_b);
    nn_feature_cache_close(&c);
    damage(path, 32 + 16 + 5); /* a value of the first row */
    c = cache_of(dir, 5, LIMIT);
    expect(c, 1, NULL);
    expect(c, 2, row_b);
    nn_feature_cache_put(c, 1, row_a); /* the later record counts */
    nn_feature_cache_close(&c);
    c = cache_of(dir, 5, LIMIT);
    expect(c, 1, row_a);
    nn_feature_cache_close(&c);

    ck_assert_int_eq(truncate(path, 32 + 2 * RECORD + 9), 0); /* cut short */
    c = cache_of(dir, 5, LIMIT);
    nn_feature_cache_put(c, 3, row_a);
    nn_feature_cache_close(&c);
    c = cache_of(dir, 5, LIMIT);
    expect(c, 2, row_b);
    expect(c, 3, row_a);
    nn_feature_cache_close(&c);

    damage(path, 17); /* the header */
    c = cache_of(dir, 5, LIMIT);
    expect(c, 2, NULL);
    nn_feature_cache_close(&c);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

/* A second program reads and does not write; flock() is per open file. */
START_TEST(one_writer)
{
    char *dir = testkit_mkdir();
    struct nn_feature_cache *first = cache_of(dir, 9, LIMIT), *second;

    nn_feature_cache_put(first, 1, row_a);
    second = cache_of(dir, 9, LIMIT);
    expect(second, 1, row_a);
    nn_feature_cache_put(second, 2, row_b);
    expect(second, 2, NULL);
    nn_feature_cache_put(first, 3, row_b);
    nn_feature_cache_close(&first);
    nn_feature_cache_close(&second);
    second = cache_of(dir, 9, LIMIT);
    expect(second, 1, row_a);
    expect(second, 2, NULL);
    expect(second, 3, row_b);
    nn_feature_cache_close(&second);
    testkit_rmdir(dir);
}
END_TEST

static void set_age(const char *path, time_t seconds)
{
    const struct timespec t[2] = { { .tv_sec = seconds },
                                   { .tv_sec = seconds } };

    ck_assert_int_eq(utimensat(AT_FDCWD, path, t, 0), 0);
}

START_TEST(the_oldest_goes)
{
    char *dir = testkit_mkdir();
    struct nn_feature_cache *c;
    char *path[3];

    for (unsigned i = 0; i < 3; i++) {
        c = cache_of(dir, i, LIMIT);
        nn_feature_cache_put(c, 1, row_a);
        nn_feature_cache_close(&c);
        path[i] = file_of(dir, i);
        set_age(path[i], i == 1 ? 1000 : 2000 + (time_t)i);
    }
    album_put_text(dir, "other.txt", "not ours, however large it may be");
    /* Two files fit; number 0 was used long ago too, but is asked for. */
    c = cache_of(dir, 0, 2 * (32 + RECORD));
    ck_assert(nn_file_exists(path[0]));
    ck_assert(!nn_file_exists(path[1]));
    ck_assert(nn_file_exists(path[2]));
    nn_feature_cache_close(&c);
    c = cache_of(dir, 0, 32 + 2 * RECORD - 1);
    ck_assert(!nn_file_exists(path[2]));
    expect(c, 1, row_a);
    nn_feature_cache_put(c, 2, row_b); /* is full */
    expect(c, 2, NULL);
    nn_feature_cache_close(&c);
    c = cache_of(dir, 0, 32 + 2 * RECORD);
    nn_feature_cache_put(c, 2, row_b);
    expect(c, 2, row_b);
    nn_feature_cache_close(&c);
    c = cache_of(dir, 0, 1);
    ck_assert(nn_file_exists(path[0]));
    nn_feature_cache_close(&c);
    for (unsigned i = 0; i < 3; i++) {
        nn_mem_free(path[i]);
    }
    testkit_rmdir(dir);
}
END_TEST

START_TEST(no_place_for_it)
{
    char *dir = testkit_mkdir(), *file = nn_path_join(dir, "file");
    struct nn_feature_cache *c;
    struct nn_error err = NN_ERROR_INIT;

    album_put_text(dir, "file", "no folder");
    ck_assert_int_eq(nn_feature_cache_open(file, 1, D, LIMIT, &c, &err),
                     NN_ERR_IO);
    ck_assert_ptr_null(c);
    ck_assert_ptr_nonnull(strstr(err.text, file));
    ck_assert_int_eq(nn_feature_cache_open(dir, 1, 0, LIMIT, &c, NULL),
                     NN_ERR_ARG);
    nn_mem_free(file);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(where_it_is)
{
    static const struct {
        const char *own, *xdg, *home, *want;
    } t[] = {
        { "/a", "/b", "/c", "/a" },
        { "none", "/b", "/c", NULL },
        { "", "/b", "/c", NULL },
        { NULL, "/b", "/c", "/b/bearcascade" },
        { NULL, "relative", "/c", "/c/.cache/bearcascade" },
        { NULL, NULL, "/c", "/c/.cache/bearcascade" },
        { NULL, NULL, NULL, NULL },
    };
    static const char *const name[] = { "BEARCASCADE_CACHE", "XDG_CACHE_HOME",
                                        "HOME" };
    const char *const value[] = { t[_i].own, t[_i].xdg, t[_i].home };
    char *got;

    for (int i = 0; i < 3; i++) {
        if (value[i] != NULL) {
            setenv(name[i], value[i], 1);
        } else {
            unsetenv(name[i]);
        }
    }
    got = nn_feature_cache_dir();
    ck_assert_pstr_eq(got, t[_i].want);
    nn_mem_free(got);
}
END_TEST

/* --- features --- */

enum { IMAGES = 7, SIZE = 32 };

struct world {
    char *dir, *cache;
    struct nn_dataset *ds;
    struct nn_net *net;
    struct nn_augment augment;
    struct nn_feature_options opt;
    size_t dims;
    uint32_t index[IMAGES];
    float *x[2];
    uint8_t ok[IMAGES];
};

static void set_up(struct world *w)
{
    static const char *const names[] = { "one" };
    struct nn_net_spec spec = nn_net_spec_defaults();
    char name[24];

    *w = (struct world){ .dir = testkit_mkdir(),
                         .augment = nn_augment_defaults() };
    w->cache = nn_path_join(w->dir, "cache");
    for (int i = 0; i < IMAGES; i++) {
        snprintf(name, sizeof name, "set/train/a/%d.jpg", i);
        album_put_image(w->dir, name, 40 + (uint64_t)i);
        w->index[i] = (uint32_t)i;
    }
    album_put_text(w->dir, "set/train/a/3.jpg", "no image");
    w->ds = album_open(album_path(w->dir, "set"));
    nn_dataset_fingerprint(w->ds);
    spec.width = 0.1f;
    spec.size = SIZE;
    spec.n_outputs = 1;
    spec.outputs = names;
    ck_assert_int_eq(nn_net_create(&spec, 5, &w->net, NULL), NN_OK);
    w->dims = nn_feature_dims(w->net);
    w->opt = (struct nn_feature_options){
        .augment = &w->augment, .limit_bytes = LIMIT, .batch = 5, .threads = 1
    };
    for (int i = 0; i < 2; i++) {
        w->x[i] = nn_mem_calloc(IMAGES, w->dims * sizeof(float));
        ck_assert_ptr_nonnull(w->x[i]);
    }
}

static void tear_down(struct world *w)
{
    nn_net_destroy(&w->net);
    nn_dataset_close(&w->ds);
    nn_mem_free(w->x[0]);
    nn_mem_free(w->x[1]);
    nn_mem_free(w->cache);
    testkit_rmdir(w->dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}

static void take(struct world *w, const struct nn_dataset *ds, float *x)
{
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_msg(nn_features_of_items(w->net, ds, w->index, IMAGES, &w->opt, x,
                                       w->ok, &err) == NN_OK,
                  "%s", err.text);
}

static int same_rows(const struct world *w, const float *a, const float *b)
{
    return memcmp(a, b, IMAGES * w->dims * sizeof *a) == 0;
}

/* The classifier on them gives the scorer's logits. */
START_TEST(are_what_the_classifier_sees)
{
    struct world w;
    struct nn_scorer *s;
    float logit[IMAGES], own;
    uint8_t ok[IMAGES];

    set_up(&w);
    take(&w, w.ds, w.x[0]);
    ck_assert_int_eq(nn_scorer_create(w.net, IMAGES, &s, NULL), NN_OK);
    ck_assert_uint_eq(nn_scorer_dims(s), w.dims);
    ck_assert_int_eq(
        nn_scorer_run_items(s, w.ds, w.index, IMAGES, NULL, logit, ok, NULL),
        NN_OK);
    nn_scorer_destroy(&s);
    for (size_t i = 0; i < IMAGES; i++) {
        const struct nn_param *p;
        const float *v = w.net->params.value.data;
        int last = nn_graph_last_stage(w.net->graph);

        ck_assert_int_eq(w.ok[i], i != 3);
        if (!w.ok[i]) {
            continue;
        }
        p = nn_graph_stage_param(w.net->graph, last, NN_PARAM_BIAS);
        own = v[p->offset];
        p = nn_graph_stage_param(w.net->graph, last, NN_PARAM_WEIGHT);
        for (size_t j = 0; j < w.dims; j++) {
            own += v[p->offset + j] * w.x[0][i * w.dims + j];
        }
        ck_assert_float_eq_tol(own, logit[i], 1e-4f);
    }
    tear_down(&w);
}
END_TEST

/* Views 0 and 2: with any batch and number of threads, from the cache, and
 * from a data set in which the images have other places. */
START_TEST(the_same_bits)
{
    struct world w;
    struct nn_dataset *other;
    char name[24];

    set_up(&w);
    w.opt.view = _i == 0 ? 0 : 2;
    take(&w, w.ds, w.x[0]);
    w.opt.batch = 32;
    w.opt.threads = 3;
    take(&w, w.ds, w.x[1]);
    ck_assert(same_rows(&w, w.x[0], w.x[1]));
    w.opt.batch = 2;
    take(&w, w.ds, w.x[1]);
    ck_assert(same_rows(&w, w.x[0], w.x[1]));
    w.opt.dir = w.cache;
    for (int i = 0; i < 3; i++) {
        memset(w.x[1], 7, IMAGES * w.dims * sizeof(float));
        take(&w, w.ds, w.x[1]);
        ck_assert(same_rows(&w, w.x[0], w.x[1]));
    }
    ck_assert_int_eq(w.ok[3], 0);
    w.opt.dir = NULL;
    for (int i = 0; i < IMAGES; i++) {
        snprintf(name, sizeof name, "new/train/a/%d.jpg", IMAGES - i);
        album_put_image(w.dir, name, 40 + (uint64_t)i);
    }
    other = album_open(album_path(w.dir, "new"));
    nn_dataset_fingerprint(other);
    take(&w, other, w.x[1]);
    ck_assert(memcmp(w.x[0], w.x[1] + (IMAGES - 1) * w.dims,
                     w.dims * sizeof(float)) == 0);
    nn_dataset_close(&other);
    tear_down(&w);
}
END_TEST

/* Nothing is read where everything is in the cache. */
START_TEST(the_cache_is_used)
{
    struct world w;

    set_up(&w);
    w.opt.dir = w.cache;
    take(&w, w.ds, w.x[0]);
    for (int i = 0; i < IMAGES; i++) {
        char name[24];

        snprintf(name, sizeof name, "set/train/a/%d.jpg", i);
        album_put_text(w.dir, name, "gone");
    }
    take(&w, w.ds, w.x[1]);
    ck_assert(same_rows(&w, w.x[0], w.x[1]));
    ck_assert_int_eq(w.ok[0], 1);
    ck_assert_int_eq(w.ok[3], 0);
    tear_down(&w);
}
END_TEST

/* What decides the numbers is in the key; the classifier is not. */
START_TEST(keys)
{
    struct world w;
    const struct nn_param *p;
    uint64_t before;
    float *v;

    set_up(&w);
    v = w.net->params.value.data;
    before = nn_feature_key(w.net, &w.opt);
    p = nn_graph_stage_param(w.net->graph, nn_graph_last_stage(w.net->graph),
                             NN_PARAM_BIAS);
    v[p->offset] += 1;
    ck_assert(nn_feature_key(w.net, &w.opt) == before);
    p = nn_graph_param(w.net->graph, 0);
    v[p->offset] += 1e-3f;
    ck_assert(nn_feature_key(w.net, &w.opt) != before);
    before = nn_feature_key(w.net, &w.opt);
    w.augment.grey = 0.5f; /* view 0 has no augmentation */
    ck_assert(nn_feature_key(w.net, &w.opt) == before);
    w.opt.view = 1;
    ck_assert(nn_feature_key(w.net, &w.opt) != before);
    before = nn_feature_key(w.net, &w.opt);
    w.augment.grey = 0.25f;
    ck_assert(nn_feature_key(w.net, &w.opt) != before);
    before = nn_feature_key(w.net, &w.opt);
    w.opt.view = 2;
    ck_assert(nn_feature_key(w.net, &w.opt) != before);
    tear_down(&w);
}
END_TEST

START_TEST(stops_and_errors)
{
    volatile sig_atomic_t stop = 1;
    struct nn_error err = NN_ERROR_INIT;
    struct world w;

    set_up(&w);
    w.opt.stop = &stop;
    w.opt.dir = w.cache;
    ck_assert_int_eq(nn_features_of_items(w.net, w.ds, w.index, IMAGES, &w.opt,
                                          w.x[0], w.ok, &err),
                     NN_ERR_STOPPED);
    ck_assert_int_eq(w.ok[0], 1); /* the first batch is kept */
    stop = 0;
    take(&w, w.ds, w.x[0]);
    w.opt.dir = NULL;
    take(&w, w.ds, w.x[1]);
    ck_assert(same_rows(&w, w.x[0], w.x[1]));
    w.opt.view = 1;
    w.opt.augment = NULL;
    ck_assert_int_eq(nn_features_of_items(w.net, w.ds, w.index, IMAGES, &w.opt,
                                          w.x[0], w.ok, &err),
                     NN_ERR_ARG);
    ck_assert_str_eq(err.text, "view 1 has no augmentation");
    tear_down(&w);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("features");
    TCase *t = tcase_create("features");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_is_put_is_found);
    tcase_add_test(t, many_rows);
    tcase_add_test(t, damage_is_seen);
    tcase_add_test(t, one_writer);
    tcase_add_test(t, the_oldest_goes);
    tcase_add_test(t, no_place_for_it);
    tcase_add_loop_test(t, where_it_is, 0, 7);
    tcase_add_test(t, are_what_the_classifier_sees);
    tcase_add_loop_test(t, the_same_bits, 0, 2);
    tcase_add_test(t, the_cache_is_used);
    tcase_add_test(t, keys);
    tcase_add_test(t, stops_and_errors);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
