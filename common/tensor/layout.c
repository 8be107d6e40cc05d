#include "common/tensor/layout.h"

#include <stdio.h>
#include <string.h>

#include "common/tensor/graph_internal.h"
#include "common/tensor/safetensors.h"

struct nn_layout nn_layout_of(const struct nn_graph *g, size_t param)
{
    const struct nn_param *p = &g->param[param];
    struct nn_layout l = { .ndim = 1, .memory = p->shape };

    l.shape[0] = p->shape.c;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct nn_node_info *node = &g->node[i];

        if (node->op != NN_OP_CONV2D || (size_t)node->param != param) {
            continue;
        }
        l.ndim = node->dense ? 2 : 4;
        l.shape[0] = p->shape.n;
        l.shape[1] = p->shape.c;
        l.shape[2] = p->shape.h;
        l.shape[3] = p->shape.w;
    }
    return l;
}

/* Walk both orders together; `to_file` says which side is written. */
static void transpose(const struct nn_layout *l, float *file, float *memory,
                      int to_file)
{
    size_t n = (size_t)l->memory.n, hw, c = (size_t)l->memory.c;

    hw = (size_t)l->memory.h * (size_t)l->memory.w;
    for (size_t o = 0; o < n; o++) {
        for (size_t t = 0; t < hw; t++) {
            for (size_t i = 0; i < c; i++) {
                float *a = &file[(o * c + i) * hw + t];
                float *b = &memory[(o * hw + t) * c + i];

                *(to_file ? a : b) = *(to_file ? b : a);
            }
        }
    }
}

void nn_layout_to_file(const struct nn_layout *l, const float *memory,
                       float *file)
{
    transpose(l, file, (float *)(uintptr_t)memory, 1);
}

void nn_layout_from_file(const struct nn_layout *l, const float *file,
                         float *memory)
{
    transpose(l, (float *)(uintptr_t)file, memory, 0);
}

/* --- loading by name and exact shape ---------------------------------------
 */

static int shape_fits(const struct nn_layout *l, const struct nn_st_entry *e)
{
    if (l->ndim != e->ndim) {
        return 0;
    }
    return memcmp(l->shape, e->shape, (size_t)l->ndim * sizeof *l->shape) == 0;
}

static void shape_text(int ndim, const int64_t *shape, char *buf, size_t size)
{
    size_t used = 0;

    buf[0] = '\0';
    for (int i = 0; i < ndim && used + 24 < size; i++) {
        used += (size_t)snprintf(buf + used, size - used, "%s%lld",
                                 i > 0 ? "x" : "", (long long)shape[i]);
    }
}

static void note_mismatch(struct nn_load_report *r, const char *name,
                          const struct nn_layout *l,
                          const struct nn_st_entry *e)
{
    char want[80], got[80];

    if (r->mismatched++ == 0) {
        shape_text(l->ndim, l->shape, want, sizeof want);
        shape_text(e->ndim, e->shape, got, sizeof got);
        snprintf(r->first_mismatched, sizeof r->first_mismatched,
                 "%.80s is %s, not %s", name, got, want);
    }
}

static void note_missing(struct nn_load_report *r, const char *name)
{
    if (r->missing++ == 0) {
        snprintf(r->first_missing, sizeof r->first_missing, "%.120s", name);
    }
}

/* Tensors of the file under the prefix that no parameter asked for. */
static void note_unused(const struct nn_st_file *f, const char *prefix,
                        const struct nn_graph *g, struct nn_load_report *r)
{
    size_t len = strlen(prefix);

    for (size_t i = 0; i < nn_st_count(f); i++) {
        const char *name = nn_st_entry(f, i)->name;

        if (strncmp(name, prefix, len) != 0 ||
            strstr(name, "num_batches_tracked") != NULL ||
            nn_graph_find_param(g, name + len) != NULL) {
            continue;
        }
        if (r->unused++ == 0) {
            snprintf(r->first_unused, sizeof r->first_unused, "%.120s", name);
        }
    }
}

/* The name of a tensor in the file: its own, or that of the net with the same
 * trunk. NULL when out of memory. */
static char *name_in_file(const struct nn_st_file *f, const char *prefix,
                          const char *trunk, const char *name)
{
    char *own = nn_mem_sprintf("%s%s", prefix, name);

    if (own == NULL || trunk == NULL || nn_st_find(f, own) != NULL) {
        return own;
    }
    nn_mem_free(own);
    return nn_mem_sprintf("%s%s", trunk, name);
}

static enum nn_status trunk_of(const struct nn_st_file *f, const char *prefix,
                               const char **trunk, struct nn_error *err)
{
    char *key = nn_mem_sprintf("%s" NN_TRUNK_KEY, prefix);

    if (key == NULL) {
        return nn_fail_nomem(err);
    }
    *trunk = nn_st_meta(f, key);
    nn_mem_free(key);
    return NN_OK;
}

/* entry[i]: where the file has the i-th parameter, or NULL. */
static enum nn_status find_all(const struct nn_st_file *f, const char *prefix,
                               const struct nn_graph *g,
                               const struct nn_st_entry **entry,
                               struct nn_load_report *r, struct nn_error *err)
{
    const struct nn_param *p;
    const char *trunk = NULL;
    enum nn_status found = trunk_of(f, prefix, &trunk, err);

    if (found) {
        return found;
    }
    for (size_t i = 0; (p = nn_graph_param(g, i)) != NULL; i++) {
        char *name = name_in_file(f, prefix, trunk, p->name);
        const struct nn_st_entry *e = name ? nn_st_find(f, name) : NULL;
        struct nn_layout l = nn_layout_of(g, i);

        enum nn_status st = NN_OK;

        if (name == NULL) {
            return nn_fail_nomem(err);
        }
        if (e == NULL) {
            note_missing(r, name);
        } else if (!shape_fits(&l, e)) {
            note_mismatch(r, name, &l, e);
        } else {
            st = nn_st_check(e, err);
            entry[i] = e;
            r->taken++;
        }
        nn_mem_free(name);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

/* One channel in or one position: both orders are the same. */
static int same_order(const struct nn_layout *l)
{
    return l->memory.c == 1 || (l->memory.h == 1 && l->memory.w == 1);
}

/* Nothing of this can fail any more, so that values change as a whole. */
static enum nn_status take_all(const struct nn_st_file *f,
                               const struct nn_graph *g,
                               const struct nn_st_entry *const *entry,
                               float *scratch, float *values,
                               struct nn_error *err)
{
    const struct nn_param *p;
    enum nn_status st = NN_OK;

    for (size_t i = 0; !st && (p = nn_graph_param(g, i)) != NULL; i++) {
        struct nn_layout l = nn_layout_of(g, i);

        if (entry[i] == NULL) {
            continue;
        }
        if (same_order(&l)) {
            st = nn_st_read(f, entry[i], values + p->offset, err);
            continue;
        }
        st = nn_st_read(f, entry[i], scratch, err);
        nn_layout_from_file(&l, scratch, values + p->offset);
    }
    return st;
}

static enum nn_status refuse(const struct nn_load_report *r,
                             struct nn_error *err)
{
    if (r->missing > 0) {
        return nn_fail(err, NN_ERR_FORMAT, "tensor '%s' is missing",
                       r->first_missing);
    }
    return nn_fail(err, NN_ERR_FORMAT, "a tensor does not fit: %s",
                   r->first_mismatched);
}

enum nn_status nn_params_load(const struct nn_st_file *f, const char *prefix,
                              const struct nn_graph *g, float *values,
                              int strict, struct nn_load_report *report,
                              struct nn_error *err)
{
    struct nn_load_report r = { 0 };
    const struct nn_param *p;
    size_t n = 0, largest = 0;
    const struct nn_st_entry **entry = NULL;
    float *scratch = NULL;
    enum nn_status st = NN_OK;

    for (; (p = nn_graph_param(g, n)) != NULL; n++) {
        largest = p->count > largest ? p->count : largest;
    }
    entry = nn_mem_calloc(n, sizeof *entry);
    scratch = nn_mem_calloc(largest, sizeof *scratch);
    if (entry == NULL || scratch == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = find_all(f, prefix, g, entry, &r, err);
    if (st) {
        goto out;
    }
    if (strict && r.missing + r.mismatched > 0) {
        st = refuse(&r, err);
        goto out;
    }
    note_unused(f, prefix, g, &r);
    st = take_all(f, g, entry, scratch, values, err);
out:
    if (report != NULL) {
        *report = r;
    }
    nn_mem_free(entry);
    nn_mem_free(scratch);
    return st;
}
