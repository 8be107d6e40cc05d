#!/bin/sh
# compare: trains what is missing, judges all alike, says the same again.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
small="--with gate-size=32 --with gate-width=0.25 --with species-size=32
 --with species-width=0.25 --with batch=16 --epochs 2 --bootstrap 200 --quiet"
drawn parts "$data" 140

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
    # No interval without a width: where all images agree, an exact one or none.
    for name, v in f.items():
        if v["value"] is not None and v["lo"] is not None:
            assert v["lo"] < v["hi"], (name, v)
    of = {"fnr": len(pos), "unknown_rate": len(pos), "fpr": len(neg)}
    for name, images in of.items():
        if f[name]["value"] == 0:
            assert near(f[name]["hi"], 1 - .025 ** (1 / images)), (name, f[name])
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

# Again: a system is a matter of its folder alone. What is finished is left as
# it is; what is missing is trained, here with one thread, and what was begun is
# gone on with.
cp "$tmp/a/comparison.json" "$tmp/first.json"
mv "$tmp/a/multilabel-s2" "$tmp/first"
cp "$tmp/a/softmax-none-s1/best.safetensors" "$tmp/first.safetensors"
rm "$tmp/a/softmax-none-s1/best.safetensors" # as if it had been stopped
rm -r "$tmp/a/cascade-s2" "$tmp/a/softmax-max-s2"
find "$tmp/a" -name '*.safetensors' | grep -v softmax-none-s1 | sort >"$tmp/had"
touch "$tmp/before"
run 0 "again, with one thread" compare "$data" --out "$tmp/a" --seeds 2 $small \
    --threads 1
check "finished runs are left alone" sh -c '
    test "$(grep -c left-out "$1")" -ge 5 &&
    test -z "$(xargs -I{} find {} -newer "$2" <"$1")"' sh "$tmp/had" "$tmp/before"
check "what is missing comes out as before" same_weights \
    "$tmp/first/best.safetensors" "$tmp/a/multilabel-s2/best.safetensors"
check "so does what was begun" same_weights "$tmp/first.safetensors" \
    "$tmp/a/softmax-none-s1/best.safetensors"
check "the same seeds give the same numbers" python3 "$tmp/same.py" \
    "$tmp/first.json" "$tmp/a/comparison.json"

# A variant of a design, beside runs that are there.
run 0 "a variant" compare "$data" --out "$tmp/a" --seeds 2 $small \
    --no-left-out --systems cascade,softmax-none,softmax-none+large \
    --with softmax-none+large:gate-size=48
out_has "is in the table" "^softmax-none+large  *[0-9]"
check "its figures follow from the scores" python3 "$tmp/check.py" \
    "$tmp/a/comparison.json" cascade,softmax-none,softmax-none+large
check "its name leaves the columns in line" awk '
    NR == 1 { w = length } NF == 0 { exit bad } length != w { bad = 1 }' "$tmp/out"
check "its options are its own, and so is its cost" python3 - "$tmp/a" <<'PY'
import json, sys
s = {s["name"]: s for s in
     json.load(open(sys.argv[1] + "/comparison.json"))["systems"]}
size = {n: json.load(open(f"{sys.argv[1]}/{n}-s1/options.json"))["gate-size"]
        for n in s}
assert size == {"cascade": "32", "softmax-none": "32", "softmax-none+large": "48"}
assert s["softmax-none+large"]["cost"]["macs_gate"] > \
    1.5 * s["softmax-none"]["cost"]["macs_gate"]
PY

# Two classes of which one is "negative". Two photos of the train part stand in
# the test part, too, which is wanted here.
two=$tmp/two
for split in train valid test; do
    mkdir -p "$two/$split/hotdog"
    cp -R "$data/$split/negative" "$two/$split/negative"
    for class in black grizzly teddy; do
        for f in "$data/$split/$class"/*; do
            ln "$f" "$two/$split/hotdog/$class-${f##*/}"
        done
    done
done
copies() { # FOLDER-OF-A-CLASS FOLDER-OF-NEGATIVES
    cp "$(find "$data/train/teddy" -type f | sort | head -n 1)" "$1/copy.jpg"
    cp "$(find "$data/train/negative" -type f | sort | head -n 1)" \
        "$2/copy.jpg"
}
copies "$two/test/hotdog" "$two/test/negative"
n_test() { # COMPARISON: test images
    python3 -c 'import json, sys
print(len(json.load(open(sys.argv[1]))["test"]["label"]))' "$1"
}
run 0 "hotdog and negative" compare "$two" --out "$tmp/two-runs" --seeds 1 \
    --no-left-out $small --with multilabel:gate-size=40 --keep-overlap
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
check "copies of trained ones are kept where that is asked for" test \
    "$(n_test "$tmp/two-runs/comparison.json")" -eq \
    "$(find "$two/test" -name '*.jpg' | wc -l)"
run 1 "nor can it be trained" train "$two" --out "$tmp/one" \
    --system softmax-max --epochs 1 --quiet
err_has "which is told before" "needs two classes"
check "and not after the training" test ! -e "$tmp/one/results.csv"

# train on its own: a family left out, other splits of data without splits.
one="--epochs 1 --gate-size 32 --gate-width 0.25 --batch 16 --quiet
 --system multilabel"
run 0 "train leaves a family out" train "$data" --out "$tmp/ape" $one \
    --leave-out ape
check "training and validation, not the test" python3 - "$tmp/err" "$data" <<'PY'
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

# Of many classes the likeliest is told, not every probability. Here a file has
# the splits, the negatives have another name, and two test images stand in the
# train part, too.
kinds=$tmp/kinds
i=0
for split in train valid test; do
    for f in "$data/$split"/*/*.jpg "$data/$split"/negative/*/*.jpg; do
        case $f in
        */negative/*) to=stuff/${f#*/negative/} ;;
        *) to=kind-$((i % 25))/$i.jpg i=$((i + 1)) ;;
        esac
        mkdir -p "$kinds/${to%/*}"
        ln "$f" "$kinds/$to"
        echo "$to,$split"
    done
done >"$tmp/rows"
copies "$kinds/kind-0" "$kinds/stuff"
{
    echo file,split
    cat "$tmp/rows"
    echo kind-0/copy.jpg,test
    echo stuff/copy.jpg,test
} >"$tmp/kinds.csv"
run 0 "many classes" compare "$kinds" --out "$tmp/kinds-runs" --seeds 1 \
    --no-left-out --systems cascade,softmax-none $small \
    --split-file "$tmp/kinds.csv" --negative-class stuff
out_has "test images are few, and that is said" "too few to recommend a design"
err_has "what stands in train too is named" \
    "2 test images stand in train or valid too: they are"
check "and left out" test "$(n_test "$tmp/kinds-runs/comparison.json")" -eq \
    "$(grep -c ,test "$tmp/rows")"
check "the trainings were told of splits and negatives" grep -q -e \
    '--split-seed 1 --negative-class stuff --split-file .*kinds.csv' \
    "$tmp/kinds-runs/cascade-s1/command.txt"
check "and used them" python3 - "$tmp/kinds.csv" \
    "$tmp/kinds-runs/softmax-none-s1/split.csv" <<'PY'
import csv, sys
a, b = ({r["file"]: r["split"] for r in csv.DictReader(open(p, newline=""))}
        for p in sys.argv[1:])
sys.exit(a != b or len(a) < 100)
PY
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
            # The likeliest of 25 has a share of 1 / 25 or more: of all, or
            # of what "none" leaves.
            least = 1 if s["name"] == "cascade" else p
            assert least / 25 - 1e-6 <= q <= 1 and 0 <= b < 25
    assert m == s["confusion"], s["name"]
PY

# What cannot be.
run 2 "no --out" compare "$two"
one_error_line "says so in a line"
run 1 "unknown system" compare "$two" --out "$tmp/c" --systems cascade,svm
err_has "names it" "'svm'"
run 1 "an option of no system" compare "$two" --out "$tmp/c" --seeds 1 \
    --no-left-out $small --with svm:gate-size=32
err_has "names that" "'svm'"
run 1 "an option of no variant" compare "$two" --out "$tmp/c" --seeds 1 \
    --no-left-out $small --with softmax-none+large:gate-size=32
err_has "names that" "'softmax-none+large', which is not among --systems"
run 1 "unknown family" compare "$two" --out "$tmp/c" --left-out unicorn
err_has "names it" "'unicorn'"
run 2 "no seeds" compare "$two" --out "$tmp/c" --seeds 0
run 1 "no such data" compare "$tmp/nothing" --out "$tmp/c"
run 1 "an option that train does not know" compare "$two" --out "$tmp/c" \
    --with gait-size=32 --quiet
check "nothing was written" test ! -e "$tmp/c/comparison.json"
run 1 "another budget in the same folder" compare "$two" \
    --out "$tmp/two-runs" --seeds 1 --systems cascade --no-left-out $small \
    --keep-overlap --epochs 3
err_has "says whose folder it is" "another command"
rm "$two/train/hotdog/black-$(ls "$data/train/black" | head -n 1)"
run 1 "other images, same folder" compare "$two" --out "$tmp/two-runs" \
    --seeds 1 --systems cascade,softmax-none --no-left-out $small --keep-overlap
err_has "says so" "trained on other images"
finish
