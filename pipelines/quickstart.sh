#!/bin/sh
# pipelines/quickstart.sh - from a fresh clone to verdicts.
#
# Installs what is missing (Debian packages), builds in build/, draws pictures
# of bears and of things that are no bears, trains a cascade on them, mines what
# still fools its gate, trains a single model beside it, measures both and gives
# verdicts on a few pictures that no training has seen. Everything it makes lies
# in runs/quickstart/; a second call goes on where the first one stopped.
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
"$bear" synth --out "$run/pictures" --count 3000 --seed 1 --size 96

# learn RUN OPTIONS...: trains into RUN, or goes on there.
learn() {
    out=$1
    shift
    if [ -f "$out/best.safetensors" ]; then
        echo "there already: $out"
        return
    fi
    again=
    [ ! -f "$out/last.safetensors" ] || again=--resume
    "$bear" train "$run/pictures" --out "$out" $again --gate-size 64 \
        --gate-epochs 12 --species-size 64 --species-epochs 8 "$@"
}

say "training the cascade (gate, a round of mining, species)"
learn "$run/model" --mine-pool synth:2000:2:size=96 --rounds 1 --top 200 \
    --round-epochs 4

say "training a single model with one sigmoid a class, to compare"
learn "$run/multilabel" --system multilabel

say "measuring both on pictures that training has not seen"
for m in model multilabel; do
    "$bear" evaluate --model "$run/$m" "$run/pictures" --bootstrap 500 \
        >"$run/$m.txt"
done
cat "$run/model.txt"
printf '\n%-48s %-10s %s\n' "" cascade "one sigmoid a class"
for figure in "ROC area" "rate at 95 % hit rate" "species accuracy" \
    "right verdicts"; do
    printf '%-48s %-10s %s\n' "$figure" \
        "$(grep "$figure" "$run/model.txt" | sed 's/.*  \([0-9.]*\)  .*/\1/')" \
        "$(grep "$figure" "$run/multilabel.txt" |
            sed 's/.*  \([0-9.]*\)  .*/\1/')"
done

say "verdicts on a few of them"
for what in teddy grizzly black negative/dog negative/rock_stump \
    negative/objects; do
    find "$run/pictures/test/$what" -type f | sort | head -n 2
done | "$bear" classify --model "$run/model" -

cat <<EOF

Report:  $run/model.txt (the single model: $run/multilabel.txt)
Mined:   $run/model/mined-1.html shows what fooled the gate, and the suspects
Next, your own photos, one folder a class and one folder 'negative':
    $bear train MY_PHOTOS --out runs/mine
    $bear evaluate --model runs/mine MY_PHOTOS
    $bear classify --model runs/mine PHOTO...
EOF
