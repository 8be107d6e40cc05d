#!/usr/bin/env python3
"""classify on photos as cameras write them, 4000 x 3000 pixels, beside Python.

    python3 tests/bench/large_photos.py speed build/pipelines/bearcascade \\
        ../shared/data [--photos 120] [--rounds 3] [--cold]
    python3 tests/bench/large_photos.py area build/pipelines/bearcascade \\
        ../shared/data/bears/test

`speed` makes photos, nine of ten from the mining pool and one from the test
photos of bears: enlarged, with a sensor's noise, a time, a camera and a
thumbnail of 160 px in EXIF, and lets three take turns over them:
  classify                the program
  classify --thumbnails   the same with the thumbnails first
  python                  two processes that decode with Pillow's draft() at the
                          smallest scale that serves the net, resize, and run
                          the exported gate and, on what passes, the species net
                          in ONNX Runtime, one thread each
It prints photos a second and CPU time (user and system) a photo, medians over
the rounds, and their ratios. --cold drops the photos from the page cache
before each turn.

`area` puts a thumbnail into copies of labelled photos (enlarged to 720 px, so
that there is something to gain) and compares the areas under the ROC curve of
p_positive, and the verdicts, with and without --thumbnails.

Needs Pillow, NumPy and, for speed, ONNX Runtime.
"""
import argparse
import io
import json
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tarfile
import tempfile
import time

W, H = 4000, 3000


# --- photos with EXIF --------------------------------------------------------

def ifd(entries, at, following):
    """entries: (tag, type, count, bytes), sorted by tag; at, following: where
    this directory and the next one stand."""
    head = struct.pack("<H", len(entries))
    data, behind = b"", at + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        head += struct.pack("<HHI", tag, kind, count)
        if len(value) > 4:
            head += struct.pack("<I", behind + len(data))
            data += value + b"\0" * (len(value) % 2)
        else:
            head += value.ljust(4, b"\0")
    return head + struct.pack("<I", following) + data


def exif_block(size, when, thumbnail):
    """Time, camera, sides and a JPEG thumbnail, as cameras write them."""
    def text(tag, s):
        return (tag, 2, len(s) + 1, s.encode() + b"\0")

    def number(tag, v):
        return (tag, 4, 1, struct.pack("<I", v))

    def build(sub=0, second=0, at=0):
        first = [text(0x10f, "ACME"), text(0x110, "Trail 4K"),
                 (0x112, 3, 1, struct.pack("<H", 1)), text(0x132, when),
                 number(0x8769, sub)]
        inner = [text(0x9003, when), number(0xa002, size[0]),
                 number(0xa003, size[1])]
        small = [(0x103, 3, 1, struct.pack("<H", 6)), number(0x201, at),
                 number(0x202, len(thumbnail))]
        out, places = b"II\x2a\0" + struct.pack("<I", 8), []
        for entries, follows in ((first, second), (inner, 0), (small, 0)):
            places.append(len(out))
            out += ifd(entries, len(out), follows)
        places.append(len(out))
        return out + thumbnail, places

    _, places = build()
    return b"Exif\0\0" + build(places[1], places[2], places[3])[0]


def with_exif(jpeg, size, when, thumbnail):
    block = exif_block(size, when, thumbnail)
    return (jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
            + jpeg[2:])


def encode(image, quality, **how):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, **how)
    return out.getvalue()


def thumbnail_of(image):
    """4:3 with black bars where the photo has other sides."""
    from PIL import Image
    small = image.copy()
    if image.width >= image.height:
        small.thumbnail((160, 160), Image.Resampling.BOX)
        return encode(small, 75)
    small.thumbnail((120, 120), Image.Resampling.BOX)
    whole = Image.new("RGB", (160, 120))
    whole.paste(small, ((160 - small.width) // 2, 0))
    return encode(whole, 75)


def clock(i):
    return "2024:05:%02d %02d:%02d:00" % (1 + i // 600, i // 60 % 10, i % 60)


def camera_photo(source, noise, i):
    """The middle of a small photo, enlarged, with noise; 2 to 5 MB."""
    import numpy as np
    from PIL import Image
    w, h = source.size
    cut = min(w / 4, h / 3)
    left, top = (w - 4 * cut) / 2, (h - 3 * cut) / 2
    big = source.resize((W, H), Image.Resampling.BICUBIC,
                        (left, top, left + 4 * cut, top + 3 * cut))
    shift = random.randrange(noise.shape[1])
    pixels = np.asarray(big, dtype=np.int16) + np.roll(noise, shift, 1)
    big = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return with_exif(encode(big, 92), (W, H), clock(i), thumbnail_of(big))


def make_photos(data, folder, count):
    import numpy as np
    from PIL import Image
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 5, (H // 2, W // 2, 3)).repeat(2, 0).repeat(2, 1)
    noise = (noise + rng.normal(0, 3, (H, W, 3))).astype(np.int16)
    bears = sorted(os.path.join(d, f)
                   for c in ("black", "grizzly", "teddy")
                   for d, _, n in os.walk(os.path.join(data, "bears/test", c))
                   for f in n)
    sources = [("bear", Image.open(f).convert("RGB"))
               for f in random.sample(bears, count // 10)]
    with tarfile.open(os.path.join(data, "pool/pool-00.tar")) as t:
        members = [m for m in t.getmembers() if m.isfile()]
        for m in random.sample(members, count - count // 10):
            sources.append(("pool", Image.open(t.extractfile(m))
                            .convert("RGB")))
    random.shuffle(sources)
    sizes = []
    for i, (kind, image) in enumerate(sources):
        path = os.path.join(folder, "IMG_%04d.jpg" % i)
        with open(path, "wb") as f:
            f.write(camera_photo(image, noise, i))
        sizes.append(os.path.getsize(path))
    print("%d photos of %d x %d, %.1f to %.1f MB, median %.1f" % (
        count, W, H, min(sizes) / 1e6, max(sizes) / 1e6,
        statistics.median(sizes) / 1e6), flush=True)


# --- the peer ----------------------------------------------------------------

def children_cpu():
    t = os.times()
    return t.children_user + t.children_system


class Peer:
    def __init__(self, path):
        import onnxruntime
        opt = onnxruntime.SessionOptions()
        opt.intra_op_num_threads = opt.inter_op_num_threads = 1
        self.net = onnxruntime.InferenceSession(
            path, opt, providers=["CPUExecutionProvider"])
        meta = self.net.get_modelmeta().custom_metadata_map
        prepare = json.loads(meta["preprocessing"])
        self.size, self.mean, self.stddev = (
            prepare[k] for k in ("size", "mean", "stddev"))
        self.threshold = json.loads(meta["decision"])["gate_threshold"]

    def __call__(self, image):
        import numpy as np
        from PIL import Image
        small = image.resize((self.size, self.size),
                             Image.Resampling.BILINEAR, reducing_gap=2.0)
        x = (np.asarray(small, np.float32) - np.float32(self.mean)) \
            / np.float32(self.stddev)
        return self.net.run(["probabilities"],
                            {"image": x.transpose(2, 0, 1)[None]})[0][0]


def peer(model, paths):
    """One of the two processes."""
    from PIL import Image
    gate, species = (Peer(os.path.join(model, n + ".onnx"))
                     for n in ("gate", "species"))
    for path in paths:
        with Image.open(path) as image:
            # 1/8 serves both nets.
            image.draft("RGB", (species.size, species.size))
            image = image.convert("RGB")
        if gate(image)[0] >= gate.threshold:
            species(image)


def time_peer(model, paths):
    before, since = children_cpu(), time.monotonic()
    workers = [subprocess.Popen([sys.executable, __file__, "peer", model],
                                stdin=subprocess.PIPE) for _ in range(2)]
    for k, w in enumerate(workers):
        w.stdin.write("\n".join(paths[k::2]).encode())
        w.stdin.close()
    for w in workers:
        assert w.wait() == 0
    return time.monotonic() - since, children_cpu() - before


def time_program(program, folder, *args):
    before, since = children_cpu(), time.monotonic()
    r = subprocess.run([program, "classify", "-q", "-f", "jsonl", *args,
                        folder], capture_output=True, check=True)
    took = time.monotonic() - since
    return took, children_cpu() - before, [
        json.loads(line) for line in r.stdout.splitlines()]


def drop(paths):
    for p in paths:
        fd = os.open(p, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def speed(a):
    random.seed(5)
    top = tempfile.mkdtemp(prefix="bearcascade-large-")
    try:
        folder, model = os.path.join(top, "photos"), os.path.join(top, "onnx")
        os.mkdir(folder)
        make_photos(a.data, folder, a.photos)
        paths = sorted(os.path.join(folder, f) for f in os.listdir(folder))
        os.mkdir(model)
        for net in "gate", "species":
            subprocess.run([a.program, "export", "-q", "--net", net, "--onnx",
                            os.path.join(model, net + ".onnx")], check=True)
        turns = {"classify": [], "classify --thumbnails": [], "python": []}
        for _ in range(a.rounds):
            for name, took in turns.items():
                if a.cold:
                    drop(paths)
                if name == "python":
                    took.append(time_peer(model, paths))
                else:
                    took.append(time_program(a.program, folder,
                                             *name.split()[1:])[:2])
        wall = {k: statistics.median(t[0] for t in v) for k, v in turns.items()}
        cpu = {k: statistics.median(t[1] for t in v) for k, v in turns.items()}
        for k in turns:
            print("%-22s %6.1f photos/s  %6.1f ms of CPU a photo  ratio to "
                  "python: %.2f (CPU %.2f)" % (
                      k, a.photos / wall[k], 1000 * cpu[k] / a.photos,
                      wall["python"] / wall[k], cpu["python"] / cpu[k]))
        rows = [time_program(a.program, folder, *x)[2]
                for x in ([], ["--thumbnails"])]
        print("judged by the thumbnail: %d of %d; verdicts that differ: %d" % (
            sum("thumbnail" in r.get("note", "") for r in rows[1]), a.photos,
            sum(x["label"] != y["label"] for x, y in zip(*rows))))
    finally:
        shutil.rmtree(top)


# --- what it costs -----------------------------------------------------------

def area_of(scores, positive):
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    ranks, i = [0] * len(order), 0
    while i < len(order):
        k = i
        while k < len(order) and scores[order[k]] == scores[order[i]]:
            k += 1
        for j in range(i, k):
            ranks[order[j]] = (i + k + 1) / 2
        i = k
    n = sum(positive)
    total = sum(r for r, p in zip(ranks, positive) if p)
    return (total - n * (n + 1) / 2) / (n * (len(scores) - n))


def area(a):
    from PIL import Image
    top = tempfile.mkdtemp(prefix="bearcascade-area-")
    try:
        i = 0
        for d, _, names in sorted(os.walk(a.data)):
            for f in sorted(names):
                try:
                    image = Image.open(os.path.join(d, f)).convert("RGB")
                except OSError:
                    continue
                scale = 720 / max(image.size)
                big = image.resize([max(1, round(scale * s))
                                    for s in image.size],
                                   Image.Resampling.BICUBIC)
                to = os.path.join(top, os.path.relpath(d, a.data))
                os.makedirs(to, exist_ok=True)
                with open(os.path.join(to, f + ".jpg"), "wb") as out:
                    out.write(with_exif(encode(big, 90), big.size, clock(i),
                                        thumbnail_of(big)))
                i += 1
        plain = time_program(a.program, top)[2]
        first = time_program(a.program, top, "--thumbnails")[2]
        assert [r["file"] for r in plain] == [r["file"] for r in first]
        positive = ["/negative/" not in r["file"] for r in plain]
        areas = [area_of([r["p_positive"] for r in rows], positive)
                 for rows in (plain, first)]
        print("%d photos, %d positives: ROC area %.5f, with thumbnails %.5f, "
              "lost %.5f" % (len(plain), sum(positive), *areas,
                             areas[0] - areas[1]))
        by = ["thumbnail" in r.get("note", "") for r in first]
        print("judged by the thumbnail: %d of %d negatives, %d positives" % (
            sum(b and not p for b, p in zip(by, positive)),
            len(positive) - sum(positive),
            sum(b and p for b, p in zip(by, positive))))
        print("verdicts that differ: %d of positives, %d of negatives" % tuple(
            sum(x["label"] != y["label"] and p == which
                for x, y, p in zip(plain, first, positive))
            for which in (True, False)))
    finally:
        shutil.rmtree(top)


def main():
    if sys.argv[1:2] == ["peer"]:
        peer(sys.argv[2], sys.stdin.read().split("\n"))
        return
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    sub = p.add_subparsers(dest="what", required=True)
    s = sub.add_parser("speed")
    s.add_argument("program")
    s.add_argument("data")
    s.add_argument("--photos", type=int, default=120)
    s.add_argument("--rounds", type=int, default=3)
    s.add_argument("--cold", action="store_true")
    s = sub.add_parser("area")
    s.add_argument("program")
    s.add_argument("data")
    a = p.parse_args()
    (speed if a.what == "speed" else area)(a)


main()
