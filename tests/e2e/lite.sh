#!/bin/sh
# EfficientNet-Lite as gate, species net and baseline; first weights by name.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
models=$tmp/models
short="--batch 16 --epochs 1 --quiet --seed 3"

mkdir "$models"
BEARCASCADE_MODELS=$models
export BEARCASCADE_MODELS

run 0 "synth draws images" synth --out "$data" --count 48 --seed 3 \
    --size 64 --quiet
# shellcheck disable=SC2086
run 1 "weights that were not fetched" train "$data" --out "$tmp/r0" $short \
    --init efficientnet-lite0
err_has "say how to get them" \
    "'$models': \`sh models/fetch.sh efficientnet-lite0\` gets it"
one_error_line "in one line"
check "and nothing was begun" test ! -e "$tmp/r0"
# shellcheck disable=SC2086
run 0 "random ones on demand" train "$data" --out "$tmp/r1" $short \
    --gate-net efficientnet-lite0 --gate-size 32 --only gate
err_has "say so, too" "starts from random ones; \`sh models/fetch.sh"

# shellcheck disable=SC2086
run 0 "a backbone" pretrain "$data" --out "$tmp/back" $short --size 32 \
    --net efficientnet-lite0
check "says which net it is" \
    grep -q 'architecture.*efficientnet_lite0' "$tmp/back/best.safetensors"
cp "$tmp/back/best.safetensors" "$models/efficientnet-lite0.safetensors"
# shellcheck disable=SC2086
run 0 "first weights by name" train "$data" --out "$tmp/r2" $short \
    --init efficientnet-lite0 --gate-size 32 --species-size 40
err_has "are found" \
    "gate: starts from '$models/efficientnet-lite0.safetensors': 245 of 247"
err_has "the species net follows" "species: starts from 245 of the gate's"
check "the options say which net" \
    grep -q '"gate-net": "efficientnet-lite0"' "$tmp/r2/options.json"
check "and the variances have no floor" \
    sh -c "! grep -q 'norm floor' '$tmp/r2/last.safetensors'"
run 0 "inspect" inspect "$tmp/r2"
out_has "names the gate" "gate net: EfficientNet-Lite0, 32x32 px"
out_has "and the species net" "species net: EfficientNet-Lite0, 40x40 px"
run 0 "classify" classify -m "$tmp/r2" -f csv --all-stages "$data/test"
run 0 "evaluate in two sizes" evaluate "$data" -m "$tmp/r2" --bootstrap 0 \
    --gate-tta 48,40m
run 0 "export" export -m "$tmp/r2" --onnx "$tmp/gate.onnx"
check "says which net, too" grep -q efficientnet_lite0 "$tmp/gate.onnx"
# shellcheck disable=SC2086
run 0 "the fetched file is found without --init" train "$data" \
    --out "$tmp/r3" $short --gate-net efficientnet-lite0 --gate-size 32 \
    --species-net mobilenetv4 --species-width 0.1 --species-size 32
err_has "by its architecture" "gate: starts from '$models/efficientnet-lite0"
err_has "and is not the other net's" "species: no backbone of width 0.1"
# shellcheck disable=SC2086
run 0 "a baseline" train "$data" --out "$tmp/r4" $short \
    --system softmax-none --init efficientnet-lite0 --gate-size 32
run 0 "classifies" classify -m "$tmp/r4" "$data/test"
# shellcheck disable=SC2086
run 0 "a cascade to start from" train "$data" --out "$tmp/r5" $short \
    --init "$tmp/r2/best.safetensors" --gate-size 32 --species-size 32
err_has "its gate" "gate: starts from .*: 247 of 247"
err_has "and its species net" "species: starts from .*: 247 of 247"

# --- the classifier alone ---

frozen="--quiet --seed 3 --batch 16 --init efficientnet-lite0 --gate-size 32
    --species-size 40"
# shellcheck disable=SC2086
run 0 "without epochs" train "$data" --out "$tmp/f1" $frozen
err_has "the gate's classifier is fitted" \
    "gate: classifier fitted on the features of .* images in 2 views"
err_has "and the species net's" "species: classifier fitted on the features of"
check "the trunk is stored once" sh -c "grep -aq 'species.trunk' \
    '$tmp/f1/best.safetensors' && ! grep -aq 'species.conv_stem' \
    '$tmp/f1/best.safetensors'"
check "features are kept" test -n "$(ls "$BEARCASCADE_CACHE")"
run 0 "classify with it" classify -m "$tmp/f1" -f csv --all-stages "$data/test"
# shellcheck disable=SC2086
run 0 "again, from the cache, with other threads" train "$data" \
    --out "$tmp/f2" $frozen --threads 1
check "gives the same weights" \
    same_weights "$tmp/f1/best.safetensors" "$tmp/f2/best.safetensors"
for f in "$BEARCASCADE_CACHE"/*; do
    printf 'xxxxxxxx' | dd of="$f" bs=1 seek=90 conv=notrunc 2>/dev/null
done
# shellcheck disable=SC2086
run 0 "from a damaged cache" train "$data" --out "$tmp/f3" $frozen
check "the same once more" \
    same_weights "$tmp/f1/best.safetensors" "$tmp/f3/best.safetensors"
# shellcheck disable=SC2086
run 0 "without a cache" train "$data" --out "$tmp/f4" $frozen \
    --feature-cache none
check "the same, too" \
    same_weights "$tmp/f1/best.safetensors" "$tmp/f4/best.safetensors"
# shellcheck disable=SC2086
run 0 "another number of views" train "$data" --out "$tmp/f5" $frozen \
    --head-views 0 --only gate
err_has "is said" "images in 1 view,"
# shellcheck disable=SC2086
run 0 "the classifier first, then all" train "$data" --out "$tmp/f6" $frozen \
    --tune head-first --epochs 1 --only gate
err_has "fits it" "gate: classifier fitted"
err_has "and trains" "gate: best epoch 1 of 1"
# shellcheck disable=SC2086
run 0 "baselines, too" train "$data" --out "$tmp/f7" $frozen \
    --system multilabel
err_has "are fitted" "multilabel: classifier fitted"
run 1 "random weights have no features" train "$data" --out "$tmp/f8" --quiet \
    --tune frozen --init none
err_has "worth a classifier" "frozen and head-first need pre-trained weights"
one_error_line "one line"
touch "$tmp/file"
# shellcheck disable=SC2086
run 0 "a cache that cannot be" train "$data" --out "$tmp/f9" $frozen \
    --feature-cache "$tmp/file" --only gate
err_has "is a warning" "warning: features are not kept: .*$tmp/file"


# --- many runs on one frozen trunk ---

few="--negatives 8,all --kinds random --seeds 1 --quiet
    --with init=efficientnet-lite0 --with gate-size=32 --with batch=16
    --with tune=frozen"
# shellcheck disable=SC2086
run 0 "a sweep without epochs" sweep "$data" --out "$tmp/s1" $few
# shellcheck disable=SC2086
run 0 "the same without a cache" sweep "$data" --out "$tmp/s2" $few \
    --with feature-cache=none
check "fits classifiers, and gives the same figures" python3 -c '
import json, sys
a, b = ([(p["epochs"], p["loss"], p["fpr95"], p["roc_area"])
         for p in json.load(open(f))["points"]] for f in sys.argv[1:])
sys.exit(a != b or {r[:2] for r in a} != {(0, "cross-entropy")})' \
    "$tmp/s1/sweep.json" "$tmp/s2/sweep.json"
# Of two nets on one trunk at one size the second costs its classifier alone.
run 0 "one trunk at one size, and at two" compare "$data" --out "$tmp/c1" \
    --systems cascade,cascade-plain --seeds 1 --no-left-out --quiet \
    --with init=efficientnet-lite0 --with gate-size=32 --with species-size=32 \
    --with batch=16 --with cascade-plain:species-size=40
for system in cascade cascade-plain; do
    run 0 "inspect" inspect "$tmp/c1/$system-s1" --json
    cp "$tmp/out" "$tmp/$system.json"
done
check "is what a cascade costs" python3 - "$tmp" <<'PY'
import json, sys
read = lambda name: json.load(open(f"{sys.argv[1]}/{name}.json"))
one, two = read("cascade"), read("cascade-plain")
assert one["one_trunk"] and not two["one_trunk"], (one, two)
cost = {s["name"]: s["cost"] for s in read("c1/comparison")["systems"]}
a, b = cost["cascade"], cost["cascade-plain"]
assert a["macs_species"] == 1280 * 4, a # outputs: three classes, none
assert a["ms_species_bulk"] < a["ms_gate_bulk"] / 2, a
assert b["macs_species"] == two["species"]["multiply_adds"] > 1e6, b
assert b["ms_species_bulk"] > b["ms_gate_bulk"] / 2, b
PY
# shellcheck disable=SC2086
run 2 "other losses" sweep "$data" --out "$tmp/s3" $few --losses focal-2
err_has "need epochs" "--losses focal-2 needs --epochs N"
# shellcheck disable=SC2086
run 0 "a focal loss" train "$data" --out "$tmp/f10" $frozen \
    --system multilabel --loss focal
err_has "is not that of a fitted classifier" "cross-entropy, not the focal loss"
check "so that it changes nothing" \
    same_weights "$tmp/f7/best.safetensors" "$tmp/f10/best.safetensors"

# shellcheck disable=SC2086
run 1 "another net than the file's" train "$data" --out "$tmp/r6" $short \
    --init efficientnet-lite0 --gate-net mobilenetv4
err_has "is a contradiction" "gate-net mobilenetv4 and --init contradict"
one_error_line "one line"
# shellcheck disable=SC2086
run 1 "a width" train "$data" --out "$tmp/r6" $short \
    --init efficientnet-lite0 --gate-width 0.5
err_has "is of MobileNetV4" "EfficientNet-Lite0 has no width"
run 2 "a size that is too small" train "$data" --out "$tmp/r6" \
    --gate-size 5
err_has "is named" "'--gate-size' wants 0 or 32 pixels and more, not '5'"
# shellcheck disable=SC2086
run 1 "a run goes on with the same net only" train "$data" --out "$tmp/r1" \
    $short --gate-net mobilenetv4 --gate-size 32 --only gate --init none \
    --resume
err_has "or says what differs" "made with another network;"
finish
