#!/bin/sh
# compare: trains what is missing, judges all alike, says the same again.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
small="--with gate-size=32 --with gate-width=0.25 --with species-size=32
 --with species-width=0.25 --with batch=16 --epochs 2 --bootstrap 200 --quiet"
run 0 "synth draws images" synth --out "$data" --count 200 --seed 8 \
    --size 64 --quiet

# Times and memory are the machine's (and the verdict tells times); all else
# must come again, whatever the number of threads.
cat >"$tmp/same.py" <<'PY'
import json, sys
def strip(x):
    if isinstance(x, dict):
        return {k: strip(v) for k, v in x.items()
                if not k.startswith("ms") and
                k not in ("train_seconds", "peak_mb", "command", "verdict",
                          "machine", "speed", "images_s")}
    return [strip(v) for v in x] if isinstance(x, list) else x
a, b = (strip(json.load(open(p))) for p in sys.argv[1:3])
sys.exit(0 if a == b else 1)
PY

# A second computation of the figures from the scores per image.
cat >"$tmp/check.py" <<'PY'
import json, sys
c = json.load(open(sys.argv[1]))
k, n = len(c["classes"]), c["test"]["n"]
label = c["test"]["label"]
assert len(label) == len(c["test"]["files"]) == n
assert [s["name"] for s in c["systems"]] == sys.argv[2].split(",")
for s in c["systems"]:
    wins, right, confusion = [], [], [[0] * (k + 2) for _ in range(k + 1)]
    for r in s["runs"]:
        neg = [p for p, y in zip(r["p_positive"], label) if y < 0]
        pos = [p for p, y in zip(r["p_positive"], label) if y >= 0]
        wins.append(sum((p > q) + 0.5 * (p == q) for p in pos for q in neg)
                    / (len(pos) * len(neg)))
        hits = 0
        for p, row, y in zip(r["p_positive"], r["p"], label):
            best = max(range(k), key=lambda i: row[i])
            said = (k if p < r["threshold"] else
                    k + 1 if row[best] < r["reject_threshold"] else best)
            confusion[y if y >= 0 else k][said] += 1
            hits += said == (y if y >= 0 else k)
        right.append(hits / n)
    f = s["figures"]
    near = lambda a, b: abs(a - b) < 1e-9
    assert near(f["roc_area"]["value"], sum(wins) / len(wins)), s["name"]
    assert all(map(near, f["roc_area"]["seeds"], wins))
    assert all(map(near, f["end_to_end"]["seeds"], right)), s["name"]
    assert confusion == s["confusion"], s["name"]
    for v in f.values():
        if v["value"] is not None:
            assert v["lo"] <= v["hi"]
    assert s["cost"]["parameters"] > 0 and s["cost"]["ms_1"] > 0
# Prices at each share, from the rates at which the gate passes images on.
for row in c["prevalence"]:
    x = row["prevalence"]
    for s, price in zip(c["systems"], row["systems"]):
        k = s["cost"]
        on = k["passed_on"]
        share = x * on["positives"] + (1 - x) * on["negatives"]
        assert price["name"] == s["name"]
        macs = k["macs_gate"] + share * k["macs_species"]
        assert abs(price["macs"] / macs - 1) < 1e-9
        for way, v in k["speed"].items():
            ms = [(1 - on[y]) * v[y][0] + on[y] * v[y][1]
                  for y in ("positives", "negatives")]
            assert 0 < min(v["positives"] + v["negatives"])
            t = x * ms[0] + (1 - x) * ms[1]
            assert abs(price["images_s"][way] * t - 1000) < 1e-6
            assert isinstance(v["unsure"], bool)
# Equal nets and systems are measured once.
cascades, singles = ([s["cost"] for s in c["systems"]
                      if s["name"].startswith("cascade") == two]
                     for two in (True, False))
for kind in cascades, singles:
    for macs in {s["macs_gate"] // 10**4 for s in kind}: # but for the outputs
        alike = [s for s in kind if s["macs_gate"] // 10**4 == macs]
        for s in alike:
            assert s["speed"] == alike[0]["speed"]
            assert s["ms_gate_bulk"] == alike[0]["ms_gate_bulk"]
for s in singles:
    for v in s["speed"].values():
        assert v["positives"][0] == v["positives"][1]
weighed = c["verdict"]["weighed"]
few = min(sum(y >= 0 for y in label), sum(y < 0 for y in label)) < 30
assert (weighed is None) == few == ("too few" in c["verdict"]["text"])
a, b = (c["systems"][i]["figures"]["fpr95"]["value"] for i in (0, 1))
assert near(c["differences"][0]["figures"]["fpr95"]["value"], a - b)
told = [t for t in c["verdict"]["conditions"] if "answer unknown" in t]
rate = c["systems"][0]["figures"]["unknown_rate"]["value"]
assert len(told) == (rate > 0)
if told: # with the likeliest class instead
    runs = c["systems"][0]["runs"]
    hits = sum((y if y >= 0 else k) ==
               (k if p < r["threshold"] else row.index(max(row)))
               for r in runs
               for p, row, y in zip(r["p_positive"], r["p"], label))
    assert "right on %.1f %%" % (100 * hits / n / len(runs)) in told[0], told
PY

run 0 "all systems" compare "$data" --out "$tmp/a" --seeds 2 $small
cp "$tmp/out" "$tmp/table"
for system in cascade cascade-plain multilabel multilabel-focal softmax-none \
    softmax-max; do
    out_has "$system is in the table" "^$system  *[0-9]"
done
out_has "a verdict in words" "the best single model"
out_has "multiply-adds at four shares" \
    "^M multiply-adds  *50 %  *10 %  *1 %  *0.1 %"
out_has "speed in memory" "^images/s in memory  *50 %"
out_has "speed from files" "^images/s from files  *50 %"
check "figures follow from the scores" python3 "$tmp/check.py" \
    "$tmp/a/comparison.json" \
    cascade,cascade-plain,multilabel,multilabel-focal,softmax-none,softmax-max
check "a family was kept out of training" grep -q -e "--leave-out" \
    "$tmp/a/cascade-left-out/command.txt"
check "not for what sees no negatives" test ! -e "$tmp/a/softmax-max-left-out"

check "the report holds figures, images and maps" python3 - "$tmp/a" <<'PY'
import base64, json, re, sys
page = open(sys.argv[1] + "/report.html", encoding="utf-8").read()
def block(name):
    return json.loads(re.search(
        '<script type="application/json" id="%s">(.*?)</script>' % name,
        page, re.S).group(1))
c = json.load(open(sys.argv[1] + "/comparison.json"))
assert block("comparison") == c and block("sweep") is None
images = block("images")
assert images and all(0 <= int(i) < c["test"]["n"] for i in images)
for p in images.values():
    assert set(p["cam"]) == {s["name"] for s in c["systems"]}
    for url in [p["thumb"], *p["cam"].values()]:
        kind, data = url.split(",")
        jpeg = base64.b64decode(data, validate=True)
        assert kind == "data:image/jpeg;base64" and jpeg[:2] == b"\xff\xd8"
        assert jpeg[-2:] == b"\xff\xd9"
    assert len(set(p["cam"].values())) > 1
PY

# Again: nothing is trained; a system is a matter of its folder alone.
touch "$tmp/before"
run 0 "again" compare "$data" --out "$tmp/a" --seeds 2 $small
check "finished runs are left alone" test -z "$(find "$tmp/a" \
    -name '*.safetensors' -newer "$tmp/before")"
mv "$tmp/a/multilabel-s2" "$tmp/first"
rm "$tmp/a/softmax-none-s1/best.safetensors" # as if it had been stopped
run 0 "what is missing is trained, what was begun is gone on with" \
    compare "$data" --out "$tmp/a" --seeds 2 $small
check "and comes out as before" same_weights "$tmp/first/best.safetensors" \
    "$tmp/a/multilabel-s2/best.safetensors"
check "or as far" test -s "$tmp/a/softmax-none-s1/best.safetensors"
cp "$tmp/a/comparison.json" "$tmp/first.json"
rm -r "$tmp/a"/*-s2
run 0 "a run of each system from nothing, with one thread" compare "$data" \
    --out "$tmp/a" --seeds 2 $small --threads 1
check "the same seeds give the same numbers" python3 "$tmp/same.py" \
    "$tmp/first.json" "$tmp/a/comparison.json"

# Two classes of which one is "negative".
two=$tmp/two
for split in train valid test; do
    mkdir -p "$two/$split/hotdog"
    cp -R "$data/$split/negative" "$two/$split/negative"
    for class in black grizzly teddy; do
        for f in "$data/$split/$class"/*; do
            cp "$f" "$two/$split/hotdog/$class-$(basename "$f")"
        done
    done
done
run 0 "hotdog and negative" compare "$two" --out "$tmp/two-runs" --seeds 1 \
    --no-left-out $small --with multilabel:gate-size=40
err_has "what has nothing to choose from is left out" \
    "softmax-max needs two classes"
check "its figures follow from the scores" python3 "$tmp/check.py" \
    "$tmp/two-runs/comparison.json" \
    cascade,multilabel,multilabel-focal,softmax-none
check "which is said" grep -q \
    "options of one system alone: multilabel:gate-size=40" \
    "$tmp/two-runs/comparison.json"
check "an option of one system is of its runs alone" sh -c '
    grep -q "\"gate-size\": \"40\"" "$1/multilabel-s1/options.json" &&
    grep -q "\"gate-size\": \"32\"" "$1/multilabel-focal-s1/options.json" &&
    grep -q "\"gate-size\": \"32\"" "$1/cascade-s1/options.json"
' sh "$tmp/two-runs"
run 1 "nor can it be trained" train "$two" --out "$tmp/one" \
    --system softmax-max --epochs 1 --quiet
err_has "which is told before" "needs two classes"
check "and not after the training" test ! -e "$tmp/one/results.csv"

# train on its own: a family left out, other splits of data without splits.
one="--epochs 1 --gate-size 32 --gate-width 0.25 --batch 16 --quiet
 --system multilabel"
run 0 "train leaves a family out" train "$data" --out "$tmp/ape" $one \
    --leave-out ape
check "training and validation, not the test" python3 - "$tmp/err" "$two" <<'PY'
import os, sys
row = [l.split() for l in open(sys.argv[1]) if "(negative)" in l][0]
root = sys.argv[2]
have = {s: sum(len(f) for d, _, f in os.walk(f"{root}/{s}/negative"))
        for s in ("train", "valid", "test")}
apes = {s: len(os.listdir(f"{root}/{s}/negative/ape"))
        if os.path.isdir(f"{root}/{s}/negative/ape") else 0 for s in have}
want = [have["train"] - apes["train"], have["valid"] - apes["valid"],
        have["test"]]
assert apes["train"] > 0
sys.exit(0 if [int(v) for v in row[1:]] == want else 1)
PY
run 1 "an unknown family cannot be left out" train "$data" --out "$tmp/x" \
    $one --leave-out unicorn
err_has "names it" "'unicorn'"

# Of many classes the likeliest is told, not every probability.
kinds=$tmp/kinds
for split in train valid test; do
    i=0
    mkdir -p "$kinds/$split"
    cp -R "$data/$split/negative" "$kinds/$split/negative"
    for f in "$data/$split"/black/* "$data/$split"/teddy/* \
        "$data/$split"/grizzly/*; do
        mkdir -p "$kinds/$split/kind-$((i % 25))"
        cp "$f" "$kinds/$split/kind-$((i % 25))/$i-$(basename "$f")"
        i=$((i + 1))
    done
done
run 0 "many classes" compare "$kinds" --out "$tmp/kinds-runs" --seeds 1 \
    --no-left-out --systems cascade,softmax-none $small
check "their figures follow from the likeliest one" python3 - \
    "$tmp/kinds-runs/comparison.json" <<'PY'
import json, sys
c = json.load(open(sys.argv[1]))
assert len(c["classes"]) == 25
for s in c["systems"]:
    m = [[0] * 27 for _ in range(26)]
    for r in s["runs"]:
        assert "p" not in r
        for y, p, b, q in zip(c["test"]["label"], r["p_positive"], r["best"],
                              r["best_p"], strict=True):
            m[y if y >= 0 else 25][
                25 if p < r["threshold"] else
                26 if q < r["reject_threshold"] and "known" not in r else
                b] += 1
            assert 1 / 25 - 1e-6 <= q <= 1 and 0 <= b < 25
    assert m == s["confusion"], s["name"]
PY

# What cannot be.
run 2 "no --out" compare "$two"
one_error_line "says so in a line"
run 1 "unknown system" compare "$two" --out "$tmp/c" --systems cascade,svm
err_has "names it" "'svm'"
run 1 "an option of no system" compare "$two" --out "$tmp/c" \
    --with svm:gate-size=32
err_has "names that" "'svm'"
run 1 "unknown family" compare "$two" --out "$tmp/c" --left-out unicorn
err_has "names it" "'unicorn'"
run 2 "no seeds" compare "$two" --out "$tmp/c" --seeds 0
run 1 "no such data" compare "$tmp/nothing" --out "$tmp/c"
run 1 "an option that train does not know" compare "$two" --out "$tmp/c" \
    --with gait-size=32 --quiet
check "nothing was written" test ! -e "$tmp/c/comparison.json"
run 1 "another budget in the same folder" compare "$two" \
    --out "$tmp/two-runs" --seeds 1 --systems cascade --no-left-out $small \
    --epochs 3
err_has "says whose folder it is" "another command"
rm "$two/train/hotdog/black-$(ls "$data/train/black" | head -n 1)"
run 1 "other images, same folder" compare "$two" --out "$tmp/two-runs" \
    --seeds 1 --systems cascade,softmax-none --no-left-out $small
err_has "says so" "trained on other images"
finish
