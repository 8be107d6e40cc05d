/* Scores of items by way of features that are kept. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/feature_rows.h"
#include "common/data/score_items.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

enum { IMAGES = 7, SIZE = 32 };

struct world {
    char *dir, *cache;
    struct nn_dataset *ds;
    uint32_t index[IMAGES];
};

/* The fourth is no image. */
static void set_up(struct world *w)
{
    char name[24];

    *w = (struct world){ .dir = testkit_mkdir() };
    w->cache = nn_path_join(w->dir, "cache");
    for (int i = 0; i < IMAGES; i++) {
        snprintf(name, sizeof name, "set/train/a/%d.jpg", i);
        album_put_image(w->dir, name, 40 + (uint64_t)i);
        w->index[i] = (uint32_t)i;
    }
    album_put_text(w->dir, "set/train/a/3.jpg", "no image");
    w->ds = album_open(album_path(w->dir, "set"));
    nn_dataset_fingerprint(w->ds);
}

static void tear_down(struct world *w)
{
    nn_dataset_close(&w->ds);
    nn_mem_free(w->cache);
    testkit_rmdir(w->dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}

static struct nn_net *net_of(enum nn_arch arch)
{
    static const char *const names[] = { "+a", "+b", "-c", "-d", "-" };
    struct nn_net_spec spec = nn_net_spec_defaults();
    const struct nn_param *bias;
    struct nn_net *net;

    nn_net_spec_set_arch(&spec, arch);
    spec.width = arch == NN_ARCH_MOBILENETV4 ? 0.1f : 1;
    spec.size = SIZE;
    spec.n_outputs = 5;
    spec.outputs = names;
    ck_assert_int_eq(nn_net_create(&spec, 5, &net, NULL), NN_OK);
    bias = nn_graph_stage_param(net->graph, nn_graph_last_stage(net->graph),
                                NN_PARAM_BIAS);
    for (size_t k = 0; k < bias->count; k++) { /* a new net has none */
        net->params.value.data[bias->offset + k] = 0.1f * (float)k - 0.2f;
    }
    return net;
}

static void score(const struct world *w, const struct nn_net *net, int32_t side,
                  const char *dir, float *z, float *v, uint8_t *ok)
{
    struct nn_scorer *s = NULL;

    ck_assert_int_eq(nn_scorer_create(net, 5, &s, NULL), NN_OK);
    nn_scorer_set_side(s, side);
    nn_scorer_keep_features(s, dir);
    ck_assert_int_eq(
        nn_scorer_embed_items(s, w->ds, w->index, IMAGES, NULL, z, v, ok, NULL),
        NN_OK);
    nn_scorer_destroy(&s);
}

/* Scores by way of kept features have the bits of the net itself, also of
 * images that are reduced first. Then nothing is read any more. */
START_TEST(scores_are_the_same_bits)
{
    struct world w;
    struct nn_net *net =
        net_of(_i == 0 ? NN_ARCH_MOBILENETV4 : NN_ARCH_EFFICIENTNET_LITE0);
    size_t d = nn_feature_dims(net);
    float z[3][IMAGES * 5], *v[3], first = 0;
    uint8_t ok[IMAGES];

    set_up(&w);
    for (int i = 0; i < 3; i++) {
        v[i] = nn_mem_calloc(IMAGES * d, sizeof(float));
    }
    for (int32_t side = 0; side <= 20; side += 20) {
        score(&w, net, side, NULL, z[0], v[0], ok);
        score(&w, net, side, w.cache, z[1], v[1], ok);
        score(&w, net, side, w.cache, z[2], v[2], ok);
        for (int i = 1; i < 3; i++) {
            ck_assert(memcmp(z[0], z[i], sizeof z[0]) == 0);
            ck_assert(memcmp(v[0], v[i], IMAGES * d * sizeof(float)) == 0);
        }
        ck_assert_int_eq(ok[0], 1);
        ck_assert_int_eq(ok[3], 0);
        ck_assert_float_eq(z[1][3 * 5], 0);
        ck_assert(side == 0 || z[0][0] < first || z[0][0] > first);
        first = z[0][0];
    }
    album_put_text(w.dir, "set/train/a/0.jpg", "gone");
    score(&w, net, 20, w.cache, z[1], v[1], ok);
    ck_assert(memcmp(z[0], z[1], sizeof z[0]) == 0);
    for (int i = 0; i < 3; i++) {
        nn_mem_free(v[i]);
    }
    nn_net_destroy(&net);
    tear_down(&w);
}
END_TEST

/* The hash of a file without a look at what is in it. */
START_TEST(files_alone)
{
    struct world w;
    struct nn_dataset *again;

    set_up(&w);
    again = album_open(album_path(w.dir, "set"));
    nn_dataset_hash_files(again);
    for (int i = 0; i < IMAGES; i++) {
        ck_assert(again->items[i].hash == w.ds->items[i].hash || i == 3);
        ck_assert_int_eq(again->items[i].w, 0);
    }
    nn_dataset_fingerprint(again);
    ck_assert_int_eq(again->items[3].bad, 1);
    ck_assert_int_gt(again->items[0].w, 0);
    nn_dataset_close(&again);
    tear_down(&w);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("score_items");
    TCase *t = tcase_create("score_items");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, scores_are_the_same_bits, 0, 2);
    tcase_add_test(t, files_alone);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
