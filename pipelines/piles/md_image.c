#include "pipelines/piles/md_image.h"

#include <string.h>
#include <strings.h>

#include "common/base/file.h"
#include "common/base/mem.h"

int md_image_is_video(const char *file)
{
    static const char *const endings[] = { ".mp4", ".avi", ".mpeg", ".mpg",
                                           ".mov", ".mkv", ".flv",  ".m4v" };
    const char *dot = strrchr(file, '.');

    for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof endings[0];
         i++) {
        if (strcasecmp(dot, endings[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

char *md_image_path(const char *root, const char *file)
{
    return file[0] == '/' ? nn_mem_strdup(file) : nn_path_join(root, file);
}

static const char *text_of(const json_t *image, const char *key)
{
    return json_string_value(json_object_get(image, key));
}

enum nn_status md_image_boxes(const json_t *image, const char *file,
                              struct nn_error *why)
{
    const char *failure = text_of(image, "failure");

    if (md_image_is_video(file)) {
        return nn_fail(why, NN_ERR_UNSUPPORTED, "videos are not read");
    }
    if (failure != NULL ||
        !json_is_array(json_object_get(image, "detections"))) {
        return nn_fail(why, NN_ERR_FORMAT, "the detector failed: %s",
                       failure != NULL ? failure : "no detections");
    }
    return NN_OK;
}

/* Of a file without the kind, none and unknown are no classes. */
static int is_class(const json_t *image, const char *label)
{
    const char *kind = text_of(image, "verdict_kind");

    if (kind != NULL) {
        return strcmp(kind, "class") == 0;
    }
    return strcmp(label, "none") != 0 && strcmp(label, "unknown") != 0;
}

int md_image_row(const json_t *image, const char *file, struct pile_row *row,
                 struct nn_error *why)
{
    const json_t *p = json_object_get(image, "p_positive");
    const json_t *best = json_object_get(image, "p_class");

    *row = (struct pile_row){ .time = "", .p_best = -1 };
    if (md_image_boxes(image, file, why)) {
        row->error = why->text;
        return 1;
    }
    row->error = text_of(image, "classification_failure");
    if (row->error != NULL) {
        return 1;
    }
    row->label = text_of(image, "verdict");
    if (row->label == NULL) {
        return 0;
    }
    row->is_class = is_class(image, row->label);
    row->p_positive = json_number_value(p);
    row->p_best = json_is_number(best) ? json_number_value(best) : -1;
    return json_is_number(p) && row->p_positive >= 0 && row->p_positive <= 1;
}
