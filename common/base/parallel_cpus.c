#include "common/base/parallel_internal.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int nn_parallel_affinity(void)
{
    cpu_set_t set;
    long n;

    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        n = CPU_COUNT(&set);
    } else {
        n = sysconf(_SC_NPROCESSORS_ONLN); /* above 1024 CPUs */
    }
    return n < 1 ? 1 : (int)n;
}

/* "200000 100000" is two CPUs; "max 100000" is no limit. */
static int group_quota(const char *folder, int max)
{
    char path[1700];
    long long quota = 0, period = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/cpu.max", folder);
    f = fopen(path, "r");
    if (f == NULL) {
        return max;
    }
    if (fscanf(f, "%lld %lld", &quota, &period) == 2 && quota > 0 &&
        period > 0 && (quota - 1) / period < max) {
        max = (int)((quota - 1) / period) + 1;
    }
    fclose(f);
    return max;
}

int nn_parallel_quota(const char *membership, const char *mount, int max)
{
    FILE *f = fopen(membership, "r");
    char line[1024], folder[1600];
    size_t root;

    snprintf(folder, sizeof folder, "%.500s", mount);
    root = strlen(folder);
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "0::/", 4) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(folder + root, sizeof folder - root, "%s", line + 3);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    for (;;) {
        char *slash;

        max = group_quota(folder, max);
        slash = strrchr(folder + root, '/');
        if (slash == NULL) {
            return max;
        }
        *slash = '\0';
    }
}
