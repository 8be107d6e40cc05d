/* common/tensor/act.h - what a step does to its result at the end. */
#ifndef NN_COMMON_TENSOR_ACT_H
#define NN_COMMON_TENSOR_ACT_H

/* NaN stays NaN in all of them. */
enum nn_act {
    NN_ACT_NONE,
    NN_ACT_RELU,  /* max(y, 0) */
    NN_ACT_RELU6, /* min(max(y, 0), 6): A. Krizhevsky, Convolutional Deep Belief
                     Networks on CIFAR-10, 2010; nets made for few bits */
};

#endif /* NN_COMMON_TENSOR_ACT_H */
