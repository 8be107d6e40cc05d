#include "tests/unit/stages/evaluation_world.h"

#include <string.h>

enum { NO_FAMILY = -1 };
enum { OTHER = 100 }; /* a row that is scored but not picked */

struct row {
    double score;
    int32_t label, family;
    char p;
    int unreadable;
};

/* 20 positives, 10 negatives, 2 unreadable, 2 of another part. */
static const struct row rows[N_ROWS] = {
    { .9, ANT, -1, 'A', 0 },
    { .9, ANT, -1, 'A', 0 },
    { .05, NN_NEGATIVE, DOG, '-', 0 },
    { .9, ANT, -1, 'A', 0 },
    { .9, ANT, -1, 'A', 0 },
    { .3, NN_NEGATIVE, NO_FAMILY, 'C', 0 },
    { .9, ANT, -1, 'B', 0 },
    { .9, ANT, -1, 'U', 0 },
    { .9, BEE, -1, 'B', 0 },
    { .99, NN_NEGATIVE, OTHER + DOG, 'A', 0 },
    { .9, BEE, -1, 'B', 0 },
    { .9, BEE, -1, 'B', 0 },
    { .9, BEE, -1, 'A', 0 },
    { .9, NN_NEGATIVE, DOG, 'B', 0 },
    { .8, BEE, -1, 'U', 0 },
    { .8, BEE, -1, 'V', 0 },
    { .8, CAT, -1, 'C', 0 },
    { .8, CAT, -1, 'C', 0 },
    { .8, CAT, -1, 'B', 0 },
    { .7, NN_NEGATIVE, ROCK, 'V', 0 },
    { .7, CAT, -1, 'A', 0 },
    { .7, ANT, -1, 'C', 0 },
    { 0, CAT, -1, '-', 1 },
    { .5, NN_NEGATIVE, DOG, 'U', 0 },
    { .5, ANT, -1, 'A', 0 },
    { .45, NN_NEGATIVE, DOG, 'A', 0 },
    { .4, BEE, -1, 'B', 0 },
    { .4, NN_NEGATIVE, ROCK, '-', 0 },
    { .1, CAT, -1, 'A', 0 },
    { .1, NN_NEGATIVE, ROCK, '-', 0 },
    { .15, NN_NEGATIVE, DOG, '-', 0 },
    { 0, NN_NEGATIVE, ROCK, '-', 1 },
    { .02, NN_NEGATIVE, ROCK, 'B', 0 },
    { .01, CAT, OTHER, 'B', 0 },
};
enum { N = N_ROWS, N_ITEMS = N + 5 };

static struct nn_item items[N_ITEMS];
struct nn_dataset ds;
static struct nn_net some_net;
struct model model;
uint32_t world_index[N_ROWS], world_pick[N_ROWS];
size_t world_n;
static uint8_t ok[N], ran[N];
static double gate_z[N], p_none[N], p_positive[N], p[N * K];
struct cascade_scores scores;

static void put_probabilities(char name, double *to)
{
    static const char names[] = "ABCUV";
    static const double of[][K] = { { .9, .06, .04 },
                                    { .1, .8, .1 },
                                    { .2, .2, .6 },
                                    { .5, .3, .2 },
                                    { .3, .4, .3 } };
    const char *at = strchr(names, name);

    if (at != NULL) {
        memcpy(to, of[at - names], sizeof of[0]);
    }
}

/* Row i of the scores is item N_ITEMS - 1 - i: nothing may take one for the
 * other. */
void world_set_up(void)
{
    static char ant[] = "ant", bee[] = "bee", cat[] = "cat", dog[] = "dog",
                rock[] = "rock", path[] = "made up";
    static char *classes[] = { ant, bee, cat }, *families[] = { dog, rock };

    world_n = 0;
    for (size_t i = 0; i < N_ITEMS; i++) {
        items[i] = (struct nn_item){ "x", .label = CAT, .family = -1 };
    }
    for (size_t i = 0; i < N; i++) {
        const struct row *r = &rows[i];
        int other = r->family >= OTHER;

        world_index[i] = (uint32_t)(N_ITEMS - 1 - i);
        items[world_index[i]] =
            (struct nn_item){ "x", .label = r->label,
                              .family = other ? -1 : r->family };
        ok[i] = !r->unreadable;
        ran[i] = r->p != '-';
        p_positive[i] = r->score;
        put_probabilities(r->p, p + i * K);
        if (!other) {
            world_pick[world_n++] = (uint32_t)i;
        }
    }
    ds = (struct nn_dataset){ .path = path,
                              .n = N_ITEMS,
                              .items = items,
                              .n_classes = K,
                              .classes = classes,
                              .n_families = 2,
                              .families = families };
    model = (struct model){ .system = MODEL_CASCADE,
                            .n_classes = K,
                            .classes = classes,
                            .gate_policy = { .threshold = .5 },
                            .species = &some_net,
                            .species_policy = { .reject_threshold = .6 } };
    scores = (struct cascade_scores){ .n = N,
                                      .n_classes = K,
                                      .ok = ok,
                                      .ran = ran,
                                      .gate_z = gate_z,
                                      .p_gate = p_positive,
                                      .p_none = p_none,
                                      .p_positive = p_positive,
                                      .p = p,
                                      .gate_s = .68,
                                      .species_s = .17 };
}

void world_measure(int replicates, struct evaluation *e)
{
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_msg(evaluation_compute(&model, &ds, world_index, &scores,
                                     world_pick, world_n, "test", replicates, 7,
                                     e, &err) == NN_OK,
                  "%s", err.text);
}

void world_keep(int positives)
{
    size_t n = 0;

    for (size_t i = 0; i < world_n; i++) {
        if ((rows[world_pick[i]].label != NN_NEGATIVE) == positives) {
            world_pick[n++] = world_pick[i];
        }
    }
    world_n = n;
}

const size_t world_confusion[K + 1][K + 2] = {
    { 5, 1, 1, 0, 1 }, /* 8 ants */
    { 1, 3, 0, 1, 2 }, /* 7 bees */
    { 1, 1, 2, 1, 0 }, /* 5 cats */
    { 0, 1, 0, 7, 2 }, /* 10 negatives */
};
