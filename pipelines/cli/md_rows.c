#include "pipelines/cli/md_rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/json.h"

json_t *md_rounded(double x, int decimals)
{
    char text[32];

    snprintf(text, sizeof text, "%.*f", decimals, x);
    return json_real(strtod(text, NULL));
}

json_t *md_number(double x)
{
    return md_rounded(x, 6);
}

json_t *md_categories(const struct model *m, int says_none)
{
    size_t k = m->n_classes, n = k + (says_none != 0);
    json_t *j = json_object();

    n += (size_t)model_says_unknown(m);
    for (size_t i = 0; i < n; i++) {
        char key[24];

        snprintf(key, sizeof key, "%zu", i);
        nn_json_put(&j, key,
                    json_string(i < k                 ? m->classes[i]
                                : says_none && i == k ? "none"
                                                      : "unknown"));
    }
    return j;
}

json_t *md_ranked(double *share, size_t n)
{
    json_t *a = json_array();

    for (size_t done = 0; done < n; done++) {
        size_t best = 0;
        char key[24];

        for (size_t k = 1; k < n; k++) {
            best = share[k] > share[best] ? k : best;
        }
        snprintf(key, sizeof key, "%zu", best);
        nn_json_add(&a, json_pack("[so]", key, md_number(share[best])));
        share[best] = -1;
    }
    return a;
}
