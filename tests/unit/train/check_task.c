/* What trainers share: buckets, lists, shares of an epoch, temperature. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/image/image.h"
#include "common/train/task.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

/* --- a data set that is a table --- */

enum { N = 24 };

struct world {
    struct nn_item item[N];
    char *classes[2];
    struct nn_dataset ds;
    int lone_negatives; /* what label_of() says of negatives */
};

static char class_a[] = "a", class_b[] = "b", data_path[] = "table";

/* 12 of train (a a a a a a b b b - - -), 9 of valid (a a a b b b - - -), one
 * of test, one bad of each of train and valid. */
static void set_up(struct world *w)
{
    static const char labels[N + 1] = "aaaaaabbb---aaabbb---aab";
    static const char splits[N + 1] = "ttttttttttttvvvvvvvvvxtv";

    *w = (struct world){ .classes = { class_a, class_b },
                         .lone_negatives = NN_TASK_UNUSED };
    for (int i = 0; i < N; i++) {
        w->item[i] = (struct nn_item){
            .file = "x",
            .label = labels[i] == '-' ? NN_NEGATIVE : labels[i] - 'a',
            .family = -1,
            .split = splits[i] == 't'   ? NN_TRAIN
                     : splits[i] == 'v' ? NN_VALID
                                        : NN_TEST,
            .bad = i >= 22,
            .weight = i == 3 ? 2.5f : 1,
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
    const struct world *w = ctx;

    return it->label != NN_NEGATIVE ? it->label : w->lone_negatives;
}

static char *name_of(const void *ctx, size_t i)
{
    (void)ctx;
    return nn_mem_sprintf("output %zu", i);
}

static struct nn_task_spec spec_of(struct world *w, size_t n_outputs)
{
    return (struct nn_task_spec){ .name = "table",
                                  .ds = &w->ds,
                                  .seed = 4,
                                  .n_outputs = n_outputs,
                                  .ctx = w,
                                  .name_of = name_of,
                                  .label_of = label_of };
}

START_TEST(a_bucket_an_output)
{
    struct world w;
    struct nn_task t;
    struct nn_task_spec spec;

    set_up(&w);
    w.lone_negatives = 2;
    spec = spec_of(&w, 3);
    ck_assert_int_eq(nn_task_open(&t, &spec, NULL), NN_OK);
    ck_assert_uint_eq(t.sampler.n_buckets, 3);
    testkit_list(t.bucket[0], t.size[0], "0 1 2 3 4 5");
    testkit_list(t.bucket[1], t.size[1], "6 7 8");
    testkit_list(t.bucket[2], t.size[2], "9 10 11");
    testkit_list(t.valid, t.n_valid, "12 13 14 15 16 17 18 19 20");
    ck_assert_uint_eq(t.sampler.n_epoch, 12);
    ck_assert_uint_eq(nn_task_count(&t, 1, 3), 6);
    for (int b = 0; b < 3; b++) {
        ck_assert_double_eq_tol(t.share[b], 1.0 / 3, 1e-12);
    }
    ck_assert_str_eq(t.outputs[2], "output 2");
    nn_task_close(&t);
}
END_TEST

START_TEST(unused_items_are_nowhere)
{
    struct world w;
    struct nn_task t;
    struct nn_task_spec spec;

    set_up(&w);
    spec = spec_of(&w, 2);
    ck_assert_int_eq(nn_task_open(&t, &spec, NULL), NN_OK);
    testkit_list(t.bucket[0], t.size[0], "0 1 2 3 4 5");
    testkit_list(t.bucket[1], t.size[1], "6 7 8");
    testkit_list(t.valid, t.n_valid, "12 13 14 15 16 17");
    nn_task_close(&t);
}
END_TEST

START_TEST(one_bucket_in_order)
{
    struct world w;
    struct nn_task t;
    struct nn_task_spec spec;

    set_up(&w);
    w.lone_negatives = NN_TASK_ZEROS;
    spec = spec_of(&w, 2);
    spec.one_bucket = 1;
    ck_assert_int_eq(nn_task_open(&t, &spec, NULL), NN_OK);
    ck_assert_uint_eq(t.sampler.n_buckets, 1);
    testkit_list(t.bucket[0], t.size[0], "0 1 2 3 4 5 6 7 8 9 10 11");
    testkit_list(t.valid, t.n_valid, "12 13 14 15 16 17 18 19 20");
    nn_task_close(&t);

    w.lone_negatives = NN_TASK_UNSEEN;
    ck_assert_int_eq(nn_task_open(&t, &spec, NULL), NN_OK);
    testkit_list(t.bucket[0], t.size[0], "0 1 2 3 4 5 6 7 8");
    testkit_list(t.valid, t.n_valid, "12 13 14 15 16 17 18 19 20");
    nn_task_close(&t);
}
END_TEST

/* Shares 1/2, 1/4, 1/4 of the epochs' 12 draws. */
START_TEST(shares_are_drawn)
{
    struct world w;
    struct nn_task t;
    struct nn_task_spec spec;
    int drawn[N] = { 0 };

    set_up(&w);
    w.lone_negatives = 2;
    spec = spec_of(&w, 3);
    ck_assert_int_eq(nn_task_open(&t, &spec, NULL), NN_OK);
    t.share[0] = 0.25;
    t.share[1] = 0.5;
    t.share[2] = 0.25;
    for (uint64_t epoch = 0; epoch < 10; epoch++) {
        uint32_t index[12];

        ck_assert_int_eq(nn_sampler_epoch(&t.sampler, epoch, index), NN_OK);
        for (int i = 0; i < 12; i++) {
            drawn[index[i]]++;
        }
    }
    for (int i = 0; i < N; i++) {
        int want = i < 6 ? 5 : i < 9 ? 20 : i < 12 ? 10 : 0;

        ck_assert_msg(drawn[i] == want, "item %d: %d times", i, drawn[i]);
    }
    nn_task_close(&t);
}
END_TEST

/* --- demands --- */

static void refuse(enum nn_status st, const struct nn_error *err,
                   const char *text)
{
    ck_assert_int_eq(st, NN_ERR_ARG);
    ck_assert_str_eq(err->text, text);
}

START_TEST(every_output_needs_items)
{
    struct nn_error err = NN_ERROR_INIT;
    struct world w;
    struct nn_task t;
    struct nn_task_spec spec;

    set_up(&w);
    spec = spec_of(&w, 2);
    ck_assert_int_eq(nn_task_open(&t, &spec, NULL), NN_OK);
    ck_assert_int_eq(nn_task_need_all(&t, &err), NN_OK);
    nn_task_close(&t);

    spec.n_outputs = 3; /* and no label says 2 */
    ck_assert_int_eq(nn_task_open(&t, &spec, NULL), NN_OK);
    refuse(nn_task_need_all(&t, &err), &err,
           "class 'output 2' has no image in the train part of 'table'");
    nn_task_close(&t);

    spec.n_outputs = 2;
    for (int i = 12; i < 18; i++) {
        w.item[i].split = NN_TEST;
    }
    ck_assert_int_eq(nn_task_open(&t, &spec, NULL), NN_OK);
    refuse(nn_task_need_all(&t, &err), &err,
           "no image of a class in the valid part of 'table'");
    nn_task_close(&t);
}
END_TEST

static const struct lack {
    char label; /* items of these labels and this split are taken away */
    enum nn_split split;
    const char *text;
} lacks[] = {
    { '+', NN_TRAIN, "x needs images of a class in the train part of 'table'" },
    { '+', NN_VALID, "x needs images of a class in the valid part of 'table'" },
    { '-', NN_TRAIN,
      "x needs negatives (a folder named 'negative', 'none', 'no_...') in the "
      "train part of 'table'" },
    { '-', NN_VALID,
      "x needs negatives (a folder named 'negative', 'none', 'no_...') in the "
      "valid part of 'table'" },
};

START_TEST(both_kinds_are_needed)
{
    const struct lack *c = &lacks[_i];
    struct nn_error err = NN_ERROR_INIT;
    struct world w;
    struct nn_task t;
    struct nn_task_spec spec;

    set_up(&w);
    w.lone_negatives = NN_TASK_ZEROS;
    spec = spec_of(&w, 2);
    spec.one_bucket = 1;
    ck_assert_int_eq(nn_task_open(&t, &spec, NULL), NN_OK);
    ck_assert_int_eq(nn_task_need_both(&t, "x", 1, &err), NN_OK);
    nn_task_close(&t);
    for (int i = 0; i < N; i++) {
        if (w.item[i].split == c->split &&
            (w.item[i].label == NN_NEGATIVE) == (c->label == '-')) {
            w.item[i].split = NN_TEST;
        }
    }
    ck_assert_int_eq(nn_task_open(&t, &spec, NULL), NN_OK);
    refuse(nn_task_need_both(&t, "x", 1, &err), &err, c->text);
    if (c->label == '-' && c->split == NN_TRAIN) {
        ck_assert_int_eq(nn_task_need_both(&t, "x", 0, &err), NN_OK);
    } else {
        refuse(nn_task_need_both(&t, "x", 0, &err), &err, c->text);
    }
    nn_task_close(&t);
}
END_TEST

/* --- logits --- */

/* Two outputs whose logits differ by 4, and 35 of 40 items are of the larger:
 * odds of 7 to 1, so the temperature is 4 / ln 7. Items of no output do not
 * count. */
START_TEST(temperature_of_known_logits)
{
    enum { GOOD = 44 };
    float logits[GOOD][2];
    int32_t truth[GOOD];
    double p[GOOD][2], z[40];
    uint8_t yes[40];
    struct nn_task t = { .spec = { .n_outputs = 2 },
                         .n_good = GOOD,
                         .logits = logits[0],
                         .truth = truth };
    const struct nn_task questions = { .n_good = 40 };
    struct nn_net net = { .temperature = 9 };

    for (int i = 0; i < GOOD; i++) {
        logits[i][0] = i % 2 ? 5 : 0.5f;
        logits[i][1] = i % 2 ? 1 : 4.5f;
        truth[i] =
            i >= 40 ? NN_TASK_UNSEEN : (i % 2 == 0) != (i % 8 == 7 - i / 8 % 2);
    }
    for (int i = 0; i < 40; i++) {
        z[i] = 4;
        yes[i] = truth[i] == !(i % 2);
    }
    ck_assert_uint_eq(nn_task_best(&t, 0, 2), 1);
    ck_assert_uint_eq(nn_task_best(&t, 1, 2), 0);
    ck_assert_uint_eq(nn_task_best(&t, 0, 1), 0);
    ck_assert_int_eq(nn_task_fit_softmax(&t, 2, &net, NULL), NN_OK);
    ck_assert_double_eq_tol(net.temperature, 4 / log(7), 1e-3);
    net.temperature = 9;
    ck_assert_int_eq(nn_task_fit_binary(&questions, z, yes, 40, &net, NULL),
                     NN_OK);
    ck_assert_double_eq_tol(net.temperature, 4 / log(7), 1e-3);
    nn_task_softmax(&t, net.temperature, p[0]);
    ck_assert_double_eq_tol(p[0][1], 0.875, 1e-3);
    ck_assert_double_eq_tol(p[1][0], 0.875, 1e-3);
    ck_assert_double_eq_tol(p[1][0] + p[1][1], 1, 1e-12);
}
END_TEST

/* Nothing to learn from: all answers are right, whatever the temperature. */
START_TEST(a_fit_without_end_is_1)
{
    const double z[4] = { 1, 2, -1, -2 };
    const uint8_t yes[4] = { 1, 1, 0, 0 };
    const struct nn_task t = { .n_good = 4 };
    struct nn_net net = { .temperature = 9 };

    ck_assert_int_eq(nn_task_fit_binary(&t, z, yes, 4, &net, NULL), NN_OK);
    ck_assert_double_eq(net.temperature, 1);
}
END_TEST

/* Five images, two questions each, three times too sure. Of one group, all are
 * one fold, and nothing is left to fit on. */
START_TEST(near_duplicates_share_a_fold)
{
    enum { IMAGES = 20 };
    double z[2 * IMAGES];
    uint8_t yes[2 * IMAGES];
    uint64_t group[IMAGES];
    struct nn_task t = { .spec = { .name = "table" },
                         .n_good = IMAGES,
                         .group = group };
    struct nn_net net = { .temperature = 9 };

    for (int i = 0; i < 2 * IMAGES; i++) {
        z[i] = (i % 2 ? 3 : -3) * log(9);
        yes[i] = (i % 2) != (i >= 18 && i < 22);
        group[i / 2] = 0;
    }
    ck_assert_int_eq(nn_task_fit_binary(&t, z, yes, 2 * IMAGES, &net, NULL),
                     NN_OK);
    ck_assert_double_eq_tol(net.temperature, 3, 1e-9);
    for (int i = 0; i < IMAGES; i++) {
        group[i] = 5;
    }
    ck_assert_int_eq(nn_task_fit_binary(&t, z, yes, 2 * IMAGES, &net, NULL),
                     NN_OK);
    ck_assert_double_eq(net.temperature, 1);
}
END_TEST

/* --- a net on files, of which one cannot be read --- */

struct colours {
    struct nn_dataset *ds;
    int measured;
    struct nn_task task;
};

static int32_t colour_of(const void *ctx, const struct nn_item *it)
{
    (void)ctx;
    return it->label;
}

static enum nn_status measure(void *ctx, struct nn_train_metrics *m,
                              struct nn_error *err)
{
    struct colours *c = ctx;

    (void)err;
    c->measured++;
    m->metric = (double)c->task.n_good;
    m->loss = 0;
    return NN_OK;
}

static void draw(const char *dir, const char *name, int colour)
{
    char *path = nn_path_join(dir, name);
    char *end = strrchr(path, '/');
    struct nn_image img;

    *end = '\0';
    ck_assert_int_eq(nn_file_mkdirs(path, NULL), NN_OK);
    *end = '/';
    ck_assert_int_eq(nn_image_create(&img, 32, 32), NN_OK);
    for (int i = 0; i < 32 * 32; i++) {
        for (int c = 0; c < 3; c++) {
            img.rgb[3 * i + c] = (uint8_t)(i % 32 + (c == colour) * 200);
        }
    }
    sample_png_file(path, &img);
    nn_image_release(&img);
    nn_mem_free(path);
}

static void put_text(const char *dir, const char *name)
{
    char *path = nn_path_join(dir, name);
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    fputs("no image", f);
    fclose(f);
    nn_mem_free(path);
}

static void open_colours(struct colours *c, const char *dir,
                         struct nn_task_spec *spec)
{
    const struct nn_dataset_options opt = { 0 };

    draw(dir, "train/blue/1.png", 2);
    draw(dir, "train/blue/2.png", 2);
    draw(dir, "train/red/1.png", 0);
    draw(dir, "valid/blue/1.png", 2);
    draw(dir, "valid/red/2.png", 0);
    put_text(dir, "valid/blue/2.png");
    *c = (struct colours){ .measured = 0 };
    ck_assert_int_eq(nn_dataset_open(dir, &opt, &c->ds, NULL), NN_OK);
    *spec = (struct nn_task_spec){ .name = "colour",
                                   .ds = c->ds,
                                   .seed = 3,
                                   .n_outputs = 2,
                                   .ctx = c,
                                   .name_of = name_of,
                                   .label_of = colour_of,
                                   .measure = measure };
}

START_TEST(readable_items_move_up)
{
    char *dir = testkit_mkdir();
    struct nn_net_spec shape = nn_net_spec_defaults();
    struct nn_train_options opt = nn_train_defaults();
    const struct nn_run run = { NULL, 0, NULL };
    struct nn_train_result result;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_task_spec spec;
    struct nn_net *net;
    struct colours c;
    char *text;

    shape.width = 0.1f;
    shape.size = 32;
    opt.epochs = 2;
    opt.batch = 2;
    opt.threads = 1;
    open_colours(&c, dir, &spec);
    ck_assert_int_eq(nn_task_open(&c.task, &spec, NULL), NN_OK);
    ck_assert_uint_eq(c.task.n_valid, 3);
    ck_assert_int_eq(nn_task_net(&c.task, &shape, &net, NULL), NN_OK);
    ck_assert_str_eq(net->spec.outputs[1], "output 1");
    ck_assert_int_eq(nn_task_init(net, NULL, "", "x", NULL), NN_OK);
    ck_assert_msg(nn_task_train(&c.task, &opt, &run, net, &result, &err) ==
                      NN_OK,
                  "%s", err.text);
    ck_assert_int_eq(c.measured, 2);
    ck_assert_double_eq(result.best.metric, 2);

    ck_assert_int_eq(nn_task_score_net(&c.task, net, 4, NULL), NN_OK);
    ck_assert_uint_eq(c.task.n_good, 2);
    ck_assert_int_eq(c.task.truth[0], 0);
    ck_assert_int_eq(c.task.truth[1], 1);
    ck_assert_int_eq(c.task.positive[0], 1);
    ck_assert(c.task.logits[0] != 0 && c.task.logits[2] != 0);

    for (size_t i = 0; i < c.ds->n; i++) {
        if (c.ds->items[i].split == NN_VALID) {
            put_text(dir, c.ds->items[i].file);
        }
    }
    text = nn_mem_sprintf("no readable image in the valid part of '%s'", dir);
    refuse(nn_task_score_net(&c.task, net, 4, &err), &err, text);
    nn_mem_free(text);
    nn_net_destroy(&net);
    nn_task_close(&c.task);
    nn_dataset_close(&c.ds);
    testkit_rmdir(dir);
}
END_TEST

/* Colours are told apart by a fitted classifier; the trunk stays, and the fit
 * is the same with the features of an earlier run. */
START_TEST(frozen)
{
    char *dir = testkit_mkdir(), *cache = nn_path_join(dir, "cache");
    struct nn_net_spec shape = nn_net_spec_defaults();
    struct nn_train_options opt = nn_train_defaults();
    const struct nn_run run = { NULL, 0, NULL };
    struct nn_train_result result;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net[3];
    struct nn_task_spec spec;
    struct colours c;
    size_t floats;

    shape.width = 0.1f;
    shape.size = 32;
    opt.batch = 2;
    opt.tune = NN_TUNE_FROZEN;
    open_colours(&c, dir, &spec);
    nn_dataset_fingerprint(c.ds);
    ck_assert_int_eq(nn_task_open(&c.task, &spec, NULL), NN_OK);
    for (int i = 0; i < 3; i++) {
        opt.feature_dir = i > 0 ? cache : NULL;
        opt.threads = 1 + i;
        ck_assert_int_eq(nn_task_net(&c.task, &shape, &net[i], NULL), NN_OK);
        ck_assert_msg(
            nn_task_train(&c.task, &opt, &run, net[i], &result, &err) == NN_OK,
            "%s", err.text);
    }
    ck_assert_int_eq(c.measured, 3);
    ck_assert_int_eq(result.epochs_done, 0);
    ck_assert_int_eq(result.best_epoch, 0);
    ck_assert_double_eq(result.best.metric, 2);
    ck_assert_uint_eq(nn_task_best(&c.task, 0, 2), (size_t)c.task.truth[0]);
    ck_assert_uint_eq(nn_task_best(&c.task, 1, 2), (size_t)c.task.truth[1]);
    floats = nn_graph_param_count(net[0]->graph);
    for (int i = 1; i < 3; i++) {
        ck_assert(memcmp(net[0]->params.value.data, net[i]->params.value.data,
                         floats * sizeof(float)) == 0);
        nn_net_destroy(&net[i]);
    }
    ck_assert_int_eq(nn_task_net(&c.task, &shape, &net[1], NULL), NN_OK);
    for (size_t i = 0, last = 0; !last; i++) {
        const struct nn_param *p = nn_graph_param(net[0]->graph, i);

        last = strstr(p->name, "classifier") != NULL;
        ck_assert((memcmp(net[0]->params.value.data + p->offset,
                          net[1]->params.value.data + p->offset,
                          p->count * sizeof(float)) == 0) == !last);
    }
    nn_net_destroy(&net[0]);
    nn_net_destroy(&net[1]);
    nn_task_close(&c.task);
    nn_dataset_close(&c.ds);
    nn_mem_free(cache);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* Two equal images of different classes: which one wins depends on the shares
 * of the buckets alone. With head-first the epochs begin at that classifier. */
START_TEST(shares_weigh_the_classifier)
{
    char *dir = testkit_mkdir();
    struct nn_net_spec shape = nn_net_spec_defaults();
    struct nn_train_options opt = nn_train_defaults();
    const struct nn_run run = { NULL, 0, NULL };
    struct nn_train_result result;
    struct nn_task_spec spec;
    struct nn_net *net;
    struct colours c;

    shape.width = 0.1f;
    shape.size = 32;
    opt.batch = 2;
    opt.tune = _i < 2 ? NN_TUNE_FROZEN : NN_TUNE_HEAD_FIRST;
    opt.head_views = 0;
    opt.epochs = 1;
    opt.schedule.peak = 1e-9;
    opt.ema = 0;
    open_colours(&c, dir, &spec);
    draw(dir, "train/red/1.png", 2); /* looks blue */
    ck_assert_int_eq(nn_task_open(&c.task, &spec, NULL), NN_OK);
    c.task.share[0] = _i == 0 ? 0.2 : 0.8;
    c.task.share[1] = 1 - c.task.share[0];
    ck_assert_int_eq(nn_task_net(&c.task, &shape, &net, NULL), NN_OK);
    ck_assert_int_eq(nn_task_train(&c.task, &opt, &run, net, &result, NULL),
                     NN_OK);
    ck_assert_int_eq(result.epochs_done, _i < 2 ? 0 : 1);
    for (size_t i = 0; i < c.task.n_good; i++) {
        const float *z = c.task.logits + 2 * i;

        if (c.task.truth[i] == 0) { /* as blue as what was trained on */
            double odds = c.task.share[0] / c.task.share[1];

            ck_assert_double_eq_tol((double)(z[0] - z[1]), log(odds), 0.05);
        }
    }
    nn_net_destroy(&net);
    nn_task_close(&c.task);
    nn_dataset_close(&c.ds);
    testkit_rmdir(dir);
}
END_TEST

static int open_and_close(void *ctx)
{
    struct nn_task_spec spec = spec_of(ctx, 2);
    struct nn_task t;
    int st = nn_task_open(&t, &spec, NULL);

    nn_task_close(&t);
    return st;
}

START_TEST(allocation_failures)
{
    struct world w;

    set_up(&w);
    testkit_each_alloc_failure(open_and_close, &w);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("task");
    TCase *t = tcase_create("task");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_bucket_an_output);
    tcase_add_test(t, unused_items_are_nowhere);
    tcase_add_test(t, one_bucket_in_order);
    tcase_add_test(t, shares_are_drawn);
    tcase_add_test(t, every_output_needs_items);
    tcase_add_loop_test(t, both_kinds_are_needed, 0, 4);
    tcase_add_test(t, temperature_of_known_logits);
    tcase_add_test(t, near_duplicates_share_a_fold);
    tcase_add_test(t, a_fit_without_end_is_1);
    tcase_add_test(t, readable_items_move_up);
    tcase_add_test(t, frozen);
    tcase_add_loop_test(t, shares_weigh_the_classifier, 0, 3);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
