#!/bin/sh
# Run folders: one writer, no rubbish, nothing overwritten, damage noticed; and
# what is refused or left out before work begins.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
drawn whole "$data" 120
small="--gate-size 32 --gate-width 0.25 --batch 16 --quiet --threads 1"
nets="$small --species-size 32 --species-width 0.25"
one="$nets --epochs 1"

# A training holds its folder: whatever else would write there is refused.
# shellcheck disable=SC2086
"$BEARCASCADE" train "$data" --out "$tmp/r" $nets --epochs 4000 \
    >"$tmp/first" 2>&1 &
first=$!
i=0
while [ ! -s "$tmp/r/last.safetensors" ] && [ "$i" -lt 300 ]; do
    sleep 0.1
    i=$((i + 1))
done
# shellcheck disable=SC2086
run 1 "a second training is refused" train "$data" --out "$tmp/r" --resume $one
err_has "and told why" "r' is being written by another process"
run 1 "so is pretrain" pretrain "$data" --out "$tmp/r" --resume --size 32 \
    --width 0.25 --epochs 1 --quiet
err_has "for the same reason" "being written by another process"
run 1 "so is compare" compare "$data" --out "$tmp/r" --seeds 1 --quiet
err_has "as well" "being written by another process"
run 1 "so is sweep" sweep "$data" --out "$tmp/r" --seeds 1 --quiet
err_has "as well" "being written by another process"
run 1 "so is a study" mine --study "$data" --pool synth:20:5:size=64 \
    --out "$tmp/r" --quiet
err_has "as well" "being written by another process"
kill -KILL "$first"
wait "$first" 2>/dev/null
: >"$tmp/r/best.safetensors.$first.tmp"
# shellcheck disable=SC2086
"$BEARCASCADE" train "$data" --out "$tmp/r" --resume $nets --epochs 4000 \
    >"$tmp/first" 2>&1 &
first=$!
i=0
while ls "$tmp/r"/best.safetensors.*.tmp >/dev/null 2>&1 && [ "$i" -lt 100 ]; do
    sleep 0.1
    i=$((i + 1))
done
check "what a killed run left goes" \
    sh -c '! ls "$1"/best.safetensors.*.tmp >/dev/null 2>&1' sh "$tmp/r"

# What the sampler draws is part of what --resume compares.
kill -INT "$first"
wait "$first"
# shellcheck disable=SC2086
run 1 "--resume with another --positive-share is refused" train "$data" \
    --out "$tmp/r" --resume $nets --epochs 4000 --positive-share 0.9
err_has "and named" "another sampling"

# A finished model is not overwritten.
# shellcheck disable=SC2086
run 0 "a model" train "$data" --out "$tmp/m" $one
cp "$tmp/m/best.safetensors" "$tmp/kept"
rm "$tmp/m/last.safetensors"
# shellcheck disable=SC2086
run 2 "a folder with a model is refused" train "$data" --out "$tmp/m" $one
err_has "and the file named" "holds a model already (best.safetensors)"
run 2 "by pretrain too" pretrain "$data" --out "$tmp/m" --epochs 1 --quiet
check "the model is as it was" cmp -s "$tmp/kept" "$tmp/m/best.safetensors"

# A bit that flips on the way: in the weights, in a threshold.
flip() { # BYTES-FROM-THE-END|TEXT
    rm -f "$tmp/flipped.safetensors"
    python3 - "$tmp/kept" "$tmp/flipped.safetensors" "$1" <<'PY'
import sys
b = bytearray(open(sys.argv[1], "rb").read())
at = (len(b) - int(sys.argv[3]) if sys.argv[3].isdigit()
      else b.index(sys.argv[3].encode()) + len(sys.argv[3]) + 6)
b[at] ^= 1
open(sys.argv[2], "wb").write(b)
PY
}
run 0 "the model answers" classify -m "$tmp/kept" "$data/grizzly" --quiet
for where in 1 1000 'threshold\":'; do
    flip "$where"
    run 1 "a bit at '$where' is noticed" classify -m "$tmp/flipped.safetensors" \
        "$data/grizzly" --quiet
    err_has "and the file named" "flipped.safetensors'.* damaged (its checksum"
done

# Negatives that are known positives.
# shellcheck disable=SC2086
run 0 "train with photos of a class as negatives" train "$data" --out "$tmp/n" \
    $one --negatives "$data/grizzly"
err_has "they are left out, and an example is named" \
    "given negatives are left out.* (class 'grizzly')"
err_has "all of them" "^0 more negatives for training"

# mine needs a gate, and says so before the pool is scored.
for system in multilabel softmax-none softmax-max; do
    # shellcheck disable=SC2086
    run 0 "train $system" train "$data" --out "$tmp/$system" $small --epochs 1 \
        --system $system
    run 1 "mine refuses it" mine -m "$tmp/$system" --pool synth:20:5:size=64 \
        --positives "$data" --out "$tmp/mined" --quiet
    err_has "by name" "is a $system model: mine needs one with a gate"
    check "nothing is written" test ! -e "$tmp/mined"
done

# Where most of a pool is laid aside, that is what the advice speaks of.
drawn negatives "$tmp/pool" 60
run 0 "mine a pool" mine -m "$tmp/m" --positives "$data" --out "$tmp/mined" \
    --pool "$tmp/pool" --top 50 --quiet --threads 1
suspects=$(sed -n 's/.* \([0-9]*\) suspected.*/\1/p' "$tmp/out" | tail -n 1)
taken=$(grep -c . "$tmp/mined/negatives.jsonl")
if [ "${suspects:-0}" -gt "$taken" ]; then
    out_has "what was laid aside is named" "were laid aside as suspected"
else
    out_has "a larger pool is advised" "a larger pool or a lower --min-score"
fi
finish
