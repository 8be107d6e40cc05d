#!/bin/sh
# pipelines/quickstart.sh - from a fresh clone to verdicts.
#
# Installs what is missing (Debian packages), builds in build/, draws pictures
# of bears and of things that are no bears, trains a cascade on them, mines what
# still fools its gate, trains two single models beside it, measures all three
# and gives verdicts on a few pictures that no training has seen. Everything it
# makes lies in runs/quickstart/; a second call goes on where the first stopped.
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

say "training the single models: a sigmoid a class, and a class for none"
learn "$run/multilabel" --system multilabel
learn "$run/softmax-none" --system softmax-none

say "measuring all on pictures that training has not seen"
for m in model multilabel softmax-none; do
    "$bear" evaluate --model "$run/$m" "$run/pictures" --bootstrap 500 \
        >"$run/$m.txt"
done
cat "$run/model.txt"
# value FIGURE RUN: the figure in its report, without the interval.
value() { grep "$1" "$run/$2.txt" | sed 's/.*  \([0-9.]*\)  .*/\1/'; }
printf '\n%-26s %-9s %-11s %s\n' "" cascade multilabel softmax-none
for figure in "ROC area" "rate at 95 % hit rate" "species accuracy" \
    "right verdicts"; do
    printf '%-26s %-9s %-11s %s\n' "$figure" "$(value "$figure" model)" \
        "$(value "$figure" multilabel)" "$(value "$figure" softmax-none)"
done

say "verdicts on a few of them"
for what in teddy grizzly black negative/dog negative/rock_stump \
    negative/objects; do
    find "$run/pictures/test/$what" -type f | sort | head -n 2
done | "$bear" classify --model "$run/model" -

cat <<EOF

Report:  $run/model.txt (single models: multilabel.txt, softmax-none.txt there)
Mined:   $run/model/mined-1.html shows what fooled the gate, and the suspects
Next, your own photos, one folder a class and one folder 'negative':
    $bear train MY_PHOTOS --out runs/mine
    $bear evaluate --model runs/mine MY_PHOTOS
    $bear classify --model runs/mine PHOTO...
EOF
