/* mined.html: the round as a page for a person, one file without network. */
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/report/page_parts.h"
#include "pipelines/mine/mining.h"

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
    "img,.n{display:inline-block;width:5.9rem;height:5.9rem;"
    "object-fit:contain}\n"
    ".n{background:center/contain no-repeat;print-color-adjust:exact}\n"
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

struct placed {
    double p;
    size_t pick;
};

/* What a page is written with. */
struct page {
    FILE *to;
    const struct mining_round *r;
    struct placed *order; /* [picks] */
    uint8_t *shown;       /* [items of the bank] 1: the page holds it already */
};

/* An image of ds, small, as a data: URL, or "data:," when it cannot be read.
 */
static void put_url(FILE *to, const struct nn_dataset *ds, size_t item)
{
    char *url = page_small_photo(ds, item, SIDE, QUALITY);

    fputs(url != NULL && url[0] != '\0' ? url : "data:,", to);
    nn_mem_free(url);
}

static void put_candidate(const struct page *g, size_t i)
{
    const struct nn_dataset *ds = g->r->result->images;

    fputs("<img alt=\"candidate ", g->to);
    page_put_text(g->to, ds->items[i].file);
    fputs("\" src=\"", g->to);
    put_url(g->to, ds, i);
    fputs("\">", g->to);
}

/* Thousands of candidates share a few hundred nearest positives: each is in
 * the page once, as the background of a class. */
static void put_positive(const struct page *g, uint32_t item)
{
    const struct nn_dataset *ds = g->r->bank->ds;

    if (!g->shown[item]) {
        g->shown[item] = 1;
        fprintf(g->to, "<style>.p%u{background-image:url(", (unsigned)item);
        put_url(g->to, ds, item);
        fputs(")}</style>", g->to);
    }
    fprintf(g->to,
            "<span class=\"n p%u\" role=\"img\" aria-label=\"nearest "
            "positive ",
            (unsigned)item);
    page_put_text(g->to, ds->items[item].file);
    fputs("\"></span>", g->to);
}

static void put_pick(const struct page *g, size_t i)
{
    const struct mining_round *r = g->r;
    const struct gate_mine_pick *p = &r->result->pick[i];
    const char *file = r->result->images->items[i].file;
    char *place = mining_place(file);
    FILE *to = g->to;
    int keep = gate_mine_is_accepted(p->verdict);

    fprintf(to, "<figure data-keep=\"%d\" data-file=\"", keep);
    page_put_text(to, place != NULL ? place : file);
    fputs("\">", to);
    nn_mem_free(place);
    put_candidate(g, i);
    if (r->bank->n_positives > 0) {
        put_positive(g, p->neighbourhood.nearest[0]);
    }
    fprintf(to,
            "<figcaption>%zu. score %.3f; cosine %.2f to positives, %.2f "
            "to negatives",
            i + 1, p->p, p->neighbourhood.positive_cos,
            p->neighbourhood.negative_cos);
    if (r->rule != NULL) {
        fprintf(to, "; filter score %.2f (limit %.2f)", p->fn_score,
                r->rule->limit);
    }
    fputs("<br>", to);
    page_put_text(to, file);
    fputs("</figcaption></figure>\n", to);
}

static int larger_first(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    return x->p != y->p ? (x->p < y->p) - (x->p > y->p)
                        : (x->pick > y->pick) - (x->pick < y->pick);
}

/* The picks of one verdict by falling score, whatever the order in which they
 * were looked at. */
static void put_section(const struct page *g, enum gate_mine_verdict v,
                        const char *why)
{
    const struct gate_mine_result *all = g->r->result;
    size_t n = 0;

    if (all->count[v] == 0) {
        return;
    }
    for (size_t i = 0; i < all->n; i++) {
        if (all->pick[i].verdict == v) {
            g->order[n++] = (struct placed){ all->pick[i].p, i };
        }
    }
    qsort(g->order, n, sizeof *g->order, larger_first);
    fprintf(g->to, "<h2>%s %d, %s: %zu</h2>\n<p>%s</p><div class=\"g\">\n",
            g->r->whole ? "Species round" : "Round", g->r->number,
            mining_verdict_words(v), all->count[v], why);
    for (size_t i = 0; i < n; i++) {
        put_pick(g, g->order[i].pick);
    }
    fputs("</div>\n", g->to);
}

static void put_suspects(const struct page *g)
{
    put_section(g, GATE_MINE_V_SUSPECTED_FN,
                "Look like the wanted things: only a person can say. They are "
                "not trained on unless kept here.");
}

static void put_hard(const struct page *g)
{
    put_section(g, GATE_MINE_V_HARD,
                g->r->whole ? "Fool both nets, and are nothing that is wanted."
                            : "Fool the gate, and are nothing that is wanted.");
}

static void put_page(const struct page *g)
{
    const size_t *n = g->r->result->count;

    fputs(head, g->to);
    fputs("<h1>Mined negatives</h1><pre>", g->to);
    mining_print(g->r, g->to);
    fputs("</pre>\n<p>Left the image of the pool, right the training "
          "positive that is nearest to it. A click, or the keys k (keep) and "
          "d (drop), marks an image; arrows move. <button id=\"save\">Save "
          "the kept ones as a manifest</button> <span id=\"n\"></span></p>\n",
          g->to);
    /* Few suspects are looked at after what fools the gate; many mean that the
     * pool is full of positives, and come first. */
    if (n[GATE_MINE_V_SUSPECTED_FN] > n[GATE_MINE_V_HARD]) {
        put_suspects(g);
        put_hard(g);
    } else {
        put_hard(g);
        put_suspects(g);
    }
    put_section(g, GATE_MINE_V_RANDOM, "Fresh, whatever their score.");
    fputs(script, g->to);
    fputs("</body></html>\n", g->to);
}

enum nn_status mining_write_html(const struct mining_round *r, const char *path,
                                 struct nn_error *err)
{
    struct nn_file_out o = { 0 };
    struct page g = { .r = r };
    enum nn_status st;

    g.order = nn_mem_calloc(r->result->n + 1, sizeof *g.order);
    g.shown = nn_mem_calloc(r->bank->ds->n + 1, 1);
    if (g.order == NULL || g.shown == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_file_out_open(&o, path, err);
    if (st) {
        goto out;
    }
    g.to = o.stream;
    put_page(&g);
    st = nn_file_out_commit(&o, err);
out:
    nn_mem_free(g.order);
    nn_mem_free(g.shown);
    return st;
}
