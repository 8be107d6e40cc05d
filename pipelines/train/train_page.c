/* RUN/report.html of a training: one file without network. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/data/csv.h"
#include "common/net/prepare.h"
#include "pipelines/report/page_parts.h"
#include "pipelines/report/image_url.h"
#include "pipelines/train/train_summary.h"

enum { SIDE = 128, QUALITY = 82, LOSSES = 24, PAIRS = 12, PHOTOS = 6 };
enum { PLOT_W = 560, PLOT_H = 180, LABEL_W = 46, LABEL_H = 22 };

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, "
    "initial-scale=1\">\n"
    "<title>training report</title>\n<style>\n"
    ":root{color-scheme:light dark;--a:#2a78d6;--b:#d1602b}\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:1rem auto;"
    "max-width:70rem;padding:0 1rem;overflow-wrap:anywhere}\n"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin:1.8rem 0 .4rem}\n"
    "pre{white-space:pre-wrap;background:#8881;padding:.7rem;"
    "border-radius:6px;font-size:13px}\n"
    "pre div{max-width:78ch;padding-left:4ch;text-indent:-4ch}\n"
    ".g{display:flex;flex-wrap:wrap;gap:.6rem}\n"
    "figure{margin:0;width:min(10rem,calc(50% - .3rem));font-size:12px}\n"
    "figure img{width:100%;aspect-ratio:1;object-fit:contain;"
    "background:#8882;border-radius:4px}\n"
    "figure small{font-size:11px;opacity:.8}\n"
    "svg{width:100%;max-width:35rem;height:auto;display:block}\n"
    "svg text{fill:currentColor;font:11px system-ui,sans-serif}\n"
    ".w{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
    "td,th{padding:.2rem .6rem;text-align:right;white-space:nowrap;"
    "border-bottom:1px solid #8884}"
    "\nth:first-child{text-align:left}td.d{font-weight:700}\n"
    "i.a,i.b{display:inline-block;width:.8em;height:.8em;margin:0 .3em}\n"
    "i.b{margin-left:.8em}\n"
    "i.a{background:var(--a)}i.b{background:var(--b)}\n"
    "@media(max-width:500px){pre{font-size:12px}svg text{font-size:16px}"
    "table{font-size:12px}td,th{padding:.2rem}}\n"
    "</style></head><body>\n";

/* --- text --- */

static void put_text(FILE *to, const char *s)
{
    char *text = nn_text(s);

    page_put_text(to, text != NULL ? text : "");
    nn_mem_free(text);
}

/* A sentence that the terminal has in several lines goes on: the last one did
 * not end it, and both are indented by two. */
static int goes_on(const char *last, const char *line)
{
    size_t n = last != NULL ? strlen(last) : 0;

    return n > 0 && strspn(last, " ") == 2 && strspn(line, " ") == 2 &&
           strchr(".:)", last[n - 1]) == NULL;
}

/* Lines that the browser breaks where its window ends; text is taken apart. */
static void put_wrapped(FILE *to, char *text)
{
    char *last = NULL, *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        int on = goes_on(last, line);

        fputs(on ? "" : last != NULL ? "</div><div>" : "<div>", to);
        put_text(to, line + on); /* one blank between two words */
        last = line;
    }
    fputs(last != NULL ? "</div>" : "", to);
}

static void put_lines(const struct train_summary *s, FILE *to)
{
    char *text = NULL;
    size_t size = 0;
    FILE *mem = open_memstream(&text, &size);

    if (mem != NULL) {
        train_summary_print(s, mem);
        fclose(mem);
        fputs("<pre>", to);
        put_wrapped(to, text);
        fputs("</pre>\n", to);
    }
    free(text);
}

static const char *truth_name(const struct train_summary *s, int32_t truth)
{
    return truth < (int32_t)s->table.k ? s->ds->classes[truth] : "negative";
}

static const char *said_name(const struct train_summary *s, int32_t verdict)
{
    int32_t k = (int32_t)s->table.k;

    return verdict < k    ? s->ds->classes[verdict]
           : verdict == k ? "none"
                          : "unknown";
}

/* --- photos --- */

static void put_photo(const struct train_summary *s, FILE *to, size_t row)
{
    const struct outcomes *t = &s->table;
    uint32_t item = t->item[row];
    struct nn_image img = NN_IMAGE_INIT;
    uint8_t *bytes = NULL;
    char *url = NULL;
    size_t size = 0;

    if (!nn_dataset_read(s->ds, item, &bytes, &size, NULL) &&
        !nn_image_prepare(bytes, size, SIDE, &img, NULL, NULL)) {
        url = image_url(&img, QUALITY);
    }
    fputs("<figure><img loading=\"lazy\" alt=\"", to);
    put_text(to, s->ds->items[item].file);
    fprintf(to, "\" src=\"%s\"><figcaption><b>", url != NULL ? url : "data:,");
    put_text(to, truth_name(s, t->truth[row]));
    fputs("</b> called <b>", to);
    put_text(to, said_name(s, t->verdict[row]));
    fprintf(to, "</b><br>p(a class) %.3f", t->p_positive[row]);
    if (t->verdict[row] != (int32_t)t->k && t->k > 1) {
        fputs("<br>", to);
        put_text(to, s->ds->classes[t->best[row]]);
        fprintf(to, " %.3f", t->confidence[row]);
    }
    fputs("<br><small>", to);
    put_text(to, s->ds->items[item].file);
    fputs("</small></figcaption></figure>\n", to);
    nn_image_release(&img);
    nn_mem_free(bytes);
    nn_mem_free(url);
}

struct ranked {
    double loss;
    size_t row;
};

static int larger_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    return x->loss != y->loss ? (x->loss < y->loss) - (x->loss > y->loss)
                              : (x->row > y->row) - (x->row < y->row);
}

/* Minus the logarithm of what the truth was given. */
static double loss_of(const struct outcomes *t, size_t i)
{
    double p = t->positive[i]
                   ? t->p_positive[i] * t->p[i * t->k + (size_t)t->truth[i]]
                   : 1 - t->p_positive[i];

    return -log(p > 1e-12 ? p : 1e-12);
}

static enum nn_status put_losses(const struct train_summary *s, FILE *to,
                                 struct nn_error *err)
{
    const struct outcomes *t = &s->table;
    struct ranked *r = nn_mem_calloc(t->n, sizeof *r);

    if (r == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < t->n; i++) {
        r[i] = (struct ranked){ loss_of(t, i), i };
    }
    qsort(r, t->n, sizeof *r, larger_first);
    fputs("<h2>The largest losses</h2>\n<p>The images whose true label was "
          "given the least probability. A wrong label is often among them: "
          "look at the photo, not at the name.</p>\n<div class=\"g\">\n",
          to);
    for (size_t i = 0; i < t->n && i < LOSSES; i++) {
        put_photo(s, to, r[i].row);
    }
    fputs("</div>\n", to);
    nn_mem_free(r);
    return NN_OK;
}

/* --- confusions --- */

enum { TABLE_CLASSES = 12 };

static void put_table(const struct train_summary *s, const size_t *count,
                      FILE *to)
{
    size_t k = s->table.k;

    fputs("<div class=\"w\"><table><tr><th>truth \\ verdict</th>", to);
    for (size_t j = 0; j < k + 2; j++) {
        fputs("<th>", to);
        put_text(to, said_name(s, (int32_t)j));
        fputs("</th>", to);
    }
    fputs("</tr>\n", to);
    for (size_t i = 0; i <= k; i++) {
        fputs("<tr><th>", to);
        put_text(to, truth_name(s, (int32_t)i));
        fputs("</th>", to);
        for (size_t j = 0; j < k + 2; j++) {
            fprintf(to, "<td%s>%zu</td>", i == j ? " class=\"d\"" : "",
                    count[i * (k + 2) + j]);
        }
        fputs("</tr>\n", to);
    }
    fputs("</table></div>\n", to);
}

static void put_pair(const struct train_summary *s, FILE *to, size_t cell,
                     size_t n)
{
    const struct outcomes *t = &s->table;
    int32_t truth = (int32_t)(cell / (t->k + 2));
    int32_t verdict = (int32_t)(cell % (t->k + 2));
    size_t shown = 0;

    fputs("<h3>", to);
    put_text(to, truth_name(s, truth));
    fputs(" called ", to);
    put_text(to, said_name(s, verdict));
    fprintf(to, ": %zu</h3>\n<div class=\"g\">\n", n);
    for (size_t i = 0; i < t->n && shown < PHOTOS; i++) {
        if (t->truth[i] == truth && t->verdict[i] == verdict) {
            put_photo(s, to, i);
            shown++;
        }
    }
    fputs("</div>\n", to);
}

/* The wrong cells with the most images, each with some photos; count is used
 * up. */
static enum nn_status put_confusions(const struct train_summary *s, FILE *to,
                                     struct nn_error *err)
{
    size_t k = s->table.k, cells = (k + 1) * (k + 2);
    size_t *count = nn_mem_calloc(cells, sizeof *count);
    enum nn_status st;

    if (count == NULL) {
        return nn_fail_nomem(err);
    }
    st = outcomes_confusion(&s->table, count, err);
    if (st) {
        goto out;
    }
    fputs("<h2>Confusions</h2>\n", to);
    if (k <= TABLE_CLASSES) {
        put_table(s, count, to);
    }
    for (size_t i = 0; i <= k; i++) {
        count[i * (k + 2) + i] = 0;
    }
    for (int pair = 0; pair < PAIRS; pair++) {
        size_t best = 0;

        for (size_t c = 1; c < cells; c++) {
            best = count[c] > count[best] ? c : best;
        }
        if (count[best] == 0) {
            break;
        }
        put_pair(s, to, best, count[best]);
        count[best] = 0;
    }
out:
    nn_mem_free(count);
    return st;
}

/* --- plots --- */

struct curve {
    double *x, *y;
    size_t n, cap_x, cap_y;
};

static int curve_add(struct curve *c, double x, double y)
{
    if (nn_mem_grow(&c->x, &c->cap_x, c->n + 1, sizeof *c->x) ||
        nn_mem_grow(&c->y, &c->cap_y, c->n + 1, sizeof *c->y)) {
        return -1;
    }
    c->x[c->n] = x;
    c->y[c->n++] = y;
    return 0;
}

static void curve_release(struct curve *c)
{
    nn_mem_free(c->x);
    nn_mem_free(c->y);
    *c = (struct curve){ .n = 0 };
}

static void begin_plot(FILE *to, const char *title, const char *x0,
                       const char *x1, double top)
{
    fprintf(to,
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">"
            "<path d=\"M%d 4V%dH%d\" fill=\"none\" stroke=\"currentColor\" "
            "stroke-opacity=\".5\"/><text x=\"0\" y=\"14\">%.3g</text>"
            "<text x=\"0\" y=\"%d\">0</text><text x=\"%d\" y=\"%d\">%s</text>"
            "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n",
            PLOT_W, PLOT_H + LABEL_H, title, LABEL_W, PLOT_H, PLOT_W, top,
            PLOT_H, LABEL_W, PLOT_H + 16, x0, PLOT_W, PLOT_H + 16, x1);
}

static double plot_x(double share)
{
    return LABEL_W + share * (PLOT_W - LABEL_W);
}

static double plot_y(double v, double top)
{
    return PLOT_H - (top > 0 ? v / top : 0) * (PLOT_H - 8);
}

/* Scores close to 0 and 1 are told apart on a scale of logits, from -LOGITS to
 * LOGITS. Bins are one wide, and the threshold is where one of them begins. */
enum { LOGITS = 10, BINS = 2 * LOGITS + 2 };

struct score_axis {
    double at;   /* the threshold */
    double left; /* logit where bin 0 begins */
    int first;   /* bin that begins at the threshold, 1.. */
};

static double logit(double p)
{
    double z = log(p / (1 - p));

    return z > LOGITS ? LOGITS : z > -LOGITS ? z : -LOGITS;
}

static struct score_axis axis_at(double threshold)
{
    struct score_axis a = { .at = threshold };

    a.first = (int)ceil(logit(threshold) + LOGITS) + 1;
    a.left = logit(threshold) - a.first;
    return a;
}

/* Rounding moves no score over the threshold. */
static int bin_of(const struct score_axis *a, double p)
{
    int b = (int)floor(logit(p) - a->left);
    int least = p >= a->at ? a->first : 0;
    int most = p >= a->at ? BINS - 1 : a->first - 1;

    return b < least ? least : b > most ? most : b;
}

static double axis_x(const struct score_axis *a, double p)
{
    return plot_x((logit(p) - a->left) / BINS);
}

static void put_score_axis(FILE *to, const struct score_axis *a)
{
    static const double tick[] = { 1e-4, .01, .5, .99, .9999 };

    for (size_t i = 0; i < sizeof tick / sizeof tick[0]; i++) {
        fprintf(to,
                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>",
                axis_x(a, tick[i]), PLOT_H + 16, tick[i]);
    }
    fprintf(to,
            "<path d=\"M%.1f 4V%d\" stroke=\"currentColor\" "
            "stroke-dasharray=\"4 3\"/></svg>\n",
            axis_x(a, a->at), PLOT_H);
}

/* Scores of both kinds, as shares of each kind, and the threshold. */
static void put_scores(const struct train_summary *s, FILE *to)
{
    const struct outcomes *t = &s->table;
    const struct score_axis a = axis_at(model_threshold(s->m));
    double share[2][BINS] = { { 0 } }, top = 0;
    double w = (PLOT_W - LABEL_W) / (double)BINS;
    size_t n[2] = { t->n - t->n_positives, t->n_positives };

    for (size_t i = 0; i < t->n; i++) {
        int kind = t->positive[i];

        share[kind][bin_of(&a, t->p_positive[i])] += 1.0 / (double)n[kind];
    }
    for (int b = 0; b < BINS; b++) {
        double more = share[0][b] > share[1][b] ? share[0][b] : share[1][b];

        top = more > top ? more : top;
    }
    fputs("<h2>Scores</h2>\n<p><i class=\"a\"></i>images of a class "
          "<i class=\"b\"></i>negatives: share of each by p(a class). ",
          to);
    fprintf(to,
            "Left of the dashed line, which is the threshold %.4g, the "
            "verdict is none.</p>\n",
            a.at);
    begin_plot(to, "scores of positives and negatives", "", "", top);
    for (int i = 0; i < 2 * BINS; i++) {
        int b = i / 2, kind = i % 2;
        double y = plot_y(share[kind][b], top);

        fprintf(to,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                "height=\"%.1f\" fill=\"var(--%c)\"/>",
                LABEL_W + b * w + (kind ? 1 : w / 2), y, w / 2 - 1, PLOT_H - y,
                kind ? 'a' : 'b');
    }
    put_score_axis(to, &a);
}

static void put_curve(FILE *to, const struct curve *c, double last, double top,
                      char colour)
{
    fputs("<path fill=\"none\" stroke-width=\"2\" stroke=\"var(--", to);
    fprintf(to, "%c)\" d=\"", colour);
    for (size_t i = 0; i < c->n; i++) {
        fprintf(to, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
                plot_x(last > 1 ? (c->x[i] - 1) / (last - 1) : 0),
                plot_y(c->y[i] < top ? c->y[i] : top, top));
    }
    fputs("\"/>", to);
}

static void put_stage(FILE *to, const char *stage, const struct curve *train,
                      const struct curve *valid)
{
    double last = 1, top = 0;
    char end[32];

    for (size_t i = 0; i < train->n; i++) {
        last = train->x[i] > last ? train->x[i] : last;
        top = train->y[i] > top ? train->y[i] : top;
    }
    for (size_t i = 0; i < valid->n; i++) {
        top = valid->y[i] > top ? valid->y[i] : top;
    }
    snprintf(end, sizeof end, "epoch %.0f", last);
    fputs("<h3>", to);
    put_text(to, stage);
    fputs("</h3>\n", to);
    begin_plot(to, "losses by epoch", "epoch 1", end, top);
    put_curve(to, train, last, top, 'a');
    put_curve(to, valid, last, top, 'b');
    fputs("</svg>\n", to);
}

/* The next row's stage and figures; 0: no more. */
static int next_row(struct nn_csv *c, char **stage, double v[3])
{
    char *field[NN_CSV_MAX_COLUMNS];
    size_t n;

    while (c->at < c->end && nn_csv_row(c, field, &n) == 0) {
        if (n >= 6 && field[1][0] >= '0' && field[1][0] <= '9') {
            *stage = field[0];
            v[0] = strtod(field[1], NULL);
            v[1] = strtod(field[4], NULL);
            v[2] = field[5][0] != '\0' ? strtod(field[5], NULL) : NAN;
            return 1;
        }
    }
    return 0;
}

/* Rows of a stage follow each other. */
static enum nn_status put_losses_by_epoch(FILE *to, char *text, size_t size,
                                          struct nn_error *err)
{
    struct nn_csv c = { .at = text, .end = text + size, .line = 1 };
    struct curve train = { .n = 0 }, valid = { .n = 0 };
    char *stage, *now = NULL;
    double v[3];
    enum nn_status st = NN_OK;

    fputs("<h2>Losses by epoch</h2>\n<p><i class=\"a\"></i>training images "
          "<i class=\"b\"></i>validation images</p>\n",
          to);
    while (next_row(&c, &stage, v)) {
        if (now != NULL && strcmp(now, stage) != 0) {
            put_stage(to, now, &train, &valid);
            train.n = valid.n = 0;
        }
        now = stage;
        if ((isfinite(v[1]) && curve_add(&train, v[0], v[1])) ||
            (isfinite(v[2]) && curve_add(&valid, v[0], v[2]))) {
            st = nn_fail_nomem(err);
            break;
        }
    }
    if (!st && now != NULL) {
        put_stage(to, now, &train, &valid);
    }
    curve_release(&train);
    curve_release(&valid);
    return st;
}

static enum nn_status put_training(const char *dir, FILE *to,
                                   struct nn_error *err)
{
    char *path = nn_path_join(dir, "results.csv");
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum nn_status st = NN_OK;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    if (nn_file_exists(path)) {
        st = nn_file_read(path, (size_t)64 << 20, &bytes, &size, err);
        if (!st) {
            st = put_losses_by_epoch(to, (char *)bytes, size, err);
        }
    } else {
        fputs("<p>No losses by epoch: the trunk stayed as it was and the "
              "classifiers were fitted to their optimum at once.</p>\n",
              to);
    }
    nn_mem_free(bytes);
    nn_mem_free(path);
    return st;
}

/* --- the page --- */

enum nn_status train_page_write(const struct train_summary *s, const char *dir,
                                struct nn_error *err)
{
    char *path = nn_path_join(dir, "report.html");
    struct nn_file_out o = { 0 };
    enum nn_status st;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_file_out_open(&o, path, err);
    nn_mem_free(path);
    if (st) {
        return st;
    }
    fputs(head, o.stream);
    fputs("<h1>", o.stream);
    put_text(o.stream, nn_path_base(dir));
    fputs("</h1>\n", o.stream);
    put_lines(s, o.stream);
    put_scores(s, o.stream);
    st = put_training(dir, o.stream, err);
    if (st) {
        goto fail;
    }
    st = put_confusions(s, o.stream, err);
    if (st) {
        goto fail;
    }
    st = put_losses(s, o.stream, err);
    if (st) {
        goto fail;
    }
    fputs("</body></html>\n", o.stream);
    return nn_file_out_commit(&o, err);
fail:
    nn_file_out_abort(&o);
    return st;
}
