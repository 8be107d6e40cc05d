#!/bin/sh
# A model file holds a summary of its validation photos, by which classify
# notices that a pile looks like nothing of them.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
drawn parts "$data"
# A summary takes sixty photos of a kind: two thirds of the train part validate.
(cd "$data/train" && find . -type f | LC_ALL=C sort | awk 'NR % 3' |
    while read -r f; do
        mkdir -p "../valid/${f%/*}" && mv "$f" "../valid/$f"
    done)
one="--gate-size 32 --gate-width 0.25 --species-size 32 --species-width 0.25
    --batch 16 --epochs 1 --quiet --no-report"
# shellcheck disable=SC2086
run 0 "train" train "$data" --out "$tmp/r" $one
# shellcheck disable=SC2086
run 0 "and without a summary" train "$data" --out "$tmp/bare" $one \
    --no-reference

run 0 "inspect the model" inspect "$tmp/r"
valid=$(find "$data/valid" -type f | wc -l)
out_has "says that there is one, and of how many photos" \
    "^summary of $valid validation images ([0-9]* kB), for classify"
run 0 "inspect --json" inspect --json "$tmp/r"
check "its figures" python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))["reference"]
sys.exit(not (r["photos"] == int(sys.argv[2]) and 3 <= r["near"] < r["photos"]
              and 0 < r["bytes"] <= 100000))' "$tmp/out" "$valid"
check "it takes no more than it says" python3 -c 'import os, sys
grown = os.path.getsize(sys.argv[1]) - os.path.getsize(sys.argv[2])
sys.exit(not 1000 < grown < 100000)' \
    "$tmp/r/best.safetensors" "$tmp/bare/best.safetensors"

# Photos of the same kinds, and coloured stripes.
find "$data/test" -name '*.jpg' | LC_ALL=C sort >"$tmp/like"
python3 - "$tmp/stripes" <<'PY'
import os, struct, sys
os.makedirs(sys.argv[1])
for i in range(30):
    row = b"".join(b"\xff\0\xff" if x // (2 + i % 14) % 2 else b"\0\xff\0"
                   for x in range(64))
    with open(f"{sys.argv[1]}/{i}.bmp", "wb") as f:
        f.write(b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + 3 * 64 * 64, 0, 54,
                                    40, 64, 64, 1, 24, 0, 0, 0, 0, 0, 0) +
                64 * row)
PY
shift_of() { # STATUS TITLE MODEL PATH...
    want=$1 title=$2 model=$3
    shift 3
    run "$want" "$title" classify -q -m "$model" --check-shift "$@"
}
got=0
"$BEARCASCADE" classify -m "$tmp/r" --check-shift - \
    <"$tmp/like" >"$tmp/out" 2>"$tmp/err" || got=$?
check "classify --check-shift" test "$got" -eq 0
err_has "photos of the same kinds ring no alarm" \
    "unlike those that the model was validated on .*: no alarm"
shift_of 0 "stripes" "$tmp/r" "$tmp/stripes"
err_has "ring one, which says what to do" \
    "^warning: of 30 .*unlike those that the model.*'bearcascade audit'"
run 0 "by a model that was never told to" classify -q -m "$tmp/r" "$tmp/stripes"
check "nothing is said" test ! -s "$tmp/err"

shift_of 1 "a model without a summary" "$tmp/bare" "$tmp/stripes"
err_has "is told by name, with the way out" "bare.*--reference DATA"
check "before any photo is looked at" test ! -s "$tmp/out"
run 0 "it can be compared with named photos" classify -q -m "$tmp/bare" \
    --reference "$data" --check-shift "$tmp/stripes"
err_has "as before" "^warning: of 30 .*unlike those of "
run 0 "inspect says that it has none" inspect "$tmp/bare"
out_has "in one line" "^no summary of validation images"
finish
