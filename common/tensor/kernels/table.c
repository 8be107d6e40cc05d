/* Choice of the kernel table. */
#include "common/tensor/kernels/table.h"

#include "common/base/cpu.h"

const struct nn_kernels *nn_kernels_for(unsigned flags)
{
#ifdef NN_HAVE_X86_KERNELS
    if (flags & NN_CPU_AVX512) {
        return &nn_kernels_avx512;
    }
    if (flags & NN_CPU_AVX2) {
        return &nn_kernels_avx2;
    }
#endif
    (void)flags;
#if defined(__aarch64__)
    return &nn_kernels_neon;
#else
    return &nn_kernels_scalar;
#endif
}
