#include "common/base/json.h"

#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/mem.h"

enum nn_status nn_json_parse(const char *text, size_t size, const char *name,
                             json_t **value, struct nn_error *err)
{
    json_error_t e;
    json_t *v =
        json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);

    if (v == NULL) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "'%s' is not valid JSON: line %d, column %d: %s", name,
                       e.line, e.column, e.text);
    }
    *value = v;
    return NN_OK;
}

enum nn_status nn_json_read(const char *path, size_t max_bytes, json_t **value,
                            struct nn_error *err)
{
    unsigned char *data = NULL;
    size_t size = 0;
    enum nn_status st = nn_file_read(path, max_bytes, &data, &size, err);

    if (!st) {
        st = nn_json_parse((const char *)data, size, path, value, err);
    }
    nn_mem_free(data);
    return st;
}

enum nn_status nn_json_write(const char *path, const json_t *value,
                             struct nn_error *err)
{
    char *text = value != NULL
                     ? json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY)
                     : NULL;
    struct nn_file_out out;
    enum nn_status st;

    if (text == NULL) {
        return nn_fail(err, NN_ERR_ARG, "cannot write '%s': no JSON value",
                       path);
    }
    st = nn_file_out_open(&out, path, err);
    if (!st) {
        fprintf(out.stream, "%s\n", text);
        st = nn_file_out_commit(&out, err);
    }
    free(text); /* jansson's block, not ours */
    return st;
}

enum nn_status nn_json_print(const json_t *value, FILE *to,
                             struct nn_error *err)
{
    char *text = value != NULL
                     ? json_dumps(value, JSON_INDENT(1) | JSON_ENCODE_ANY)
                     : NULL;

    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    fprintf(to, "%s\n", text);
    free(text); /* jansson's block, not ours */
    return NN_OK;
}

char *nn_json_line(const json_t *value)
{
    char *text = value != NULL
                     ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY)
                     : NULL;
    char *line = text != NULL ? nn_mem_strdup(text) : NULL;

    free(text);
    return line;
}
