#include "pipelines/cli/cmd.h"

#include <stdint.h>
#include <stdio.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"

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
        struct nn_options named = *o;

        named.program = "bearcascade";
        nn_options_help(&named, stdout);
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
