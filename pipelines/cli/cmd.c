#include "pipelines/cli/cmd.h"

#include <stdint.h>
#include <stdio.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/data/split_file.h"
#include "pipelines/cli/models.h"

static int fail(const char *command, const struct nn_error *err, int status)
{
    fprintf(stderr, "bearcascade %s: %s\n", command,
            err->text[0] != '\0' ? err->text : nn_status_str(err->status));
    return status;
}

/* What is wrong before the command begins: with its arguments, as a rule. */
static int refuse(const char *command, const struct nn_error *err,
                  enum nn_status st)
{
    return fail(command, err, st == NN_ERR_ARG ? EXIT_USAGE : EXIT_FAILED);
}

static int check_and_run(const struct cmd *c, void *ctx, struct cmd_line *line,
                         struct nn_error *err)
{
    const char *name = c->options->command;
    char *shipped = NULL;
    enum nn_status st = c->check != NULL ? c->check(ctx, line, err) : NN_OK;

    if (st) {
        return refuse(name, err, st);
    }
    if (c->model != NULL) {
        st = models_choose(c->model, &shipped, err);
        if (st) {
            return refuse(name, err, st);
        }
    }
    nn_parallel_set_threads(c->common->threads);
    nn_progress_set_quiet(c->common->quiet);
    if (c->stops) {
        stop_catch_signals();
    }
    st = c->run(ctx, line, err);
    nn_mem_free(shipped);
    return st ? fail(name, err, EXIT_FAILED) : line->exit;
}

static int usage(const struct nn_options *o, const struct nn_error *err)
{
    fprintf(stderr,
            "bearcascade %s: %s\n"
            "usage: bearcascade %s %s ('bearcascade %s --help' says more)\n",
            o->command, err->text, o->command, o->synopsis, o->command);
    return EXIT_USAGE;
}

int cmd_run(const struct cmd *c, void *ctx, int argc, char **argv)
{
    struct nn_options o = *c->options;
    struct cmd_line line = { .options = &o, .exit = EXIT_DONE };
    struct nn_error err = NN_ERROR_INIT;
    enum nn_options_help help = NN_HELP_NONE;
    int status = EXIT_DONE;

    o.program = "bearcascade";
    o.renamed = cmd_renamed;
    line.operands = nn_mem_calloc((size_t)argc + 1, sizeof *line.operands);
    if (line.operands == NULL) {
        nn_fail_nomem(&err);
        return fail(o.command, &err, EXIT_FAILED);
    }
    if (nn_options_parse(&o, argc, argv, line.operands, &line.n, &help, &err)) {
        status = usage(&o, &err);
    } else if (help == NN_HELP_PAGE) {
        nn_options_help(&o, stdout);
    } else if (help == NN_HELP_MARKDOWN) {
        nn_options_markdown(&o, stdout);
    } else {
        status = check_and_run(c, ctx, &line, &err);
    }
    nn_mem_free(line.operands);
    nn_options_release(&o);
    return status;
}

static int has_file(const char *dir, const char *name)
{
    char *path = nn_path_join(dir, name);
    int has = path != NULL && nn_file_exists(path);

    nn_mem_free(path);
    return has;
}

/* --resume, and no state of a net. */
static enum nn_status check_stateless(const char *out, struct nn_error *err)
{
    if (has_file(out, "best.safetensors")) {
        return nn_fail(err, NN_ERR_ARG,
                       "the run in '%s' is finished, and its nets have no "
                       "epochs to go on with: their classifiers were fitted "
                       "at once; train into another folder, with --tune "
                       "head-first --epochs N to change the whole net",
                       out);
    }
    return has_file(out, "options.json")
               ? NN_OK
               : nn_fail(err, NN_ERR_ARG,
                         "nothing to resume in '%s' (no last.safetensors)",
                         out);
}

void cmd_say_resumed(const char *out, int resume)
{
    if (resume && !has_file(out, "last.safetensors")) {
        nn_log(NN_LOG_INFO,
               "'%s' holds no state of a net yet: the run starts again, with "
               "the features of images that are in the cache",
               out);
    }
}

enum nn_status cmd_check_out(const char *out, int resume, struct nn_error *err)
{
    int exists, finished;

    if (out == NULL) {
        return nn_fail(err, NN_ERR_ARG, "--out RUN is needed");
    }
    exists = has_file(out, "last.safetensors");
    finished = has_file(out, "best.safetensors");
    if (!exists && finished && !resume) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' holds a model already (best.safetensors): choose "
                       "another --out, or move it away",
                       out);
    }
    if (exists && !resume) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' holds a run already: choose another --out, or "
                       "--resume to go on",
                       out);
    }
    if (!exists && resume) {
        return check_stateless(out, err);
    }
    return NN_OK;
}

static void add_option(void *ctx, const char *name, int listed,
                       const char *value)
{
    json_t **options = ctx, *list;

    if (!listed) {
        nn_json_put(options, name, nn_json_text(value));
        return;
    }
    list = json_incref(json_object_get(*options, name));
    list = list != NULL ? list : json_array();
    if (value != NULL) {
        nn_json_add(&list, nn_json_text(value));
    }
    nn_json_put(options, name, list);
}

json_t *cmd_options_json(const struct nn_options *o, const char *data)
{
    json_t *options = json_object();

    nn_json_put(&options, "data", nn_json_text(data));
    nn_options_each(o, add_option, &options);
    return options;
}

enum nn_status cmd_write_options(const char *dir, const json_t *options,
                                 struct nn_error *err)
{
    char *path = nn_path_join(dir, "options.json");
    enum nn_status st;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_json_write(path, options, err);
    nn_mem_free(path);
    return st;
}

enum nn_status cmd_write_splits(const char *dir, const struct nn_dataset *ds,
                                int resume, struct nn_error *err)
{
    char *path = nn_path_join(dir, "split.csv");
    enum nn_status st;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    st = resume && nn_file_exists(path) ? NN_OK
                                        : nn_split_file_write(ds, path, err);
    nn_mem_free(path);
    return st;
}

static json_t *public_value(const json_t *value)
{
    json_t *list;

    if (json_is_string(value)) {
        return json_string(nn_path_base(json_string_value(value)));
    }
    list = json_array();
    for (size_t i = 0; i < json_array_size(value); i++) {
        nn_json_add(&list, public_value(json_array_get(value, i)));
    }
    return list;
}

json_t *cmd_public_options(const json_t *options)
{
    json_t *out = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)options, key, value)
    {
        nn_json_put(&out, key, public_value(value));
    }
    return out;
}
