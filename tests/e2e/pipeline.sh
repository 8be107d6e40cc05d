#!/bin/sh
# From a folder of images to verdicts, on rendered images: train, classify
# in every format and from every kind of input, evaluate, inspect.
. "$(dirname "$0")/lib.sh"

tiny="--gate-size 32 --gate-width 0.25 --species-size 32 --species-width 0.25
      --batch 16 --quiet"
data=$tmp/data
model=$tmp/run

run 0 "synth draws images" synth --out "$data" --count 160 --seed 3 \
    --size 64 --quiet
# shellcheck disable=SC2086
run 0 "train makes a run folder" train "$data" --out "$model" --epochs 2 $tiny
for f in best.safetensors last.safetensors results.csv options.json; do
    check "$f is there" test -s "$model/$f"
done
check "results.csv has a row an epoch and net" \
    test "$(grep -c . "$model/results.csv")" -eq 5
# shellcheck disable=SC2086
run 2 "a second run is not written over it" train "$data" --out "$model" $tiny

find "$data/test" -type f | sort >"$tmp/list"
total=$(grep -c . "$tmp/list")
lines() { grep -c . "$tmp/out"; }

run 0 "classify a folder" classify --model "$model" "$data/test"
check "a line an image" test "$(lines)" -eq "$total"
run 0 "classify the paths on standard input" \
    classify -m "$model" -f jsonl - <"$tmp/list"
check "a line an image, from stdin" test "$(lines)" -eq "$total"
cp "$tmp/out" "$tmp/stdin.jsonl"
(cd "$data/test" && tar cf "$tmp/test.tar" .)
run 0 "classify a tar" classify -m "$model" -f jsonl "$tmp/test.tar"
check "a line an image, from a tar" test "$(lines)" -eq "$total"
cp "$tmp/out" "$tmp/tar.jsonl"
check "same numbers from files and from a tar" python3 - "$tmp" <<'PY'
import json, os, sys
def table(name):
    rows = {}
    for line in open(os.path.join(sys.argv[1], name)):
        r = json.loads(line)
        rows[os.path.basename(r["file"])] = (r["p_positive"], r["p"], r["verdict"])
    return rows
a, b = table("stdin.jsonl"), table("tar.jsonl")
sys.exit(0 if a == b and len(a) > 10 else 1)
PY
check "JSON lines hold the promised fields" python3 - "$tmp/tar.jsonl" <<'PY'
import json, sys
for line in open(sys.argv[1]):
    r = json.loads(line)
    assert set(r) - {"p_none"} == {"file", "label", "p_positive", "p_gate",
                                   "p", "stage", "verdict", "ms"}, r
    assert r["verdict"] in ("none", "class", "unknown")
    assert r["stage"] == "species" or r["verdict"] == "none"
    assert ("p_none" in r) == bool(r["p"]) == (r["stage"] == "species"), r
    assert (r["label"] in ("black", "grizzly", "teddy")) == (r["verdict"] == "class")
    if r["p"]:
        assert abs(sum(r["p"].values()) - 1) < 1e-4
PY
run 0 "all stages" classify -m "$model" -f jsonl --all-stages "$tmp/test.tar"
check "then every line has class probabilities" \
    test "$(grep -c '"p":{"black"' "$tmp/out")" -eq "$total"
run 0 "csv" classify -m "$model" -f csv "$data/test"
check "csv is a table" python3 - "$tmp/out" "$total" <<'PY'
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
assert rows[0][:5] == ["file", "label", "verdict", "stage", "p_positive"]
assert len(rows) == int(sys.argv[2]) + 1 and len({len(r) for r in rows}) == 1
PY
run 0 "megadetector" classify -m "$model" -f megadetector "$data/test"
check "megadetector output is one JSON document" python3 - "$tmp/out" "$total" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["info"]["format_version"] and d["detection_categories"]["1"]
assert len(d["images"]) == int(sys.argv[2])
for i in d["images"]:
    for x in i["detections"]:
        assert 0 <= x["conf"] <= 1 and x["bbox"] == [0, 0, 1, 1]
PY

head -n 3 "$tmp/list" >"$tmp/some"
first=$(head -n 1 "$tmp/list")
run 0 "single files" classify -m "$model" "$first" "$first"
check "two lines" test "$(lines)" -eq 2
run 3 "a missing file among good ones" \
    classify -m "$model" "$first" "$tmp/none.jpg" "$first"
check "a line for each" test "$(lines)" -eq 3
out_has "the missing one is named" "none.jpg: error: .*No such file"

run 0 "evaluate" evaluate --model "$model" "$data" --split test
out_has "evaluate prints the ROC area" "ROC area"
run 0 "evaluate --json" evaluate --model "$model" "$data" --json
check "evaluate prints JSON" python3 -m json.tool "$tmp/out" /dev/null
grep -v ms_per "$tmp/out" >"$tmp/one-view"
run 0 "evaluate in other views" evaluate --model "$model" "$data" --json \
    --gate-tta 48,32m
check "gives other figures" python3 - "$tmp/one-view" "$tmp/out" <<'PY'
import re, sys
figures = [re.findall(r'"(?:roc_area|gate_brier)[^,}]*', open(f).read())
           for f in sys.argv[1:]]
assert figures[0] and figures[0] != figures[1], figures
PY
# shellcheck disable=SC2086
run 0 "other views for a trained gate" train "$data" --out "$tmp/views" \
    --gate-from "$model" --only gate --gate-tta 48,32m $tiny
check "the weights stay, the threshold is new" python3 - "$model" "$tmp/views" <<'PY'
import json, struct, sys
files = []
for run in sys.argv[1:]:
    data = open(run + "/best.safetensors", "rb").read()
    n, = struct.unpack("<Q", data[:8])
    head, body = json.loads(data[8:8 + n]), data[8 + n:]
    meta = head.pop("__metadata__")
    gate = {k: body[v["data_offsets"][0]:v["data_offsets"][1]]
            for k, v in head.items() if k.startswith("gate.")}
    files.append((gate, json.loads(meta["gate.net"]),
                  json.loads(meta["gate.policy"])))
(a, net, old), (b, views, new) = files
assert a and a == b
assert net["size"] == 32 and "tta" not in net, net
assert views["size"] == 48, views
assert views["tta"] == [{"size": 32, "mirrored": True}], views
assert old["threshold"] != new["threshold"], (old, new)
assert old["n_positives"] == new["n_positives"] > 0
PY
run 2 "evaluate checks the views" evaluate --model "$model" "$data" \
    --gate-tta 48,64
run 0 "inspect the model" inspect "$model"
out_has "the model's classes" "black grizzly teddy"
run 0 "inspect the model as JSON" inspect "$model" --json
check "model JSON" python3 -m json.tool "$tmp/out" /dev/null
run 0 "inspect the data" inspect "$data"
out_has "a row of a class" "grizzly"
run 0 "inspect the data as JSON" inspect "$data" --json
check "data JSON" python3 -m json.tool "$tmp/out" /dev/null

check "the model tells no folders of its maker" sh -c '! grep -aq "$2" "$1"' sh \
    "$tmp/run/best.safetensors" "$tmp"
finish
