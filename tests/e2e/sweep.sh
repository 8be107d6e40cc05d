#!/bin/sh
# sweep: a plan is trained, measured, resumed and repeated.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
small="--with gate-size=32 --with gate-width=0.1 --with batch=32 --quiet"
drawn parts "$data" 120

# What train offers for it.
find "$data/train/negative" -type f | sort | head -n 4 |
    sed "s,^$data/,," >"$tmp/list"
run 0 "a gate alone on four negatives" train "$data" --out "$tmp/gate" \
    --only gate --only-negatives "$tmp/list" --gate-focal 2 --class-weights \
    --epochs 1 --gate-size 32 --gate-width 0.1 --quiet
err_has "four are left" '(negative) *4 '
run 0 "it is a model of one class" inspect "$tmp/gate"
out_has "whose name says which" 'black|grizzly|teddy'
run 0 "it gives verdicts" classify --model "$tmp/gate" "$data/test"
echo nobody >>"$tmp/list"
run 1 "a list that names nobody" train "$data" --out "$tmp/no" --only gate \
    --only-negatives "$tmp/list" --epochs 1
err_has "is told" "'nobody'.*not a training negative"
run 2 "the gate alone is of a cascade" train "$data" --out "$tmp/no" \
    --only gate --system multilabel

# A plan.
plan="--negatives 0,8,16,all --kinds random,mined,one-family
    --losses cross-entropy,focal-2,class-weights --seeds 2 --epochs 1 $small"
run 0 "sweep" sweep "$data" --out "$tmp/s" $plan
out_has "answers in a sentence" '^\(About\|Not det\|More than\|8 random\)'
cat >"$tmp/check.py" <<'PY'
import json, sys
j = json.load(open(sys.argv[1]))
assert j["format"] == "bearcascade-sweep 1" and j["measure"] == "fpr95"
assert j["answer"] and len(j["trust"]) >= 4 and j["stated_gain"] == 0.01
points = j["points"]
def of(kind, loss):
    return [p for p in points if (p["kind"], p["loss"]) == (kind, loss)]
n = j["data"]["train_negatives"]
ce = of("random", "cross-entropy")
assert [p["negatives"] for p in ce] == [0, 8, 16, n], ce
assert [p["negatives"] for p in of("mined", "cross-entropy")] == [8, 16, n]
for loss in "focal-2", "class-weights":
    assert [p["negatives"] for p in of("random", loss)] == [16, n]
family = of("one-family", "cross-entropy")
assert family and all(p["family"] for p in family)
for p in points:
    assert p["seeds"] == [1, 2] and len(p["runs"]) == 2
    assert p["design"] == ("softmax-max" if p["negatives"] == 0 else "gate")
    for r in p["runs"]:
        said = r["command"].split()
        assert ("--class-weights" in said) == (p["loss"] == "class-weights"), r
        assert ("--gate-focal" in said) == (p["loss"] == "focal-2"), r
        assert "--gate-focal" not in said or (
            said[said.index("--gate-focal") + 1] == "2"), r
    for name in "roc_area", "fpr95", "fpr", "average_precision":
        f = p[name]
        known = f["lo"] is not None
        assert known or name in ("roc_area", "average_precision"), f
        assert not known or f["lo"] < f["hi"], (name, f)
        assert not known or name != "roc_area" or (
            0 <= f["lo"] <= f["value"] <= f["hi"] <= 1), f
        assert abs(sum(f["seeds"]) / 2 - f["value"]) < 1e-12
# shared runs: the first and last mined points are the random ones
mined = of("mined", "cross-entropy")
for i, k in (0, 1), (2, 3):
    assert mined[i]["fpr95"] == ce[k]["fpr95"]
    assert mined[i]["runs"] == ce[k]["runs"]
# nested: the 8 are among the 16
import os
def names(p, s):
    d = os.path.join(os.path.dirname(sys.argv[1]),
                     os.path.dirname(p["runs"][s]["model"]))
    return set(open(d + ".negatives.txt").read().split("\n")[:-1])
for s in 0, 1:
    assert len(names(ce[1], s)) == 8 and len(names(ce[2], s)) == 16
    assert names(ce[1], s) < names(ce[2], s) < names(ce[3], s)
    assert names(ce[1], s) < names(mined[1], s) and len(names(mined[1], s)) == 16
    assert all("/%s/" % family[0]["family"] in x for x in names(family[0], s))
assert names(ce[1], 0) != names(ce[1], 1)
for f in j["fits"]:
    assert len(f["points"]) >= 3 and f["c"] >= 0 and f["a"] >= 0
assert [f["kind"] for f in j["fits"]][:2] == ["random", "mined"]
PY
check "sweep.json holds what docs/sweep.md says" python3 "$tmp/check.py" \
    "$tmp/s/sweep.json"

# A second time nothing is trained, and the file is the same.
cp "$tmp/s/sweep.json" "$tmp/first.json"
touch "$tmp/mark"
run 0 "sweep again" sweep "$data" --out "$tmp/s" $plan
check "nothing was trained" test -z \
    "$(find "$tmp/s/points" -newer "$tmp/mark" -type f)"
check "the same file" cmp -s "$tmp/first.json" "$tmp/s/sweep.json"
# A larger plan goes on from there.
run 0 "one number more" sweep "$data" --out "$tmp/s" --negatives 8,12,16,all \
    --kinds random --losses cross-entropy --seeds 2 --epochs 1 $small
check "only its runs were trained" sh -c '
    find "$1/s/points" -newer "$1/mark" -name best.safetensors |
    grep -v random-12- | wc -l | grep -qx 0' sh "$tmp"
# From nothing, with one thread: the same numbers.
run 0 "from scratch" sweep "$data" --out "$tmp/t" --negatives 8,12,16,all \
    --kinds random --losses cross-entropy --seeds 2 --epochs 1 $small \
    --threads 1
check "the same numbers" python3 -c '
import json, sys
def figures(p):
    j = json.load(open(p))
    for x in j["points"]:
        del x["runs"]
    return j["points"], j["fits"], j["answer"], j["data"]
sys.exit(figures(sys.argv[1]) != figures(sys.argv[2]))' \
    "$tmp/s/sweep.json" "$tmp/t/sweep.json"

# Other data must not be mixed in; other options neither.
mv "$data/train/negative" "$tmp/kept"
mkdir "$data/train/negative"
cp -r "$tmp/kept"/[d-z]* "$data/train/negative"
run 1 "changed data are noticed" sweep "$data" --out "$tmp/t" \
    --negatives 8,12,16,all --kinds random --losses cross-entropy --seeds 2 \
    --epochs 1 $small
err_has "and named" 'other negatives\|another command'

# hotdog / negative: one class, no families, no splits.
two=$tmp/two
mkdir -p "$two/hotdog" "$two/negative"
find "$data" -path '*teddy*' -type f | while read -r f; do
    cp "$f" "$two/hotdog/$(basename "$f")"; done
find "$tmp/kept" -type f | while read -r f; do
    cp "$f" "$two/negative/$(basename "$f")"; done
run 0 "two-way data" sweep "$two" --out "$tmp/u" --negatives 0,5,10,all \
    --kinds random,one-family --losses cross-entropy --seeds 1 --epochs 1 $small
err_has "no families are noticed" 'no families'
check "0 negatives is null there" python3 -c '
import json, sys
p = json.load(open(sys.argv[1]))["points"]
ok = p[0]["negatives"] == 0 and p[0]["fpr95"]["value"] is None
ok = ok and p[0]["design"] is None and p[0]["fpr95"]["seeds"] == [None]
sys.exit(not (ok and p[1]["fpr95"]["value"] is not None and len(p) == 4))' \
    "$tmp/u/sweep.json"

# Wrong usage.
run 2 "no --out" sweep "$data"
run 2 "no data" sweep --out "$tmp/x"
run 2 "a bad number" sweep "$data" --out "$tmp/x" --negatives 3,many
err_has "is named" "many"
run 2 "a bad kind" sweep "$data" --out "$tmp/x" --kinds easy
run 2 "a bad loss" sweep "$data" --out "$tmp/x" --losses hinge
run 2 "no seeds" sweep "$data" --out "$tmp/x" --seeds 0
run 2 "an option of its own" sweep "$data" --out "$tmp/x" --with seed=3
run 1 "no such family" sweep "$two" --out "$tmp/x" --family elk
run 1 "an option that train does not know" sweep "$two" --out "$tmp/x" \
    --with no-such=1 --seeds 1 --negatives 5
err_has "train says so" 'no-such'
finish
