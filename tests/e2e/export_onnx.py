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

EXE = os.environ["BEARCASCADE"]
SIZE = 48


def run(*args):
    r = subprocess.run([EXE, *args], capture_output=True, text=True)
    if r.returncode != 0:
        check(False, "bearcascade " + " ".join(args[:2]), r.stderr)
    return r


def area_average(img, w, h):
    """By exact overlap, which Pillow's BOX is not."""
    def weights(n, m):
        edges = np.arange(m + 1) * n / m
        pixel = np.arange(n)
        share = (np.minimum(edges[1:, None], pixel + 1) -
                 np.maximum(edges[:-1, None], pixel)).clip(0)
        return share * m / n
    x = np.asarray(img, np.float64)
    x = np.einsum("ij,jkc->ikc", weights(x.shape[0], h), x)
    x = np.einsum("ij,kjc->kic", weights(x.shape[1], w), x)
    return Image.fromarray(np.floor(x + 0.5).astype(np.uint8))


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
          json.loads(nets["species"].meta["outputs"]) == classes and
          0 <= json.loads(nets["gate"].meta["threshold"]) <= 1 and
          0 <= json.loads(nets["species"].meta["reject_threshold"]) <= 1,
          "the metadata name classes, threshold and reject threshold", nets["gate"].meta)
    for files, bound, what in ((images, 1e-4, "of its own size"),
                               (others, 1e-2, "of other sizes")):
        rows = classify(run_dir, files)
        want = np.array([r["p_positive"] for r in rows])
        got = nets["gate"](files)[0][:, 0]
        worst = np.abs(got - want).max()
        check(worst <= bound, f"gate: probabilities of images {what} differ "
              f"by {worst:.1e}", f"{got}\n{want}")
        want = np.array([[r["p"][c] for c in classes] for r in rows])
        got = nets["species"](files)[0]
        worst = np.abs(got - want).max()
        check(worst <= bound, f"species: probabilities of images {what} "
              f"differ by {worst:.1e}", f"{got}\n{want}")
    spread = np.ptp(nets["gate"](images)[0])
    check(spread > 1e-2, f"the images are not all alike ({spread:.2g})")
    one = np.concatenate([nets["gate"]([f])[0] for f in images[:3]])
    three = nets["gate"](images[:3])[0]
    check(np.abs(one - three).max() < 1e-6, "any batch size")


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
    for name, want in (
            ("gate", np.array([[r["p_positive"]] for r in rows])),
            ("species", np.array([list(r["p"].values()) for r in rows]))):
        path = os.path.join(folder, f"views-{name}.onnx")
        run("export", "-m", out, "--net", name, "--onnx", path)
        got = Net(path)(images)[0]
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
