/* tests/e2e/make_odd.c - write damaged and odd image files into a folder.
 *
 *     make_odd DIR
 *
 * DIR must exist. Prints one line per file: its name and what reading it must
 * give, "ok", "noted" (a verdict with a note) or "error". The line "dir.jpg
 * folder" is a folder with nothing in it: an error where it is read as a file,
 * nothing where it is walked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "tests/unit/image/sample.h"

static void stop(const char *what, const char *name)
{
    fprintf(stderr, "make_odd: %s '%s'\n", what, name);
    exit(1);
}

static char *join(const char *dir, const char *name)
{
    char *path = nn_path_join(dir, name);

    if (!path) {
        stop("out of memory for", name);
    }
    return path;
}

/* Write s (its first size bytes), empty it, and print the line. */
static void put_part(const char *dir, const char *name, struct sample *s,
                     size_t size, const char *verdict)
{
    char *path = join(dir, name);
    struct nn_file_out out;
    struct nn_error err = NN_ERROR_INIT;

    if (nn_file_out_open(&out, path, &err)) {
        stop(err.text, name);
    }
    fwrite(s->bytes ? s->bytes : (const uint8_t *)"", 1, size, out.stream);
    if (nn_file_out_commit(&out, &err)) {
        stop(err.text, name);
    }
    printf("%s %s\n", name, verdict);
    nn_mem_free(path);
    sample_release(s);
}

static void put(const char *dir, const char *name, struct sample *s,
                const char *verdict)
{
    put_part(dir, name, s, s->size, verdict);
}

static void put_jpegs(const char *dir, const struct nn_image *img)
{
    struct sample s = { 0 };
    struct sample_png rgb = { 2, 8, 0, 0 };

    sample_jpeg(&s, img, SAMPLE_JPEG_420, 90);
    put(dir, "good.jpg", &s, "ok");
    sample_jpeg(&s, img, SAMPLE_JPEG_420, 90);
    put_part(dir, "truncated.jpg", &s, s.size / 3, "error");
    sample_jpeg(&s, img, SAMPLE_JPEG_420, 90);
    put_part(dir, "cut_short.jpg", &s, s.size * 9 / 10, "noted");
    sample_jpeg(&s, img, SAMPLE_JPEG_420, 90);
    put_part(dir, "no_end.jpg", &s, s.size - 2, "noted");
    sample_jpeg_rows(&s, img, 90);
    memset(s.bytes + s.size * 3 / 4, 0, 40);
    put(dir, "bad_stripe.jpg", &s, "noted");
    sample_jpeg(&s, img, SAMPLE_JPEG_GREY, 90);
    put(dir, "greyscale.jpg", &s, "ok");
    sample_jpeg(&s, img, SAMPLE_JPEG_PROGRESSIVE, 90);
    put(dir, "progressive.jpg", &s, "ok");
    sample_jpeg(&s, img, SAMPLE_JPEG_CMYK, 90);
    put(dir, "cmyk.jpg", &s, "ok");
    sample_jpeg(&s, img, SAMPLE_JPEG_420, 90);
    sample_jpeg_orient(&s, 6, 1);
    put(dir, "rotated.jpg", &s, "ok");
    sample_jpeg_header(&s, 30000, 30000);
    put(dir, "huge_header.jpg", &s, "error");
    sample_jpeg_header(&s, 64, 64);
    for (uint32_t i = 1; i < 3000; i++) {
        sample_add_u8(&s, (i * 2654435761u) >> 24);
    }
    sample_add_be16(&s, 0xFFD9); /* a proper end, so not merely cut short */
    put(dir, "garbage.jpg", &s, "error");
    put(dir, "empty.jpg", &s, "error");
    sample_add(&s, "this is not an image\n", 22);
    put(dir, "text.jpg", &s, "error");
    sample_png(&s, img, rgb, NULL);
    put(dir, "png_named.jpg", &s, "ok");
    sample_webp(&s, img, 0, 0, NULL);
    put(dir, "webp_named.jpg", &s, "ok");
}

static void put_others(const char *dir, const struct nn_image *img)
{
    struct sample s = { 0 };
    struct sample_png rgb = { 2, 8, 0, 0 }, deep = { 2, 16, 0, 0 };
    struct sample_png palette = { 3, 8, 1, 1 }, grey = { 0, 1, 0, 0 };
    struct nn_image one = NN_IMAGE_INIT;

    sample_image(&one, 1, 1);
    sample_png(&s, &one, grey, NULL);
    put(dir, "one_pixel.png", &s, "ok");
    nn_image_release(&one);
    sample_png(&s, img, deep, NULL);
    put(dir, "png16.png", &s, "ok");
    sample_png(&s, img, palette, NULL);
    put(dir, "palette_alpha.png", &s, "ok");
    sample_apng(&s, img);
    put(dir, "animated.png", &s, "ok");
    sample_png(&s, img, rgb, NULL);
    put_part(dir, "truncated.png", &s, s.size / 4, "error");
    sample_png(&s, img, rgb, NULL);
    put_part(dir, "no_end.png", &s, s.size - 12, "noted");
    sample_png_header(&s, 30000, 30000);
    put(dir, "huge_header.png", &s, "error");
    sample_webp(&s, img, 0, 1, NULL);
    put(dir, "alpha.webp", &s, "ok");
    sample_webp(&s, img, 0, 0, NULL);
    put_part(dir, "truncated.webp", &s, s.size / 2, "error");
    sample_webp_animated(&s, img);
    put(dir, "animated.webp", &s, "noted");
}

/* Under names that do not tell; a build may lack the library. */
static void put_more(const char *dir, const struct nn_image *img)
{
    const char *gif = nn_image_can_read(NN_IMAGE_GIF) ? "ok" : "error";
    const char *tiff = nn_image_can_read(NN_IMAGE_TIFF) ? "ok" : "error";
    struct sample_bmp kind = { 24, 0, 0, 0 };
    struct nn_image want = NN_IMAGE_INIT;
    struct sample s = { 0 };

    sample_bmp(&s, img, kind, &want);
    put(dir, "bmp_named.jpg", &s, "ok");
    nn_image_release(&want);
    sample_gif(&s, img, 1, 0, &want);
    put(dir, "gif_named.jpg", &s, gif);
    nn_image_release(&want);
    sample_tiff(&s, img, 6);
    put(dir, "tiff_named.jpg", &s, tiff);
    sample_add(&s, "\0\0\0\x0cjP  \r\n\x87\n", 12);
    put(dir, "jpeg2000.jpg", &s, "error");
}

/* Things that are not plain readable files. */
static void put_special(const char *dir, const struct nn_image *img)
{
    struct sample s = { 0 };
    char *path = join(dir, "no_permission.jpg");

    sample_jpeg(&s, img, SAMPLE_JPEG_444, 90);
    /* root reads whatever it likes */
    put(dir, "no_permission.jpg", &s, geteuid() == 0 ? "ok" : "error");
    if (chmod(path, 0)) {
        stop("cannot take the permissions of", path);
    }
    nn_mem_free(path);
    path = join(dir, "dir.jpg");
    if (mkdir(path, 0777)) {
        stop("cannot create folder", path);
    }
    printf("dir.jpg folder\n");
    nn_mem_free(path);
    path = join(dir, "broken_link.jpg");
    if (symlink("nowhere.jpg", path)) {
        stop("cannot create link", path);
    }
    printf("broken_link.jpg error\n");
    nn_mem_free(path);
}

int main(int argc, char **argv)
{
    struct nn_image img = NN_IMAGE_INIT;

    if (argc != 2) {
        fprintf(stderr, "usage: make_odd DIR\n");
        return 2;
    }
    sample_image(&img, 80, 60);
    put_jpegs(argv[1], &img);
    put_others(argv[1], &img);
    put_more(argv[1], &img);
    put_special(argv[1], &img);
    nn_image_release(&img);
    return fflush(stdout) == 0 ? 0 : 1;
}
