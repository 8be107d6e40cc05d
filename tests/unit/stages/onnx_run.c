#include "tests/unit/stages/onnx_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/unit/testkit.h"

enum { INPUTS = 8, ATTRIBUTES = 8 };

/* --- the wire format --- */

static uint64_t varint(struct onnx_bytes *b)
{
    uint64_t x = 0;

    for (int shift = 0; shift < 64; shift += 7) {
        testkit_assert(b->at < b->end, "a message ends within a number");
        x |= (uint64_t)(*b->at & 0x7f) << shift;
        if ((*b->at++ & 0x80) == 0) {
            return x;
        }
    }
    ck_abort_msg("a number of more than ten bytes");
    return 0;
}

int onnx_next(struct onnx_bytes *message, struct onnx_field *f)
{
    if (message->at == message->end) {
        return 0;
    }
    uint64_t key = varint(message);

    testkit_assert((key & 7) == 0 || (key & 7) == 2, "wire type %d",
                   (int)(key & 7));
    *f = (struct onnx_field){ .number = (uint32_t)(key >> 3),
                              .is_number = (key & 7) == 0,
                              .x = varint(message) };
    if (!f->is_number) {
        testkit_assert(f->x <= (uint64_t)(message->end - message->at),
                       "a field is longer than its message");
        f->bytes.at = message->at;
        f->bytes.end = message->at += f->x;
    }
    return 1;
}

const char *onnx_text(const struct onnx_field *f)
{
    static char text[4][128];
    static unsigned next;
    char *to = text[next++ % 4];

    testkit_assert(!f->is_number && f->x < sizeof text[0], "no short text");
    memcpy(to, f->bytes.at, f->x);
    to[f->x] = 0;
    return to;
}

/* --- values --- */

const struct onnx_value *onnx_value(const struct onnx_run *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->value[i].name, name) == 0) {
            return &r->value[i];
        }
    }
    ck_abort_msg("nothing is called '%s'", name);
    return NULL;
}

/* A new value. Each has one maker. */
static struct onnx_value *make(struct onnx_run *r, const char *name, int ndim,
                               const int64_t *dim)
{
    struct onnx_value *x = &r->value[r->n];

    for (size_t i = 0; i < r->n; i++) {
        testkit_assert(strcmp(r->value[i].name, name) != 0, "two '%s'", name);
    }
    testkit_assert(r->n < ONNX_VALUES && ndim <= ONNX_DIMS, "too large");
    *x = (struct onnx_value){ .ndim = ndim, .n = 1 };
    snprintf(x->name, sizeof x->name, "%s", name);
    for (int i = 0; i < ONNX_DIMS; i++) {
        x->dim[i] = i < ndim ? dim[i] : 1;
        testkit_assert(x->dim[i] > 0, "%s: an empty dimension", name);
        x->n *= (size_t)x->dim[i];
    }
    x->v = nn_mem_calloc(x->n, sizeof *x->v);
    ck_assert_ptr_nonnull(x->v);
    r->n++;
    return x;
}

static void read_tensor(struct onnx_run *r, struct onnx_bytes b)
{
    int64_t dim[ONNX_DIMS];
    char name[ONNX_NAME] = "";
    struct onnx_field f, raw = { 0 };
    uint64_t type = 0;
    int ndim = 0;

    while (onnx_next(&b, &f)) {
        if (f.number == 1) {
            testkit_assert(ndim < ONNX_DIMS, "more than four dimensions");
            dim[ndim++] = (int64_t)f.x;
        } else if (f.number == 2) {
            type = f.x;
        } else if (f.number == 8) {
            snprintf(name, sizeof name, "%s", onnx_text(&f));
        } else {
            ck_assert_uint_eq(f.number, 9);
            raw = f;
        }
    }
    struct onnx_value *x = make(r, name, ndim, dim);
    size_t width = type == 1 ? 4 : 8;

    testkit_assert(type == 1 || type == 7, "%s: type %d", name, (int)type);
    testkit_assert(raw.x == width * x->n, "%s: %d bytes", name, (int)raw.x);
    for (size_t i = 0; i < x->n; i++) {
        if (type == 1) {
            memcpy(&x->v[i], raw.bytes.at + 4 * i, 4);
        } else {
            int64_t whole;

            memcpy(&whole, raw.bytes.at + 8 * i, 8);
            x->v[i] = (float)whole;
        }
    }
}

/* --- nodes --- */

struct attribute {
    char name[ONNX_NAME];
    int64_t v[4];
    int n;
};
struct node {
    char op[ONNX_NAME], out[ONNX_NAME];
    const struct onnx_value *in[INPUTS];
    int n_in, n_attributes;
    struct attribute attribute[ATTRIBUTES];
};

static void read_attribute(struct attribute *a, struct onnx_bytes b)
{
    uint64_t type = 0, list = 0;
    struct onnx_field f;

    *a = (struct attribute){ .n = 0 };
    while (onnx_next(&b, &f)) {
        if (f.number == 1) {
            snprintf(a->name, sizeof a->name, "%s", onnx_text(&f));
        } else if (f.number == 20) {
            type = f.x;
        } else {
            testkit_assert((f.number == 3 || f.number == 8) && a->n < 4,
                           "%s: field %u", a->name, f.number);
            list += f.number == 8;
            a->v[a->n++] = (int64_t)f.x;
        }
    }
    testkit_assert(type == (list > 0 ? 7 : 2), "%s: type %d", a->name,
                   (int)type);
}

static void read_node(const struct onnx_run *r, struct node *n,
                      struct onnx_bytes b)
{
    struct onnx_field f;

    *n = (struct node){ .n_in = 0 };
    while (onnx_next(&b, &f)) {
        if (f.number == 1) {
            testkit_assert(n->n_in < INPUTS, "too many inputs");
            n->in[n->n_in++] = onnx_value(r, onnx_text(&f));
        } else if (f.number == 2) {
            snprintf(n->out, sizeof n->out, "%s", onnx_text(&f));
        } else if (f.number == 4) {
            snprintf(n->op, sizeof n->op, "%s", onnx_text(&f));
        } else if (f.number == 5) {
            testkit_assert(n->n_attributes < ATTRIBUTES, "many attributes");
            read_attribute(&n->attribute[n->n_attributes++], f.bytes);
        }
    }
}

/* Number i of an attribute, or what the operator's page gives for one that is
 * left out. */
static int64_t attribute(const struct node *n, const char *name, int i,
                         int64_t left_out)
{
    for (int k = 0; k < n->n_attributes; k++) {
        if (strcmp(n->attribute[k].name, name) == 0) {
            testkit_assert(i < n->attribute[k].n, "%s: too short", name);
            return n->attribute[k].v[i];
        }
    }
    return left_out;
}

/* --- operators --- */

static float at(const struct onnx_value *x, int64_t c, int64_t h, int64_t w)
{
    int inside = h >= 0 && w >= 0 && h < x->dim[2] && w < x->dim[3];

    return inside ? x->v[(c * x->dim[2] + h) * x->dim[3] + w] : 0;
}

/* One output of one channel. */
static double conv_sum(const struct node *n, int64_t oc, int64_t top,
                       int64_t left)
{
    const struct onnx_value *x = n->in[0], *w = n->in[1];
    int64_t group = oc / (w->dim[0] / attribute(n, "group", 0, 1));
    double sum = (double)n->in[2]->v[oc];

    for (int64_t c = 0; c < w->dim[1]; c++) {
        for (int64_t i = 0; i < w->dim[2]; i++) {
            for (int64_t j = 0; j < w->dim[3]; j++) {
                int64_t k = ((oc * w->dim[1] + c) * w->dim[2] + i) * w->dim[3];

                sum += (double)w->v[k + j] *
                       (double)at(x, group * w->dim[1] + c, top + i, left + j);
            }
        }
    }
    return sum;
}

static void run_conv(struct onnx_run *r, const struct node *n)
{
    const struct onnx_value *x = n->in[0], *w = n->in[1];
    int64_t dim[4] = { 1, w->dim[0], 0, 0 }, stride[2], pad[2];
    size_t to = 0;

    ck_assert(n->n_in == 3 && x->ndim == 4 && w->ndim == 4);
    ck_assert_int_eq(w->dim[1] * attribute(n, "group", 0, 1), x->dim[1]);
    ck_assert_uint_eq(n->in[2]->n, (size_t)w->dim[0]);
    for (int i = 0; i < 2; i++) {
        int64_t kernel = w->dim[2 + i];

        ck_assert_int_eq(attribute(n, "kernel_shape", i, kernel), kernel);
        stride[i] = attribute(n, "strides", i, 1);
        pad[i] = attribute(n, "pads", i, 0);
        dim[2 + i] = x->dim[2 + i] + pad[i] + attribute(n, "pads", i + 2, 0);
        dim[2 + i] = (dim[2 + i] - kernel) / stride[i] + 1;
    }
    struct onnx_value *y = make(r, n->out, 4, dim);

    for (int64_t c = 0; c < dim[1]; c++) {
        for (int64_t i = 0; i < dim[2]; i++) {
            for (int64_t j = 0; j < dim[3]; j++) {
                y->v[to++] = (float)conv_sum(n, c, i * stride[0] - pad[0],
                                             j * stride[1] - pad[1]);
            }
        }
    }
}

/* alpha, beta and transA are left out: 1, 1 and 0. */
static void run_gemm(struct onnx_run *r, const struct node *n)
{
    const struct onnx_value *a = n->in[0], *b = n->in[1];
    int t = attribute(n, "transB", 0, 0) != 0;
    int64_t k = b->dim[t], units = b->dim[!t];

    ck_assert(n->n_in == 3 && n->n_attributes == 1);
    ck_assert(a->ndim == 2 && b->ndim == 2 && a->dim[0] == 1);
    ck_assert_int_eq(k, a->dim[1]);
    ck_assert_uint_eq(n->in[2]->n, (size_t)units);
    struct onnx_value *y = make(r, n->out, 2, (int64_t[]){ 1, units });

    for (int64_t u = 0; u < units; u++) {
        double sum = (double)n->in[2]->v[u];

        for (int64_t i = 0; i < k; i++) {
            sum +=
                (double)a->v[i] * (double)b->v[t ? u * k + i : i * units + u];
        }
        y->v[u] = (float)sum;
    }
}

/* Planes of one operand, the other a matrix. */
static void run_matmul(struct onnx_run *r, const struct node *n)
{
    const struct onnx_value *a = n->in[0], *b = n->in[1];
    const struct onnx_value *many = a->ndim == 4 ? a : b;
    int64_t rows = a->dim[a->ndim - 2], inner = a->dim[a->ndim - 1];
    int64_t columns = b->dim[b->ndim - 1];
    struct onnx_value *y =
        make(r, n->out, 4, (int64_t[]){ 1, many->dim[1], rows, columns });

    ck_assert(many->ndim == 4 && a->ndim + b->ndim == 6);
    ck_assert_int_eq(inner, b->dim[b->ndim - 2]);
    for (int64_t c = 0; c < many->dim[1]; c++) {
        const float *p = a->v + (many == a ? c * rows * inner : 0);
        const float *q = b->v + (many == b ? c * inner * columns : 0);

        for (int64_t i = 0; i < rows * columns; i++) {
            double sum = 0;

            for (int64_t k = 0; k < inner; k++) {
                sum += (double)p[i / columns * inner + k] *
                       (double)q[k * columns + i % columns];
            }
            y->v[c * rows * columns + i] = (float)sum;
        }
    }
}

/* Behind it, one number a channel. */
static void run_pool(struct onnx_run *r, const struct node *n)
{
    const struct onnx_value *x = n->in[0];
    int64_t area = x->dim[2] * x->dim[3];
    struct onnx_value *y =
        make(r, n->out, 4, (int64_t[]){ 1, x->dim[1], 1, 1 });

    for (size_t c = 0; c < y->n; c++) {
        double sum = 0;

        for (int64_t i = 0; i < area; i++) {
            sum += (double)x->v[(int64_t)c * area + i];
        }
        y->v[c] = (float)(sum / (double)area);
    }
}

static void run_gather(struct onnx_run *r, const struct node *n)
{
    const struct onnx_value *x = n->in[0], *index = n->in[1];
    struct onnx_value *y =
        make(r, n->out, 2, (int64_t[]){ 1, (int64_t)index->n });

    ck_assert(x->ndim == 2 && x->dim[0] == 1 && index->ndim == 1);
    ck_assert_int_eq(attribute(n, "axis", 0, 0), 1);
    for (size_t i = 0; i < y->n; i++) {
        ck_assert(index->v[i] >= 0 && index->v[i] < (float)x->n);
        y->v[i] = x->v[(size_t)index->v[i]];
    }
}

/* Over the outputs: the log of the summed exp, or each one's share of it. */
static void run_sum_of_exp(struct onnx_run *r, const struct node *n, int share)
{
    const struct onnx_value *x = n->in[0];
    int64_t axis =
        share ? attribute(n, "axis", 0, -1) : attribute(n, "axes", 0, -2);
    double sum = 0;

    ck_assert(x->ndim == 2 && x->dim[0] == 1 && (axis == 1 || axis == -1));
    ck_assert_int_eq(attribute(n, "keepdims", 0, 1), 1);
    for (size_t i = 0; i < x->n; i++) {
        sum += exp((double)x->v[i]);
    }
    struct onnx_value *y =
        make(r, n->out, 2, (int64_t[]){ 1, share ? x->dim[1] : 1 });

    for (size_t i = 0; i < y->n; i++) {
        y->v[i] = (float)(share ? exp((double)x->v[i]) / sum : log(sum));
    }
}

/* Where number i of x finds its partner in b: a scalar goes with all, [C,1,1]
 * with its channel. */
static size_t partner(const struct onnx_value *x, const struct onnx_value *b,
                      size_t i)
{
    return b->ndim == 0 ? 0 : b->ndim == 3 ? i / (x->n / (size_t)x->dim[1]) : i;
}

/* What is done to each number alone. */
static void run_each(struct onnx_run *r, const struct node *n)
{
    const struct onnx_value *x = n->in[0];
    struct onnx_value *y = make(r, n->out, x->ndim, x->dim);

    for (int k = 1; k < n->n_in; k++) {
        const struct onnx_value *b = n->in[k];

        ck_assert(b->n == x->n || b->ndim == 0 ||
                  (b->ndim == 3 && x->ndim == 4 && b->dim[0] == x->dim[1] &&
                   b->n == (size_t)b->dim[0]));
    }
    for (size_t i = 0; i < y->n; i++) {
        double a = (double)x->v[i], b = 0, sum = 0;

        for (int k = 0; k < n->n_in; k++) {
            b = (double)n->in[k]->v[partner(x, n->in[k], i)];
            sum += b;
        }
        y->v[i] = (float)(strcmp(n->op, "Relu") == 0      ? fmax(a, 0)
                          : strcmp(n->op, "Sigmoid") == 0 ? 1 / (1 + exp(-a))
                          : strcmp(n->op, "Clip") == 0
                              ? fmin(fmax(a, (double)n->in[1]->v[0]),
                                     (double)n->in[2]->v[0])
                          : strcmp(n->op, "Add") == 0  ? sum
                          : strcmp(n->op, "Mean") == 0 ? sum / n->n_in
                          : strcmp(n->op, "Sub") == 0  ? a - b
                          : strcmp(n->op, "Mul") == 0  ? a * b
                                                       : (double)NAN);
        testkit_assert(isfinite(y->v[i]), "%s: %s", n->op, n->out);
    }
}

static void run_node(struct onnx_run *r, const struct node *n)
{
    if (strcmp(n->op, "Conv") == 0) {
        run_conv(r, n);
    } else if (strcmp(n->op, "Gemm") == 0) {
        run_gemm(r, n);
    } else if (strcmp(n->op, "MatMul") == 0) {
        run_matmul(r, n);
    } else if (strcmp(n->op, "GlobalAveragePool") == 0) {
        run_pool(r, n);
    } else if (strcmp(n->op, "Gather") == 0) {
        run_gather(r, n);
    } else if (strcmp(n->op, "ReduceLogSumExp") == 0) {
        run_sum_of_exp(r, n, 0);
    } else if (strcmp(n->op, "Softmax") == 0) {
        run_sum_of_exp(r, n, 1);
    } else if (strcmp(n->op, "Flatten") == 0) {
        const struct onnx_value *x = n->in[0];

        ck_assert(attribute(n, "axis", 0, 1) == 1 && x->dim[0] == 1);
        struct onnx_value *y =
            make(r, n->out, 2, (int64_t[]){ 1, (int64_t)x->n });
        memcpy(y->v, x->v, x->n * sizeof *x->v);
    } else {
        run_each(r, n);
    }
}

void onnx_run(struct onnx_run *r, struct onnx_bytes graph, const float *image,
              int64_t c, int64_t h, int64_t w)
{
    struct onnx_bytes b = graph;
    struct onnx_value *x;
    struct onnx_field f;
    struct node n;

    r->n = r->n_nodes = 0;
    x = make(r, "image", 4, (int64_t[]){ 1, c, h, w });
    memcpy(x->v, image, x->n * sizeof *x->v);
    while (onnx_next(&b, &f)) {
        if (f.number == 5) {
            read_tensor(r, f.bytes);
        }
    }
    while (onnx_next(&graph, &f)) {
        if (f.number == 1) {
            read_node(r, &n, f.bytes);
            run_node(r, &n);
            r->n_nodes++;
        }
    }
}

void onnx_run_release(struct onnx_run *r)
{
    for (size_t i = 0; i < r->n; i++) {
        nn_mem_free(r->value[i].v);
    }
    r->n = 0;
}
