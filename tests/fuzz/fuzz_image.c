/* tests/fuzz/fuzz_image.c - any bytes into the image decoders.
 *
 * With libFuzzer: compile this file and all .c files of common/image and
 * common/base with clang -fsanitize=fuzzer,address,undefined, and run it on
 * tests/fuzz/corpus/image. Otherwise tests/fuzz/standalone_main.c feeds it.
 * Traps when a promise of image.h is broken. */
#include <string.h>

#include "common/base/mem.h"
#include "common/image/image.h"
#include "common/image/resize.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Of damaged AVIF these decoders lose blocks of their own. */
__attribute__((visibility("default"))) const char *
__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libdav1d\nleak:libde265\nleak:libaom\n";
}

static void promise(int kept)
{
    if (!kept) {
        __builtin_trap();
    }
}

/* One lower-case line without control bytes; empty only on success. */
static void check_text(enum nn_status st, const struct nn_error *err)
{
    size_t n = strnlen(err->text, sizeof(err->text));

    promise(n < sizeof(err->text) && (n > 0) == (st != NN_OK));
    promise(err->status == st);
    for (size_t i = 0; i < n; i++) {
        promise((unsigned char)err->text[i] >= ' ');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_image_info info, probed;
    struct nn_error err = NN_ERROR_INIT, probe_err = NN_ERROR_INIT;
    long live = nn_mem_live();
    uint8_t view[8 * 8 * 3];

    /* small, so that time goes into the parsers and not into pixels */
    opt.max_dim = 2000;
    opt.max_pixels = 1 << 18;
    opt.max_scans = 20;
    opt.min_side = size & 1 ? 16 : 0;
    enum nn_status probe =
        nn_image_probe(bytes, size, &opt, &probed, &probe_err);
    enum nn_status st = nn_image_decode(bytes, size, &opt, &img, &info, &err);

    check_text(probe, &probe_err);
    check_text(st, &err);
    promise((img.rgb != NULL) == (st == NN_OK));
    if (st == NN_OK) {
        promise(strnlen(info.note, sizeof(info.note)) < sizeof(info.note));
        memset(info.note, 0, sizeof(info.note)); /* of decoding alone */
        promise(probe == NN_OK && memcmp(&info, &probed, sizeof(info)) == 0);
        promise(img.w >= 1 && img.h >= 1 && info.w <= opt.max_dim);
        promise((int64_t)img.w * img.h <= opt.max_pixels);
        promise(info.orientation >= 1 && info.orientation <= 8);
        promise(nn_image_fit(&img, 8, view) == NN_OK);
        nn_image_dhash(&img);
    }
    nn_image_release(&img);
    promise(nn_mem_live() == live);
    return 0;
}
