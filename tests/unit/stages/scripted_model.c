#include "tests/unit/stages/scripted_model.h"

#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

enum { SIZE = 32, MAX_SIZE = 64, MAX_OUTPUTS = 8 };

static float *param(struct nn_net *net, const char *name,
                    const struct nn_param **p)
{
    *p = nn_graph_find_param(net->graph, name);
    ck_assert_ptr_nonnull(*p);
    return net->params.value.data + (*p)->offset;
}

/* Every convolution: channel 0 of the middle pixel to channel 0, all else 0;
 * every norm leaves its input as it is. */
static void pass_channel_0(struct nn_net *net)
{
    const struct nn_param *p;

    for (size_t i = 0; (p = nn_graph_param(net->graph, i)) != NULL; i++) {
        float *v = net->params.value.data + p->offset;
        size_t inner = (size_t)p->shape.c;
        int is_vector = p->shape.n == 1 && p->shape.h == 1 && p->shape.w == 1;
        int is_one = strstr(p->name, "running_var") != NULL ||
                     strstr(p->name, "weight") != NULL;

        for (size_t j = 0; j < p->count; j++) {
            v[j] = is_vector && is_one ? 1 : 0;
        }
        if (!is_vector) {
            v[((size_t)(p->shape.h / 2) * (size_t)p->shape.w +
               (size_t)(p->shape.w / 2)) *
              inner] = 1;
        }
    }
}

/* What arrives at the classifier from white: additions around blocks double
 * it. Output 0 is 1 times that. */
static double gain(struct nn_net *net)
{
    static uint8_t white[MAX_SIZE * MAX_SIZE * 3];
    struct nn_scorer *s;
    float z[MAX_OUTPUTS];

    memset(white, 255, sizeof white);
    ck_assert_int_eq(nn_scorer_create(net, 1, &s, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_run_bytes(s, white, 1, z, NULL), NN_OK);
    nn_scorer_destroy(&s);
    ck_assert_float_ge(z[0], 0.5f);
    return (double)z[0];
}

struct nn_net *scripted_net_at(int32_t size, enum nn_head head,
                               double temperature,
                               const struct scripted_output *out, size_t n)
{
    struct nn_net_spec s = gate_net_spec(0.1f, size);
    const char *names[MAX_OUTPUTS];
    const struct nn_param *p;
    struct nn_net *net;
    float *w, *b;
    double by;

    for (size_t k = 0; k < n; k++) {
        names[k] = out[k].name;
    }
    s.head = head;
    s.n_outputs = n;
    s.outputs = names;
    for (int c = 0; c < 3; c++) {
        s.mean[c] = 0;
        s.stddev[c] = 255;
    }
    ck_assert_int_eq(nn_net_create(&s, 1, &net, NULL), NN_OK);
    net->temperature = temperature;
    pass_channel_0(net);
    by = gain(net);
    w = param(net, "classifier.weight", &p);
    b = param(net, "classifier.bias", &p);
    p = nn_graph_find_param(net->graph, "classifier.weight");
    for (size_t k = 0; k < n; k++) {
        w[k * p->count / n] = (float)(out[k].slope / by);
        b[k] = (float)out[k].bias;
    }
    return net;
}

struct nn_net *scripted_net(enum nn_head head, double temperature,
                            const struct scripted_output *out, size_t n)
{
    return scripted_net_at(SIZE, head, temperature, out, n);
}

void scripted_trunk(struct nn_net *net, float a)
{
    const struct nn_param *p;
    float *w = param(net, "conv_stem.weight", &p);

    w[p->count - 1] = a; /* from blue to a channel that is not the first */
}

struct model *scripted_model(void)
{
    /* Two classes and two families share the mass alike: the difference of
     * their logits is left. Cats never get any. */
    static const struct scripted_output gate[] = { { "-dog", 0, 0 },
                                                   { "+cat", 0, -60 },
                                                   { "+bee", 8, -4 },
                                                   { "-", 0, 0 },
                                                   { "+ant", 8, -4 } };
    static const struct scripted_output species[] = { { "ant", 3, 0 },
                                                      { "bee", 0, 1 },
                                                      { "cat", -4, 2 } };
    static char ant[] = "ant", bee[] = "bee", cat[] = "cat";
    static char *classes[] = { ant, bee, cat };
    const struct nn_dataset ds = { .n_classes = 3, .classes = classes };
    struct model *m;

    nn_parallel_set_threads(1); /* nothing here is worth a second one */
    ck_assert_int_eq(model_create(&ds, &m, NULL), NN_OK);
    m->gate = scripted_net(NN_HEAD_SOFTMAX, 2, gate, 5);
    m->species = scripted_net(NN_HEAD_SOFTMAX, 0.5, species, 3);
    scripted_trunk(m->species, 1);
    m->gate_policy.threshold = 0.5;
    m->species_policy.reject_threshold = 0.6;
    return m;
}

double scripted_gate(int r)
{
    return 1 / (1 + exp(2 - 4. * r / 255));
}

void scripted_species(int r, double p[3])
{
    double x = r / 255., ant = exp(6 * x), bee = exp(2), cat = exp(4 - 8 * x);

    p[0] = ant / (ant + bee + cat);
    p[1] = bee / (ant + bee + cat);
    p[2] = cat / (ant + bee + cat);
}

char *scripted_image(const char *dir, const char *name, int r)
{
    struct nn_image img = NN_IMAGE_INIT;
    char *path = nn_mem_sprintf("%s/%s.png", dir, name);

    ck_assert_int_eq(nn_image_create(&img, 40, 32), NN_OK);
    memset(img.rgb, r, 40 * 32 * 3);
    sample_png_file(path, &img);
    nn_image_release(&img);
    return path;
}
