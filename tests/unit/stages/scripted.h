/* tests/unit/stages/scripted.h - images with given labels, and nets that give
 * them given logits: what a stage makes of its net's answers can then be
 * worked out on paper. */
#ifndef TESTS_UNIT_STAGES_SCRIPTED_H
#define TESTS_UNIT_STAGES_SCRIPTED_H

#include "common/data/score_items.h"

enum {
    SCRIPTED_ITEMS = 256, /* at most, in a data set */
    SCRIPTED_IMAGES = 16, /* different ones, at most */
    SCRIPTED_DAMAGED = -1,
};

struct scripted_item {
    const char *label; /* "": a negative */
    const char *family;
    enum nn_split split;
    int image; /* 0..SCRIPTED_IMAGES-1, or SCRIPTED_DAMAGED */
    int times; /* this many items of that kind */
};

/* Items in the order given, as one data set; rows end with times 0. What was
 * opened before must be closed. */
struct nn_dataset *scripted_open(const struct scripted_item *rows);
/* How often item i has been read since scripted_open(). */
size_t scripted_reads(size_t i);

/* Give the net a classifier with logits want[n,K] on images 0..n-1, which is
 * checked. scripted_open() must not be under way. */
void scripted_answers(struct nn_net *net, const double *want, size_t n);

#endif /* TESTS_UNIT_STAGES_SCRIPTED_H */
