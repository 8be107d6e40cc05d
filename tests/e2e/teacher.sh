#!/bin/sh
# A small gate that learns from a trained cascade, from photos without a label
# too, and what is said of that.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
small="--gate-net mobilenetv4 --gate-width 0.25 --gate-size 32
    --species-width 0.25 --species-size 32 --batch 16 --quiet --no-reference
    --init none --species-epochs 1"
drawn parts "$data" 140
# What nobody has labelled: half of the test part, and a photo of train.
mkdir "$tmp/loose"
(cd "$data/test" && find -- * -type f | sort | awk 'NR % 2 == 0') |
    while read -r name; do
        mv "$data/test/$name" "$tmp/loose/$(printf %s "$name" | tr / _)"
    done
new=$(find "$tmp/loose" -type f | wc -l)
find "$data/train" -type f | sort | head -n 1 |
    while read -r name; do cp "$name" "$tmp/loose/known.png"; done

# shellcheck disable=SC2086
run 0 "a teacher" train "$data" --out "$tmp/teacher" $small --gate-epochs 3

# A photo that the teacher alone has learnt from.
mkdir -p "$tmp/only/test/grizzly" "$tmp/only/test/negative"
find "$data/train/grizzly" -type f | sort | tail -n 1 |
    while read -r name; do mv "$name" "$tmp/only/test/grizzly"; done
cp "$data/test/negative/"*/* "$tmp/only/test/negative"

refused() { # TITLE TEXT ARGS...
    title=$1 text=$2
    shift 2
    # shellcheck disable=SC2086
    run "$status" "$title" train "$data" --out "$tmp/no" $small --gate-epochs 1 "$@"
    err_has "and says why" "$text"
    one_error_line "in one line"
    check "and leaves no model" test ! -e "$tmp/no/best.safetensors"
}
status=2
refused "nobody to look at them" "needs a --teacher" --unlabelled "$tmp/loose"
refused "a single model" "gate of a cascade" --teacher "$tmp/teacher" \
    --system multilabel
status=1
refused "no such teacher" "nowhere" --teacher "$tmp/nowhere"
refused "no such photos" "no_photos" --teacher "$tmp/teacher" \
    --unlabelled "$tmp/no_photos"
mkdir "$tmp/two"
cp -r "$data/train" "$data/valid" "$data/test" "$tmp/two"
rm -r "$tmp/two/"*/black
# shellcheck disable=SC2086
run 1 "a teacher of another class" train "$tmp/two" --out "$tmp/no2" $small \
    --gate-epochs 1 --teacher "$tmp/teacher"
err_has "which it names" "has the class 'black'"

taught="--gate-epochs 4 --teacher $tmp/teacher --unlabelled $tmp/loose
    --rung mobilenetv4:0.1@32 --rung-epochs 2"
# shellcheck disable=SC2086
run 0 "gate and rung are taught" train "$data" --out "$tmp/a" $small $taught
err_has "by photos without a label" \
    "^$new images without a label (of the $((new + 1)) given 0 are unreadable, 1 copies"
err_has "all of which it looks at" "^teacher: agrees with .*; of $new without"
check "the data card counts labels alone" grep -q "^$data: 1[0-9]* images" \
    "$tmp/err"
# shellcheck disable=SC2086
run 0 "without a teacher" train "$data" --out "$tmp/b" $small --gate-epochs 4 \
    --rung mobilenetv4:0.1@32 --rung-epochs 2
if same_weights "$tmp/a/best.safetensors" "$tmp/b/best.safetensors"; then
    fail "other weights come of it"
else
    pass "other weights come of it"
fi

# Interrupted in the middle: the teacher looks again, the rest goes on.
# shellcheck disable=SC2086
"$BEARCASCADE" train "$data" --out "$tmp/c" $small $taught >"$tmp/out" \
    2>"$tmp/err" &
pid=$!
until [ -s "$tmp/c/results.csv" ] && [ "$(wc -l <"$tmp/c/results.csv")" -ge 2 ]; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
done
kill -INT "$pid" 2>/dev/null
got=0
wait "$pid" || got=$?
check "interrupted" test "$got" -ne 0
# shellcheck disable=SC2086
run 1 "not with another word" train "$data" --out "$tmp/c" $small $taught \
    --teacher-weight 0.9 --resume
err_has "which is said" "another teacher"
# shellcheck disable=SC2086
run 0 "goes on" train "$data" --out "$tmp/c" $small $taught --resume
check "and its weights are those of the undisturbed run" \
    same_weights "$tmp/a/best.safetensors" "$tmp/c/best.safetensors"

# The model knows what it has learnt from.
run 0 "inspect" inspect "$tmp/a" --json
check "who taught it, without a folder" python3 - "$tmp/out" <<'PY'
import json, sys
text = open(sys.argv[1]).read()
training = json.loads(text)["training"]
assert training["teacher"] == "teacher", training.get("teacher")
assert training["options"]["teacher"].endswith("teacher"), training["options"]
PY
mkdir -p "$tmp/again/test/negative" "$tmp/again/test/black"
cp "$tmp/loose/"*negative* "$tmp/again/test/negative"
cp "$data/test/black/"* "$tmp/again/test/black"
run 0 "photos that it had without a label" evaluate -m "$tmp/a" "$tmp/again" \
    --split all --bootstrap 0
err_has "are not measured on" "trained on"

run 0 "nor those that its teacher had" evaluate -m "$tmp/a" "$tmp/only" \
    --split all --bootstrap 0
err_has "one here" "trained on 1 and"

# A fitted classifier has no use for a teacher.
if [ -s "$(dirname "$0")/../../models/backbone-lite2.safetensors" ]; then
    BEARCASCADE_MODELS=$(dirname "$0")/../../models
    export BEARCASCADE_MODELS
    run 1 "a frozen gate" train "$data" --out "$tmp/frozen" \
        --teacher "$tmp/teacher" --gate-size 64 --quiet
    err_has "learns from labels alone" "in epochs"
    check "and no photo was looked at" test ! -e "$tmp/frozen/split.csv"
    run 0 "but its rung has a use" train "$data" --out "$tmp/rung" \
        --teacher "$tmp/teacher" --gate-size 64 --rung mobilenetv4@32 \
        --rung-epochs 1 --no-reference --quiet
    err_has "and is taught" "^teacher: agrees"
fi
finish
