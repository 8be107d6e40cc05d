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

/* Programs and systems keep thumbnails and deleted files there. */
static const char *const junk_names[] = {
    "@eaDir",      "#recycle",  "@Recycle",  "$RECYCLE.BIN",
    "RECYCLER",    "#snapshot", "__MACOSX",  "@Recently-Snapshot",
    "lost+found",  "LOST.DIR",  "Thumbs.db", "System Volume Information",
    "desktop.ini", "Icon\r",
};

int nn_is_junk_name(const char *name, size_t n)
{
    size_t dots = 0;

    while (dots < n && name[dots] == '.') {
        dots++;
    }
    if (dots > 0) { /* "." and ".." are a folder's own */
        return !(dots == n && n <= 2);
    }
    for (size_t i = 0; i < COUNT(junk_names); i++) {
        if (strlen(junk_names[i]) == n &&
            strncasecmp(name, junk_names[i], n) == 0) {
            return 1;
        }
    }
    return 0;
}

/* A part of the path is hidden or junk. */
static int is_junk(const char *name)
{
    while (name != NULL) {
        size_t n = strcspn(name, "/");

        if (nn_is_junk_name(name, n)) {
            return 1;
        }
        name = name[n] == '/' ? name + n + 1 : NULL;
    }
    return 0;
}

static int ends_with_any(const char *base, const char *const *endings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (nn_ends_with(base, endings[i])) {
            return 1;
        }
    }
    return 0;
}

enum nn_name_kind nn_name_kind_of(const char *name)
{
    /* notes and tables, archives, videos and sound, what cameras and programs
     * put beside photos, raw files */
    static const char *const beside[] = {
        ".txt",    ".csv",   ".tsv",        ".json",        ".jsonl", ".md",
        ".html",   ".htm",   ".xml",        ".yaml",        ".yml",   ".pdf",
        ".py",     ".ipynb", ".log",        ".db",          ".ini",   ".tar",
        ".gz",     ".tgz",   ".zip",        ".npy",         ".onnx",  ".mp4",
        ".avi",    ".mov",   ".tmp",        ".safetensors", ".m4v",   ".mkv",
        ".mpg",    ".mpeg",  ".mts",        ".m2ts",        ".wmv",   ".webm",
        ".flv",    ".3gp",   ".wav",        ".mp3",         ".m4a",   ".ogg",
        ".xmp",    ".aae",   ".thm",        ".cfg",         ".dat",   ".idx",
        ".ctg",    ".gpx",   ".kml",        ".nmea",        ".lrv",   ".lnk",
        ".url",    ".exe",   ".doc",        ".docx",        ".xls",   ".xlsx",
        ".odt",    ".ods",   ".rtf",        ".dop",         ".pp3",   ".md5",
        ".sqlite", ".part",  ".crdownload", ".cr2",         ".cr3",   ".nef",
        ".arw",    ".dng",   ".orf",        ".rw2",         ".raf",   ".pef",
        ".srw",    ".cls",   ".parquet",    ".arrow",
    };
    static const char *const images[] = {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png",  ".apng", ".webp", ".bmp",
        ".dib", ".gif",  ".tif", ".tiff", ".avif", ".heic", ".heif",
    };
    const char *base = nn_path_base(name);

    if (is_junk(name) || strcasecmp(base, "readme") == 0 ||
        strcasecmp(base, "license") == 0 ||
        ends_with_any(base, beside, COUNT(beside))) {
        return NN_NAME_BESIDE;
    }
    return ends_with_any(base, images, COUNT(images)) ? NN_NAME_IMAGE
                                                      : NN_NAME_OPEN;
}

int nn_is_image_name(const char *name)
{
    return nn_name_kind_of(name) != NN_NAME_BESIDE;
}

int nn_is_archive_name(const char *name)
{
    return nn_ends_with(name, ".tar") || nn_ends_with(name, ".tar.gz") ||
           nn_ends_with(name, ".tgz") || nn_ends_with(name, ".zip");
}
