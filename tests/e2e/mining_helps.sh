#!/bin/sh
# Does mining pay? One gate is trained on bears and ordinary negatives, then
# trained on with 120 more: once mined from a pool in which 3 % are near-misses,
# once drawn from the same pool at random. The one that mined must let fewer of
# the held-out near-misses pass, over three pools.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
base="--gate-size 64 --gate-epochs 6 --species-epochs 1 --species-width 0.25
    --species-size 32 --species-from random --quiet
    --init $(dirname "$0")/../../models/backbone-100.safetensors"

run 0 "bears and ordinary negatives" synth --out "$data" --count 900 --seed 21 \
    --size 64 --near-miss 0 --quiet
run 0 "held-out bears and near-misses" synth --out "$tmp/test" --count 500 \
    --seed 77 --size 64 --near-miss 1 --no-splits --quiet

# fpr RUN: false-positive rate at 95 % hit rate on the held-out pictures.
fpr() {
    "$BEARCASCADE" evaluate --model "$1" "$tmp/test" --split all --json \
        --bootstrap 0 --quiet 2>/dev/null |
        python3 -c 'import json, sys
print(json.load(sys.stdin)[0]["all_negatives"]["fpr95"]["value"])'
}

# One gate for all: the rounds go on from its state.
run 0 "the gate" train "$data" --out "$tmp/gate" $base
rounds() { # MODE SEED: prints the rate
    rm -rf "$tmp/r"
    cp -r "$tmp/gate" "$tmp/r"
    "$BEARCASCADE" train "$data" --out "$tmp/r" --resume $base \
        --mine-pool "synth:2000:$2:size=64:kind=negatives:near-miss=0.03" \
        --trust-pool --rounds 1 --top 120 --hard-share 1 --round-epochs 4 \
        --mine-mode "$1" --keep-rounds >/dev/null 2>"$tmp/err" || return 1
    fpr "$tmp/r"
}
: >"$tmp/out"
before=$(fpr "$tmp/gate")
for seed in 101 102 103; do
    echo "$(rounds hardest $seed) $(rounds random $seed)" >>"$tmp/out"
done
echo "# before: $before; mined, random:"
sed 's/^/#   /' "$tmp/out"
check "three pools were tried" test "$(grep -c '[0-9] [0-9]' "$tmp/out")" -eq 3
check "mined negatives beat random ones" awk '{ m += $1; r += $2 }
    END { exit !(m < r) }' "$tmp/out"
finish
