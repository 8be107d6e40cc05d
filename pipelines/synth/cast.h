/* pipelines/synth/cast.h - who may stand in an image.
 *
 * Each function builds one subject into an empty model from r's draws, at the
 * origin, facing +x, feet at y = 0 or to be dropped there. near_miss makes it
 * as bear-like as that kind gets. */
#ifndef PIPELINES_SYNTH_CAST_H
#define PIPELINES_SYNTH_CAST_H

#include "common/base/rng.h"
#include "pipelines/synth/model.h"

enum cast_framing { FRAME_BODY, FRAME_HEAD };

/* How the subject wants to be seen. */
struct cast_hint {
    float yaw_lo, yaw_hi; /* degrees that it may be turned from facing +x
                             (seen from the right: 90 faces the camera) */
    int hanging;          /* 1: does not touch the ground */
};

void cast_grizzly(struct model *m, struct nn_rng *r, struct cast_hint *hint);
void cast_black(struct model *m, struct nn_rng *r, struct cast_hint *hint);
void cast_teddy(struct model *m, struct nn_rng *r, struct cast_hint *hint);
void cast_plush(struct model *m, struct nn_rng *r, int near_miss,
                struct cast_hint *hint);
void cast_dog(struct model *m, struct nn_rng *r, int near_miss,
              struct cast_hint *hint);
void cast_boar(struct model *m, struct nn_rng *r, int near_miss,
               struct cast_hint *hint);
void cast_cow(struct model *m, struct nn_rng *r, int near_miss,
              struct cast_hint *hint);
void cast_ape(struct model *m, struct nn_rng *r, int near_miss,
              struct cast_hint *hint);
void cast_person(struct model *m, struct nn_rng *r, int near_miss,
                 struct cast_hint *hint);
void cast_rock_stump(struct model *m, struct nn_rng *r, int near_miss,
                     struct cast_hint *hint);
void cast_object(struct model *m, struct nn_rng *r, int near_miss,
                 struct cast_hint *hint);

/* Helpers for the tables. */
float cast_vary(struct nn_rng *r, float v, float share); /* v * (1 +- share) */
struct v3 cast_pick_color(struct nn_rng *r, const uint32_t *hex, size_t n);
/* The colour made lighter or darker and warmer or colder, a little. */
struct v3 cast_tint(struct nn_rng *r, struct v3 color, float amount);

#endif /* PIPELINES_SYNTH_CAST_H */
