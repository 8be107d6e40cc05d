#!/bin/sh
# --decisions: labels that a person gave, without touching the photos.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
drawn whole "$data"
small="--gate-size 32 --gate-width 0.25 --batch 16 --quiet --threads 1
    --species-size 32 --species-width 0.25 --epochs 1 --split-seed 5"
# shellcheck disable=SC2086
run 0 "train" train "$data" --out "$tmp/r" $small
find "$data" -type f | sort | xargs cksum >"$tmp/before"

# One photo in six is relabelled, dropped or kept.
python3 - "$tmp/r/split.csv" "$tmp/d.jsonl" <<'PY'
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
with open(sys.argv[2], "w") as out:
    print(json.dumps({"format": "bearcascade-decisions 1"}), file=out)
    for i, r in enumerate(rows[::6]):
        given = r["label"] or "none"
        other = "teddy" if given != "teddy" else "none"
        print(json.dumps({"file": r["file"], "hash": r["hash"],
                          "label": [other, None, given][i % 3]}), file=out)
PY
# shellcheck disable=SC2086
run 0 "train with decisions" train "$data" --out "$tmp/s" $small \
    --decisions "$tmp/d.jsonl"
err_has "what they do is said" \
    "14 photos get another label, 13 are left out, 13 are kept"
cat >"$tmp/splits.py" <<'PY'
import csv, json, sys
old, new = ({r["hash"]: r for r in csv.DictReader(open(p, newline=""))}
            for p in sys.argv[1:3])
said = {r["hash"]: r["label"] for r in map(json.loads, open(sys.argv[3]))
        if "hash" in r}
gone = {h for h, label in said.items() if label is None}
assert not gone & new.keys()
both = old.keys() & new.keys()
assert len(both) == int(sys.argv[4]), len(both)
for h in both:
    assert old[h]["split"] == new[h]["split"], old[h]
    want = said.get(h) or old[h]["label"]
    assert new[h]["label"] == ("" if want == "none" else want), new[h]
PY
check "labels are those decided, no photo changes its split" \
    python3 "$tmp/splits.py" "$tmp/r/split.csv" "$tmp/s/split.csv" \
    "$tmp/d.jsonl" 227
find "$data" -type f | sort | xargs cksum >"$tmp/after"
check "the photos stay as they are" cmp "$tmp/before" "$tmp/after"

# Ten photos that were not decided on go, ten come; the decisions hold on.
python3 - "$data" "$tmp/d.jsonl" >"$tmp/gone" <<'PY'
import json, os, sys
said = {r["file"] for r in map(json.loads, open(sys.argv[2])) if "file" in r}
names = sorted(os.path.relpath(os.path.join(d, f), sys.argv[1])
               for d, _, fs in os.walk(sys.argv[1]) for f in fs)
print("\n".join([f for f in names if f not in said][::20][:10]))
PY
while read -r f; do rm "$data/$f"; done <"$tmp/gone"
drawn more "$tmp/more"
find "$tmp/more" -name '*.jpg' | sort | awk 'NR % 4 == 1' >"$tmp/new"
while read -r f; do
    at=$data/$(dirname "${f#"$tmp/more/"}")
    mkdir -p "$at"
    cp "$f" "$at/new-$(basename "$f")"
done <"$tmp/new"
# shellcheck disable=SC2086
run 0 "train on that" train "$data" --out "$tmp/t" $small \
    --decisions "$tmp/d.jsonl"
check "no photo changes its split there either" \
    python3 "$tmp/splits.py" "$tmp/r/split.csv" "$tmp/t/split.csv" \
    "$tmp/d.jsonl" 217

# The other commands.
run 0 "inspect" inspect "$data" --decisions "$tmp/d.jsonl"
err_has "says what they do" "decisions from"
run 0 "evaluate" evaluate -m "$tmp/t" "$data" --json --quiet --bootstrap 0 \
    --decisions "$tmp/d.jsonl"
python3 -c 'import csv, json, sys
j = json.load(open(sys.argv[1]))[0]
n = sum(r["split"] == "test" for r in csv.DictReader(open(sys.argv[2])))
sys.exit(j["positives"] + j["negatives"] != n)' "$tmp/out" "$tmp/t/split.csv" &&
    pass "measures what is left of the test part" ||
    fail "measures what is left of the test part"
run 0 "mine" mine -m "$tmp/t" --positives "$data" --quiet \
    --pool synth:20:5:size=64:kind=negatives --out "$tmp/mined" \
    --decisions "$tmp/d.jsonl"
err_has "says so too" "decisions from"

# Photos of elsewhere that were decided on join the train part, and no other.
python3 - "$tmp/more" "$tmp/a.jsonl" <<'PY'
import json, os, sys
photos = sorted(os.path.join(d, f) for d, _, fs in os.walk(sys.argv[1])
                for f in fs)
with open(sys.argv[2], "w") as out:
    print(json.dumps({"format": "bearcascade-decisions 1"}), file=out)
    for i, f in enumerate(photos[2::4]):
        print(json.dumps({"file": f, "add": True,
                          "label": ["none", "black", None][i % 3]}), file=out)
PY
# shellcheck disable=SC2086
run 0 "train with photos of elsewhere" train "$data" --out "$tmp/u" $small \
    --decisions "$tmp/a.jsonl"
err_has "which join" "^7 photos join the train part .* 3 that were not decided"
check "in the train part, with their labels" python3 -c 'import csv, json, sys
said = {r["file"]: r["label"] for r in map(json.loads, open(sys.argv[2]))
        if r.get("label")}
rows = {r["file"]: r for r in csv.DictReader(open(sys.argv[1], newline=""))}
assert len(said) == 7 and set(said.values()) == {"none", "black"}
assert all(rows[f]["split"] == "train" and
           (rows[f]["label"] or "none") == label for f, label in said.items())
' "$tmp/u/split.csv" "$tmp/a.jsonl"
cat "$tmp/a.jsonl" >>"$tmp/d.jsonl"
run 0 "files one behind the other are one" inspect "$data" \
    --decisions "$tmp/d.jsonl"
err_has "with what both say" "^7 photos join the train part"
sed -i "/\"add\"/d" "$tmp/d.jsonl"

# What cannot be meant.
mv "$data/teddy" "$data/toy"
run 1 "a class that is not there any more" inspect "$data" \
    --decisions "$tmp/d.jsonl"
err_has "is named" "d.jsonl' line [0-9]*: .* has no class 'teddy'"
one_error_line "in one line"
mv "$data/toy" "$data/teddy"
run 1 "decisions on another data set" inspect "$tmp/more" \
    --decisions "$tmp/d.jsonl"
err_has "are refused" "decides on other photos: none of its 40 is in"
one_error_line "in one line"
run 1 "another file" inspect "$data" --decisions "$tmp/t/split.csv"
err_has "is none of decisions" "split.csv"
finish
