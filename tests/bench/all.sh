#!/bin/sh
# tests/bench/all.sh - every row of docs/performance.md, as Markdown.
# usage: all.sh [PART...]    parts: layers inference training lite avx2 program
# Without parts all, which takes about ten minutes of an idle machine. BUILD
# is the build folder (build), PYTHON has the peers (python3).
# docs/performance.md says what must be built before.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
python=${PYTHON:-python3}
bench=$build/tests/bench
parts=${*:-layers inference training lite avx2 program}

table() { # table HEAD...: the head of a table
    printf '\n| %s |\n' "$(printf '%s | ' "$@" | sed 's/ | $//')"
    for _; do printf '|---'; done
    printf '|\n'
}

rows() { # rows KIND COMMAND...: runs it and prints its rows
    kind=$1
    shift
    echo "$*" >&2
    "$@" >"$dir/out" || { echo "failed: $*" >&2; return 1; }
    "$python" tests/bench/rows.py "$kind" <"$dir/out"
}

layers() {
    table "net, px" direction batch "our kernels" peer "dense and pointwise" \
        depthwise "share of a copy" "at the aim" "net, ours" "net, oneDNN"
    for size in 128 224; do
        for what in forward input weights; do
            for batch in 1 32; do
                rows layers "$bench/peer_onednn" --size $size --what $what \
                    --batch $batch
            done
        done
    done
}

# A MobileNetV4 at 128 px; what it has learnt does not matter.
inference() {
    "$build/pipelines/bearcascade" train synth:60:1 --out "$dir/small" \
        --gate-net mobilenetv4 --gate-size 128 --species-size 128 --epochs 1 \
        --init none --quiet
    table net batch "our kernels" peer "its time" "our time" "ours / peer"
    rows inference "$python" tests/bench/peer_inference.py "$build" \
        --model "$dir/small/best.safetensors"
}

training() {
    table net batch "our kernels" peer "its speed" "our speed" "ours / peer"
    rows training "$python" tests/bench/peer_torch_train.py \
        "$bench/bench_train"
}

# The shipped cascade has Lite0 as its gate and Lite2 as its species net.
lite() {
    table "net, px" direction batch "our kernels" peer "dense and pointwise" \
        depthwise "share of a copy" "at the aim" "net, ours" "net, oneDNN"
    for batch in 1 32; do
        rows layers "$bench/peer_onednn" --net efficientnet-lite0 --size 224 \
            --what forward --batch $batch
        rows layers "$bench/peer_onednn" --net efficientnet-lite2 --size 260 \
            --what forward --batch $batch
    done
    table net batch "our kernels" peer "its time" "our time" "ours / peer"
    for net in gate species; do
        rows inference "$python" tests/bench/peer_inference.py "$build" \
            --net $net
    done
    table net batch "our kernels" peer "its speed" "our speed" "ours / peer"
    rows training "$python" tests/bench/peer_torch_train.py \
        "$bench/bench_train" --net efficientnet-lite0 --size 224 --batch 32
}

avx2() {
    table net batch "our kernels" peer "its time" "our time" "ours / peer"
    for more in "" --onednn-avx2; do
        rows inference "$python" tests/bench/peer_inference.py "$build" \
            --model "$dir/small/best.safetensors" --cpu avx2 --rounds 5 $more
    done
    table net batch "our kernels" peer "its speed" "our speed" "ours / peer"
    for more in "" --onednn-avx2; do
        rows training "$python" tests/bench/peer_torch_train.py \
            "$bench/bench_train" --cpu avx2 --rounds 3 $more
    done
}

program() {
    table figure value
    rows program "$build/pipelines/bearcascade" bench --json --quiet
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for part in $parts; do
    case $part in
    layers | inference | training | lite | avx2 | program) "$part" ;;
    *) echo "all.sh: no part '$part'" >&2 && exit 2 ;;
    esac
done
