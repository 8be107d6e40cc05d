/* The table of one instruction set. */
#include "common/tensor/kernels/isa.h"

#define STR2(x) #x
#define STR(x)  STR2(x)

const struct nn_kernels NN_K(nn_kernels) = {
    .name = STR(NN_ISA),
    .vw = VW,
    .mr = ISA_MR,
    .tile = NN_K(nn_k_tiles),
    .flat = NN_K(nn_k_flats),
    .outer = NN_K(nn_k_outers),
    .copy = NN_K(nn_k_copy),
    .copy_norm = NN_K(nn_k_copy_norm),
    .transpose = NN_K(nn_k_transpose),
#if NN_STREAMS
    .stream = NN_K(nn_k_stream),
    .stream_end = NN_K(nn_k_stream_end),
#endif
    .dw_3s1 = NN_K(nn_k_dw_3s1),
    .dw_3s2 = NN_K(nn_k_dw_3s2),
    .dw_5s1 = NN_K(nn_k_dw_5s1),
    .dw_5s2 = NN_K(nn_k_dw_5s2),
    .dw_any = NN_K(nn_k_dw_any),
    .dwi_3s2 = NN_K(nn_k_dwi_3s2),
    .dwi_5s2 = NN_K(nn_k_dwi_5s2),
    .dwi_any = NN_K(nn_k_dwi_any),
    .dww_3s1 = NN_K(nn_k_dww_3s1),
    .dww_3s2 = NN_K(nn_k_dww_3s2),
    .dww_5s1 = NN_K(nn_k_dww_5s1),
    .dww_5s2 = NN_K(nn_k_dww_5s2),
    .dww_any = NN_K(nn_k_dww_any),
    .wino_in = NN_K(nn_k_wino_in),
    .wino_out = NN_K(nn_k_wino_out),
    .stats = NN_K(nn_k_stats),
    .apply = NN_K(nn_k_apply),
    .back_sums = NN_K(nn_k_back_sums),
    .back_apply = NN_K(nn_k_back_apply),
    .act_back = NN_K(nn_k_act_back),
    .add = NN_K(nn_k_add),
    .add_into = NN_K(nn_k_add_into),
};
