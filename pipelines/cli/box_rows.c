#include "pipelines/cli/box_rows.h"

#include <math.h>

#include "common/base/mem.h"
#include "pipelines/cli/md_rows.h"

void box_row_clear(json_t *image, int resumed)
{
    static const char *const ours[] = { "verdict",
                                        "verdict_kind",
                                        "p_positive",
                                        "p_class",
                                        "classification_failure",
                                        "record",
                                        "bytes",
                                        "mtime",
                                        "run" };
    int marked = resumed || json_object_get(image, "run") != NULL;

    for (size_t i = 0; i < (marked ? 9 : 5); i++) {
        json_object_del(image, ours[i]);
    }
}

json_t *box_row_shares(const struct model *m, const struct verdict *v)
{
    size_t classes = m->n_classes;
    size_t n = classes + (model_says_unknown(m) ? 2 : 1);
    double *p = nn_mem_calloc(n, sizeof *p), known = 0;
    json_t *all;

    if (p == NULL) {
        return NULL;
    }
    for (size_t k = 0; k < classes; k++) {
        p[k] = v->p_positive * (v->p != NULL ? v->p[k] : 1);
        known += p[k];
    }
    p[classes] = 1 - v->p_positive;
    if (n > classes + 1) {
        p[n - 1] = fmax(v->p_positive - known, 0);
    }
    all = md_ranked(p, n);
    nn_mem_free(p);
    return all;
}

static int set(json_t *j, const char *key, json_t *value)
{
    return json_object_set_new(j, key, value) != 0;
}

static double best_of(const double *p, size_t n)
{
    double best = p[0];

    for (size_t k = 1; k < n; k++) {
        best = fmax(best, p[k]);
    }
    return best;
}

enum nn_status box_row_verdict(json_t *image, const struct model *m,
                               const struct verdict *v)
{
    int bad = set(image, "verdict", json_string(verdict_label(m, v)));

    bad |= set(image, "verdict_kind", json_string(verdict_kind_name(v->kind)));
    bad |= set(image, "p_positive", md_number(v->p_positive));
    if (v->p != NULL) {
        bad |= set(image, "p_class", md_number(best_of(v->p, m->n_classes)));
    }
    return bad ? NN_ERR_NOMEM : NN_OK;
}
