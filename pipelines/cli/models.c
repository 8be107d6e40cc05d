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
enum { MAX_FOLDERS = 2 };

/* An installed program must not look into the folder it was built from. */
static int runs_from_build_folder(void)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    size_t len = strlen(BEARCASCADE_BUILD_DIR);

    exe[n > 0 ? n : 0] = '\0';
    return strncmp(exe, BEARCASCADE_BUILD_DIR "/", len + 1) == 0;
}

static int list_folders(const char *folder[MAX_FOLDERS])
{
    const char *own = getenv("BEARCASCADE_MODELS");
    int n = 0;

    if (own != NULL) {
        folder[n++] = own;
        return n;
    }
    folder[n++] = BEARCASCADE_MODELS_DIR;
    if (runs_from_build_folder()) {
        folder[n++] = BEARCASCADE_SOURCE_DIR "/models";
    }
    return n;
}

enum nn_status models_cascade(char **path, struct nn_error *err)
{
    const char *folder[MAX_FOLDERS];
    int n = list_folders(folder);

    *path = NULL;
    for (int i = 0; i < n; i++) {
        char *p = nn_path_join(folder[i], CASCADE);

        if (p == NULL) {
            return nn_fail_nomem(err);
        }
        if (nn_file_exists(p)) {
            *path = p;
            return NN_OK;
        }
        nn_mem_free(p);
    }
    return nn_fail(err, NN_ERR_IO, "no '%s' in '%s'%s%s%s", CASCADE, folder[0],
                   n > 1 ? " or '" : "", n > 1 ? folder[1] : "",
                   n > 1 ? "'" : "");
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
    const char *folder[MAX_FOLDERS];
    int folders = list_folders(folder);
    enum nn_status st = NN_OK;

    *path = NULL;
    for (int i = 0; i < folders && !st && *path == NULL; i++) {
        struct dirent **name = NULL;
        int n = scandir(folder[i], &name, is_backbone, by_name);

        for (int j = 0; j < n; j++) {
            if (!st && *path == NULL) {
                st = consider(folder[i], name[j]->d_name, width, path);
            }
            free(name[j]);
        }
        free(name);
    }
    return st ? nn_fail_nomem(err) : NN_OK;
}
