/* pipelines/synth/env.h - what the parts of the background share.
 *
 * The background is drawn in the camera's level coordinates: a = metres to
 * the right per metre ahead, e = metres up per metre ahead. A point z metres
 * ahead is at x = pos.x + a * z, y = pos.y + e * z; the ground is at
 * z = -pos.y / e for e < 0. */
#ifndef PIPELINES_SYNTH_ENV_H
#define PIPELINES_SYNTH_ENV_H

#include "pipelines/synth/scene.h"
#include "pipelines/synth/setup.h"

struct env_ray {
    float a, e;
    float pixel; /* change of a from one pixel to the next */
};

struct v3 env_outdoors(const struct scene *s, struct env_ray ray);
struct v3 env_indoors(const struct scene *s, struct env_ray ray);

/* Light on the ground or a floor at world point p with this albedo. */
struct v3 env_lit(const struct scene *s, struct v3 albedo, struct v3 p);
/* Light on an upright surface that faces the camera. */
struct v3 env_lit_wall(const struct scene *s, struct v3 albedo, float facing);
struct v3 env_fog(const struct scene *s, struct v3 color, float ahead);

/* Share of the pixel at `ray` that a tree trunk covers, and its colour. */
float env_trunk(const struct scene *s, const struct trunk *t,
                struct env_ray ray, struct v3 *color);

#endif /* PIPELINES_SYNTH_ENV_H */
