/* The training loop on a task that can be learnt in seconds: which of three
 * colours fills the image. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "common/data/score_items.h"
#include "common/image/image.h"
#include "common/train/train.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

static const char *const colour_names[] = { "blue", "green", "red" };
enum { PER_CLASS = 24 };

static void draw(const char *path, int colour, uint64_t seed)
{
    struct nn_image img;
    struct nn_rng rng = nn_rng_make(seed, (uint64_t)colour);

    ck_assert_int_eq(nn_image_create(&img, 40, 36), NN_OK);
    for (int i = 0; i < 40 * 36; i++) {
        for (int c = 0; c < 3; c++) {
            uint32_t noise = nn_rng_below(&rng, 90);

            img.rgb[3 * i + c] = (uint8_t)(noise + (2 - c == colour) * 150u);
        }
    }
    sample_png_file(path, &img);
    nn_image_release(&img);
}

/* dir/{train,valid}/COLOUR/N.png, and one damaged file among them. */
static struct nn_dataset *make_data(const char *dir)
{
    const struct nn_dataset_options opt = { 0 };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds;

    for (int split = 0; split < 2; split++) {
        for (int c = 0; c < 3; c++) {
            char *sub = nn_mem_sprintf(
                "%s/%s/%s", dir, split ? "valid" : "train", colour_names[c]);

            ck_assert_int_eq(nn_file_mkdirs(sub, NULL), NN_OK);
            for (int i = 0; i < PER_CLASS / (split + 1); i++) {
                char *path = nn_mem_sprintf("%s/%d.png", sub, i);

                draw(path, c, (uint64_t)(100 * split + i));
                nn_mem_free(path);
            }
            if (split == 0 && c == 0) {
                char *path = nn_mem_sprintf("%s/damaged.png", sub);
                FILE *f = fopen(path, "w");

                fputs("no image", f);
                fclose(f);
                nn_mem_free(path);
            }
            nn_mem_free(sub);
        }
    }
    ck_assert_msg(nn_dataset_open(dir, &opt, &ds, &err) == NN_OK, "%s",
                  err.text);
    return ds;
}

/* --- a task
 * -------------------------------------------------------------------- */

struct colours {
    const struct nn_dataset *ds;
    uint32_t train[3 * PER_CLASS + 1], valid[3 * PER_CLASS];
    uint32_t order[3 * PER_CLASS + 1];
    size_t n_train, n_valid;
    int calls;   /* of target() */
    int stop_at; /* set *stop at that call; 0 never */
    volatile sig_atomic_t stop;
};

static enum nn_status sample(void *ctx, uint64_t epoch, const uint32_t **index,
                             size_t *n)
{
    struct colours *c = ctx;
    struct nn_rng rng = nn_rng_make(9, epoch);

    memcpy(c->order, c->train, c->n_train * sizeof *c->order);
    nn_rng_shuffle(&rng, c->order, c->n_train);
    *index = c->order;
    *n = c->n_train;
    return NN_OK;
}

static void target(void *ctx, uint32_t item, float *row, float *weight)
{
    struct colours *c = ctx;

    memset(row, 0, 3 * sizeof *row);
    row[c->ds->items[item].label] = 1;
    *weight = 1;
    if (++c->calls == c->stop_at) {
        c->stop = 1;
    }
}

static enum nn_status evaluate(void *ctx, struct nn_scorer *s,
                               struct nn_train_metrics *m, struct nn_error *err)
{
    struct colours *c = ctx;
    float z[3 * PER_CLASS * 3];
    uint8_t ok[3 * PER_CLASS];
    int right = 0;
    enum nn_status st =
        nn_scorer_run_items(s, c->ds, c->valid, c->n_valid, NULL, z, ok, err);

    for (size_t i = 0; i < c->n_valid; i++) {
        const float *r = z + 3 * i;
        int best = r[1] > r[0];

        best = r[2] > r[best] ? 2 : best;
        right += best == c->ds->items[c->valid[i]].label;
    }
    m->metric = (double)right / (double)c->n_valid;
    m->loss = 0;
    snprintf(m->text, sizeof m->text, "accuracy %.3f", m->metric);
    return st;
}

static void list(struct colours *c, const struct nn_dataset *ds)
{
    *c = (struct colours){ .ds = ds };
    for (size_t i = 0; i < ds->n; i++) {
        if (ds->items[i].split == NN_TRAIN) {
            c->train[c->n_train++] = (uint32_t)i;
        } else {
            c->valid[c->n_valid++] = (uint32_t)i;
        }
    }
}

static struct nn_net *tiny_net(const struct nn_dataset *ds)
{
    struct nn_net_spec s = nn_net_spec_defaults();
    struct nn_net *net;

    s.width = 0.1f;
    s.size = 32;
    s.n_outputs = ds->n_classes;
    s.outputs = (const char *const *)ds->classes;
    ck_assert_int_eq(nn_net_create(&s, 3, &net, NULL), NN_OK);
    return net;
}

static struct nn_train_options options(void)
{
    struct nn_train_options o = nn_train_defaults();

    o.epochs = 6;
    o.batch = 8;
    o.schedule.peak = 5e-3;
    o.ema = 0.9;
    o.augment = nn_augment_none();
    o.augment.flip = 0.5f;
    return o;
}

static enum nn_status train(struct colours *c, const struct nn_run *run,
                            const struct nn_train_options *o,
                            struct nn_net *net, struct nn_train_result *r,
                            struct nn_error *err)
{
    const struct nn_train_task task = { "colours", c->ds,    c, sample,
                                        target,    evaluate, 0 };

    c->stop = 0;
    return nn_train(&task, o, run, net, r, err);
}

/* --- tests
 * ------------------------------------------------------------------------ */

START_TEST(learns_and_records)
{
    char *dir = testkit_mkdir(), *out = nn_path_join(dir, "run");
    struct nn_dataset *ds = make_data(dir);
    struct nn_train_options o = options();
    struct nn_train_result r;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net = tiny_net(ds);
    struct colours c;
    const struct nn_run run = { out, 0, NULL };
    unsigned char *csv;
    size_t size;
    char *name;

    /* So few steps that rounding decides about single epochs: after 6 of them
     * 3 of 4 runs were below 0.8, after 18 all of 16 are at 1. */
    o.epochs = 18;
    ck_assert_int_eq(nn_file_mkdirs(out, NULL), NN_OK);
    list(&c, ds);
    ck_assert_msg(train(&c, &run, &o, net, &r, &err) == NN_OK, "%s", err.text);
    ck_assert_int_eq(r.epochs_done, 18);
    ck_assert_double_ge(r.best.metric, 0.95); /* chance is 0.33 */
    name = nn_path_join(out, "results.csv");
    ck_assert_int_eq(nn_file_read(name, 10000, &csv, &size, NULL), NN_OK);
    ck_assert_int_eq(strncmp((char *)csv, "stage,epoch,", 12), 0);
    ck_assert_ptr_nonnull(strstr((char *)csv, "\ncolours,18,"));
    nn_mem_free(csv);
    nn_mem_free(name);
    nn_mem_free(out);
    nn_net_destroy(&net);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* Train in parts, stopping at the given target() calls, against one go. */
static void resume_as_whole(struct nn_train_options o)
{
    char *dir = testkit_mkdir(), *out = nn_path_join(dir, "run");
    struct nn_dataset *ds = make_data(dir);
    struct nn_train_result r;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *whole = tiny_net(ds), *parts = NULL;
    struct colours c;
    const struct nn_run quiet = { NULL, 0, NULL };
    enum nn_status st = NN_ERR_STOPPED;
    int rounds = 0;

    nn_parallel_set_threads(1);
    list(&c, ds);
    ck_assert_int_eq(train(&c, &quiet, &o, whole, &r, &err), NN_OK);
    ck_assert_int_eq(nn_file_mkdirs(out, NULL), NN_OK);
    nn_parallel_set_threads(2); /* another thread count, too */
    while (st == NN_ERR_STOPPED && rounds < 50) {
        const struct nn_run run = { out, rounds > 0, &c.stop };

        nn_net_destroy(&parts);
        parts = tiny_net(ds);
        c.calls = 0;
        c.stop_at = 37 + 11 * rounds++;
        st = train(&c, &run, &o, parts, &r, &err);
        if (st == NN_ERR_STOPPED) {
            ck_assert_ptr_nonnull(strstr(err.text, "--resume"));
        }
    }
    ck_assert_msg(st == NN_OK, "%s", err.text);
    ck_assert_int_gt(rounds, 4);
    ck_assert_mem_eq(whole->params.value.data, parts->params.value.data,
                     whole->params.value.count * sizeof(float));
    nn_net_destroy(&whole);
    nn_net_destroy(&parts);
    nn_dataset_close(&ds);
    nn_mem_free(out);
    testkit_rmdir(dir);
}

START_TEST(resume_is_bit_equal)
{
    resume_as_whole(options());
}
END_TEST

/* Growing inputs and blended images, interrupted in every phase. */
START_TEST(resume_is_bit_equal_across_sizes)
{
    static const struct nn_train_phase phases[] = { { 40, 2 }, { 48, 2 } };
    struct nn_train_options o = options();

    o.phases = phases;
    o.n_phases = 2;
    o.mix.mixup = 0.2f;
    o.mix.cutmix = 1;
    o.mix.no_mix_epochs = 1;
    resume_as_whole(o);
}
END_TEST

/* A phase of the net's own size changes nothing; another size does. */
START_TEST(phases_change_the_input_alone)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds = make_data(dir);
    const struct nn_run run = { NULL, 0, NULL };
    struct nn_train_phase phase = { 32, 1 };
    struct nn_net *net[3];
    struct colours c;

    list(&c, ds);
    for (int i = 0; i < 3; i++) {
        struct nn_train_options o = options();
        struct nn_error err = NN_ERROR_INIT;
        struct nn_train_result r;

        phase.size = i == 2 ? 40 : 32;
        o.epochs = 2;
        o.phases = i > 0 ? &phase : NULL;
        o.n_phases = i > 0;
        net[i] = tiny_net(ds);
        ck_assert_msg(train(&c, &run, &o, net[i], &r, &err) == NN_OK, "%s",
                      err.text);
        ck_assert_int_eq(net[i]->spec.size, 32);
    }
    ck_assert_mem_eq(net[0]->params.value.data, net[1]->params.value.data,
                     net[0]->params.value.count * sizeof(float));
    ck_assert_mem_ne(net[0]->params.value.data, net[2]->params.value.data,
                     net[0]->params.value.count * sizeof(float));
    for (int i = 0; i < 3; i++) {
        nn_net_destroy(&net[i]);
    }
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* One plain step of gradient descent from tiny_net()'s weights. */
static struct nn_net *one_step(struct colours *c, double block_decay,
                               int freeze_epochs, int freeze_bn_stats)
{
    const struct nn_run run = { NULL, 0, NULL };
    struct nn_net *net = tiny_net(c->ds);
    struct nn_train_options o = options();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_train_result r;

    o.epochs = 1;
    o.batch = (int32_t)c->n_train;
    o.optim = nn_optim_defaults(NN_OPTIM_SGD);
    o.optim.weight_decay = 0;
    o.clip = 0;
    o.ema = 0;
    o.schedule.kind = NN_SCHEDULE_CONSTANT;
    o.schedule.peak = 0.5;
    o.head_lr = 0.25;
    o.block_decay = block_decay;
    o.freeze_epochs = freeze_epochs;
    o.freeze_bn_stats = freeze_bn_stats;
    ck_assert_msg(train(c, &run, &o, net, &r, &err) == NN_OK, "%s", err.text);
    return net;
}

/* How far a parameter moved: the largest difference, and its sign kept. */
static double moved(const struct nn_net *from, const struct nn_net *to,
                    const char *name)
{
    const struct nn_param *p = nn_graph_find_param(from->graph, name);
    double max = 0;

    ck_assert_ptr_nonnull(p);
    for (size_t i = 0; i < p->count; i++) {
        double d = (double)to->params.value.data[p->offset + i] -
                   (double)from->params.value.data[p->offset + i];

        max = fabs(d) > fabs(max) ? d : max;
    }
    return max;
}

START_TEST(earlier_stages_learn_slower)
{
    static const struct {
        const char *name;
        double factor;
    } rows[] = {
        { "classifier.weight", 1 },
        { "conv_head.weight", 1 },
        { "blocks.4.0.conv.weight", 0.5 },
        { "blocks.2.0.dw_start.conv.weight", 0.125 },
        { "blocks.0.0.conv.weight", 0.03125 },
        { "conv_stem.weight", 0.015625 },
    };
    char *dir = testkit_mkdir();
    struct nn_dataset *ds = make_data(dir);
    struct nn_net *start = tiny_net(ds), *even, *slower;
    struct colours c;

    list(&c, ds);
    even = one_step(&c, 1, 0, 0);
    slower = one_step(&c, 0.5, 0, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double whole = moved(start, even, rows[i].name);

        ck_assert_double_gt(fabs(whole), 1e-4);
        ck_assert_double_eq_tol(moved(start, slower, rows[i].name),
                                rows[i].factor * whole,
                                1e-3 * fabs(whole) + 1e-7);
    }
    nn_net_destroy(&start);
    nn_net_destroy(&even);
    nn_net_destroy(&slower);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(head_first_and_norms_kept)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds = make_data(dir);
    struct nn_net *start = tiny_net(ds), *head, *kept, *free_net;
    const struct nn_param *p;
    struct colours c;

    list(&c, ds);
    head = one_step(&c, 1, 1, 0);
    kept = one_step(&c, 1, 0, 2); /* the stem and blocks.0 */
    free_net = one_step(&c, 1, 0, 0);
    for (size_t i = 0; (p = nn_graph_param(start->graph, i)) != NULL; i++) {
        int early = strncmp(p->name, "bn1.", 4) == 0 ||
                    strncmp(p->name, "blocks.0.", 9) == 0;

        if (p->trained) {
            ck_assert_msg((fabs(moved(start, head, p->name)) > 0) ==
                              (strncmp(p->name, "classifier", 10) == 0),
                          "%s", p->name);
        } else {
            ck_assert_msg((fabs(moved(start, kept, p->name)) > 0) == !early,
                          "%s", p->name);
            ck_assert_double_gt(fabs(moved(start, free_net, p->name)), 0);
        }
    }
    nn_net_destroy(&start);
    nn_net_destroy(&head);
    nn_net_destroy(&kept);
    nn_net_destroy(&free_net);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(running_variances_have_a_least_value)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds = make_data(dir);
    const struct nn_run run = { NULL, 0, NULL };
    struct nn_train_options o = options();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net[2];
    struct nn_train_result r;
    const struct nn_param *p;
    struct colours c;
    size_t raised = 0;

    list(&c, ds);
    o.epochs = 1;
    o.ema = 0;
    for (int i = 0; i < 2; i++) {
        o.bn_var_floor = i == 0 ? 0 : 0.9f;
        net[i] = tiny_net(ds);
        ck_assert_msg(train(&c, &run, &o, net[i], &r, &err) == NN_OK, "%s",
                      err.text);
    }
    for (size_t i = 0; (p = nn_graph_param(net[0]->graph, i)) != NULL; i++) {
        const float *a = net[0]->params.value.data + p->offset;
        const float *b = net[1]->params.value.data + p->offset;

        if (strstr(p->name, "running_var") == NULL) {
            /* Training itself uses the batches' statistics. */
            ck_assert_mem_eq(a, b, p->count * sizeof *a);
            continue;
        }
        for (size_t j = 0; j < p->count; j++) {
            ck_assert(b[j] >= 0.9f);
            raised += a[j] < 0.9f;
        }
    }
    ck_assert_uint_gt(raised, 10);
    nn_net_destroy(&net[0]);
    nn_net_destroy(&net[1]);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(resume_refuses_other_options)
{
    char *dir = testkit_mkdir(), *out = nn_path_join(dir, "run");
    struct nn_dataset *ds = make_data(dir);
    struct nn_train_options o = options();
    struct nn_train_result r;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net = tiny_net(ds);
    struct colours c;
    struct nn_run run = { out, 0, NULL };

    ck_assert_int_eq(nn_file_mkdirs(out, NULL), NN_OK);
    list(&c, ds);
    o.epochs = 1;
    ck_assert_int_eq(train(&c, &run, &o, net, &r, &err), NN_OK);
    run.resume = 1;
    ck_assert_int_eq(train(&c, &run, &o, net, &r, &err), NN_OK);
    o.seed++;
    ck_assert_int_eq(train(&c, &run, &o, net, &r, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "another seed"));
    o.seed--;
    o.mix.mixup = 0.5f; /* named only in runs that use it */
    ck_assert_int_eq(train(&c, &run, &o, net, &r, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "another mixing"));
    nn_net_destroy(&net);
    nn_dataset_close(&ds);
    nn_mem_free(out);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(nan_stops_with_a_name)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds = make_data(dir);
    struct nn_train_options o = options();
    struct nn_train_result r;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net = tiny_net(ds);
    struct colours c;
    const struct nn_run run = { NULL, 0, NULL };

    list(&c, ds);
    net->params.value
        .data[nn_graph_find_param(net->graph, "blocks.1.0.conv.weight")
                  ->offset] = NAN;
    ck_assert_int_eq(train(&c, &run, &o, net, &r, &err), NN_ERR_NUMERIC);
    ck_assert_ptr_nonnull(strstr(err.text, "colours, epoch 1, step 0"));
    ck_assert_ptr_nonnull(strstr(err.text, "'blocks.1.0.conv'"));
    nn_net_destroy(&net);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("train");
    TCase *t = tcase_create("train");

    tcase_set_timeout(t, 300);
    tcase_add_test(t, learns_and_records);
    tcase_add_test(t, resume_is_bit_equal);
    tcase_add_test(t, resume_is_bit_equal_across_sizes);
    tcase_add_test(t, phases_change_the_input_alone);
    tcase_add_test(t, earlier_stages_learn_slower);
    tcase_add_test(t, head_first_and_norms_kept);
    tcase_add_test(t, running_variances_have_a_least_value);
    tcase_add_test(t, resume_refuses_other_options);
    tcase_add_test(t, nan_stops_with_a_name);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
