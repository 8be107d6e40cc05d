#!/bin/sh
# A backbone from rendered images: any thread count, interrupted or not,
# and train starts from it.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
small="--sizes 32:2,64:2 --width 0.25 --batch 16 --mixup 0.2 --cutmix 1
       --no-mix-epochs 1 --negatives families --seed 5 --quiet"

drawn parts "$data" 120
# shellcheck disable=SC2086
run 0 "two threads" pretrain "$data" --out "$tmp/a" --threads 2 $small
out_has "it says how often it is right" "^top-1 0\.[0-9]*, top-5 0"
# shellcheck disable=SC2086
run 0 "one thread" pretrain "$data" --out "$tmp/b" --threads 1 $small
same_weights() {
    python3 - "$1" "$2" <<'PY'
import json, struct, sys
def data(p):
    b = open(p, "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    h = json.loads(b[8:8 + n])
    m = h.pop("__metadata__")
    return h, m["net"], m["format"], b[8 + n:]
sys.exit(0 if data(sys.argv[1]) == data(sys.argv[2]) else 1)
PY
}
check "one and two threads give the same weights" \
    same_weights "$tmp/a/best.safetensors" "$tmp/b/best.safetensors"
check "the file has timm's names and the classes" \
    python3 - "$tmp/a/best.safetensors" <<'PY'
import json, struct, sys
b = open(sys.argv[1], "rb").read()
h = json.loads(b[8:8 + struct.unpack("<Q", b[:8])[0]])
net = json.loads(h["__metadata__"]["net"])
assert h["__metadata__"]["format"] == "bearcascade-backbone 1"
assert h["conv_stem.weight"]["shape"] == [32, 3, 3, 3]
assert h["classifier.weight"]["shape"][0] == len(net["outputs"])
assert net["size"] == 64 and "black" in net["outputs"]
assert any(o.startswith("negative/") for o in net["outputs"])
PY

run 0 "a backbone is inspected" inspect "$tmp/a/best.safetensors"
out_has "its format" "format bearcascade-backbone 1"
out_has "its classes" '"black"'
run 0 "and its run, with tensors, as JSON" inspect "$tmp/a" --json --layers
check "the tensors are all there" python3 - "$tmp/out" <<'PY'
import json, sys
j = json.load(open(sys.argv[1]))
assert j["format"] == "bearcascade-backbone 1", j["format"]
assert len(j["layers"]) == j["tensors"] > 200
shape = {t["name"]: t["shape"] for t in j["layers"]}
assert shape["conv_stem.weight"] == [32, 3, 3, 3]
assert j["net"]["size"] == 64 and j["training"]
PY
head -c 3000 "$tmp/a/best.safetensors" >"$tmp/cut.safetensors"
run 1 "a cut one is refused" inspect "$tmp/cut.safetensors"
err_has "by name" "cut.safetensors"

more=
tries=0
interrupted=0
while [ "$tries" -lt 60 ]; do
    tries=$((tries + 1))
    # shellcheck disable=SC2086
    "$BEARCASCADE" pretrain "$data" --out "$tmp/c" $small $more \
        >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    sleep "0.$((1 + tries % 4))"
    kill -INT "$pid" 2>/dev/null
    got=0
    wait "$pid" || got=$?
    if [ -s "$tmp/c/last.safetensors" ]; then
        more=--resume
    fi
    if [ "$got" -eq 0 ]; then
        break
    fi
    if grep -q -e "--resume" "$tmp/err"; then
        interrupted=$((interrupted + 1))
    fi
done
check "the interrupted run gets through" test -s "$tmp/c/best.safetensors"
check "it was interrupted while training" test "$interrupted" -ge 1
check "and its weights are those of the undisturbed run" \
    same_weights "$tmp/a/best.safetensors" "$tmp/c/best.safetensors"
# shellcheck disable=SC2086
run 1 "resume refuses other sizes" \
    pretrain "$data" --out "$tmp/c" --resume $small --sizes 32:3,64:1
err_has "and says which" "another input sizes"

run 0 "one class of all negatives, a sigmoid each" pretrain "$data" \
    --out "$tmp/d" --size 32 --epochs 1 --width 0.25 --batch 16 --quiet \
    --negatives class --head sigmoid --optimiser sgd --lr 0.01 --half
run 0 "more images" synth --out "$tmp/more/data" --count 30 --seed 9 \
    --size 64 --quiet
mkdir "$tmp/plain"
cp -r "$tmp/more/data/train/black" "$tmp/plain/polar"
run 0 "three sets as one" pretrain "$data" "$tmp/more/data" "$tmp/plain" \
    --out "$tmp/j" --size 32 --epochs 1 --width 0.25 --batch 16 --quiet
out_has "have the classes of all" " 4 classes$"
run 0 "a join is a data set like any" inspect "join:$data|$tmp/more/data"
one=$(find "$data" -name '*.jpg' | grep -c .)
two=$(find "$tmp/more/data" -name '*.jpg' | grep -c .)
run 0 "with all images" inspect --json "join:$data|$tmp/more/data"
check "of both" grep -q "\"images\": $((one + two))" "$tmp/out"
run 1 "a missing part" pretrain "$data" "$tmp/none" --out "$tmp/e"
err_has "is named" "$tmp/none"
run 1 "an empty part" inspect "join:$data|"
run 0 "train starts from a backbone" train "$data" --out "$tmp/run" \
    --init "$tmp/a/best.safetensors" --gate-size 32 --gate-width 0.25 \
    --species-size 32 --species-width 0.25 --batch 16 --epochs 1 --quiet
run 2 "no second run over the first" pretrain "$data" --out "$tmp/a"
run 2 "nothing to resume" pretrain "$data" --out "$tmp/e" --resume
run 2 "--out is needed" pretrain "$data"
for bad in 64 64: 64:0 64:1, 16:2 64:1,x:2 ""; do
    run 2 "--sizes '$bad' is refused" pretrain "$data" --out "$tmp/e" \
        --sizes "$bad"
done
err_has "and says what is wanted" "wants PX:EPOCHS"
run 1 "a folder without classes" pretrain "$data/train/black" --out "$tmp/e"
one_error_line "one line"
finish
