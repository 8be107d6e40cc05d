/* Splits: drawn by the groups' own hashes, followed, held out. */
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/data/dataset.h"
#include "tests/unit/testkit.h"

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

/* All items anew, whatever split they had. */
static enum nn_status split(struct nn_dataset *ds, double valid, double test,
                            uint64_t seed, struct nn_error *err)
{
    const struct nn_split_shares how = { .valid = valid,
                                         .test = test,
                                         .seed = seed };
    struct nn_split_counts counts;

    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].split = NN_SPLIT_NONE;
    }
    return nn_dataset_split_rest(ds, &how, &counts, err);
}

enum { BIG = 4000, CLASSES = 3, FAMILIES = 40 };

/* Groups of 1 to 6, classes of unlike size, families down to one image. */
static struct nn_item *big(struct nn_dataset *ds)
{
    struct nn_item *v = many(ds, BIG);
    struct nn_rng rng = nn_rng_make(4, 4);

    for (size_t i = 0; i < BIG; i++) {
        uint32_t r = nn_rng_below(&rng, 100);

        v[i].label = r < 60 ? NN_NEGATIVE : r < 90 ? 0 : r < 98 ? 1 : 2;
        if (v[i].label == NN_NEGATIVE) {
            uint32_t f = nn_rng_below(&rng, FAMILIES * FAMILIES);

            v[i].family = (int32_t)(f / FAMILIES * (f % FAMILIES) / FAMILIES);
        }
    }
    for (size_t i = 0; i < BIG; i++) {
        size_t to = i + 1 + nn_rng_below(&rng, 50);

        if (v[i].group != 0) {
            continue;
        }
        v[i].group = i + 1;
        for (uint32_t k = nn_rng_below(&rng, 6); k > 0 && to < BIG; k--) {
            if (v[to].label == v[i].label && v[to].group == 0) {
                v[to].group = i + 1;
            }
            to += 1 + nn_rng_below(&rng, 50);
        }
    }
    return v;
}

/* Shares are right up to chance: within four standard deviations of the number
 * of groups that a label has. */
START_TEST(test_split)
{
    static const double share[NN_SPLITS] = { 0.7, 0.1, 0.2 };
    struct nn_dataset ds;
    struct nn_item *v = big(&ds);
    double count[CLASSES + 1][NN_SPLITS] = { { 0 } };

    ck_assert_int_eq(split(&ds, 0.1, 0.2, 7, NULL), NN_OK);
    for (size_t i = 0; i < BIG; i++) {
        ck_assert(v[i].split < NN_SPLITS);
        ck_assert_int_eq(v[i].split, v[v[i].group - 1].split);
        if (v[i].group == i + 1) {
            count[v[i].label + 1][v[i].split]++;
        }
    }
    for (int k = 0; k <= CLASSES; k++) {
        double n = count[k][0] + count[k][1] + count[k][2];

        for (int s = 0; s < NN_SPLITS; s++) {
            double p = share[s], off = count[k][s] - p * n;

            ck_assert_msg(off * off <= 16 * n * p * (1 - p) + 1,
                          "label %d split %d: %g of %g", k - 1, s, count[k][s],
                          n);
        }
    }
    nn_mem_free(v);
}
END_TEST

/* Whatever is added, taken away, renamed or put into another order, the rest
 * keeps its split. */
START_TEST(test_split_stays)
{
    struct nn_dataset ds;
    struct nn_item *v = many(&ds, 400);
    static enum nn_split first[400];

    for (size_t i = 0; i < 400; i++) {
        v[i].label = (int32_t)(i % 3) - 1;
    }
    ds.n = 300;
    ck_assert_int_eq(split(&ds, 0.15, 0.15, 5, NULL), NN_OK);
    for (size_t i = 0; i < 300; i++) {
        first[i] = v[i].split;
        v[i].group = 0;
    }
    ds.n = 400; /* a hundred more */
    ck_assert_int_eq(split(&ds, 0.15, 0.15, 5, NULL), NN_OK);
    for (size_t i = 0; i < 300; i++) {
        ck_assert_int_eq(v[i].split, first[i]);
    }
    for (size_t i = 0; i < 200; i++) { /* half of them, the other way round */
        v[i] = v[299 - i];
        first[i] = first[299 - i];
        v[i].group = 0;
    }
    ds.n = 150;
    ck_assert_int_eq(split(&ds, 0.15, 0.15, 5, NULL), NN_OK);
    for (size_t i = 0; i < 150; i++) {
        ck_assert_int_eq(v[i].split, first[i]);
    }
    nn_mem_free(v);
}
END_TEST

/* Two of a label: one is trained on, the other is valid. Three: one each. */
START_TEST(test_split_few)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct nn_item v[5] = {
            { .hash = 1, .label = 0 }, { .hash = 2, .label = 0 },
            { .hash = 3, .label = 1 }, { .hash = 4, .label = 1 },
            { .hash = 5, .label = 1 },
        };
        struct nn_dataset ds = { .items = v, .n = 5 };
        int seen[2][NN_SPLITS] = { { 0 } };

        ck_assert(!split(&ds, 0.25, 0.25, seed, NULL));
        for (size_t i = 0; i < 5; i++) {
            seen[v[i].label][v[i].split]++;
        }
        ck_assert_int_eq(seen[0][NN_TRAIN], 1);
        ck_assert_int_eq(seen[0][NN_VALID], 1);
        ck_assert_int_eq(seen[1][NN_TRAIN], 1);
        ck_assert_int_eq(seen[1][NN_VALID], 1);
        ck_assert_int_eq(seen[1][NN_TEST], 1);
    }
}
END_TEST

START_TEST(test_split_seeds)
{
    struct nn_dataset ds;
    struct nn_item *v = big(&ds);
    static enum nn_split first[BIG];
    size_t moved = 0;

    ck_assert_int_eq(split(&ds, 0.15, 0.15, 1, NULL), NN_OK);
    for (size_t i = 0; i < BIG; i++) {
        first[i] = v[i].split;
    }
    ck_assert_int_eq(split(&ds, 0.15, 0.15, 1, NULL), NN_OK);
    for (size_t i = 0; i < BIG; i++) {
        ck_assert_int_eq(v[i].split, first[i]);
    }
    ck_assert_int_eq(split(&ds, 0.15, 0.15, 2, NULL), NN_OK);
    for (size_t i = 0; i < BIG; i++) {
        moved += v[i].split != first[i];
    }
    /* Independent draws differ with probability 1 - 0.7^2 - 2 * 0.15^2. */
    ck_assert_double_eq_tol((double)moved / BIG, 0.465, 0.1);
    nn_mem_free(v);
}
END_TEST

/* Places are dealt among those that can be read, and a label that chance
 * leaves less than a third of its share gets that. */
START_TEST(test_split_least)
{
    struct nn_dataset ds;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_item *v = many(&ds, 240);

    for (uint64_t seed = 1; seed <= 50; seed++) {
        int seen[2][NN_SPLITS] = { { 0 } };

        for (size_t i = 0; i < 240; i++) {
            v[i].label = i >= 200;
            v[i].bad = i % 4 != 0;
        }
        ck_assert(!split(&ds, 0.2, 0.3, seed, &err));
        for (size_t i = 0; i < 240; i++) {
            seen[v[i].label][v[i].split] += !v[i].bad;
            ck_assert(!v[i].bad || v[i].split == NN_TRAIN);
        }
        ck_assert_int_ge(seen[0][NN_VALID], 3); /* 50 * 0.2 / 3 */
        ck_assert_int_ge(seen[0][NN_TEST], 5);
        ck_assert_int_ge(seen[1][NN_VALID], 1); /* of 10 */
        ck_assert_int_ge(seen[1][NN_TEST], 1);
        ck_assert_int_ge(seen[1][NN_TRAIN], 1);
    }
    ck_assert_int_eq(split(&ds, 0, 0, 1, &err), NN_OK);
    for (size_t i = 0; i < 240; i++) {
        ck_assert_int_eq(v[i].split, NN_TRAIN);
    }
    ck_assert_int_eq(split(&ds, 0.5, 0.5, 1, &err), NN_ERR_ARG);
    ck_assert_int_eq(split(&ds, -0.1, 0.5, 1, &err), NN_ERR_ARG);
    nn_mem_free(v);
}
END_TEST

/* A part without a share gets nothing, and the other what is its own. */
START_TEST(test_split_no_test_part)
{
    struct nn_dataset ds;
    struct nn_item *v = many(&ds, 60);

    for (uint64_t seed = 1; seed <= 50; seed++) {
        int seen[2][NN_SPLITS] = { { 0 } };

        for (size_t i = 0; i < 60; i++) {
            v[i].label = i >= 50;
        }
        ck_assert(!split(&ds, 0.3, 0, seed, NULL));
        for (size_t i = 0; i < 60; i++) {
            seen[v[i].label][v[i].split]++;
        }
        ck_assert_int_ge(seen[0][NN_VALID], 5); /* 50 * 0.3 / 3 */
        ck_assert_int_ge(seen[1][NN_VALID], 1); /* of 10 */
        ck_assert_int_eq(seen[0][NN_TEST] + seen[1][NN_TEST], 0);
    }
    nn_mem_free(v);
}
END_TEST

/* Beside items that have a split: their groups follow them, others are drawn
 * as if alone. */
START_TEST(test_split_rest)
{
    const struct nn_split_shares how = { 0.25, 0.25, 3, 0 };
    struct nn_split_counts n;
    struct nn_dataset ds;
    struct nn_item *v = many(&ds, 60);

    v[1].split = NN_TEST;
    v[1].group = v[2].group = v[3].group = 2; /* two follow */
    v[10].split = v[12].split = NN_VALID;
    v[11].split = NN_TRAIN;
    v[10].group = v[11].group = v[12].group = 11; /* two against one */
    v[13].group = 11;
    v[20].split = NN_TEST;
    v[21].split = NN_TRAIN;
    v[20].group = v[21].group = 21; /* a tie */
    v[22].group = 21;
    ck_assert(!nn_dataset_split_rest(&ds, &how, &n, NULL));
    ck_assert_uint_eq(n.drawn, 60 - 10);
    ck_assert_uint_eq(n.followed, 4);
    ck_assert_int_eq(v[2].split, NN_TEST);
    ck_assert_int_eq(v[3].split, NN_TEST);
    ck_assert_int_eq(v[11].split, NN_TRAIN);
    ck_assert_int_eq(v[13].split, NN_VALID);
    ck_assert_int_eq(v[22].split, NN_TRAIN);
    nn_mem_free(v);
}
END_TEST

START_TEST(test_hold_out)
{
    struct nn_dataset ds;
    struct nn_item *v = many(&ds, 300);
    size_t n, valid = 0;

    for (size_t i = 0; i < 300; i++) {
        v[i].label = i < 200 ? 0 : NN_NEGATIVE;
        v[i].split = i % 10 == 0 ? NN_TEST : NN_TRAIN;
    }
    ck_assert(!nn_dataset_hold_out(&ds, NN_ITEMS_POSITIVE, 0.2, 1, &n, NULL));
    for (size_t i = 0; i < 300; i++) {
        valid += v[i].split == NN_VALID;
        ck_assert(i % 10 != 0 || v[i].split == NN_TEST);
        ck_assert(i < 200 || v[i].split != NN_VALID);
    }
    ck_assert_uint_eq(valid, n);
    ck_assert_uint_ge(n, 15); /* 36 expected */
    ck_assert_uint_le(n, 60);
    ck_assert(!nn_dataset_hold_out(&ds, NN_ITEMS_ALL, 0, 1, &n, NULL));
    ck_assert_uint_eq(n, 0);
    nn_mem_free(v);
}
END_TEST

/* Beside items that have a split, new ones of their label get what their own
 * hash says, as if all were drawn; a new label has its quotas. */
START_TEST(test_split_rest_has_no_quotas_where_placed)
{
    enum { OLD = 200, NEW = 40, ALL = OLD + NEW + 3 };
    static enum nn_split want[ALL];
    const struct nn_split_shares how = { 0.15, 0.15, 9, 1 };
    struct nn_split_counts counts;
    struct nn_dataset ds;
    struct nn_item *v = many(&ds, ALL);
    int seen[NN_SPLITS] = { 0 };

    for (size_t i = OLD + NEW; i < ALL; i++) {
        v[i].label = 4;
    }
    ck_assert(!split(&ds, 0.15, 0.15, 9, NULL));
    for (size_t i = 0; i < ALL; i++) {
        want[i] = v[i].split;
    }
    for (size_t from = OLD; from < OLD + NEW; from++) { /* one at a time */
        for (size_t i = OLD; i < OLD + NEW; i++) {
            v[i].split = i == from ? NN_SPLIT_NONE : NN_TRAIN;
        }
        ck_assert(!nn_dataset_split_rest(&ds, &how, &counts, NULL));
        ck_assert_uint_eq(counts.moved, 0);
        ck_assert_int_eq(v[from].split, want[from]);
    }
    for (size_t i = OLD + NEW; i < ALL; i++) {
        v[i].split = NN_SPLIT_NONE;
    }
    ck_assert(!nn_dataset_split_rest(&ds, &how, &counts, NULL));
    for (size_t i = OLD + NEW; i < ALL; i++) {
        seen[v[i].split]++;
    }
    ck_assert(seen[NN_TRAIN] == 1 && seen[NN_VALID] == 1 && seen[NN_TEST] == 1);
    nn_mem_free(v);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("split");
    TCase *t = tcase_create("split");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_split);
    tcase_add_test(t, test_split_stays);
    tcase_add_test(t, test_split_few);
    tcase_add_test(t, test_split_seeds);
    tcase_add_test(t, test_split_rest_has_no_quotas_where_placed);
    tcase_add_test(t, test_split_least);
    tcase_add_test(t, test_split_no_test_part);
    tcase_add_test(t, test_split_rest);
    tcase_add_test(t, test_hold_out);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
