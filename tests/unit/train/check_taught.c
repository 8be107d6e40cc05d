/* Targets that are no labels: who is drawn, and from which bucket. */
#include "common/base/mem.h"
#include "common/train/task.h"
#include "tests/unit/testkit.h"

/* a, b and negatives; t: train, v: valid, u: without a label. */
static const char labels[] = "aaabb--aab-ab-";
static const char splits[] = "tututtuuvvvvvu";

enum { N = sizeof labels - 1, UNREADABLE = 13 };

struct world {
    struct nn_item item[N];
    char *classes[2];
    struct nn_dataset ds;
};

static char class_a[] = "a", class_b[] = "b", data_path[] = "table";

static void set_up(struct world *w)
{
    *w = (struct world){ .classes = { class_a, class_b } };
    for (int i = 0; i < N; i++) {
        w->item[i] = (struct nn_item){
            .file = "x",
            .label = labels[i] == '-' ? NN_NEGATIVE : labels[i] - 'a',
            .family = -1,
            .split = splits[i] == 't'   ? NN_TRAIN
                     : splits[i] == 'v' ? NN_VALID
                                        : NN_SPLIT_UNLABELLED,
            .bad = i == UNREADABLE,
            .weight = 1,
        };
    }
    w->ds = (struct nn_dataset){ .path = data_path,
                                 .n = N,
                                 .items = w->item,
                                 .n_classes = 2,
                                 .classes = w->classes };
}

static int32_t label_of(const void *ctx, const struct nn_item *it)
{
    (void)ctx;
    return it->split == NN_SPLIT_UNLABELLED ? NN_TASK_TAUGHT
           : it->label != NN_NEGATIVE       ? it->label
                                            : 2;
}

static char *name_of(const void *ctx, size_t i)
{
    (void)ctx;
    return nn_mem_sprintf("output %zu", i);
}

static void soften(const void *ctx, uint32_t item, float *row)
{
    (void)ctx;
    (void)item;
    row[0] = 1;
}

static void open_task(struct world *w, struct nn_task *t, int taught)
{
    const struct nn_task_spec spec = { .name = "table",
                                       .ds = &w->ds,
                                       .seed = 4,
                                       .n_outputs = 3,
                                       .ctx = w,
                                       .name_of = name_of,
                                       .label_of = label_of,
                                       .soften = taught ? soften : NULL };

    set_up(w);
    ck_assert_int_eq(nn_task_open(t, &spec, NULL), NN_OK);
}

START_TEST(a_bucket_of_its_own)
{
    struct world w;
    struct nn_task t;

    open_task(&w, &t, 1);
    ck_assert_uint_eq(t.sampler.n_buckets, 4);
    ck_assert_uint_eq(nn_task_labelled(&t), 3);
    testkit_list(t.bucket[0], t.size[0], "0 2");
    testkit_list(t.bucket[1], t.size[1], "4");
    testkit_list(t.bucket[2], t.size[2], "5");
    testkit_list(t.bucket[3], t.size[3], "1 3 6 7");
    testkit_list(t.valid, t.n_valid, "8 9 10 11 12");
    ck_assert_uint_eq(t.sampler.n_epoch, 8);
    nn_task_close(&t);
}
END_TEST

/* An output needs items of its label; none of the others has to be there. */
START_TEST(labels_are_needed_all_the_same)
{
    struct world w;
    struct nn_task t;

    open_task(&w, &t, 1);
    ck_assert_int_eq(nn_task_need_all(&t, NULL), NN_OK);
    t.size[3] = 0;
    ck_assert_int_eq(nn_task_need_all(&t, NULL), NN_OK);
    t.size[1] = 0;
    ck_assert_int_eq(nn_task_need_all(&t, NULL), NN_ERR_ARG);
    nn_task_close(&t);
}
END_TEST

START_TEST(nobody_teaches)
{
    struct world w;
    struct nn_task t;

    open_task(&w, &t, 0);
    ck_assert_uint_eq(t.sampler.n_buckets, 3);
    ck_assert_uint_eq(nn_task_labelled(&t), 3);
    ck_assert_uint_eq(nn_task_count(&t, 0, 3), 4);
    testkit_list(t.valid, t.n_valid, "8 9 10 11 12");
    nn_task_close(&t);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("taught");
    TCase *t = tcase_create("taught");

    tcase_add_test(t, a_bucket_of_its_own);
    tcase_add_test(t, labels_are_needed_all_the_same);
    tcase_add_test(t, nobody_teaches);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
