#!/usr/bin/env python3
"""Do two builds of the program give the same bits?

    python3 tests/bench/same_bits.py OLD NEW [--old-words]

Trains the cascade, the cascade with rounds of mining and the single models on a
few drawn images with both programs, and compares every tensor of the models,
the rows of `classify`, the figures of `evaluate --json` and what `mine` found.
Times are left out. For a change that is meant to change nothing: about two
minutes on two cores. --old-words: OLD is of before the standard terms; its
options, keys and verdicts are translated before anything is compared.
"""
import argparse
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

DATA, FEW, POOL = "synth:240:3", "synth:60:5", "synth:150:9"
SMALL = ["--gate-size", "48", "--gate-width", "0.25", "--species-size", "48",
         "--species-width", "0.25", "--gate-epochs", "2", "--species-epochs",
         "2", "--batch", "16", "--quiet", "--init", "none"]
SYSTEMS = [
    ("cascade", []),
    ("rounds", ["--mine-pool", POOL, "--rounds", "2", "--top", "20"]),
    ("multilabel", ["--system", "multilabel"]),
    ("softmax-none", ["--system", "softmax-none"]),
    ("softmax-max", ["--system", "softmax-max"]),
]
KEYS = {"p_bear": "p_positive"}
VALUES = {"unknown_bear": "unknown", "suspect": "suspected_false_negative"}
TIMES = re.compile(r"(^|_)(ms|s|seconds|time|per_s)($|_)")


class Program:
    def __init__(self, path, old_words, folder):
        self.path, self.old_words = os.path.abspath(path), old_words
        self.folder = folder
        os.makedirs(folder)

    def run(self, *words):
        r = subprocess.run([self.path, *words], capture_output=True, text=True,
                           env=dict(os.environ, BEARCASCADE_MODELS=""))
        if r.returncode != 0:
            sys.exit("%s %s: %s" % (self.path, " ".join(words), r.stderr))
        return r.stdout

    def translated(self, o):
        """o without times, and in the words of today."""
        if isinstance(o, dict):
            return {(KEYS.get(k, k) if self.old_words else k):
                    self.translated(v)
                    for k, v in o.items() if not TIMES.search(k)}
        if isinstance(o, list):
            return [self.translated(x) for x in o]
        if self.old_words and isinstance(o, str):
            return VALUES.get(o, o)
        return o

    def rows(self, text):
        return [self.translated(json.loads(line))
                for line in text.splitlines() if line.strip()]


def tensors(path):
    with open(path, "rb") as f:
        b = f.read()
    n = 8 + struct.unpack("<Q", b[:8])[0]
    header = json.loads(b[8:n])
    header.pop("__metadata__", None)
    return {name: (t["dtype"], t["shape"], hashlib.sha256(
                b[n + t["data_offsets"][0]:n + t["data_offsets"][1]])
                .hexdigest())
            for name, t in header.items()}


def numbers(o):
    """All figures of a JSON value, sorted: keys may have been renamed."""
    if isinstance(o, dict):
        return sorted(x for v in o.values() for x in numbers(v))
    if isinstance(o, list):
        return sorted(x for v in o for x in numbers(v))
    return [o] if isinstance(o, float) else []


def found(p, model):
    out = os.path.join(p.folder, "mine")
    p.run("mine", "--model", model, "--pool", POOL, "--positives", DATA,
          "--out", out, "--top", "30", "--quiet")
    with open(os.path.join(out, "mined.jsonl"), encoding="utf-8") as f:
        rows = p.rows(f.read())
    return [[r.get(k) for k in ("file", "score", "verdict", "hash")]
            for r in rows]


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument("old")
    a.add_argument("new")
    a.add_argument("--old-words", action="store_true")
    a = a.parse_args()
    different = []

    def check(what, pair):
        same = pair[0] == pair[1]
        print("same     " if same else "DIFFERENT", what, flush=True)
        if not same:
            different.append(what)

    with tempfile.TemporaryDirectory() as work:
        both = [Program(a.old, a.old_words, os.path.join(work, "old")),
                Program(a.new, False, os.path.join(work, "new"))]
        for name, extra in SYSTEMS:
            for p in both:
                p.run("train", DATA, "--out", os.path.join(p.folder, name),
                      *SMALL, *extra)
            check("weights of " + name, [
                tensors(os.path.join(p.folder, name, "best.safetensors"))
                for p in both])
        for name in ("cascade", "multilabel"):
            ask = ("--format", "jsonl", "--all-stages", FEW)
            own = [os.path.join(p.folder, name) for p in both]
            check("verdicts of " + name, [
                p.rows(p.run("classify", "--model", m, *ask))
                for p, m in zip(both, own)])
            check("verdicts of %s from the old file" % name, [
                p.rows(p.run("classify", "--model", own[0], *ask))
                for p in both])
        model = os.path.join(both[0].folder, "cascade")
        check("figures of evaluate", [numbers(p.translated(json.loads(
            p.run("evaluate", "--model", model, DATA, "--split", "test",
                  "--json")))) for p in both])
        check("what mine found", [found(p, model) for p in both])
    print("%d differ" % len(different))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
