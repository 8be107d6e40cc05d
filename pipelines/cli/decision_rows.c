#include "pipelines/cli/decision_rows.h"

#include "common/base/log.h"

enum nn_status decision_rows_apply(const struct decision_rows *d,
                                   struct model *m, struct nn_error *err)
{
    double stored = model_threshold(m);
    double reject = m->species_policy.reject_threshold;
    enum nn_status st;

    if (!isnan(d->threshold)) {
        st = model_set_threshold(m, d->threshold, err);
        if (st) {
            return st;
        }
        nn_log(NN_LOG_INFO,
               "an image is a positive from p_positive %.4f on (the model: "
               "%.4f)",
               d->threshold, stored);
    }
    if (!isnan(d->unknown_below)) {
        st = model_set_reject_threshold(m, d->unknown_below, err);
        if (st) {
            return st;
        }
        nn_log(NN_LOG_INFO, "unknown below %.4f (the model: %.4f)",
               d->unknown_below, reject);
    }
    return NN_OK;
}
