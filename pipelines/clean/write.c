/* ranking.jsonl beside the page, and what a sample says. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/eval/sampling.h"
#include "pipelines/clean/page.h"

static json_t *row_json(const struct clean_findings *f, size_t row)
{
    const struct nn_item *it = &f->ds->items[f->item[row]];
    const struct clean_doubt *d = &f->d[row];
    json_t *j = json_object();
    char hex[17];

    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)it->hash);
    nn_json_put(&j, "file", nn_json_text(it->file));
    nn_json_put(&j, "hash", json_string(hex));
    nn_json_put(&j, "split", json_string(nn_split_name(it->split)));
    nn_json_put(&j, "label",
                nn_json_text(it->label == NN_NEGATIVE
                                 ? "none"
                                 : f->ds->classes[it->label]));
    nn_json_put(&j, "suggested",
                d->other < 0 ? json_null()
                             : nn_json_text(clean_output_name(f, d->other)));
    nn_json_put(&j, "p_label", nn_json_number((double)d->p_given));
    nn_json_put(&j, "p_suggested", nn_json_number((double)d->p_other));
    nn_json_put(&j, "outlier", nn_json_number(d->outlier));
    nn_json_put(&j, "flat", nn_json_number(d->flat));
    nn_json_put(&j, "doubt", nn_json_number(d->doubt));
    nn_json_put(&j, "fold", json_integer(f->fold[row]));
    return j;
}

static enum nn_status write_ranking(const struct clean_findings *f,
                                    const char *path, struct nn_error *err)
{
    struct nn_file_out out;
    enum nn_status st = nn_file_out_open(&out, path, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < f->n; i++) {
        st = nn_json_print_line(row_json(f, f->order[i]), out.stream, err);
        if (st) {
            nn_file_out_abort(&out);
            return st;
        }
    }
    return nn_file_out_commit(&out, err);
}

enum nn_status clean_write(const struct clean_findings *f, const char *dir,
                           struct nn_error *err)
{
    char *ranking = nn_path_join(dir, "ranking.jsonl");
    char *page = nn_path_join(dir, "clean.html");
    enum nn_status st;

    if (ranking == NULL || page == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = write_ranking(f, ranking, err);
    if (st) {
        goto out;
    }
    st = clean_page_write(f, page, err);
out:
    nn_mem_free(ranking);
    nn_mem_free(page);
    return st;
}

/* --- the statement --- */

static int is_wrong(const struct nn_decision *v)
{
    const char *given = json_string_value(json_object_get(v->row, "given"));

    return v->label == NULL || given == NULL || strcmp(given, v->label) != 0;
}

static int is_suspect(const struct nn_decision *v)
{
    const char *list = json_string_value(json_object_get(v->row, "list"));

    return list != NULL && strcmp(list, "suspects") == 0;
}

enum nn_status clean_state(const struct nn_decisions *d,
                           struct clean_statement *s, struct nn_error *err)
{
    const json_t *listed = json_object_get(d->head, "listed");
    const json_t *sample = json_object_get(d->head, "sample");

    *s = (struct clean_statement){ .at_least = SIZE_MAX };
    if (!json_is_integer(listed) || !json_is_integer(sample) ||
        json_integer_value(sample) < 1 ||
        json_integer_value(listed) < json_integer_value(sample)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "'%s' is not of a page of clean: its first line says "
                       "neither how many were listed nor sampled",
                       d->path);
    }
    s->listed = (size_t)json_integer_value(listed);
    s->sample = (size_t)json_integer_value(sample);
    for (size_t i = 0; i < d->n; i++) {
        const struct nn_decision *v = &d->v[i];
        size_t wrong = (size_t)is_wrong(v);
        int sampled = json_is_true(json_object_get(v->row, "sampled"));

        if (is_suspect(v)) {
            s->looked_at++;
            s->wrong_in_all += wrong;
            s->seen += sampled != 0;
            s->wrong += sampled ? wrong : 0;
        }
    }
    if (s->seen == s->sample) {
        size_t bound = nn_hypergeom_lower(s->listed, s->sample, s->wrong,
                                          CLEAN_CONFIDENCE);

        s->at_least = bound > s->wrong_in_all ? bound : s->wrong_in_all;
    }
    return NN_OK;
}
