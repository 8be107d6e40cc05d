#include "tests/unit/stages/library_world.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

struct library_world w;

static char ape[] = "ape", bee[] = "bee";
static char *class_names[] = { ape, bee };

static struct nn_net *net(struct nn_net_spec s, const char *const *outputs,
                          size_t n, uint64_t seed)
{
    struct nn_net *out;

    s.outputs = outputs;
    s.n_outputs = n;
    ck_assert_int_eq(nn_net_create(&s, seed, &out, NULL), NN_OK);
    return out;
}

static double middle(const double *v, size_t stride)
{
    double lo = v[0], hi = v[0];

    for (size_t i = 1; i < PHOTOS; i++) {
        lo = fmin(lo, v[i * stride]);
        hi = fmax(hi, v[i * stride]);
    }
    ck_assert_double_lt(lo, hi);
    return (lo + hi) / 2;
}

/* What the program says with room for `batch` images at a time. */
static void score(const struct model *m, int32_t batch)
{
    struct cascade_input input[PHOTOS];
    struct cascade *c = NULL;

    cascade_scores_release(&w.told);
    for (size_t i = 0; i < PHOTOS; i++) {
        input[i] = (struct cascade_input){ NULL, w.jpeg[i], w.size[i] };
    }
    ck_assert_int_eq(cascade_create(m, batch, &c, NULL), NN_OK);
    ck_assert_int_eq(cascade_score_inputs(c, input, PHOTOS, 1, &w.told, NULL),
                     NN_OK);
    for (size_t i = 0; i < PHOTOS; i++) {
        w.verdict[i] = cascade_verdict(c, &w.told, i);
    }
    cascade_destroy(&c);
}

/* Thresholds between the images, so that every verdict has some. */
static void make_model(void)
{
    static const char *const sides[] = { "+ape", "+bee", "-" };
    struct model m = {
        .n_classes = CLASSES,
        .classes = class_names,
        .gate = net(gate_net_spec(0.1f, 32), sides, 3, 1),
        .species = net(species_net_spec(0.1f, 32),
                       (const char *const *)class_names, CLASSES, 2),
        .gate_policy = { .min_recall = 0.95 },
    };

    score(&m, PHOTOS);
    m.gate_policy.threshold = middle(w.told.p_positive, 1);
    m.species_policy.reject_threshold = middle(w.told.p, CLASSES);
    m.species_policy.reject_threshold =
        fmax(m.species_policy.reject_threshold, 0.5);
    score(&m, PHOTOS);
    ck_assert_int_eq(model_save(&m, w.path, NN_F32, NULL), NN_OK);
    nn_net_destroy(&m.gate);
    nn_net_destroy(&m.species);
}

void library_set_up(void)
{
    w.dir = testkit_mkdir();
    w.path = nn_path_join(w.dir, "model.safetensors");
    for (size_t i = 0; i < PHOTOS; i++) {
        album_image(&w.image[i], 40 + i, 90, 70 + (int32_t)i);
        w.jpeg[i] = album_jpeg(&w.image[i], 90, &w.size[i]);
    }
    make_model();
    ck_assert_int_eq(
        nn_file_read(w.path, 1 << 30, &w.model, &w.model_size, NULL), NN_OK);
}

void library_tear_down(void)
{
    for (size_t i = 0; i < PHOTOS; i++) {
        nn_mem_free(w.jpeg[i]);
        nn_image_release(&w.image[i]);
    }
    cascade_scores_release(&w.told);
    nn_mem_free(w.model);
    nn_mem_free(w.path);
    testkit_rmdir(w.dir);
}

void library_tell(int32_t batch)
{
    struct model *m = NULL;

    ck_assert_int_eq(model_load(w.path, &m, NULL), NN_OK);
    score(m, batch);
    model_destroy(&m);
}

struct bc_model *open_model(void)
{
    struct bc_model *m;
    char why[BC_TEXT_SIZE];

    ck_assert_msg(!bc_model_open(w.path, &m, why, sizeof why), "%s", why);
    ck_assert_str_eq(why, "");
    return m;
}

struct bc_session *session(struct bc_model *m, int threads, int batch)
{
    struct bc_options o = BC_OPTIONS_INIT;
    struct bc_session *s;
    char why[BC_TEXT_SIZE];

    o.threads = threads;
    o.max_batch = batch;
    o.all_stages = 1;
    ck_assert_msg(!bc_session_create(m, &o, &s, why, sizeof why), "%s", why);
    return s;
}

void expect(const struct bc_model *m, const struct bc_result *r,
            const double *p, size_t i, double within)
{
    static const int kinds[] = { BC_NONE, BC_CLASS, BC_UNKNOWN };
    const struct verdict *v = &w.verdict[i];

    testkit_assert(r->status == BC_OK, "photo %zu: %s", i, r->reason);
    testkit_assert(r->verdict == kinds[v->kind], "photo %zu: verdict %d", i,
                   r->verdict);
    testkit_assert(fabs(r->p_positive - w.told.p_positive[i]) <= within,
                   "photo %zu: %.17g, not %.17g", i, r->p_positive,
                   w.told.p_positive[i]);
    for (size_t k = 0; k < CLASSES; k++) {
        double want = w.told.p[i * CLASSES + k];

        testkit_assert(fabs(p[k] - want) <= within,
                       "photo %zu: %.17g, not %.17g", i, p[k], want);
    }
    testkit_assert(r->class_index == v->best && r->p_class == p[v->best],
                   "photo %zu: class %d", i, r->class_index);
    testkit_assert(r->stage == 1 + v->species_stage, "photo %zu: stage %d", i,
                   r->stage);
    testkit_assert(
        strcmp(bc_result_label(m, r), v->kind == VERDICT_CLASS
                                          ? class_names[v->best]
                                          : bc_verdict_name(r->verdict)) == 0,
        "photo %zu: %s", i, bc_result_label(m, r));
}

void fill(struct bc_image *image)
{
    memset(image, 0, PHOTOS * sizeof *image);
    for (size_t i = 0; i < PHOTOS; i++) {
        image[i].kind = BC_IMAGE_BYTES;
        image[i].data = w.jpeg[i];
        image[i].size = w.size[i];
    }
}

void is_failure(const struct bc_result *r, int status, const char *part)
{
    ck_assert_int_eq(r->status, status);
    ck_assert_int_eq(r->verdict, BC_NO_VERDICT);
    ck_assert_int_eq(r->class_index, -1);
    ck_assert_int_eq(r->stage, 0);
    ck_assert_msg(strstr(r->reason, part) != NULL, "'%s' lacks '%s'", r->reason,
                  part);
    ck_assert_ptr_null(strchr(r->reason, '\n'));
}
