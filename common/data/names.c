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

static int equals(const char *name, size_t n, const char *word)
{
    return strlen(word) == n && strncasecmp(name, word, n) == 0;
}

int nn_is_negative_name(const char *name, size_t n, const char *const *extra)
{
    static const char *const words[] = { "negative", "negatives",  "none",
                                         "other",    "background", "noise",
                                         "blank",    "empty" };
    static const char *const starts[] = { "no_", "not_", "no-", "not-" };

    for (size_t i = 0; i < COUNT(words); i++) {
        if (equals(name, n, words[i])) {
            return 1;
        }
    }
    for (size_t i = 0; i < COUNT(starts); i++) {
        size_t m = strlen(starts[i]);

        if (n >= m && strncasecmp(name, starts[i], m) == 0) {
            return 1;
        }
    }
    for (; extra != NULL && *extra != NULL; extra++) {
        if (equals(name, n, *extra)) {
            return 1;
        }
    }
    return 0;
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
