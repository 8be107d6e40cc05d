#include "pipelines/train/train_summary.h"

#include <math.h>

#include "common/base/mem.h"
#include "common/base/text.h"

struct train_share train_share_of(size_t hits, size_t n)
{
    double side = (1 + NN_CONFIDENCE) / 2;

    return (struct train_share){ hits, n,
                                 nn_clopper_pearson_lower(hits, n, side),
                                 nn_clopper_pearson_upper(hits, n, side) };
}

/* --- figures --- */

static enum nn_status score(struct train_summary *s, const char *features,
                            struct nn_error *err)
{
    struct cascade_scores scores = CASCADE_SCORES_INIT;
    struct cascade *c = NULL;
    uint32_t *index = nn_mem_calloc(s->ds->n, sizeof *index);
    size_t n = 0;
    enum nn_status st;

    if (index == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < s->ds->n; i++) {
        if (s->ds->items[i].split == NN_VALID && !s->ds->items[i].bad) {
            index[n++] = (uint32_t)i;
        }
    }
    st = cascade_create(s->m, CASCADE_BATCH, &c, err);
    if (st) {
        goto out;
    }
    cascade_keep_features(c, features);
    st = cascade_score(c, s->ds, index, n, 1, "summary", &scores, err);
    if (st) {
        goto out;
    }
    st = outcomes_of_scores(&s->table, s->m, s->ds, index, &scores, NULL, n,
                            err);
    if (st) {
        goto out;
    }
    s->item = index;
    index = NULL;
    for (size_t i = 0; i < s->table.n; i++) {
        s->table.item[i] = s->item[s->table.item[i]];
    }
out:
    cascade_scores_release(&scores);
    cascade_destroy(&c);
    nn_mem_free(index);
    return st;
}

static void count(struct train_summary *s, size_t *hits, size_t *all)
{
    const struct outcomes *t = &s->table;
    size_t found = 0, passed = 0, right = 0, k = t->k;

    for (size_t i = 0; i < t->n; i++) {
        int32_t truth = t->truth[i], v = t->verdict[i];
        int is_none = v == (int32_t)k;

        if (t->positive[i]) {
            found += !is_none;
            right += v == truth;
            all[truth]++;
            hits[truth] += v == truth;
        } else {
            passed += !is_none;
        }
    }
    s->found = train_share_of(found, t->n_positives);
    s->false_positives = train_share_of(passed, t->n - t->n_positives);
    s->right = train_share_of(right, found);
    for (size_t j = 0; j < k; j++) {
        s->by_class[j] = train_share_of(hits[j], all[j]);
    }
    for (size_t i = 0; i < s->ds->n; i++) {
        const struct nn_item *it = &s->ds->items[i];

        if (it->split == NN_TRAIN && !it->bad && it->label >= 0) {
            s->n_train[it->label]++;
        }
    }
}

enum nn_status train_summary_init(struct train_summary *s,
                                  const struct model *m,
                                  const struct nn_dataset *ds,
                                  const char *features, struct nn_error *err)
{
    size_t k = ds->n_classes;
    size_t *hits = nn_mem_calloc(k, sizeof *hits);
    size_t *all = nn_mem_calloc(k, sizeof *all);
    enum nn_status st;

    *s = (struct train_summary){ .m = m, .ds = ds };
    s->by_class = nn_mem_calloc(k, sizeof *s->by_class);
    s->n_train = nn_mem_calloc(k, sizeof *s->n_train);
    if (hits == NULL || all == NULL || s->by_class == NULL ||
        s->n_train == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = score(s, features, err);
    if (st) {
        goto out;
    }
    count(s, hits, all);
out:
    nn_mem_free(hits);
    nn_mem_free(all);
    return st;
}

void train_summary_release(struct train_summary *s)
{
    outcomes_release(&s->table);
    nn_mem_free(s->by_class);
    nn_mem_free(s->n_train);
    nn_mem_free(s->item);
    *s = (struct train_summary){ .m = NULL };
}

/* --- in words --- */

static void put_share(FILE *to, const char *what, const struct train_share *r,
                      const char *of)
{
    if (r->n > 0) {
        fprintf(to,
                "  %-20s %.3f  (%zu of %zu %s; 95 %% interval %.3f to %.3f)\n",
                what, (double)r->hits / (double)r->n, r->hits, r->n, of, r->lo,
                r->hi);
    }
}

static void put_plain_words(const struct train_summary *s, FILE *to)
{
    const struct train_share *r = &s->found, *f = &s->false_positives;

    if (r->n >= TRAIN_SUMMARY_ENOUGH && f->n >= TRAIN_SUMMARY_ENOUGH) {
        fprintf(to,
                "  Of 100 images of a class it misses about %.0f (%.0f to "
                "%.0f), of 100 others it\n"
                "  lets about %.0f through (%.0f to %.0f), if new images are "
                "like these.\n",
                100 - 100 * (double)r->hits / (double)r->n,
                floor(100 - 100 * r->hi), ceil(100 - 100 * r->lo),
                100 * (double)f->hits / (double)f->n, floor(100 * f->lo),
                ceil(100 * f->hi));
        return;
    }
    fprintf(to,
            "  These are too few to say how good it is: %zu images of a class "
            "and %zu\n"
            "  negatives to validate on; %d of each can show an error rate "
            "below 5 %%.\n",
            r->n, f->n, TRAIN_SUMMARY_ENOUGH);
}

static int is_thin(const struct train_summary *s, size_t k)
{
    const struct train_share *c = &s->by_class[k];

    return c->n == 0 || c->hi - c->lo > TRAIN_SUMMARY_WIDE;
}

/* Images of a class with which its interval would be narrow enough. */
static size_t enough_for(const struct train_share *c)
{
    size_t n = c->n > 0 ? c->n : 1;
    double rate = c->n > 0 ? (double)c->hits / (double)c->n : 1;

    for (;; n++) {
        struct train_share r = train_share_of((size_t)(rate * (double)n), n);

        if (!(r.hi - r.lo > TRAIN_SUMMARY_WIDE)) {
            return n;
        }
    }
}

static void put_thin_classes(const struct train_summary *s, FILE *to)
{
    size_t n = 0, said = 0, most = 0;

    for (size_t k = 0; k < s->table.k; k++) {
        if (is_thin(s, k)) {
            size_t want = enough_for(&s->by_class[k]);

            n++;
            most = want > most ? want : most;
        }
    }
    if (n == 0 || s->table.k < 2) {
        return;
    }
    fprintf(to,
            "  Too few validation images to say how well these are named "
            "(about %zu of each\n  would do):\n",
            most);
    for (size_t k = 0; k < s->table.k && said < TRAIN_SUMMARY_NAMED; k++) {
        const struct train_share *c = &s->by_class[k];
        char *name = is_thin(s, k) ? nn_text_line(s->ds->classes[k]) : NULL;

        if (name == NULL) {
            continue;
        }
        fprintf(to, "    %-16s %zu of %zu right", name, c->hits, c->n);
        if (c->n > 0) {
            fprintf(to, " (%.2f to %.2f)", c->lo, c->hi);
        }
        fprintf(to, "; %zu to train on\n", s->n_train[k]);
        nn_mem_free(name);
        said++;
    }
    if (n > said) {
        fprintf(to, "    and %zu more\n", n - said);
    }
}

static void put_curve(const struct gate_curve *c, FILE *to)
{
    size_t all = c->n_negatives[GATE_CURVE_POINTS - 1];

    if (c->answer == GATE_CURVE_NONE) {
        return;
    }
    fprintf(
        to,
        "  More negatives: with %zu, %zu and %zu of them a quick classifier "
        "passes %.1f,\n  %.1f and %.1f %% of %zu held-out training negatives "
        "at %.3g %% recall",
        c->n_negatives[0], c->n_negatives[1], all, 100 * c->fpr[0],
        100 * c->fpr[1], 100 * c->fpr[2], c->n_held, 100 * c->min_recall);
    if (c->answer == GATE_CURVE_HELPS) {
        fprintf(to,
                ":\n  about %zu more like them would bring about %.1f %%.\n",
                all, 100 * c->expected);
    } else if (c->answer == GATE_CURVE_FEW_PASS) {
        fputs(":\n  so few pass that these images cannot show what more would "
              "bring.\n",
              to);
    } else {
        fputs(":\n  no difference that these images can show.\n", to);
    }
}

void train_summary_print(const struct train_summary *s, FILE *to)
{
    fputs("how good is it? on the validation images, which also chose the "
          "thresholds\n",
          to);
    put_share(to, "recall", &s->found, "images of a class");
    put_share(to, "false-positive rate", &s->false_positives, "negatives");
    if (s->table.k > 1) {
        put_share(to, "right class", &s->right, "that were found");
    }
    put_plain_words(s, to);
    put_thin_classes(s, to);
    put_curve(&s->curve, to);
}
