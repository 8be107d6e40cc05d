/* tests/unit/stages/invented_comparison.h - systems that nobody trained, with
 * scores and costs made up. */
#ifndef TESTS_UNIT_STAGES_INVENTED_COMPARISON_H
#define TESTS_UNIT_STAGES_INVENTED_COMPARISON_H

#include "pipelines/cli/cmd.h"
#include "pipelines/compare/comparison.h"

struct comparison_options invented_options(const char *systems, int seeds);
/* Labels and families of 240 test images; the images cannot be read. */
struct nn_dataset *invented_open(void);
void *invented_zeros(size_t n, size_t size);
int invented_is_positive(const struct comparison *c, size_t i);
int32_t invented_truth(const struct comparison *c, size_t i);

/* Scores of a model that is right about a share `skill` of the images. */
void invented_run(const struct comparison *c, struct comparison_run *r,
                  double skill, uint64_t seed);
/* Times of an image, by all ways and of all images alike. */
void invented_speed(struct comparison_cost *k, double nothing, double all);
/* Those images and the systems of o, each worse than the one before. A
 * cascade costs 50 + 200 multiply-adds, 0.5 + 2 ms; others 100, and 1 ms. */
void invented_setup(struct comparison *c, const struct comparison_options *o);

/* The contents of comparison.json, and a number and the sentence in it. */
json_t *invented_json(const struct comparison *c);
double invented_number(const json_t *j, const char *a, const char *b);
const char *invented_verdict(const json_t *j);

#endif /* TESTS_UNIT_STAGES_INVENTED_COMPARISON_H */
