#!/bin/sh
# models/make.sh - from data to the shipped files, the whole chain.
#
#     sh models/make.sh DATA WORK [all]
#
# DATA: the folder with bears/, bears-extra/, trail/, pool/ and tiny-imagenet/;
# WORK: a folder for the runs, which are resumed when it is called again. Fetches
# the weights of EfficientNet-Lite0 and Lite2 (fetch.sh) and writes
# backbone-lite2.safetensors and bears.safetensors beside this script, and the
# figures into WORK. With `all` also backbone-100.safetensors, from thumbnails
# and random weights, which takes about an hour and a half on 2 cores; without it
# about an hour.
set -eu
[ $# -eq 2 ] || [ "${3:-}" = all ] || {
    echo "usage: sh models/make.sh DATA WORK [all]" >&2
    exit 2
}
here=$(cd "$(dirname "$0")" && pwd)
bear=${BEARCASCADE:-$here/../build/pipelines/bearcascade}
data=$1 work=$2
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

if [ "${3:-}" = all ]; then
    go "$work/backbone" pretrain "$data/tiny-imagenet" --half \
        --sizes 64:16,96:44,128:6 --mixup 0.2 --cutmix 1 --mix-share 0.6 \
        --no-mix-epochs 6 --lr 0.003 --eval-every 4 --cache 3000
    cp "$work/backbone/best.safetensors" "$here/backbone-100.safetensors"
fi

[ -f "$here/efficientnet-lite2.safetensors" ] ||
    sh "$here/fetch.sh" efficientnet-lite2
python3 "$here/backbone.py" "$here/efficientnet-lite2.safetensors" \
    "$here/backbone-lite2.safetensors"
init="--init $here/backbone-lite2.safetensors"

# A first cascade looks through the pool: what it does not suspect to be a bear
# becomes negatives.
# shellcheck disable=SC2086
go "$work/first" train "$data/bears" $init
[ -f "$work/mined/negatives.jsonl" ] ||
    "$bear" mine --model "$work/first" --pool "$data/pool" \
        --positives "$data/bears" --mode random --top 7000 --out "$work/mined"
sh "$here/joint.sh" "$data" "$work/mined/negatives.jsonl" "$work"

# The gate: a small net of which all weights are trained, once as the photos are
# and once with a quarter of the views as of an infrared lamp. The second is better
# at night, the first by day; the mean of both is nearly as good at either. Behind
# it the strong net, frozen, which learns none from what the gate lets through and
# unknown from bears of other kinds.
[ -f "$here/efficientnet-lite0.safetensors" ] ||
    sh "$here/fetch.sh" efficientnet-lite0
gate="--only gate --gate-size 129 --init $here/efficientnet-lite0.safetensors
    --tune head-first --gate-epochs 6"
# shellcheck disable=SC2086
go "$work/gate-day" train "$work/joint.csv" $gate
# shellcheck disable=SC2086
go "$work/gate-night" train "$work/joint.csv" $gate --infrared 0.25
mkdir -p "$work/gate"
python3 "$here/average.py" "$work/gate-day/best.safetensors" \
    "$work/gate-night/best.safetensors" 0.35 "$work/gate/best.safetensors"
BEARCASCADE_MODELS=$here go "$work/bears" train "$work/joint.csv" \
    --gate-from "$work/gate" --gate-net efficientnet-lite0 --gate-size 129 \
    --species-net efficientnet-lite2 --species-from init --half --infrared 0.35 --head-views 2 \
    --min-recall 0.995 --gate-pass 0.17 --min-coverage 0.99 \
    --unknown "$data/bears-extra/other_bears"
cp "$work/bears/best.safetensors" "$here/bears.safetensors"
for split in valid test; do
    "$bear" evaluate --model "$here/bears.safetensors" "$data/bears" \
        --split $split --subset 'field=field-*' >"$work/bears-$split.txt"
done
"$bear" evaluate --model "$here/bears.safetensors" "$work/thumbs.csv" \
    --split valid >"$work/bears-thumbs.txt"
cat "$work/bears-test.txt"
