#include "common/base/json.h"
#include "pipelines/cli/predictions.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

/* --- text and csv -------------------------------------------------------- */

static void put_text(struct predictions *p, const char *file,
                     const struct verdict *v, const char *error)
{
    if (error != NULL) {
        fprintf(p->to, "%s: error: %s\n", file, error);
        return;
    }
    fprintf(p->to, "%s: %s", file, verdict_label(p->model, v));
    if (v->kind == VERDICT_CLASS && v->p != NULL) {
        fprintf(p->to, " %.3f", v->p[v->best]);
    } else if (v->kind == VERDICT_UNKNOWN && v->best >= 0) {
        fprintf(p->to, " (most like %s, %.3f)", p->model->classes[v->best],
                v->p[v->best]);
    }
    fprintf(p->to, " (gate %.3f)\n", v->p_positive);
}

/* RFC 4180: quote where needed, double the quotes inside. */
static void put_csv_field(FILE *to, const char *s)
{
    if (strpbrk(s, ",\"\r\n") == NULL) {
        fputs(s, to);
        return;
    }
    fputc('"', to);
    for (; *s != '\0'; s++) {
        if (*s == '"') {
            fputc('"', to);
        }
        fputc(*s, to);
    }
    fputc('"', to);
}

static void put_csv_header(struct predictions *p)
{
    fputs("file,label,verdict,stage,p_positive", p->to);
    for (size_t k = 0; k < p->model->n_classes; k++) {
        fputc(',', p->to);
        put_csv_field(p->to, p->model->classes[k]);
    }
    fputs(",ms,error\n", p->to);
}

static const char *stage_name(const struct verdict *v)
{
    return v->species_stage ? "species" : "gate";
}

static void put_csv(struct predictions *p, const char *file,
                    const struct verdict *v, double ms, const char *error)
{
    put_csv_field(p->to, file);
    if (error == NULL) {
        fputc(',', p->to);
        put_csv_field(p->to, verdict_label(p->model, v));
        fprintf(p->to, ",%s,%s,%.6f", verdict_kind_name(v->kind), stage_name(v),
                v->p_positive);
    } else {
        fputs(",,,,", p->to);
    }
    for (size_t k = 0; k < p->model->n_classes; k++) {
        fputc(',', p->to);
        if (error == NULL && v->p != NULL) {
            fprintf(p->to, "%.6f", v->p[k]);
        }
    }
    if (error == NULL) {
        fprintf(p->to, ",%.3f,\n", ms);
    } else {
        fputs(",,", p->to);
        put_csv_field(p->to, error);
        fputc('\n', p->to);
    }
}

/* --- JSON ---------------------------------------------------------------- */

/* Round to six decimals: what a float32 probability can carry. */
static json_t *number(double x)
{
    char text[32];

    snprintf(text, sizeof text, "%.6f", x);
    return json_real(strtod(text, NULL));
}

static enum nn_status dump_line(struct predictions *p, json_t *j, size_t flags)
{
    char *text = nn_json_dump(j, flags | JSON_REAL_PRECISION(9));

    json_decref(j);
    if (text == NULL) {
        return NN_ERR_NOMEM;
    }
    fputs(text, p->to);
    nn_mem_free(text);
    return NN_OK;
}

static json_t *class_probabilities(const struct model *m,
                                   const struct verdict *v)
{
    json_t *j = json_object();

    for (size_t k = 0; v->p != NULL && k < m->n_classes; k++) {
        nn_json_put(&j, m->classes[k], number(v->p[k]));
    }
    return j;
}

static enum nn_status put_jsonl(struct predictions *p, const char *file,
                                const struct verdict *v, double ms,
                                const char *error)
{
    json_t *j = json_object();
    enum nn_status st;

    nn_json_put(&j, "file", nn_json_text(file));
    if (error != NULL) {
        nn_json_put(&j, "error", nn_json_text(error));
    } else {
        nn_json_put(&j, "label", json_string(verdict_label(p->model, v)));
        nn_json_put(&j, "p_positive", number(v->p_positive));
        nn_json_put(&j, "p", class_probabilities(p->model, v));
        nn_json_put(&j, "stage", json_string(stage_name(v)));
        nn_json_put(&j, "verdict", json_string(verdict_kind_name(v->kind)));
        nn_json_put(&j, "ms", number(ms));
    }
    st = dump_line(p, j, JSON_COMPACT);
    fputc('\n', p->to);
    return st;
}

/* --- MegaDetector batch output ------------------------------------------- */

static void put_megadetector_header(struct predictions *p)
{
    const struct model *m = p->model;

    fprintf(p->to,
            "{\n \"info\": {\"format_version\": \"1.4\", \"detector\": "
            "\"bearcascade " BEARCASCADE_VERSION " gate\", \"classifier\": "
            "\"bearcascade " BEARCASCADE_VERSION " species\",\n"
            "  \"detector_metadata\": {\"conservative_detection_threshold\": "
            "%.6f, \"typical_detection_threshold\": %.6f},\n"
            "  \"classifier_metadata\": {\"typical_classification_threshold\": "
            "%.6f}},\n"
            " \"detection_categories\": {\"1\": \"animal\"},\n"
            " \"classification_categories\": ",
            m->gate_policy.threshold / 2, m->gate_policy.threshold,
            m->species != NULL ? m->species_policy.reject_threshold : 0.0);
}

static enum nn_status put_categories(struct predictions *p)
{
    json_t *j = json_object();
    enum nn_status st;

    for (size_t k = 0; k < p->model->n_classes; k++) {
        char key[24];

        snprintf(key, sizeof key, "%zu", k);
        nn_json_put(&j, key, json_string(p->model->classes[k]));
    }
    st = dump_line(p, j, 0);
    fputs(",\n \"images\": [", p->to);
    return st;
}

/* [["2", 0.9], ["0", 0.08], ...], largest first. */
static json_t *classifications(const struct predictions *p,
                               const struct verdict *v)
{
    size_t n = v->p != NULL ? p->model->n_classes : 0;
    unsigned char *used = nn_mem_calloc(n, 1);
    json_t *a = json_array();

    for (size_t done = 0; used != NULL && done < n; done++) {
        size_t best = n;
        char key[24];

        for (size_t k = 0; k < n; k++) {
            if (!used[k] && (best == n || v->p[k] > v->p[best])) {
                best = k;
            }
        }
        used[best] = 1;
        snprintf(key, sizeof key, "%zu", best);
        nn_json_add(&a, json_pack("[so]", key, number(v->p[best])));
    }
    if (used == NULL) {
        json_decref(a);
        return NULL;
    }
    nn_mem_free(used);
    return a;
}

static enum nn_status put_megadetector(struct predictions *p, const char *file,
                                       const struct verdict *v,
                                       const char *error)
{
    json_t *j = json_object();

    fputs(p->written == 0 ? "\n  " : ",\n  ", p->to);
    nn_json_put(&j, "file", nn_json_text(file));
    if (error != NULL) {
        nn_json_put(&j, "failure", nn_json_text(error));
        nn_json_put(&j, "detections", json_null());
    } else {
        json_t *d =
            json_pack("{s:s, s:o, s:[i,i,i,i]}", "category", "1", "conf",
                      number(v->p_positive), "bbox", 0, 0, 1, 1);

        if (v->p != NULL) {
            nn_json_put(&d, "classifications", classifications(p, v));
        }
        nn_json_put(&j, "detections", json_pack("[o]", d));
    }
    return dump_line(p, j, 0);
}

/* --- the interface ------------------------------------------------------- */

enum nn_status predictions_begin(struct predictions *p, FILE *to,
                                 enum predictions_format format,
                                 const struct model *m)
{
    *p = (struct predictions){ .to = to, .format = format, .model = m };
    if (format == PREDICTIONS_CSV) {
        put_csv_header(p);
    } else if (format == PREDICTIONS_MEGADETECTOR) {
        put_megadetector_header(p);
        return put_categories(p);
    }
    return NN_OK;
}

enum nn_status predictions_put(struct predictions *p, const char *file,
                               const struct verdict *v, double ms,
                               const char *error)
{
    enum nn_status st = NN_OK;

    switch (p->format) {
    case PREDICTIONS_TEXT:
        put_text(p, file, v, error);
        break;
    case PREDICTIONS_JSONL:
        st = put_jsonl(p, file, v, ms, error);
        break;
    case PREDICTIONS_CSV:
        put_csv(p, file, v, ms, error);
        break;
    case PREDICTIONS_MEGADETECTOR:
        st = put_megadetector(p, file, v, error);
        break;
    }
    p->written++;
    return st;
}

void predictions_end(struct predictions *p)
{
    if (p->format == PREDICTIONS_MEGADETECTOR) {
        fputs("\n ]\n}\n", p->to);
    }
}
