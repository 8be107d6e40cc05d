#!/bin/sh
# pipelines/quickstart.sh - from a fresh clone to verdicts.
#
# Installs what is missing (Debian packages), builds in build/, draws pictures
# of bears and of things that are no bears, trains a cascade on them, measures
# it and gives verdicts on a few pictures it has not seen. Everything it makes
# lies in runs/quickstart/; a second call goes on where the first one stopped.
set -eu
cd "$(dirname "$0")/.."
. .ci/deps.sh

say() { printf '\n== %s\n' "$*"; }

say "installing what is missing"
deps_ensure "$DEPS_BUILD" || exit 1

say "building"
[ -f build/build.ninja ] || meson setup build >/dev/null
meson compile -C build bearcascade

bear=build/pipelines/bearcascade
run=runs/quickstart
mkdir -p "$run"

say "drawing 3000 pictures into $run/pictures"
"$bear" synth --out "$run/pictures" --count 3000 --seed 1 --size 96 --quiet

say "training the cascade (gate, then species)"
if [ -f "$run/model/best.safetensors" ]; then
    echo "there already: $run/model"
else
    again=
    [ ! -f "$run/model/last.safetensors" ] || again=--resume
    "$bear" train "$run/pictures" --out "$run/model" $again \
        --gate-width 0.5 --gate-size 64 --gate-epochs 16 \
        --species-width 0.5 --species-size 64 --species-epochs 14
fi

say "measuring it on pictures that training has not seen"
"$bear" evaluate --model "$run/model" "$run/pictures" --bootstrap 500 |
    tee "$run/evaluation.txt"

say "verdicts on a few of them"
for what in teddy grizzly black negative/dog negative/rock_stump \
    negative/objects; do
    find "$run/pictures/test/$what" -type f | sort | head -n 2
done | "$bear" classify --model "$run/model" -

cat <<EOF

Report:  $run/evaluation.txt, $run/model/results.csv
Next, your own photos, one folder a class and one folder 'negative':
    $bear train MY_PHOTOS --out runs/mine
    $bear evaluate --model runs/mine MY_PHOTOS
    $bear classify --model runs/mine PHOTO...
EOF
