#include "common/image/burst.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/file.h"

static int ends_archive(const char *s, size_t n)
{
    static const char *const endings[] = { ".zip", ".tar", ".tgz", ".tar.gz" };

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t m = strlen(endings[i]);

        if (n > m && strncasecmp(s + n - m, endings[i], m) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Bytes in front of the photo's own name. */
static size_t folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - file) + 1;

    for (const char *c = strchr(file + n, ':'); c != NULL;
         c = strchr(c + 1, ':')) {
        if (ends_archive(file, (size_t)(c - file))) {
            return (size_t)(c - file) + 1;
        }
    }
    return n;
}

static int is_separator(char c)
{
    return c != '\0' && strchr(" -_.(", c) != NULL;
}

/* Bytes of the own name that photos of a burst share. */
static size_t stem_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t all =
        dot != NULL && dot > name ? (size_t)(dot - name) : strlen(name);
    size_t n = all, k = 0;

    n -= n > 0 && name[n - 1] == ')';
    while (n > 0 && isdigit((unsigned char)name[n - 1])) {
        n--;
        k++;
    }
    if (k == 0 || n == 0 || !is_separator(name[n - 1])) {
        return all;
    }
    while (n > 0 && is_separator(name[n - 1])) {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        if (isdigit((unsigned char)name[i])) {
            return n;
        }
    }
    return all;
}

uint64_t nn_burst_key(enum nn_burst_by by, const char *file,
                      const struct nn_shot *shot)
{
    size_t n = folder_of(file);
    uint64_t h = nn_hash_u64(file, n, (uint64_t)by);

    if (by == NN_BURST_BY_NAME) {
        return nn_hash_u64(file + n, stem_of(file + n), h);
    }
    if (by == NN_BURST_BY_TIME && shot != NULL) {
        h = nn_hash_u64(shot->make, strlen(shot->make) + 1, h);
        h = nn_hash_u64(shot->model, strlen(shot->model) + 1, h);
        h = nn_hash_u64(shot->serial, strlen(shot->serial) + 1, h);
    }
    return h;
}

int nn_burst_near(double first, double last, double t, double gap)
{
    return t >= first - gap && t <= last + gap;
}
