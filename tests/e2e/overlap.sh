#!/bin/sh
# A model knows what it was trained on: said, and left out of figures. Copies
# within the data of a comparison: compare.sh.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
drawn whole "$data" 160
drawn negatives "$tmp/more" 40
one="--gate-size 32 --gate-width 0.25 --batch 16 --quiet --threads 1
    --species-size 32 --species-width 0.25 --epochs 1"
# shellcheck disable=SC2086
run 0 "train" train "$data" --out "$tmp/r" $one --negatives "$tmp/more"
run 0 "inspect the model" inspect "$tmp/r"
out_has "its fingerprints are counted" "^fingerprints of [0-9]* images trained on"

# figure FILE EXPRESSION: of the first report r, and of split.csv: n(SPLIT).
figure() {
    python3 - "$tmp/r/split.csv" "$tmp/out" "$1" <<'PY'
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
n = lambda s: sum(r["split"] == s for r in rows)
r = json.load(open(sys.argv[2]))[0]
o, total = r["overlap"], r["positives"] + r["negatives"]
sys.exit(not eval(sys.argv[3]))
PY
}
evaluate() { # STATUS TITLE ARGS...
    want=$1 title=$2
    shift 2
    run "$want" "$title" evaluate -m "$tmp/r" --json --bootstrap 0 --quiet "$@"
}

evaluate 0 "evaluate on the test part" "$data"
check "nothing overlaps" figure \
    'total == n("test") and (o["train"], o["valid"]) == (0, 0)'
check "nor is it said" sh -c '! grep -q "trained on" "$1"' sh "$tmp/err"

# Splits that are drawn anew make test images of trained ones.
evaluate 0 "evaluate on other splits" "$data" --seed 99
err_has "says what was trained and validated on, and what it does" \
    "trained on [0-9]* and validated on [0-9]*: they are left out"
cp "$tmp/out" "$tmp/left"
check "leaves them out" figure \
    'o["train"] > 9 and o["valid"] > 0 and total < n("test") and not o["kept"]'
evaluate 0 "or keeps them" "$data" --seed 99 --keep-overlap
err_has "and says so" "figures look too good"
check "all of them" python3 -c 'import json, sys
a, b = (json.load(open(p))[0] for p in sys.argv[1:])
n = lambda r: r["positives"] + r["negatives"]
o = b["overlap"]
sys.exit(not (o["kept"] and n(b) == n(a) + o["train"] + o["valid"]))' \
    "$tmp/left" "$tmp/out"
evaluate 0 "evaluate on the valid part" "$data" --split valid
check "is what valid is for" figure 'total == n("valid") and o["train"] == 0'
evaluate 0 "evaluate on the train part" "$data" --split train
check "is meant" figure 'total == n("train") and o["kept"]'
err_has "and said" "figures look too good"

# The same photos elsewhere, under other names and classes.
mkdir -p "$tmp/elsewhere/test/teddy" "$tmp/elsewhere/test/negative"
python3 - "$tmp/r/split.csv" "$data" "$tmp/elsewhere/test" <<'PY'
import csv, os, shutil, sys
for i, r in enumerate(csv.DictReader(open(sys.argv[1], newline=""))):
    if r["split"] == "train" and i % 3 == 0:
        shutil.copy(os.path.join(sys.argv[2], r["file"]), os.path.join(
            sys.argv[3], "teddy" if r["label"] else "negative", f"{i}.jpg"))
PY
evaluate 1 "where nothing is left, there is no figure" "$tmp/elsewhere"
err_has "and the way out is named" "on all [0-9]* images: give .*--split-file"
evaluate 0 "unless asked for" "$tmp/elsewhere" --keep-overlap

# Models of older programs know nothing.
python3 - "$tmp/r/best.safetensors" "$tmp/old.safetensors" <<'PY'
import json, struct, sys
b = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", b[:8])[0]
h = json.loads(b[8:8 + n])
for key in ("seen", "xxh3"):
    del h["__metadata__"][key]
text = json.dumps(h).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + b[8 + n:])
PY
run 0 "an old model" evaluate -m "$tmp/old.safetensors" "$tmp/elsewhere" \
    --json --bootstrap 0 --quiet

# Mining: the pool's images that were trained on, and the valid part.
run 0 "mine what was trained on" mine -m "$tmp/r" --pool "$tmp/more" \
    --positives "$data" --out "$tmp/m" --min-score 0 --trust-pool --quiet
check "finds nothing new" test ! -s "$tmp/m/negatives.jsonl"
check "and says why" grep -q '"same_as":"(trained on)"' "$tmp/m/mined.jsonl"
run 0 "or takes it all the same" mine -m "$tmp/r" --pool "$tmp/more" \
    --positives "$data" --out "$tmp/m2" --min-score 0 --trust-pool --quiet \
    --keep-overlap
check "when asked" test -s "$tmp/m2/negatives.jsonl"
awk -F, -v OFS=, 'NR > 1 && $4 == "train" && ++n % 5 == 0 { $4 = "valid" } 1' \
    "$tmp/r/split.csv" >"$tmp/mixed.csv"
run 0 "mine with another valid part" mine -m "$tmp/r" --pool "$tmp/more" \
    --positives "$data" --out "$tmp/m3" --quiet --split-file "$tmp/mixed.csv"
err_has "what was trained on is no valid image" \
    "images that the model was trained on: they count as train"
finish
