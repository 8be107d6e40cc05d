#include "common/base/cpu.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "common/base/context.h"

#if defined(__x86_64__)
#include <cpuid.h>

static unsigned long long read_xcr0(void)
{
    unsigned lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (unsigned long long)hi << 32 | lo;
}

static unsigned detect(void)
{
    unsigned a, b, c, d, b7, c7, d7;
    unsigned long long xcr0;
    unsigned flags = 0;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) ||
        !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) {
        return 0;
    }
    xcr0 = read_xcr0();
    if ((xcr0 & 0x6) == 0x6 && (c & bit_FMA) && (b7 & bit_AVX2)) {
        flags |= NN_CPU_AVX2;
    }
    if (flags != 0 && (xcr0 & 0xe6) == 0xe6 && (b7 & bit_AVX512F) &&
        (b7 & bit_AVX512BW) && (b7 & bit_AVX512DQ) && (b7 & bit_AVX512VL)) {
        flags |= NN_CPU_AVX512;
    }
    return flags;
}
#elif defined(__aarch64__)
static unsigned detect(void)
{
    return NN_CPU_NEON;
}
#else
static unsigned detect(void)
{
    return 0;
}
#endif

static long cache_size(int name, long otherwise)
{
    long n = sysconf(name);

    return n > 0 ? n : otherwise;
}

static unsigned cpu_flags;
static struct nn_cpu_caches cpu_caches;
static pthread_once_t cpu_once = PTHREAD_ONCE_INIT;

/* Asking for the caches takes some instructions that a virtual machine
 * catches, each for microseconds. */
static void detect_once(void)
{
    cpu_flags = detect();
    cpu_caches = (struct nn_cpu_caches){
        .l1d = cache_size(_SC_LEVEL1_DCACHE_SIZE, 32L << 10),
        .l2 = cache_size(_SC_LEVEL2_CACHE_SIZE, 512L << 10),
        .l3 = cache_size(_SC_LEVEL3_CACHE_SIZE, 4L << 20),
    };
}

unsigned nn_cpu_flags(void)
{
    pthread_once(&cpu_once, detect_once);
    return cpu_flags & ~nn_context_get().cpu_denied;
}

void nn_cpu_limit(const char *word)
{
    struct nn_context c = nn_context_get();
    unsigned allowed = 0;

    if (word == NULL || *word == '\0' || strcmp(word, "avx512") == 0) {
        allowed = ~0u;
    } else if (strcmp(word, "avx2") == 0) {
        allowed = NN_CPU_AVX2;
    } else if (strcmp(word, "neon") == 0) {
        allowed = NN_CPU_NEON;
    }
    c.cpu_denied = ~allowed;
    nn_context_set(c);
}

const char *nn_cpu_name(unsigned flags)
{
    if (flags & NN_CPU_AVX512) {
        return "avx512";
    }
    if (flags & NN_CPU_AVX2) {
        return "avx2";
    }
    return flags & NN_CPU_NEON ? "neon" : "scalar";
}

struct nn_cpu_caches nn_cpu_caches(void)
{
    pthread_once(&cpu_once, detect_once);
    return cpu_caches;
}
