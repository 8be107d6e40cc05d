#include "pipelines/synth/scene.h"

#include "pipelines/synth/cast.h"
#include "pipelines/synth/setup.h"

/* Streams of random numbers of one image. */
enum { DRAW_CAST = 11, DRAW_PLACE, DRAW_CAMERA, DRAW_LENS, DRAW_COVER };

static struct nn_rng stream(uint64_t seed, uint64_t index, uint64_t purpose)
{
    return nn_rng_make(seed, nn_rng_stream(seed, index, purpose));
}

static void cast_negative(struct scene *s, struct nn_rng *r,
                          struct cast_hint *hint)
{
    struct model *m = &s->subject;
    int near_miss = s->truth.near_miss;

    switch (s->truth.family) {
    case SYNTH_DOG:
        cast_dog(m, r, near_miss, hint);
        break;
    case SYNTH_BOAR:
        cast_boar(m, r, near_miss, hint);
        break;
    case SYNTH_COW:
        cast_cow(m, r, near_miss, hint);
        break;
    case SYNTH_APE:
        cast_ape(m, r, near_miss, hint);
        break;
    case SYNTH_PLUSH:
        cast_plush(m, r, near_miss, hint);
        break;
    case SYNTH_ROCK_STUMP:
        cast_rock_stump(m, r, near_miss, hint);
        break;
    case SYNTH_PEOPLE:
        cast_person(m, r, near_miss, hint);
        break;
    case SYNTH_OBJECTS:
        cast_object(m, r, near_miss, hint);
        break;
    default:
        s->has_subject = 0;
        break;
    }
}

static void cast_subject(struct scene *s, struct nn_rng *r,
                         struct cast_hint *hint)
{
    *hint = (struct cast_hint){ .yaw_lo = 0.0f, .yaw_hi = 90.0f };
    s->has_subject = 1;
    switch (s->truth.class) {
    case SYNTH_GRIZZLY:
        cast_grizzly(&s->subject, r, hint);
        break;
    case SYNTH_BLACK:
        cast_black(&s->subject, r, hint);
        break;
    case SYNTH_TEDDY:
        cast_teddy(&s->subject, r, hint);
        break;
    default:
        cast_negative(s, r, hint);
        break;
    }
}

/* Turn the subject, mirror by turning to the other side, and set it down. */
static void place_subject(struct scene *s, struct nn_rng *r,
                          const struct cast_hint *hint)
{
    struct model *m = &s->subject;
    float yaw = nn_rng_range(r, hint->yaw_lo, hint->yaw_hi);

    if (!s->has_subject) {
        /* what the camera would have looked at */
        m->focus = v3(0, 0.5f, 0);
        m->focus_radius = nn_rng_range(r, 0.4f, 1.0f);
        m->center = m->focus;
        return;
    }
    if (nn_rng_chance(r, 0.5f)) {
        yaw = 180.0f - yaw;
    }
    model_turn_all(m, 1, -yaw * SM_DEG);
    model_finish(m);
    if (hint->hanging) {
        model_shift_all(m, v3(0, nn_rng_range(r, 0.05f, 0.3f) - m->low, 0));
    } else if (s->truth.family != SYNTH_ROCK_STUMP) {
        model_shift_all(m, v3(0, -m->low, 0));
    }
}

void scene_draw_up(struct scene *s, uint64_t seed, uint64_t index,
                   const struct synth_options *opt)
{
    struct nn_rng cast = stream(seed, index, DRAW_CAST);
    struct nn_rng place = stream(seed, index, DRAW_PLACE);
    struct nn_rng camera = stream(seed, index, DRAW_CAMERA);
    struct nn_rng lens = stream(seed, index, DRAW_LENS);
    struct nn_rng cover = stream(seed, index, DRAW_COVER);
    struct cast_hint hint;

    memset(s, 0, sizeof *s);
    synth_describe(seed, index, opt, &s->truth);
    cast_subject(s, &cast, &hint);
    place_subject(s, &cast, &hint);
    setup_place(s, &place);
    setup_camera(s, &camera);
    setup_light(s, &place);
    setup_surroundings(s, &place);
    setup_cover(s, &cover);
    setup_lens(s, &lens);
}
