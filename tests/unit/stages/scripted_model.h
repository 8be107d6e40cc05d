/* tests/unit/stages/scripted_model.h - nets that say what they are told to.
 *
 * A scripted net passes the red of a plain image through all its layers, so
 * that output k is slope[k] * r / 255 + bias[k], whatever lies between. */
#ifndef TESTS_UNIT_STAGES_SCRIPTED_MODEL_H
#define TESTS_UNIT_STAGES_SCRIPTED_MODEL_H

#include "pipelines/cascade/cascade.h"

struct scripted_output {
    const char *name;
    double slope, bias;
};

struct nn_net *scripted_net(enum nn_head head, double temperature,
                            const struct scripted_output *out, size_t n);
/* The same for images of size x size, 64 at most. */
struct nn_net *scripted_net_at(int32_t size, enum nn_head head,
                               double temperature,
                               const struct scripted_output *out, size_t n);

/* Another trunk with the same answers: a weight of the first layer that leads
 * nowhere is a. */
void scripted_trunk(struct nn_net *net, float a);

/* Classes ant, bee, cat; with r in 0..255 and x = r / 255
 *   gate     z = 8 x - 4, at temperature 2: p = sigmoid(4 x - 2); the outputs
 *            stand in an order that is not that of the classes
 *   species  logits 3 x, 1, 2 - 4 x, at temperature 1/2
 * Thresholds 0.5 and 0.6. The trunks differ. model_destroy() frees it. One
 * thread from now on. */
struct model *scripted_model(void);
double scripted_gate(int r);
void scripted_species(int r, double p[3]);

/* DIR/NAME.png, 40 x 32 pixels of grey r; the path, to be freed with
 * nn_mem_free(). */
char *scripted_image(const char *dir, const char *name, int r);

#endif /* TESTS_UNIT_STAGES_SCRIPTED_MODEL_H */
