/* The images that a reader of the report wants to see, and where in them the
 * models see a bear. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/data/loader.h"
#include "pipelines/compare/comparison.h"
#include "pipelines/report/image_url.h"
#include "pipelines/cascade/baseline_score.h"
#include "stage1_gate/gate.h"

enum {
    EACH = 12, /* images of a kind and system */
    QUALITY = 80,
    MOST = 64, /* outputs of a net that maps are made for */
};

/* --- which -----------------------------------------------------------------
 *
 * Those that the galleries of the page pick, by the same rules
 * (report/galleries.js). */

struct ranked {
    double by;
    uint32_t i;
};

static int largest_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    return x->by != y->by ? (x->by < y->by) - (x->by > y->by)
                          : (x->i > y->i) - (x->i < y->i);
}

/* Mark the EACH largest of n. */
static void take(struct ranked *v, size_t n, uint8_t *wanted)
{
    qsort(v, n, sizeof *v, largest_first);
    for (size_t i = 0; i < n && i < EACH; i++) {
        wanted[v[i].i] = 1;
    }
}

/* kind 0: negatives by score; 1: class images by lack of it; 2: wrong
 * classes by trust in them. */
static void worst_of(const struct comparison *c, const struct outcomes *t,
                     int kind, struct ranked *v, uint8_t *wanted)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        int fits = kind == 0 ? !t->positive[i]
                   : kind == 1
                       ? t->positive[i]
                       : t->positive[i] && t->verdict[i] < (int32_t)c->k &&
                             t->verdict[i] != t->truth[i];

        if (fits) {
            v[n].by = kind == 0   ? t->p_positive[i]
                      : kind == 1 ? -t->p_positive[i]
                                  : t->confidence[i];
            v[n++].i = (uint32_t)i;
        }
    }
    take(v, n, wanted);
}

/* Where the systems' verdicts differ: the widest spread of scores first. */
static void disputed(const struct comparison *c, struct ranked *v,
                     uint8_t *wanted)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        double lo = INFINITY, hi = -INFINITY;
        int differ = 0;

        for (size_t s = 0; s < c->n_systems; s++) {
            const struct outcomes *t = &c->system[s].run[0].said;

            differ |= t->verdict[i] != c->system[0].run[0].said.verdict[i];
            lo = fmin(lo, t->p_positive[i]);
            hi = fmax(hi, t->p_positive[i]);
        }
        if (differ) {
            v[n].by = hi - lo;
            v[n++].i = (uint32_t)i;
        }
    }
    take(v, n, wanted);
}

static void choose(const struct comparison *c, struct ranked *v,
                   uint8_t *wanted)
{
    for (size_t s = 0; s < c->n_systems; s++) {
        for (int kind = 0; kind < 3; kind++) {
            worst_of(c, &c->system[s].run[0].said, kind, v, wanted);
        }
    }
    disputed(c, v, wanted);
}

/* --- how -------------------------------------------------------------------
 */

/* rgb [size,size,3] as the net sees image i; NN_ERR_... when unreadable. */
static enum nn_status fitted(const struct comparison *c, size_t i,
                             const struct nn_net_spec *spec, uint8_t *rgb)
{
    const struct nn_input in = nn_net_input(spec);
    struct nn_image img = NN_IMAGE_INIT;
    uint8_t *bytes = NULL;
    size_t size;
    enum nn_status st =
        nn_dataset_read(c->ds, c->index[i], &bytes, &size, NULL);

    if (st) {
        return st;
    }
    st = nn_decode_for(bytes, size, in.side, &img, NULL, NULL);
    if (st) {
        goto out;
    }
    st = nn_prepare_bytes(&in, &img, rgb, NULL);
out:
    nn_image_release(&img);
    nn_mem_free(bytes);
    return st;
}

/* What a place says: the score of its logits. */
static double place_score(const struct model *m, const float *z, double *p)
{
    return m->system == MODEL_CASCADE
               ? gate_probability(m->gate, gate_logit(m->gate, z))
               : baseline_score(m->system, m->gate, z, p);
}

/* score [h,w] at (x,y) of a square of `side`, bilinear between the centres of
 * the places. */
static double between(const double *score, int32_t h, int32_t w, double x,
                      double y)
{
    double u = fmin(fmax(x * w - 0.5, 0), w - 1);
    double v = fmin(fmax(y * h - 0.5, 0), h - 1);
    int32_t x0 = (int32_t)u, y0 = (int32_t)v;
    int32_t x1 = x0 + 1 < w ? x0 + 1 : x0, y1 = y0 + 1 < h ? y0 + 1 : y0;
    double a = u - x0, b = v - y0;

    return (1 - b) * ((1 - a) * score[y0 * w + x0] + a * score[y0 * w + x1]) +
           b * ((1 - a) * score[y1 * w + x0] + a * score[y1 * w + x1]);
}

/* Grey where nothing is seen, orange where the score is high. */
static void paint(uint8_t *rgb, int32_t side, const double *score, int32_t h,
                  int32_t w)
{
    static const double orange[3] = { 230, 97, 0 };

    for (int32_t y = 0; y < side; y++) {
        for (int32_t x = 0; x < side; x++) {
            uint8_t *px = rgb + ((size_t)y * (size_t)side + (size_t)x) * 3;
            double s = between(score, h, w, (x + 0.5) / side, (y + 0.5) / side);
            double grey = 0.3 * px[0] + 0.59 * px[1] + 0.11 * px[2];

            for (int k = 0; k < 3; k++) {
                double v = (1 - s) * (0.5 * grey + 40) +
                           s * (0.45 * px[k] + 0.55 * orange[k]);

                px[k] = (uint8_t)fmin(fmax(v, 0), 255);
            }
        }
    }
}

static json_t *as_url(const uint8_t *rgb, int32_t side)
{
    const struct nn_image img = { .w = side,
                                  .h = side,
                                  .rgb = (uint8_t *)(uintptr_t)rgb };
    char *url = image_url(&img, QUALITY);
    json_t *j = json_string(url); /* NULL for NULL */

    nn_mem_free(url);
    return j;
}

static enum nn_status add_map(const struct model *m, struct nn_scorer *scorer,
                              uint8_t *rgb, const char *name, json_t *entry,
                              struct nn_error *err)
{
    size_t k = m->gate->spec.n_outputs;
    int32_t h = 0, w = 0, side = m->gate->spec.size;
    float *map = NULL;
    double *score, p[MOST];
    enum nn_status st = nn_scorer_map_bytes(scorer, rgb, &map, &h, &w, err);
    size_t n = (size_t)h * (size_t)w;

    if (st) {
        return st;
    }
    score = nn_mem_calloc(n, sizeof *score);
    if (score == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        score[i] = place_score(m, map + i * k, p);
    }
    paint(rgb, side, score, h, w);
    if (json_object_set_new(json_object_get(entry, "cam"), name,
                            as_url(rgb, side))) {
        st = nn_fail_nomem(err);
    }
out:
    nn_mem_free(score);
    nn_mem_free(map);
    return st;
}

/* Image i, in rgb as the net sees it: its thumb, unless a system before has
 * made it, and the map of this one. */
static enum nn_status add_image(const struct comparison_system *s,
                                const struct model *m, struct nn_scorer *scorer,
                                size_t i, uint8_t *rgb, json_t *all,
                                struct nn_error *err)
{
    char key[24];
    json_t *entry;

    snprintf(key, sizeof key, "%zu", i);
    entry = json_object_get(all, key);
    if (entry == NULL) {
        entry = json_pack("{s:o, s:{}}", "thumb",
                          as_url(rgb, m->gate->spec.size), "cam");
        if (json_object_set_new(all, key, entry)) {
            return nn_fail_nomem(err);
        }
    }
    if (m->gate->spec.n_outputs > MOST) {
        return NN_OK;
    }
    return add_map(m, scorer, rgb, s->name, entry, err);
}

/* Thumbs (first system) and maps of the wanted images for one system. */
static enum nn_status add_system(const struct comparison *c,
                                 const struct comparison_system *s,
                                 const uint8_t *wanted, json_t *all,
                                 struct nn_error *err)
{
    struct nn_scorer *scorer = NULL;
    struct model *m = NULL;
    uint8_t *rgb = NULL;
    size_t side;
    enum nn_status st = model_load(s->run[0].dir, &m, err);

    if (st) {
        return st;
    }
    st = nn_scorer_create(m->gate, 1, &scorer, err);
    if (st) {
        goto out;
    }
    side = (size_t)m->gate->spec.size;
    rgb = nn_mem_calloc(side * side, 3);
    if (rgb == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < c->n; i++) {
        if (!wanted[i] || fitted(c, i, &m->gate->spec, rgb)) {
            continue;
        }
        st = add_image(s, m, scorer, i, rgb, all, err);
        if (st) {
            goto out;
        }
    }
out:
    nn_mem_free(rgb);
    nn_scorer_destroy(&scorer);
    model_destroy(&m);
    return st;
}

json_t *comparison_images(const struct comparison *c, struct nn_error *err)
{
    struct ranked *v = nn_mem_calloc(c->n, sizeof *v);
    uint8_t *wanted = nn_mem_calloc(c->n, 1);
    json_t *all = json_object();
    enum nn_status st = NN_OK;

    if (v == NULL || wanted == NULL || all == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    choose(c, v, wanted);
    for (size_t s = 0; s < c->n_systems; s++) {
        st = add_system(c, &c->system[s], wanted, all, err);
        if (st) {
            goto out;
        }
    }
out:
    nn_mem_free(v);
    nn_mem_free(wanted);
    if (st) {
        json_decref(all);
        return NULL;
    }
    return all;
}
