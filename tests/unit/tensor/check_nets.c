/* MobileNetV4-Conv-Small and EfficientNet-Lite against timm: logits, loss,
 * every gradient. */
#include <math.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/parallel.h"
#include "common/tensor/layout.h"
#include "common/tensor/loss.h"
#include "common/tensor/nets/efficientnet_lite.h"
#include "common/tensor/nets/mobilenetv4.h"
#include "tests/unit/tensor/golden.h"
#include "tests/unit/testkit.h"

static int ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

/* The weights of tensor_golden.py, whose order is PyTorch's. */
static void fill_param(const struct nn_graph *g, size_t i, float norm_bias,
                       float *values)
{
    const struct nn_param *p = nn_graph_param(g, i);
    struct nn_layout l = nn_layout_of(g, i);
    float *file = nn_mem_calloc(p->count, sizeof *file);
    float scale = 0.25f, shift = 0;

    ck_assert_ptr_nonnull(file);
    golden_uniform(p->name, p->count, file);
    if (l.ndim == 4) {
        double fan_out = (double)(l.shape[0] * l.shape[2] * l.shape[3]);
        double groups =
            l.shape[1] == 1 && l.shape[2] > 1 ? (double)l.shape[0] : 1;

        scale = (float)sqrt(6.0 * groups / fan_out);
    } else if (strcmp(p->name, "classifier.weight") == 0) {
        scale = 0.0625f;
    } else if (ends_with(p->name, "running_var")) {
        scale = 0.5f;
        shift = 1;
    } else if (ends_with(p->name, "weight")) {
        shift = 1;
    } else if (strstr(p->name, "bn") != NULL && ends_with(p->name, "bias")) {
        shift = norm_bias;
    }
    for (size_t j = 0; j < p->count; j++) {
        file[j] = file[j] * scale + shift;
    }
    nn_layout_from_file(&l, file, values + p->offset);
    nn_mem_free(file);
}

struct fixture {
    struct nn_graph *g;
    struct nn_params p;
    float *x;
    size_t image; /* floats */
    int32_t batch;
};

static int is_lite(const char *name)
{
    return strstr(name, "efficientnet_lite") != NULL;
}

static enum nn_status build_net(const char *name, int32_t size,
                                struct nn_graph **g, struct nn_error *err)
{
    if (is_lite(name)) {
        const struct nn_efficientnet_lite m = {
            .variant = name[strlen(name) - 1] - '0',
            .size = size,
            .outputs = 3,
            .bn_momentum = 0.9f, /* timm's */
        };

        return nn_efficientnet_lite_build(&m, g, err);
    }
    const struct nn_mobilenetv4 m = { .width = ends_with(name, "_050")   ? 0.5f
                                               : ends_with(name, "_035") ? 0.35f
                                                                         : 1.0f,
                                      .size = size,
                                      .outputs = 3 };

    return nn_mobilenetv4_build(&m, g, err);
}

static void set_up(struct fixture *f, const json_t *want, int train)
{
    const char *name = json_string_value(json_object_get(want, "model"));
    int32_t size = (int32_t)json_integer_value(json_object_get(want, "size"));
    struct nn_error err = NN_ERROR_INIT;
    size_t n;

    f->batch = (int32_t)json_integer_value(json_object_get(want, "batch"));
    ck_assert_msg(build_net(name, size, &f->g, &err) == NN_OK, "%s", err.text);
    ck_assert_int_eq(nn_params_init(&f->p, f->g, 1), NN_OK);
    for (size_t i = 0; nn_graph_param(f->g, i) != NULL; i++) {
        fill_param(f->g, i, train && is_lite(name) ? 4 : 0, f->p.value.data);
    }
    f->image = (size_t)size * (size_t)size * 3;
    n = (size_t)f->batch * f->image;
    f->x = nn_mem_calloc(n, sizeof *f->x);
    golden_uniform("input", n, f->x);
    for (size_t i = 0; i < n; i++) {
        f->x[i] *= 2;
    }
}

static void tear_down(struct fixture *f)
{
    nn_params_release(&f->p);
    nn_graph_destroy(&f->g);
    nn_mem_free(f->x);
}

static json_t *row(int i)
{
    json_t *all = golden_load("tensor_nets.json");
    json_t *one = json_incref(json_array_get(all, (size_t)i));

    json_decref(all);
    return one;
}

/* Float32 through about 60 layers against double: errors grow with the size of
 * the activations, so the bound is relative to the largest logit. */
static double largest(const json_t *a)
{
    double max = 0;

    for (size_t i = 0; i < json_array_size(a); i++) {
        max = fmax(max, fabs(json_number_value(json_array_get(a, i))));
    }
    return max;
}

/* Logits of all images, taken together as cache_floats has it. */
static void logits(const struct fixture *f, int32_t max, size_t cache_floats,
                   float *out)
{
    struct nn_exec_options opt = { .max_batch = max,
                                   .cpu = nn_cpu_flags(),
                                   .cache_floats = cache_floats };
    struct nn_exec *e;
    struct nn_tensor z;

    ck_assert_int_eq(nn_exec_create(f->g, &opt, &e, NULL), NN_OK);
    nn_exec_load(e, &f->p);
    for (int32_t b = 0; b < f->batch; b += max) {
        ck_assert_int_eq(nn_exec_forward(e, NULL, f->x + (size_t)b * f->image,
                                         max, 0, &z, NULL),
                         NN_OK);
        memcpy(out + b * 3, z.data, (size_t)max * 3 * sizeof *out);
    }
    nn_exec_destroy(&e);
}

/* At inference early steps take parts of the groups of later ones; how they
 * are cut changes rounding only. */
START_TEST(groups_within_groups)
{
    static const size_t floats[] = {
        400, 1000, 3000, 7000, 20000, 60000, 200000
    };
    enum { IMAGES = 20 };
    float want[IMAGES * 3], got[IMAGES * 3], max = 0;
    json_t *net = json_pack("{s:s, s:i, s:i}", "model", "small_035", "size", 64,
                            "batch", IMAGES);
    struct fixture f;

    set_up(&f, net, 0);
    logits(&f, 1, 0, want);
    for (size_t i = 0; i < IMAGES * 3; i++) {
        max = fmaxf(max, fabsf(want[i]));
    }
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        for (int threads = 1; threads <= 3; threads++) {
            nn_parallel_set_threads(threads);
            logits(&f, IMAGES, floats[i], got);
            testkit_close(got, want, IMAGES * 3, 1e-5 * (double)max, 0,
                          "logits");
        }
    }
    tear_down(&f);
    json_decref(net);
}
END_TEST

/* Each row as a net of that size is run; then image by image. */
enum { ROWS = 7 };

START_TEST(inference_logits)
{
    json_t *want = row(_i % ROWS), *z_want = json_object_get(want, "infer");
    struct nn_exec_options opt = { .cpu = nn_cpu_flags(),
                                   .cache_floats = (size_t)(_i / ROWS) };
    struct nn_exec *e;
    struct nn_tensor z;
    struct fixture f;

    set_up(&f, want, 0);
    opt.max_batch = f.batch;
    ck_assert_int_eq(nn_exec_create(f.g, &opt, &e, NULL), NN_OK);
    nn_exec_load(e, &f.p);
    ck_assert_int_eq(nn_exec_forward(e, NULL, f.x, f.batch, 0, &z, NULL),
                     NN_OK);
    golden_close(z.data, z_want, (size_t)f.batch * 3, 2e-5 * largest(z_want), 0,
                 "logits");
    nn_exec_destroy(&e);
    tear_down(&f);
    json_decref(want);
}
END_TEST

static void compare_gradients(const struct fixture *f, const json_t *want)
{
    const struct nn_param *p;
    double all = 0;
    size_t seen = 0;

    for (size_t i = 0; (p = nn_graph_param(f->g, i)) != NULL; i++) {
        const json_t *w = json_object_get(want, p->name);
        struct nn_layout l = nn_layout_of(f->g, i);
        float *file, got[4];
        double sum = 0, norm;

        if (!p->trained) {
            continue;
        }
        ck_assert_msg(w != NULL, "no golden gradient of %s", p->name);
        file = nn_mem_calloc(p->count, sizeof *file);
        nn_layout_to_file(&l, f->p.grad.data + p->offset, file);
        for (size_t j = 0; j < p->count; j++) {
            sum += (double)file[j] * (double)file[j];
        }
        norm = json_number_value(json_array_get(w, 0));
        got[0] = (float)sqrt(sum);
        got[1] = file[0];
        got[2] = file[p->count / 2];
        got[3] = file[p->count - 1];
        /* Where a norm follows, the true gradient is zero and ours rounding. */
        golden_close(got, w, 4, 1e-5 + 3e-3 * norm, 3e-3, p->name);
        nn_mem_free(file);
        all += norm;
        seen++;
    }
    ck_assert_uint_eq(seen, json_object_size(want));
    ck_assert(all > 0);
}

static void compare_running(const struct fixture *f, const json_t *want)
{
    const char *name;
    json_t *w;

    json_object_foreach((json_t *)(uintptr_t)want, name, w)
    {
        const struct nn_param *p = nn_graph_find_param(f->g, name);
        float got[2];

        ck_assert_ptr_nonnull(p);
        got[0] = f->p.value.data[p->offset];
        got[1] = f->p.value.data[p->offset + p->count - 1];
        golden_close(got, w, 2, 1e-4, 1e-3, name);
    }
}

START_TEST(training_step)
{
    json_t *want = row(_i % ROWS), *z_want = json_object_get(want, "train");
    struct nn_exec_options opt = { .train = 1,
                                   .cpu = nn_cpu_flags(),
                                   .cache_floats = (size_t)(_i / ROWS) };
    struct nn_loss loss = { NN_LOSS_CATEGORICAL, 0, 0, 0.1f };
    float target[24] = { 0 }, d[24];
    struct nn_exec *e;
    struct nn_tensor z;
    struct fixture f;
    double value;

    set_up(&f, want, 1);
    opt.max_batch = f.batch;
    ck_assert_int_eq(nn_exec_create(f.g, &opt, &e, NULL), NN_OK);
    ck_assert_int_eq(nn_exec_forward(e, &f.p, f.x, f.batch, 0, &z, NULL),
                     NN_OK);
    golden_close(z.data, z_want, (size_t)f.batch * 3, 1e-3, 1e-3, "logits");
    for (int32_t i = 0; i < f.batch; i++) {
        target[i * 3 + i % 3] = 1;
    }
    ck_assert_int_eq(
        nn_loss_eval(&loss, z.data, target, NULL, f.batch, 3, &value, d, NULL),
        NN_OK);
    ck_assert_double_eq_tol(
        value, json_number_value(json_object_get(want, "loss")), 1e-3);
    ck_assert_int_eq(nn_exec_backward(e, &f.p, d, NULL), NN_OK);
    compare_gradients(&f, json_object_get(want, "gradients"));
    compare_running(&f, json_object_get(want, "running"));
    nn_exec_destroy(&e);
    tear_down(&f);
    json_decref(want);
}
END_TEST

/* What timm's names say of the place in the network. */
static int stage_by_name(const char *name)
{
    if (strncmp(name, "conv_stem.", 10) == 0 || strncmp(name, "bn1.", 4) == 0) {
        return 0;
    }
    if (strncmp(name, "conv_head.", 10) == 0 ||
        strncmp(name, "norm_head.", 10) == 0) {
        return 6;
    }
    if (strncmp(name, "classifier.", 11) == 0) {
        return 7;
    }
    ck_assert(strncmp(name, "blocks.", 7) == 0);
    return 1 + name[7] - '0';
}

START_TEST(parameters_know_their_stage)
{
    const struct nn_mobilenetv4 m = { .width = 0.25f,
                                      .size = 64,
                                      .outputs = 2 };
    const struct nn_param *p;
    struct nn_graph *g;
    int seen[8] = { 0 };

    ck_assert_int_eq(nn_mobilenetv4_build(&m, &g, NULL), NN_OK);
    for (size_t i = 0; (p = nn_graph_param(g, i)) != NULL; i++) {
        ck_assert_msg(p->stage == stage_by_name(p->name), "%s: stage %d",
                      p->name, p->stage);
        ck_assert_msg(p->pooled == (p->stage >= 6), "%s", p->name);
        ck_assert_msg((p->role == NN_PARAM_NORM_VAR) ==
                          ends_with(p->name, "running_var"),
                      "%s", p->name);
        seen[p->stage]++;
    }
    for (int k = 0; k < 8; k++) {
        ck_assert_int_gt(seen[k], 0);
    }
    ck_assert_int_eq(nn_graph_last_stage(g), 7);
    ck_assert_str_eq(nn_graph_stage_param(g, 7, NN_PARAM_BIAS)->name,
                     "classifier.bias");
    ck_assert_str_eq(nn_graph_stage_param(g, 6, NN_PARAM_NORM_SCALE)->name,
                     "norm_head.weight");
    ck_assert_ptr_null(nn_graph_stage_param(g, 7, NN_PARAM_NORM_MEAN));
    nn_graph_destroy(&g);
}
END_TEST

START_TEST(refuses_nonsense)
{
    const struct nn_mobilenetv4 bad[] = {
        { .width = 0, .size = 96, .outputs = 3 },
        { .width = 1, .size = 16, .outputs = 3 },
        { .width = 1, .size = 96, .outputs = 0 },
        { .width = NAN, .size = 96, .outputs = 1 },
    };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_graph *g;

    ck_assert_int_eq(nn_mobilenetv4_build(&bad[_i], &g, &err), NN_ERR_ARG);
    ck_assert_ptr_null(g);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot be built"));
}
END_TEST

/* timm's names say the stage: conv_stem and bn1 0, blocks.S 1 + S, conv_head
 * and bn2 8, classifier 9. */
START_TEST(lite_stages)
{
    static const struct {
        const char *name;
        int stage, pooled;
    } want[] = {
        { "conv_stem.weight", 0, 0 },
        { "bn1.running_var", 0, 0 },
        { "blocks.0.0.conv_dw.weight", 1, 0 },
        { "blocks.3.2.bn3.bias", 4, 0 },
        { "blocks.6.0.conv_pwl.weight", 7, 0 },
        { "conv_head.weight", 8, 0 },
        { "bn2.weight", 8, 0 },
        { "classifier.bias", 9, 1 },
    };
    const struct nn_efficientnet_lite m = { .size = 33, .outputs = 2 };
    struct nn_graph *g;

    ck_assert_int_eq(nn_efficientnet_lite_build(&m, &g, NULL), NN_OK);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const struct nn_param *p = nn_graph_find_param(g, want[i].name);

        ck_assert_ptr_nonnull(p);
        ck_assert_int_eq(p->stage, want[i].stage);
        ck_assert_int_eq(p->pooled, want[i].pooled);
    }
    ck_assert_int_eq(nn_graph_last_stage(g), 9);
    nn_graph_destroy(&g);
}
END_TEST

START_TEST(refuses_nonsense_lite)
{
    const struct nn_efficientnet_lite bad[] = {
        { .variant = 3, .size = 97, .outputs = 3 },
        { .variant = -1, .size = 97, .outputs = 3 },
        { .variant = 0, .size = 16, .outputs = 3 },
        { .variant = 0, .size = 97, .outputs = 0 },
    };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_graph *g;

    ck_assert_int_eq(nn_efficientnet_lite_build(&bad[_i], &g, &err),
                     NN_ERR_ARG);
    ck_assert_ptr_null(g);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot be built"));
}
END_TEST

/* Trained parameters and multiply-adds, as hooks on timm's nets count them at
 * the sizes that they were published at. */
START_TEST(lite_counts)
{
    static const struct {
        int32_t size;
        size_t parameters, million_macs;
    } want[] = { { 224, 4652008, 385 },
                 { 240, 5416680, 600 },
                 { 260, 6092072, 859 } };
    const struct nn_efficientnet_lite m = { .variant = _i,
                                            .size = want[_i].size,
                                            .outputs = 1000 };
    struct nn_graph *g;

    ck_assert_int_eq(nn_efficientnet_lite_build(&m, &g, NULL), NN_OK);
    ck_assert_uint_eq(nn_graph_trained_count(g), want[_i].parameters);
    ck_assert_uint_eq(nn_graph_macs(g) / 1000000, want[_i].million_macs);
    nn_graph_destroy(&g);
}
END_TEST

static int build(void *ctx)
{
    const struct nn_mobilenetv4 m = { .width = 0.1f, .size = 32, .outputs = 2 };
    const struct nn_exec_options opt = { .max_batch = 1, .train = 1 };
    struct nn_params p = NN_PARAMS_INIT;
    struct nn_graph *g;
    struct nn_exec *e = NULL;
    int st = nn_mobilenetv4_build(&m, &g, NULL);

    (void)ctx;
    if (st == NN_OK) {
        st = nn_params_init(&p, g, 1);
    }
    if (st == NN_OK) {
        st = nn_exec_create(g, &opt, &e, NULL);
    }
    nn_exec_destroy(&e);
    nn_params_release(&p);
    nn_graph_destroy(&g);
    return st;
}

START_TEST(allocation_failures)
{
    testkit_each_alloc_failure(build, NULL);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("nets");
    TCase *t = tcase_create("golden");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, inference_logits, 0, 2 * ROWS);
    tcase_add_test(t, groups_within_groups);
    tcase_add_loop_test(t, training_step, 0, 2 * ROWS);
    tcase_add_test(t, parameters_know_their_stage);
    tcase_add_loop_test(t, refuses_nonsense, 0, 4);
    tcase_add_loop_test(t, refuses_nonsense_lite, 0, 4);
    tcase_add_loop_test(t, lite_counts, 0, 3);
    tcase_add_test(t, lite_stages);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
