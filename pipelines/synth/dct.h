/* pipelines/synth/dct.h - the loss of a JPEG file without the file.
 *
 * ITU-T T.81: 8 x 8 DCT-II, the example quantisation tables of annex K scaled
 * by quality as libjpeg does, rounding, inverse DCT; chroma at half
 * resolution. Float, so that the result repeats everywhere. */
#ifndef PIPELINES_SYNTH_DCT_H
#define PIPELINES_SYNTH_DCT_H

#include <stdint.h>

/* rgb [size,size,3] in 0..255, changed in place. The grid of blocks starts
 * (block_x, block_y) pixels before the corner, each 0..7.
 * tmp: 3 * size * size floats. */
void dct_degrade(float *rgb, float *tmp, int32_t size, int quality, int block_x,
                 int block_y);

#endif /* PIPELINES_SYNTH_DCT_H */
