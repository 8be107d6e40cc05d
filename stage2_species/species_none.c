/* Which negatives the species net learns none from. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "stage2_species/species.h"

struct candidate {
    double p;
    size_t at;
};

/* Hardest first; of equal ones the first. */
static int harder(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->p != y->p) {
        return x->p > y->p ? -1 : 1;
    }
    return x->at < y->at ? -1 : x->at > y->at;
}

enum nn_status species_hard_negatives(const double *p, const uint32_t *item,
                                      size_t n, double limit, size_t at_least,
                                      uint8_t *chosen, size_t *n_chosen,
                                      struct nn_error *err)
{
    struct candidate *v = nn_mem_calloc(n, sizeof *v);
    size_t i;

    *n_chosen = 0;
    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    for (i = 0; i < n; i++) {
        v[i] = (struct candidate){ p[i], i };
    }
    qsort(v, n, sizeof *v, harder);
    for (i = 0; i < n && (v[i].p >= limit || i < at_least); i++) {
        chosen[item[v[i].at]] = SPECIES_NONE;
    }
    *n_chosen = i;
    nn_mem_free(v);
    return NN_OK;
}
