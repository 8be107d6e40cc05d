#include "tests/unit/stages/mine_world.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

struct mine_world mine_world;

static void put(const char *dir, const char *folder, int n, uint64_t seed)
{
    char name[64];

    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%02d.jpg", folder, i);
        album_put_image(dir, name, seed + (uint64_t)i);
    }
}

void mine_world_set_up(void)
{
    static const char *const names[] = { "+bear", "-" };
    struct nn_net_spec s = gate_net_spec(0.35f, 32);
    const char *data = mine_world.data_dir = testkit_mkdir();
    const char *pool = mine_world.pool_dir = testkit_mkdir();

    put(data, "train/bear", 8, 100);
    put(data, "train/none", 8, 200);
    put(data, "valid/bear", 12, 300);
    put(data, "valid/none", 12, 400);
    put(data, "test/none", 2, 500);
    put(pool, "a", POOL / 2, 1000);
    put(pool, "b", POOL / 2 - 3, 2000);
    album_put_image(pool, "b/x.jpg", 101);  /* a known bear */
    album_put_image(pool, "b/y.jpg", 501);  /* a test image */
    album_put_image(pool, "b/z.jpg", 1003); /* one of a/ again */
    album_put_text(pool, "b/zz.jpg", "no image");
    s.n_outputs = 2;
    s.outputs = names;
    ck_assert_int_eq(nn_net_create(&s, 3, &mine_world.gate, NULL), NN_OK);
    mine_world.ds = album_open(mine_world.data_dir);
    nn_dataset_fingerprint(mine_world.ds);
    ck_assert_int_eq(nn_pool_open((const char *const[]){ pool }, 1,
                                  &(struct nn_dataset_options){ 0 },
                                  &mine_world.pool, NULL),
                     NN_OK);
    mine_world.scores.fd = -1;
    ck_assert_uint_eq(mine_world.pool->n, POOL + 1);
    mine_world.z = nn_mem_calloc(mine_world.pool->n, sizeof *mine_world.z);
}

void mine_world_tear_down(void)
{
    nn_mem_free(mine_world.z);
    nn_net_destroy(&mine_world.gate);
    nn_dataset_close(&mine_world.ds);
    gate_mine_scores_close(&mine_world.scores);
    nn_pool_close(&mine_world.pool);
    testkit_rmdir(mine_world.data_dir);
    testkit_rmdir(mine_world.pool_dir);
}

void mine_world_scan(const char *journal, double *to)
{
    struct nn_error err = NN_ERROR_INIT;

    gate_mine_scores_close(&mine_world.scores);
    ck_assert_msg(gate_mine_scan(mine_world.gate, mine_world.pool, journal,
                                 NULL, NULL, NULL, &mine_world.scores,
                                 &err) == NN_OK,
                  "%s", err.text);
    ck_assert_int_eq(gate_mine_scores_read(&mine_world.scores, 0,
                                           mine_world.pool->n, to, NULL),
                     NN_OK);
}

void mine_world_bank(struct gate_mine_bank *b)
{
    ck_assert_int_eq(
        gate_mine_bank_create(mine_world.gate, mine_world.ds, 0, NULL, b, NULL),
        NN_OK);
}

/* A second scorer that knows the truth of the validation images. */
enum nn_status mine_world_oracle(void *ctx, const struct nn_dataset *of,
                                 const uint32_t *index, size_t n, double *p,
                                 struct nn_error *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &of->items[index[i]];

        p[i] = ctx != NULL && strstr(it->file, ctx) != NULL ? 0.9 : 0.1;
    }
    return NN_OK;
}
