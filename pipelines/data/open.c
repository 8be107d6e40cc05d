#include "pipelines/data/open.h"

#include "common/base/log.h"

static void warn_of_leaks(const struct nn_dataset *ds)
{
    struct nn_leaks leaks;
    size_t bad = 0;

    for (size_t i = 0; i < ds->n; i++) {
        bad += ds->items[i].bad != 0;
    }
    if (bad > 0) {
        nn_log(NN_LOG_WARN,
               "%zu of %zu images in '%s' cannot be read and are left out "
               "('bearcascade inspect' lists them)",
               bad, ds->n, ds->path);
    }
    nn_dataset_leaks(ds, &leaks);
    if (leaks.leaked > 0) {
        nn_log(NN_LOG_WARN,
               "%zu valid or test images have a near-duplicate in train, "
               "such as '%s' and '%s': figures on them will look too good",
               leaks.leaked, ds->items[leaks.first[0]].file,
               ds->items[leaks.first[1]].file);
    }
    if (leaks.conflicting > 0) {
        nn_log(NN_LOG_WARN,
               "%zu images have a near-duplicate under another label",
               leaks.conflicting);
    }
}

static enum nn_status prepare(struct nn_dataset *ds, uint64_t seed,
                              struct nn_error *err)
{
    enum nn_status st;

    nn_dataset_fingerprint(ds);
    st = nn_dataset_group(ds, NN_NEAR_BITS, err);
    if (st) {
        return st;
    }
    if (!ds->has_splits) {
        st = nn_dataset_split(ds, DATA_VALID_SHARE, DATA_TEST_SHARE, seed, err);
        if (st) {
            return st;
        }
    }
    warn_of_leaks(ds);
    return NN_OK;
}

enum nn_status data_open(const char *path, uint64_t seed,
                         struct nn_dataset **out, struct nn_error *err)
{
    const struct nn_dataset_options opt = { .generators = data_generators };
    enum nn_status st = nn_dataset_open(path, &opt, out, err);

    if (st) {
        return st;
    }
    st = prepare(*out, seed, err);
    if (st) {
        nn_dataset_close(out);
    }
    return st;
}

enum nn_status data_open_pool(const char *path, struct nn_dataset **out,
                              struct nn_error *err)
{
    const struct nn_dataset_options opt = { .as_pool = 1,
                                            .generators = data_generators };

    return nn_dataset_open(path, &opt, out, err);
}

enum nn_status data_open_pools(const char *const *paths, size_t n,
                               struct nn_pool **out, struct nn_error *err)
{
    const struct nn_dataset_options opt = { .as_pool = 1,
                                            .generators = data_generators };

    return nn_pool_open(paths, n, &opt, out, err);
}
