#include "tests/unit/tensor/golden.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

static uint32_t crc32_of(const char *s)
{
    uint32_t c = 0xffffffffu;

    for (; *s != '\0'; s++) {
        c ^= (unsigned char)*s;
        for (int bit = 0; bit < 8; bit++) {
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
        }
    }
    return ~c;
}

void golden_uniform(const char *name, size_t n, float *out)
{
    uint32_t seed = crc32_of(name);

    for (size_t i = 0; i < n; i++) {
        uint32_t h = (uint32_t)(i * 2654435761u) + seed;

        h ^= h >> 16;
        h *= 0x7feb352du;
        h ^= h >> 15;
        h *= 0x846ca68bu;
        h ^= h >> 16;
        out[i] = (float)((double)h / 2147483648.0 - 1.0);
    }
}

const char *golden_path(const char *file)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, file);
    return path;
}

json_t *golden_load(const char *file)
{
    const char *path = golden_path(file);
    json_error_t err;
    json_t *j = json_load_file(path, 0, &err);

    ck_assert_msg(j != NULL, "%s: %s", path, err.text);
    return j;
}

void golden_close(const float *got, const json_t *want, size_t n, double abs,
                  double rel, const char *what)
{
    ck_assert_uint_eq(json_array_size(want), n);
    for (size_t i = 0; i < n; i++) {
        double w = json_number_value(json_array_get(want, i));

        ck_assert_msg(fabs((double)got[i] - w) <= abs + rel * fabs(w),
                      "%s[%zu]: got %.9g, want %.9g", what, i, (double)got[i],
                      w);
    }
}
