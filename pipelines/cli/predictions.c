#include "pipelines/cli/predictions.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "pipelines/cli/md_rows.h"
#include "pipelines/cli/run_mark.h"
#include "pipelines/piles/md_image.h"

/* --- text and csv -------------------------------------------------------- */

static void put_text_burst(struct predictions *p,
                           const struct predictions_burst *b)
{
    if (b != NULL && b->frames > 1) {
        fprintf(p->to, " {burst %zu/%zu: %s %.3f%s}", b->frame, b->frames,
                verdict_label(p->model, &b->v), b->v.p_positive,
                b->agree ? "" : ", frames disagree");
    }
}

/* Here and below: beside a probability that would be taken for a yes stands
 * the threshold that it misses. */
static void put_text_unknown(struct predictions *p, const struct verdict *v)
{
    const struct model *m = p->model;

    fprintf(p->to, " (most like %s, %.3f", m->classes[v->best], v->p[v->best]);
    if (v->p[v->best] >= .5 && !model_says_unknown(m)) {
        fprintf(p->to, ", below %.4g", m->species_policy.reject_threshold);
    }
    fputc(')', p->to);
}

static void put_text_stages(struct predictions *p, const struct verdict *v)
{
    const struct model *m = p->model;
    int says_none = model_says_none(m);
    int own = v->kind == VERDICT_NONE && !(says_none && m->threshold_given);

    fprintf(p->to, " (gate %.3f", v->p_gate);
    if (own && !v->species_stage && v->p_gate >= .5) {
        fprintf(p->to, ", below %.4g",
                says_none ? m->gate_policy.threshold : model_threshold(m));
    }
    if (says_none && v->p != NULL) {
        fprintf(p->to, ", none %.3f", v->p_none);
        if (own && v->species_stage && v->p_none < .5) {
            fprintf(p->to, ", above %.2g", 1 - m->policy.none_threshold);
        }
    }
    fputc(')', p->to);
}

static enum nn_status put_text(struct predictions *p,
                               const struct predictions_row *r)
{
    const struct verdict *v = r->v;
    char *name = nn_text_line(r->file), *error = NULL;
    enum nn_status st = NN_OK;

    if (name == NULL) {
        return NN_ERR_NOMEM;
    }
    if (r->error != NULL) {
        error = nn_text_line(r->error); /* it may quote the name */
        if (error == NULL) {
            st = NN_ERR_NOMEM;
            goto out;
        }
        fprintf(p->to, "%s: error: %s\n", name, error);
        goto out;
    }
    fprintf(p->to, "%s: %s", name, verdict_label(p->model, v));
    if (v->kind == VERDICT_CLASS && v->p != NULL) {
        fprintf(p->to, " %.3f", v->p[v->best]);
    } else if (v->kind == VERDICT_UNKNOWN && v->best >= 0) {
        put_text_unknown(p, v);
    }
    put_text_stages(p, v);
    put_text_burst(p, r->burst);
    if (r->note != NULL) {
        fprintf(p->to, " [%s]", r->note);
    }
    fputc('\n', p->to);
out:
    nn_mem_free(name);
    nn_mem_free(error);
    return st;
}

static enum nn_status put_csv_bytes(FILE *to, const char *bytes)
{
    char *text = nn_text(bytes);

    if (text == NULL) {
        return NN_ERR_NOMEM;
    }
    nn_csv_put(to, text);
    nn_mem_free(text);
    return NN_OK;
}

static void put_csv_header(struct predictions *p)
{
    fputs("file,label,verdict,stage,p_positive", p->to);
    fputs(model_says_none(p->model) ? ",p_gate,p_none" : "", p->to);
    for (size_t k = 0; k < p->model->n_classes; k++) {
        fputc(',', p->to);
        nn_csv_put(p->to, p->model->classes[k]);
    }
    fputs(",ms,error,note,time,make,model,serial,latitude,longitude", p->to);
    fputs(p->model->threshold_given ? ",threshold" : "", p->to);
    fputs(p->model->reject_given ? ",unknown_below" : "", p->to);
    fputs(p->bursts ? ",burst,burst_label,burst_verdict,burst_p_positive,"
                      "burst_agree,burst_frame,burst_frames"
                    : "",
          p->to);
    fputs(p->run != NULL ? ",bytes,mtime,run\n" : "\n", p->to);
}

static const char *stage_name(const struct verdict *v)
{
    return v->species_stage ? "species" : "gate";
}

/* What both stages say of none, where both may. */
static void put_csv_stages(struct predictions *p, const struct verdict *v)
{
    if (!model_says_none(p->model)) {
        return;
    }
    fprintf(p->to, ",%.6f,", v->p_gate);
    if (v->p != NULL) {
        fprintf(p->to, "%.6f", v->p_none);
    }
}

static void put_csv_verdict(struct predictions *p,
                            const struct predictions_row *r)
{
    const struct verdict *v = r->v;

    fputc(',', p->to);
    nn_csv_put(p->to, verdict_label(p->model, v));
    fprintf(p->to, ",%s,%s,%.6f", verdict_kind_name(v->kind), stage_name(v),
            v->p_positive);
    put_csv_stages(p, v);
    for (size_t k = 0; k < p->model->n_classes; k++) {
        fputc(',', p->to);
        if (v->p != NULL) {
            fprintf(p->to, "%.6f", v->p[k]);
        }
    }
    fprintf(p->to, ",%.3f,", r->ms);
}

static void put_csv_shot(FILE *to, const struct nn_shot *s)
{
    if (s == NULL) {
        fputs(",,,,,,", to);
        return;
    }
    fprintf(to, ",%s,", s->time);
    nn_csv_put(to, s->make);
    fputc(',', to);
    nn_csv_put(to, s->model);
    fputc(',', to);
    nn_csv_put(to, s->serial);
    if (s->has_place) {
        fprintf(to, ",%.6f,%.6f", s->latitude, s->longitude);
    } else {
        fputs(",,", to);
    }
}

static enum nn_status put_csv_burst(struct predictions *p,
                                    const struct predictions_burst *b)
{
    if (!p->bursts) {
        return NN_OK;
    }
    if (b == NULL) {
        fputs(",,,,,,,", p->to);
        return NN_OK;
    }
    fputc(',', p->to);
    if (put_csv_bytes(p->to, b->id)) {
        return NN_ERR_NOMEM;
    }
    fputc(',', p->to);
    nn_csv_put(p->to, verdict_label(p->model, &b->v));
    fprintf(p->to, ",%s,%.6f,%s,%zu,%zu", verdict_kind_name(b->v.kind),
            b->v.p_positive, b->agree ? "yes" : "no", b->frame, b->frames);
    return NN_OK;
}

static enum nn_status put_csv(struct predictions *p,
                              const struct predictions_row *r)
{
    if (put_csv_bytes(p->to, r->file)) {
        return NN_ERR_NOMEM;
    }
    if (r->error == NULL) {
        put_csv_verdict(p, r);
    } else {
        fputs(model_says_none(p->model) ? ",,,,,," : ",,,,", p->to);
        for (size_t k = 0; k < p->model->n_classes; k++) {
            fputc(',', p->to);
        }
        fputs(",,", p->to);
        if (put_csv_bytes(p->to, r->error)) {
            return NN_ERR_NOMEM;
        }
    }
    fputc(',', p->to);
    nn_csv_put(p->to, r->note != NULL ? r->note : "");
    put_csv_shot(p->to, r->shot);
    if (p->model->threshold_given) {
        fprintf(p->to, ",%.6f", p->model->threshold);
    }
    if (p->model->reject_given) {
        fprintf(p->to, ",%.6f", p->model->species_policy.reject_threshold);
    }
    if (put_csv_burst(p, r->burst)) {
        return NN_ERR_NOMEM;
    }
    if (p->run != NULL) {
        fprintf(p->to, ",%lld,%.3f,%s", (long long)r->bytes,
                (double)r->mtime_ms / 1000, p->run);
    }
    fputc('\n', p->to);
    return NN_OK;
}

/* --- JSON ---------------------------------------------------------------- */

/* One object without a newline; `open`: text that begins it instead of "{". */
static enum nn_status dump_line(struct predictions *p, json_t *j, size_t flags,
                                const char *open)
{
    char *text = nn_json_dump(j, flags | JSON_REAL_PRECISION(15));

    json_decref(j);
    if (text == NULL) {
        return NN_ERR_NOMEM;
    }
    if (open != NULL) {
        fprintf(p->to, "%s%s%s", open, text[1] == '}' ? "" : ", ", text + 1);
    } else {
        fputs(text, p->to);
    }
    nn_mem_free(text);
    return NN_OK;
}

static json_t *class_probabilities(const struct model *m,
                                   const struct verdict *v)
{
    json_t *j = json_object();

    for (size_t k = 0; v->p != NULL && k < m->n_classes; k++) {
        nn_json_put(&j, m->classes[k], md_number(v->p[k]));
    }
    return j;
}

/* The bytes in hex; NULL when out of memory. */
static json_t *hex(const char *bytes)
{
    size_t n = strlen(bytes);
    char *text = nn_mem_calloc(2 * n + 1, 1);
    json_t *j = NULL;

    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(text + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
    }
    j = json_string(text);
    nn_mem_free(text);
    return j;
}

static json_t *burst_json(const struct model *m,
                          const struct predictions_burst *b)
{
    return json_pack("{s:o, s:s, s:s, s:o, s:b, s:I, s:I}", "id",
                     nn_json_text(b->id), "label", verdict_label(m, &b->v),
                     "verdict", verdict_kind_name(b->v.kind), "p_positive",
                     md_number(b->v.p_positive), "agree", b->agree, "frame",
                     (json_int_t)b->frame, "frames", (json_int_t)b->frames);
}

/* What a later run compares. */
static void put_origin(const struct predictions *p,
                       const struct predictions_row *r, json_t **j)
{
    if (r->note != NULL) {
        nn_json_put(j, "note", nn_json_text(r->note));
    }
    if (r->burst != NULL) {
        nn_json_put(j, "burst", burst_json(p->model, r->burst));
    }
    if (p->run != NULL && r->record != 0) {
        char text[RUN_MARK_SIZE];

        run_mark_text(r->record, text);
        nn_json_put(j, "record", json_string(text));
    }
    if (p->run != NULL) {
        nn_json_put(j, "bytes", json_integer(r->bytes));
        nn_json_put(j, "mtime", md_rounded((double)r->mtime_ms / 1000, 3));
        nn_json_put(j, "run", json_string(p->run));
    }
}

static void put_some(json_t **j, const char *key, const char *text)
{
    if (text[0] != '\0') {
        nn_json_put(j, key, json_string(text));
    }
}

/* What the camera wrote. */
static void put_shot(const struct nn_shot *s, json_t **j)
{
    json_t *camera;

    if (s == NULL) {
        return;
    }
    put_some(j, "time", s->time);
    if (s->make[0] != '\0' || s->model[0] != '\0' || s->serial[0] != '\0') {
        camera = json_object();
        put_some(&camera, "make", s->make);
        put_some(&camera, "model", s->model);
        put_some(&camera, "serial", s->serial);
        nn_json_put(j, "camera", camera);
    }
    if (s->has_place) {
        nn_json_put(j, "place",
                    json_pack("{s:o, s:o}", "latitude", md_number(s->latitude),
                              "longitude", md_number(s->longitude)));
    }
}

/* The same in the words of EXIF. */
static void put_exif(const struct nn_shot *s, json_t **j)
{
    json_t *tags = json_object();
    char time[20] = "";

    if (s == NULL) {
        json_decref(tags);
        return;
    }
    if (s->time[0] != '\0') {
        memcpy(time, s->time, 19);
        time[4] = time[7] = ':';
        time[10] = ' ';
        nn_json_put(j, "datetime", json_string(time));
    }
    put_some(&tags, "Make", s->make);
    put_some(&tags, "Model", s->model);
    put_some(&tags, "BodySerialNumber", s->serial);
    if (s->has_place) {
        nn_json_put(&tags, "GPSLatitude", md_number(s->latitude));
        nn_json_put(&tags, "GPSLongitude", md_number(s->longitude));
    }
    if (tags != NULL && json_object_size(tags) == 0) {
        json_decref(tags);
        return;
    }
    nn_json_put(j, "exif_metadata", tags);
}

/* By what it was decided, where that is not the model's own. */
static void put_decision(const struct model *m, json_t **j)
{
    if (m->threshold_given) {
        nn_json_put(j, "threshold", md_number(m->threshold));
    }
    if (m->reject_given) {
        nn_json_put(j, "unknown_below",
                    md_number(m->species_policy.reject_threshold));
    }
}

static enum nn_status put_jsonl(struct predictions *p,
                                const struct predictions_row *r)
{
    const struct verdict *v = r->v;
    json_t *j = json_object(), *file = nn_json_text(r->file);
    int differs = file != NULL && strcmp(json_string_value(file), r->file) != 0;
    enum nn_status st;

    nn_json_put(&j, "file", file);
    if (differs) {
        nn_json_put(&j, "file_bytes", hex(r->file));
    }
    if (r->error != NULL) {
        nn_json_put(&j, "error", nn_json_text(r->error));
    } else {
        nn_json_put(&j, "label", json_string(verdict_label(p->model, v)));
        nn_json_put(&j, "p_positive", md_number(v->p_positive));
        if (model_says_none(p->model)) {
            nn_json_put(&j, "p_gate", md_number(v->p_gate));
        }
        if (model_says_none(p->model) && v->p != NULL) {
            nn_json_put(&j, "p_none", md_number(v->p_none));
        }
        nn_json_put(&j, "p", class_probabilities(p->model, v));
        nn_json_put(&j, "stage", json_string(stage_name(v)));
        nn_json_put(&j, "verdict", json_string(verdict_kind_name(v->kind)));
        nn_json_put(&j, "ms", md_rounded(r->ms, 3));
        put_decision(p->model, &j);
    }
    put_shot(r->shot, &j);
    put_origin(p, r, &j);
    st = dump_line(p, j, JSON_COMPACT, NULL);
    fputc('\n', p->to);
    return st;
}

/* --- MegaDetector batch output ------------------------------------------- */

static void put_megadetector_header(struct predictions *p)
{
    const struct model *m = p->model;

    fprintf(p->to,
            "{\n \"info\": {\"format_version\": \"1.6\", \"detector\": "
            "\"bearcascade " BEARCASCADE_VERSION " gate\", \"classifier\": "
            "\"bearcascade " BEARCASCADE_VERSION " species\",\n"
            "  \"detector_metadata\": {\"conservative_detection_threshold\": "
            "%.6f, \"typical_detection_threshold\": %.6f},\n"
            "  \"classifier_metadata\": {\"typical_classification_threshold\": "
            "%.6f}},\n"
            " \"detection_categories\": {\"1\": \"animal\"},\n"
            " \"classification_categories\": ",
            model_threshold(m) / 2, model_threshold(m),
            m->species != NULL ? m->species_policy.reject_threshold : 0.0);
}

static enum nn_status put_categories(struct predictions *p)
{
    enum nn_status st = dump_line(p, md_categories(p->model, 0), 0, NULL);

    fputs(",\n \"images\": [", p->to);
    return st;
}

/* Of the classes and, of a model that says it, unknown. */
static json_t *classifications(const struct predictions *p,
                               const struct verdict *v)
{
    size_t classes = p->model->n_classes;
    size_t n =
        v->p == NULL ? 0 : classes + (size_t)model_says_unknown(p->model);
    double *share = nn_mem_calloc(n, sizeof *share);
    json_t *all;

    if (share == NULL) {
        return NULL;
    }
    for (size_t k = 0; k < n; k++) {
        share[k] =
            k < classes ? v->p[k] : 1 - species_confidence(1, v->p, classes);
    }
    all = md_ranked(share, n);
    nn_mem_free(share);
    return all;
}

/* What a record says of a whole photo. */
static json_t *whole_photo(const struct predictions *p,
                           const struct predictions_row *r)
{
    json_t *j = json_object();

    if (r->error != NULL) {
        nn_json_put(&j, "failure", nn_json_text(r->error));
        nn_json_put(&j, "detections", json_null());
        if (md_image_is_video(r->file)) {
            nn_json_put(&j, "frame_rate", json_integer(-1));
            nn_json_put(&j, "frames_processed", json_array());
        }
    } else {
        json_t *d =
            json_pack("{s:s, s:o, s:[i,i,i,i]}", "category", "1", "conf",
                      md_number(r->v->p_positive), "bbox", 0, 0, 1, 1);

        if (r->v->p != NULL) {
            nn_json_put(&d, "classifications", classifications(p, r->v));
        }
        nn_json_put(&j, "detections", json_pack("[o]", d));
    }
    put_exif(r->shot, &j);
    return j;
}

static enum nn_status put_megadetector(struct predictions *p,
                                       const struct predictions_row *r)
{
    json_t *j = r->image != NULL ? json_incref(r->image) : whole_photo(p, r);
    char *name = nn_text_json_pep383(r->file), *open = NULL;
    enum nn_status st = NN_ERR_NOMEM;

    put_origin(p, r, &j);
    if (name != NULL) {
        open = nn_mem_sprintf("%s{\"file\": %s",
                              p->written == 0 ? "\n  " : ",\n  ", name);
    }
    if (open == NULL) {
        json_decref(j);
        goto out;
    }
    st = dump_line(p, j, 0, open);
out:
    nn_mem_free(name);
    nn_mem_free(open);
    return st;
}

/* --- the interface ------------------------------------------------------- */

/* Behind the last record of the megadetector format. */
static const char last_lines[] = "\n ]\n}\n";

enum nn_status predictions_begin(struct predictions *p, FILE *to,
                                 enum predictions_format format,
                                 const struct model *m)
{
    p->to = to;
    p->format = format;
    p->model = m;
    p->written = 0;
    if (format == PREDICTIONS_CSV) {
        put_csv_header(p);
    } else if (format == PREDICTIONS_MEGADETECTOR && p->head != NULL) {
        fputs(p->head, to);
    } else if (format == PREDICTIONS_MEGADETECTOR) {
        put_megadetector_header(p);
        return put_categories(p);
    }
    return NN_OK;
}

enum nn_status predictions_put(struct predictions *p,
                               const struct predictions_row *row)
{
    enum nn_status st = NN_OK;

    switch (p->format) {
    case PREDICTIONS_TEXT:
        st = put_text(p, row);
        break;
    case PREDICTIONS_JSONL:
        st = put_jsonl(p, row);
        break;
    case PREDICTIONS_CSV:
        st = put_csv(p, row);
        break;
    case PREDICTIONS_MEGADETECTOR:
        st = put_megadetector(p, row);
        break;
    }
    p->written++;
    return st;
}

void predictions_copy(struct predictions *p, const char *text, size_t size)
{
    if (p->format == PREDICTIONS_MEGADETECTOR) {
        fputs(p->written == 0 ? "\n  " : ",\n  ", p->to);
    }
    fwrite(text, 1, size, p->to);
    if (p->format != PREDICTIONS_MEGADETECTOR) {
        fputc('\n', p->to);
    }
    p->written++;
}

void predictions_end(struct predictions *p)
{
    if (p->format == PREDICTIONS_MEGADETECTOR) {
        fputs(last_lines, p->to);
    }
}

size_t predictions_end_size(const struct predictions *p)
{
    return p->format == PREDICTIONS_MEGADETECTOR ? sizeof last_lines - 1 : 0;
}
