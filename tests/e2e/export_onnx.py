#!/usr/bin/env python3
"""Exported nets in ONNX Runtime say what `classify` says.

A small cascade and a backbone are trained on rendered images, exported, and
checked by onnx.checker. Images are prepared here as the metadata describe;
those that have the net's size already need no resampling, so probabilities
must agree to 1e-4; for others Pillow's filter may differ by one level in 255.

Environment: BEARCASCADE. Prints TAP; skips all where onnx, onnxruntime, numpy
or Pillow is missing.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

from tap import check, done

try:
    import numpy as np
    import onnx
    import onnxruntime
    from PIL import Image
except ImportError as e:
    print(f"1..0 # SKIP {e}; pip install onnx onnxruntime numpy pillow")
    sys.exit(0)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "examples"))
from onnx_cascade import area_average

EXE = os.environ["BEARCASCADE"]
SIZE = 48


def run(*args):
    r = subprocess.run([EXE, *args], capture_output=True, text=True)
    if r.returncode != 0:
        check(False, "bearcascade " + " ".join(args[:2]), r.stderr)
    return r


class Net:
    """An exported file, prepared for use by its own metadata alone."""

    def __init__(self, path):
        self.path = path
        self.model = onnx.load(path)
        onnx.checker.check_model(self.model, full_check=True)
        self.meta = {p.key: p.value for p in self.model.metadata_props}
        self.pre = json.loads(self.meta["preprocessing"])
        self.session = onnxruntime.InferenceSession(
            path, providers=["CPUExecutionProvider"])

    def prepare(self, file):
        p = self.pre
        assert p["resize"] == "squeeze" and p["layout"] == "NCHW", p
        img = Image.open(file).convert("RGB")
        if min(img.size) > p["reduce_side"]:
            share = p["reduce_side"] / min(img.size)
            img = area_average(img, *(int(v * share + 0.5) for v in img.size))
        if img.size != (p["size"], p["size"]):
            img = img.resize((p["size"], p["size"]), Image.BILINEAR)
        x = (np.asarray(img, np.float32) - np.float32(p["mean"]))
        return (x / np.float32(p["stddev"])).transpose(2, 0, 1)

    def __call__(self, files):
        x = np.stack([self.prepare(f) for f in files]).astype(np.float32)
        return self.session.run(["probabilities", "logits"], {"image": x})


def classify(run_dir, files):
    r = run("classify", "-m", run_dir, "-f", "jsonl", "--all-stages", *files)
    rows = [json.loads(line) for line in r.stdout.splitlines()]
    assert [row["file"] for row in rows] == list(files), r.stdout
    return rows


def own_none(net, row):
    """What the species net alone says of none: the gate's word taken out."""
    d = json.loads(net.meta["decision"])
    g, n = row["p_gate"], row["p_none"]
    odds = n / (1 - n) * (g / (1 - g)) ** d["gate_weight"]
    return odds / (1 + odds)


def species_row(net, row):
    n = own_none(net, row)
    return [*(v * (1 - n) for v in row["p"].values()), n]


def check_cascade(folder, run_dir, images, others):
    nets = {}
    for name in ("gate", "species"):
        out = os.path.join(folder, name + ".onnx")
        run("export", "-m", run_dir, "--net", name, "--onnx", out)
        nets[name] = Net(out)
        opset = [o.version for o in nets[name].model.opset_import]
        check(opset == [17], f"{name}: the checker accepts it, opset 17", opset)
    classes = json.loads(nets["gate"].meta["classes"])
    check(classes == ["black", "grizzly", "teddy"] and
          json.loads(nets["species"].meta["outputs"]) == [*classes, "-"] and
          0 <= json.loads(nets["gate"].meta["threshold"]) <= 1 and
          0 <= json.loads(nets["species"].meta["reject_threshold"]) <= 1,
          "the metadata name classes, threshold and reject threshold", nets["gate"].meta)
    for files, bound, what in ((images, 1e-4, "of its own size"),
                               (others, 1e-2, "of other sizes")):
        rows = classify(run_dir, files)
        want = np.array([r["p_gate"] for r in rows])
        got = nets["gate"](files)[0][:, 0]
        worst = np.abs(got - want).max()
        check(worst <= bound, f"gate: probabilities of images {what} differ "
              f"by {worst:.1e}", f"{got}\n{want}")
        want = np.array([species_row(nets["species"], r) for r in rows])
        got = nets["species"](files)[0]
        worst = np.abs(got - want).max()
        check(worst <= bound, f"species: probabilities of images {what} "
              f"differ by {worst:.1e}", f"{got}\n{want}")
    spread = np.ptp(nets["gate"](images)[0])
    check(spread > 1e-2, f"the images are not all alike ({spread:.2g})")
    one = np.concatenate([nets["gate"]([f])[0] for f in images[:3]])
    three = nets["gate"](images[:3])[0]
    check(np.abs(one - three).max() < 1e-6, "any batch size")


def strict(run_dir, folder, images, gate_threshold=None):
    """The same model with thresholds that every stage rejects some by, or the
    gate by the given one."""
    with open(os.path.join(run_dir, "best.safetensors"), "rb") as f:
        data = f.read()
    n, = struct.unpack("<Q", data[:8])
    head = json.loads(data[8:8 + n])
    meta = head["__metadata__"]
    rows = classify(run_dir, images)

    def third(values):
        values = sorted(set(values))
        return sum(values[len(values) // 3:][:2]) / 2

    gate, both = (json.loads(meta[k + ".policy"]) for k in ("gate", "cascade"))
    gate["threshold"] = (third(r["p_gate"] for r in rows)
                         if gate_threshold is None else gate_threshold)
    both["none_threshold"] = third(1 - r["p_none"] for r in rows
                                   if r["p_gate"] > gate["threshold"])
    meta["gate.policy"], meta["cascade.policy"] = map(json.dumps, (gate, both))
    meta.pop("xxh3", None)  # of the file as it was
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 64)
    out = os.path.join(folder, "strict.safetensors")
    with open(out, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data[8 + n:])
    return out


def check_example(folder, run_dir, images):
    """examples/onnx_cascade.py decides as classify does."""
    out = {}
    for name in ("gate", "species"):
        out[name] = os.path.join(folder, f"example-{name}.onnx")
        run("export", "-m", run_dir, "--net", name, "--onnx", out[name])
    example = os.path.join(os.path.dirname(__file__), "..", "..", "examples",
                           "onnx_cascade.py")
    r = subprocess.run([sys.executable, example, out["gate"], out["species"],
                        *images], capture_output=True, text=True)
    said = [line.split("\t") for line in r.stdout.splitlines()]
    rows = [json.loads(line) for line in
            run("classify", "-m", run_dir, "-f", "jsonl",
                *images).stdout.splitlines()]
    decision = json.loads(Net(out["gate"]).meta["decision"])
    edges = [min(abs(row.get("p_gate", row["p_positive"]) -
                     decision["gate_threshold"]),
                 abs(row["p_positive"] - decision["threshold"]),
                 abs(max(row["p"].values(), default=-1) -
                     decision["reject_threshold"])) < 1e-4 for row in rows]
    check(r.returncode == 0 and len(said) == len(rows) and
          all(s[0] == row["file"] and (s[1] == row["label"] or edge)
              for s, row, edge in zip(said, rows, edges)),
          "the example gives the same verdicts", f"{said}\n{rows}\n{r.stderr}")
    worst = max(abs(float(s[2]) - row["p_positive"])
                for s, row in zip(said, rows))
    check(worst <= 1e-4, f"and scores that differ by {worst:.1e}", said)
    return {(row["verdict"], row["stage"]) for row in rows}


def check_single(folder, data, system, images):
    """One net: p_positive is the largest probability, or 1 - p(none)."""
    out = os.path.join(folder, system)
    run("train", data, "--out", out, "--system", system, "--epochs", "2",
        "--gate-width", "0.25", "--gate-size", str(SIZE), "--batch", "16",
        "--quiet")
    run("export", "-m", out, "--onnx", out + ".onnx")
    net = Net(out + ".onnx")
    p = net(images)[0]
    rows = classify(out, images)
    want = np.array([r["p_positive"] for r in rows])
    got = 1 - p[:, -1] if system == "softmax-none" else p.max(axis=1)
    check(np.abs(got - want).max() < 1e-4 and net.meta["system"] == system and
          0 <= json.loads(net.meta["threshold"]) <= 1,
          f"a {system} model", f"{got}\n{want}\n{net.meta['outputs']}")


def check_views(folder, data, images):
    """A gate that looks twice, and a species net that looks larger."""
    out = os.path.join(folder, "views")
    large = SIZE + SIZE // 2
    run("train", data, "--out", out, "--gate-width", "0.25", "--gate-size",
        str(SIZE), "--gate-tta", f"{large},{SIZE}m", "--species-width",
        "0.25", "--species-size", str(SIZE), "--species-tta",
        str(large), "--epochs", "2", "--batch", "16", "--quiet")
    card = json.loads(run("inspect", out, "--json").stdout)
    check(card["gate"]["size"] == card["species"]["size"] == large and
          card["gate"]["tta"] == [{"size": SIZE, "mirrored": True}] and
          "tta" not in card["species"] and
          card["gate"]["multiply_adds"] > card["species"]["multiply_adds"],
          "inspect tells the views", card)
    rows = classify(out, images)
    for name in ("gate", "species"):
        path = os.path.join(folder, f"views-{name}.onnx")
        run("export", "-m", out, "--net", name, "--onnx", path)
        net = Net(path)
        want = np.array([[r["p_gate"]] if name == "gate" else
                         species_row(net, r) for r in rows])
        got = net(images)[0]
        worst = np.abs(got - want).max()
        check(worst <= 1e-4, f"{name} with test-time augmentation: probabilities differ "
              f"by {worst:.1e}", f"{got}\n{want}")


def check_backbone(folder, data, head, images):
    out = os.path.join(folder, head)
    run("pretrain", data, "--out", out, "--size", str(SIZE), "--width", "0.25",
        "--epochs", "1", "--batch", "16", "--head", head, "--quiet")
    path = os.path.join(folder, head + ".onnx")
    run("export", "-m", out, "--onnx", path)
    net = Net(path)
    p, z = net(images)
    z = z.astype(np.float64)
    want = (1 / (1 + np.exp(-z)) if head == "sigmoid" else
            np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))
    check(p.shape == (len(images), 3) and np.abs(p - want).max() < 1e-5,
          f"a backbone with a {head} head", f"{p}\n{want}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        run_dir = os.path.join(folder, "run")
        run("synth", "--out", data, "--count", "160", "--seed", "3", "--size",
            "80", "--quiet")
        run("train", data, "--out", run_dir, "--gate-width", "0.25",
            "--species-width", "0.35", "--gate-size", str(SIZE),
            "--species-size", str(SIZE), "--epochs", "3", "--batch", "16",
            "--quiet")
        found = sorted(os.path.join(at, f) for at, _, names in
                       os.walk(os.path.join(data, "test")) for f in names)
        images, others = [], []
        for i, f in enumerate(found[:12]):
            img = Image.open(f).convert("RGB")
            images.append(os.path.join(folder, f"{i}.png"))
            img.resize((SIZE, SIZE), Image.BICUBIC).save(images[-1])
            others.append(os.path.join(folder, f"other-{i}.png"))
            img.resize((SIZE + 8 + i, SIZE + 20 - i)).save(others[-1])
        check_cascade(folder, run_dir, images, others)
        found = [f for f in found if f.endswith(".jpg")]
        every = []
        for i, f in enumerate(found):
            every.append(os.path.join(folder, f"every-{i}.png"))
            Image.open(f).convert("RGB").resize(
                (SIZE, SIZE), Image.BICUBIC).save(every[-1])
        plain = os.path.join(folder, "plain")
        run("train", data, "--out", plain, "--gate-width", "0.25",
            "--species-width", "0.35", "--gate-size", str(SIZE),
            "--species-size", str(SIZE), "--epochs", "3", "--batch", "16",
            "--species-none", "off", "--quiet")
        stages = check_example(folder, strict(run_dir, folder, every), every)
        check({("none", "gate"), ("none", "species")} < stages,
              "none by either stage was among them", stages)
        stages = check_example(folder, strict(run_dir, folder, every, 0), every)
        check(("none", "gate") not in stages and ("none", "species") in stages,
              "a gate that rejects nothing", stages)
        stages = check_example(folder, strict(run_dir, folder, every, 1), every)
        check(stages == {("none", "gate")}, "a gate that rejects all", stages)
        check_example(folder, plain, every)
        large = []
        for i, f in enumerate(images):
            large.append(os.path.join(folder, f"large-{i}.png"))
            Image.open(f).resize((SIZE + SIZE // 2,) * 2,
                                 Image.BICUBIC).save(large[-1])
        check_views(folder, data, large)
        check_backbone(folder, data, "softmax", images)
        check_backbone(folder, data, "sigmoid", images)
        systems = run("train", "--help").stdout
        for system in ("multilabel", "softmax-none", "softmax-max"):
            if system in systems:
                check_single(folder, data, system, images)
        bad = os.path.join(folder, "none", "gate.onnx")
        r = subprocess.run([EXE, "export", "-m", run_dir, "--onnx", bad],
                           capture_output=True, text=True)
        check(r.returncode == 1 and bad in r.stderr,
              "a file that cannot be written is named", r.stderr)
    return done()


if __name__ == "__main__":
    sys.exit(main())
