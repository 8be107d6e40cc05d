#!/bin/sh
# tests/bench/ablations.sh - what each part of the recipe of the shipped gate is
# worth.
#
#     sh tests/bench/ablations.sh DATA OUT [NAME...]
#
# Trains a gate, EfficientNet-Lite0 at 129 px for two epochs (the shipped one: six)
# where a row says nothing else, seed 1, once for each row below, or for the named ones, and prints a Markdown row of
# its figures on the validation part, with 95 % bootstrap intervals. The test part
# is not looked at. Rows whose gates have no epochs leave the trunk frozen.
#
# DATA is the folder with bears/. The rows of JOINT need WORK/joint.csv and
# WORK/thumbs.csv, which models/make.sh leaves in WORK, and are judged on the
# validation thumbnails too:
#     JOINT=WORK sh tests/bench/ablations.sh DATA OUT joint no-pool
# Weights are looked for in models/, where models/fetch.sh puts those of efficientnet-lite0,
# 1 and 2. Runs lie in OUT/NAME; one that is finished is not trained again.
set -eu
[ $# -ge 2 ] || {
    echo "usage: sh tests/bench/ablations.sh DATA OUT [NAME...]" >&2
    exit 2
}
data=$1 out=$2
shift 2
here=$(cd "$(dirname "$0")/../.." && pwd)
bear=${BEARCASCADE:-$here/build/pipelines/bearcascade}
BEARCASCADE_MODELS=${BEARCASCADE_MODELS:-$here/models}
export BEARCASCADE_MODELS
small=$BEARCASCADE_MODELS/backbone-100.safetensors
mkdir -p "$out"

figures() { # NAME PHOTOS
    "$bear" evaluate --model "$out/$1" "$2" --split valid --json --quiet 2>"$out/$1.err" ||
        [ $? -eq 3 ]
}

row() { # NAME PHOTOS TRAIN-OPTIONS
    name=$1 photos=$2
    shift 2
    if [ ! -f "$out/$name/best.safetensors" ]; then
        again=
        [ ! -f "$out/$name/last.safetensors" ] || again=--resume
        "$bear" train "$photos" --out "$out/$name" $again --only gate \
            --gate-net efficientnet-lite0 --init efficientnet-lite0 --gate-size 129 \
            --tune head-first --gate-epochs 2 --quiet "$@" >"$out/$name.txt" 2>&1
    fi
    figures "$name" "$data/bears" >"$out/$name.json"
    thumbs=
    if [ "$photos" != "$data/bears" ]; then
        thumbs=$out/$name-thumbs.json
        figures "$name" "$JOINT/thumbs.csv" >"$thumbs"
    fi
    python3 - "$name" "$*" "$out/$name.json" ${thumbs:+"$thumbs"} <<'PY'
import json, sys
name, options, *files = sys.argv[1:]
def cell(figure, scale, form):
    value, low, high = (scale * figure[k] for k in ("value", "lo", "hi"))
    return (form + " (" + form + " to " + form + ")") % (value, low, high)
r, *thumbs = [json.load(open(f))[0] for f in files]
cells = [cell(r["roc_area"], 1, "%.4f")]
cells += [cell(r["all_negatives"][f], 100, "%.1f") + " %" for f in ("fpr95", "fpr99")]
cells += [cell(t["roc_area"], 1, "%.3f") for t in thumbs] or [""]
options = " ".join(word.rsplit("/", 1)[-1] for word in options.split())
print("| %s | %s | %s |" % (name, options and "`" + options + "`", " | ".join(cells)),
      flush=True)
PY
}

without() { # FAMILY: JOINT/joint.csv without its rows; prints where
    made=$JOINT/without-$1.csv
    awk -F, -v family="^$1" 'NR == 1 || $4 !~ family' "$JOINT/joint.csv" >"$made"
    echo "$made"
}

# name|options
table() {
    cat <<ROWS
default|
six-epochs|--gate-epochs 6
frozen|--tune frozen --gate-epochs 0
all-from-start|--tune all
random-weights|--tune all --init none
mobilenetv4|--gate-net mobilenetv4 --gate-size 128 --tune all --init $small
mobilenetv4-random|--gate-net mobilenetv4 --gate-size 128 --tune all --init none
lite1|--gate-net efficientnet-lite1 --init efficientnet-lite1
lite2|--gate-net efficientnet-lite2 --init efficientnet-lite2
97px|--gate-size 97
161px|--gate-size 161
193px|--gate-size 193
mobilenetv4-96px|--gate-net mobilenetv4 --gate-size 96 --tune all --init $small --gate-epochs 20
65px-six|--gate-size 65 --gate-epochs 6
97px-six|--gate-size 97 --gate-epochs 6
no-crop|--augment-without crop
no-flip|--augment-without flip
no-colour|--augment-without colour
no-lowres|--augment-without lowres
no-jpeg-blur|--augment-without jpeg --augment-without blur
no-erase|--augment-without erase
plain-views|--augment plain
infrared|--infrared 0.25
half-rate|--init-lr-scale 0.15
double-rate|--init-lr-scale 0.6
ROWS
}

# The same on JOINT.
joint_table() {
    [ -n "${JOINT:-}" ] || return 0
    cat <<ROWS
joint|none
no-pool|pool_
no-trail|trail_camera
no-thumbnails|thumbnail
ROWS
}

echo "| run | options | ROC area | false positives at 95 % recall | at 99 % recall |" \
    "thumbnails, ROC area |"
echo "|---|---|---|---|---|---|"
table | while IFS='|' read -r name options; do
    case " ${*:-$name} " in
    *" $name "*)
        # shellcheck disable=SC2086
        row "$name" "$data/bears" $options ;;
    esac
done
joint_table | while IFS='|' read -r name family; do
    case " ${*:-$name} " in
    *" $name "*) row "$name" "$(without "$family")" ;;
    esac
done
