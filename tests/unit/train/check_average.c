/* Averaged weights: they are what is judged and what is kept; and which epoch
 * is the best. Evaluations are told beforehand what to say. */
#include <math.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/score_items.h"
#include "common/train/train.h"
#include "tests/unit/stages/scripted.h"
#include "tests/unit/testkit.h"

static const struct scripted_item rows[] = {
    { "a", NULL, NN_TRAIN, 0, 4 },
    { "b", NULL, NN_TRAIN, 1, 4 },
    { "a", NULL, NN_VALID, 2, 1 },
    { "b", NULL, NN_VALID, 3, 1 },
    { .times = 0 },
};
enum { STEPS = 8, CALLS = 8 };
static const uint32_t train_index[STEPS] = { 0, 1, 2, 3, 4, 5, 6, 7 };
static const uint32_t valid_index[2] = { 8, 9 };

struct told {
    struct nn_dataset *ds;
    const double (*say)[2]; /* metric, loss of each evaluation */
    int calls;
    struct nn_mix mix;
    double head_lr;         /* 0: 1 */
    const char *name, *dir; /* of the training, "told", and of its run */
    float logits[CALLS][4]; /* of the two validation images */
};

static enum nn_status sample(void *ctx, uint64_t epoch, const uint32_t **index,
                             size_t *n)
{
    (void)ctx;
    (void)epoch;
    *index = train_index;
    *n = STEPS;
    return NN_OK;
}

static void target(void *ctx, uint32_t item, float *row, float *weight)
{
    (void)ctx;
    row[0] = item < 4;
    row[1] = item >= 4;
    *weight = 1;
}

static enum nn_status evaluate(void *ctx, struct nn_scorer *s,
                               struct nn_train_metrics *m, struct nn_error *err)
{
    struct told *t = ctx;
    uint8_t ok[2];

    m->metric = t->say[t->calls][0];
    m->loss = t->say[t->calls][1];
    return nn_scorer_run_items(s, t->ds, valid_index, 2, NULL,
                               t->logits[t->calls++], ok, err);
}

static struct nn_net *make_net(void)
{
    static const char *const names[] = { "a", "b" };
    struct nn_net_spec s = nn_net_spec_defaults();
    struct nn_net *net;

    s.width = 0.1f;
    s.size = 32;
    s.dropout = 0;
    s.n_outputs = 2;
    s.outputs = names;
    ck_assert_int_eq(nn_net_create(&s, 1, &net, NULL), NN_OK);
    return net;
}

/* One step an epoch, plain descent. */
static struct nn_net *train(struct told *t, const double (*say)[2], int epochs,
                            double ema, int patience, struct nn_train_result *r)
{
    const struct nn_train_task task = { t->name != NULL ? t->name : "told",
                                        t->ds,
                                        t,
                                        sample,
                                        target,
                                        evaluate,
                                        0 };
    const struct nn_run run = { t->dir, 0, NULL };
    struct nn_train_options o = nn_train_defaults();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net = make_net();

    o.epochs = epochs;
    o.batch = STEPS;
    o.ema = ema;
    o.patience = patience;
    o.optim = nn_optim_defaults(NN_OPTIM_SGD);
    o.schedule.kind = NN_SCHEDULE_CONSTANT;
    o.schedule.peak = 0.05;
    o.augment = nn_augment_none();
    o.mix = t->mix;
    o.head_lr = t->head_lr > 0 ? t->head_lr : 1;
    t->say = say;
    t->calls = 0;
    ck_assert_msg(nn_train(&task, &o, &run, net, r, &err) == NN_OK, "%s",
                  err.text);
    return net;
}

/* Logits of the validation images under the given weights. */
static void score(const struct told *t, const struct nn_net *net,
                  const float *values, float logits[4])
{
    struct nn_scorer *s;
    uint8_t ok[2];

    ck_assert_int_eq(nn_scorer_create(net, 2, &s, NULL), NN_OK);
    nn_scorer_load(s, values);
    ck_assert_int_eq(
        nn_scorer_run_items(s, t->ds, valid_index, 2, NULL, logits, ok, NULL),
        NN_OK);
    nn_scorer_destroy(&s);
}

/* Weights after 1..4 steps without averages, and their average by hand: it
 * keeps the share (1+t) / (10+t) after step t = 0, 1, ..., at most 0.5. */
START_TEST(averages_are_judged_and_kept)
{
    static const double rising[4][2] = {
        { 1, 0 }, { 2, 0 }, { 3, 0 }, { 4, 0 }
    };
    static const double told[4][2] = { { 1, 0 }, { 2, 0 }, { 4, 0 }, { 3, 0 } };
    static const double keep[4] = { 0.1, 2 / 11.0, 0.25, 4 / 13.0 };
    struct told t = { .ds = scripted_open(rows) };
    struct nn_net *start = make_net(), *net;
    size_t n = start->params.value.count;
    float *average[4], logits[4];
    struct nn_train_result r;

    for (int k = 0; k < 4; k++) {
        const float *before =
            k == 0 ? start->params.value.data : average[k - 1];
        struct nn_net *raw = train(&t, rising, k + 1, 0, 0, &r);

        average[k] = nn_mem_calloc(n, sizeof(float));
        for (size_t i = 0; i < n; i++) {
            average[k][i] =
                (float)(keep[k] * (double)before[i] +
                        (1 - keep[k]) * (double)raw->params.value.data[i]);
        }
        nn_net_destroy(&raw);
    }
    net = train(&t, told, 4, 0.5, 0, &r);
    ck_assert_int_eq(r.best_epoch, 3);
    ck_assert_double_eq(r.best.metric, 4);
    testkit_close(net->params.value.data, average[2], n, 1e-5, 1e-5, "average");
    for (int k = 0; k < 4; k++) {
        score(&t, start, average[k], logits);
        testkit_close(t.logits[k], logits, 4, 1e-4, 1e-3, "logits");
    }
    /* They are not one another's: the bound above tells epochs apart, by the
     * logit that moves most. */
    for (int k = 1; k < 4; k++) {
        float most = 0;

        for (int i = 0; i < 4; i++) {
            float d = t.logits[k][i] - t.logits[k - 1][i];

            most = d * d > most ? d * d : most;
        }
        ck_assert_float_gt(most, 1e-6f);
    }
    for (int k = 0; k < 4; k++) {
        nn_mem_free(average[k]);
    }
    nn_net_destroy(&start);
    nn_net_destroy(&net);
    nn_dataset_close(&t.ds);
}
END_TEST

START_TEST(best_epoch)
{
    /* The largest metric; of equals the least loss; of those the first. */
    static const double say[][2] = { { 2, 0.1 }, { 3, 0.9 }, { 3, 0.5 },
                                     { 3, 0.5 }, { 3, 0.7 }, { 1, 0.0 } };
    struct told t = { .ds = scripted_open(rows) };
    struct nn_train_result r;
    struct nn_net *net = train(&t, say, 6, 0, 0, &r);

    ck_assert_int_eq(r.best_epoch, 3);
    ck_assert_double_eq(r.best.loss, 0.5);
    ck_assert_int_eq(r.epochs_done, 6);
    ck_assert_int_eq(r.stopped_early, 0);
    nn_net_destroy(&net);
    nn_dataset_close(&t.ds);
}
END_TEST

/* Patience of 2: epoch 2 is the best, 3 and 4 are not, there is no fifth. */
START_TEST(patience)
{
    static const double say[][2] = { { 1, 0 }, { 3, 0 }, { 2, 0 },
                                     { 2, 0 }, { 9, 0 }, { 9, 0 } };
    struct told t = { .ds = scripted_open(rows) };
    struct nn_train_result r;
    struct nn_net *net = train(&t, say, 6, 0, 2, &r);

    ck_assert_int_eq(t.calls, 4);
    ck_assert_int_eq(r.epochs_done, 4);
    ck_assert_int_eq(r.best_epoch, 2);
    ck_assert_int_eq(r.stopped_early, 1);
    nn_net_destroy(&net);
    nn_dataset_close(&t.ds);
}
END_TEST

/* The last epochs see no blended images: of two epochs both, one or none. */
START_TEST(no_mix_epochs)
{
    static const double say[][2] = { { 1, 0 }, { 2, 0 } };
    struct told t = { .ds = scripted_open(rows) };
    struct nn_train_result r;
    struct nn_net *net[4];
    size_t bytes;

    for (int i = 0; i < 4; i++) {
        t.mix = (struct nn_mix){ .mixup = i < 3 ? 1 : 0,
                                 .share = 1,
                                 .no_mix_epochs = i };
        net[i] = train(&t, say, 2, 0, 0, &r);
    }
    bytes = net[0]->params.value.count * sizeof(float);
    ck_assert_mem_eq(net[2]->params.value.data, net[3]->params.value.data,
                     bytes);
    ck_assert_mem_ne(net[1]->params.value.data, net[2]->params.value.data,
                     bytes);
    ck_assert_mem_ne(net[0]->params.value.data, net[1]->params.value.data,
                     bytes);
    for (int i = 0; i < 4; i++) {
        nn_net_destroy(&net[i]);
    }
    nn_dataset_close(&t.ds);
}
END_TEST

/* Each training replaces its own rows of results.csv, and none of one whose
 * name begins like it. */
START_TEST(rows_of_other_trainings_stay)
{
    static const double say[][2] = { { 0.25, 0 }, { 0.5, 0 } };
    static const double again[][2] = { { 0.75, 0 }, { 1, 0 } };
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "results.csv");
    struct told t = { .ds = scripted_open(rows), .dir = dir };
    static const char *const names[] = { "gate+1", "gate", "gate" };
    unsigned char *text;
    size_t size, lines = 0;

    for (int i = 0; i < 3; i++) {
        struct nn_train_result r;
        struct nn_net *net;

        t.name = names[i];
        net = train(&t, i < 2 ? say : again, 2, 0, 0, &r);
        nn_net_destroy(&net);
    }
    ck_assert_int_eq(nn_file_read(path, 10000, &text, &size, NULL), NN_OK);
    for (size_t i = 0; i < size; i++) {
        lines += text[i] == '\n';
    }
    ck_assert_uint_eq(lines, 1 + 2 + 2);
    ck_assert_ptr_nonnull(strstr((char *)text, "\ngate+1,2,2,"));
    ck_assert_ptr_nonnull(strstr((char *)text, "\ngate,2,2,"));
    ck_assert_ptr_nonnull(strstr((char *)text, ",0.250000,"));
    ck_assert_ptr_nonnull(strstr((char *)text, ",0.750000,"));
    nn_mem_free(text);
    nn_mem_free(path);
    nn_dataset_close(&t.ds);
    testkit_rmdir(dir);
}
END_TEST

/* A quarter of the rate moves the classifier a quarter as far, and nothing
 * else differently. */
START_TEST(rate_of_the_classifier)
{
    static const double say[][2] = { { 1, 0 } };
    struct told t = { .ds = scripted_open(rows) };
    struct nn_net *start = make_net(), *full, *quarter;
    struct nn_train_result r;
    const struct nn_param *p;

    full = train(&t, say, 1, 0, 0, &r);
    t.head_lr = 0.25;
    quarter = train(&t, say, 1, 0, 0, &r);
    for (size_t i = 0; (p = nn_graph_param(start->graph, i)) != NULL; i++) {
        double by = strncmp(p->name, "classifier", 10) == 0 ? 0.25 : 1;
        double moved = 0;

        for (size_t j = p->offset; j < p->offset + p->count; j++) {
            double a = (double)start->params.value.data[j];
            double b = (double)full->params.value.data[j];

            testkit_assert(fabs((double)quarter->params.value.data[j] -
                                (a + by * (b - a))) < 1e-6,
                           "%s", p->name);
            moved = fmax(moved, fabs(b - a));
        }
        ck_assert(by == 1 || moved > 1e-5);
    }
    nn_net_destroy(&start);
    nn_net_destroy(&full);
    nn_net_destroy(&quarter);
    nn_dataset_close(&t.ds);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("average");
    TCase *t = tcase_create("average");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, averages_are_judged_and_kept);
    tcase_add_test(t, best_epoch);
    tcase_add_test(t, patience);
    tcase_add_test(t, rate_of_the_classifier);
    tcase_add_test(t, no_mix_epochs);
    tcase_add_test(t, rows_of_other_trainings_stay);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
