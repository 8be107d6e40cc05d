#!/usr/bin/env python3
"""What does a small gate learn from a teacher, and from photos without a label?

    python3 tests/bench/teacher_photos.py PROGRAM DATA OUT [--seeds 3]
        [--base 300] [--size 64] [--shown 33000]

DATA, the halves of the pool and what is measured are those of mining_photos.py.
For each seed the default cascade (frozen EfficientNet-Lite2) is trained on the
bears and --base drawn negatives; then gates of MobileNetV4 at --size pixels, each
shown --shown photos in all:

    labels      the same photos and their labels
    taught      the same, with that cascade as teacher of half of each target
    unlabelled  and half of the pool besides, which nobody has labelled
    rest        the same, but the teacher has a say on that half alone
    labelled    instead of the teacher, the labels of that half

Reported: the share that passes the gate's threshold at 99 % validation recall,
of the other half of the pool and of the look-alikes among the test negatives,
and labels / other with a 95 % interval. What is in OUT is not run again.
"""
import argparse
import os

import mining_photos as mining

ARMS = ("labels", "taught", "unlabelled", "rest", "labelled")


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("data", type=os.path.abspath)
    p.add_argument("out")
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--base", type=int, default=300)
    p.add_argument("--size", type=int, default=64)
    p.add_argument("--shown", type=int, default=33000)
    return p.parse_args()


class Trial(mining.Trial):
    def results(self):
        teacher = self.run("teacher/best.safetensors", "train", self.train,
                           "--head-views", "0", "--no-report",
                           "--no-reference")
        path = os.path.join(self.dir, "labels.jsonl")
        # A bear of no known class or one of the classes: nobody trains on it.
        mining.answer(path, sorted(self.truth), self.truth)
        known = sum(t in ("none", "look_alike") for t in self.truth.values())
        n = sum(1 for line in open(self.train) if ",train," in line)
        taught = ("--teacher", teacher, "--teacher-weight", "0.5")
        rest = ("--unlabelled", self.pool)
        more = {"labels": ((), n), "taught": (taught, n),
                "unlabelled": ((*taught, *rest), n + len(self.truth)),
                "rest": ((*taught[:3], "0", *rest), n + len(self.truth)),
                "labelled": (("--decisions", path), n + known)}
        return {arm: self.passing(arm, self.student(arm, *more[arm]))
                for arm in ARMS}

    def student(self, arm, options, shown_an_epoch):
        epochs = max(1, round(self.a.shown / shown_an_epoch))
        return self.fit(arm, "--gate-net", "mobilenetv4", "--gate-size",
                        str(self.a.size), "--gate-epochs", str(epochs),
                        "--seed", str(self.seed), *options)


def main():
    a = arguments()
    pool = mining.pool_of(a.data)
    trials = [Trial(a, pool, s).results() for s in range(1, a.seeds + 1)]
    print("gate       unseen look-alikes   labels / it (95 %)")
    for arm in ARMS:
        line = f"{arm:10s}"
        for i in (0, 1):
            line += f" {mining.share([t[arm][i] for t in trials]):.4f}"
        for i in (0, 1):
            ref, it = ([t[x][i] for t in trials] for x in ("labels", arm))
            line += "   %.2f (%.2f to %.2f)" % (
                mining.share(ref) / mining.share(it), *mining.interval(ref, it))
        print(line)


if __name__ == "__main__":
    main()
