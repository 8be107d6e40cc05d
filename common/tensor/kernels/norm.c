/* Passes over NHWC activations, cut into chunks of rows. */
#include "common/tensor/kernels/norm.h"

#include "common/base/cpu.h"
#include "common/base/parallel.h"
#include "common/tensor/kernels/table.h"

enum {
    FLOAT_ROWS = 256, /* most rows summed in float */
    MAX_CHUNKS = 32,
    CHUNK_FLOATS = 16384, /* elements worth a chunk */
};

struct job {
    const struct nn_kernels *k;
    struct nn_norm_args n; /* whole arrays */
    nn_norm_fn *fn;
    size_t chunks;
    double *part; /* [chunks][2][c] */
    float *sums;  /* [chunks][2][c] */
};

static size_t first_of(const struct job *j, size_t i)
{
    size_t n = j->n.rows;
    size_t rest = n % j->chunks;
    return n / j->chunks * i + (i < rest ? i : rest);
}

static size_t count_chunks(size_t rows, size_t c)
{
    size_t n = rows * c / CHUNK_FLOATS;
    n = n < 1 ? 1 : n;
    n = n < MAX_CHUNKS ? n : MAX_CHUNKS;
    return n < rows ? n : rows < 1 ? 1 : rows;
}

size_t nn_norm_work_floats(size_t c)
{
    return MAX_CHUNKS * 2 * c * (1 + sizeof(double) / sizeof(float));
}

static struct nn_norm_args rows_of(const struct nn_norm_args *all, size_t r0,
                                   size_t r1)
{
    struct nn_norm_args n = *all;
    size_t at = r0 * all->c;
    n.rows = r1 - r0;
    n.x = all->x ? all->x + at : NULL;
    n.y = all->y ? all->y + at : NULL;
    n.dy = all->dy ? all->dy + at : NULL;
    n.out = all->out ? all->out + at : NULL;
    return n;
}

static void sum_chunk(void *ctx, size_t i)
{
    const struct job *j = ctx;
    size_t c = j->n.c, r1 = first_of(j, i + 1);
    double *part = j->part + i * 2 * c;
    float *sums = j->sums + i * 2 * c;
    for (size_t k = 0; k < 2 * c; k++) {
        part[k] = 0;
    }
    for (size_t r = first_of(j, i); r < r1; r += FLOAT_ROWS) {
        size_t end = r + FLOAT_ROWS < r1 ? r + FLOAT_ROWS : r1;
        struct nn_norm_args n = rows_of(&j->n, r, end);
        n.sum0 = sums;
        n.sum1 = sums + c;
        j->fn(&n);
        for (size_t k = 0; k < 2 * c; k++) {
            part[k] += (double)sums[k];
        }
    }
}

static void run_sums(struct job *j, float *work, double *sum0, double *sum1)
{
    size_t c = j->n.c;
    j->chunks = count_chunks(j->n.rows, c);
    j->part = (double *)(void *)work;
    j->sums = (float *)(void *)(j->part + j->chunks * 2 * c);
    nn_parallel_for(j->chunks, sum_chunk, j);
    for (size_t k = 0; k < c; k++) {
        double a = 0, b = 0;
        for (size_t i = 0; i < j->chunks; i++) {
            a += j->part[i * 2 * c + k];
            b += j->part[(i * 2 + 1) * c + k];
        }
        sum0[k] = a;
        sum1[k] = b;
    }
}

static void map_chunk(void *ctx, size_t i)
{
    const struct job *j = ctx;
    struct nn_norm_args n = rows_of(&j->n, first_of(j, i), first_of(j, i + 1));
    j->fn(&n);
}

static void run_map(struct job *j)
{
    j->chunks = count_chunks(j->n.rows, j->n.c);
    nn_parallel_for(j->chunks, map_chunk, j);
}

void nn_norm_stats(const float *x, size_t rows, size_t c, double *sum,
                   double *sum_sq, float *work)
{
    struct job j = { .k = nn_kernels_for(nn_cpu_flags()) };
    j.n = (struct nn_norm_args){ .x = x, .rows = rows, .c = c };
    j.fn = j.k->stats;
    run_sums(&j, work, sum, sum_sq);
}

void nn_norm_apply(const float *x, size_t rows, size_t c, const float *scale,
                   const float *shift, const float *residual, enum nn_act act,
                   float *y)
{
    struct job j = { .k = nn_kernels_for(nn_cpu_flags()) };
    j.n = (struct nn_norm_args){ .x = x,
                                 .y = residual,
                                 .a = scale,
                                 .b = shift,
                                 .out = y,
                                 .rows = rows,
                                 .c = c,
                                 .act = act };
    j.fn = j.k->apply;
    run_map(&j);
}

void nn_norm_backward_sums(const float *x, const float *dy, size_t rows,
                           size_t c, const struct nn_norm_saved *saved,
                           double *sum_g, double *sum_gx, float *work)
{
    struct job j = { .k = nn_kernels_for(nn_cpu_flags()) };
    j.n = (struct nn_norm_args){ .x = x,
                                 .dy = dy,
                                 .a = saved->mean,
                                 .b = saved->inv_std,
                                 .scale = saved->scale,
                                 .shift = saved->shift,
                                 .act = saved->act,
                                 .rows = rows,
                                 .c = c };
    j.fn = j.k->back_sums;
    run_sums(&j, work, sum_g, sum_gx);
}

void nn_norm_backward_apply(const float *x, const float *dy, size_t rows,
                            size_t c, const struct nn_norm_saved *saved,
                            const float *a, const float *b, const float *k,
                            float *dx)
{
    struct job j = { .k = nn_kernels_for(nn_cpu_flags()) };
    j.n = (struct nn_norm_args){ .x = x,
                                 .dy = dy,
                                 .a = a,
                                 .b = b,
                                 .k = k,
                                 .scale = saved->scale,
                                 .shift = saved->shift,
                                 .act = saved->act,
                                 .out = dx,
                                 .rows = rows,
                                 .c = c };
    j.fn = j.k->back_apply;
    run_map(&j);
}

/* One long row, cut at multiples of a cache line of floats. */
static void flat_chunk(void *ctx, size_t i)
{
    const struct job *j = ctx;
    size_t lines = (j->n.c + 15) / 16, rest = lines % j->chunks;
    size_t a = (lines / j->chunks * i + (i < rest ? i : rest)) * 16;
    i++;
    size_t b = (lines / j->chunks * i + (i < rest ? i : rest)) * 16;
    b = b < j->n.c ? b : j->n.c;
    struct nn_norm_args n = j->n;
    n.c = b - a;
    n.x = n.x ? n.x + a : NULL;
    n.y = n.y ? n.y + a : NULL;
    n.dy = n.dy ? n.dy + a : NULL;
    n.out = n.out ? n.out + a : NULL;
    n.sum0 = n.sum0 ? n.sum0 + a : NULL;
    j->fn(&n);
}

static void run_flat(struct job *j)
{
    j->n.rows = 1;
    j->chunks = count_chunks((j->n.c + 15) / 16, 16);
    nn_parallel_for(j->chunks, flat_chunk, j);
}

void nn_act_forward(const float *x, size_t n, enum nn_act act, float *y)
{
    struct job j = { .k = nn_kernels_for(nn_cpu_flags()) };
    j.n = (struct nn_norm_args){ .x = x, .out = y, .c = n, .act = act };
    j.fn = j.k->act_back;
    run_flat(&j);
}

void nn_act_backward(const float *y, const float *dy, size_t n, enum nn_act act,
                     float *dx)
{
    struct job j = { .k = nn_kernels_for(nn_cpu_flags()) };
    j.n = (struct nn_norm_args){
        .y = y, .dy = dy, .out = dx, .c = n, .act = act
    };
    j.fn = j.k->act_back;
    run_flat(&j);
}

void nn_add_forward(const float *a, const float *b, size_t n, float *y)
{
    struct job j = { .k = nn_kernels_for(nn_cpu_flags()) };
    j.n = (struct nn_norm_args){ .x = a, .y = b, .out = y, .c = n };
    j.fn = j.k->add;
    run_flat(&j);
}

void nn_add_into(const float *x, size_t n, float *acc)
{
    struct job j = { .k = nn_kernels_for(nn_cpu_flags()) };
    j.n = (struct nn_norm_args){ .x = x, .sum0 = acc, .c = n };
    j.fn = j.k->add_into;
    run_flat(&j);
}

struct mean_job {
    const struct nn_kernels *k;
    const float *from;
    float *to;
    size_t hw, c;
    float factor;
};

static void mean_image(void *ctx, size_t b)
{
    const struct mean_job *j = ctx;
    float *y = j->to + b * j->c;
    for (size_t i = 0; i < j->c; i++) {
        y[i] = 0;
    }
    struct nn_norm_args n = {
        .x = j->from + b * j->hw * j->c, .sum0 = y, .rows = j->hw, .c = j->c
    };
    j->k->add_into(&n);
    for (size_t i = 0; i < j->c; i++) {
        y[i] *= j->factor;
    }
}

static void mean_back_image(void *ctx, size_t b)
{
    const struct mean_job *j = ctx;
    const float *dy = j->from + b * j->c;
    for (size_t p = 0; p < j->hw; p++) {
        float *dx = j->to + (b * j->hw + p) * j->c;
        for (size_t i = 0; i < j->c; i++) {
            dx[i] = dy[i] * j->factor;
        }
    }
}

void nn_mean_forward(const float *x, size_t batch, size_t hw, size_t c,
                     float *y)
{
    struct mean_job j = { .k = nn_kernels_for(nn_cpu_flags()),
                          .from = x,
                          .to = y,
                          .hw = hw,
                          .c = c,
                          .factor = 1.0f / (float)hw };
    nn_parallel_for(batch, mean_image, &j);
}

void nn_mean_backward(const float *dy, size_t batch, size_t hw, size_t c,
                      float *dx)
{
    struct mean_job j = {
        .from = dy, .to = dx, .hw = hw, .c = c, .factor = 1.0f / (float)hw
    };
    nn_parallel_for(batch, mean_back_image, &j);
}
