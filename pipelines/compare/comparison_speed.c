/* How many images a second each system gets through, from decoded images in
 * memory and from files, on the way that classify takes. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/compare/comparison.h"

enum {
    EACH = 24, /* images of a class, and others: full steps of 8 */
    MIN_ROUNDS = 3,
    MAX_ROUNDS = 7,
    SECONDS = 2, /* more than MIN_ROUNDS only until then */
};

/* --- is the machine busy? ---------------------------------------------------
 *
 * Two signs: rounds that differ, and, where Linux tells it, threads of ours
 * that were ready and had to wait for a core. The second shows a load that is
 * there all the time. */

#define MOST_APART  1.2
#define MOST_WAITED 0.1

int comparison_unsure(const double *ms, size_t n, double waited)
{
    size_t apart = 0;
    double least = INFINITY;

    for (size_t i = 0; i < n; i++) {
        least = fmin(least, ms[i]);
    }
    for (size_t i = 0; i < n; i++) {
        apart += ms[i] > MOST_APART * least;
    }
    return 2 * apart >= n || waited > MOST_WAITED;
}

struct use {
    double ran, waited; /* ns, all threads that live */
};

static struct use use_now(void)
{
    struct use u = { 0, 0 };
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *e;

    while (tasks != NULL && (e = readdir(tasks)) != NULL) {
        char *path = nn_mem_sprintf("/proc/self/task/%s/schedstat", e->d_name);
        FILE *f = path != NULL ? fopen(path, "r") : NULL;
        double ran, waited;

        nn_mem_free(path);
        if (f == NULL) {
            continue;
        }
        if (fscanf(f, "%lf %lf", &ran, &waited) == 2) {
            u.ran += ran;
            u.waited += waited;
        }
        fclose(f);
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return u;
}

/* --- what is timed ----------------------------------------------------------
 */

/* Some test images, of a class or others. */
struct pile {
    size_t n;
    uint32_t item[EACH];
    struct nn_image image[EACH];
    struct cascade_input input[EACH];
};

/* A system; times of each round, as in struct comparison_speed. */
struct lane {
    struct model *m;
    double ms[COMPARISON_WAYS][2][2][MAX_ROUNDS];
    struct use use; /* of the passes in memory */
};

struct race {
    const struct comparison *c;
    struct pile pile[2];
    struct lane *lane;
    size_t n_lanes, n_rounds;
    int files; /* the images are files */
};

/* n images from `from` on, evenly. What cannot be decoded was left out of the
 * comparison before. */
static enum nn_status pile_init(struct pile *p, const struct comparison *c,
                                size_t from, size_t n, int32_t side,
                                struct nn_error *err)
{
    size_t take = n < EACH ? n : EACH;

    for (size_t i = 0; i < take; i++) {
        uint32_t item = c->index[from + i * n / take];
        uint8_t *bytes = NULL;
        size_t size = 0;
        enum nn_status st = nn_dataset_read(c->ds, item, &bytes, &size, err);

        if (st) {
            return st;
        }
        st = nn_decode_for(bytes, size, side, &p->image[i], NULL, err);
        nn_mem_free(bytes);
        if (st) {
            return st;
        }
        p->item[i] = item;
        p->input[i] = (struct cascade_input){ .image = &p->image[i] };
        p->n++;
    }
    return NN_OK;
}

static void pile_release(struct pile *p)
{
    for (size_t i = 0; i < p->n; i++) {
        nn_image_release(&p->image[i]);
    }
}

/* Drawn images are drawn when they are read: no time that a user waits. */
static int is_drawn(const char *data)
{
    for (size_t i = 0; data_generators[i] != NULL; i++) {
        size_t n = strlen(data_generators[i]->name);

        if (strncmp(data, data_generators[i]->name, n) == 0 && data[n] == ':') {
            return 1;
        }
    }
    return 0;
}

/* --- rounds -----------------------------------------------------------------
 */

/* Milliseconds an image of a pile. */
static enum nn_status time_pile(const struct race *r, struct cascade *cascade,
                                const struct pile *p, int way, int all,
                                double *ms, struct nn_error *err)
{
    struct cascade_scores s = CASCADE_SCORES_INIT;
    double t0 = nn_time_s();
    enum nn_status st =
        way == COMPARISON_MEMORY
            ? cascade_score_inputs(cascade, p->input, p->n, all, &s, err)
            : cascade_score(cascade, r->c->ds, p->item, p->n, all, NULL, &s,
                            err);

    *ms = (nn_time_s() - t0) * 1e3 / (double)p->n;
    cascade_scores_release(&s);
    return st;
}

/* A system on both piles in one way, with nothing and with everything passed
 * on; for a single net that is the same. */
static enum nn_status time_way(struct race *r, struct lane *l,
                               struct cascade *cascade, int way,
                               struct nn_error *err)
{
    for (int positive = 0; positive < 2; positive++) {
        for (int all = 0; all < 2; all++) {
            double *ms = &l->ms[way][positive][all][r->n_rounds];
            enum nn_status st;

            if (all && l->m->species == NULL) {
                *ms = l->ms[way][positive][0][r->n_rounds];
                continue;
            }
            st = time_pile(r, cascade, &r->pile[positive], way, all, ms, err);
            if (st) {
                return st;
            }
        }
    }
    return NN_OK;
}

/* One round of a system, its memory warmed up first. */
static enum nn_status time_lane(struct race *r, struct lane *l,
                                struct nn_error *err)
{
    struct cascade *cascade = NULL;
    struct use before, after;
    double warm;
    enum nn_status st = cascade_create(
        l->m, cascade_pile_batch(nn_parallel_threads()), &cascade, err);

    if (st) {
        return st;
    }
    st = time_pile(r, cascade, &r->pile[0], COMPARISON_MEMORY, 1, &warm, err);
    if (st) {
        goto out;
    }
    before = use_now();
    st = time_way(r, l, cascade, COMPARISON_MEMORY, err);
    if (st) {
        goto out;
    }
    after = use_now();
    l->use.ran += after.ran - before.ran;
    l->use.waited += after.waited - before.waited;
    if (r->files) {
        st = time_way(r, l, cascade, COMPARISON_FILES, err);
    }
out:
    cascade_destroy(&cascade);
    return st;
}

static enum nn_status run_rounds(struct race *r, struct nn_error *err)
{
    double t0 = nn_time_s();

    while (r->n_rounds < MIN_ROUNDS ||
           (r->n_rounds < MAX_ROUNDS && nn_time_s() - t0 < SECONDS)) {
        for (size_t i = 0; i < r->n_lanes; i++) {
            enum nn_status st = time_lane(r, &r->lane[i], err);

            if (st) {
                return st;
            }
        }
        r->n_rounds++;
    }
    return NN_OK;
}

/* --- results ----------------------------------------------------------------
 */

static struct comparison_speed speed_of(const struct race *r,
                                        const struct lane *l, int way)
{
    struct comparison_speed s = { .unsure = 0 };
    double all = l->use.ran + l->use.waited;
    double waited = all > 0 ? l->use.waited / all : 0;

    for (int positive = 0; positive < 2; positive++) {
        for (int on = 0; on < 2; on++) {
            const double *ms = l->ms[way][positive][on];
            double *to = &s.ms[positive][on];

            if (way == COMPARISON_FILES && !r->files) {
                *to = (double)NAN;
                continue;
            }
            *to = INFINITY;
            for (size_t i = 0; i < r->n_rounds; i++) {
                *to = fmin(*to, ms[i]);
            }
            s.unsure |= comparison_unsure(ms, r->n_rounds, waited);
        }
    }
    return s;
}

/* Threshold that no image passes, for the time of the race. */
static void close_gates(struct race *r)
{
    for (size_t i = 0; i < r->n_lanes; i++) {
        r->lane[i].m->gate_policy.threshold = INFINITY;
    }
}

/* Inputs as large as the largest net asks for. */
static int32_t largest_side(struct model *const *m, size_t n)
{
    int32_t side = 1;

    for (size_t i = 0; i < n; i++) {
        int32_t gate = nn_net_input(&m[i]->gate->spec).side, species = 0;

        if (m[i]->species != NULL) {
            species = nn_net_input(&m[i]->species->spec).side;
        }
        side = side > gate ? side : gate;
        side = side > species ? side : species;
    }
    return side;
}

static enum nn_status race_init(struct race *r, struct model *const *m,
                                const size_t *twin, struct nn_error *err)
{
    const struct comparison *c = r->c;
    int32_t side = largest_side(m, c->n_systems);
    enum nn_status st;

    r->files = !is_drawn(c->opt->data);
    r->lane = nn_mem_calloc(c->n_systems, sizeof *r->lane);
    if (r->lane == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < c->n_systems; i++) {
        if (twin[i] == i) {
            r->lane[r->n_lanes++].m = m[i];
        }
    }
    st = pile_init(&r->pile[1], c, 0, c->n_positives, side, err);
    if (st) {
        return st;
    }
    return pile_init(&r->pile[0], c, c->n_positives, c->n - c->n_positives,
                     side, err);
}

enum nn_status comparison_race(struct comparison *c, struct model *const *m,
                               const size_t *twin, struct nn_error *err)
{
    struct race *r = nn_mem_calloc(1, sizeof *r);
    size_t lane = 0;
    enum nn_status st;

    if (r == NULL) {
        return nn_fail_nomem(err);
    }
    r->c = c;
    st = race_init(r, m, twin, err);
    if (st) {
        goto out;
    }
    close_gates(r);
    st = run_rounds(r, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < c->n_systems; i++) {
        struct comparison_cost *to = &c->system[i].cost;

        for (int way = 0; twin[i] == i && way < COMPARISON_WAYS; way++) {
            to->speed[way] = speed_of(r, &r->lane[lane], way);
        }
        if (twin[i] == i) {
            lane++;
        } else {
            memcpy(to->speed, c->system[twin[i]].cost.speed, sizeof to->speed);
        }
    }
out:
    pile_release(&r->pile[0]);
    pile_release(&r->pile[1]);
    nn_mem_free(r->lane);
    nn_mem_free(r);
    return st;
}
