/* Fingerprints of what a model was trained on. */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/data/seen.h"
#include "tests/unit/testkit.h"

enum { N = 600 };

/* A third each in train, valid and test; every seventh is unreadable. */
static struct nn_item items[N];
static struct nn_dataset ds;

static void set_up(void)
{
    for (size_t i = 0; i < N; i++) {
        items[i] = (struct nn_item){ .split = (enum nn_split)(i % NN_SPLITS),
                                     .label = (int32_t)(i % 4) - 1,
                                     .hash = nn_rng_at(5, 5, i),
                                     .bad = i % 7 == 6 };
    }
    ds = (struct nn_dataset){ .n = N, .items = items };
}

static struct nn_seen seen_of_ds(void)
{
    struct nn_seen s;

    ck_assert_int_eq(nn_seen_init(&s, &ds, NULL), NN_OK);
    return s;
}

static void expect(const struct nn_seen *s)
{
    for (size_t i = 0; i < N; i++) {
        for (int p = 0; p < NN_SEEN_PARTS; p++) {
            int want = !items[i].bad && (int)items[i].split == p;

            testkit_assert(nn_seen_has(s, (enum nn_split)p, &items[i]) == want,
                           "item %zu, part %d", i, p);
        }
    }
}

START_TEST(knows_what_was_there)
{
    struct nn_seen s = seen_of_ds();
    struct nn_item other = items[0];

    expect(&s);
    other.file = "somewhere/else.jpg"; /* the same bytes */
    other.split = NN_TEST;
    ck_assert(nn_seen_has(&s, NN_TRAIN, &other));
    other.hash ^= 1; /* of the lower 16 bits, which do not count */
    ck_assert(nn_seen_has(&s, NN_TRAIN, &other));
    other.hash ^= (uint64_t)1 << 16; /* the last bit that counts */
    ck_assert(!nn_seen_has(&s, NN_TRAIN, &other));
    other.hash = 0; /* not fingerprinted */
    ck_assert(!nn_seen_has(&s, NN_TRAIN, &other));
    nn_seen_release(&s);
    ck_assert(!nn_seen_has(&s, NN_TRAIN, &items[0])); /* empty */
}
END_TEST

START_TEST(copies_are_kept_once)
{
    struct nn_seen s;

    for (size_t i = 0; i < N; i++) {
        items[i].bad = 0;
        items[i].hash = items[i % 30].hash;
    }
    s = seen_of_ds();
    ck_assert_uint_eq(s.n[NN_TRAIN], 10);
    ck_assert_uint_eq(s.n[NN_VALID], 10);
    nn_seen_release(&s);
}
END_TEST

/* What a teacher has seen, an image of its own and one of both. */
START_TEST(a_teacher_has_seen_more)
{
    struct nn_seen s, teacher;
    struct nn_item item[4];
    struct nn_dataset its = { .n = 4, .items = item };
    size_t n;

    items[2].split = NN_SPLIT_UNLABELLED; /* of ds, which stood in test */
    s = seen_of_ds();
    ck_assert(nn_seen_has(&s, NN_TRAIN, &items[2]));
    ck_assert(!nn_seen_has(&s, NN_TRAIN, &items[5]));
    n = s.n[NN_TRAIN];
    for (size_t i = 0; i < 4; i++) { /* train, train, valid, test */
        item[i] = items[i < 1 ? 0 : 3 * i + 2];
        item[i].split = i < 2 ? NN_TRAIN : i == 2 ? NN_VALID : NN_TEST;
    }
    ck_assert_int_eq(nn_seen_init(&teacher, &its, NULL), NN_OK);
    ck_assert_int_eq(nn_seen_add_trained(&s, &teacher, NULL), NN_OK);
    ck_assert_uint_eq(s.n[NN_TRAIN], n + 1);
    for (size_t i = 1; i < s.n[NN_TRAIN]; i++) {
        ck_assert(s.v[NN_TRAIN][i - 1] < s.v[NN_TRAIN][i]);
    }
    ck_assert(nn_seen_has(&s, NN_TRAIN, &item[1]));
    ck_assert(!nn_seen_has(&s, NN_TRAIN, &item[2]));
    ck_assert(!nn_seen_has(&s, NN_TRAIN, &item[3]));
    nn_seen_release(&teacher);
    ck_assert_int_eq(nn_seen_add_trained(&s, &teacher, NULL), NN_OK);
    ck_assert_uint_eq(s.n[NN_TRAIN], n + 1); /* of nothing, nothing */
    nn_seen_release(&s);
}
END_TEST

START_TEST(text_round_trip)
{
    struct nn_seen s = seen_of_ds(), back;
    json_t *j = nn_seen_json(&s);

    ck_assert_ptr_nonnull(j);
    ck_assert_uint_eq(json_string_length(json_object_get(j, "train")),
                      12 * s.n[NN_TRAIN]);
    ck_assert_int_eq(nn_seen_parse(j, &back, NULL), NN_OK);
    for (int p = 0; p < NN_SEEN_PARTS; p++) {
        ck_assert_uint_eq(back.n[p], s.n[p]);
        ck_assert_mem_eq(back.v[p], s.v[p], s.n[p] * sizeof *s.v[p]);
    }
    expect(&back);
    json_decref(j);
    nn_seen_release(&s);
    nn_seen_release(&back);
}
END_TEST

static const struct {
    const char *text, *says;
} damaged[] = {
    { "{}", "48 bits" },
    { "[]", "48 bits" },
    { "{\"bits\":64,\"train\":\"\",\"valid\":\"\"}", "48 bits" },
    { "{\"bits\":48,\"train\":\"\"}", "of valid" },
    { "{\"bits\":48,\"train\":7,\"valid\":\"\"}", "of train" },
    { "{\"bits\":48,\"train\":\"00000000000\",\"valid\":\"\"}", "of train" },
    { "{\"bits\":48,\"train\":\"00000000000g\",\"valid\":\"\"}", "of train" },
    { "{\"bits\":48,\"train\":\"\",\"valid\":\"00000000000a000000000009\"}",
      "of valid" },
    { "{\"bits\":48,\"train\":\"\",\"valid\":\"00000000000a00000000000a\"}",
      "of valid" },
};
enum { N_DAMAGED = sizeof damaged / sizeof damaged[0] };

START_TEST(damage_is_named)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_seen s;
    json_t *j = json_loads(damaged[_i].text, 0, NULL);

    ck_assert_ptr_nonnull(j);
    ck_assert_int_eq(nn_seen_parse(j, &s, &err), NN_ERR_FORMAT);
    ck_assert_msg(strstr(err.text, damaged[_i].says) != NULL, "%s", err.text);
    ck_assert_ptr_null(s.v[NN_TRAIN]);
    ck_assert_ptr_null(s.v[NN_VALID]);
    json_decref(j);
}
END_TEST

/* Items 0 to 8 are train, valid, test in turn; 6 is unreadable. */
START_TEST(leaves_out)
{
    struct nn_seen s = seen_of_ds();
    uint32_t index[] = { 8, 3, 1, 2, 0, 5, 4 };
    const uint32_t for_test[] = { 8, 2, 5 }, for_valid[] = { 8, 1, 2, 5, 4 };
    size_t count[NN_SEEN_PARTS];

    ck_assert_uint_eq(nn_seen_leave_out(&s, &ds, NN_TRAIN, index, 7, count), 5);
    ck_assert_mem_eq(index, for_valid, sizeof for_valid);
    ck_assert_uint_eq(count[NN_TRAIN], 2);
    ck_assert_uint_eq(count[NN_VALID], 0);
    ck_assert_uint_eq(nn_seen_leave_out(&s, &ds, NN_VALID, index, 5, count), 3);
    ck_assert_mem_eq(index, for_test, sizeof for_test);
    ck_assert_uint_eq(count[NN_TRAIN], 0);
    ck_assert_uint_eq(count[NN_VALID], 2);
    nn_seen_release(&s);
}
END_TEST

static int round_trip(void *ctx)
{
    struct nn_seen s, back = { .n = { 0 } };
    enum nn_status st = nn_seen_init(&s, ctx, NULL);
    json_t *j = NULL;

    if (!st) {
        j = nn_seen_json(&s);
        st = j == NULL ? NN_ERR_NOMEM : nn_seen_parse(j, &back, NULL);
    }
    json_decref(j);
    nn_seen_release(&s);
    nn_seen_release(&back);
    return (int)st;
}

START_TEST(memory_may_run_out)
{
    ds.n = 20;
    testkit_each_alloc_failure(round_trip, &ds);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("seen");
    TCase *t = tcase_create("seen");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, knows_what_was_there);
    tcase_add_test(t, copies_are_kept_once);
    tcase_add_test(t, a_teacher_has_seen_more);
    tcase_add_test(t, text_round_trip);
    tcase_add_loop_test(t, damage_is_named, 0, N_DAMAGED);
    tcase_add_test(t, leaves_out);
    tcase_add_test(t, memory_may_run_out);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
