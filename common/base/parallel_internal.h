/* common/base/parallel_internal.h - how many CPUs this process may use. */
#ifndef NN_COMMON_BASE_PARALLEL_INTERNAL_H
#define NN_COMMON_BASE_PARALLEL_INTERNAL_H

/* CPUs of the affinity mask, at least 1. */
int nn_parallel_affinity(void);

/* CPUs of the cgroup v2 quota, rounded up, or `max` where there is none or
 * it is larger. `membership` is the file that names this process's group
 * (/proc/self/cgroup), `mount` the folder of the hierarchy (/sys/fs/cgroup).
 * A quota of any parent group counts. */
int nn_parallel_quota(const char *membership, const char *mount, int max);

#endif /* NN_COMMON_BASE_PARALLEL_INTERNAL_H */
