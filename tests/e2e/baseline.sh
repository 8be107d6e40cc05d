#!/bin/sh
# The single models: each is trained, resumed, measured and used.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
small="--gate-size 32 --gate-width 0.25 --batch 16 --quiet"
drawn parts "$data" 160
for system in multilabel softmax-none softmax-max; do
    out=$tmp/$system
    run 0 "train --system $system" train "$data" --out "$out" \
        --system $system --epochs 2 $small
    err_has "$system has a threshold" "$system: threshold"
    run 0 "$system is measured" evaluate --model "$out" "$data" --bootstrap 0 \
        --json
    check "$system: every image has one verdict" python3 -c '
import json, sys
e = json.load(open(sys.argv[1]))[0]
n = sum(map(sum, e["confusion"]))
unknown = sum(row[-1] for row in e["confusion"])
ok = n == e["positives"] + e["negatives"] and unknown == 0
sys.exit(0 if ok and 0 <= e["roc_area"]["value"] <= 1 else 1)' "$tmp/out"
    run 0 "$system gives verdicts" classify --model "$out" -f jsonl "$data/test"
    check "$system: none and classes alone" sh -c \
        '! grep -q unknown "$1"' sh "$tmp/out"
    run 0 "$system is inspected" inspect "$out"
    out_has "$system is named" "system $system"
done
# The same seed with the focal loss gives other weights.
run 0 "focal loss" train "$data" --out "$tmp/focal" --system multilabel \
    --loss focal --epochs 2 $small
check "differs from cross-entropy" sh -c '! cmp -s "$1" "$2"' sh \
    "$tmp/focal/best.safetensors" "$tmp/multilabel/best.safetensors"
# An interrupted one goes on.
run 2 "a run is not overwritten" train "$data" --out "$tmp/focal" \
    --system multilabel --epochs 2 $small
run 0 "and may be resumed" train "$data" --out "$tmp/focal" \
    --system multilabel --loss focal --epochs 2 $small --resume
run 1 "but not as another design" train "$data" --out "$tmp/focal" \
    --system multilabel --epochs 2 $small --resume
finish
