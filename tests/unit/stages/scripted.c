#include "tests/unit/stages/scripted.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

/* --- the data set --- */

static struct {
    struct scripted_item item[SCRIPTED_ITEMS];
    atomic_size_t reads[SCRIPTED_ITEMS];
    size_t n;
    char file[16];
} script;

static enum nn_status open_script(const char *spec, void **ctx, size_t *n,
                                  struct nn_error *err)
{
    (void)spec;
    (void)err;
    *ctx = NULL;
    *n = script.n;
    return NN_OK;
}

static enum nn_status describe(void *ctx, size_t i,
                               struct nn_generator_item *to)
{
    const struct scripted_item *it = &script.item[i];

    (void)ctx;
    snprintf(script.file, sizeof script.file, "%03zu.jpg", i);
    to->file = script.file;
    to->label = it->label;
    to->family = it->family != NULL ? it->family : "";
    to->split = it->split;
    return NN_OK;
}

static enum nn_status read_image(void *ctx, size_t i, uint8_t **bytes,
                                 size_t *size, struct nn_error *err)
{
    (void)ctx;
    (void)err;
    atomic_fetch_add(&script.reads[i], 1);
    if (script.item[i].image == SCRIPTED_DAMAGED) {
        *bytes = (uint8_t *)nn_mem_strdup("no image");
        *size = 8;
    } else {
        *bytes = album_small((uint64_t)script.item[i].image, size);
    }
    return NN_OK;
}

static void close_script(void *ctx)
{
    (void)ctx;
}

struct nn_dataset *scripted_open(const struct scripted_item *rows)
{
    static const struct nn_generator generator = { "script", open_script,
                                                   describe, read_image,
                                                   close_script };
    static const struct nn_generator *const all[] = { &generator, NULL };
    const struct nn_dataset_options opt = { .generators = all };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds = NULL;

    nn_parallel_set_threads(1); /* so little work, threads only wait */
    script.n = 0;
    for (; rows->times > 0; rows++) {
        for (int i = 0; i < rows->times; i++) {
            ck_assert_uint_lt(script.n, SCRIPTED_ITEMS);
            atomic_store(&script.reads[script.n], 0);
            script.item[script.n++] = *rows;
        }
    }
    ck_assert_msg(nn_dataset_open("script:", &opt, &ds, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_uint_eq(ds->n, script.n);
    return ds;
}

size_t scripted_reads(size_t i)
{
    return atomic_load(&script.reads[i]);
}

/* --- the classifier --- */

/* Solve a.x = b for k right-hand sides, in place; rows change places so that
 * the pivot is the largest of its column. */
static void eliminate(double *a, double *b, size_t n, size_t k)
{
    for (size_t i = 0; i < n; i++) {
        size_t top = i;

        for (size_t r = i + 1; r < n; r++) {
            top = fabs(a[r * n + i]) > fabs(a[top * n + i]) ? r : top;
        }
        for (size_t c = 0; c < n + k; c++) {
            double *x = c < n ? a + i * n + c : b + i * k + c - n;
            double *y = c < n ? a + top * n + c : b + top * k + c - n;
            double t = *x;

            *x = *y;
            *y = t;
        }
        for (size_t r = 0; r < n; r++) {
            double by = a[r * n + i] / a[i * n + i];

            for (size_t c = 0; r != i && c < n + k; c++) {
                double *x = c < n ? a + r * n + c : b + r * k + c - n;

                *x -= by * (c < n ? a[i * n + c] : b[i * k + c - n]);
            }
        }
    }
    for (size_t i = 0; i < n * k; i++) {
        b[i] /= a[i / k * n + i / k];
    }
}

static float *values_of(struct nn_net *net, const char *name)
{
    return net->params.value.data +
           nn_graph_find_param(net->graph, name)->offset;
}

/* What the classifier sees of n images: [n,dims] in a block. */
static float *features(const struct nn_net *net, size_t n, size_t *dims,
                       float *logits)
{
    struct scripted_item rows[SCRIPTED_IMAGES + 1] = { { .times = 0 } };
    uint32_t index[SCRIPTED_IMAGES];
    uint8_t ok[SCRIPTED_IMAGES];
    struct nn_scorer *s;
    struct nn_dataset *ds;
    float *v;

    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct scripted_item){ "a", NULL, NN_TRAIN, (int)i, 1 };
        index[i] = (uint32_t)i;
    }
    ds = scripted_open(rows);
    ck_assert_int_eq(nn_scorer_create(net, SCRIPTED_IMAGES, &s, NULL), NN_OK);
    *dims = nn_scorer_dims(s);
    v = nn_mem_calloc(n, *dims * sizeof *v);
    ck_assert_int_eq(
        nn_scorer_embed_items(s, ds, index, n, NULL, logits, v, ok, NULL),
        NN_OK);
    nn_scorer_destroy(&s);
    nn_dataset_close(&ds);
    return v;
}

void scripted_answers(struct nn_net *net, const double *want, size_t n)
{
    size_t k = net->spec.n_outputs, d;
    float logits[SCRIPTED_IMAGES * 8];
    double gram[SCRIPTED_IMAGES * SCRIPTED_IMAGES], x[SCRIPTED_IMAGES * 8];
    float *w = values_of(net, "classifier.weight"), *v;

    ck_assert_uint_le(n, SCRIPTED_IMAGES);
    ck_assert_uint_le(k, 8);
    memset(values_of(net, "classifier.bias"), 0, k * sizeof *w);
    v = features(net, n, &d, logits);
    /* Embeddings have length 1: a row of ones tells how long they were. */
    for (size_t j = 0; j < k * d; j++) {
        w[j] = 1;
    }
    nn_mem_free(v);
    v = features(net, n, &d, logits);
    for (size_t i = 0; i < n; i++) {
        double sum = 0;

        for (size_t j = 0; j < d; j++) {
            sum += (double)v[i * d + j];
        }
        for (size_t j = 0; j < d; j++) {
            v[i * d + j] *= (float)((double)logits[i * k] / sum);
        }
    }
    for (size_t i = 0; i < n * n; i++) {
        gram[i] = 0;
        for (size_t j = 0; j < d; j++) {
            gram[i] += (double)v[i / n * d + j] * (double)v[i % n * d + j];
        }
    }
    memcpy(x, want, n * k * sizeof *x);
    eliminate(gram, x, n, k);
    for (size_t j = 0; j < k * d; j++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++) {
            sum += x[i * k + j / d] * (double)v[i * d + j % d];
        }
        w[j] = (float)sum;
    }
    nn_mem_free(v);
    v = features(net, n, &d, logits);
    nn_mem_free(v);
    for (size_t i = 0; i < n * k; i++) {
        ck_assert_double_eq_tol((double)logits[i], want[i], 1e-3);
    }
}
