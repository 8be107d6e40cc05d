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
    --with gate-size=128 --with species-size=128

say "mining what fools the gate of that cascade, and training on with it"
if [ -f "$run/model/best.safetensors" ]; then
    echo "there already: $run/model"
else
    again=
    [ ! -f "$run/model/last.safetensors" ] || again=--resume
    "$bear" train "$run/images" --out "$run/model" $again \
        --gate-size 128 --species-size 128 \
        --mine-pool synth:1000:2:size=96 --rounds 1 --top 150
fi
"$bear" evaluate --model "$run/model" "$run/images" --bootstrap 500 \
    >"$run/model.txt"
cat "$run/model.txt"

say "verdicts on a few of them"
for what in teddy grizzly black negative/dog negative/rock_stump \
    negative/objects; do
    find "$run/images/test/$what" -type f | sort | head -n 2
done | "$bear" classify --model "$run/model" -

cat <<EOF

Compared:  $run/compare/report.html - open it in a browser
Mined:     $run/model/mined-1.html shows what fooled the gate, and what may be a positive
Next, your own photos, one folder a class and one folder 'negative':
    $bear compare MY_PHOTOS --out runs/compare
    $bear train MY_PHOTOS --out runs/mine
    $bear classify --model runs/mine PHOTO...
EOF
