/* pipelines/synth/setup.h - the draws behind a scene, in this order. */
#ifndef PIPELINES_SYNTH_SETUP_H
#define PIPELINES_SYNTH_SETUP_H

#include "pipelines/synth/scene.h"

void setup_place(struct scene *s, struct nn_rng *r);  /* env.place, palette */
void setup_camera(struct scene *s, struct nn_rng *r); /* framing */
void setup_light(struct scene *s, struct nn_rng *r);  /* hour and weather */
void setup_surroundings(struct scene *s, struct nn_rng *r); /* trees, walls */
void setup_cover(struct scene *s, struct nn_rng *r);        /* in front */
void setup_lens(struct scene *s, struct nn_rng *r);

static inline int place_is_outdoors(enum place p)
{
    return p <= PLACE_YARD;
}

#endif /* PIPELINES_SYNTH_SETUP_H */
