/* pipelines/synth/sdf.h - distances to a body, sixteen points at a time.
 *
 * The distance is a bound: walking it along a ray never passes through a
 * surface by more than the smooth unions bend it. */
#ifndef PIPELINES_SYNTH_SDF_H
#define PIPELINES_SYNTH_SDF_H

#include "pipelines/synth/model.h"

enum { SDF_LANES = 16 };

struct sdf_points {
    float x[SDF_LANES], y[SDF_LANES], z[SDF_LANES];
};

/* The primitives near a tile of rays, in the body's order. */
struct sdf_list {
    const struct model *model;
    size_t n;
    uint8_t prim[MODEL_PRIMS];
    float near, far; /* distances from the eye that hold them all */
};

/* Keep what a cone of rays can touch: apex, unit axis, tangent of the half
 * angle. reach is added around every primitive, metres. */
void sdf_cull(struct sdf_list *list, const struct model *model, struct v3 eye,
              struct v3 axis, float tan_half, float reach);
/* Take out what is wholly farther than `reach` metres from p. */
void sdf_drop_beyond(struct sdf_list *list, struct v3 p, float reach);
/* All primitives. */
void sdf_all(struct sdf_list *list, const struct model *model);

/* Of the first n points, 1..SDF_LANES; the rest of d is not set. */
void sdf_distance(const struct sdf_list *list, const struct sdf_points *p,
                  int n, float d[SDF_LANES]);

/* What lies at the surface: nearest material, blended colour, tip and flow. */
struct sdf_look {
    int material[SDF_LANES];
    struct v3 color[SDF_LANES], flow[SDF_LANES];
};
void sdf_look(const struct sdf_list *list, const struct sdf_points *p,
              struct sdf_look *out);

#endif /* PIPELINES_SYNTH_SDF_H */
