/* The library's answers. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/cascade/bearcascade_internal.h"

#define MAX_FILE ((size_t)256 << 20)

const char *bc_verdict_name(int verdict)
{
    switch (verdict) {
    case BC_NONE:
        return "none";
    case BC_CLASS:
        return "class";
    case BC_UNKNOWN:
        return "unknown";
    default:
        return "";
    }
}

const char *bc_result_label(const struct bc_model *model,
                            const struct bc_result *result)
{
    const char *name = NULL;

    if (result == NULL) {
        return "";
    }
    if (result->verdict == BC_CLASS && result->class_index >= 0) {
        name = bc_model_class(model, (size_t)result->class_index);
    }
    return name != NULL ? name : bc_verdict_name(result->verdict);
}

/* --- one image on its way in --- */

struct input {
    struct nn_image packed; /* pixels whose rows had gaps */
    struct nn_image view;   /* or the caller's own */
    unsigned char *file;    /* read from a path */
};

static void release(struct input *in)
{
    nn_image_release(&in->packed);
    nn_mem_free(in->file);
    *in = (struct input){ .file = NULL };
}

static enum nn_status check_pixels(const struct bc_image *image, size_t stride,
                                   struct nn_error *err)
{
    struct nn_image_options max = nn_image_defaults();
    int w = image->width, h = image->height;

    if (w < 1 || h < 1) {
        return nn_fail(err, NN_ERR_ARG, "an image of %d x %d pixels", w, h);
    }
    if (w > max.max_dim || h > max.max_dim || (int64_t)w * h > max.max_pixels) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "an image of %d x %d pixels is over the limit of %d a "
                       "side and %lld in all",
                       w, h, (int)max.max_dim, (long long)max.max_pixels);
    }
    if (stride < 3 * (size_t)w || stride > (size_t)PTRDIFF_MAX / (size_t)h) {
        return nn_fail(err, NN_ERR_ARG,
                       "a stride of %zu bytes for rows of %d pixels, which "
                       "take %zu",
                       stride, w, 3 * (size_t)w);
    }
    return NN_OK;
}

static enum nn_status take_pixels(const struct bc_image *image,
                                  struct input *in, struct cascade_input *input,
                                  struct nn_error *err)
{
    const unsigned char *rgb = image->data;
    size_t row = 3 * (size_t)image->width;
    size_t stride = image->stride > 0 ? image->stride : row;
    enum nn_status st = check_pixels(image, stride, err);

    if (st) {
        return st;
    }
    if (stride == row) { /* nobody writes to it */
        in->view = (struct nn_image){ image->width, image->height,
                                      (uint8_t *)(uintptr_t)rgb };
        input->image = &in->view;
        return NN_OK;
    }
    st = nn_image_create(&in->packed, image->width, image->height);
    if (st) {
        return nn_fail_nomem(err);
    }
    for (size_t y = 0; y < (size_t)image->height; y++) {
        memcpy(in->packed.rgb + y * row, rgb + y * stride, row);
    }
    input->image = &in->packed;
    return NN_OK;
}

/* *image from whatever the caller has; in holds what it needs of memory. */
static enum nn_status take(const struct bc_image *image, struct input *in,
                           struct cascade_input *input, struct nn_error *err)
{
    enum nn_status st;

    *in = (struct input){ .file = NULL };
    *input = (struct cascade_input){ .image = NULL };
    if (image->data == NULL) {
        return nn_fail(err, NN_ERR_ARG, "the image's data is NULL");
    }
    switch (image->kind) {
    case BC_IMAGE_RGB:
        return take_pixels(image, in, input, err);
    case BC_IMAGE_BYTES:
        input->bytes = image->data;
        input->size = image->size;
        return NN_OK;
    case BC_IMAGE_FILE:
        st = nn_file_read(image->data, MAX_FILE, &in->file, &input->size, err);
        input->bytes = in->file;
        return st;
    default:
        return nn_fail(err, NN_ERR_ARG, "there is no kind of image %d",
                       image->kind);
    }
}

/* --- results --- */

/* Where the answers of a call go. */
struct answers {
    struct bc_result *result;
    double *p; /* [n,classes], or NULL */
    size_t classes;
};

static void put_failure(struct bc_result *r, enum bc_status status,
                        const char *reason)
{
    *r = (struct bc_result){ .status = status, .class_index = -1 };
    snprintf(r->reason, sizeof r->reason, "%s", reason);
}

/* Failures from result `from` on. */
static void fail_rest(struct answers *a, size_t from, size_t n,
                      enum bc_status status, const char *reason)
{
    for (size_t i = from; i < n; i++) {
        put_failure(&a->result[i], status, reason);
    }
    if (a->p != NULL && n > from) {
        memset(a->p + from * a->classes, 0,
               (n - from) * a->classes * sizeof *a->p);
    }
}

static int all_finite(const double *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(p[i])) {
            return 0;
        }
    }
    return 1;
}

/* Row `row` of the scores is the answer for result i. */
static void put_answer(const struct bc_session *s,
                       const struct cascade_scores *scores, size_t row,
                       struct answers *a, size_t i)
{
    static const int kinds[] = { [VERDICT_NONE] = BC_NONE,
                                 [VERDICT_CLASS] = BC_CLASS,
                                 [VERDICT_UNKNOWN] = BC_UNKNOWN };
    const double one = 1, *p = scores->p + row * a->classes;
    struct verdict v = cascade_verdict(s->cascade, scores, row);
    struct bc_result *r = &a->result[i];

    if (!isfinite(v.p_positive) || !all_finite(p, a->classes)) {
        put_failure(r, BC_ERR_NUMBER, "the model gives no finite number");
        return;
    }
    if (a->classes == 1 && (v.kind != VERDICT_NONE || s->all_stages)) {
        v.best = 0; /* a positive has no choice */
        p = &one;
    }
    *r = (struct bc_result){ .verdict = kinds[v.kind],
                             .class_index = v.best,
                             .stage = v.species_stage ? 2 : 1,
                             .p_positive = v.p_positive,
                             .p_class = v.best >= 0 ? p[v.best] : 0 };
    if (a->p != NULL) {
        memcpy(a->p + i * a->classes, p, a->classes * sizeof *p);
    }
}

/* --- a step: as many images as are computed together --- */

struct step {
    struct input *in;            /* [batch] */
    struct cascade_input *input; /* [batch], those that could be taken */
    size_t *at;                  /* [batch] their images */
    size_t n, taken;
};

static enum nn_status step_init(struct step *t, size_t batch,
                                struct nn_error *err)
{
    *t = (struct step){ .in = nn_mem_calloc(batch, sizeof *t->in),
                        .input = nn_mem_calloc(batch, sizeof *t->input),
                        .at = nn_mem_calloc(batch, sizeof *t->at) };
    return t->in == NULL || t->input == NULL || t->at == NULL
               ? nn_fail_nomem(err)
               : NN_OK;
}

static void step_release(struct step *t)
{
    nn_mem_free(t->in);
    nn_mem_free(t->input);
    nn_mem_free(t->at);
}

/* Fetch images from..to-1. What is wrong with one is its own failure; want of
 * memory is the call's. */
static enum nn_status fetch(struct step *t, const struct bc_image *images,
                            size_t from, size_t to, struct answers *a,
                            struct nn_error *err)
{
    t->n = t->taken = 0;
    for (size_t i = from; i < to; i++) {
        struct nn_error why = NN_ERROR_INIT;
        enum nn_status st =
            take(&images[i], &t->in[t->n++], &t->input[t->taken], &why);

        if (st == NN_ERR_NOMEM) {
            return nn_fail_nomem(err);
        }
        if (st) {
            put_failure(&a->result[i], bc_status_of(st), why.text);
            continue;
        }
        t->at[t->taken++] = i;
    }
    return NN_OK;
}

/* An image whose bytes could not be decoded. */
static void put_undecoded(const struct bc_image *image, enum nn_status st,
                          const char *reason, struct bc_result *r)
{
    struct nn_error why = NN_ERROR_INIT;

    if (image->kind == BC_IMAGE_FILE) {
        nn_fail(&why, st, "cannot decode '%s': %s", (const char *)image->data,
                reason);
        reason = why.text;
    }
    put_failure(r, bc_status_of(st), reason);
}

static enum nn_status answer(struct bc_session *s, struct step *t,
                             const struct bc_image *images, struct answers *a,
                             struct nn_error *err)
{
    struct cascade_scores scores = CASCADE_SCORES_INIT;
    enum nn_status st;

    if (t->taken == 0) {
        return NN_OK;
    }
    st = cascade_score_inputs(s->cascade, t->input, t->taken, s->all_stages,
                              &scores, err);
    if (st) {
        return st;
    }
    for (size_t row = 0; row < t->taken; row++) {
        size_t i = t->at[row];

        if (scores.ok[row]) {
            put_answer(s, &scores, row, a, i);
        } else {
            put_undecoded(&images[i], scores.status[row], scores.reason[row],
                          &a->result[i]);
        }
    }
    cascade_scores_release(&scores);
    return NN_OK;
}

static void log_failures(const struct bc_result *r, size_t from, size_t to,
                         size_t n)
{
    for (size_t i = from; i < to; i++) {
        if (r[i].status != BC_OK) {
            nn_log(NN_LOG_WARN, "image %zu of %zu: %s", i + 1, n, r[i].reason);
        }
    }
}

/* Images from..to-1, no more than t has room for. */
static enum nn_status one_step(struct bc_session *s, struct step *t,
                               const struct bc_image *images, size_t from,
                               size_t to, struct answers *a,
                               struct nn_error *err)
{
    enum nn_status st = fetch(t, images, from, to, a, err);

    if (st) {
        goto out;
    }
    st = answer(s, t, images, a, err);
out:
    for (size_t i = 0; i < t->n; i++) {
        release(&t->in[i]);
    }
    return st;
}

/* Sets *done to the images that have their result. */
static enum nn_status all_steps(struct bc_session *s,
                                const struct bc_image *images, size_t n,
                                struct answers *a, size_t *done,
                                struct nn_error *err)
{
    size_t batch = (size_t)cascade_max_batch(s->cascade);
    struct step t;
    enum nn_status st;

    batch = batch < n ? batch : n;
    st = step_init(&t, batch, err);
    if (st) {
        goto out;
    }
    while (*done < n) {
        size_t to = n - *done < batch ? n : *done + batch;

        st = one_step(s, &t, images, *done, to, a, err);
        if (st) {
            goto out;
        }
        log_failures(a->result, *done, to, n);
        *done = to;
    }
out:
    step_release(&t);
    return st;
}

/* --- calls --- */

static int refuse(struct answers *a, size_t n, const char *reason)
{
    if (a->result != NULL) {
        fail_rest(a, 0, n, BC_ERR_ARGUMENT, reason);
    }
    return BC_ERR_ARGUMENT;
}

int bc_classify_batch(struct bc_session *session, const struct bc_image *images,
                      size_t n, struct bc_result *results,
                      double *probabilities, size_t n_classes)
{
    struct answers a = { .result = results };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_context before;
    enum nn_status st;
    size_t done = 0;

    if (n == 0) {
        return BC_OK;
    }
    if (session == NULL) {
        return refuse(&a, n, "session is NULL");
    }
    if (images == NULL || results == NULL) {
        return refuse(&a, n, images == NULL ? "images is NULL" : "");
    }
    a.classes = bc_model_class_count(session->model);
    if (n_classes != (probabilities != NULL ? a.classes : 0)) {
        return refuse(&a, n,
                      "n_classes is not the model's number of classes, or not "
                      "0 without probabilities");
    }
    a.p = probabilities;
    if (atomic_flag_test_and_set(&session->busy)) {
        return refuse(&a, n, "the session is in another call");
    }
    fail_rest(&a, 0, n, BC_ERR_MEMORY, "");
    before = nn_context_set(session->context);
    st = all_steps(session, images, n, &a, &done, &err);
    nn_context_set(before);
    atomic_flag_clear(&session->busy);
    if (st) {
        fail_rest(&a, done, n, bc_status_of(st), err.text);
    }
    return bc_status_of(st);
}

static int classify_one(struct bc_session *session,
                        const struct bc_image *image, struct bc_result *result,
                        double *probabilities, size_t n_classes)
{
    int status =
        bc_classify_batch(session, image, 1, result, probabilities, n_classes);

    return status != BC_OK || result == NULL ? status : result->status;
}

int bc_classify_rgb(struct bc_session *session, const unsigned char *rgb,
                    int width, int height, size_t stride,
                    struct bc_result *result, double *probabilities,
                    size_t n_classes)
{
    const struct bc_image image = { .kind = BC_IMAGE_RGB,
                                    .width = width,
                                    .height = height,
                                    .data = rgb,
                                    .stride = stride };

    return classify_one(session, &image, result, probabilities, n_classes);
}

int bc_classify_bytes(struct bc_session *session, const void *bytes,
                      size_t size, struct bc_result *result,
                      double *probabilities, size_t n_classes)
{
    const struct bc_image image = { .kind = BC_IMAGE_BYTES,
                                    .data = bytes,
                                    .size = size };

    return classify_one(session, &image, result, probabilities, n_classes);
}

int bc_classify_file(struct bc_session *session, const char *path,
                     struct bc_result *result, double *probabilities,
                     size_t n_classes)
{
    const struct bc_image image = { .kind = BC_IMAGE_FILE, .data = path };

    return classify_one(session, &image, result, probabilities, n_classes);
}
