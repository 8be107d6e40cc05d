#include "common/net/format1.h"
#include "stage2_species/species.h"

json_t *species_policy_to_json(const struct species_policy *p)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:I}", "reject_threshold",
                     p->reject_threshold, "coverage", p->coverage, "accuracy",
                     p->accuracy, "ece_before", p->ece_before, "ece_after",
                     p->ece_after, "n", (json_int_t)p->n);
}

enum nn_status species_policy_from_json(const json_t *j,
                                        struct species_policy *p,
                                        struct nn_error *err)
{
    int bad = 0;

    *p = (struct species_policy){
        .reject_threshold = nn_format1_share(j, "reject_threshold", &bad),
        .coverage = nn_format1_share(j, "coverage", &bad),
        .accuracy = nn_format1_share(j, "accuracy", &bad),
        .ece_before = nn_format1_share(j, "ece_before", &bad),
        .ece_after = nn_format1_share(j, "ece_after", &bad),
        .n = nn_format1_count(j, "n", &bad),
    };
    return bad ? nn_fail(err, NN_ERR_FORMAT, "its species policy is damaged")
               : NN_OK;
}
