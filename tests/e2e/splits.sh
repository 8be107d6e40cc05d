#!/bin/sh
# Splits of a run: written down, given back, kept when photos come and go. That
# the file and the class options reach the trainings of compare: compare.sh.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
drawn whole "$data" 120
small="--gate-size 32 --gate-width 0.25 --batch 16 --quiet --threads 1"
one="$small --species-size 32 --species-width 0.25 --epochs 1"

mkdir "$tmp/r"
echo stale >"$tmp/r/split.csv"
# shellcheck disable=SC2086
run 0 "train" train "$data" --out "$tmp/r" $one --split-seed 5
split=$tmp/r/split.csv
check "split.csv has a row for each image" \
    test "$(wc -l <"$split")" -eq $(($(find "$data" -name '*.jpg' | wc -l) + 1))
check "and the columns that docs/data.md names" \
    test "$(head -n 1 "$split")" = "file,label,family,split,hash"

# Ten photos go, ten come, one is renamed, one is edited.
find "$data" -name '*.jpg' | sort | awk 'NR % 12 == 3' >"$tmp/gone"
while read -r f; do rm "$f"; done <"$tmp/gone"
drawn more "$tmp/more"
find "$tmp/more" -name '*.jpg' | sort | awk 'NR % 4 == 1' >"$tmp/new"
while read -r f; do
    mkdir -p "$data/$(dirname "${f#"$tmp/more/"}")"
    cp "$f" "$data/$(dirname "${f#"$tmp/more/"}")/new-$(basename "$f")"
done <"$tmp/new"
renamed=$(find "$data/teddy" -name '[!n]*.jpg' | sort | head -n 1)
mv "$renamed" "$data/teddy/another name.jpg"
# shellcheck disable=SC2086
run 0 "train on that, with the splits and another seed" train "$data" \
    --out "$tmp/s" $one --seed 8 --split-file "$split"
err_has "what is taken from the file is said" "splits from '.*': 110 of 120"
err_has "and what is not there any more" "10 rows of .* not there"
check "no photo changes its split" python3 - "$split" "$tmp/s/split.csv" <<'PY'
import csv, sys
old, new = ({r["hash"]: r["split"] for r in csv.DictReader(open(p, newline=""))}
            for p in sys.argv[1:])
both = old.keys() & new.keys()
assert len(both) == 110, len(both)
assert all(old[h] == new[h] for h in both)
PY
check "a renamed one either" sh -c 'test "$(grep "another name" "$1" |
    cut -d, -f4)" = "$(grep "$(basename "$2")" "$3" | cut -d, -f4)"' sh \
    "$tmp/s/split.csv" "$renamed" "$split"

run 0 "evaluate with the file" evaluate -m "$tmp/r" "$data" --json --quiet \
    --split-file "$tmp/s/split.csv" --bootstrap 0 --seed 99
python3 -c 'import csv, json, sys
j = json.load(open(sys.argv[1]))[0]
n = sum(r["split"] == "test" for r in csv.DictReader(open(sys.argv[2])))
sys.exit(j["positives"] + j["negatives"] != n)' "$tmp/out" "$tmp/s/split.csv" &&
    pass "measures the test images of the file" ||
    fail "measures the test images of the file"
run 0 "mine with the file" mine -m "$tmp/r" --positives "$data" \
    --pool "$tmp/more" --out "$tmp/mined" --quiet \
    --split-file "$split"
err_has "says so" "splits from"
run 0 "inspect with the file" inspect "$data" --split-file "$split"
run 0 "pretrain with the file" pretrain "$data" --out "$tmp/p" --size 32 \
    --width 0.25 --epochs 1 --batch 16 --quiet --threads 1 --split-file "$split"
check "has a split.csv of its own" test -s "$tmp/p/split.csv"

# Folders with splits: the file counts, and that is said.
mkdir "$tmp/own"
for s in train valid test; do
    for c in grizzly negative; do mkdir -p "$tmp/own/$s/$c"; done
done
i=0
for f in "$data"/grizzly/*.jpg "$data"/negative/dog/*.jpg; do
    i=$((i + 1))
    case $f in *grizzly*) c=grizzly ;; *) c=negative ;; esac
    case $((i % 4)) in 0) s=valid ;; 1) s=test ;; *) s=train ;; esac
    cp "$f" "$tmp/own/$s/$c/$(basename "$f")"
done
run 0 "data with splits of their own" inspect "$tmp/own" --split-file "$split"
err_has "what differs is said" "in another split in .*: that of the file counts"

# A run goes on with the splits that it began with, or not at all.
mv "$data/negative" "$data/stuff"
cp "$tmp/s/split.csv" "$tmp/before"
# shellcheck disable=SC2086
run 1 "--resume with other splits" train "$data" --out "$tmp/s" $one --seed 8 \
    --resume --negative-class stuff
err_has "is refused" "another data"
check "and split.csv is as it was" cmp -s "$tmp/before" "$tmp/s/split.csv"

# Mistakes.
printf 'file,split\na.jpg,dev\n' >"$tmp/bad.csv"
run 1 "a word that is no split" inspect "$data" --split-file "$tmp/bad.csv"
err_has "is named with its line" "bad.csv' line 2: a split is train, valid or"
printf 'file,split\na.jpg,test\n' >"$tmp/bad.csv"
# shellcheck disable=SC2086
run 1 "a file of other data" train "$data" --out "$tmp/x" $one \
    --split-file "$tmp/bad.csv"
err_has "is refused" "none of the 1 rows of .* is of an image of"
run 2 "--class with several DATA" pretrain "$data" "$tmp/own" --out "$tmp/y" \
    --class a
err_has "is refused" "go with one DATA alone"
finish
