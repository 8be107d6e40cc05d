#include "tests/unit/data/counted.h"

#include <stdatomic.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

static atomic_int reads[COUNTED];

/* Shorter sides below, between and above what nets of 40 and 32 pixels need
 * at one DCT scale and at two. */
static const int32_t sides[COUNTED][2] = {
    { 64, 48 }, { 70, 100 }, { 150, 130 }, { 90, 90 }, { 400, 330 },
    { 30, 20 }, { 64, 64 },  { 161, 600 }, { 72, 71 }
};

uint8_t *counted_bytes(size_t i, size_t *size)
{
    struct nn_image img;
    uint8_t *bytes;

    album_image(&img, 40 + i, sides[i][0], sides[i][1]);
    bytes = album_jpeg(&img, 90, size);
    nn_image_release(&img);
    if (i == COUNTED_BAD) {
        *size /= 2;
    }
    return bytes;
}

static enum nn_status open_all(const char *spec, void **ctx, size_t *n,
                               struct nn_error *err)
{
    (void)spec;
    (void)err;
    *ctx = nn_mem_calloc(1, 1);
    *n = COUNTED;
    return NN_OK;
}

static enum nn_status describe(void *ctx, size_t i,
                               struct nn_generator_item *item)
{
    static char name[16];

    (void)ctx;
    snprintf(name, sizeof name, "%zu.jpg", i);
    *item = (struct nn_generator_item){ .file = name,
                                        .label = i % 2 == 0 ? "a" : "",
                                        .family = "",
                                        .split = NN_SPLIT_NONE };
    return NN_OK;
}

static enum nn_status read_one(void *ctx, size_t i, uint8_t **bytes,
                               size_t *size, struct nn_error *err)
{
    (void)ctx;
    atomic_fetch_add(&reads[i], 1);
    if (i == COUNTED_GONE) {
        return nn_fail(err, NN_ERR_IO, "item %zu is gone", i);
    }
    *bytes = counted_bytes(i, size);
    return NN_OK;
}

static void close_all(void *ctx)
{
    nn_mem_free(ctx);
}

struct nn_dataset *counted_open(void)
{
    static const struct nn_generator generator = { "counted", open_all,
                                                   describe, read_one,
                                                   close_all };
    static const struct nn_generator *const generators[] = { &generator, NULL };
    const struct nn_dataset_options o = { .generators = generators };
    struct nn_dataset *ds = NULL;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_msg(nn_dataset_open("counted:", &o, &ds, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_uint_eq(ds->n, COUNTED);
    counted_reset();
    return ds;
}

int counted_reads(size_t i)
{
    return atomic_load(&reads[i]);
}

int counted_all(void)
{
    int n = 0;

    for (size_t i = 0; i < COUNTED; i++) {
        n += counted_reads(i);
    }
    return n;
}

void counted_reset(void)
{
    for (size_t i = 0; i < COUNTED; i++) {
        atomic_store(&reads[i], 0);
    }
}
