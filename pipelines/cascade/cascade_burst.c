#include "pipelines/cascade/cascade_burst.h"

#include <string.h>

/* The mean over frames that are positives, or with `all` over all that have
 * probabilities; 0: there is none. */
static int mean_p(const struct model *m, const struct verdict *const *frame,
                  size_t n, int all, double *p)
{
    double sum = 0;

    memset(p, 0, m->n_classes * sizeof *p);
    for (size_t i = 0; i < n; i++) {
        const struct verdict *v = frame[i];

        if (v->p == NULL || (!all && v->kind == VERDICT_NONE)) {
            continue;
        }
        for (size_t k = 0; k < m->n_classes; k++) {
            p[k] += v->p_positive * v->p[k];
        }
        sum += v->p_positive;
    }
    for (size_t k = 0; sum > 0 && k < m->n_classes; k++) {
        p[k] /= sum;
    }
    return sum > 0;
}

struct verdict cascade_decide_burst(const struct model *m,
                                    const struct verdict *const *frame,
                                    size_t n, double *p)
{
    const struct verdict *top = frame[0];
    struct verdict v;

    for (size_t i = 1; i < n; i++) {
        if (frame[i]->p_positive > top->p_positive) {
            top = frame[i];
        }
    }
    v = *top;
    v.p = mean_p(m, frame, n, v.kind == VERDICT_NONE, p) ? p : NULL;
    v.best = -1;
    for (size_t k = 0; v.p != NULL && k < m->n_classes; k++) {
        if (v.best < 0 || p[k] > p[v.best]) {
            v.best = (int32_t)k;
        }
    }
    if (v.kind == VERDICT_NONE) {
        return v;
    }
    if (m->species == NULL) {
        v.kind = VERDICT_CLASS;
        v.best = v.best >= 0 ? v.best : 0;
        return v;
    }
    v.kind = v.best >= 0 && p[v.best] >= m->species_policy.reject_threshold
                 ? VERDICT_CLASS
                 : VERDICT_UNKNOWN;
    return v;
}
