#!/usr/bin/env python3
"""The weighted mean of the weights of two models of one shape.

    python3 average.py A.safetensors B.safetensors SHARE OUT.safetensors

OUT is A but for its tensors, which are (1 - SHARE) A + SHARE B. Two nets that
were tuned from the same weights, on other views, can be averaged so
(arXiv 2203.05482): the mean is close to either at what that does well, at the
price of one. A's thresholds were chosen for A; `train --gate-from` chooses new
ones. What A keeps of the embeddings of its photos (`classify --reference`) is no
weight, and left out. Standard library only.
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


def place(item):
    return item[1].get("data_offsets", [0])


def average(a, b, share):
    """(header, data): A's header with the means."""
    (head, body), (other, more) = a, b
    out = bytearray()
    for name, t in sorted(head.items(), key=place):
        if name == "__metadata__":
            continue
        if name.startswith("reference."):
            del head[name]
            continue
        u = other.get(name)
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
        t["data_offsets"] = [len(out), len(out) + 4 * len(mean)]
        out += mean.tobytes()
    for key in ("xxh3", "reference"):  # of A's tensors
        head["__metadata__"].pop(key, None)
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
