#!/bin/sh
# tests/bench/ablations.sh - what each part of the training recipe is worth.
#
#     sh tests/bench/ablations.sh DATA OUT [NAME...]
#
# The variable FIRST names a backbone of fewer pre-training epochs, such as the
# one in the project's history, else that row is left out:
#     git show fc54d63:models/backbone-100.safetensors >first.safetensors
#
# Trains the cascade with the budget of `compare` (8 epochs of the gate, 5 of
# the species net), seed 1, once for each row below, or for the named ones, and
# prints a Markdown row of its figures on the validation and the test part.
# Runs lie in OUT/NAME; one that is finished is not trained again. A difference
# below the half width of an interval (about 0.01 of ROC area) says nothing.
set -eu
[ $# -ge 2 ] || {
    echo "usage: sh tests/bench/ablations.sh DATA OUT [NAME...]" >&2
    exit 2
}
data=$1 out=$2
shift 2
bear=${BEARCASCADE:-build/pipelines/bearcascade}
mkdir -p "$out"

row() {
    name=$1
    shift
    if [ ! -f "$out/$name/best.safetensors" ]; then
        again=
        [ ! -f "$out/$name/last.safetensors" ] || again=--resume
        "$bear" train "$data" --out "$out/$name" $again --gate-epochs 8 \
            --species-epochs 5 --quiet "$@" >"$out/$name.txt" 2>&1
    fi
    for split in valid test; do
        "$bear" evaluate --model "$out/$name" "$data" --split $split \
            --bootstrap 0 --json --quiet >"$out/$name-$split.json" 2>/dev/null
    done
    python3 - "$out/$name" "$name" "$*" <<'PY'
import json, sys
run, name, options = sys.argv[1:]
cells = []
for split in ("valid", "test"):
    r = json.load(open("%s-%s.json" % (run, split)))[0]
    value = lambda v: v["value"] if isinstance(v, dict) else v
    cells += ["%.3f" % value(r["roc_area"]),
              "%.1f %%" % (100 * value(r["all_negatives"]["fpr95"])),
              "%.3f" % value(r["species_accuracy"])]
print("| %s | `%s` | %s |" % (name, options, " | ".join(cells)), flush=True)
PY
}

# name|options
table() {
    cat <<ROWS
default|
random-weights|--init none
${FIRST:+fewer-pretraining-epochs|--init $FIRST}
half-the-epochs|--gate-epochs 4 --species-epochs 3
mild-head-first|--freeze-epochs 2
slower-stem|--layer-decay 0.8
kept-norms|--freeze-bn-stats 4
half-rate|--init-lr-scale 0.15
double-rate|--init-lr-scale 0.6
no-crop|--augment-without crop
no-flip|--augment-without flip
no-colour|--augment-without colour
no-lowres|--augment-without lowres
no-jpeg-blur|--augment-without jpeg --augment-without blur
no-erase|--augment-without erase
strong-views|--augment strong
smaller-gate|--gate-size 96
larger-input|--gate-size 160 --species-size 160
ROWS
}

echo "| run | options | valid ROC area | FPR at 95 % | species | test ROC area | FPR at 95 % | species |"
echo "|---|---|---|---|---|---|---|---|"
table | while IFS='|' read -r name options; do
    [ -n "$name" ] || continue
    case " ${*:-$name} " in
    *" $name "*) row "$name" $options ;;
    esac
done
