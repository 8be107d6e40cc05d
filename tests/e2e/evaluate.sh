#!/bin/sh
# evaluate: every figure computed again, in Python, from what classify says of
# the same images; tied scores, unreadable files, families and subsets among
# them.
. "$(dirname "$0")/lib.sh"
again=$(dirname "$0")/evaluate.py

data=$tmp/data
drawn parts "$data"
run 0 "train makes a model" train "$data" --out "$tmp/run" --epochs 8 \
    --gate-size 32 --gate-width 0.25 --species-size 32 --species-width 0.25 \
    --batch 16 --quiet
run 0 "train keeps less" train "$data" --out "$tmp/less" --epochs 3 \
    --gate-size 32 --gate-width 0.25 --species-size 32 --species-width 0.25 \
    --batch 16 --min-recall 0.7 --quiet
check "the promise is kept end to end" python3 "$again" policy \
    "$BEARCASCADE" "$tmp/less/best.safetensors" "$data" 0.7
run 0 "train whose gate alone loses none" train "$data" --out "$tmp/all" \
    --epochs 3 --gate-size 32 --gate-width 0.25 --species-size 32 \
    --species-width 0.25 --batch 16 --min-recall 0.7 --gate-recall 1 --quiet \
    --gate-from "$tmp/less"
check "that promise is kept, too" python3 "$again" policy \
    "$BEARCASCADE" "$tmp/all/best.safetensors" "$data" 0.7 1
run 0 "train makes one whose species net cannot say none" train "$data" \
    --out "$tmp/plain" --epochs 3 --gate-size 32 --gate-width 0.25 \
    --species-size 32 --species-width 0.25 --batch 16 --species-none off --quiet \
    --gate-from "$tmp/run"
drawn negatives "$tmp/odd" 25
run 0 "train makes one that has seen what is of no class" train "$data" \
    --out "$tmp/odd-run" --epochs 8 --gate-size 32 --gate-width 0.25 \
    --species-size 32 --species-width 0.25 --batch 16 \
    --unknown "$tmp/odd/negative" --gate-pass 0.95 --quiet \
    --min-recall 0.7 --gate-from "$tmp/run"
check "its gate passes what it may, and no more" python3 -c 'import json, struct, sys
b = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", b[:8])[0]
m = json.loads(b[8:8 + n])["__metadata__"]
p = json.loads(m["gate.policy"])
k = p["n_negatives"]
sys.exit(abs(p["fpr"] - int(0.95 * k) / k) > 1e-9)' "$tmp/odd-run/best.safetensors"
run 2 "it must be able to say none" train "$data" --out "$tmp/no" \
    --unknown "$tmp/odd/negative" --species-none off
err_has "it says so" "species net that may say none"
for option in --gate-pass --gate-recall; do
    for more in "--species-none off" "--only gate" "--system multilabel"; do
        # shellcheck disable=SC2086
        run 2 "$option has no use with $more" train "$data" --out "$tmp/no" \
            $more $option 0.5
    done
    err_has "and says so" "^bearcascade train: $option needs a species net that"
done
# Copies under another label tie exactly; two files cannot be read.
check "copies and broken files are put among them" python3 - "$data/test" <<'PY'
import pathlib, shutil, sys
root = pathlib.Path(sys.argv[1])
bears = sorted(p for p in root.glob("*/*.jpg"))
others = sorted(root.glob("negative/*/*.jpg"))
assert len(bears) > 10 and len(others) > 10
for p in bears[::3]:
    shutil.copy(p, others[0].parent / ("copy-" + p.name))
for p in others[::4]:
    shutil.copy(p, root / "negative" / ("copy-" + p.name)) # of no family
    shutil.copy(p, bears[0].parent / ("copy-" + p.name))
(bears[0].parent / "broken.jpg").write_bytes(bears[0].read_bytes()[:200])
(root / "negative" / "none.jpg").write_bytes(b"")
PY
run 3 "the data as a table" inspect "$data"
out_has "a file that cannot be read has its reason" "broken.jpg: .*JPEG"
"$BEARCASCADE" evaluate "$data" -m "$tmp/run" --split valid --keep-overlap \
    --bootstrap 0 --quiet >"$tmp/out" 2>"$tmp/err"
check "a part is measured alone" sh -c '
    set -- "$1" $(find "$1/valid" -name "*.jpg" ! -path "*/negative/*" | wc -l) \
        $(find "$1/valid/negative" -name "*.jpg" | wc -l) "$2"
    grep -q "^valid: $2 images of a class, $3 negatives, 0 unread" "$4"
' sh "$data" "$tmp/out"
check "thresholds that give every verdict" python3 "$again" thresholds \
    "$BEARCASCADE" "$tmp/run/best.safetensors" "$data" "$tmp/model.safetensors"
check "figures follow from the predictions" python3 "$again" figures \
    "$BEARCASCADE" "$tmp/model.safetensors" "$data"
check "figures of the trained model do" python3 "$again" figures \
    "$BEARCASCADE" "$tmp/run/best.safetensors" "$data"
check "thresholds of one that says unknown" python3 "$again" thresholds \
    "$BEARCASCADE" "$tmp/odd-run/best.safetensors" "$data" "$tmp/odd.safetensors"
check "figures of one that says unknown do" python3 "$again" figures \
    "$BEARCASCADE" "$tmp/odd.safetensors" "$data"
check "figures of the plain cascade do" python3 "$again" figures \
    "$BEARCASCADE" "$tmp/plain/best.safetensors" "$data"
check "the text of the plain cascade" python3 "$again" text \
    "$BEARCASCADE" "$tmp/plain/best.safetensors" "$data"
check "the text says what the JSON says" python3 "$again" text \
    "$BEARCASCADE" "$tmp/model.safetensors" "$data"
finish
