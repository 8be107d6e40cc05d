/* common/net/tta.h - how often and how large a trained net looks at an
 * image (test-time augmentation).
 *
 * A net that ends in a mean over the image takes inputs of any size. Crops
 * show things larger in training than whole images do in use, so that a
 * larger input than that of training often scores better (H. Touvron et al.,
 * "Fixing the train-test resolution discrepancy", NeurIPS 2019); and the mean
 * of the logits of several views of one image varies less than each. */
#ifndef NN_COMMON_NET_TTA_H
#define NN_COMMON_NET_TTA_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

enum { NN_TTA_MAX = 4, NN_TTA_MAX_SIZE = 1024 }; /* at most */

struct nn_tta_view {
    int32_t size; /* pixels, square */
    int mirrored; /* left and right exchanged */
};

struct nn_tta {
    size_t n; /* 0: as in training */
    struct nn_tta_view v[NN_TTA_MAX];
};

/* Read "224,160m": the first view is the fitted image itself, the others are
 * made from it, so none is larger than the first; m: mirrored (never the
 * first). Errors: NN_ERR_ARG, naming what is wrong. */
NN_MUST_CHECK enum nn_status
nn_tta_parse(const char *text, struct nn_tta *views, struct nn_error *err);

/* Makes a view from fitted images. */
struct nn_tta_scale {
    int32_t from, to; /* sizes */
    int32_t taps;     /* weights a pixel */
    int32_t *first;   /* [to] */
    float *weight;    /* [to,taps] */
    int mirrored;
};
#define NN_VIEW_SCALE_INIT                                                     \
    {                                                                          \
        0                                                                      \
    }

/* Separable and antialiased: out[j] = sum_i w(j,i) in[i] with the triangle
 * w(j,i) = max(0, 1 - |i + 1/2 - c| / r) scaled to sum 1, c = (j + 1/2) r,
 * r = from / to >= 1; columns in reverse when mirrored. Release afterwards, on
 * failure too. Errors: NN_ERR_ARG (to < 1, to > from, from > 1024),
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_tta_scale_init(struct nn_tta_scale *s,
                                               int32_t from,
                                               struct nn_tta_view to,
                                               struct nn_error *err);
void nn_tta_scale_release(struct nn_tta_scale *s);
/* out [n,to,to,3] = views of in [n,from,from,3]; parallel over rows, the same
 * bits for any number of threads. */
void nn_tta_scale_run(const struct nn_tta_scale *s, const float *in, int32_t n,
                      float *out);
/* The same as matrices: out = R in C for one channel; rows R [to,from],
 * columns C [from,to]. */
void nn_tta_scale_matrices(const struct nn_tta_scale *s, float *rows,
                           float *columns);

#endif /* NN_COMMON_NET_TTA_H */
