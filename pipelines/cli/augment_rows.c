#include "pipelines/cli/augment_rows.h"

enum nn_status augment_check(const struct augment_options *v,
                             struct nn_error *err)
{
    struct nn_augment a = nn_augment_none();

    for (size_t i = 0; i < v->without.n; i++) {
        if (nn_augment_without(&a, v->without.v[i])) {
            return nn_fail(
                err, NN_ERR_ARG,
                "option '--augment-without' wants one of %s, not '%s'",
                NN_AUGMENT_STEPS, v->without.v[i]);
        }
    }
    return NN_OK;
}

enum nn_status tta_check(const char *text, struct nn_tta *views,
                         struct nn_error *err)
{
    views->n = 0;
    return text != NULL ? nn_tta_parse(text, views, err) : NN_OK;
}

void augment_apply(const struct augment_options *v, struct nn_augment *a)
{
    if (v->kind == VIEWS_STRONG) {
        *a = nn_augment_defaults();
    } else if (v->kind == VIEWS_PLAIN) {
        *a = nn_augment_none();
        a->crop_min = 0.5f;
        a->aspect = 1.33f;
        a->flip = 0.5f;
    }
    if (v->crop_min > 0) {
        a->crop_min = (float)v->crop_min;
    }
    a->infrared = (float)v->infrared;
    for (size_t i = 0; i < v->without.n; i++) {
        (void)nn_augment_without(a, v->without.v[i]);
    }
}
