/* pipelines/synth/synth.h - images drawn from numbers.
 *
 * A small renderer: bears (teddy, grizzly, black), the animals, people and
 * things that are taken for bears, and empty scenes. An image is a pure
 * function of (seed, index, options, size): the same bytes on every machine
 * and for any number of threads. To hold that, the renderer uses only
 * IEEE 754 +, -, *, / and square root in float (no libm function whose last
 * bit may differ), is built without contraction, and draws its random numbers
 * from common/base/rng.h with the index as the stream.
 *
 * Bodies are signed-distance primitives joined by smooth unions (J. C. Hart,
 * "Sphere tracing", The Visual Computer 12, 1996), sphere traced in packets of
 * rays over lists of primitives that are culled for each tile of pixels.
 *
 * Threads: every function here may be called from any thread. */
#ifndef PIPELINES_SYNTH_SYNTH_H
#define PIPELINES_SYNTH_SYNTH_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

#define SYNTH_SIZE_MIN     64  /* pixels a side */
#define SYNTH_SIZE_MAX     512 /* pixels a side */
#define SYNTH_SIZE_DEFAULT 128

/* What an image shows. The bears come first, in the order of their labels
 * when sorted by name. */
enum synth_class {
    SYNTH_BLACK,
    SYNTH_GRIZZLY,
    SYNTH_TEDDY,
    SYNTH_NEGATIVE,
    SYNTH_CLASSES = SYNTH_NEGATIVE, /* bears only */
};

/* Families of negatives. */
enum synth_family {
    SYNTH_EMPTY, /* the scenes, with nobody in them */
    SYNTH_DOG,
    SYNTH_BOAR,
    SYNTH_COW,
    SYNTH_APE,
    SYNTH_PLUSH,      /* toy rabbits, elephants, cats */
    SYNTH_ROCK_STUMP, /* boulders and tree stumps */
    SYNTH_PEOPLE,
    SYNTH_OBJECTS, /* things on white, or on a floor */
    SYNTH_TEXTURE, /* a surface that fills the frame */
    SYNTH_FAMILIES,
    SYNTH_FAMILY_NONE = -1, /* a bear */
};

enum synth_split { SYNTH_TRAIN, SYNTH_VALID, SYNTH_TEST, SYNTH_SPLITS };

/* "black", "grizzly", "teddy", "negative"; "empty", "dog", ...; "train",
 * "valid", "test". NULL for a value out of range. */
const char *synth_class_name(enum synth_class c);
const char *synth_family_name(enum synth_family f);
const char *synth_split_name(enum synth_split s);

/* Shares are weights >= 0; each group is divided by its sum. */
struct synth_options {
    float class_share[SYNTH_CLASSES + 1]; /* by enum synth_class */
    float family_share[SYNTH_FAMILIES];   /* of the negatives */
    float near_miss_share;         /* of the negatives, 0..1: bear-like ones */
    float valid_share, test_share; /* of all; the rest is train */
};
/* Half bears in three equal parts, half negatives in ten equal families,
 * near_miss_share 0.02, valid 0.15, test 0.15. */
struct synth_options synth_defaults(void);

/* Errors: NN_ERR_ARG naming the field that is negative, not finite, out of
 * range, or the group that sums to zero. */
NN_MUST_CHECK enum nn_status synth_check(const struct synth_options *opt,
                                         struct nn_error *err);

/* What is known of an image. The last four fields are measured while
 * drawing: synth_describe() leaves them 0. The subject is the animal, person
 * or thing; empty scenes and textures have none (all four are 0). */
struct synth_truth {
    enum synth_class class;
    enum synth_family family; /* SYNTH_FAMILY_NONE for bears */
    enum synth_split split;
    int near_miss;  /* a negative made to look like a bear */
    float visible;  /* 0..1: share of the subject's outline that is inside the
                       frame and not hidden behind grass, trunks, water */
    float area;     /* 0..1: share of the image that the visible subject
                       takes */
    float extent;   /* 0..1: longer side of the box around what is visible,
                       in image sides */
    int32_t box[4]; /* that box, pixels: x0, y0, x1, y1 (ends exclusive) */
};

/* Class, family, near miss and split of image `index`, without drawing.
 * opt must have passed synth_check(). */
void synth_describe(uint64_t seed, uint64_t index,
                    const struct synth_options *opt, struct synth_truth *truth);

/* Draw image `index` of `seed`.
 *
 * size   pixels a side, SYNTH_SIZE_MIN..SYNTH_SIZE_MAX
 * rgb    [size,size,3] bytes, sRGB, written
 * mask   [size,size] bytes or NULL: how much of the pixel the visible subject
 *        covers, 255 = all, before lens blur; sum(mask) / (255 * size * size)
 *        is truth->area up to rounding
 * truth  may be NULL
 *
 * Errors: NN_ERR_ARG (size), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
synth_render(uint64_t seed, uint64_t index, const struct synth_options *opt,
             int32_t size, uint8_t *rgb, uint8_t *mask,
             struct synth_truth *truth, struct nn_error *err);

/* Files. JPEG is written at quality 92, 4:2:0, with the accurate integer DCT
 * and fixed Huffman tables, so its bytes repeat too. */
enum synth_format { SYNTH_JPEG, SYNTH_PNG };
const char *synth_format_suffix(enum synth_format f); /* "jpg", "png" */

/* Bytes of w x h interleaved RGB as a file; *bytes is freed with
 * nn_mem_free(). Errors: NN_ERR_NOMEM, NN_ERR_FORMAT (the library's text). */
NN_MUST_CHECK enum nn_status synth_pack(const uint8_t *rgb, int32_t w,
                                        int32_t h, enum synth_format format,
                                        uint8_t **bytes, size_t *n,
                                        struct nn_error *err);

/* Draw and pack in memory. truth may be NULL. Errors as the two above. */
NN_MUST_CHECK enum nn_status
synth_encode(uint64_t seed, uint64_t index, const struct synth_options *opt,
             int32_t size, enum synth_format format, uint8_t **bytes, size_t *n,
             struct synth_truth *truth, struct nn_error *err);

/* A pool that is drawn on the fly: "synth:COUNT" or "synth:COUNT:SEED", then
 * optional parts ":size=PIXELS" (128), ":near-miss=SHARE" and
 * ":kind=all|bears|negatives". SEED defaults to 1. COUNT is 1..2^40. */
struct synth_spec {
    uint64_t count, seed;
    int32_t size;
    struct synth_options opt;
};
/* Errors: NN_ERR_ARG naming the part that is wrong. */
NN_MUST_CHECK enum nn_status synth_open_spec(const char *text,
                                             struct synth_spec *spec,
                                             struct nn_error *err);

/* "train/grizzly/1-000042.jpg", "test/negative/dog/1-000007.jpg": where the
 * command stores image `index`, '/' between parts. Without splits the first
 * part is missing. Always terminated; 96 bytes hold any name.
 * Returns 0, or -1 when it was cut. */
int synth_file_name(uint64_t seed, uint64_t index,
                    const struct synth_truth *truth, int splits,
                    enum synth_format format, char *buf, size_t buf_size);

/* Contact sheet: n rows of `cols` images of `size` pixels with a 2-pixel
 * gap on white. Row i shows the first images from index 0 on that rows[i]
 * asks for; a row that equals the one above goes on where that ended.
 * rgb is a new block (nn_mem_free), *w x *h pixels.
 * Errors: NN_ERR_ARG (cols < 1, size, or a row finds too few images among
 * the first million), NN_ERR_NOMEM. */
struct synth_row {
    enum synth_class class;
    enum synth_family family; /* of negatives; SYNTH_FAMILY_NONE: any */
    int near_miss;            /* 1: near misses only */
};
NN_MUST_CHECK enum nn_status
synth_sheet(uint64_t seed, const struct synth_options *opt, int32_t size,
            const struct synth_row *rows, size_t n, int32_t cols, uint8_t **rgb,
            int32_t *w, int32_t *h, struct nn_error *err);

/* Draw images 0..spec->count-1 as files below `dir`, with their manifest:
 * DIR/manifest.jsonl, one JSON object a line in order of index (docs/synth.md
 * lists the fields); DIR/synth.json, the options. Images are written
 * through a temporary file; a call that was interrupted is resumed by the same
 * call, and a larger count adds to what is there. Parallel over images.
 * Call from the main thread only; shows progress.
 * Errors: NN_ERR_IO, NN_ERR_NOMEM, NN_ERR_ARG (the folder holds images of
 * other options). */
NN_MUST_CHECK enum nn_status synth_write(const char *dir,
                                         const struct synth_spec *spec,
                                         enum synth_format format, int splits,
                                         struct nn_error *err);

#endif /* PIPELINES_SYNTH_SYNTH_H */
