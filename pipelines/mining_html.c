/* mined.html: the round as a page for a person, one file without network. */
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/loader.h"
#include "pipelines/mining.h"
#include "pipelines/picture_url.h"

enum { SIDE = 96, QUALITY = 85 };

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>mined negatives</title>\n<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:15px/1.4 system-ui,sans-serif;margin:1rem auto;max-width:70rem;"
    "padding:0 1rem}\n"
    ".g{display:flex;flex-wrap:wrap;gap:.6rem}\n"
    "figure{margin:0;width:12.5rem;border:3px solid #8886;border-radius:6px;"
    "padding:.3rem;font-size:12px;overflow-wrap:anywhere}\n"
    "figure:focus{outline:3px solid #38f}\n"
    "figure.keep{border-color:#2a8}figure.drop{border-color:#c33;opacity:.8}\n"
    "img{width:5.9rem;height:5.9rem;object-fit:contain}\n"
    "button{font:inherit;padding:.3rem .8rem}\n"
    "pre{white-space:pre-wrap}\n"
    "@media print{button{display:none}}\n</style></head><body>\n";

static const char script[] =
    "<script>\n"
    "const fs=[...document.querySelectorAll('figure')];\n"
    "function mark(f,w){f.classList.remove('keep','drop');f.classList.add(w);"
    "f.setAttribute('aria-label',w+' '+f.dataset.file);count()}\n"
    "function count(){document.getElementById('n').textContent="
    "fs.filter(f=>f.classList.contains('keep')).length+' kept'}\n"
    "fs.forEach((f,i)=>{f.tabIndex=0;"
    "mark(f,f.dataset.keep=='1'?'keep':'drop');\n"
    "f.onclick=()=>mark(f,f.classList.contains('keep')?'drop':'keep');\n"
    "f.onkeydown=e=>{const k=e.key;"
    "if(k=='k'||k=='d'){mark(f,k=='k'?'keep':'drop');"
    "if(fs[i+1])fs[i+1].focus()}\n"
    "if(k=='ArrowRight'&&fs[i+1])fs[i+1].focus();"
    "if(k=='ArrowLeft'&&fs[i-1])fs[i-1].focus()}});\n"
    "document.getElementById('save').onclick=()=>{const t=fs.filter(f=>"
    "f.classList.contains('keep')).map(f=>JSON.stringify({file:f.dataset.file,"
    "label:'negative'})+'\\n').join('');const a=document.createElement('a');"
    "a.href=URL.createObjectURL(new Blob([t],{type:'application/jsonl'}));"
    "a.download='negatives.jsonl';a.click()};\n</script>\n";

static void put_text(FILE *to, const char *s)
{
    for (; *s != '\0'; s++) {
        switch (*s) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(*s, to);
        }
    }
}

/* A picture of ds, small; one that cannot be read leaves its alt text. */
static void put_picture(FILE *to, const struct nn_dataset *ds, size_t item,
                        const char *what)
{
    struct nn_image img = NN_IMAGE_INIT;
    uint8_t *bytes = NULL;
    char *url = NULL;
    size_t size = 0;

    fprintf(to, "<img alt=\"%s ", what);
    put_text(to, ds->items[item].file);
    if (!nn_dataset_read(ds, item, &bytes, &size, NULL) &&
        !nn_picture_prepare(bytes, size, SIDE, &img, NULL)) {
        url = picture_url(&img, QUALITY);
    }
    fprintf(to, "\" src=\"%s\">", url != NULL ? url : "data:,");
    nn_image_release(&img);
    nn_mem_free(bytes);
    nn_mem_free(url);
}

static void put_pick(FILE *to, const struct mining_round *r, size_t i)
{
    const struct gate_mine_pick *p = &r->result->pick[i];
    const char *file = r->result->pictures->items[i].file;
    char *place = mining_place(file);
    int keep =
        p->verdict == GATE_MINE_V_HARD || p->verdict == GATE_MINE_V_RANDOM;

    fprintf(to, "<figure data-keep=\"%d\" data-file=\"", keep);
    put_text(to, place != NULL ? place : file);
    fputs("\">", to);
    nn_mem_free(place);
    put_picture(to, r->result->pictures, i, "candidate");
    if (r->bank->n_positives > 0) {
        put_picture(to, r->bank->ds, p->look.nearest[0], "nearest positive");
    }
    fprintf(to,
            "<figcaption>%zu. score %.3f; cosine %.2f to positives, %.2f "
            "to negatives",
            i + 1, p->p, p->look.positive_cos, p->look.negative_cos);
    if (r->rule != NULL) {
        fprintf(to, "; suspicion %.2f (limit %.2f)", p->suspicion,
                r->rule->limit);
    }
    fputs("<br>", to);
    put_text(to, file);
    fputs("</figcaption></figure>\n", to);
}

struct placed {
    double p;
    size_t pick;
};

static int larger_first(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    return x->p != y->p ? (x->p < y->p) - (x->p > y->p)
                        : (x->pick > y->pick) - (x->pick < y->pick);
}

/* The picks of one verdict by falling score, whatever the order in which they
 * were looked at. all: room for every pick. */
static void put_section(FILE *to, const struct mining_round *r,
                        enum gate_mine_verdict v, struct placed *all,
                        const char *why)
{
    size_t n = 0;

    if (r->result->count[v] == 0) {
        return;
    }
    for (size_t i = 0; i < r->result->n; i++) {
        if (r->result->pick[i].verdict == v) {
            all[n++] = (struct placed){ r->result->pick[i].p, i };
        }
    }
    qsort(all, n, sizeof *all, larger_first);
    fprintf(to, "<h2>Round %d, %s: %zu</h2>\n<p>%s</p><div class=\"g\">\n",
            r->number, gate_mine_verdict_name(v), r->result->count[v], why);
    for (size_t i = 0; i < n; i++) {
        put_pick(to, r, all[i].pick);
    }
    fputs("</div>\n", to);
}

enum nn_status mining_write_html(const struct mining_round *r, const char *path,
                                 struct nn_error *err)
{
    struct nn_file_out o = { 0 };
    struct placed *all = nn_mem_calloc(r->result->n + 1, sizeof *all);
    enum nn_status st =
        all == NULL ? nn_fail_nomem(err) : nn_file_out_open(&o, path, err);

    if (st) {
        nn_mem_free(all);
        return st;
    }
    fputs(head, o.stream);
    fputs("<h1>Mined negatives</h1><pre>", o.stream);
    mining_print(r, o.stream);
    fputs("</pre>\n<p>Left the picture of the pool, right the training "
          "positive that is nearest to it. A click, or the keys k (keep) and "
          "d (drop), marks a picture; arrows move. <button id=\"save\">Save "
          "the kept ones as a manifest</button> <span id=\"n\"></span></p>\n",
          o.stream);
    put_section(o.stream, r, GATE_MINE_V_SUSPECT, all,
                "Look like the wanted things: only a person can say. They are "
                "not trained on unless kept here.");
    put_section(o.stream, r, GATE_MINE_V_HARD, all,
                "Fool the gate, and are nothing that is wanted.");
    put_section(o.stream, r, GATE_MINE_V_RANDOM, all,
                "Fresh, whatever their score.");
    fputs(script, o.stream);
    fputs("</body></html>\n", o.stream);
    nn_mem_free(all);
    return nn_file_out_commit(&o, err);
}
