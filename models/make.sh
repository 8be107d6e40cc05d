#!/bin/sh
# models/make.sh - from data to the shipped files, the whole chain.
#
#     sh models/make.sh TINY_IMAGENET BEARS WORK
#
# TINY_IMAGENET: Tiny ImageNet (200 classes of 64 px thumbnails) as folders or
# archives with a train and a valid part; BEARS: the bear photographs; WORK: a
# folder for the runs, which are resumed when it is called again. Writes
# backbone-100.safetensors and bears.safetensors beside this script and the
# figures of both into WORK. Takes about an hour and a half on 2 cores.
set -eu
[ $# -eq 3 ] || {
    echo "usage: sh models/make.sh TINY_IMAGENET BEARS WORK" >&2
    exit 2
}
here=$(cd "$(dirname "$0")" && pwd)
bear=${BEARCASCADE:-$here/../build/pipelines/bearcascade}
thumbnails=$1 bears=$2 work=$3
mkdir -p "$work"

# go RUN ARGS...: trains into RUN, goes on where it stopped, or is done.
go() {
    run=$1
    shift
    [ ! -f "$run/best.safetensors" ] || return 0
    again=
    [ ! -f "$run/last.safetensors" ] || again=--resume
    "$bear" "$@" --out "$run" $again
}

go "$work/backbone" pretrain "$thumbnails" --sizes 64:14,96:8,128:2 --half \
    --mixup 0.2 --mix-share 0.5 --plain-epochs 3 --lr 0.003 --eval-every 2 \
    --cache 3000
cp "$work/backbone/best.safetensors" "$here/backbone-100.safetensors"
go "$work/bears" train "$bears" --init "$here/backbone-100.safetensors" --half
cp "$work/bears/best.safetensors" "$here/bears.safetensors"
for split in valid test; do
    "$bear" evaluate --model "$here/bears.safetensors" "$bears" \
        --split $split --subset 'field=field-*' >"$work/bears-$split.txt"
done
cat "$work/bears-test.txt"
