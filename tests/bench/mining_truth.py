#!/usr/bin/env python3
"""What mining did with the bears that hide in Tiny ImageNet.

    bearcascade train BEARS --out RUN --mine-pool TINY_IMAGENET \
        --rounds 3 --top 500 --keep-rounds
    python3 tests/bench/mining_truth.py TINY_IMAGENET/classes.txt RUN

Reads RUN/mined-*.jsonl, where a picture's folder is its ImageNet class, and
counts bears and teddies among the accepted and the suspects. Candidates are
looked at from the largest score down, at most 20 x top of them a round, so all
bears that score highest are in these files.
"""
import collections
import glob
import json
import os
import re
import sys

BEARS = {"n02132136": "brown bear", "n04399382": "teddy"}


def wnid(file):
    found = re.findall(r"n\d{8}", file)
    return found[-1] if found else ""


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    names = dict(line.split(None, 1) for line in open(sys.argv[1])
                 if line.startswith("n"))
    total = collections.Counter()
    for path in sorted(glob.glob(os.path.join(sys.argv[2], "mined-*.jsonl"))):
        count, kinds = collections.Counter(), collections.Counter()
        for line in open(path):
            row = json.loads(line)
            bear = wnid(row["file"]) in BEARS
            count[row["verdict"], bear] += 1
            if row["verdict"] == "hard" and not bear:
                kinds[names.get(wnid(row["file"]), "?").strip()] += 1
        total += count
        accepted = count["hard", True] + count["hard", False]
        print("%s: %d hard, of them %d bears; %d suspects, of them %d bears" % (
            os.path.basename(path), accepted, count["hard", True],
            count["suspect", True] + count["suspect", False],
            count["suspect", True]))
        print("  most often:", ", ".join(
            "%s %d" % kv for kv in kinds.most_common(8)))
    accepted = total["hard", True] + total["hard", False]
    looked = sum(n for (verdict, bear), n in total.items()
                 if bear and verdict in ("hard", "suspect", "capped"))
    print("all rounds: %.2f %% of %d hard negatives are bears; %.1f %% of the "
          "%d bears looked at stand among the suspects" % (
              100.0 * total["hard", True] / max(1, accepted), accepted,
              100.0 * total["suspect", True] / max(1, looked), looked))


main()
