#!/bin/sh
# Other thresholds for one run, and what can be known of negatives alone or of
# positives alone.
. "$(dirname "$0")/lib.sh"
: "${BEARCASCADE:?names the program}"

small="--gate-size 32 --gate-width 0.25 --species-size 32
    --species-width 0.25 --batch 16 --quiet"
drawn parts "$tmp/data" 180
run 0 "train" train "$tmp/data" --out "$tmp/run" --epochs 3 \
    --min-recall 0.8 $small
run 0 "train a plain cascade" train "$tmp/data" --out "$tmp/plain" \
    --epochs 3 --min-recall 0.8 --species-none off $small
run 0 "train a single model" train "$tmp/data" --out "$tmp/single" \
    --epochs 3 --system multilabel --gate-size 32 --gate-width 0.25 \
    --batch 16 --quiet

cat >"$tmp/decide.py" <<'PY'
import csv, io, json, subprocess, sys
program, model, photos = sys.argv[1:4]
can_say_unknown = "single" not in model

def classify(*more, form="jsonl", status=0):
    r = subprocess.run([program, "classify", "-q", "-m", model, "-f", form,
                        *more, photos], capture_output=True, text=True)
    assert r.returncode == status, (more, r.returncode, r.stderr)
    return r.stdout

def rows(*more):
    return [json.loads(l) for l in classify(*more).splitlines()]

if can_say_unknown: # some images end at the gate
    assert any(not r["p"] for r in rows())
plain = rows("--all-stages")
assert len(plain) > 20 and all("threshold" not in r for r in plain)
scores = sorted(r["p_positive"] for r in plain)
for p in (0, 1, scores[0], scores[len(scores) // 3] + 1e-5,
          scores[len(scores) // 2], scores[-2] - 1e-5):
    got = rows("--threshold", "%.6f" % p)
    for a, b in zip(plain, got, strict=True):
        assert a["file"] == b["file"] and b["threshold"] == round(p, 6)
        # The score stays what it was: above the stored one both nets ran.
        assert a["p_positive"] == b["p_positive"] or b["verdict"] == "none"
        if abs(a["p_positive"] - p) > 2e-6:
            assert (b["verdict"] != "none") == (a["p_positive"] > p), (p, a, b)
        if b["verdict"] != "none":
            assert set(b["p"]) == set(a["p"]) and b["p"]
table = list(csv.DictReader(io.StringIO(
    classify("--threshold", "0.25", form="csv"))))
assert {r["threshold"] for r in table} == {"0.250000"}
info = json.loads(classify("--threshold", "0.25", form="megadetector"))["info"]
assert info["detector_metadata"]["typical_detection_threshold"] == 0.25
if can_say_unknown:
    got = rows("--threshold", "0", "--unknown-below", "0.7")
    for r in got:
        best = max(r["p"].values())
        assert abs(best - 0.7) < 2e-6 or \
            (r["verdict"] == "class") == (best > 0.7), r
        assert r["unknown_below"] == 0.7
    assert {r["verdict"] for r in rows("--threshold", "0",
                                       "--unknown-below", "0")} == {"class"}
PY
for model in run plain single; do
    check "thresholds of one run: $model" python3 "$tmp/decide.py" \
        "$BEARCASCADE" "$tmp/$model/best.safetensors" "$tmp/data/test"
done
for bad in -0.1 1.01 nan inf x ''; do
    run 2 "no threshold: '$bad'" classify -m "$tmp/run" "--threshold=$bad" x
    one_error_line "is told in one line"
    run 2 "nor a reject threshold: '$bad'" classify -m "$tmp/run" \
        "--unknown-below=$bad" x
done
run 1 "a single model never says unknown" classify -m "$tmp/single" \
    --unknown-below 0.5 "$tmp/data/test"
one_error_line "and one line says so" 1
run 0 "results" classify -q -m "$tmp/run" -f jsonl --resume "$tmp/rows" \
    "$tmp/data/test"
run 1 "do not go on with another threshold" classify -q -m "$tmp/run" \
    -f jsonl --resume "$tmp/rows" --threshold 0.5 "$tmp/data/test"
err_has "and why is said" "another model or other options"
run 0 "results with a threshold" classify -q -m "$tmp/run" -f jsonl \
    --resume "$tmp/rows2" --threshold 0.4 "$tmp/data/test"
run 1 "do not go on with another one, either" classify -q -m "$tmp/run" \
    -f jsonl --resume "$tmp/rows2" --threshold 0.5 "$tmp/data/test"

# One kind alone.
mkdir -p "$tmp/blank/deep/er" "$tmp/only"
cp -r "$tmp/data/test/negative" "$tmp/only/negative"
blanks=0
for f in $(find "$tmp/data/test/negative" -type f); do
    blanks=$((blanks + 1))
    cp "$f" "$tmp/blank/deep/er/$blanks.${f##*.}"
done
cat >"$tmp/alone.py" <<'PY'
import json, math, subprocess, sys
program, model, kind, *args = sys.argv[1:]
def tail(n, k, p):
    return sum(math.comb(n, i) * p ** i * (1 - p) ** (n - i)
               for i in range(k, n + 1))
def exact(f, n):
    k = round(f["value"] * n)
    if k > 0:
        assert abs(tail(n, k, f["lo"]) - .025) < 1e-6, f
    else:
        assert f["lo"] == 0
    if k < n:
        assert abs(1 - tail(n, k + 1, f["hi"]) - .025) < 1e-6, f
    else:
        assert f["hi"] == 1
r = subprocess.run([program, "evaluate", "-q", "--json", "-m", model, *args],
                   capture_output=True, text=True)
assert r.returncode == 0, r.stderr
got, = json.loads(r.stdout)
null = {"value": None, "lo": None, "hi": None}
assert got["roc_area"] == got["average_precision"] == null
assert got["gate_ece"] is None
if kind == "negatives":
    assert got["positives"] == 0 and got["negatives"] > 5
    exact(got["all_negatives"]["fpr"], got["negatives"])
    exact(got["end_to_end"], got["negatives"])
    for key in ("fnr", "species_accuracy", "unknown_rate"):
        assert got[key] == null, key
    assert got["all_negatives"]["fpr95"] == null
else:
    assert got["negatives"] == 0 and got["positives"] > 3
    for key in ("fnr", "species_accuracy", "unknown_rate", "end_to_end"):
        exact(got[key], got["positives"])
    assert got["all_negatives"]["fpr"] == null
PY
alone() { python3 "$tmp/alone.py" "$BEARCASCADE" "$tmp/run" "$@"; }
check "negatives alone, a folder of blanks" alone negatives --all-negative \
    "$tmp/blank"
check "negatives alone, by their folder" alone negatives --split all \
    "$tmp/only"
mkdir "$tmp/bears"
cp -r "$tmp/data/test/"[!n]* "$tmp/bears" # all but "negative"
check "positives alone" alone positives --split all "$tmp/bears"
run 0 "the text" evaluate -q -m "$tmp/run" --all-negative "$tmp/blank"
out_has "says what there is not" "no image of a class, so there is no ROC area"
out_has "and that intervals are exact" "95 % exact intervals"
check "and has no figure that is none" sh -c "! grep -q nan '$tmp/out'"

# Targets.
run 0 "a target that is met" evaluate -q -m "$tmp/run" --all-negative \
    --max-fpr 0 --threshold 1 "$tmp/blank"
out_has "is said" "target: false-positive rate of at most 0.0000: met with 0.0"
out_has "with what is not shown" "so chance may have met it"
run 4 "a target that is missed" evaluate -q -m "$tmp/run" --all-negative \
    --max-fpr 0.99 --threshold 0 "$tmp/blank"
out_has "too" "target: .*: missed with 1.0000 ($blanks of $blanks; at most 1.0000"
run 4 "recall, as JSON" evaluate -q -m "$tmp/run" --split all --json \
    --min-recall 0.1 --threshold 1 "$tmp/bears"
check "which has it" python3 -c "
import json, sys
t, = json.load(open(sys.argv[1]))[0]['targets']
assert t['figure'] == 'recall' and t['k'] == 0 and t['met'] is False, t
" "$tmp/out"
run 1 "a target without images" evaluate -q -m "$tmp/run" --all-negative \
    --min-recall 0.5 "$tmp/blank"
err_has "names what is missing" "no readable image of a class"
finish
