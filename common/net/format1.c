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
