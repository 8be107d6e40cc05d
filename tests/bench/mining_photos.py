#!/usr/bin/env python3
"""Does mining pay on photographs? Figures of the program, not of this script.

    python3 tests/bench/mining_photos.py PROGRAM DATA OUT [--seeds 3]
        [--base 300] [--added 30,100,300,1000] [--modes hard,random]

DATA holds bears/ and pool/ with truth.csv. For each seed the kinds of each
source of the pool are dealt into a half to mine and a half that mining never
sees; a gate is trained on the bears and --base drawn negatives at a recall of
99 %; `mine` takes --added more by each mode; a gate is trained anew with them.
A mode may carry options of `mine`: hard:draw-from=8:hard-share=0.5. Two modes
play a person, who reads truth.csv: ask (`mine --ask`) and look (as many drawn
photos); their answers are decisions to train with, and what is a bear of no
known class is "not sure".
Reported: the share that passes the gate's own threshold, of the unseen half
(without its bears) and of the look-alikes among the test negatives of bears/,
and random / mode (look / ask, where there is look) with a 95 % interval of
paired resamples of photos and seeds (half a photo where none passes). What is in
OUT is not run again.

    python3 tests/bench/mining_photos.py PROGRAM DATA OUT --base 1500 \
        --added all --modes random,look

What is the unlabelled rest of the pool worth? random takes all of the half that
the rule for false negatives lets it take, without a label; look has the label of
every photo. Printed is look / random.
"""
import argparse
import csv
import json
import math
import os
import random
import struct
import subprocess
import sys
import tarfile

APART = ("trail_camera", "things")  # families that look like no bear


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("data", type=os.path.abspath)
    p.add_argument("out")
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--base", type=int, default=300)
    p.add_argument("--added", default="30,100,300,1000")
    p.add_argument("--modes", default="hard,random")
    return p.parse_args()


def pool_of(data):
    """[(file, kind, truth)] in the order of the names."""
    where = {}
    for i in range(4):
        tar = os.path.join(data, "pool", f"pool-{i:02d}.tar")
        for m in tarfile.open(tar):
            where[m.name] = f"{tar}:{m.name}"
    rows = csv.DictReader(open(os.path.join(data, "pool", "truth.csv")))
    return sorted((where[r["file"]], r["file"].split("/")[0] + "/" + r["kind"],
                   r["truth"]) for r in rows)


def halves(pool, seed):
    """Photos to mine, and those of other kinds that are no bears."""
    r, mined = random.Random(seed), set()
    for source in sorted({k.split("/")[0] for _, k, _ in pool}):
        kinds = sorted({k for _, k, _ in pool if k.split("/")[0] == source})
        r.shuffle(kinds)
        mined.update(kinds[::2])
    return ([p for p in pool if p[1] in mined],
            [p for p in pool if p[1] not in mined
             and p[2] in ("none", "look_alike")])


def photos(data, split):
    """[(path, class or '', family)] of a part of bears/."""
    root, found = os.path.join(data, "bears", split), []
    for folder, _, files in sorted(os.walk(root)):
        part = os.path.relpath(folder, root).split(os.sep)
        for f in sorted(files):
            negative = part[0] == "negative"
            found.append((os.path.join(folder, f), "" if negative else part[0],
                          part[1] if negative and len(part) > 1 else ""))
    return found


def write_data(path, data, base, seed):
    train = photos(data, "train")
    negatives = [p for p in train if p[1] == ""]
    few = set(random.Random(1000 + seed).sample(negatives, base))
    with open(path, "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(("file", "label", "split", "family"))
        for split, part in (("train", train), ("valid", photos(data, "valid"))):
            for name, label, family in part:
                if split == "valid" or label or (name, label, family) in few:
                    w.writerow((name, label, split, family))


def write_list(path, files):
    with open(path, "w") as f:
        f.writelines(json.dumps({"file": n}) + "\n" for n in files)


class Trial:
    def __init__(self, a, pool, seed):
        self.a, self.seed = a, seed
        self.dir = os.path.join(a.out, f"seed-{seed}")
        os.makedirs(self.dir, exist_ok=True)
        self.train = os.path.join(self.dir, "train.csv")
        write_data(self.train, a.data, a.base, seed)
        mine, unseen = halves(pool, seed)
        looks = [p[0] for p in photos(a.data, "test")
                 if p[1] == "" and p[2] not in APART]
        self.n_unseen = len(unseen)
        self.pool = os.path.join(self.dir, "pool.jsonl")
        self.asked = os.path.join(self.dir, "asked.jsonl")
        self.truth = {p[0]: p[2] for p in mine}
        write_list(self.pool, [p[0] for p in mine])
        write_list(self.asked, [p[0] for p in unseen] + looks)

    def run(self, done, *args):
        path = os.path.join(self.dir, done)
        if not os.path.exists(path):
            print("+", *args, file=sys.stderr, flush=True)
            subprocess.run([self.a.program, *args, "--out",
                            os.path.dirname(path), "--quiet"], check=True,
                           stdout=subprocess.DEVNULL)
        return path

    def fit(self, name, *more):
        return self.run(name + "/best.safetensors", "train", self.train,
                        "--only", "gate", "--min-recall", "0.99",
                        "--head-views", "0", *more)

    def passing(self, name, model):
        """[0 or 1] of the unseen photos and of the look-alikes."""
        r = self.run(name + "-asked/round.json", "mine", "--model", model,
                     "--pool", self.asked, "--positives", self.train,
                     "--mode", "random", "--top", "1", "--trust-pool")
        r = json.load(open(r))
        z = open(os.path.join(self.dir, name + "-asked", "scores.bin"),
                 "rb").read()[80:]
        z = struct.unpack(f"{len(z) // 8}d", z)
        least = logit(r["threshold"]) * r["temperature"]
        y = [int(v >= least) for v in z]
        return y[:self.n_unseen], y[self.n_unseen:]

    def results(self):
        base = self.fit("base")
        found = {("before", "0"): self.passing("base", base)}
        for told in self.a.added.split(","):
            n = 0 if told == "all" else int(told)
            for mode in self.a.modes.split(","):
                n = n or len(self.truth)
                name = f"{mode}-{n}".replace(":", "+")
                model = self.fit(name, *self.more(name, mode, n, base))
                found[mode, told] = self.passing(name, model)
        return found

    def more(self, name, mode, n, base):
        """Options of the training that brings n more photos."""
        word, *options = mode.split(":")
        options = [f"--{o}" for o in options]
        mine = ("mine", "--model", base, "--pool", self.pool, "--positives",
                self.train, "--seed", str(self.seed), *options)
        if word not in ("ask", "look"):
            return "--negatives", self.run(
                f"{name}-mined/negatives.jsonl", *mine, "--mode", word, "--top",
                str(n))
        if word == "ask":
            asked = self.run(f"{name}-mined/ask.jsonl", *mine, "--ask", str(n))
            asked = [json.loads(t)["file"] for t in open(asked)]
        else:
            asked = random.Random(2000 + self.seed).sample(
                sorted(self.truth), n)
        path = os.path.join(self.dir, name + ".jsonl")
        answer(path, asked, self.truth)
        return "--decisions", path


def answer(path, asked, truth):
    """What a person says: decisions to train with."""
    with open(path, "w") as f:
        f.write(json.dumps({"format": "bearcascade-decisions 1"}) + "\n")
        for name in asked:
            said = "none" if truth[name] in ("none", "look_alike") else None
            f.write(json.dumps({"file": name, "label": said, "add": True}) +
                    "\n")


def logit(p):
    return math.log(p / (1 - p)) if 0 < p < 1 else (p - 0.5) * 1e9


def share(rows):
    n = sum(len(r) for r in rows)
    return max(sum(map(sum, rows)), 0.5) / n


def interval(a, b, times=2000):
    """Of share(a) / share(b), photos and seeds resampled alike."""
    r, found = random.Random(1), []
    for _ in range(times):
        x, y = [], []
        for s in [r.randrange(len(a)) for _ in a]:
            # Only photos that pass one of the two count: draw how often.
            some = [i for i in range(len(a[s])) if a[s][i] or b[s][i]]
            took = [i for i in some for _ in range(poisson(r))]
            x.append(sum(a[s][i] for i in took))
            y.append(sum(b[s][i] for i in took))
        found.append(max(sum(x), 0.5) / max(sum(y), 0.5))
    found.sort()
    return found[int(0.025 * times)], found[int(0.975 * times)]


def poisson(r):
    """How often one of very many photos is drawn: mean 1."""
    k, p, least = 0, r.random(), 0.36787944117144233
    while p > least:
        k, p = k + 1, p * r.random()
    return k


def main():
    a = arguments()
    pool = pool_of(a.data)
    trials = [Trial(a, pool, s).results() for s in range(1, a.seeds + 1)]
    print("added mode     unseen look-alikes   drawn / mode (95 %)")
    for key in trials[0]:
        mode, n = key
        unseen, looks = ([t[key][i] for t in trials] for i in (0, 1))
        line = f"{n:>5s} {mode:8s} {share(unseen):.4f} {share(looks):.4f}"
        other = "look" if mode.startswith("ask") or n == "all" else "random"
        if (other, n) not in trials[0]:
            other = "random"
        if mode not in ("before", other, "look") and (other, n) in trials[0]:
            for i, rows in ((0, unseen), (1, looks)):
                ref = [t[other, n][i] for t in trials]
                line += "   %.2f (%.2f to %.2f)" % (
                    share(ref) / share(rows), *interval(ref, rows))
        print(line)


if __name__ == "__main__":
    main()
