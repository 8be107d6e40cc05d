#include "tests/unit/data/album.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/image/resize.h"
#include "tests/unit/testkit.h"

void album_image(struct nn_image *img, uint64_t seed, int32_t w, int32_t h)
{
    struct nn_image coarse;
    struct nn_rng rng = nn_rng_make(seed, 77);

    ck_assert_int_eq(nn_image_create(&coarse, 7, 7), NN_OK);
    for (size_t i = 0; i < 7 * 7 * 3; i++) {
        coarse.rgb[i] = (uint8_t)nn_rng_below(&rng, 256);
    }
    ck_assert_int_eq(nn_image_create(img, w, h), NN_OK);
    ck_assert_int_eq(nn_image_resize(&coarse, (struct nn_box){ 0, 0, 7, 7 },
                                     NN_FILTER_BILINEAR, img),
                     NN_OK);
    nn_image_release(&coarse);
}

uint8_t *album_jpeg(const struct nn_image *img, int quality, size_t *size)
{
    uint8_t *bytes;

    ck_assert_int_eq(nn_image_encode_jpeg(img, quality, &bytes, size, NULL),
                     NN_OK);
    return bytes;
}

uint8_t *album_small(uint64_t seed, size_t *size)
{
    struct nn_image img;
    uint8_t *bytes;

    album_image(&img, seed, 64, 48);
    bytes = album_jpeg(&img, 90, size);
    nn_image_release(&img);
    return bytes;
}

const char *album_path(const char *dir, const char *name)
{
    static char path[8][512];
    static int turn;
    char *p = path[turn++ % 8];

    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

void album_put(const char *dir, const char *name, const void *bytes,
               size_t size)
{
    char folder[512];
    const char *path = album_path(dir, name);
    struct nn_file_out o;

    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    ck_assert_int_eq(nn_file_mkdirs(folder, NULL), NN_OK);
    ck_assert_int_eq(nn_file_out_open(&o, path, NULL), NN_OK);
    fwrite(bytes, 1, size, o.stream);
    ck_assert_int_eq(nn_file_out_commit(&o, NULL), NN_OK);
}

void album_put_text(const char *dir, const char *name, const char *text)
{
    album_put(dir, name, text, strlen(text));
}

void album_put_image(const char *dir, const char *name, uint64_t seed)
{
    size_t size;
    uint8_t *bytes = album_small(seed, &size);

    album_put(dir, name, bytes, size);
    nn_mem_free(bytes);
}

struct archive *album_archive(const char *path, enum album_kind kind)
{
    struct archive *a = archive_write_new();

    switch (kind) {
    case ALBUM_USTAR:
        archive_write_set_format_ustar(a);
        break;
    case ALBUM_GNU:
        archive_write_set_format_gnutar(a);
        break;
    case ALBUM_PAX:
    case ALBUM_TGZ:
        archive_write_set_format_pax(a);
        break;
    case ALBUM_ZIP:
        archive_write_set_format_zip(a);
        break;
    }
    if (kind == ALBUM_TGZ) {
        archive_write_add_filter_gzip(a);
    }
    ck_assert_int_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
    return a;
}

void album_add(struct archive *a, const char *name, const void *bytes,
               size_t size)
{
    struct archive_entry *e = archive_entry_new();

    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (la_int64_t)size);
    ck_assert_int_ge(archive_write_header(a, e), ARCHIVE_WARN);
    ck_assert_int_eq(archive_write_data(a, bytes, size), (la_ssize_t)size);
    archive_entry_free(e);
}

void album_add_image(struct archive *a, const char *name, uint64_t seed)
{
    size_t size;
    uint8_t *bytes = album_small(seed, &size);

    album_add(a, name, bytes, size);
    nn_mem_free(bytes);
}

void album_add_link(struct archive *a, const char *name, const char *target)
{
    struct archive_entry *e = archive_entry_new();

    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_hardlink(e, target);
    ck_assert_int_ge(archive_write_header(a, e), ARCHIVE_WARN);
    archive_entry_free(e);
}

void album_finish(struct archive *a)
{
    ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

static struct nn_dataset *open_as(const char *path, int as_pool)
{
    const struct nn_dataset_options opt = { .as_pool = as_pool };
    struct nn_dataset *ds;
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st = nn_dataset_open(path, &opt, &ds, &err);

    ck_assert_msg(st == NN_OK, "cannot open %s: %s", path, err.text);
    return ds;
}

struct nn_dataset *album_open(const char *path)
{
    return open_as(path, 0);
}

struct nn_dataset *album_open_pool(const char *path)
{
    return open_as(path, 1);
}

void album_refuse(const char *path, enum nn_status want, const char *part)
{
    const struct nn_dataset_options opt = { 0 };
    struct nn_dataset *ds = NULL;
    struct nn_error err = NN_ERROR_INIT;
    long live = nn_mem_live();
    enum nn_status st = nn_dataset_open(path, &opt, &ds, &err);

    ck_assert_msg(st == want, "%s gives '%s', not '%s' (%s)", path,
                  nn_status_str(st), nn_status_str(want), err.text);
    ck_assert_ptr_null(ds);
    ck_assert_msg(strstr(err.text, part) != NULL, "'%s' lacks '%s'", err.text,
                  part);
    ck_assert_int_eq(nn_mem_live(), live);
}

size_t album_item(const struct nn_dataset *ds, const char *file)
{
    for (size_t i = 0; i < ds->n; i++) {
        if (strcmp(ds->items[i].file, file) == 0) {
            return i;
        }
    }
    ck_abort_msg("no item '%s' among %zu", file, ds->n);
    return 0;
}

const char *album_label(const struct nn_dataset *ds, size_t i)
{
    static char text[300];
    const struct nn_item *it = &ds->items[i];

    if (it->label != NN_NEGATIVE) {
        return ds->classes[it->label];
    }
    snprintf(text, sizeof text, "-%s%s", it->family >= 0 ? "/" : "",
             it->family >= 0 ? ds->families[it->family] : "");
    return text;
}

void album_expect(const struct nn_dataset *ds, size_t i, uint64_t seed)
{
    struct nn_error err = NN_ERROR_INIT;
    size_t size, got_size = 0;
    uint8_t *bytes = album_small(seed, &size), *got = NULL;
    enum nn_status st = nn_dataset_read(ds, i, &got, &got_size, &err);

    ck_assert_msg(st == NN_OK, "item %zu: %s", i, err.text);
    ck_assert_uint_eq(got_size, size);
    ck_assert_mem_eq(got, bytes, size);
    nn_mem_free(got);
    nn_mem_free(bytes);
}

static char log_text[1 << 16];

static void keep_message(void *ctx, enum nn_log_level level, const char *text)
{
    size_t n = strlen(log_text);

    (void)ctx;
    (void)level;
    snprintf(log_text + n, sizeof log_text - n, "%s\n", text);
}

const char *album_log(void)
{
    static struct nn_log_out out;

    log_text[0] = '\0';
    nn_log_out_init(&out, keep_message, NULL, NN_LOG_INFO);
    nn_log_to(&out);
    return log_text;
}
