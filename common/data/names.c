#include <string.h>
#include <strings.h>

#include "common/base/file.h"
#include "common/data/dataset_internal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *nn_split_name(enum nn_split s)
{
    static const char *const names[] = { "train", "valid", "test" };

    return (size_t)s < COUNT(names) ? names[s] : "none";
}

/* What may follow the word of a split: "train_set", "test-images",
 * "train2017". */
static int is_split_ending(const char *end)
{
    static const char *const words[] = { "set",   "sets",   "data",  "dataset",
                                         "image", "images", "imgs",  "img",
                                         "photo", "photos", "split", "part" };

    end += end[0] == '_' || end[0] == '-' || end[0] == ' ';
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcasecmp(end, words[i]) == 0) {
            return 1;
        }
    }
    return strlen(end) == 4 && strspn(end, "0123456789") == 4;
}

int nn_split_parse(const char *name, enum nn_split *s)
{
    static const struct {
        const char *name;
        enum nn_split split;
    } words[] = { { "train", NN_TRAIN },      { "training", NN_TRAIN },
                  { "valid", NN_VALID },      { "val", NN_VALID },
                  { "validation", NN_VALID }, { "test", NN_TEST },
                  { "testing", NN_TEST } };

    for (size_t i = 0; i < COUNT(words); i++) {
        size_t n = strlen(words[i].name);

        if (strncasecmp(name, words[i].name, n) == 0 &&
            (name[n] == '\0' || is_split_ending(name + n))) {
            *s = words[i].split;
            return 0;
        }
    }
    return -1;
}

int nn_ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcasecmp(s + n - m, end) == 0;
}

/* A part of the path begins with a dot and is not "." or "..". */
static int is_hidden(const char *name)
{
    while (name != NULL) {
        size_t n = strcspn(name, "/"), dots = strspn(name, ".");

        if (dots > 0 && !(dots == n && n <= 2)) {
            return 1;
        }
        name = name[n] == '/' ? name + n + 1 : NULL;
    }
    return 0;
}

int nn_is_image_name(const char *name)
{
    static const char *const endings[] = {
        ".txt", ".csv",  ".tsv",  ".json", ".jsonl", ".md",  ".html",
        ".htm", ".xml",  ".yaml", ".yml",  ".pdf",   ".py",  ".ipynb",
        ".log", ".db",   ".ini",  ".tar",  ".gz",    ".tgz", ".zip",
        ".npy", ".onnx", ".mp4",  ".avi",  ".mov",   ".tmp", ".safetensors",
    };
    const char *base = nn_path_base(name);

    if (is_hidden(name) || strcasecmp(base, "readme") == 0 ||
        strcasecmp(base, "license") == 0) {
        return 0;
    }
    for (size_t i = 0; i < COUNT(endings); i++) {
        if (nn_ends_with(base, endings[i])) {
            return 0;
        }
    }
    return 1;
}

int nn_is_archive_name(const char *name)
{
    return nn_ends_with(name, ".tar") || nn_ends_with(name, ".tar.gz") ||
           nn_ends_with(name, ".tgz") || nn_ends_with(name, ".zip");
}
