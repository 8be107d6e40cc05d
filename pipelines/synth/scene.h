/* pipelines/synth/scene.h - everything that is drawn for one image before
 * the first pixel, and the buffers that the pixels go to. */
#ifndef PIPELINES_SYNTH_SCENE_H
#define PIPELINES_SYNTH_SCENE_H

#include "pipelines/synth/model.h"
#include "pipelines/synth/synth.h"

struct camera {
    struct v3 pos, fwd, right, up; /* orthonormal */
    float tan_half;                /* half the frame at distance 1 */
    float ox, oy; /* shift of the frame's centre, in half frames */
};

struct light {
    struct v3 dir;    /* towards the lamp or sun */
    struct v3 sun;    /* its colour times strength */
    struct v3 sky;    /* from above */
    struct v3 bounce; /* from below */
    float exposure;
};

enum place {
    PLACE_MEADOW,
    PLACE_RIVER,
    PLACE_FOREST,
    PLACE_SNOW,
    PLACE_ROAD,
    PLACE_YARD,
    PLACE_ROOM,
    PLACE_BED,
    PLACE_SHELF,
    PLACE_WHITE, /* shop photo */
    PLACE_TEXTURE,
    PLACES,
};

enum { ENV_TRUNKS = 28 };

struct trunk {
    float x, z, r, lean; /* metres; z forward from the camera */
    int birch, fir;
    uint32_t seed;
};

struct env {
    enum place place;
    uint32_t seed;
    struct v3 ground[3]; /* palette: dark, mid, light */
    struct v3 sky_low, sky_high, fog_color;
    struct v3 far_color[2]; /* tree line, mountains */
    struct v3 wall, wall2, floor, floor2;
    float fog;   /* share of fog at 50 m */
    float cloud; /* 0 clear .. 1 covered */
    float tree_height, tree_dist, mountain;
    float water_near, water_far; /* forward metres of the stream; 0,0: none */
    float water_level;           /* hides the subject below this height */
    float road_x, road_w;        /* metres */
    float wall_dist;
    int pattern; /* of walls, floors, textures */
    float scale; /* metres that count as one for patterns */
    int n_trunks;
    struct trunk trunk[ENV_TRUNKS]; /* far to near */
};

/* What stands in front of the subject. */
struct cover {
    float grass;        /* 0..1 density */
    float grass_height; /* metres */
    struct v3 grass_color[2];
    int n_trunks;
    struct trunk trunk[4];
    int leaves; /* blurred leaves near the lens */
    struct v3 leaf_color;
    int bars; /* 1: fence wires or cage bars */
    uint32_t seed;
};

struct lens {
    float blur_back, blur_all; /* Gaussian sigma, shares of the frame */
    float motion, motion_angle;
    float noise, chroma_noise;
    float vignette, contrast, saturation, gain;
    struct v3 cast;
    int grey;             /* infrared camera at night */
    float flash;          /* 0..1 falloff from the middle */
    int quality;          /* JPEG-like loss inside the image, 100: none */
    int block_x, block_y; /* offset of its blocks */
    float soft;           /* 1: full resolution; 0.5: made at half of it */
    uint32_t seed;
};

struct scene {
    struct synth_truth truth;
    struct camera camera;
    struct light light;
    struct env env;
    struct cover cover;
    struct lens lens;
    int has_subject;
    struct model subject;
};

/* Fill everything from (seed, index). `scene` is large: keep it on the
 * heap. */
void scene_draw_up(struct scene *s, uint64_t seed, uint64_t index,
                   const struct synth_options *opt);

/* Floats a pixel, rows packed. */
struct canvas {
    int32_t size;
    float *rgb;   /* [size,size,3] linear light */
    float *layer; /* [size,size,4] subject: premultiplied colour, alpha */
    float *cover; /* [size,size] share of the subject hidden in front */
    float *tmp;   /* [size,size,3] */
};

/* Ray through pixel coordinates (0..size), not normalised: its part along
 * camera.fwd is 1. */
struct v3 camera_ray(const struct camera *c, float x, float y, int32_t size);
/* Inverse: pixel coordinates of a world point; returns its depth along fwd
 * (<= 0: behind the lens, *x and *y untouched). */
float camera_project(const struct camera *c, struct v3 p, int32_t size,
                     float *x, float *y);

/* The passes, in this order. */
void env_draw(const struct scene *s, struct canvas *c);
void texture_draw(const struct scene *s, struct canvas *c);
void march_draw(const struct scene *s, struct canvas *c);
/* Pixels that the whole subject would cover if the frame had no edge and
 * nothing stood in front, from a coarse grid. */
float march_whole_area(const struct scene *s, int32_t size);
void cover_draw(const struct scene *s, struct canvas *c);
void lens_apply(const struct scene *s, struct canvas *c, uint8_t *rgb);

/* Light that reaches the ground at p: x share of sun, y share of sky. */
struct ground_light {
    float sun, sky;
};
struct ground_light ground_light_at(const struct scene *s, struct v3 p);

/* Colour of a lit fur, cloth, stone ... point (shade.c). */
struct shade_point {
    struct v3 p, n, view; /* view: from the point to the eye, unit */
    struct v3 color, flow;
    const struct material *mat;
    int mat_index;
    float ao, sun; /* 0..1 visibility of sky and sun */
    float pixel;   /* metres that a sample covers here */
};
struct v3 shade(const struct scene *s, const struct shade_point *h);

#endif /* PIPELINES_SYNTH_SCENE_H */
