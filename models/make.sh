#!/bin/sh
# models/make.sh - from data to the shipped files, the whole chain.
#
#     sh models/make.sh TINY_IMAGENET BEARS WORK
#
# TINY_IMAGENET: Tiny ImageNet (200 classes of 64 px thumbnails) as folders or
# archives with a train and a valid part; BEARS: the bear images; WORK: a folder
# for the runs, which are resumed when it is called again. Writes
# backbone-100.safetensors and bears.safetensors beside this script and the
# figures of both into WORK. Takes about an hour and a half on 2 cores. The
# bears are learnt from images and thumbnails together (joint.sh).
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

go "$work/backbone" pretrain "$thumbnails" --sizes 64:16,96:44,128:6 --half \
    --mixup 0.2 --cutmix 1 --mix-share 0.6 --no-mix-epochs 6 --lr 0.003 \
    --eval-every 4 --cache 3000
cp "$work/backbone/best.safetensors" "$here/backbone-100.safetensors"
sh "$here/joint.sh" "$thumbnails" "$bears" "$work"
go "$work/bears" train "$work/joint.csv" --half \
    --init "$here/backbone-100.safetensors" --gate-size 160 --gate-epochs 5 \
    --species-epochs 3 --gate-tta 224,224m,160,160m
cp "$work/bears/best.safetensors" "$here/bears.safetensors"
for split in valid test; do
    "$bear" evaluate --model "$here/bears.safetensors" "$bears" \
        --split $split --subset 'field=field-*' >"$work/bears-$split.txt"
done
"$bear" evaluate --model "$here/bears.safetensors" "$work/thumbs.csv" \
    --split valid >"$work/bears-thumbs.txt"
cat "$work/bears-test.txt"
