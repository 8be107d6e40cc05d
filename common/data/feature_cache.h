/* common/data/feature_cache.h - features of images, kept on disk.
 *
 * One file for each net and view: DIR/features-KEY.bin, where KEY stands for
 * everything that decides the numbers besides the image (weights, input size,
 * preparation, view, instruction set; feature_rows.h). It holds
 *   a header of 32 bytes: "bcfeat1\n", KEY (64 bits), D and 0 (32 bits each),
 *       XXH3 of these (64 bits)
 *   records: content (64 bits, struct nn_item.hash), XXH3 of content and
 *       values (64 bits), D floats
 * in the machine's byte order. Records are only ever added at the end. What a
 * crash or a full disk cut short is overwritten by the next record, a record
 * whose sum is wrong is not found, and a file with another header is begun
 * anew.
 *
 * One process writes a file at a time (flock); others read what was there when
 * they opened it. When the files of DIR take more than the limit, those that
 * were opened longest ago are removed; a file that fills the limit alone takes
 * no more records. A row takes 16 + 4 D bytes: 5,136 for EfficientNet-Lite.
 *
 * One thread at a time. */
#ifndef NN_COMMON_DATA_FEATURE_CACHE_H
#define NN_COMMON_DATA_FEATURE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct nn_feature_cache;

/* Open or make the file; DIR and its parents are made. Errors: NN_ERR_IO (DIR
 * or the file cannot be made, read or written), NN_ERR_ARG (dims of 0),
 * NN_ERR_NOMEM; *out is then NULL. */
NN_MUST_CHECK enum nn_status
nn_feature_cache_open(const char *dir, uint64_t key, size_t dims,
                      uint64_t limit_bytes, struct nn_feature_cache **out,
                      struct nn_error *err);
void nn_feature_cache_close(struct nn_feature_cache **c); /* NULL is fine */
/* 1 and row [dims] when the image's features are there and whole, else 0. */
int nn_feature_cache_get(struct nn_feature_cache *c, uint64_t content,
                         float *row);
/* Add a row. Where it cannot be written a warning says so once, and nothing
 * more is added. */
void nn_feature_cache_put(struct nn_feature_cache *c, uint64_t content,
                          const float *row);

/* Where the program keeps such files: $BEARCASCADE_CACHE, else
 * $XDG_CACHE_HOME/bearcascade, else $HOME/.cache/bearcascade; NULL (nothing is
 * kept) where none is set or $BEARCASCADE_CACHE is empty or "none", and when
 * out of memory. nn_mem_free(). */
char *nn_feature_cache_dir(void);
/* The folder that an option names: NULL (no option) is the one above, "none"
 * is NULL, all else is itself. nn_mem_free(). */
char *nn_feature_cache_given(const char *option);

#endif /* NN_COMMON_DATA_FEATURE_CACHE_H */
