#!/usr/bin/env python3
"""A backbone of half the size from a file that models/fetch.sh made.

    python3 backbone.py IN.safetensors OUT.safetensors

Leaves out the classifier and rounds all weights to float16 (to nearest, ties
to even) except the running means and variances of batch norm, whose range
float16 does not have. Metadata stay. Standard library only.
"""
import struct
import sys

import tensors

CLASSIFIER = "classifier."
KEEP = (".running_mean", ".running_var")


def rounded(data):
    values = struct.unpack("<%df" % (len(data) // 4), data)
    return struct.pack("<%de" % len(values), *values)


def convert(head, body):
    """(header, data) of the new file."""
    out = {"__metadata__": dict(head["__metadata__"],
                                changes="classifier left out, weights rounded "
                                        "to float16")}
    parts, at = [], 0
    for name, t in head.items():
        if name == "__metadata__" or name.startswith(CLASSIFIER):
            continue
        if t["dtype"] != "F32":
            raise ValueError("tensor '%s' is %s, not F32" % (name, t["dtype"]))
        data = body[slice(*t["data_offsets"])]
        keep = name.endswith(KEEP)
        parts.append(data if keep else rounded(data))
        out[name] = {"dtype": "F32" if keep else "F16", "shape": t["shape"],
                     "data_offsets": [at, at + len(parts[-1])]}
        at += len(parts[-1])
    return out, b"".join(parts)


def main(source, target):
    head, data = convert(*tensors.read(source))
    tensors.write(target, head, [data])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: backbone.py IN.safetensors OUT.safetensors")
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError, KeyError, struct.error) as e:
        sys.exit("backbone.py: %s" % e)
