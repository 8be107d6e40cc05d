/* The head on single places, and maps made with it. */
#include <math.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/net/net.h"
#include "stage1_gate/gate.h"
#include "tests/unit/testkit.h"

enum { K = 3 };

/* A net whose head norm has statistics that matter. */
static struct nn_net *net(int32_t size)
{
    static const char *const names[K] = { "+a", "+b", "-" };
    static const char *const norms[] = { "norm_head.weight", "norm_head.bias",
                                         "norm_head.running_mean",
                                         "norm_head.running_var",
                                         "classifier.weight" };
    struct nn_net_spec s = gate_net_spec(0.25f, size);
    struct nn_rng g = nn_rng_make(3, 0);
    struct nn_net *out;

    s.n_outputs = K;
    s.outputs = names;
    ck_assert(!nn_net_create(&s, 1, &out, NULL));
    for (size_t i = 0; i < sizeof norms / sizeof norms[0]; i++) {
        const struct nn_param *p = nn_graph_find_param(out->graph, norms[i]);

        for (size_t j = 0; j < p->count; j++) {
            out->params.value.data[p->offset + j] =
                (float)(0.3 + nn_rng_double(&g));
        }
    }
    return out;
}

static uint8_t *image(int32_t size)
{
    size_t n = (size_t)size * (size_t)size * 3;
    struct nn_rng g = nn_rng_make(5, 0);
    uint8_t *rgb = nn_mem_calloc(n, 1);

    ck_assert_ptr_nonnull(rgb);
    for (size_t i = 0; i < n; i++) {
        rgb[i] = (uint8_t)(i % 97 + (size_t)(100 * nn_rng_double(&g)));
    }
    return rgb;
}

/* One place is the whole image. */
START_TEST(a_single_place_is_the_image)
{
    struct nn_net *m = net(32);
    struct nn_scorer *s;
    uint8_t *rgb = image(32);
    float z[K], *map;
    int32_t h, w;

    ck_assert(!nn_scorer_create(m, 2, &s, NULL));
    ck_assert(!nn_scorer_run_bytes(s, rgb, 1, z, NULL));
    ck_assert(!nn_scorer_map_bytes(s, rgb, &map, &h, &w, NULL));
    ck_assert_int_eq(h, 1);
    ck_assert_int_eq(w, 1);
    testkit_close(map, z, K, 1e-5, 1e-4, "logit");
    nn_mem_free(map);
    nn_mem_free(rgb);
    nn_scorer_destroy(&s);
    nn_net_destroy(&m);
}
END_TEST

/* The head of the mean over all places gives the logits; of each place, the
 * map. */
START_TEST(the_head_is_the_end_of_the_net)
{
    const struct nn_exec_options opt = { .max_batch = 1,
                                         .cpu = nn_cpu_flags() };
    enum { SIZE = 96, PLACES = 9 };
    struct nn_net *m = net(SIZE);
    uint8_t *rgb = image(SIZE);
    float *input = nn_mem_calloc(SIZE * SIZE * 3, sizeof *input);
    float *mean, got[K], *map, want[PLACES * K], spread = 0;
    struct nn_tensor z, f;
    struct nn_scorer *s;
    struct nn_exec *exec;
    int32_t h, w;

    for (size_t i = 0; i < SIZE * SIZE * 3; i++) {
        input[i] =
            ((float)rgb[i] - m->spec.mean[i % 3]) / m->spec.stddev[i % 3];
    }
    ck_assert(!nn_exec_create(m->graph, &opt, &exec, NULL));
    nn_exec_load(exec, &m->params);
    ck_assert(!nn_exec_forward(exec, NULL, input, 1, 0, &z, NULL));
    ck_assert(!nn_exec_marked(exec, "features", &f));
    ck_assert_int_eq(f.shape.h * f.shape.w, PLACES);
    mean = nn_mem_calloc((size_t)f.shape.c, sizeof *mean);
    for (int32_t i = 0; i < PLACES * f.shape.c; i++) {
        mean[i % f.shape.c] += f.data[i] / PLACES;
    }
    ck_assert(!nn_net_head(m, mean, 1, got, NULL));
    testkit_close(got, z.data, K, 1e-4, 1e-4, "logit");

    ck_assert(!nn_net_head(m, f.data, PLACES, want, NULL));
    ck_assert(!nn_scorer_create(m, 1, &s, NULL));
    ck_assert(!nn_scorer_map_bytes(s, rgb, &map, &h, &w, NULL));
    ck_assert_int_eq(h * w, PLACES);
    testkit_close(map, want, PLACES * K, 1e-4, 1e-4, "place");
    for (int i = K; i < PLACES * K; i++) {
        spread = fmaxf(spread, fabsf(map[i] - map[i % K]));
    }
    ck_assert(spread > 0);
    nn_mem_free(map);
    nn_mem_free(mean);
    nn_mem_free(input);
    nn_mem_free(rgb);
    nn_scorer_destroy(&s);
    nn_exec_destroy(&exec);
    nn_net_destroy(&m);
}
END_TEST

/* A net with its head before the mean, as other families have it. */
START_TEST(a_head_before_the_mean_leaves_the_classifier)
{
    const struct nn_conv2d conv = { 4, 1, 1, 0, 1, 0, 0 };
    const float features[2][4] = { { 1, 2, 3, 4 }, { -1, 0, 0, 1 } };
    const float want[4] = { 10.5f, 3, 0.5f, 1.5f };
    struct nn_net n = { .spec = { .n_outputs = 2 } };
    const struct nn_param *w;
    float got[4];
    nn_node x;

    ck_assert(!nn_graph_create(&n.graph));
    x = nn_graph_input(n.graph, "image", (struct nn_shape){ 1, 8, 8, 3 });
    nn_graph_stage(n.graph, 1);
    x = nn_graph_conv2d(n.graph, x, &conv, "conv");
    x = nn_graph_bnorm(n.graph, x, 0.9f, 1e-3f, "bn");
    x = nn_graph_mean_hw(n.graph, nn_graph_relu(n.graph, x));
    nn_graph_stage(n.graph, 2);
    x = nn_graph_dense(n.graph, x, 2, 1, "out");
    ck_assert(!nn_graph_finish(n.graph, x, NULL));
    ck_assert(!nn_params_init(&n.params, n.graph, 0));
    w = nn_graph_find_param(n.graph, "out.weight");
    for (int i = 0; i < 4; i++) {
        n.params.value.data[w->offset + (size_t)i] = 1; /* the sum */
    }
    n.params.value.data[w->offset + 4 + 3] = 0.5f; /* half the last */
    w = nn_graph_find_param(n.graph, "out.bias");
    n.params.value.data[w->offset] = 0.5f;
    n.params.value.data[w->offset + 1] = 1;
    ck_assert(!nn_net_head(&n, features[0], 2, got, NULL));
    testkit_close(got, want, 4, 1e-6, 1e-6, "logit");
    nn_params_release(&n.params);
    nn_graph_destroy(&n.graph);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("map");
    TCase *t = tcase_create("map");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_single_place_is_the_image);
    tcase_add_test(t, the_head_is_the_end_of_the_net);
    tcase_add_test(t, a_head_before_the_mean_leaves_the_classifier);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
