#include "tests/unit/stages/invented_comparison.h"

#include <math.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "pipelines/synth/synth.h"
#include "tests/unit/testkit.h"

enum { IMAGES = 240, REPLICATES = 200 };

struct comparison_options invented_options(const char *systems, int seeds)
{
    return (struct comparison_options){ .data = "invented:240",
                                        .out = "nowhere",
                                        .systems = systems,
                                        .seeds = seeds,
                                        .gate_epochs = 2,
                                        .species_epochs = 1,
                                        .how.seed = 1,
                                        .replicates = REPLICATES };
}

/* --- images that nobody draws, with labels as synth gives them ---------------
 */

static enum nn_status open_all(const char *spec, void **ctx, size_t *n,
                               struct nn_error *err)
{
    (void)spec;
    (void)err;
    *ctx = invented_zeros(1, sizeof(struct synth_options));
    *(struct synth_options *)*ctx = synth_defaults();
    *n = IMAGES;
    return NN_OK;
}

static enum nn_status describe(void *ctx, size_t i,
                               struct nn_generator_item *item)
{
    static char name[16];
    struct synth_truth t;
    int none;

    synth_describe(3, i, ctx, &t);
    none = t.class == SYNTH_NEGATIVE;
    snprintf(name, sizeof name, "%zu.jpg", i);
    *item = (struct nn_generator_item){
        .file = name,
        .label = none ? "" : synth_class_name(t.class),
        .family = none ? synth_family_name(t.family) : "",
        .split = NN_TEST /* all of them, for larger counts */
    };
    return NN_OK;
}

static enum nn_status read_one(void *ctx, size_t i, uint8_t **bytes,
                               size_t *size, struct nn_error *err)
{
    (void)ctx;
    (void)bytes;
    (void)size;
    return nn_fail(err, NN_ERR_IO, "nobody has drawn image %zu", i);
}

struct nn_dataset *invented_open(void)
{
    static const struct nn_generator generator = { "invented", open_all,
                                                   describe, read_one,
                                                   nn_mem_free };
    static const struct nn_generator *const generators[] = { &generator, NULL };
    const struct nn_dataset_options o = { .generators = generators };
    struct nn_dataset *ds;

    ck_assert(!nn_dataset_open("invented:240", &o, &ds, NULL));
    return ds;
}

/* --- systems ---------------------------------------------------------------
 */

void *invented_zeros(size_t n, size_t size)
{
    void *v = nn_mem_calloc(n, size);

    ck_assert_ptr_nonnull(v);
    return v;
}

int invented_is_positive(const struct comparison *c, size_t i)
{
    return c->ds->items[c->index[i]].label != NN_NEGATIVE;
}

int32_t invented_truth(const struct comparison *c, size_t i)
{
    return invented_is_positive(c, i) ? c->ds->items[c->index[i]].label
                                      : (int32_t)c->k;
}

/* Scores of a model that is right about a share `skill` of the images. */
void invented_run(const struct comparison *c, struct comparison_run *r,
                  double skill, uint64_t seed)
{
    struct nn_rng g = nn_rng_make(seed, 0);
    double *p = invented_zeros(c->k, sizeof *p);

    r->dir = nn_mem_sprintf("nowhere/run-%d", (int)seed);
    r->command = nn_mem_sprintf("bearcascade train %d", (int)seed);
    r->threshold = 0.5;
    r->reject_threshold = 0.3;
    ck_assert(!outcomes_init(&r->said, c->n, c->k, NULL));
    for (size_t i = 0; i < c->n; i++) {
        int good = nn_rng_double(&g) < skill,
            yes = invented_is_positive(c, i) == good;
        struct outcome row = { .item = (uint32_t)i,
                               .truth = invented_truth(c, i),
                               .family = c->ds->items[c->index[i]].family };

        row.best = invented_is_positive(c, i) && good
                       ? invented_truth(c, i)
                       : (int32_t)(nn_rng_double(&g) * (double)c->k);
        /* Coarse, so that there are ties. */
        row.p_positive = floor(20 * nn_rng_double(&g)) / 40 + (yes ? 0.5 : 0);
        p[row.best] = 0.2 + 0.8 * nn_rng_double(&g);
        row.verdict = row.p_positive < r->threshold       ? (int32_t)c->k
                      : p[row.best] < r->reject_threshold ? (int32_t)c->k + 1
                                                          : row.best;
        outcomes_add(&r->said, &row, p);
        p[row.best] = 0;
    }
    ck_assert(!outcomes_rank(&r->said, NULL));
    nn_mem_free(p);
}

void invented_speed(struct comparison_cost *k, double nothing, double all)
{
    for (int way = 0; way < COMPARISON_WAYS; way++) {
        for (int positive = 0; positive < 2; positive++) {
            k->speed[way].ms[positive][0] = nothing;
            k->speed[way].ms[positive][1] = all;
        }
    }
}

void invented_setup(struct comparison *c, const struct comparison_options *o)
{
    ck_assert(!comparison_init(c, o, invented_open(), NULL));
    for (size_t s = 0; s < c->n_systems; s++) {
        struct comparison_cost *k = &c->system[s].cost;

        for (size_t j = 0; j < c->system[s].n_runs; j++) {
            invented_run(c, &c->system[s].run[j], 0.95 - 0.2 * (double)s,
                         10 * s + j + 1);
        }
        if (c->system[s].left_out != NULL) {
            invented_run(c, c->system[s].left_out, 0.6, 10 * s + 9);
        }
        *k = (struct comparison_cost){ .parameters = 1000,
                                       .macs_gate = 100,
                                       .ms_gate_1 = 1,
                                       .ms_gate_bulk = 1,
                                       .peak_bytes = (double)NAN };
        invented_speed(k, 1, 1);
        if (c->system[s].design->system == MODEL_CASCADE) {
            k->macs_gate = 50;
            k->macs_species = 200;
            k->ms_gate_bulk = 0.5;
            k->ms_species_bulk = 2;
            invented_speed(k, 0.5, 2.5);
        }
    }
}

double invented_number(const json_t *j, const char *a, const char *b)
{
    const json_t *v = json_object_get(j, a);

    v = b != NULL ? json_object_get(v, b) : v;
    ck_assert_msg(json_is_number(v), "%s.%s is no number", a, b ? b : "");
    return json_number_value(v);
}

json_t *invented_json(const struct comparison *c)
{
    struct nn_error err = NN_ERROR_INIT;
    struct comparison_result r;
    json_t *j;

    ck_assert_msg(!comparison_result_init(c, &r, &err), "%s", err.text);
    j = comparison_json(c, &r, &err);
    ck_assert_msg(j != NULL, "%s", err.text);
    comparison_result_release(&r);
    return j;
}

const char *invented_verdict(const json_t *j)
{
    return json_string_value(
        json_object_get(json_object_get(j, "verdict"), "text"));
}
