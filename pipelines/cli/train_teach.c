#include "pipelines/cli/train_teach.h"

#include "common/data/negatives.h"
#include "pipelines/train/teacher.h"

enum nn_status train_teach_check(const struct train *t, struct nn_error *err)
{
    if (t->teacher == NULL) {
        return t->unlabelled.n == 0
                   ? NN_OK
                   : nn_fail(err, NN_ERR_ARG,
                             "--unlabelled needs a --teacher that says what "
                             "the images show");
    }
    return t->system == MODEL_CASCADE
               ? NN_OK
               : nn_fail(err, NN_ERR_ARG,
                         "--teacher teaches the gate of a cascade");
}

enum nn_status train_teach_open(const struct train *t, struct train_lessons *l,
                                struct nn_error *err)
{
    struct model *m = NULL;
    enum nn_status st;

    if (t->teacher == NULL) {
        return NN_OK;
    }
    if (!train_has_epochs(t)) {
        return nn_fail(err, NN_ERR_ARG,
                       "--teacher needs a gate or a rung that is trained in "
                       "epochs, such as --gate-net mobilenetv4 or "
                       "--gate-epochs N: a fitted classifier learns from "
                       "labels alone");
    }
    st = model_load(t->teacher, &m, err); /* asked later: is it one? */
    model_destroy(&m);
    if (st) {
        return st;
    }
    return t->unlabelled.n > 0
               ? mine_sources_open(t->unlabelled.v, t->unlabelled.n,
                                   &l->unlabelled, err)
               : NN_OK;
}

enum nn_status train_teach(struct train *t, struct nn_dataset *ds,
                           struct train_lessons *l, struct nn_error *err)
{
    const struct teacher how = { .path = t->teacher,
                                 .weight = t->teacher_weight,
                                 .features = t->feature_dir,
                                 .stop = &stop_asked };
    enum nn_status st;

    if (t->teacher == NULL) {
        return NN_OK;
    }
    if (l->unlabelled.n > 0) {
        st = nn_unlabelled_add(ds, l->unlabelled.v, l->unlabelled.n, err);
        if (st) {
            return st;
        }
    }
    st = teacher_ask(&how, ds, &l->of_gate, &l->seen, err);
    if (st) {
        return st;
    }
    t->gate.lessons = &l->of_gate;
    return NN_OK;
}

void train_lessons_release(struct train_lessons *l)
{
    mine_sources_close(&l->unlabelled);
    gate_lessons_release(&l->of_gate);
    nn_seen_release(&l->seen);
}
