/* tests/e2e/make_thumbnail.c - photos with an EXIF thumbnail of their own.
 *
 *     make_thumbnail CHANGED IN.jpg OUT.jpg [FROM.jpg]
 *
 * Writes IN, four times as large as its shorter side needs for a thumbnail of
 * 64 pixels, with one into OUT; FROM: the thumbnail shows that instead. EXIF
 * says it was taken on 2024-05-31 at 06:12:09, and DateTime CHANGED. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/image/resize.h"
#include "tests/unit/image/sample.h"

enum { SIDE = 64, TIMES = 4 };

static void stop(const char *what, const char *name)
{
    fprintf(stderr, "make_thumbnail: %s '%s'\n", what, name);
    exit(1);
}

/* The file with a shorter side of that many pixels. */
static struct nn_image read_scaled(const char *path, int32_t side)
{
    const struct nn_image_options opt = nn_image_defaults();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_image img, out;
    unsigned char *bytes;
    size_t size;
    int32_t shorter;

    if (nn_file_read(path, 1 << 24, &bytes, &size, &err) ||
        nn_image_decode(bytes, size, &opt, &img, NULL, &err)) {
        stop(err.text, path);
    }
    nn_mem_free(bytes);
    shorter = img.w < img.h ? img.w : img.h;
    if (nn_image_create(&out, img.w * side / shorter, img.h * side / shorter) ||
        nn_image_resize(
            &img, (struct nn_box){ 0, 0, (float)img.w, (float)img.h },
            shorter > side ? NN_FILTER_AREA : NN_FILTER_BILINEAR, &out)) {
        stop("out of memory for", path);
    }
    nn_image_release(&img);
    return out;
}

int main(int argc, char **argv)
{
    struct sample photo = { 0 }, thumb = { 0 };
    struct nn_image large, small;
    FILE *to;

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: make_thumbnail CHANGED IN OUT [FROM]\n");
        return 2;
    }
    large = read_scaled(argv[2], TIMES * SIDE);
    small = read_scaled(argv[argc == 5 ? 4 : 2], SIDE);
    const struct sample_shot shot = { .orientation = 1,
                                      .w = large.w,
                                      .h = large.h,
                                      .taken = "2024:05:31 06:12:09",
                                      .changed = argv[1] };

    sample_jpeg(&photo, &large, SAMPLE_JPEG_420, 90);
    sample_jpeg(&thumb, &small, SAMPLE_JPEG_420, 85);
    sample_jpeg_thumbnail(&photo, &shot, &thumb);
    to = fopen(argv[3], "wb");
    if (to == NULL || fwrite(photo.bytes, 1, photo.size, to) != photo.size ||
        fclose(to) != 0) {
        stop("cannot write", argv[3]);
    }
    sample_release(&photo);
    sample_release(&thumb);
    nn_image_release(&large);
    nn_image_release(&small);
    return 0;
}
