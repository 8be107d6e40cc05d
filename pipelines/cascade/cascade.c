#include "pipelines/cascade/cascade.h"

const char *verdict_kind_name(enum verdict_kind k)
{
    static const char *const names[] = { "none", "class", "unknown" };

    return names[k];
}

struct verdict cascade_decide(const struct model *m, double p_gate,
                              double p_none, const double *p)
{
    struct verdict v = { .p_gate = p_gate,
                         .p_none = p_none,
                         .p_positive = model_score(m, p_gate, p_none),
                         .p = p,
                         .best = -1 };

    for (size_t k = 0; p != NULL && k < m->n_classes; k++) {
        if (v.best < 0 || p[k] > p[v.best]) {
            v.best = (int32_t)k;
        }
    }
    if (!model_gate_passes(m, p_gate)) {
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
    if (model_says_none(m) && !(v.p_positive >= model_threshold(m))) {
        v.kind = VERDICT_NONE;
        return v;
    }
    v.kind = v.best >= 0 && species_confidence(model_says_unknown(m), p,
                                               m->n_classes) >=
                                m->species_policy.reject_threshold
                 ? VERDICT_CLASS
                 : VERDICT_UNKNOWN;
    return v;
}

struct verdict cascade_scores_verdict(const struct model *m,
                                      const struct cascade_scores *s, size_t i)
{
    return cascade_decide(m, s->p_gate[i], s->p_none[i],
                          s->ran[i] ? s->p + i * s->n_classes : NULL);
}

const char *verdict_label(const struct model *m, const struct verdict *v)
{
    return v->kind == VERDICT_CLASS ? m->classes[v->best]
                                    : verdict_kind_name(v->kind);
}
