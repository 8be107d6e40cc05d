/* common/net/net_internal.h - what the files of a net share. */
#ifndef NN_COMMON_NET_NET_INTERNAL_H
#define NN_COMMON_NET_NET_INTERNAL_H

#include "common/net/net.h"

/* Metadata "PREFIXnet" of a net; NULL when out of memory. */
json_t *nn_net_spec_json(const struct nn_net *net);

#endif /* NN_COMMON_NET_NET_INTERNAL_H */
