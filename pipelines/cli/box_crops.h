/* pipelines/cli/box_crops.h - the parts of a photo that boxes show. */
#ifndef PIPELINES_CLI_BOX_CROPS_H
#define PIPELINES_CLI_BOX_CROPS_H

#include "common/image/image.h"

/* As MegaDetector writes it: shares of the photo as it is shown (turned by its
 * EXIF orientation), from its left upper corner. */
struct box {
    double x, y, w, h;
    size_t at; /* which of the photo's */
};

/* The square about a box that its longer side and `margin` of it on each side
 * make, moved into the photo, and as wide or high as that where it does not
 * fit; edges [x0,x1) and [y0,y1) in pixels of a w x h photo, at least one. */
struct box_edges {
    int32_t x0, y0, x1, y1;
};
struct box_edges box_edges_of(const struct box *b, double margin, int32_t w,
                              int32_t h);

/* The crops of n boxes of a file, each no larger than what a net of input size
 * `side` looks at: crop [n], empty images. A JPEG is decoded no larger than the
 * smallest box needs. Errors: those of nn_file_read() and nn_image_decode();
 * the crops are then empty. Any thread. */
NN_MUST_CHECK enum nn_status box_crops(const char *path, const struct box *box,
                                       size_t n, double margin, int32_t side,
                                       struct nn_image *crop,
                                       struct nn_error *err);
/* The same of a file's bytes. */
NN_MUST_CHECK enum nn_status box_crops_of(const uint8_t *bytes, size_t size,
                                          const struct box *box, size_t n,
                                          double margin, int32_t side,
                                          struct nn_image *crop,
                                          struct nn_error *err);

#endif /* PIPELINES_CLI_BOX_CROPS_H */
