/* One image, the same numbers: as an item, as bytes, decoded, in any batch;
 * read once; its row told as soon as it is final. */
#include <string.h>

#include "common/base/mem.h"
#include "common/data/score_items.h"
#include "pipelines/cascade/cascade.h"
#include "tests/unit/data/album.h"
#include "tests/unit/data/counted.h"
#include "tests/unit/testkit.h"

enum { GATE = 40, SPECIES = 32 };

/* Steps of few images are rounded in another order than those of many. */
#define NEAR 2e-6

static const uint32_t all[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };

/* Random nets of two sizes, a second view of the gate, and a threshold that
 * about half of the images pass. */
static struct model *make_model(void)
{
    static const char *const gate_names[] = { "+a", "+b", "-" };
    static const char *const names[] = { "a", "b" };
    static const struct nn_tta views = { 2, { { GATE, 0 }, { 32, 1 } } };
    struct model *m = nn_mem_calloc(1, sizeof *m);
    struct nn_net_spec s = gate_net_spec(0.1f, GATE);

    m->n_classes = 2;
    m->classes = nn_mem_calloc(2, sizeof *m->classes);
    s.n_outputs = 3;
    s.outputs = gate_names;
    ck_assert_int_eq(nn_net_create(&s, 1, &m->gate, NULL), NN_OK);
    ck_assert_int_eq(nn_net_set_tta(m->gate, &views, NULL), NN_OK);
    s.size = SPECIES;
    s.n_outputs = 2;
    s.outputs = names;
    ck_assert_int_eq(nn_net_create(&s, 2, &m->species, NULL), NN_OK);
    for (size_t i = 0; i < 2; i++) {
        m->classes[i] = nn_mem_strdup(names[i]);
    }
    return m;
}

static double median_of(const struct cascade_scores *s)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t below = 0;

        for (size_t j = 0; j < s->n; j++) {
            below += s->ok[j] && s->p_positive[j] < s->p_positive[i];
        }
        if (s->ok[i] && below == (COUNTED - 2) / 2) {
            return s->p_positive[i];
        }
    }
    ck_abort_msg("no median");
}

static void expect_same(const struct cascade_scores *a,
                        const struct cascade_scores *b)
{
    ck_assert_uint_eq(a->n, b->n);
    ck_assert_mem_eq(a->ok, b->ok, a->n);
    ck_assert_mem_eq(a->ran, b->ran, a->n);
    for (size_t i = 0; i < a->n; i++) {
        ck_assert_double_eq_tol(a->gate_z[i], b->gate_z[i], NEAR);
        ck_assert_double_eq_tol(a->p_positive[i], b->p_positive[i], NEAR);
    }
    for (size_t i = 0; i < a->n * a->n_classes; i++) {
        ck_assert_double_eq_tol(a->p[i], b->p[i], NEAR);
    }
}

/* What the two scorers say when each reads the images for itself. */
static void expect_scorers(const struct model *m, const struct nn_dataset *ds,
                           const struct cascade_scores *got)
{
    float z[COUNTED * 3], p[2];
    uint8_t ok[COUNTED];
    struct nn_scorer *s;

    ck_assert_int_eq(nn_scorer_create(m->gate, 4, &s, NULL), NN_OK);
    ck_assert_int_eq(
        nn_scorer_run_items(s, ds, all, COUNTED, NULL, z, ok, NULL), NN_OK);
    nn_scorer_destroy(&s);
    for (size_t i = 0; i < COUNTED; i++) {
        ck_assert_int_eq(got->ok[i], i != COUNTED_BAD && i != COUNTED_GONE);
        ck_assert_int_eq(got->ok[i], ok[i]);
        if (ok[i]) {
            ck_assert_double_eq_tol(got->gate_z[i],
                                    gate_logit(m->gate, z + 3 * i), NEAR);
        }
    }
    ck_assert_int_eq(nn_scorer_create(m->species, 4, &s, NULL), NN_OK);
    ck_assert_int_eq(
        nn_scorer_run_items(s, ds, all, COUNTED, NULL, z, ok, NULL), NN_OK);
    nn_scorer_destroy(&s);
    for (size_t i = 0; i < COUNTED; i++) {
        nn_net_probabilities(m->species, z + 2 * i, p);
        for (size_t k = 0; k < 2; k++) {
            ck_assert_double_eq_tol(got->p[2 * i + k],
                                    got->ran[i] ? (double)p[k] : 0, NEAR);
        }
    }
}

struct told {
    size_t calls, first, next;
    int stop;
};

static enum nn_status rows(void *ctx, const struct cascade_scores *s,
                           size_t from, size_t to, struct nn_error *err)
{
    struct told *t = ctx;

    (void)err;
    ck_assert_uint_eq(from, t->next);
    ck_assert_uint_gt(to, from);
    for (size_t i = from; i < to; i++) {
        ck_assert(s->ok[i] || s->reason[i] != NULL);
    }
    t->first = t->calls++ == 0 ? to - from : t->first;
    t->next = to;
    return t->stop ? NN_ERR_STOPPED : NN_OK;
}

static void expect_reasons(const struct cascade_scores *s, int gone)
{
    for (size_t i = 0; i < s->n; i++) {
        const char *want = i == COUNTED_BAD            ? "truncated JPEG data"
                           : gone && i == COUNTED_GONE ? "item 6 is gone"
                                                       : NULL;

        if (want == NULL) {
            ck_assert_ptr_null(s->reason[i]);
        } else { /* a share of the rows may follow */
            ck_assert_ptr_eq(strstr(s->reason[i], want), s->reason[i]);
        }
    }
}

START_TEST(items)
{
    struct nn_dataset *ds = counted_open();
    struct model *m = make_model();
    struct cascade_scores half, every, told;
    struct cascade *c;
    struct told t = { 0 };
    const char *log = album_log();
    size_t ran = 0;

    ck_assert_int_eq(cascade_create(m, 4, &c, NULL), NN_OK);
    ck_assert_int_eq(cascade_score(c, ds, all, COUNTED, 1, NULL, &every, NULL),
                     NN_OK);
    for (size_t i = 0; i < COUNTED; i++) {
        ck_assert_int_eq(counted_reads(i), 1);
        ck_assert_int_eq(every.ran[i], every.ok[i]);
    }
    m->gate_policy.threshold = median_of(&every);
    ck_assert_int_eq(cascade_score(c, ds, all, COUNTED, 0, NULL, &half, NULL),
                     NN_OK);
    for (size_t i = 0; i < COUNTED; i++) {
        ck_assert_int_eq(counted_reads(i), 2);
        ck_assert_int_eq(half.ran[i],
                         half.ok[i] &&
                             half.p_positive[i] >= m->gate_policy.threshold);
        ran += half.ran[i];
    }
    ck_assert_uint_eq(ran, 4);
    ck_assert_int_eq(
        cascade_score_rows(c, ds, all, COUNTED, 0, rows, &t, &told, NULL),
        NN_OK);
    expect_same(&half, &told);
    ck_assert_uint_le(t.first, 4);
    ck_assert_uint_eq(t.next, COUNTED);
    ck_assert_uint_ge(t.calls, 3);
    expect_reasons(&told, 1);
    ck_assert_str_eq(log, ""); /* said in the row, not twice */
    cascade_scores_release(&told);
    t = (struct told){ .stop = 1 };
    ck_assert_int_eq(
        cascade_score_rows(c, ds, all, COUNTED, 0, rows, &t, &told, NULL),
        NN_ERR_STOPPED);
    ck_assert_uint_eq(t.calls, 1);
    expect_scorers(m, ds, &every);
    expect_scorers(m, ds, &half);
    cascade_scores_release(&half);
    cascade_scores_release(&every);
    cascade_destroy(&c);
    model_destroy(&m);
    nn_dataset_close(&ds);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* Files as items and as bytes, in batches of 1, 2 and 32. */
START_TEST(bytes)
{
    static const int32_t batch[] = { 1, 2, 32 };
    struct nn_dataset *ds = counted_open();
    struct model *m = make_model();
    struct cascade_input input[COUNTED - 1] = { { NULL, NULL, 0 } };
    struct cascade_scores want, got;
    size_t n = COUNTED_GONE; /* those in front of it */
    struct cascade *c;

    for (size_t i = 0; i < n; i++) {
        input[i].bytes = counted_bytes(i, &input[i].size);
    }
    ck_assert_int_eq(cascade_create(m, batch[_i], &c, NULL), NN_OK);
    ck_assert_int_eq(cascade_max_batch(c), batch[_i]);
    ck_assert_int_eq(cascade_score(c, ds, all, COUNTED, 1, NULL, &want, NULL),
                     NN_OK);
    m->gate_policy.threshold = median_of(&want);
    for (int every = 0; every < 2; every++) {
        cascade_scores_release(&want);
        ck_assert_int_eq(cascade_score(c, ds, all, n, every, NULL, &want, NULL),
                         NN_OK);
        ck_assert_int_eq(cascade_score_inputs(c, input, n, every, &got, NULL),
                         NN_OK);
        expect_same(&want, &got);
        expect_reasons(&got, 0);
        cascade_scores_release(&got);
    }
    cascade_scores_release(&want);
    cascade_destroy(&c);
    for (size_t i = 0; i < n; i++) {
        nn_mem_free((uint8_t *)(uintptr_t)input[i].bytes);
    }
    model_destroy(&m);
    nn_dataset_close(&ds);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* Decoded images: those whose JPEG is not scaled for either net. */
START_TEST(images)
{
    static const uint32_t plain[] = { 0, 5, 6 };
    struct nn_dataset *ds = counted_open();
    struct model *m = make_model();
    struct nn_image img[2] = { NN_IMAGE_INIT, NN_IMAGE_INIT };
    struct nn_image empty = NN_IMAGE_INIT;
    const struct cascade_input v[] = { { .image = &img[0] },
                                       { .image = &img[1] } };
    const struct cascade_input bad[] = { { .image = &img[0] },
                                         { .image = &empty } };
    const struct nn_image_options o = nn_image_defaults();
    struct cascade_scores want, got;
    struct cascade *c;

    for (size_t i = 0; i < 2; i++) {
        size_t size;
        uint8_t *file = counted_bytes(plain[i], &size);

        ck_assert_int_eq(nn_image_decode(file, size, &o, &img[i], NULL, NULL),
                         NN_OK);
        nn_mem_free(file);
    }
    ck_assert_int_eq(cascade_create(m, 8, &c, NULL), NN_OK);
    ck_assert_int_eq(cascade_score(c, ds, plain, 2, 1, NULL, &want, NULL),
                     NN_OK);
    ck_assert_int_eq(cascade_score_inputs(c, v, 2, 1, &got, NULL), NN_OK);
    expect_same(&want, &got);
    cascade_scores_release(&got);
    ck_assert_int_eq(cascade_score_inputs(c, bad, 2, 1, &got, NULL),
                     NN_ERR_ARG);
    ck_assert_ptr_null(got.ok);
    cascade_scores_release(&want);
    cascade_destroy(&c);
    ck_assert_int_eq(cascade_create(m, 0, &c, NULL), NN_ERR_ARG);
    nn_image_release(&img[0]);
    nn_image_release(&img[1]);
    model_destroy(&m);
    nn_dataset_close(&ds);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

struct two {
    struct cascade *cascade;
    struct nn_image img[2];
};

static int score_two(void *ctx)
{
    const struct two *t = ctx;
    const struct cascade_input v[] = { { .image = &t->img[0] },
                                       { .image = &t->img[1] } };
    struct cascade_scores s = CASCADE_SCORES_INIT;
    enum nn_status st = cascade_score_inputs(t->cascade, v, 2, 1, &s, NULL);

    cascade_scores_release(&s);
    return st;
}

START_TEST(want_of_memory)
{
    struct model *m = make_model();
    struct two t;

    ck_assert_int_eq(cascade_create(m, 2, &t.cascade, NULL), NN_OK);
    album_image(&t.img[0], 1, 50, 44);
    album_image(&t.img[1], 2, 90, 80);
    ck_assert_int_eq(score_two(&t), NN_OK); /* the cascade keeps its room */
    testkit_each_alloc_failure(score_two, &t);
    nn_image_release(&t.img[0]);
    nn_image_release(&t.img[1]);
    cascade_destroy(&t.cascade);
    model_destroy(&m);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("photos");
    TCase *t = tcase_create("photos");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, items);
    tcase_add_loop_test(t, bytes, 0, 3);
    tcase_add_test(t, images);
    tcase_add_test(t, want_of_memory);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
