/* pipelines/synth/toy.h - stuffed toys: one sewing pattern, many animals.
 *
 * Lengths are in units of the sitting toy's height. */
#ifndef PIPELINES_SYNTH_TOY_H
#define PIPELINES_SYNTH_TOY_H

#include "pipelines/synth/cast.h"

enum toy_ear {
    TOY_EAR_ROUND,
    TOY_EAR_LONG, /* rabbit, up */
    TOY_EAR_LOP,  /* rabbit or dog, hanging */
    TOY_EAR_CAT,
    TOY_EAR_WIDE, /* elephant */
};

enum toy_pose { TOY_SIT, TOY_STAND, TOY_HANG };

struct toy {
    float height;          /* metres */
    float head, head_wide; /* radius, width ratio */
    float body, limb;      /* radii */
    enum toy_ear ear;
    float ear_size;
    float muzzle; /* size of the patch, 0: none */
    int trunk, whiskers;
    float tail; /* length; a bobble when short */
    enum toy_pose pose;
    float arm_up;              /* -1..1: hanging to raised */
    float head_tilt, head_yaw; /* radians */
    int plush, pale, ear_in, nose, eye, thread, bow, shirt; /* materials;
                               bow, shirt: -1 none */
    int stripes;                                            /* of the shirt */
    struct v3 stripe_color;
    int seams;
    float eye_size;
};

void toy_build(struct builder b, const struct toy *t);

#endif /* PIPELINES_SYNTH_TOY_H */
