#!/usr/bin/env python3
"""Do rounds for the species net pay? Figures of the program on photographs.

    python3 tests/bench/species_rounds.py PROGRAM DATA OUT [--seeds 3]
        [--base 300] [--top 100] [--min-recall 0.99] [--options "..."]

The deal is that of mining_photos.py: for each seed the kinds of each source of
the pool are dealt into a half to mine and a half that mining never sees, and a
cascade knows --base drawn negatives. It mines the half in one round of --top
for the gate, then once without and once with a round for the species net.
Reported for each: negatives trained on, the share of the unseen half (without
its bears) that the cascade accepts, and of the valid part of bears/ the share
of the negatives that it accepts, the recall and the share of the positives
whose class it names; the ratio of the unseen shares with a 95 % interval of
paired resamples of photos and seeds. What is in OUT is not run again.
"""
import argparse
import json
import os
import subprocess
import sys

import mining_photos as base

LEAST = 0.01  # p_gate below which no photo is asked about a second time


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("data")
    p.add_argument("out")
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--base", type=int, default=300)
    p.add_argument("--top", type=int, default=100)
    p.add_argument("--min-recall", default="0.99")
    p.add_argument("--options", default="", help="more options of train")
    return p.parse_args()


class Trial:
    def __init__(self, a, pool, seed):
        self.a, self.dir = a, os.path.join(a.out, f"seed-{seed}")
        os.makedirs(self.dir, exist_ok=True)
        self.train = os.path.join(self.dir, "train.csv")
        base.write_data(self.train, a.data, a.base, seed)
        mine, unseen = base.halves(pool, seed)
        self.pool = os.path.join(self.dir, "pool.jsonl")
        self.valid = base.photos(a.data, "valid")
        self.n_unseen = len(unseen)
        base.write_list(self.pool, [p[0] for p in mine])
        self.names = [p[0] for p in unseen + self.valid]

    def run(self, *args, out=subprocess.DEVNULL):
        print("+", *args, file=sys.stderr, flush=True)
        subprocess.run([self.a.program, *args, "--quiet"], check=True,
                       stdout=out)

    def cascade(self, rounds):
        """Negatives taken, and a row a photo asked about."""
        run = os.path.join(self.dir, f"rounds-{rounds}")
        if not os.path.exists(os.path.join(run, "best.safetensors")):
            self.run("train", self.train, "--out", run, "--mine-pool",
                     self.pool, "--rounds", "1", "--top", str(self.a.top),
                     "--min-recall", self.a.min_recall, "--no-report",
                     "--species-rounds", str(rounds), *self.a.options.split())
        told = subprocess.run([self.a.program, "inspect", run, "--json"],
                              check=True, capture_output=True).stdout
        assert json.loads(told)["gate_policy"]["threshold"] > LEAST
        taken = [taken_in(os.path.join(run, f"mined-{part}1.jsonl"))
                 for part in ("", "species-")]
        return taken, self.rows(run, rounds)

    def rows(self, run, rounds):
        """Both cascades have the same gate: what it gives next to nothing, the
        first one alone is asked about."""
        path, asked, known = run + ".jsonl", self.names, {}
        if rounds > 0:
            known = dict(zip(self.names, self.rows(run[:-1] + "0", 0)))
            asked = [n for n in asked if known[n]["p_gate"] >= LEAST]
        some = run + "-asked.jsonl"
        if not os.path.exists(path):
            base.write_list(some, asked)
            with open(path + ".new", "w") as f:
                self.run("classify", "--model", run, some, "-f", "jsonl",
                         out=f)
            os.rename(path + ".new", path)
        known.update((r["file"], r) for r in map(json.loads, open(path))
                     if "file" in r)
        return [known[name] for name in self.names]

    def results(self, rounds):
        taken, rows = self.cascade(rounds)
        passes = [int(r["verdict"] != "none") for r in rows]
        valid = rows[self.n_unseen:]
        found = {"taken": taken, "unseen": passes[:self.n_unseen],
                 "negatives": [], "positives": [], "named": []}
        for (_, label, _), row in zip(self.valid, valid):
            kind = "positives" if label else "negatives"
            found[kind].append(int(row["verdict"] != "none"))
            if label:
                found["named"].append(int(row["label"] == label))
        return found


def taken_in(path):
    if not os.path.exists(path):
        return 0
    return sum(json.loads(t)["verdict"] in ("hard", "random")
               for t in open(path))


def main():
    a = arguments()
    pool = base.pool_of(a.data)
    trials = [Trial(a, pool, s) for s in range(1, a.seeds + 1)]
    found = [[t.results(r) for t in trials] for r in (0, 1)]
    print("rounds  negatives            unseen          valid: accepted  "
          "recall  named")
    for r, by_seed in enumerate(found):
        def part(key):
            return [x[key] for x in by_seed]
        taken = " ".join("%d+%d" % tuple(t) for t in part("taken"))
        counts = " ".join(str(sum(x)) for x in part("unseen"))
        flat = {k: sum(part(k), []) for k in
                ("negatives", "positives", "named")}
        line = "%d       %s  %.4f (%s)  %.4f  %.4f  %.4f" % (
            r, taken, base.share(part("unseen")), counts,
            *(sum(v) / len(v) for v in flat.values()))
        print(line)
    before, after = ([x["unseen"] for x in rows] for rows in found)
    print("without / with a round: %.2f (%.2f to %.2f)" % (
        base.share(before) / base.share(after),
        *base.interval(before, after)))


if __name__ == "__main__":
    main()
