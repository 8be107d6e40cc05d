/* Test-time augmentation: text, scaling, and a scorer that looks more than
 * once. */
#include <math.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "common/net/net.h"
#include "tests/unit/testkit.h"

enum { K = 4, LARGE = 96, SMALL = 64, CHANNELS = 3 };

static float *noise(size_t n, uint64_t seed)
{
    struct nn_rng g = nn_rng_make(seed, 0);
    float *v = nn_mem_calloc(n, sizeof *v);

    ck_assert_ptr_nonnull(v);
    for (size_t i = 0; i < n; i++) {
        v[i] = (float)(2 * nn_rng_double(&g) - 1);
    }
    return v;
}

/* The definition of the header, pixel by pixel, in double. */
static void naive(const float *in, int from, int to, int mirrored, float *out)
{
    double r = (double)from / to;

    for (int y = 0; y < to; y++) {
        for (int x = 0; x < to; x++) {
            double sum[CHANNELS] = { 0 }, weights = 0;

            for (int i = 0; i < from; i++) {
                for (int j = 0; j < from; j++) {
                    double dy = fabs(i + 0.5 - (y + 0.5) * r) / r;
                    double dx = fabs(j + 0.5 - (x + 0.5) * r) / r;
                    double w = fmax(0, 1 - dy) * fmax(0, 1 - dx);

                    weights += w;
                    for (int c = 0; c < CHANNELS; c++) {
                        sum[c] += w * (double)in[(i * from + j) * CHANNELS + c];
                    }
                }
            }
            for (int c = 0; c < CHANNELS; c++) {
                int column = mirrored ? to - 1 - x : x;

                out[(y * to + column) * CHANNELS + c] =
                    (float)(sum[c] / weights);
            }
        }
    }
}

START_TEST(views_are_scaled_as_defined)
{
    static const struct {
        int from, to, mirrored;
    } t[] = { { 32, 32, 0 }, { 32, 32, 1 }, { 48, 32, 1 }, { 37, 32, 0 },
              { 40, 39, 1 }, { 33, 5, 0 },  { 7, 1, 1 },   { 1, 1, 0 } };

    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        size_t from = (size_t)t[i].from, to = (size_t)t[i].to;
        size_t n = from * from * CHANNELS, m = to * to * CHANNELS;
        float *in = noise(2 * n, i), *out = noise(2 * m + 2, 99);
        float *want = noise(m, 0), guard[2] = { out[0], out[2 * m + 1] };
        struct nn_tta_scale s;

        ck_assert(!nn_tta_scale_init(
            &s, t[i].from, (struct nn_tta_view){ t[i].to, t[i].mirrored },
            NULL));
        nn_tta_scale_run(&s, in, 2, out + 1);
        ck_assert_float_eq(out[0], guard[0]);
        ck_assert_float_eq(out[2 * m + 1], guard[1]);
        for (size_t k = 0; k < 2; k++) {
            naive(in + k * n, t[i].from, t[i].to, t[i].mirrored, want);
            testkit_close(out + 1 + k * m, want, m, 2e-6, 1e-6, "pixel");
        }
        nn_tta_scale_release(&s);
        nn_mem_free(in);
        nn_mem_free(out);
        nn_mem_free(want);
    }
}
END_TEST

START_TEST(matrices_say_the_same)
{
    enum { FROM = 21, TO = 13 };
    float *in = noise(FROM * FROM * CHANNELS, 1), out[TO * TO * CHANNELS];
    float rows[TO * FROM], columns[FROM * TO], want[TO * TO * CHANNELS];
    struct nn_tta_scale s;

    ck_assert(
        !nn_tta_scale_init(&s, FROM, (struct nn_tta_view){ TO, 1 }, NULL));
    nn_tta_scale_run(&s, in, 1, out);
    nn_tta_scale_matrices(&s, rows, columns);
    for (int p = 0; p < TO * TO * CHANNELS; p++) {
        int y = p / CHANNELS / TO, x = p / CHANNELS % TO, c = p % CHANNELS;
        double sum = 0;

        for (int i = 0; i < FROM; i++) {
            for (int j = 0; j < FROM; j++) {
                sum += (double)rows[y * FROM + i] *
                       (double)in[(i * FROM + j) * CHANNELS + c] *
                       (double)columns[j * TO + x];
            }
        }
        want[p] = (float)sum;
    }
    testkit_close(out, want, TO * TO * CHANNELS, 2e-6, 1e-6, "pixel");
    nn_tta_scale_release(&s);
    nn_mem_free(in);
}
END_TEST

START_TEST(impossible_views_are_refused)
{
    struct nn_tta_scale s;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(
        nn_tta_scale_init(&s, 32, (struct nn_tta_view){ 33, 0 }, &err),
        NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "33"));
    ck_assert_int_eq(
        nn_tta_scale_init(&s, 32, (struct nn_tta_view){ 0, 0 }, &err),
        NN_ERR_ARG);
    ck_assert_int_eq(nn_tta_scale_init(&s, NN_TTA_MAX_SIZE + 1,
                                       (struct nn_tta_view){ 32, 0 }, &err),
                     NN_ERR_ARG);
}
END_TEST

START_TEST(lists_of_views)
{
    static const char *const bad[] = {
        "",        ",",         "m",      "224m",       "224,",
        "224,225", "16",        "224,x",  "224,160mm",  " 224",
        "-224",    "224 ,160",  "2000",   "1e3",        "64,64,64,64,64",
        "+64",     "96,64m,-1", "96;64m", "99999999999"
    };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_tta v;

    ck_assert(!nn_tta_parse("224", &v, NULL));
    ck_assert_uint_eq(v.n, 1);
    ck_assert_int_eq(v.v[0].size, 224);
    ck_assert(!nn_tta_parse("224,160m,224m,32", &v, NULL));
    ck_assert_uint_eq(v.n, 4);
    ck_assert_int_eq(v.v[1].size, 160);
    ck_assert(v.v[1].mirrored && v.v[2].mirrored && !v.v[3].mirrored);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(nn_tta_parse(bad[i], &v, &err) == NN_ERR_ARG,
                      "'%s' was taken", bad[i]);
        ck_assert_ptr_nonnull(strstr(err.text, bad[i]));
    }
}
END_TEST

static struct nn_net *net(int32_t size)
{
    static const char *const names[K] = { "a", "b", "c", "d" };
    struct nn_net_spec s = nn_net_spec_defaults();
    struct nn_net *out;

    s.width = 0.25f;
    s.size = size;
    s.n_outputs = K;
    s.outputs = names;
    ck_assert(!nn_net_create(&s, 7, &out, NULL));
    return out;
}

static const struct nn_tta two = { 2, { { LARGE, 0 }, { SMALL, 1 } } };
static const struct nn_tta three = {
    3, { { LARGE, 0 }, { SMALL, 1 }, { SMALL, 0 } }
};

/* Logits of one input at the net's own size, without a scorer. */
static void forward(const struct nn_net *m, const float *input, float *z)
{
    const struct nn_exec_options opt = { .max_batch = 1,
                                         .cpu = nn_cpu_flags() };
    struct nn_exec *exec;
    struct nn_tensor out;

    ck_assert(!nn_exec_create(m->graph, &opt, &exec, NULL));
    nn_exec_load(exec, &m->params);
    ck_assert(!nn_exec_forward(exec, NULL, input, 1, 0, &out, NULL));
    memcpy(z, out.data, K * sizeof *z);
    nn_exec_destroy(&exec);
}

START_TEST(a_scorer_gives_the_mean_of_the_views)
{
    enum { N = LARGE * LARGE * CHANNELS };
    const struct nn_tta *views = _i == 0 ? &two : &three;
    struct nn_net *m = net(SMALL), *large = net(LARGE), *small = net(SMALL);
    size_t once = nn_net_macs(large) + (views->n - 1) * nn_net_macs(small);
    uint8_t *rgb = nn_mem_calloc(2 * N, 1);
    float *input = nn_mem_calloc(N, sizeof *input);
    float *view = nn_mem_calloc(SMALL * SMALL * CHANNELS, sizeof *view);
    float a[K], b[K], c[K], want[2 * K], got[2 * K], again[2 * K], alone[K];
    struct nn_rng g = nn_rng_make(11, 0);
    struct nn_scorer *s;

    for (size_t i = 0; i < 2 * N; i++) {
        rgb[i] = (uint8_t)(i % 211 / 2 + (size_t)(100 * nn_rng_double(&g)));
    }
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < N; i++) {
            input[i] = ((float)rgb[k * N + i] - m->spec.mean[i % 3]) /
                       m->spec.stddev[i % 3];
        }
        naive(input, LARGE, SMALL, 1, view);
        forward(large, input, a);
        forward(small, view, b);
        naive(input, LARGE, SMALL, 0, view);
        forward(small, view, c);
        for (size_t i = 0; i < K; i++) {
            want[k * K + i] =
                _i == 0 ? (a[i] + b[i]) / 2 : (a[i] + b[i] + c[i]) / 3;
        }
    }
    ck_assert(!nn_net_set_tta(m, views, NULL));
    ck_assert_uint_eq(nn_net_macs(m), once);
    ck_assert(!nn_scorer_create(m, 2, &s, NULL));
    ck_assert(!nn_scorer_run_bytes(s, rgb, 2, got, NULL));
    testkit_close(got, want, 2 * K, 1e-4, 1e-4, "logit");
    ck_assert(fabsf(a[0] - b[0]) > 1e-3f); /* views that differ */
    ck_assert(!nn_scorer_run_bytes(s, rgb + N, 1, alone, NULL));
    testkit_close(alone, got + K, K, 1e-5, 1e-5, "logit");
    nn_parallel_set_threads(1);
    ck_assert(!nn_scorer_run_bytes(s, rgb, 2, again, NULL));
    ck_assert_mem_eq(got, again, sizeof got);
    nn_scorer_destroy(&s);
    nn_net_destroy(&m);
    nn_net_destroy(&large);
    nn_net_destroy(&small);
    nn_mem_free(view);
    nn_mem_free(input);
    nn_mem_free(rgb);
}
END_TEST

static void save(const struct nn_net *m, const char *path)
{
    struct nn_st_writer *w;

    ck_assert(!nn_st_writer_create(&w));
    ck_assert(!nn_net_save(w, "", m, NN_F32, NULL));
    ck_assert(!nn_st_writer_commit(w, path, NULL));
    nn_st_writer_destroy(&w);
}

START_TEST(views_travel_with_the_weights)
{
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "m.safetensors");
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *m = net(SMALL), *back;
    struct nn_st_file *f;

    ck_assert(!nn_net_set_tta(m, &two, NULL));
    save(m, path);
    ck_assert(!nn_st_open(path, &f, NULL));
    ck_assert(!nn_net_load(f, "", &back, NULL));
    nn_st_close(&f);
    ck_assert_int_eq(back->spec.size, LARGE);
    ck_assert_uint_eq(back->spec.n_more, 1);
    ck_assert_int_eq(back->spec.more[0].size, SMALL);
    ck_assert_int_eq(back->spec.more[0].mirrored, 1);
    ck_assert_mem_eq(m->params.value.data, back->params.value.data,
                     m->params.value.count * sizeof(float));
    nn_net_destroy(&back);

    m->spec.more[0].size = LARGE + 1; /* a damaged file */
    save(m, path);
    ck_assert(!nn_st_open(path, &f, NULL));
    ck_assert_int_eq(nn_net_load(f, "", &back, &err), NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "tta"));
    nn_st_close(&f);
    nn_net_destroy(&m);
    nn_mem_free(path);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

static const struct nn_tta same = { 2, { { 32, 0 }, { 32, 1 } } };

/* Of a net that has these views already, so that it always holds as much. */
static int with_views(void *ctx)
{
    struct nn_net *m = ctx;
    struct nn_scorer *s = NULL;
    enum nn_status st = nn_net_set_tta(m, &same, NULL);

    st = st ? st : nn_scorer_create(m, 1, &s, NULL);
    nn_scorer_destroy(&s);
    ck_assert_uint_eq(m->spec.n_more, 1);
    ck_assert_ptr_nonnull(m->more[0]);
    return (int)st;
}

START_TEST(running_out_of_memory_leaves_the_net_alone)
{
    struct nn_net *m = net(32);

    ck_assert(!nn_net_set_tta(m, &same, NULL));
    testkit_each_alloc_failure(with_views, m);
    nn_net_destroy(&m);
}
END_TEST

START_TEST(impossible_lists_leave_the_net_alone)
{
    const struct nn_tta larger = { 2, { { 64, 0 }, { 65, 0 } } };
    const struct nn_tta mirrored = { 1, { { 64, 1 } } };
    const struct nn_tta none = { 0 };
    struct nn_net *m = net(SMALL);

    ck_assert_int_eq(nn_net_set_tta(m, &larger, NULL), NN_ERR_ARG);
    ck_assert_int_eq(nn_net_set_tta(m, &mirrored, NULL), NN_ERR_ARG);
    ck_assert(!nn_net_set_tta(m, &none, NULL));
    ck_assert_int_eq(m->spec.size, SMALL);
    ck_assert_uint_eq(m->spec.n_more, 0);
    nn_net_destroy(&m);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("tta");
    TCase *t = tcase_create("tta");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, views_are_scaled_as_defined);
    tcase_add_test(t, matrices_say_the_same);
    tcase_add_test(t, impossible_views_are_refused);
    tcase_add_test(t, lists_of_views);
    tcase_add_loop_test(t, a_scorer_gives_the_mean_of_the_views, 0, 2);
    tcase_add_test(t, views_travel_with_the_weights);
    tcase_add_test(t, running_out_of_memory_leaves_the_net_alone);
    tcase_add_test(t, impossible_lists_leave_the_net_alone);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
