#include <string.h>
#include <strings.h>

#include "common/base/file.h"
#include "common/data/dataset_internal.h"

const char *nn_split_name(enum nn_split s)
{
    static const char *const names[] = { "train", "valid", "test" };

    return s < NN_SPLITS ? names[s] : "none";
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

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(name, words[i].name) == 0) {
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

int nn_is_negative_name(const char *name, const char *const *extra)
{
    static const char *const words[] = { "negative", "negatives", "none",
                                         "background", "other", "noise",
                                         "blank", "empty" };
    static const char *const starts[] = { "no_", "not_", "no-", "not-" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(name, words[i]) == 0) {
            return 1;
        }
    }
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (strncasecmp(name, starts[i], strlen(starts[i])) == 0) {
            return 1;
        }
    }
    for (; extra != NULL && *extra != NULL; extra++) {
        if (strcasecmp(name, *extra) == 0) {
            return 1;
        }
    }
    return 0;
}

int nn_is_picture_name(const char *name)
{
    static const char *const endings[] = {
        ".txt",  ".csv", ".tsv",  ".json", ".jsonl", ".md",  ".html",
        ".htm",  ".xml", ".yaml", ".yml",  ".pdf",   ".py",  ".log",
        ".db",   ".ini", ".tar",  ".gz",   ".tgz",   ".zip", ".safetensors",
        ".onnx", ".mp4", ".avi",  ".mov",  ".tmp",
    };
    const char *base = nn_path_base(name);

    if (base[0] == '.' || strcasecmp(base, "readme") == 0 ||
        strcasecmp(base, "license") == 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
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
