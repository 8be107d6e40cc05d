/* common/base/json.h - JSON files through jansson, with our errors and limits.
 *
 * Values are jansson's: freed with json_decref(). Numbers are written so that
 * they read back equal. Threads: distinct values from distinct threads. */
#ifndef NN_COMMON_BASE_JSON_H
#define NN_COMMON_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "common/base/status.h"

/* Read one JSON value of any kind from `size` bytes of UTF-8. `name` stands
 * for the source in error texts. A key that comes twice in one object and
 * bytes behind the value are errors. *value is untouched on error.
 * Errors: NN_ERR_FORMAT "'name' is not valid JSON: line 3, column 7: ...". */
NN_MUST_CHECK enum nn_status nn_json_parse(const char *text, size_t size,
                                           const char *name, json_t **value,
                                           struct nn_error *err);

/* The same for a file of at most max_bytes.
 * Errors: those of nn_file_read() and nn_json_parse(). */
NN_MUST_CHECK enum nn_status nn_json_read(const char *path, size_t max_bytes,
                                          json_t **value, struct nn_error *err);

/* Write value, indented by two blanks, keys in insertion order, through
 * nn_file_out: the file is complete or untouched.
 * Errors: NN_ERR_ARG (value is NULL or holds what JSON cannot express),
 * NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_json_write(const char *path, const json_t *value, struct nn_error *err);

/* value and a newline to a stream, indented by one blank; whether the stream
 * took it is for its owner to ask (ferror). Errors: NN_ERR_NOMEM, also for a
 * NULL value. */
NN_MUST_CHECK enum nn_status nn_json_print(const json_t *value, FILE *to,
                                           struct nn_error *err);

/* value on one line without a newline, for JSON lines; the string is freed
 * with nn_mem_free(). NULL when out of memory or for a NULL value. */
char *nn_json_line(const json_t *value);

#endif /* NN_COMMON_BASE_JSON_H */
