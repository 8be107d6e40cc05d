/* Bear or not bear must not show in the colours or in a blurred outline. */
#include <stdint.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/synth/synth.h"
#include "tests/unit/synth/linear.h"
#include "tests/unit/testkit.h"

enum {
    IMAGES = 1600,
    TRAIN = 1100,
    SIZE = 64,
    BINS = 6, /* a side of the colour cube */
    HIST = BINS * BINS * BINS,
    SIDE = 8,
    THUMB = SIDE * SIDE * 3,
};

struct job {
    struct synth_options opt;
    float *hist, *thumb; /* [IMAGES,HIST], [IMAGES,THUMB] */
    int *label;          /* [IMAGES] */
    int *failed;
};

/* Both cues of one image: shares of colours, means of 8 x 8 cells. */
static void measure(void *ctx, size_t i)
{
    struct job *job = ctx;
    float *hist = job->hist + i * HIST, *thumb = job->thumb + i * THUMB;
    uint8_t *rgb = nn_mem_calloc(SIZE * SIZE, 3);
    struct synth_truth t;

    if (rgb == NULL ||
        synth_render(2024, i, &job->opt, SIZE, rgb, NULL, &t, NULL)) {
        job->failed[i] = 1;
        nn_mem_free(rgb);
        return;
    }
    job->label[i] = t.class != SYNTH_NEGATIVE;
    for (size_t p = 0; p < (size_t)SIZE * SIZE; p++) {
        size_t cell = p / SIZE / SIDE * SIDE + p % SIZE / SIDE;
        const uint8_t *c = rgb + 3 * p;
        size_t bin =
            ((size_t)c[0] * BINS / 256 * BINS + (size_t)c[1] * BINS / 256) *
                BINS +
            (size_t)c[2] * BINS / 256;

        hist[bin] += 1.0f;
        for (size_t k = 0; k < 3; k++) {
            thumb[3 * cell + k] += (float)c[k];
        }
    }
    nn_mem_free(rgb);
}

START_TEST(linear_cues_do_not_separate)
{
    struct job job = { .opt = synth_defaults() };
    double colors, outline;

    job.hist = nn_mem_calloc((size_t)IMAGES * HIST, sizeof *job.hist);
    job.thumb = nn_mem_calloc((size_t)IMAGES * THUMB, sizeof *job.thumb);
    job.label = nn_mem_calloc(IMAGES, sizeof *job.label);
    job.failed = nn_mem_calloc(IMAGES, sizeof *job.failed);
    ck_assert(job.hist != NULL && job.thumb != NULL && job.label != NULL &&
              job.failed != NULL);
    nn_parallel_for(IMAGES, measure, &job);
    for (size_t i = 0; i < IMAGES; i++) {
        ck_assert_int_eq(job.failed[i], 0);
    }
    colors = linear_balanced_accuracy(job.hist, job.label, IMAGES, TRAIN, HIST);
    outline =
        linear_balanced_accuracy(job.thumb, job.label, IMAGES, TRAIN, THUMB);
    fprintf(stderr, "balanced accuracy: colours %.3f, thumbnails %.3f\n",
            colors, outline);
    ck_assert_double_gt(colors, 0.4);
    ck_assert_double_lt(colors, 0.8);
    ck_assert_double_gt(outline, 0.4);
    ck_assert_double_lt(outline, 0.8);
    nn_mem_free(job.hist);
    nn_mem_free(job.thumb);
    nn_mem_free(job.label);
    nn_mem_free(job.failed);
}
END_TEST

/* The classifier itself finds a cue where there is one. */
START_TEST(linear_finds_a_planted_cue)
{
    enum { N = 400, D = 3 };
    float x[N * D];
    int label[N];

    for (size_t i = 0; i < N; i++) {
        label[i] = (int)(i * 7 % 5 < 2);
        x[i * D] = (float)(i * 31 % 17);
        x[i * D + 1] = (float)label[i] * 2.0f + (float)(i * 13 % 11) * 0.1f;
        x[i * D + 2] = (float)(i * 3 % 7);
    }
    ck_assert_double_gt(linear_balanced_accuracy(x, label, N, N / 2, D), 0.97);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("synth_cue");
    TCase *t = tcase_create("linear");

    tcase_set_timeout(t, 300);
    tcase_add_test(t, linear_finds_a_planted_cue);
    tcase_add_test(t, linear_cues_do_not_separate);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
