/* Items by split and kind, families by name. */
#include <string.h>

#include "common/base/mem.h"
#include "common/data/dataset.h"
#include "tests/unit/testkit.h"

static struct nn_item items[] = {
    { .label = 0, .split = NN_TRAIN },
    { .label = NN_NEGATIVE, .split = NN_TRAIN },
    { .label = 1, .split = NN_VALID },
    { .label = 1, .split = NN_TRAIN, .bad = 1 },
    { .label = 1, .split = NN_TRAIN },
    { .label = NN_NEGATIVE, .split = NN_TEST, .bad = 1 },
    { .label = NN_NEGATIVE, .split = NN_SPLIT_NONE },
};
static char path[] = "made up", dog[] = "dog", rock[] = "rock";
static char *names[] = { dog, rock };
static struct nn_dataset ds = { .path = path,
                                .n = sizeof items / sizeof items[0],
                                .items = items,
                                .n_families = 2,
                                .families = names };

static void has(enum nn_split split, enum nn_item_kind kind, size_t n,
                const uint32_t *want)
{
    size_t got = 99;
    uint32_t *v = nn_dataset_list(&ds, split, kind, &got);

    ck_assert_ptr_nonnull(v);
    ck_assert_uint_eq(got, n);
    ck_assert_mem_eq(v, want, n * sizeof *v);
    ck_assert_uint_eq(nn_dataset_count(&ds, split, kind), n);
    nn_mem_free(v);
}

START_TEST(splits_and_kinds)
{
    has(NN_TRAIN, NN_ITEMS_ALL, 3, (const uint32_t[]){ 0, 1, 4 });
    has(NN_TRAIN, NN_ITEMS_POSITIVE, 2, (const uint32_t[]){ 0, 4 });
    has(NN_TRAIN, NN_ITEMS_NEGATIVE, 1, (const uint32_t[]){ 1 });
    has(NN_VALID, NN_ITEMS_ALL, 1, (const uint32_t[]){ 2 });
    has(NN_VALID, NN_ITEMS_NEGATIVE, 0, (const uint32_t[]){ 0 });
    has(NN_TEST, NN_ITEMS_ALL, 0, (const uint32_t[]){ 0 });
    has(NN_SPLIT_NONE, NN_ITEMS_NEGATIVE, 1, (const uint32_t[]){ 6 });
}
END_TEST

START_TEST(families)
{
    struct nn_error err = NN_ERROR_INIT;
    int32_t f = 7;

    ck_assert_int_eq(nn_dataset_left_out(&ds, "rock", &f, &err), NN_OK);
    ck_assert_int_eq(f, 1);
    ck_assert_int_eq(nn_dataset_left_out(&ds, "roc", &f, &err), NN_ERR_ARG);
    ck_assert_str_eq(err.text,
                     "'made up' has no negative family 'roc' to leave out");
    ck_assert_int_eq(f, 1);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("select");
    TCase *t = tcase_create("select");

    tcase_add_test(t, splits_and_kinds);
    tcase_add_test(t, families);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
