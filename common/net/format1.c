#include "common/net/format1.h"

#include <string.h>

static const struct {
    const char *now, *then;
} names[] = {
    { "tta", "test_views" },         { "min_recall", "min_hit_rate" },
    { "recall", "hit_rate" },        { "recall_lower", "hit_lower" },
    { "fpr", "false_alarm" },        { "fpr_upper", "false_upper" },
    { "reject_threshold", "floor" }, { "coverage", "keep_rate" },
};

const json_t *nn_format1_get(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);

    for (size_t i = 0; v == NULL && i < sizeof names / sizeof *names; i++) {
        if (strcmp(key, names[i].now) == 0) {
            v = json_object_get(j, names[i].then);
        }
    }
    return v;
}

double nn_format1_share(const json_t *j, const char *key, int *bad)
{
    const json_t *v = nn_format1_get(j, key);
    double x = json_number_value(v);

    *bad |= !json_is_number(v) || !(x >= 0 && x <= 1);
    return x;
}

size_t nn_format1_count(const json_t *j, const char *key, int *bad)
{
    const json_t *v = nn_format1_get(j, key);

    *bad |= !json_is_integer(v) || json_integer_value(v) < 0;
    return (size_t)json_integer_value(v);
}
