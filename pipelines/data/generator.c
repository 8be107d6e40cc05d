/* "synth:COUNT:SEED" wherever a folder is: images drawn when they are
 * read. */
#include "common/base/mem.h"
#include "pipelines/data/open.h"
#include "pipelines/data/join.h"
#include "pipelines/synth/synth.h"

struct drawn {
    struct synth_spec spec;
    char name[96]; /* of the item described last */
};

static enum nn_status drawn_open(const char *text, void **ctx, size_t *n,
                                 struct nn_error *err)
{
    struct drawn *d = nn_mem_calloc(1, sizeof *d);
    enum nn_status st;

    if (d == NULL) {
        return nn_fail_nomem(err);
    }
    st = synth_open_spec(text, &d->spec, err);
    if (st) {
        nn_mem_free(d);
        return st;
    }
    *ctx = d;
    *n = (size_t)d->spec.count;
    return NN_OK;
}

static enum nn_status drawn_describe(void *ctx, size_t i,
                                     struct nn_generator_item *item)
{
    struct drawn *d = ctx;
    struct synth_truth truth;

    synth_describe(d->spec.seed, i, &d->spec.opt, &truth);
    synth_file_name(d->spec.seed, i, &truth, 1, SYNTH_JPEG, d->name,
                    sizeof d->name);
    item->file = d->name;
    item->label =
        truth.class == SYNTH_NEGATIVE ? "" : synth_class_name(truth.class);
    item->family =
        truth.class == SYNTH_NEGATIVE ? synth_family_name(truth.family) : "";
    item->split = (enum nn_split)truth.split;
    return NN_OK;
}

static enum nn_status drawn_read(void *ctx, size_t i, uint8_t **bytes,
                                 size_t *size, struct nn_error *err)
{
    const struct drawn *d = ctx;

    return synth_encode(d->spec.seed, i, &d->spec.opt, d->spec.size, SYNTH_JPEG,
                        bytes, size, NULL, err);
}

static void drawn_close(void *ctx)
{
    nn_mem_free(ctx);
}

static const struct nn_generator synth_generator = {
    .name = "synth",
    .open = drawn_open,
    .describe = drawn_describe,
    .read = drawn_read,
    .close = drawn_close,
};

const struct nn_generator *const data_generators[] = { &synth_generator,
                                                       &join_generator, NULL };
