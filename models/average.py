#!/usr/bin/env python3
"""The weighted mean of the weights of two models of one shape.

    python3 average.py A.safetensors B.safetensors SHARE OUT.safetensors

OUT is A but for its tensors, which are (1 - SHARE) A + SHARE B. Two nets that
were tuned from the same weights, on other views, can be averaged so
(arXiv 2203.05482): the mean is close to either at what that does well, at the
price of one. A's thresholds were chosen for A; `train --gate-from` chooses new
ones. Standard library only.
"""
import array
import struct
import sys

import tensors


def floats(data):
    a = array.array("f", data)
    if sys.byteorder != "little":
        a.byteswap()
    return a


def average(a, b, share):
    """(header, data): A's header with the means."""
    (head, body), (other, more) = a, b
    out, at = bytearray(body), dict(other)
    for name, t in head.items():
        if name == "__metadata__":
            continue
        u = at.get(name)
        if u is None or (u["dtype"], u["shape"]) != (t["dtype"], t["shape"]):
            raise ValueError("tensor '%s' is not in both" % name)
        if t["dtype"] != "F32":
            raise ValueError("tensor '%s' is %s, not F32" % (name, t["dtype"]))
        x = floats(body[slice(*t["data_offsets"])])
        y = floats(more[slice(*u["data_offsets"])])
        mean = array.array("f", ((1 - share) * p + share * q
                                 for p, q in zip(x, y)))
        if sys.byteorder != "little":
            mean.byteswap()
        out[slice(*t["data_offsets"])] = mean.tobytes()
    head["__metadata__"].pop("xxh3", None)  # of A's tensors
    return head, bytes(out)


def main(a, b, share, target):
    head, data = average(tensors.read(a), tensors.read(b), float(share))
    tensors.write(target, head, [data])


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError, KeyError, struct.error) as e:
        sys.exit("average.py: %s" % e)
