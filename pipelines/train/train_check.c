#include "pipelines/train/train_check.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/data/open.h"

struct counts {
    size_t in[NN_SPLITS]; /* readable */
    size_t bad;
};

static void count_label(const struct nn_dataset *ds, int32_t label,
                        struct counts *c)
{
    *c = (struct counts){ 0 };
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (it->label == label) {
            c->bad += it->bad != 0;
            if (!it->bad && it->split < NN_SPLITS) {
                c->in[it->split]++;
            }
        }
    }
}

/* --- held out --- */

static enum nn_status hold_out(struct nn_dataset *ds, enum nn_item_kind kind,
                               uint64_t seed, struct nn_error *err)
{
    size_t n;
    enum nn_status st;

    if (nn_dataset_count(ds, NN_VALID, kind) > 0 ||
        nn_dataset_count(ds, NN_TRAIN, kind) < 2) {
        return NN_OK;
    }
    /* Negatives that were added have no groups yet. */
    st = nn_dataset_group(ds, NN_NEAR_BITS, err);
    if (st) {
        return st;
    }
    st = nn_dataset_hold_out(ds, kind, DATA_VALID_SHARE, seed, &n, err);
    if (st) {
        return st;
    }
    if (n > 0) {
        nn_log(NN_LOG_INFO,
               "the valid part of '%s' has no %s: %zu of train are held out "
               "for it",
               ds->path,
               kind == NN_ITEMS_NEGATIVE ? "negatives" : "images of a class",
               n);
    }
    return NN_OK;
}

/* --- classes --- */

static enum nn_status check_class(const struct nn_dataset *ds, size_t k,
                                  struct nn_error *err)
{
    const char *name = ds->classes[k];
    const char *twin = nn_twin_of(name, ds->classes, ds->n_classes);
    struct counts c;

    count_label(ds, (int32_t)k, &c);
    if (c.in[NN_TRAIN] == 0) {
        return nn_fail(
            err, NN_ERR_ARG,
            "class '%s' of '%s' has no image to train on (train 0, valid %zu, "
            "test %zu)%s%s%s",
            name, ds->path, c.in[NN_VALID], c.in[NN_TEST],
            twin != NULL ? "; is it the class '" : "", twin != NULL ? twin : "",
            twin != NULL ? "' in another spelling?"
                         : "; add some to its train part, or take the class "
                           "away");
    }
    if (c.in[NN_VALID] == 0) {
        nn_log(NN_LOG_WARN,
               "class '%s' has no image in the valid part: thresholds are "
               "chosen and accuracy is measured without it",
               name);
    }
    return NN_OK;
}

/* --- negatives --- */

/* Do folders lie below the class folders? */
static int is_nested(const struct nn_dataset *ds)
{
    size_t usual = ds->has_splits ? 2 : 1, n = 0;
    const char *file = ds->n > 0 ? ds->items[0].file : "";

    for (const char *p = strchr(file, '/'); p != NULL; p = strchr(p + 1, '/')) {
        n++;
    }
    return n > usual;
}

static enum nn_status no_negatives(const struct nn_dataset *ds,
                                   struct nn_error *err)
{
    if (ds->n_doubtful > 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' has no negatives: '%s' is a class there (if it "
                       "means none of these, give --negative-class '%s')",
                       ds->path, ds->doubtful[0], ds->doubtful[0]);
    }
    if (ds->n_classes == 1 && is_nested(ds)) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' has one class, '%s', and no negatives; if the "
                       "folders in '%s' are the classes, give that folder "
                       "instead",
                       ds->path, ds->classes[0], ds->classes[0]);
    }
    return nn_fail(err, NN_ERR_ARG,
                   "'%s' has no negatives: put images of none of the classes "
                   "into a folder 'negative' beside the class folders, say "
                   "which folder they are with --negative-class NAME, or give "
                   "them with --negatives PATH",
                   ds->path);
}

static enum nn_status check_negatives(const struct nn_dataset *ds,
                                      int trains_on_negatives,
                                      struct nn_error *err)
{
    struct counts c;

    count_label(ds, NN_NEGATIVE, &c);
    if (c.in[NN_TRAIN] + c.in[NN_VALID] + c.in[NN_TEST] + c.bad == 0) {
        return no_negatives(ds, err);
    }
    if (c.in[NN_VALID] > 0 && (c.in[NN_TRAIN] > 0 || !trains_on_negatives)) {
        return NN_OK;
    }
    return nn_fail(
        err, NN_ERR_ARG,
        "the %s part of '%s' has no negatives that can be read "
        "(train %zu, valid %zu, test %zu, unreadable %zu): move "
        "some there, or give more with --negatives PATH",
        c.in[NN_TRAIN] == 0 && trains_on_negatives ? "train" : "valid",
        ds->path, c.in[NN_TRAIN], c.in[NN_VALID], c.in[NN_TEST], c.bad);
}

enum nn_status train_check_data(struct nn_dataset *ds, uint64_t seed,
                                int trains_on_negatives, struct nn_error *err)
{
    enum nn_status st = hold_out(ds, NN_ITEMS_POSITIVE, seed, err);

    if (st) {
        return st;
    }
    st = hold_out(ds, NN_ITEMS_NEGATIVE, seed, err);
    if (st) {
        return st;
    }
    for (size_t k = 0; k < ds->n_classes; k++) {
        st = check_class(ds, k, err);
        if (st) {
            return st;
        }
    }
    return check_negatives(ds, trains_on_negatives, err);
}
