#!/bin/sh
# Bit-equal weights: any thread count, and interrupted against undisturbed.
. "$(dirname "$0")/lib.sh"

tiny="--gate-size 32 --gate-width 0.25 --species-size 32 --species-width 0.25
      --batch 16 --epochs 4 --seed 5 --quiet"
data=$tmp/data

run 0 "synth draws images" synth --out "$data" --count 240 --seed 4 \
    --size 64 --quiet
# shellcheck disable=SC2086
run 0 "two threads" train "$data" --out "$tmp/a" --threads 2 $tiny
# shellcheck disable=SC2086
run 0 "one thread" train "$data" --out "$tmp/b" --threads 1 $tiny
check "one and two threads give the same weights" \
    same_weights "$tmp/a/best.safetensors" "$tmp/b/best.safetensors"

# Interrupt again and again, at whatever step that hits, until it is through.
tries=0
interrupted=0
more=
while [ "$tries" -lt 60 ]; do
    tries=$((tries + 1))
    # shellcheck disable=SC2086
    "$BEARCASCADE" train "$data" --out "$tmp/c" $tiny $more \
        >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    sleep "0.$((4 + tries % 5))"
    kill -INT "$pid" 2>/dev/null
    got=0
    wait "$pid" || got=$?
    if [ -s "$tmp/c/last.safetensors" ]; then
        more=--resume
    fi
    if [ "$got" -eq 0 ]; then
        break
    fi
    if grep -q -e "--resume" "$tmp/err"; then
        interrupted=$((interrupted + 1))
    fi
done
check "the interrupted run gets through" test -s "$tmp/c/best.safetensors"
check "it was interrupted while training" test "$interrupted" -ge 1
check "and its weights are those of the undisturbed run" \
    same_weights "$tmp/a/best.safetensors" "$tmp/c/best.safetensors"
check "a row an epoch, none twice" \
    test "$(grep -c . "$tmp/c/results.csv")" -eq 9
# shellcheck disable=SC2086
run 1 "resume refuses other options" \
    train "$data" --out "$tmp/c" --resume $tiny --lr 0.5
finish
