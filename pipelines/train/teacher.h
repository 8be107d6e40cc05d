/* pipelines/train/teacher.h - asks a trained cascade what the images of a
 * training show (stage1_gate/gate_lessons.h says what becomes of it). */
#ifndef PIPELINES_TRAIN_TEACHER_H
#define PIPELINES_TRAIN_TEACHER_H

#include <signal.h>

#include "common/data/dataset.h"
#include "common/data/seen.h"
#include "stage1_gate/gate_lessons.h"

struct teacher {
    const char *path;     /* a model file or a run folder */
    double weight;        /* of its word on images with a label, 0..1 */
    const char *features; /* where features are kept, or NULL */
    const volatile sig_atomic_t *stop;
};

/* Both nets of the cascade look at every readable image of train and at those
 * without a label. P is 1 - p_none of the cascade (cascade_policy.h), whether
 * or not its gate would have passed the image; the gate's probability where the
 * species net cannot say none. *seen: what the teacher was trained on, whose
 * figures a pupil inherits; a warning is logged when that holds images that
 * this training is measured on. Release both, after an error too.
 * Errors: those of model_load() and cascade_score(); NN_ERR_ARG (no cascade, or
 * its classes are not those of ds), NN_ERR_STOPPED, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status teacher_ask(const struct teacher *t,
                                         const struct nn_dataset *ds,
                                         struct gate_lessons *lessons,
                                         struct nn_seen *seen,
                                         struct nn_error *err);

#endif /* PIPELINES_TRAIN_TEACHER_H */
