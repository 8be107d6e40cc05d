#include "pipelines/data/open.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/data/decisions.h"
#include "common/data/split_file.h"

static void warn_of_bad(const struct nn_dataset *ds)
{
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
}

static void warn_of_leaks(const struct nn_dataset *ds)
{
    struct nn_leaks leaks;

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

/* --- splits --- */

static int has_split(const struct nn_dataset *ds, enum nn_split s)
{
    for (size_t i = 0; i < ds->n; i++) {
        if (ds->items[i].split == s) {
            return 1;
        }
    }
    return 0;
}

/* Splits that the source named as far as they are of use. */
static void forget_train_alone(struct nn_dataset *ds)
{
    if (!ds->has_splits || has_split(ds, NN_VALID) || has_split(ds, NN_TEST)) {
        return;
    }
    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].split = NN_SPLIT_NONE;
    }
    ds->has_splits = 0;
    nn_log(NN_LOG_INFO,
           "'%s' has a train part only: valid and test are drawn from it",
           ds->path);
}

static enum nn_status hold_out_valid(struct nn_dataset *ds, uint64_t seed,
                                     struct nn_error *err)
{
    size_t n;
    enum nn_status st;

    if (has_split(ds, NN_VALID) || !has_split(ds, NN_TRAIN)) {
        return NN_OK;
    }
    st = nn_dataset_hold_out(ds, NN_ITEMS_ALL, DATA_VALID_SHARE, seed, &n, err);
    if (st) {
        return st;
    }
    nn_log(NN_LOG_INFO,
           "'%s' has no valid part: %zu images of train are held out for it",
           ds->path, n);
    return NN_OK;
}

/* The splits of a file; the rest is drawn by its own hashes, without quotas. */
static enum nn_status read_splits(struct nn_dataset *ds, const char *path,
                                  struct nn_error *err)
{
    struct nn_split_file_counts n;
    enum nn_status st = nn_split_file_read(ds, path, &n, err);

    if (st) {
        return st;
    }
    nn_log(NN_LOG_INFO, "splits from '%s': %zu of %zu images stand there", path,
           n.given, ds->n);
    if (n.moved > 0) {
        nn_log(NN_LOG_WARN,
               "%zu images stand in another split in '%s' than in '%s': that "
               "of the file counts",
               n.moved, path, ds->path);
    }
    if (n.absent > 0) {
        nn_log(NN_LOG_INFO, "%zu rows of '%s' are of images that are not there",
               n.absent, path);
    }
    return NN_OK;
}

static enum nn_status give_splits(struct nn_dataset *ds,
                                  const struct data_options *opt,
                                  struct nn_error *err)
{
    const struct nn_split_shares how = { DATA_VALID_SHARE, DATA_TEST_SHARE,
                                         opt->seed, opt->split_file != NULL };
    struct nn_split_counts n;
    enum nn_status st;

    forget_train_alone(ds);
    if (opt->split_file != NULL) {
        st = read_splits(ds, opt->split_file, err);
        if (st) {
            return st;
        }
    }
    st = nn_dataset_split_rest(ds, &how, &n, err);
    if (st) {
        return st;
    }
    if (ds->has_splits || opt->split_file != NULL) {
        st = hold_out_valid(ds, opt->seed, err);
        if (st) {
            return st;
        }
    }
    if (n.moved > 0) {
        nn_log(NN_LOG_INFO,
               "chance left a class too few images in valid or test: %zu more, "
               "with their near-duplicates, go there",
               n.moved);
    }
    return NN_OK;
}

/* A class of which nothing can be read is no class; a data set in which nothing
 * can be read is an error. */
static enum nn_status drop_unreadable(struct nn_dataset *ds,
                                      struct nn_error *err)
{
    size_t n_bad = 0;

    for (size_t i = 0; i < ds->n; i++) {
        n_bad += ds->items[i].bad != 0;
    }
    if (n_bad == ds->n) {
        return nn_fail(err, NN_ERR_IO,
                       "none of the %zu images of '%s' can be read, such as "
                       "'%s'",
                       ds->n, ds->path, ds->items[0].file);
    }
    for (size_t k = ds->n_classes; k-- > 0;) {
        char *name = nn_mem_strdup(ds->classes[k]);
        size_t n = 0;

        if (name == NULL) {
            return nn_fail_nomem(err);
        }
        n = nn_dataset_drop_unreadable_class(ds, k);
        if (n > 0) {
            nn_log(NN_LOG_WARN,
                   "class '%s' is left out: none of its %zu images can be read",
                   name, n);
        }
        nn_mem_free(name);
    }
    return NN_OK;
}

/* --- decisions --- */

static void say_decisions(const struct nn_decisions *d,
                          const struct nn_decision_counts *n)
{
    const char *file =
        n->absent > 0
            ? json_string_value(json_object_get(n->first_absent->row, "file"))
            : NULL;
    char *line = nn_text_line(file != NULL ? file : "(no name)");

    nn_log(NN_LOG_INFO,
           "decisions from '%s': %zu photos get another label, %zu are left "
           "out, %zu are kept as they are",
           d->path, n->relabelled, n->dropped, n->kept);
    if (n->added + n->unreadable + n->leaking + n->undecided > 0) {
        nn_log(NN_LOG_INFO,
               "%zu photos join the train part (not so %zu that cannot be "
               "read, %zu near-duplicates of valid or test images, %zu that "
               "were not decided on)",
               n->added, n->unreadable, n->leaking, n->undecided);
    }
    if (n->absent > 0) {
        nn_log(NN_LOG_WARN,
               "%zu of %zu decisions of '%s' are on photos that are not there "
               "or have other bytes now, such as '%s'",
               n->absent, d->n, d->path, line != NULL ? line : "");
    }
    nn_mem_free(line);
}

static enum nn_status decide(struct nn_dataset *ds, const char *path,
                             struct nn_error *err)
{
    struct nn_decisions d = NN_DECISIONS_INIT;
    struct nn_decision_counts n;
    enum nn_status st = nn_decisions_read(path, &d, err);

    if (st) {
        goto out;
    }
    st = nn_decisions_apply(&d, ds, &n, err);
    if (st) {
        goto out;
    }
    say_decisions(&d, &n);
out:
    nn_decisions_release(&d);
    return st;
}

static enum nn_status prepare(struct nn_dataset *ds,
                              const struct data_options *how,
                              struct nn_error *err)
{
    enum nn_status st;

    nn_dataset_fingerprint(ds);
    st = drop_unreadable(ds, err);
    if (st) {
        return st;
    }
    if (how->all_negative) { /* nothing is drawn from a pool */
        return NN_OK;
    }
    st = nn_dataset_group(ds, NN_NEAR_BITS, err);
    if (st) {
        return st;
    }
    st = give_splits(ds, how, err);
    if (st) {
        return st;
    }
    if (how->decisions != NULL) {
        st = decide(ds, how->decisions, err);
        if (st) {
            return st;
        }
    }
    if (!how->lists_bad) {
        warn_of_bad(ds);
    }
    warn_of_leaks(ds);
    return NN_OK;
}

enum nn_status data_open(const char *path, const struct data_options *how,
                         struct nn_dataset **out, struct nn_error *err)
{
    const struct nn_dataset_options opt = {
        .generators = data_generators,
        .class_names = how->classes,
        .negative_names = how->negatives,
        .names_must_exist = how->must_exist,
        .no_class_needed = how->no_class_needed,
        .as_pool = how->all_negative,
    };
    enum nn_status st = nn_dataset_open(path, &opt, out, err);

    if (st) {
        return st;
    }
    st = prepare(*out, how, err);
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
