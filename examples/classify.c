/* Says what images show, with libbearcascade.
 *
 *     cc classify.c -o classify $(pkg-config --cflags --libs bearcascade)
 *     ./classify bears.safetensors photo.jpg ...
 */
#include <bearcascade.h>
#include <stdio.h>
#include <stdlib.h>

static void print_answer(const struct bc_model *model, const char *path,
                         const struct bc_result *r, const double *p)
{
    if (r->status != BC_OK) {
        printf("%s: %s\n", path, r->reason);
        return;
    }
    printf("%s\t%s\t%.6f", path, bc_result_label(model, r), r->p_positive);
    for (size_t k = 0; k < bc_model_class_count(model); k++) {
        printf("\t%s %.6f", bc_model_class(model, k), p[k]);
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct bc_options options = BC_OPTIONS_INIT;
    struct bc_model *model = NULL;
    struct bc_session *session = NULL;
    char why[BC_TEXT_SIZE];
    double *p = NULL;
    int failed = 0;

    if (argc < 3) {
        fputs("usage: classify MODEL PHOTO...\n", stderr);
        return 2;
    }
    options.all_stages = 1;
    if (bc_model_open(argv[1], &model, why, sizeof why) ||
        bc_session_create(model, &options, &session, why, sizeof why)) {
        fprintf(stderr, "classify: %s\n", why);
        failed = 1;
        goto out;
    }
    p = calloc(bc_model_class_count(model), sizeof *p);
    if (p == NULL) {
        fputs("classify: out of memory\n", stderr);
        failed = 1;
        goto out;
    }
    for (int i = 2; i < argc; i++) {
        struct bc_result r;

        failed |= bc_classify_file(session, argv[i], &r, p,
                                   bc_model_class_count(model)) != BC_OK;
        print_answer(model, argv[i], &r, p);
    }
out:
    free(p);
    bc_session_destroy(&session);
    bc_model_destroy(&model);
    return failed;
}
