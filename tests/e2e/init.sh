#!/bin/sh
# Where first weights and models come from when nothing, or a file, is named.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
models=$tmp/models
nets="--gate-size 32 --gate-width 0.25 --species-size 32 --species-width 0.25
      --batch 16 --epochs 1 --quiet --seed 3"
weights() { # the bytes of a model's tensors
    python3 - "$1" "$2" <<'PY'
import struct, sys
b = open(sys.argv[1], "rb").read()
open(sys.argv[2], "wb").write(b[8 + struct.unpack("<Q", b[:8])[0]:])
PY
}

mkdir "$models"
BEARCASCADE_MODELS=$models
export BEARCASCADE_MODELS

drawn parts "$data" 160
run 0 "a backbone of width 0.25" pretrain "$data" --out "$tmp/b25" --size 32 \
    --width 0.25 --batch 16 --epochs 1 --quiet
run 0 "and one of width 0.3" pretrain "$data" --out "$tmp/b30" --size 32 \
    --width 0.3 --batch 16 --epochs 1 --quiet

# shellcheck disable=SC2086
run 0 "train without any backbone" train "$data" --out "$tmp/r0" $nets
err_has "says so" "gate: no backbone of width 0.25 is installed"
# shellcheck disable=SC2086
run 0 "random weights on demand" train "$data" --out "$tmp/r1" $nets --init none
weights "$tmp/r0/best.safetensors" "$tmp/w0"
weights "$tmp/r1/best.safetensors" "$tmp/w1"
check "are the same" cmp -s "$tmp/w0" "$tmp/w1"

cp "$tmp/b30/best.safetensors" "$models/backbone-a.safetensors"
cp "$tmp/b25/best.safetensors" "$models/backbone-b.safetensors"
printf 'damaged' >"$models/backbone-0.safetensors"
# shellcheck disable=SC2086
run 0 "the backbone that fits is found" train "$data" --out "$tmp/r2" $nets
err_has "and named" "gate: starts from '$models/backbone-b.safetensors': 230 of"
err_has "with what was left" "2 of another shape there, left at random: classif"
err_has "a damaged one costs a warning" "warning: .*backbone-0.safetensors"
check "the model says where it started" \
    grep -q 'gate_start.*backbone-b.safetensors' "$tmp/r2/best.safetensors"
# shellcheck disable=SC2086
run 0 "by name is the same" train "$data" --out "$tmp/r3" $nets \
    --init "$models/backbone-b.safetensors"
weights "$tmp/r2/best.safetensors" "$tmp/w2"
weights "$tmp/r3/best.safetensors" "$tmp/w3"
check "are the same weights" cmp -s "$tmp/w2" "$tmp/w3"
check "and not the random start's" sh -c "! cmp -s '$tmp/w2' '$tmp/w0'"
# shellcheck disable=SC2086
run 0 "none leaves it aside" train "$data" --out "$tmp/r4" $nets --init none
weights "$tmp/r4/best.safetensors" "$tmp/w4"
check "and gives the random start" cmp -s "$tmp/w4" "$tmp/w0"
# shellcheck disable=SC2086
run 0 "nets of two widths find their own" train "$data" --out "$tmp/r5" $nets \
    --species-width 0.3
err_has "the species net too" "species: starts from '$models/backbone-a"
# shellcheck disable=SC2086
run 0 "a cascade to start from" train "$data" --out "$tmp/r6" $nets \
    --init "$tmp/r2/best.safetensors"
err_has "its gate" "gate: starts from .*: 232 of 232"
err_has "and its species net" "species: starts from .*: 232 of 232"
# shellcheck disable=SC2086
run 0 "head first, slower early stages, norms kept" train "$data" \
    --out "$tmp/r7" $nets --freeze-epochs 1 --layer-decay 0.6 --freeze-bn-stats 7 \
    --init-lr-scale 0.5 --head-lr-scale 2
weights "$tmp/r7/best.safetensors" "$tmp/w7"
check "makes a difference" sh -c "! cmp -s '$tmp/w7' '$tmp/w2'"
# shellcheck disable=SC2086
run 1 "a missing file" train "$data" --out "$tmp/r8" $nets --init "$tmp/no"
err_has "is named" "cannot open '$tmp/no'"
printf '{}' >"$tmp/odd.safetensors"
# shellcheck disable=SC2086
run 1 "a damaged file" train "$data" --out "$tmp/r9" $nets \
    --init "$tmp/odd.safetensors"
err_has "is named, too" "odd.safetensors"

run 2 "classify without a model" classify "$data/test"
err_has "says where it looked" "no 'bears.safetensors' in '$models'"
run 2 "evaluate without a model" evaluate "$data"
cp "$tmp/r2/best.safetensors" "$models/bears.safetensors"
run 0 "the shipped cascade classifies" classify --format csv "$data/test"
cp "$tmp/out" "$tmp/shipped.csv"
run 0 "as when it is named" classify --format csv -m "$tmp/r2" "$data/test"
verdicts() { cut -d, -f1-4 "$1" | cksum; }
check "the same verdicts" \
    test "$(verdicts "$tmp/shipped.csv")" = "$(verdicts "$tmp/out")"
run 0 "the shipped cascade is evaluated" evaluate "$data" --bootstrap 0
check "without intervals none is printed" sh -c '! grep -q "nan" "$1"' sh \
    "$tmp/out"
run 0 "the shipped gate is exported" export --onnx "$tmp/gate.onnx"
run 0 "and the species net" export --net species --onnx "$tmp/kind.onnx"
check "two files" test -s "$tmp/gate.onnx" -a -s "$tmp/kind.onnx"
check "with metadata" grep -q 'reduce_side' "$tmp/kind.onnx"

# Each file says its own net's temperature: other ones go into the model.
python3 - "$tmp/r2/best.safetensors" "$tmp/warm.safetensors" <<'PY'
import json, struct, sys
b = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", b[:8])[0]
h = json.loads(b[8:8 + n])
for net, t in (("gate.net", 2.5), ("species.net", 0.625)):
    spec = json.loads(h["__metadata__"][net])
    spec["temperature"] = t
    h["__metadata__"][net] = json.dumps(spec)
del h["__metadata__"]["xxh3"] # the checksum
text = json.dumps(h).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + b[8 + n:])
PY
temperature() { # the metadata's value: key, one byte of tag, one of length
    run 0 "a $1 of another temperature is exported" export --net "$1" \
        -m "$tmp/warm.safetensors" --onnx "$tmp/warm.onnx"
    check "and says it" env LC_ALL=C grep -q "temperature..$2[^0-9]" \
        "$tmp/warm.onnx"
}
temperature gate '2\.5'
temperature species '0\.625'
run 0 "a backbone is exported" export -m "$tmp/b25" --onnx "$tmp/back.onnx"
run 2 "--onnx is needed" export
run 1 "a file that is no model" export -m "$tmp/odd.safetensors" --onnx x.onnx
one_error_line "one line"

# models/ beside the build folder; an installed program does not look there.
mkdir -p "$tmp/tree/b/pipelines" "$tmp/usr/local/bin" "$tmp/usr/models"
cp -r "$models" "$tmp/tree/models"
printf 'damaged' >"$tmp/usr/models/bears.safetensors"
cp "$BEARCASCADE" "$tmp/tree/b/pipelines/"
cp "$BEARCASCADE" "$tmp/usr/local/bin/"
unset BEARCASCADE_MODELS
BEARCASCADE=$tmp/tree/b/pipelines/bearcascade
run 0 "models/ is found beside a build folder" export --onnx "$tmp/beside.onnx"
"$tmp/usr/local/bin/bearcascade" export --onnx "$tmp/other.onnx" \
    >"$tmp/out" 2>"$tmp/err"
check "but not beside an installed program" \
    test "$(grep -c "$tmp/usr/" "$tmp/err")" -eq 0
finish
