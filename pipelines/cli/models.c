#include "pipelines/cli/models.h"

#include <dirent.h>
#include <fnmatch.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/tensor/safetensors.h"

#define CASCADE  "bears.safetensors"
#define BACKBONE "backbone-*.safetensors"

struct folders {
    const char *v[2];
    int n;
    char beside[4096]; /* what v[1] may point to */
};

/* SOURCE/models, when the program is SOURCE/build/pipelines/bearcascade. An
 * installed program, whose folder has another name, does not look there. */
static int beside_build_folder(char *path, size_t size)
{
    static const char own[] = "/pipelines", models[] = "/models";
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    char *end;

    path[n > 0 ? n : 0] = '\0';
    for (int up = 0; up < 3; up++) { /* the program, pipelines, build */
        end = strrchr(path, '/');
        if (end == NULL || (up == 1 && strcmp(end, own) != 0)) {
            return 0;
        }
        *end = '\0';
    }
    memcpy(end, models, sizeof models); /* shorter than /pipelines/... was */
    return 1;
}

static void list_folders(struct folders *f)
{
    const char *own = getenv("BEARCASCADE_MODELS");

    f->n = 0;
    f->v[f->n++] = own != NULL ? own : BEARCASCADE_MODELS_DIR;
    if (own == NULL && beside_build_folder(f->beside, sizeof f->beside)) {
        f->v[f->n++] = f->beside;
    }
}

enum nn_status models_cascade(char **path, struct nn_error *err)
{
    struct folders f;

    list_folders(&f);
    *path = NULL;
    for (int i = 0; i < f.n; i++) {
        char *p = nn_path_join(f.v[i], CASCADE);

        if (p == NULL) {
            return nn_fail_nomem(err);
        }
        if (nn_file_exists(p)) {
            *path = p;
            return NN_OK;
        }
        nn_mem_free(p);
    }
    return nn_fail(err, NN_ERR_IO, "no '%s' in '%s'%s%s%s", CASCADE, f.v[0],
                   f.n > 1 ? " or '" : "", f.n > 1 ? f.v[1] : "",
                   f.n > 1 ? "'" : "");
}

enum nn_status models_choose(const char **model, char **own,
                             struct nn_error *err)
{
    struct nn_error why = NN_ERROR_INIT;

    *own = NULL;
    if (*model != NULL) {
        return NN_OK;
    }
    if (models_cascade(own, &why)) {
        return nn_fail(err, NN_ERR_ARG, "--model FILE|RUN is needed: %s",
                       why.text);
    }
    *model = *own;
    return NN_OK;
}

/* --- backbones --- */

/* Width of the net in a backbone file, or NaN with a warning. */
static double width_of(const char *path)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f = NULL;
    const char *text;
    json_t *j;
    double width;

    if (nn_st_open(path, &f, &err)) {
        nn_log(NN_LOG_WARN, "%s", err.text);
        return (double)NAN;
    }
    text = nn_st_meta(f, "net");
    j = text != NULL ? json_loads(text, 0, NULL) : NULL;
    width = json_is_number(json_object_get(j, "width"))
                ? json_number_value(json_object_get(j, "width"))
                : (double)NAN;
    if (isnan(width)) {
        nn_log(NN_LOG_WARN, "'%s' does not say which net it is", path);
    }
    json_decref(j);
    nn_st_close(&f);
    return width;
}

/* Take the file if it fits; *path is NULL as long as none did. */
static enum nn_status consider(const char *folder, const char *name,
                               double width, char **path)
{
    char *p = nn_path_join(folder, name);

    if (p == NULL) {
        return NN_ERR_NOMEM;
    }
    /* Widths are kept as float32. */
    if (fabs(width_of(p) - width) < 1e-6) {
        *path = p;
    } else {
        nn_mem_free(p);
    }
    return NN_OK;
}

static int is_backbone(const struct dirent *d)
{
    return fnmatch(BACKBONE, d->d_name, 0) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

enum nn_status models_backbone(double width, char **path, struct nn_error *err)
{
    struct folders f;
    enum nn_status st = NN_OK;

    list_folders(&f);
    *path = NULL;
    for (int i = 0; i < f.n && !st && *path == NULL; i++) {
        struct dirent **name = NULL;
        int n = scandir(f.v[i], &name, is_backbone, by_name);

        for (int j = 0; j < n; j++) {
            if (!st && *path == NULL) {
                st = consider(f.v[i], name[j]->d_name, width, path);
            }
            free(name[j]);
        }
        free(name);
    }
    return st ? nn_fail_nomem(err) : NN_OK;
}
