/* pipelines/synth/beast.h - four-legged bodies from a table of proportions.
 *
 * Lengths are in units of `height` (shoulder height of the standing animal)
 * for the body and in skull radii for the head. */
#ifndef PIPELINES_SYNTH_BEAST_H
#define PIPELINES_SYNTH_BEAST_H

#include "pipelines/synth/model.h"

enum ear_kind { EAR_ROUND, EAR_POINT, EAR_FLOP, EAR_LEAF };

struct head_shape {
    float size;       /* skull radius, units of height */
    float wide, deep; /* skull width and height over its length */
    float cheek;      /* radius of the cheeks, 0: none */
    float muzzle_len, muzzle_base, muzzle_tip; /* length beyond the skull,
                                                  radii of its ends */
    float muzzle_y;                            /* where it starts, + up */
    float muzzle_tilt;                         /* degrees down */
    float brow; /* height of the forehead over the muzzle, 0..1 */
    float nose; /* radius */
    int snout;  /* 1: flat disc of a pig */
    enum ear_kind ear;
    float ear_size, ear_set, ear_up; /* radius; degrees from the top; tall */
    float eye, eye_set;              /* radius; degrees from the front */
    float horns, tusks;              /* length, 0: none */
};

struct beast_shape {
    float height;             /* metres */
    float len;                /* hip to shoulder */
    float spine;              /* height of the spine's middle line */
    float chest, belly, rump; /* radii */
    float flat;               /* width over height of the trunk */
    float hump, ruff;
    float neck, neck_r, neck_rise; /* length, radius, degrees */
    float leg_r, paw_r, paw_len;
    float hoof;                    /* 1: hooves instead of paws */
    float tail, tail_r, tail_rise; /* length, radius, degrees */
    struct head_shape head;
};

struct beast_coat {
    int body, leg, head, muzzle, ear, ear_in, nose, eye, claw, tail;
    int hoof; /* read where the shape has hooves */
    /* claw: also horns and tusks; -1 for none */
};

enum beast_pose {
    POSE_STAND,
    POSE_WALK,
    POSE_SIT,
    POSE_UPRIGHT,
    POSE_GRAZE,
    POSE_LIE,
};

struct beast_stance {
    enum beast_pose pose;
    float gait;                       /* 0..1 phase of the walk */
    float head_yaw, head_pitch, roll; /* radians */
    int mouth_open;
};

/* Add the animal to b's model; sets focus on the head when head_only. */
void beast_build(struct builder b, const struct beast_shape *s,
                 const struct beast_coat *coat, const struct beast_stance *st,
                 int head_only);
/* The head alone, at b's origin, in units of the skull radius. */
void beast_head(struct builder b, const struct head_shape *h,
                const struct beast_coat *coat, int mouth_open);

#endif /* PIPELINES_SYNTH_BEAST_H */
