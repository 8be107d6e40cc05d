#include "pipelines/cli/views.h"

#include <stdio.h>

#include "pipelines/cli/cmd.h"

int views_check(const struct views_options *v, const char *command, int status)
{
    struct nn_augment a = nn_augment_none();

    for (size_t i = 0; status < 0 && i < v->without.n; i++) {
        if (nn_augment_without(&a, v->without.v[i])) {
            fprintf(stderr,
                    "bearcascade %s: option '--without' wants one of %s, not "
                    "'%s'\n",
                    command, NN_AUGMENT_STEPS, v->without.v[i]);
            status = EXIT_USAGE;
        }
    }
    return status;
}

int test_views_check(const char *text, const char *command,
                     struct nn_test_views *views, int status)
{
    struct nn_error err = NN_ERROR_INIT;

    views->n = 0;
    if (status >= 0 || text == NULL ||
        !nn_test_views_parse(text, views, &err)) {
        return status;
    }
    fprintf(stderr, "bearcascade %s: %s\n", command, err.text);
    return EXIT_USAGE;
}

void views_apply(const struct views_options *v, struct nn_augment *a)
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
    for (size_t i = 0; i < v->without.n; i++) {
        (void)nn_augment_without(a, v->without.v[i]);
    }
}
