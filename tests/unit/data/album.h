/* tests/unit/data/album.h - images, folders and archives made on the spot. */
#ifndef TESTS_UNIT_DATA_ALBUM_H
#define TESTS_UNIT_DATA_ALBUM_H

#include <stddef.h>
#include <stdint.h>

#include "common/data/dataset.h"
#include "common/image/image.h"

/* An image of soft coloured patches, different for every seed. */
void album_image(struct nn_image *img, uint64_t seed, int32_t w, int32_t h);
/* img as a JPEG; freed with nn_mem_free(). */
uint8_t *album_jpeg(const struct nn_image *img, int quality, size_t *size);
/* Image `seed`, 64 x 48, as a JPEG. */
uint8_t *album_small(uint64_t seed, size_t *size);

/* Write DIR/NAME, making folders. */
void album_put(const char *dir, const char *name, const void *bytes,
               size_t size);
void album_put_text(const char *dir, const char *name, const char *text);
void album_put_image(const char *dir, const char *name, uint64_t seed);
/* DIR/NAME in one of 8 strings that are used in turn; never freed. */
const char *album_path(const char *dir, const char *name);

enum album_kind { ALBUM_USTAR, ALBUM_GNU, ALBUM_PAX, ALBUM_TGZ, ALBUM_ZIP };
struct archive;
struct archive *album_archive(const char *path, enum album_kind kind);
void album_add(struct archive *a, const char *name, const void *bytes,
               size_t size);
void album_add_image(struct archive *a, const char *name, uint64_t seed);
void album_add_link(struct archive *a, const char *name, const char *target);
void album_finish(struct archive *a);

/* Open, which must work. */
struct nn_dataset *album_open(const char *path);
struct nn_dataset *album_open_pool(const char *path);
/* Open, which must fail with st and a text that holds `part`. */
void album_refuse(const char *path, enum nn_status st, const char *part);
/* Item of that name, which must be there. */
size_t album_item(const struct nn_dataset *ds, const char *file);
/* "black", "-" for a negative, "-/dog" with a family. */
const char *album_label(const struct nn_dataset *ds, size_t i);
/* Item i must hold exactly the bytes of image `seed`. */
void album_expect(const struct nn_dataset *ds, size_t i, uint64_t seed);

/* Messages from now on, one a line, in a buffer that stays. */
const char *album_log(void);

#endif /* TESTS_UNIT_DATA_ALBUM_H */
