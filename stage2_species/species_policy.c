#include "common/net/format1.h"
#include "stage2_species/species.h"

json_t *species_policy_to_json(const struct species_policy *p)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:I}", "reject_threshold",
                     p->reject_threshold, "coverage", p->coverage, "accuracy",
                     p->accuracy, "ece_before", p->ece_before, "ece_after",
                     p->ece_after, "n", (json_int_t)p->n);
}

static double share(const json_t *j, const char *key, int *bad)
{
    const json_t *v = nn_format1_get(j, key);
    double x = json_number_value(v);

    *bad |= !json_is_number(v) || !(x >= 0 && x <= 1);
    return x;
}

enum nn_status species_policy_from_json(const json_t *j,
                                        struct species_policy *p,
                                        struct nn_error *err)
{
    const json_t *n = json_object_get(j, "n");
    int bad = !json_is_integer(n) || json_integer_value(n) < 0;

    *p = (struct species_policy){
        .reject_threshold = share(j, "reject_threshold", &bad),
        .coverage = share(j, "coverage", &bad),
        .accuracy = share(j, "accuracy", &bad),
        .ece_before = share(j, "ece_before", &bad),
        .ece_after = share(j, "ece_after", &bad),
        .n = (size_t)json_integer_value(n),
    };
    return bad ? nn_fail(err, NN_ERR_FORMAT, "its species policy is damaged")
               : NN_OK;
}
