/* pipelines/synth/blur.h - blurs of a [size,size,3] image in place. */
#ifndef PIPELINES_SYNTH_BLUR_H
#define PIPELINES_SYNTH_BLUR_H

#include <stdint.h>

/* Gaussian of `sigma` pixels, cut at 3 sigma; nothing below 0.2. tmp: as
 * large as rgb. */
void blur_gauss(float *rgb, float *tmp, int32_t size, float sigma);
/* Mean along a line of `length` pixels at `angle` radians. */
void blur_line(float *rgb, float *tmp, int32_t size, float length, float angle);
/* As if the image had been taken with share * size pixels a side and
 * enlarged: cells are averaged, then read back with bilinear weights. */
void blur_resample(float *rgb, float *tmp, int32_t size, float share);

#endif /* PIPELINES_SYNTH_BLUR_H */
