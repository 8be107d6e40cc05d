/* Steps of the species net: images that pass the gate are collected, and the
 * answers, their order and what becomes of a failure are as without that. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/cascade/cascade_internal.h"
#include "tests/unit/stages/scripted_model.h"
#include "tests/unit/testkit.h"

enum { IMAGES = 60, ROWS = 64 };

static char *dir;
static char *path[IMAGES];
static int grey[IMAGES]; /* -1: unreadable; 128 and more pass the gate */
static struct nn_dataset *ds;
static struct model *model;
static uint32_t index_of[ROWS];

static void spoil(int i)
{
    FILE *f = fopen(path[i], "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs("no image", f), 0);
    ck_assert_int_eq(fclose(f), 0);
    grey[i] = -1;
}

/* Images of greys in no order; some that cannot be read, at both ends of a
 * batch among others. The first of them come again behind the others. */
static void set_up(void)
{
    static const int bad[] = { 0, 15, 16, 40, IMAGES - 1 };
    const struct nn_dataset_options pool = { .as_pool = 1 };
    char name[16];

    dir = testkit_mkdir();
    for (int i = 0; i < IMAGES; i++) {
        grey[i] = i * 37 % 256;
        snprintf(name, sizeof name, "%02d", i);
        path[i] = scripted_image(dir, name, grey[i]);
    }
    ck_assert_int_eq(nn_dataset_open(dir, &pool, &ds, NULL), NN_OK);
    for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
        spoil(bad[b]);
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        index_of[i] = i % IMAGES;
    }
    model = scripted_model();
}

static void tear_down(void)
{
    model_destroy(&model);
    nn_dataset_close(&ds);
    for (int i = 0; i < IMAGES; i++) {
        nn_mem_free(path[i]);
    }
    testkit_rmdir(dir);
}

/* All rows, all images in one batch: those that pass are a step of their
 * own. */
static void score_all(struct cascade_scores *s)
{
    struct cascade *c;

    ck_assert_int_eq(cascade_create(model, ROWS, &c, NULL), NN_OK);
    ck_assert_int_eq(cascade_score(c, ds, index_of, ROWS, 0, NULL, s, NULL),
                     NN_OK);
    cascade_destroy(&c);
}

struct told {
    const uint32_t *index;
    size_t n, largest, stop_at; /* rows, the most at a time, where to stop */
};

static enum nn_status count_rows(void *ctx, const struct cascade_scores *s,
                                 size_t from, size_t to, struct nn_error *err)
{
    struct told *t = ctx;

    (void)err;
    ck_assert_uint_eq(from, t->n);
    ck_assert_uint_gt(to, from);
    for (size_t i = from; i < to; i++) {
        testkit_assert(!s->ok[i] || s->ran[i] == (grey[t->index[i]] >= 128),
                       "row %zu is told before it is final", i);
    }
    t->largest = to - from > t->largest ? to - from : t->largest;
    t->n = to;
    return t->stop_at > 0 && to >= t->stop_at ? NN_ERR_STOPPED : NN_OK;
}

static void expect_same(const struct cascade_scores *s,
                        const struct cascade_scores *all)
{
    ck_assert_uint_eq(s->n, all->n);
    ck_assert_mem_eq(s->ok, all->ok, s->n);
    ck_assert_mem_eq(s->ran, all->ran, s->n);
    ck_assert_mem_eq(s->p_positive, all->p_positive,
                     s->n * sizeof *s->p_positive);
    ck_assert_mem_eq(s->p, all->p, s->n * 3 * sizeof *s->p);
}

/* As many full steps as there are, and a last one; a slow machine may cut some
 * short, one a second. */
static void expect_full(const struct cascade_scores *s, size_t passed,
                        size_t batch, double seconds)
{
    size_t full = (passed + batch - 1) / batch;

    testkit_assert(s->species_steps >= full &&
                       (double)s->species_steps <=
                           (double)full + seconds / CASCADE_WAIT_S,
                   "%zu steps for %zu images, %zu at a time", s->species_steps,
                   passed, batch);
}

/* Images that pass are collected: the same bits in batches of any size, full
 * steps, every row told once and in order. */
START_TEST(full_steps)
{
    static const int32_t batches[] = { CASCADE_BATCH, 1, 3, 8, 50 };
    struct cascade_scores all, s;
    struct cascade *c;
    size_t passed = 0;

    nn_parallel_set_threads(_i == 0 ? 1 : 3);
    score_all(&all);
    for (size_t i = 0; i < ROWS; i++) {
        passed += all.ran[i];
    }
    for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
        struct told told = { .index = index_of };
        double t0 = nn_time_s();

        ck_assert_int_eq(cascade_create(model, batches[b], &c, NULL), NN_OK);
        ck_assert_int_eq(cascade_score_rows(c, ds, index_of, ROWS, 0,
                                            count_rows, &told, &s, NULL),
                         NN_OK);
        ck_assert_uint_eq(told.n, ROWS);
        expect_same(&s, &all);
        expect_full(&s, passed, (size_t)batches[b], nn_time_s() - t0);
        cascade_scores_release(&s);
        cascade_destroy(&c);
    }
    cascade_scores_release(&all);
}
END_TEST

/* A species net of larger images takes half as many at once. */
START_TEST(larger_images_by_halves)
{
    static const int32_t batches[] = { 1, 2, 7, 8, ROWS };
    static const struct scripted_output species[] = { { "ant", 3, 0 },
                                                      { "bee", 0, 1 },
                                                      { "cat", -4, 2 } };
    struct cascade_scores all, s;
    struct cascade *c;

    nn_net_destroy(&model->species);
    model->species = scripted_net_at(64, NN_HEAD_SOFTMAX, 0.5, species, 3);
    for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
        ck_assert_int_eq(cascade_create(model, batches[b], &c, NULL), NN_OK);
        ck_assert_int_eq(c->species_batch, (batches[b] + 1) / 2);
        ck_assert_int_eq(cascade_score_rows(c, ds, index_of, ROWS, 0, NULL,
                                            NULL, b == 0 ? &all : &s, NULL),
                         NN_OK);
        if (b > 0) {
            expect_same(&s, &all);
            cascade_scores_release(&s);
        }
        cascade_destroy(&c);
    }
    cascade_scores_release(&all);
}
END_TEST

/* Files' bytes in memory go the same way. */
START_TEST(full_steps_from_memory)
{
    struct cascade_input in[ROWS];
    unsigned char *bytes[ROWS] = { NULL };
    struct cascade_scores all, s;
    struct cascade *c;

    score_all(&all);
    for (size_t i = 0; i < ROWS; i++) {
        size_t size = 0;

        in[i] =
            (struct cascade_input){ .bytes = (const uint8_t *)"x", .size = 1 };
        if (grey[index_of[i]] >= 0) {
            ck_assert(!nn_file_read(path[index_of[i]], 1 << 20, &bytes[i],
                                    &size, NULL));
            in[i].bytes = bytes[i];
            in[i].size = size;
        }
    }
    for (int32_t batch = 1; batch < 100; batch = 3 * batch + 1) {
        ck_assert_int_eq(cascade_create(model, batch, &c, NULL), NN_OK);
        ck_assert_int_eq(cascade_score_inputs(c, in, ROWS, 0, &s, NULL), NN_OK);
        expect_same(&s, &all);
        cascade_scores_release(&s);
        cascade_destroy(&c);
    }
    for (size_t i = 0; i < ROWS; i++) {
        nn_mem_free(bytes[i]);
    }
    cascade_scores_release(&all);
}
END_TEST

/* One image passes and hundreds behind it do not: their rows are not held back
 * until the end. */
START_TEST(no_row_waits_for_long)
{
    enum { N = 300, BATCH = 4 };
    uint32_t index[N], dark = 0, light = 0;
    struct told told = { .index = index };
    struct cascade_scores s;
    struct cascade *c;

    while (grey[dark] < 0 || grey[dark] >= 128) {
        dark++;
    }
    while (grey[light] < 128) {
        light++;
    }
    for (size_t i = 0; i < N; i++) {
        index[i] = i == 5 ? light : dark;
    }
    ck_assert_int_eq(cascade_create(model, BATCH, &c, NULL), NN_OK);
    ck_assert_int_eq(
        cascade_score_rows(c, ds, index, N, 0, count_rows, &told, &s, NULL),
        NN_OK);
    ck_assert_uint_eq(told.n, N);
    ck_assert_uint_eq(s.species_steps, 1);
    ck_assert_uint_le(told.largest, (CASCADE_WAIT + 1) * BATCH);
    cascade_scores_release(&s);
    cascade_destroy(&c);
}
END_TEST

/* On one trunk the species net's classifier takes what the gate has computed:
 * the same bits as two nets, at once, and no input of its own. */
START_TEST(one_trunk_is_run_once)
{
    struct cascade_input in[ROWS];
    struct nn_image img[ROWS] = { NN_IMAGE_INIT };
    struct cascade_scores two[2], one;
    struct cascade *c;

    for (size_t i = 0; i < ROWS; i++) {
        ck_assert_int_eq(nn_image_create(&img[i], 40, 32), NN_OK);
        memset(img[i].rgb, (int)(i * 37 % 256), 40 * 32 * 3);
        in[i] = (struct cascade_input){ .image = &img[i] };
    }
    ck_assert_int_eq(model_one_trunk(model), 0);
    ck_assert_int_eq(cascade_create(model, ROWS, &c, NULL), NN_OK);
    ck_assert_int_eq(
        cascade_score(c, ds, index_of, ROWS, _i, NULL, &two[0], NULL), NN_OK);
    ck_assert_int_eq(cascade_score_inputs(c, in, ROWS, _i, &two[1], NULL),
                     NN_OK);
    cascade_destroy(&c);
    scripted_trunk(model->species, 0);
    ck_assert_int_eq(model_one_trunk(model), 1);
    for (int32_t batch = 1; batch < 100; batch = 3 * batch + 1) {
        ck_assert_int_eq(cascade_create(model, batch, &c, NULL), NN_OK);
        for (int memory = 0; memory < 2; memory++) {
            ck_assert_int_eq(
                memory ? cascade_score_inputs(c, in, ROWS, _i, &one, NULL)
                       : cascade_score(c, ds, index_of, ROWS, _i, NULL, &one,
                                       NULL),
                NN_OK);
            expect_same(&one, &two[memory]);
            ck_assert_uint_gt(one.species_steps, 0);
            cascade_scores_release(&one);
        }
        ck_assert_ptr_null(c->wait_x);
        ck_assert_ptr_null(c->species_x);
        cascade_destroy(&c);
    }
    for (size_t i = 0; i < ROWS; i++) {
        nn_image_release(&img[i]);
    }
    cascade_scores_release(&two[0]);
    cascade_scores_release(&two[1]);
}
END_TEST

/* Another view, another net: nothing is shared. */
START_TEST(what_is_one_trunk)
{
    struct nn_net *species = model->species;
    struct nn_net_spec kept = species->spec;

    scripted_trunk(species, 0);
    ck_assert_int_eq(model_one_trunk(model), 1);
    species->spec.mean[1] += 1;
    ck_assert_int_eq(model_one_trunk(model), 0);
    species->spec = kept;
    species->spec.stddev[2] += 1;
    ck_assert_int_eq(model_one_trunk(model), 0);
    species->spec = kept;
    species->spec.size = 64;
    ck_assert_int_eq(model_one_trunk(model), 0);
    species->spec = kept;
    species->spec.more[0] = (struct nn_tta_view){ .size = 32, .mirrored = 1 };
    species->spec.n_more = 1;
    ck_assert_int_eq(model_one_trunk(model), 0);
    species->spec = kept;
    model->species = NULL;
    ck_assert_int_eq(model_one_trunk(model), 0);
    model->species = species;
}
END_TEST

/* A pass that ends in the middle leaves nothing for the next one. */
START_TEST(stopped_in_the_middle)
{
    struct told told = { .index = index_of, .stop_at = 10 };
    struct cascade_scores all, s;
    struct cascade *c;

    score_all(&all);
    ck_assert_int_eq(cascade_create(model, 7, &c, NULL), NN_OK);
    ck_assert_int_eq(cascade_score_rows(c, ds, index_of, ROWS, 0, count_rows,
                                        &told, &s, NULL),
                     NN_ERR_STOPPED);
    ck_assert_uint_ge(told.n, 10);
    ck_assert_uint_lt(told.n, ROWS);
    ck_assert_uint_eq(s.n, 0);
    ck_assert_ptr_null(s.p);
    told = (struct told){ .index = index_of };
    ck_assert_int_eq(cascade_score_rows(c, ds, index_of, ROWS, 0, count_rows,
                                        &told, &s, NULL),
                     NN_OK);
    expect_same(&s, &all);
    cascade_scores_release(&s);
    cascade_scores_release(&all);
    cascade_destroy(&c);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("cascade_steps");
    TCase *t = tcase_create("steps");

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, full_steps, 0, 2);
    tcase_add_test(t, larger_images_by_halves);
    tcase_add_test(t, full_steps_from_memory);
    tcase_add_test(t, no_row_waits_for_long);
    tcase_add_loop_test(t, one_trunk_is_run_once, 0, 2);
    tcase_add_test(t, what_is_one_trunk);
    tcase_add_test(t, stopped_in_the_middle);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
