/* Depthwise results that are too many for the caches, stored non-temporally:
 * the same bits as those of each image alone, which check_conv compares with
 * naive sums, and nothing written beside them. */
#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/parallel.h"
#include "tests/unit/tensor/kernels/reference.h"
#include "tests/unit/testkit.h"

/* Together more than 2 million floats of x and y: strips of 8, of 7, no strips
 * and a rest of each width, strides, odd sizes, channels that are no whole
 * line, and those of two blocks. */
static const struct conv_case cases[] = {
    { { 28, 40, 32, 32, 3, 3, 1, 1, 1, 1, 32, 0 }, 30 },
    { { 21, 49, 16, 16, 5, 5, 1, 1, 2, 2, 16, 0 }, 64 },
    { { 30, 27, 48, 48, 3, 3, 1, 1, 1, 1, 48, 0 }, 27 },
    { { 15, 29, 144, 144, 5, 5, 1, 1, 2, 2, 144, 0 }, 17 },
    { { 9, 30, 80, 80, 3, 3, 1, 1, 0, 0, 80, 0 }, 60 },
    { { 40, 46, 32, 32, 5, 5, 2, 2, 2, 2, 32, 0 }, 30 },
    { { 41, 45, 48, 48, 3, 3, 2, 2, 1, 1, 48, 0 }, 20 },
    { { 13, 15, 144, 144, 5, 5, 2, 2, 2, 2, 144, 0 }, 60 },
    { { 28, 40, 40, 40, 3, 3, 1, 1, 1, 1, 40, 0 }, 24 },
    { { 16, 16, 200, 200, 3, 3, 1, 1, 1, 1, 200, 0 }, 21 },
};
enum { N_CASES = sizeof(cases) / sizeof(cases[0]), LARGE = 2000000 };

struct layer {
    struct nn_conv *conv;
    struct guarded x, w, packed, bias, res, work;
    size_t n_x, n_y; /* of an image */
    int32_t batch;
};

static struct layer layer_make(const struct conv_case *c, unsigned flags)
{
    const struct nn_conv_shape *s = &c->s;
    struct nn_error err = NN_ERROR_INIT;
    struct layer l = { .batch = c->batch };
    uint32_t seed = 7;

    ck_assert_msg(nn_conv_create(s, c->batch, flags, &l.conv, &err) == NN_OK,
                  "%s", err.text);
    l.n_x = (size_t)(s->h * s->w * s->ic);
    l.n_y = (size_t)(nn_conv_out_h(s) * nn_conv_out_w(s) * s->oc);
    ck_assert((l.n_x + l.n_y) * (size_t)l.batch > LARGE);
    l.x = guarded_make(l.n_x * (size_t)l.batch);
    l.res = guarded_make(l.n_y * (size_t)l.batch);
    l.w = guarded_make((size_t)(s->oc * s->kh * s->kw));
    l.bias = guarded_make((size_t)s->oc);
    fill_float(l.x.v, l.x.n, &seed);
    fill_float(l.res.v, l.res.n, &seed);
    fill_float(l.w.v, l.w.n, &seed);
    fill_float(l.bias.v, l.bias.n, &seed);
    l.packed = guarded_make(nn_conv_packed_floats(l.conv));
    nn_conv_pack(l.conv, l.w.v, l.packed.v);
    l.work = guarded_make(nn_conv_work_floats(l.conv, 0));
    return l;
}

static void layer_free(struct layer *l)
{
    struct guarded *all[] = { &l->x,   &l->w,    &l->packed,
                              &l->res, &l->bias, &l->work };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        guarded_free(all[i]);
    }
    nn_conv_destroy(&l->conv);
}

/* mask: 1 bias, 2 residual, 8 relu. */
static struct nn_conv_epilogue epilogue(const struct layer *l, int mask,
                                        size_t image)
{
    struct nn_conv_epilogue e = {
        .bias = mask & 1 ? l->bias.v : NULL,
        .residual = mask & 2 ? l->res.v + image * l->n_y : NULL,
        .act = mask & 8 ? NN_ACT_RELU : NN_ACT_NONE,
    };
    return e;
}

static struct guarded one_by_one(const struct layer *l, int mask)
{
    struct guarded y = guarded_make(l->n_y * (size_t)l->batch);

    nn_parallel_set_threads(1); /* so small that more would wait */
    for (size_t i = 0; i < (size_t)l->batch; i++) {
        struct nn_conv_epilogue e = epilogue(l, mask, i);

        nn_conv_forward(l->conv, 1, l->x.v + i * l->n_x, l->packed.v, &e,
                        y.v + i * l->n_y, l->work.v);
    }
    nn_parallel_set_threads(0);
    return y;
}

/* All images in one call, y `shift` floats from the start of a line. */
static void together(const struct layer *l, int mask, size_t shift,
                     const struct guarded *want)
{
    struct guarded y = guarded_make(want->n + shift);
    struct nn_conv_epilogue e = epilogue(l, mask, 0);
    char what[80];

    snprintf(what, sizeof(what), "%s %s, epilogue %d, %zu floats from a line",
             method_of(l->conv), isa_of(l->conv), mask, shift);
    memset(y.v, 0xff, y.n * sizeof(float));
    nn_conv_forward(l->conv, l->batch, l->x.v, l->packed.v, &e, y.v + shift,
                    l->work.v);
    guarded_check(&y, what);
    size_t i = 0;
    while (i < shift && y.v[i] != y.v[i]) {
        i++;
    }
    ck_assert_msg(i == shift, "%s: written before", what);
    for (i = 0; i < want->n && y.v[shift + i] == want->v[i];) {
        i++;
    }
    ck_assert_msg(i == want->n, "%s: float %zu of %zu differs", what, i,
                  want->n);
    guarded_free(&y);
}

static void check_layer(const struct conv_case *c, unsigned flags)
{
    struct layer l = layer_make(c, flags);

    static const int masks[] = { 0, 1, 3, 8 };
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        struct guarded want = one_by_one(&l, masks[i]);

        together(&l, masks[i], 0, &want);
        guarded_free(&want);
    }
    struct guarded want = one_by_one(&l, 9);
    together(&l, 9, 8, &want);
    together(&l, 9, 3, &want);
    nn_parallel_set_threads(1);
    together(&l, 9, 0, &want);
    nn_parallel_set_threads(3);
    together(&l, 9, 0, &want);
    nn_parallel_set_threads(0);
    guarded_check(&l.work, "work");
    guarded_free(&want);
    layer_free(&l);
}

START_TEST(as_images_alone)
{
    unsigned have = nn_cpu_flags();

    check_layer(&cases[_i], 0);
    if (have & NN_CPU_AVX2) {
        check_layer(&cases[_i], NN_CPU_AVX2);
    }
    if (have & NN_CPU_AVX512) {
        check_layer(&cases[_i], have);
    }
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("stream");
    TCase *t = tcase_create("stream");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, as_images_alone, 0, N_CASES);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
