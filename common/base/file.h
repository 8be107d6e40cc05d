/* common/base/file.h - whole-file reads, atomic writes, folders, hashes. */
#ifndef NN_COMMON_BASE_FILE_H
#define NN_COMMON_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/status.h"

/* Read a regular file of at most max_bytes into a new block (*data, freed by
 * the caller with nn_mem_free; one zero byte follows the data).
 * Errors: NN_ERR_IO (missing, no permission, a folder, a device, read
 * error), NN_ERR_FORMAT (larger than max_bytes), NN_ERR_NOMEM; *data and
 * *size are untouched then. */
NN_MUST_CHECK enum nn_status nn_file_read(const char *path, size_t max_bytes,
                                          unsigned char **data, size_t *size,
                                          struct nn_error *err);

/* Open a regular file for reading. Errors: NN_ERR_IO (missing, no permission,
 * a folder, a device); *fd is untouched then. */
NN_MUST_CHECK enum nn_status nn_file_open_regular(const char *path, int *fd,
                                                  struct nn_error *err);

/* A file written beside `path` and renamed over it by commit, so a crash or
 * a full disk never leaves a half file under the final name. What stands at
 * `path` already must be a regular file (not a folder, device or pipe). Two
 * writers of the same path in one process must take turns. */
struct nn_file_out {
    FILE *stream; /* write here; errors may be ignored until commit */
    char *path, *temp;
};
NN_MUST_CHECK enum nn_status
nn_file_out_open(struct nn_file_out *o, const char *path, struct nn_error *err);
/* Flush, fsync, close, rename. Any earlier write error is reported here and
 * the temporary file is removed. The struct is empty afterwards. */
NN_MUST_CHECK enum nn_status nn_file_out_commit(struct nn_file_out *o,
                                                struct nn_error *err);
void nn_file_out_abort(struct nn_file_out *o); /* safe when empty */

/* A new file without a name under TMPDIR, else /tmp, for reading and writing:
 * it goes with its descriptor. Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_file_temp(int *fd, struct nn_error *err);

/* All of size bytes at an offset (pread and pwrite that go on where they were
 * cut short): 0, or -1 with errno set, 0 at the end of the file. */
int nn_file_pread(int fd, void *data, size_t size, int64_t at);
int nn_file_pwrite(int fd, const void *data, size_t size, int64_t at);

/* Take a folder that is written to: *fd (closed to give it back) keeps others
 * out, and temporary files that nn_file_out_open() of ended processes left
 * there are removed. Made if it is not there. Where the file system has no
 * locks, *fd is open all the same. A process has the folder until it ends.
 * Errors: NN_ERR_IO (another process has it; it cannot be made or opened),
 * NN_ERR_NOMEM; *fd is then -1. */
NN_MUST_CHECK enum nn_status nn_folder_take(const char *path, int *fd,
                                            struct nn_error *err);
void nn_folder_give_back(int *fd); /* -1 is fine */

/* Create a folder and its parents; fine when it exists. */
NN_MUST_CHECK enum nn_status nn_file_mkdirs(const char *path,
                                            struct nn_error *err);
int nn_file_exists(const char *path); /* 1 when stat succeeds, else 0 */
int nn_file_is_dir(const char *path);

/* New string "a/b" (freed with nn_mem_free), or NULL when out of memory; no
 * second slash after "a/", none at all after "". */
char *nn_path_join(const char *a, const char *b);
/* Part after the last '/', or all of a path that ends with one. */
const char *nn_path_base(const char *path);

/* 128-bit XXH3 of a block as 32 lower-case hex digits plus NUL: the text
 * that "xxhsum -H2" prints. */
void nn_hash_hex(const void *data, size_t size, char hex[33]);
/* The same of blocks one after another: begin (NULL: no memory), add, and end,
 * which frees it. */
struct nn_hasher;
struct nn_hasher *nn_hash_begin(void);
void nn_hash_add(struct nn_hasher *h, const void *data, size_t size);
void nn_hash_end(struct nn_hasher **h, char hex[33]);
/* 64-bit XXH3 of a block, chained through seed. */
uint64_t nn_hash_u64(const void *data, size_t size, uint64_t seed);

#endif /* NN_COMMON_BASE_FILE_H */
