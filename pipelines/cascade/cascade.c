#include "pipelines/cascade/cascade.h"

const char *verdict_kind_name(enum verdict_kind k)
{
    static const char *const names[] = { "none", "class", "unknown" };

    return names[k];
}

struct verdict cascade_decide(const struct model *m, double p_positive,
                              const double *p)
{
    struct verdict v = { .p_positive = p_positive, .p = p, .best = -1 };

    for (size_t k = 0; p != NULL && k < m->n_classes; k++) {
        if (v.best < 0 || p[k] > p[v.best]) {
            v.best = (int32_t)k;
        }
    }
    if (!(p_positive >= m->gate_policy.threshold)) {
        v.kind = VERDICT_NONE;
        return v;
    }
    if (m->species == NULL) { /* one class, or a single model */
        v.kind = VERDICT_CLASS;
        v.best = v.best >= 0 ? v.best : 0;
        v.species_stage = m->system != MODEL_CASCADE;
        return v;
    }
    v.species_stage = 1;
    v.kind = v.best >= 0 && p[v.best] >= m->species_policy.reject_threshold
                 ? VERDICT_CLASS
                 : VERDICT_UNKNOWN;
    return v;
}

const char *verdict_label(const struct model *m, const struct verdict *v)
{
    return v->kind == VERDICT_CLASS ? m->classes[v->best]
                                    : verdict_kind_name(v->kind);
}
