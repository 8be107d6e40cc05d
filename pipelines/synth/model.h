/* pipelines/synth/model.h - a body: primitives, materials, painted patches.
 *
 * World units are metres, y points up, the ground is y = 0. Animals are built
 * facing +x with their left side at +z. */
#ifndef PIPELINES_SYNTH_MODEL_H
#define PIPELINES_SYNTH_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "pipelines/synth/smath.h"

enum { MODEL_PRIMS = 112, MODEL_MATERIALS = 20, MODEL_PAINTS = 32 };

enum prim_kind {
    PRIM_ELLIPSOID, /* s: radii */
    PRIM_CONE,      /* two balls and their hull: s.x, s.y radii, s.z length */
    PRIM_BOX,       /* s: half sizes, round: edge radius */
    PRIM_DISC,      /* cylinder along local y: s.x radius, s.y half height */
    PRIM_RING,      /* torus around local y: s.x ring radius, s.y tube */
};

enum surface {
    SURF_FUR,    /* strands along the flow, soft outline */
    SURF_PLUSH,  /* short even pile, velvet rim */
    SURF_SMOOTH, /* skin, horn, plastic; gloss decides */
    SURF_CLOTH,  /* woven */
    SURF_ROCK,
    SURF_BARK,
    SURF_CUT, /* wood with rings, around local y of the world */
};

struct material {
    enum surface surface;
    struct v3 color;  /* linear albedo */
    struct v3 tip;    /* colour of the strand tips */
    float tip_amount; /* 0..1 */
    float grain;      /* 0..1 strength of the noise */
    float freq;       /* noise cells per metre */
    float gloss;      /* 0..1 */
    int prop;         /* 1: drawn, but no part of the subject (a cord) */
};

struct prim {
    enum prim_kind kind;
    int material;
    struct v3 c;   /* centre; cone: the first ball's centre */
    struct m3 m;   /* local axes; cone: r[1] is the axis */
    struct v3 s;   /* sizes, see prim_kind */
    struct v3 inv; /* 1 / s for ellipsoids */
    float round;   /* metres of rounding */
    float k;       /* smooth union width with what came before, metres */
    int carve;     /* 1: take away instead of joining */
    struct v3 bc;  /* bounding ball */
    float br;
    float cone_a, cone_b; /* cosine and sine of the cone's side */
    struct v3 flow;       /* direction of the hair */
};

/* Paint changes the colour inside an ellipsoid with a soft edge. */
struct paint {
    struct v3 c, inv;
    struct m3 m;
    struct v3 color;
    float strength; /* 0..1 */
    float edge;     /* 0 sharp .. 1 soft */
    float ragged;   /* 0..1 noise on the edge */
    uint32_t on;    /* bit set of materials that take it */
};

struct model {
    size_t n_prims, n_materials, n_paints;
    struct prim prim[MODEL_PRIMS];
    struct material material[MODEL_MATERIALS];
    struct paint paint[MODEL_PAINTS];
    float fuzz;         /* metres that the outline is frayed by */
    uint32_t seed;      /* noise fields of the body */
    struct v3 focus;    /* what the camera frames: centre */
    float focus_radius; /* and radius, metres; 0: the whole body */
    struct v3 center;   /* set by model_finish(): ball around everything */
    float radius;
    float low; /* lowest point, metres */
};

/* Where the next primitive goes: world = origin + scale * m * local. */
struct frame {
    struct m3 m;
    struct v3 origin;
    float scale;
};

struct builder {
    struct model *model;
    struct frame f;
    struct v3 flow; /* of the next primitives, local */
    int mirror;     /* 1: z is negated (right side of the body) */
};

struct builder build_start(struct model *model, uint32_t seed);
/* A child frame at `at`, turned. */
struct builder build_at(struct builder b, struct v3 at);
struct builder build_turn(struct builder b, int axis, float angle);
struct builder build_scale(struct builder b, float scale);
struct builder build_mirror(struct builder b, int mirror);
struct v3 build_point(const struct builder *b, struct v3 local);

/* Materials return their number; when the table is full, the last one. */
int build_material(struct model *m, struct material mat);
int build_fur(struct model *m, struct v3 color, struct v3 tip, float tips,
              float freq);
int build_plush(struct model *m, struct v3 color, float freq);
int build_smooth(struct model *m, struct v3 color, float gloss);
int build_cloth(struct model *m, struct v3 color, float freq);

/* Primitives; past the limit they are left out (check_synth proves that no
 * body reaches it). k in local units. */
struct prim *build_ball(struct builder b, struct v3 c, struct v3 radii, int mat,
                        float k);
struct prim *build_cone(struct builder b, struct v3 a, float ra, struct v3 c,
                        float rc, int mat, float k);
struct prim *build_box(struct builder b, struct v3 c, struct v3 half,
                       float round, int mat, float k);
struct prim *build_disc(struct builder b, struct v3 c, float radius,
                        float half_height, float round, int mat, float k);
struct prim *build_ring(struct builder b, struct v3 c, float radius, float tube,
                        int mat, float k);
void build_paint(struct builder b, struct v3 c, struct v3 radii,
                 struct v3 color, float strength, float edge, float ragged,
                 uint32_t on);

/* Turn everything about the vertical axis, then drop it so that its lowest
 * point is at y = 0 (or hang it), and compute the bounds. */
void model_finish(struct model *m);
void model_turn_all(struct model *m, int axis, float angle);
void model_shift_all(struct model *m, struct v3 by);

#endif /* PIPELINES_SYNTH_MODEL_H */
