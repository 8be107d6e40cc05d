#include "pipelines/cli/run_mark.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"

static uint64_t hash_net(const struct nn_net *net, uint64_t h)
{
    if (net == NULL) {
        return h;
    }
    h = nn_hash_u64(net->params.value.data,
                    net->params.value.count * sizeof(float), h);
    h = nn_hash_u64(&net->temperature, sizeof net->temperature, h);
    h = nn_hash_u64(net->spec.more, net->spec.n_more * sizeof *net->spec.more,
                    h);
    return nn_hash_u64(&net->spec.size, sizeof net->spec.size, h);
}

uint64_t run_mark(const struct model *m)
{
    const double decides[] = { m->gate_policy.threshold,
                               m->species_policy.reject_threshold,
                               m->policy.none_threshold,
                               m->policy.gate_weight };
    uint64_t h = hash_net(m->species, hash_net(m->gate, (uint64_t)m->system));

    for (size_t i = 0; i < m->rungs.n; i++) {
        h = hash_net(m->rungs.v[i].net, h);
        h = nn_hash_u64(&m->rungs.v[i].threshold,
                        sizeof m->rungs.v[i].threshold, h);
    }
    for (size_t k = 0; k < m->n_classes; k++) {
        h = nn_hash_u64(m->classes[k], strlen(m->classes[k]) + 1, h);
    }
    for (size_t i = 0; i < sizeof decides / sizeof decides[0]; i++) {
        h = nn_hash_u64(&decides[i], sizeof decides[i], h);
    }
    h = nn_hash_u64(&m->threshold_given, sizeof m->threshold_given, h);
    return nn_hash_u64(&m->threshold, sizeof m->threshold, h);
}

void run_mark_text(uint64_t mark, char text[RUN_MARK_SIZE])
{
    snprintf(text, RUN_MARK_SIZE, "%016llx", (unsigned long long)mark);
}
