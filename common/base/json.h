/* common/base/json.h - JSON files through jansson, with our errors and limits.
 *
 * Values are jansson's: freed with json_decref(). Numbers are written so that
 * they read back equal. Threads: distinct values from distinct threads.
 *
 * A value is built with one check at its end: where memory runs out the value
 * becomes NULL, stays NULL, and whatever it is put into becomes NULL too
 * (json_pack() does so of itself).
 *     json_t *j = json_object(), *list = json_array();
 *
 *     nn_json_add(&list, json_integer(1));
 *     nn_json_put(&j, "list", list);
 *     return j;                          NULL: out of memory */
#ifndef NN_COMMON_BASE_JSON_H
#define NN_COMMON_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "common/base/json.h"
#include "common/base/status.h"

/* From now on jansson's blocks come from nn_mem, so that they are counted and
 * can be made to fail. For programs, before they make a value; a library does
 * not choose for its process. */
void nn_json_use_nn_mem(void);

/* Put value, which is taken over, into an object or behind an array. When
 * *object is NULL, value is NULL or memory runs out, both are dropped and
 * *object becomes NULL: it must be the only reference. A key that is not
 * UTF-8 is written as nn_text() does. */
void nn_json_put(json_t **object, const char *key, json_t *value);
void nn_json_add(json_t **array, json_t *value);

/* x, or null when it is not finite. */
json_t *nn_json_number(double x);
/* nn_text() of s, such as a file's name. NULL when out of memory. */
json_t *nn_json_text(const char *s);

/* An object or array with the same values in it, not copies of them. NULL when
 * out of memory or for a NULL value. */
json_t *nn_json_copy(const json_t *value);

/* value as text with jansson's JSON_ flags; freed with nn_mem_free(). NULL when
 * out of memory or for a NULL value. */
char *nn_json_dump(const json_t *value, size_t flags);

/* Read one JSON value of any kind from `size` bytes of UTF-8. `name` stands
 * for the source in error texts. A key that comes twice in one object and
 * bytes behind the value are errors. *value is untouched on error.
 * Errors: NN_ERR_FORMAT "'name' is not valid JSON: line 3, column 7: ...",
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_json_parse(const char *text, size_t size,
                                           const char *name, json_t **value,
                                           struct nn_error *err);

/* json_loadb() that tells damage from a lack of memory. flags, why: jansson's
 * (why may be NULL); *value is NULL on error. Returns NN_ERR_FORMAT or
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_json_load(const char *text, size_t size,
                                          size_t flags, json_t **value,
                                          json_error_t *why);

/* The same for a file of at most max_bytes.
 * Errors: those of nn_file_read() and nn_json_parse(). */
NN_MUST_CHECK enum nn_status nn_json_read(const char *path, size_t max_bytes,
                                          json_t **value, struct nn_error *err);

/* Write value, indented by two blanks, keys in insertion order, through
 * nn_file_out: the file is complete or untouched.
 * Errors: NN_ERR_IO, NN_ERR_NOMEM (also for a NULL value). */
NN_MUST_CHECK enum nn_status
nn_json_write(const char *path, const json_t *value, struct nn_error *err);

/* The same to a stream, indented by one blank; whether the stream took it is
 * for its owner to ask (ferror). Errors: NN_ERR_NOMEM (also for a NULL value).
 */
NN_MUST_CHECK enum nn_status nn_json_print(const json_t *value, FILE *to,
                                           struct nn_error *err);

/* value on one line without a newline, for JSON lines; the string is freed
 * with nn_mem_free(). NULL when out of memory or for a NULL value. */
char *nn_json_line(const json_t *value);
/* The same to a stream, with the newline; takes value's reference. Errors: as
 * nn_json_print(). */
NN_MUST_CHECK enum nn_status nn_json_print_line(json_t *value, FILE *to,
                                                struct nn_error *err);

#endif /* NN_COMMON_BASE_JSON_H */
