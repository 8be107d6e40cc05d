/* stage1_gate/gate_lessons.h - what a teacher says of the images a gate learns
 * from.
 *
 * Distillation (Hinton, Vinyals and Dean 2015, arXiv 1503.02531): a small net
 * is trained towards the probabilities of a strong one, and not towards labels
 * alone. With P the teacher's probability of a positive, q_k that of class k
 * given a positive, and y the row of an image's label, the gate's targets are
 *
 *     t = (1 - w) y + w s,    s_k = P q_k       for the classes,
 *                             s_f = 1 - P       for one negative output f,
 *
 * f being the image's own family, and "-" for images of a class. An image
 * without a label has t = s with f = "-". The teacher sees each image as it is,
 * the gate augmented views of it. */
#ifndef STAGE1_GATE_GATE_LESSONS_H
#define STAGE1_GATE_GATE_LESSONS_H

#include <stddef.h>
#include <stdint.h>

/* Items of a data set; those that came to it later are not taught. */
struct gate_lessons {
    size_t n, n_classes;
    double weight;      /* w, 0..1 */
    uint8_t *ok;        /* [n] the teacher has seen it */
    float *positive;    /* [n] P */
    float *of_class;    /* [n,n_classes] q; a row sums to 1 */
    uint64_t soft_hash; /* of all that it says, not 0 */
};
void gate_lessons_release(struct gate_lessons *l);

/* 1: item i has been looked at. */
int gate_lessons_has(const struct gate_lessons *l, size_t i);
/* t over row [outputs], which holds y, or zeros where item i has no label;
 * outputs: classes, families, "-". Rows of other items stay. */
void gate_lessons_apply(const struct gate_lessons *l, size_t i, float *row,
                        size_t outputs);

#endif /* STAGE1_GATE_GATE_LESSONS_H */
