#include "tests/unit/eval/golden.h"

#include <check.h>
#include <math.h>

#include "common/base/mem.h"

json_t *golden_load(void)
{
    json_error_t e;
    json_t *j = json_load_file(GOLDEN_FOLDER "/eval.json", 0, &e);

    ck_assert_msg(j != NULL, "cannot read the golden file: %s", e.text);
    return j;
}

const json_t *golden_get(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);

    ck_assert_msg(v != NULL, "the golden file has no '%s'", key);
    return v;
}

double golden_number(const json_t *object, const char *key)
{
    const json_t *v = golden_get(object, key);

    ck_assert_msg(json_is_number(v), "'%s' is no number", key);
    return json_number_value(v);
}

double golden_at(const json_t *array, size_t i)
{
    const json_t *v = json_array_get(array, i);

    ck_assert_msg(json_is_number(v), "element %zu is no number", i);
    return json_number_value(v);
}

double *golden_doubles(const json_t *object, const char *key, size_t *n)
{
    const json_t *v = golden_get(object, key);
    double *out;

    *n = json_array_size(v);
    ck_assert_uint_gt(*n, 0);
    out = nn_mem_calloc(*n, sizeof *out);
    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; i < *n; i++) {
        out[i] = golden_at(v, i);
    }
    return out;
}

int32_t *golden_ints(const json_t *object, const char *key, size_t *n)
{
    double *v = golden_doubles(object, key, n);
    int32_t *out = nn_mem_calloc(*n, sizeof *out);

    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; i < *n; i++) {
        out[i] = (int32_t)v[i];
    }
    nn_mem_free(v);
    return out;
}

uint8_t *golden_bytes(const json_t *object, const char *key, size_t *n)
{
    double *v = golden_doubles(object, key, n);
    uint8_t *out = nn_mem_calloc(*n, sizeof *out);

    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; i < *n; i++) {
        out[i] = (uint8_t)v[i];
    }
    nn_mem_free(v);
    return out;
}

void golden_close(double got, double want, double abs, double rel,
                  const char *what)
{
    ck_assert_msg(got == want || fabs(got - want) <= abs + rel * fabs(want),
                  "%s: got %.17g, want %.17g, off by %.3g", what, got, want,
                  got - want);
}
