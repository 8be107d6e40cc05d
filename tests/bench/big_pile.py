#!/usr/bin/env python3
"""A pile of 100,000 photos, killed ten times at random and resumed.

    python3 tests/bench/big_pile.py build/pipelines/bearcascade [--photos N]
        [--kills K] [--size PIXELS] [--detections]

The names are hard links to 250 drawn photos, 1,000 to a folder, and a small
cascade is trained on others of that kind. An undisturbed run comes first, then
one that is killed (SIGKILL, SIGTERM, SIGHUP) and goes on; the two files must be
the same byte for byte but for "ms". A tar of 2,000 of the photos is looked at
too. With --detections it is boxes of a MegaDetector file that are classified,
one in every second photo. Prints the seconds, CPU time a photo and the largest resident memory of
any run; exit status 1 where the files differ.
"""
import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

DISTINCT, A_FOLDER = 250, 1000


def peak_of(pid):
    """VmHWM in MB, or 0 where the process has ended."""
    try:
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) / 1000
    except OSError:
        pass
    return 0


def watch(p, until=None):
    """The largest peak seen, until p ends or the time has come."""
    peak = 0
    while p.poll() is None and (until is None or time.monotonic() < until):
        peak = max(peak, peak_of(p.pid))
        time.sleep(0.02)
    return peak


def without_ms(path):
    with open(path, "rb") as f:
        return [re.sub(rb'"ms":[0-9.]+,?', b"", line) for line in f]


def make(program, top, photos, size):
    def call(*args):
        subprocess.run([program, *args, "--quiet"], check=True, cwd=top,
                       stdout=subprocess.DEVNULL)
    call("synth", "--out", "drawn", "--count", str(DISTINCT), "--seed", "9",
         "--size", str(size), "--no-splits")
    call("synth", "--out", "data", "--count", "160", "--seed", "8", "--size",
         "64")
    call("train", "data", "--out", "run", "--epochs", "2", "--gate-size", "32",
         "--gate-width", "0.25", "--species-size", "32", "--species-width",
         "0.25", "--batch", "16")
    drawn = sorted(os.path.join(d, f)
                   for d, _, n in os.walk(os.path.join(top, "drawn"))
                   for f in n if f.endswith(".jpg"))
    for i in range(photos):
        folder = os.path.join(top, "pile", "%03dMEDIA" % (i // A_FOLDER))
        if i % A_FOLDER == 0:
            os.makedirs(folder)
        os.link(drawn[i * 7 % len(drawn)],
                os.path.join(folder, "IMG_%06d.JPG" % i))
    with tarfile.open(os.path.join(top, "pile.tar.gz"), "w:gz",
                      compresslevel=1) as t:
        for i in range(2000):
            t.add(drawn[i % len(drawn)], "a/%05d.jpg" % i)


def detect(top, photos):
    images = [{"file": "%03dMEDIA/IMG_%06d.JPG" % (i // A_FOLDER, i),
               "detections": [{"category": "1", "conf": 0.9, "bbox": [
                   round(random.random() / 2, 3), 0.1, 0.4, 0.4]}] * (i % 2)}
              for i in range(photos)]
    with open(os.path.join(top, "md.json"), "w") as f:
        json.dump({"images": images, "detection_categories": {"1": "animal"},
                   "info": {"detector": "none"}}, f, indent=1)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("program")
    p.add_argument("--photos", type=int, default=100000)
    p.add_argument("--kills", type=int, default=10)
    p.add_argument("--size", type=int, default=64)
    p.add_argument("--detections", action="store_true")
    a = p.parse_args()
    random.seed(6)
    program = os.path.abspath(a.program)
    top = tempfile.mkdtemp(prefix="bearcascade-pile-")

    how = ["--detections", "md.json"] if a.detections else ["-f", "jsonl"]

    def start(out, what):
        return subprocess.Popen(
            [program, "classify", "-q", "-m", "run/best.safetensors", *how,
             "--resume", out, what], cwd=top, stderr=subprocess.DEVNULL)

    try:
        make(program, top, a.photos, a.size)
        detect(top, a.photos)
        before, since = resource.getrusage(resource.RUSAGE_CHILDREN), \
            time.monotonic()
        run = start("whole", "pile")
        peak = watch(run)
        took = time.monotonic() - since
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run.returncode == 0
        cpu = (after.ru_utime + after.ru_stime - before.ru_utime
               - before.ru_stime)
        print("%d photos undisturbed: %.0f s, %.2f ms of CPU a photo, %.0f MB"
              % (a.photos, took, 1000 * cpu / a.photos, peak), flush=True)
        peak, rows = 0, 0
        for _ in range(a.kills):
            run = start("killed", "pile")
            peak = max(peak, watch(run, time.monotonic() + random.random()
                                   * 2 * took / (a.kills + 1)))
            run.send_signal(random.choice((signal.SIGKILL, signal.SIGKILL,
                                           signal.SIGTERM, signal.SIGHUP)))
            run.wait()
            with open(os.path.join(top, "killed"), "rb") as f:
                rows = sum(1 for _ in f)
        run = start("killed", "pile")
        peak = max(peak, watch(run))
        assert run.returncode == 0
        same = without_ms(os.path.join(top, "whole")) == without_ms(
            os.path.join(top, "killed"))
        print("killed %d times, the last time with %d rows, and resumed: %s; "
              "%.0f MB" % (a.kills, rows,
                           "the same file" if same else "ANOTHER FILE", peak),
              flush=True)
        if a.detections:
            return 0 if same else 1
        run = start("tar.jsonl", "pile.tar.gz")
        peak = watch(run)
        assert run.returncode == 0
        print("a tar.gz of 2000 of them: %.0f MB" % peak, flush=True)
        return 0 if same else 1
    finally:
        shutil.rmtree(top)


sys.exit(main())
