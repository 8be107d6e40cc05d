#include "pipelines/cmd.h"

#include <stdint.h>
#include <stdio.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"

/* Shares of a folder without splits. */
#define VALID_SHARE 0.15
#define TEST_SHARE  0.15

volatile sig_atomic_t cmd_stop;

static void on_signal(int number)
{
    cmd_stop = 1;
    signal(number, SIG_DFL);
}

void cmd_catch_signals(void)
{
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

void cmd_apply_common(const struct cmd_common *c)
{
    nn_parallel_set_threads(c->threads);
    nn_progress_set_quiet(c->quiet);
}

int cmd_parse(const struct nn_options *o, int argc, char **argv,
              const char **operands, int *n_operands)
{
    struct nn_error err = NN_ERROR_INIT;
    int help = 0;

    if (nn_options_parse(o, argc, argv, operands, n_operands, &help, &err)) {
        fprintf(
            stderr,
            "bearcascade %s: %s\n"
            "usage: bearcascade %s %s ('bearcascade %s --help' says more)\n",
            o->command, err.text, o->command, o->synopsis, o->command);
        return EXIT_USAGE;
    }
    if (help) {
        nn_options_help(o, stdout);
        return EXIT_DONE;
    }
    return -1;
}

int cmd_fail(const char *command, const struct nn_error *err)
{
    fprintf(stderr, "bearcascade %s: %s\n", command,
            err->text[0] != '\0' ? err->text : nn_status_str(err->status));
    return EXIT_FAILED;
}

static void add_option(void *ctx, const char *name, const char *value)
{
    json_object_set_new(ctx, name, json_string(value));
}

json_t *cmd_options_json(const struct nn_options *o, const char *data)
{
    json_t *options = json_object();

    if (options != NULL) {
        json_object_set_new(options, "data", json_string(data));
        nn_options_each(o, add_option, options);
    }
    return options;
}

enum nn_status cmd_write_options(const char *dir, const json_t *options,
                                 struct nn_error *err)
{
    char *path = nn_path_join(dir, "options.json");
    enum nn_status st =
        path == NULL ? nn_fail_nomem(err) : nn_json_write(path, options, err);

    nn_mem_free(path);
    return st;
}

json_t *cmd_public_options(const json_t *options)
{
    json_t *out = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)options, key, value)
    {
        const char *s = json_string_value(value);

        if (s != NULL &&
            json_object_set_new(out, key, json_string(nn_path_base(s))) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static void warn_of_leaks(const struct nn_dataset *ds)
{
    struct nn_leaks leaks;
    size_t bad = 0;

    for (size_t i = 0; i < ds->n; i++) {
        bad += ds->items[i].bad != 0;
    }
    if (bad > 0) {
        nn_log(NN_LOG_WARN,
               "%zu of %zu pictures in '%s' cannot be read and are left out "
               "('bearcascade inspect' lists them)",
               bad, ds->n, ds->path);
    }
    nn_dataset_leaks(ds, &leaks);
    if (leaks.leaked > 0) {
        nn_log(NN_LOG_WARN,
               "%zu valid or test pictures have a near-duplicate in train, "
               "such as '%s' and '%s': figures on them will look too good",
               leaks.leaked, ds->items[leaks.first[0]].file,
               ds->items[leaks.first[1]].file);
    }
    if (leaks.conflicting > 0) {
        nn_log(NN_LOG_WARN,
               "%zu pictures have a near-duplicate under another label",
               leaks.conflicting);
    }
}

static enum nn_status prepare(struct nn_dataset *ds, uint64_t seed,
                              struct nn_error *err)
{
    enum nn_status st;

    nn_dataset_fingerprint(ds);
    st = nn_dataset_group(ds, NN_NEAR_BITS, err);
    if (!st && !ds->has_splits) {
        st = nn_dataset_split(ds, VALID_SHARE, TEST_SHARE, seed, err);
    }
    if (!st) {
        warn_of_leaks(ds);
    }
    return st;
}

enum nn_status cmd_open_data(const char *path, uint64_t seed,
                             struct nn_dataset **out, struct nn_error *err)
{
    const struct nn_dataset_options opt = { .generators = cmd_generators };
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

enum nn_status cmd_open_pool(const char *path, struct nn_dataset **out,
                             struct nn_error *err)
{
    const struct nn_dataset_options opt = { .as_pool = 1,
                                            .generators = cmd_generators };

    return nn_dataset_open(path, &opt, out, err);
}

enum nn_status cmd_open_pools(const char *const *paths, size_t n,
                              struct nn_pool **out, struct nn_error *err)
{
    const struct nn_dataset_options opt = { .as_pool = 1,
                                            .generators = cmd_generators };

    return nn_pool_open(paths, n, &opt, out, err);
}
