#!/bin/sh
# Does mining pay? A gate that has never seen a near-miss is trained anew with 80
# more negatives from a pool in which 5 % of the images are near-misses: once
# mined, the hardest of those that fool the gate, once drawn at random. On held-out
# bears and near-misses the hardest must give a clearly larger ROC area. The trunk
# is frozen and the classifier fitted exactly, so the areas differ in the fifth
# digit at most from one machine to another; docs/notes/mining.md has other seeds.
. "$(dirname "$0")/lib.sh"

net="--only gate --tune frozen --gate-size 64 --quiet"
backbone=$(dirname "$0")/../../models/backbone-100.safetensors
draw() { # DIR COUNT SEED NEAR-MISS ARGS...
    out=$1 count=$2 seed=$3 near=$4
    shift 4
    "$BEARCASCADE" synth --out "$out" --count "$count" --seed "$seed" \
        --size 64 --near-miss "$near" --quiet "$@" >/dev/null
}
check "bears and ordinary negatives" draw "$tmp/data" 800 "${SEED-21}" 0
check "held-out bears and near-misses" draw "$tmp/test" 600 77 1 --no-splits
# shellcheck disable=SC2086
run 0 "the gate" train "$tmp/data" --out "$tmp/base" $net --init "$backbone"

# area RUN: ROC area on the held-out images.
area() {
    "$BEARCASCADE" evaluate --model "$1" "$tmp/test" --split all --json \
        --bootstrap 0 --quiet 2>/dev/null | python3 -c 'import json, sys
print(json.load(sys.stdin)[0]["roc_area"]["value"])'
}
# learn MODE: mines in that mode and trains anew; prints the area.
learn() {
    rm -rf "$tmp/mined" "$tmp/run"
    "$BEARCASCADE" mine --model "$tmp/base" --pool "$tmp/pool" --top 80 \
        --positives "$tmp/data" --out "$tmp/mined" --hard-share 1 --mode "$1" \
        --trust-pool --quiet >/dev/null 2>"$tmp/err" || return 1
    # shellcheck disable=SC2086
    "$BEARCASCADE" train "$tmp/data" --out "$tmp/run" $net --init "$backbone" \
        --negatives "$tmp/mined/negatives.jsonl" >/dev/null 2>"$tmp/err" ||
        return 1
    area "$tmp/run"
}
before=$(area "$tmp/base")
draw "$tmp/pool" 1600 "${POOL_SEED-101}" 0.05 --no-splits --kind negatives
echo "$(learn hardest) $(learn false-positives) $(learn random)" >"$tmp/areas"
cp "$tmp/areas" "$tmp/out"
echo "# ROC area before: $before; with the hardest of the pool, false positives" \
    "and random negatives:"
sed 's/^/#   /' "$tmp/areas"
check "all were measured" grep -q '^0\.[0-9]* 0\.[0-9]* 0\.[0-9]*$' "$tmp/areas"
check "the hardest beat random ones by far" \
    awk '{ exit !($1 - $3 > 0.03) }' "$tmp/areas"
check "false positives beat random ones" \
    awk '{ exit !($2 - $3 > 0.01) }' "$tmp/areas"
finish
