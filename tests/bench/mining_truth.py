#!/usr/bin/env python3
"""What mining does with the bears that hide in Tiny ImageNet.

    mining_truth.py PROGRAM BEARS POOL OUT [OPTIONS OF train...]

Runs `PROGRAM train BEARS --out OUT --mine-pool POOL --rounds 3 --top 500
--keep-rounds` with the further options (later ones win), unless OUT is there
already, and looks at OUT/mined-R.jsonl, round-R.json and scores-R.bin. POOL is
Tiny ImageNet, a folder of tar shards or one of them, with CLASS/file inside:
the class tells a brown bear or a teddy. Prints, for each round and in all,
  - how many of the images accepted as hard negatives are bears (at most 2 %
    is wanted),
  - how many of the bears at or above the gate's threshold stand among the
    suspects (80 % is wanted). Copies of known images do not count; bears
    above the threshold that mining never looked at do, as missed.
"""
import collections
import json
import math
import os
import re
import struct
import subprocess
import sys
import tarfile

BEARS = {"n02132136", "n04399382"}
HEADER = 80  # bytes before the scores


def wnid(file):
    found = re.findall(r"n\d{8}", file)
    return found[-1] if found else ""


def members(path, prefix):
    with tarfile.open(path) as tar:
        for m in tar:
            if m.isfile() and m.name.lower().endswith((".jpg", ".jpeg")):
                yield prefix + re.sub(r"^(\./)+", "", m.name)


def names_of(pool):
    """Names in the order of the scores, as the record of a round has them."""
    pool = os.path.join(os.getcwd(), pool.rstrip("/"))
    if not os.path.isdir(pool):
        return list(members(pool, pool + ":"))
    return [name for shard in sorted(os.listdir(pool))
            if re.search(r"\.(tar|tar\.gz|tgz)$", shard)
            for name in members(os.path.join(pool, shard),
                                "%s/%s:" % (pool, shard))]


def above_threshold(out, number, names, about):
    with open("%s/scores-%d.bin" % (out, number), "rb") as f:
        data = f.read()[HEADER:]
    z = struct.unpack("<%dd" % (len(data) // 8), data)
    if len(z) != len(names):
        sys.exit("%d scores for %d images: not the pool of this run" % (
            len(z), len(names)))
    p = about["threshold"]
    least = math.log(p / (1 - p)) * about["temperature"]
    return {name for name, x in zip(names, z)
            if x >= least and wnid(name) in BEARS}


def look(out, number, names, kinds):
    about = json.load(open("%s/round-%d.json" % (out, number)))
    verdict = collections.defaultdict(set)
    for line in open("%s/mined-%d.jsonl" % (out, number)):
        row = json.loads(line)
        verdict[row["verdict"]].add(row["file"])
        if row["verdict"] == "hard":
            kinds[wnid(row["file"])] += 1
    missed = verdict["duplicate"]
    above = above_threshold(out, number, names, about) - missed
    return verdict["hard"], verdict["suspected_false_negative"], above, about


def say(title, hard, suspect, above):
    bears = sum(wnid(f) in BEARS for f in hard)
    print("%s: %d hard, of them %d bears (%.2f %%); %d suspected false negatives; of %d bears "
          "above the threshold %d are suspected false negatives (%.1f %%)" % (
              title, len(hard), bears, 100.0 * bears / max(1, len(hard)),
              len(suspect), len(above), len(above & suspect),
              100.0 * len(above & suspect) / max(1, len(above))))


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    program, data, pool, out = sys.argv[1:5]
    if not os.path.exists(os.path.join(out, "best.safetensors")):
        resume = os.path.exists(os.path.join(out, "last.safetensors"))
        subprocess.run(
            [program, "train", data, "--out", out, "--mine-pool", pool,
             "--rounds", "3", "--top", "500", "--keep-rounds", *sys.argv[5:],
             *(["--resume"] if resume else [])], check=True)
    names = names_of(pool)
    print("%d images in the pool, %d of them bears or teddies" % (
        len(names), sum(wnid(n) in BEARS for n in names)))
    kinds, number = collections.Counter(), 1
    hard, suspect, above = set(), set(), set()
    while os.path.exists("%s/round-%d.json" % (out, number)):
        h, s, a, about = look(out, number, names, kinds)
        say("round %d" % number, h, s, a)
        rule = about["rule"]
        if rule is not None:
            print("  %d of %d score %.3f or more; the rule holds back %.1f %% "
                  "of the validation negatives there" % (
                      about["above"], about["pool"], about["threshold"],
                      100 * rule["lost"]))
        hard, suspect, above = hard | h, suspect | s, above | a
        number += 1
    say("all rounds", hard, suspect, above)
    print("hard most often:", ", ".join(
        "%s %d" % kind for kind in kinds.most_common(8)))


main()
