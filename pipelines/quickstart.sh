#!/bin/sh
# pipelines/quickstart.sh - from a fresh clone to verdicts.
#
# Installs what is missing (Debian packages), builds in build/, draws images of
# bears and of things that are no bears, trains a cascade and two single models
# on them and compares the three, mines what still fools the gate and trains on
# with it, and gives verdicts on a few images that no training has seen.
# Everything it makes lies in runs/quickstart/; a second call goes on where the
# first stopped.
set -eu
cd "$(dirname "$0")/.."
. .ci/deps.sh

say() { printf '\n== %s\n' "$*"; }

say "installing what is missing"
deps_ensure "$DEPS_BUILD" || exit 1

say "building"
[ -f build/build.ninja ] || meson setup build >/dev/null
meson compile -C build bearcascade:executable

bear=build/pipelines/bearcascade
run=runs/quickstart
mkdir -p "$run"

say "drawing 3000 images into $run/images"
"$bear" synth --out "$run/images" --count 3000 --seed 1 --size 96

say "training a cascade and two single models, and comparing them"
"$bear" compare "$run/images" --out "$run/compare" --seeds 1 \
    --systems cascade,multilabel,softmax-none --no-left-out --bootstrap 500 \
    --with gate-size=128 --with species-size=128 >"$run/compare.txt"
cat "$run/compare.txt"

say "mining 1240 other images, 40 of them bears, for what fools a cascade"
if [ -f "$run/model/best.safetensors" ]; then
    echo "there already: $run/model"
else
    again=
    [ ! -f "$run/model/last.safetensors" ] || again=--resume
    "$bear" train "$run/images" --out "$run/model" $again \
        --gate-size 128 --species-size 128 \
        --mine-pool synth:1200:2:size=96:kind=negatives:near-miss=0.1 \
        --mine-pool synth:40:3:size=96:kind=bears \
        --rounds 1 --top 150 >"$run/train.txt"
    cat "$run/train.txt"
fi
"$bear" evaluate --model "$run/model" "$run/images" --bootstrap 500 \
    >"$run/model.txt"

say "verdicts on a few images of its test part"
for what in teddy grizzly black negative/dog negative/rock_stump \
    negative/objects; do
    find "$run/images/test/$what" -type f | sort | head -n 2
done | "$bear" classify --model "$run/model" -

say "which design?"
awk 'BEGIN { RS = "" } { last = $0 } END { print last }' "$run/compare.txt"

say "how good is the mined cascade, with 95 % intervals on its test part?"
grep -e 'its threshold' -e 'behind a perfect gate' -e 'right verdicts' \
    "$run/model.txt"

cat <<EOF

These are drawings, which are easier than photos: the figures say that all
parts work, not what to expect of your own images.

Look at:  $run/compare/report.html   the designs, with thresholds to move
          $run/model/mined-1.html    what fooled the gate, beside the bears
          $run/model/report.html     where the cascade errs, with the images
Next, your own photos, one folder a class and one folder 'negative':
    $bear train MY_PHOTOS --out runs/mine       seconds to minutes
    $bear classify --model runs/mine PHOTO...
    $bear compare MY_PHOTOS --out runs/compare  when you doubt the design
docs/tutorial.md goes through it, with what the program says at each step.
EOF
