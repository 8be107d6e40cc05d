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
    const char *v[3];
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

/* Path of the shipped cascade into *path (nn_mem_free). Errors: NN_ERR_IO,
 * naming the folders where it is not; NN_ERR_NOMEM. */
static enum nn_status find_cascade(char **path, struct nn_error *err)
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
    if (find_cascade(own, &why)) {
        return nn_fail(err, NN_ERR_ARG, "--model FILE|RUN is needed: %s",
                       why.text);
    }
    *model = *own;
    return NN_OK;
}

/* --- first weights by name --- */

/* *path: FOLDER/WORD.safetensors of the first folder that has it, or NULL. */
static enum nn_status find_word(const struct folders *f, const char *word,
                                char **path)
{
    *path = NULL;
    for (int i = 0; i < f->n; i++) {
        char *p = nn_mem_sprintf("%s/%s.safetensors", f->v[i], word);

        if (p == NULL) {
            return NN_ERR_NOMEM;
        }
        if (nn_file_exists(p)) {
            *path = p;
            return NN_OK;
        }
        nn_mem_free(p);
    }
    return NN_OK;
}

static int can_be_fetched(const char *word)
{
    enum nn_arch arch;

    return nn_arch_parse(word, &arch) == NN_OK &&
           !nn_arch_info(arch)->has_width;
}

enum nn_status models_init(const char *given, char **path, struct nn_error *err)
{
    struct folders f;

    *path = NULL;
    if (strchr(given, '/') == NULL && !nn_file_exists(given)) {
        list_folders(&f);
        if (getenv("BEARCASCADE_MODELS") == NULL) {
            f.v[f.n++] = "models";
        }
        if (find_word(&f, given, path)) {
            return nn_fail_nomem(err);
        }
        if (*path == NULL && can_be_fetched(given)) {
            return nn_fail(err, NN_ERR_IO,
                           "no '%s.safetensors' in '%s': `sh models/fetch.sh "
                           "%s` gets it",
                           given, f.v[f.n > 1 ? 1 : 0], given);
        }
    }
    if (*path == NULL) {
        *path = nn_mem_strdup(given);
    }
    return *path == NULL ? nn_fail_nomem(err) : NN_OK;
}

/* --- backbones --- */

/* Width of the net in a backbone file, or NaN. */
static double width_of(const struct nn_st_file *f)
{
    const char *text = nn_st_meta(f, "net");
    json_t *j = text != NULL ? json_loads(text, 0, NULL) : NULL;
    const json_t *width = json_object_get(j, "width");
    double w = json_is_number(width) ? json_number_value(width) : (double)NAN;

    json_decref(j);
    return w;
}

/* Is the file a backbone of this net? If it cannot be read, a warning. */
static int is_of(const char *path, enum nn_arch arch, double width)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_st_file *f = NULL;
    enum nn_arch its;
    int known, same = 0;

    if (nn_st_open(path, &f, &err)) {
        nn_log(NN_LOG_WARN, "%s", err.text);
        return 0;
    }
    if (nn_arch_of_file(f, "", &its, &known, &err)) {
        nn_log(NN_LOG_WARN, "'%s' %s", path, err.text);
    } else if (!known || (nn_arch_info(its)->has_width && isnan(width_of(f)))) {
        nn_log(NN_LOG_WARN, "'%s' does not say which net it is", path);
    } else {
        /* Widths are kept as float32. */
        same = its == arch && (!nn_arch_info(its)->has_width ||
                               fabs(width_of(f) - width) < 1e-6);
    }
    nn_st_close(&f);
    return same;
}

/* Take the file if it fits; *path is NULL as long as none did. */
static enum nn_status consider(const char *folder, const char *name,
                               enum nn_arch arch, double width, char **path)
{
    char *p = nn_path_join(folder, name);

    if (p == NULL) {
        return NN_ERR_NOMEM;
    }
    if (is_of(p, arch, width)) {
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

/* The first backbone of the folder that fits; *path stays NULL without one. */
static enum nn_status search_folder(const char *folder, enum nn_arch arch,
                                    double width, char **path)
{
    struct dirent **name = NULL;
    int n = scandir(folder, &name, is_backbone, by_name);
    enum nn_status st = NN_OK;

    for (int i = 0; i < n; i++) {
        st = consider(folder, name[i]->d_name, arch, width, path);
        if (st || *path != NULL) {
            goto out;
        }
    }
out:
    for (int i = 0; i < n; i++) {
        free(name[i]);
    }
    free(name);
    return st;
}

enum nn_status models_backbone(enum nn_arch arch, double width, char **path,
                               struct nn_error *err)
{
    struct folders f;

    list_folders(&f);
    *path = NULL;
    for (int i = 0; i < f.n && *path == NULL; i++) {
        if (search_folder(f.v[i], arch, width, path)) {
            return nn_fail_nomem(err);
        }
    }
    if (*path != NULL || nn_arch_info(arch)->has_width) {
        return NN_OK;
    }
    if (find_word(&f, nn_arch_info(arch)->word, path)) {
        return nn_fail_nomem(err);
    }
    return NN_OK;
}
