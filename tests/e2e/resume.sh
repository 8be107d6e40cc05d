#!/bin/sh
# Bit-equal weights: any thread count, and interrupted against undisturbed.
. "$(dirname "$0")/lib.sh"

tiny="--gate-size 32 --gate-width 0.25 --species-size 32 --species-width 0.25
      --batch 16 --epochs 4 --seed 5 --quiet"
data=$tmp/data

drawn parts "$data" 140
# shellcheck disable=SC2086
run 0 "two threads" train "$data" --out "$tmp/a" --threads 2 $tiny
cp "$tmp/out" "$tmp/verdict"
# shellcheck disable=SC2086
run 0 "one thread" train "$data" --out "$tmp/b" --threads 1 $tiny
check "one and two threads give the same weights" \
    same_weights "$tmp/a/best.safetensors" "$tmp/b/best.safetensors"

# What it says of the model is what evaluate finds on the same images.
check "the verdict is that of evaluate on the valid part" python3 - \
    "$BEARCASCADE" "$tmp/a" "$data" "$tmp/verdict" <<'PY'
import json, re, subprocess, sys
program, run, data, said = sys.argv[1:]
text = open(said).read()
e = json.loads(subprocess.run([program, "evaluate", "-m", run, data, "--split",
                               "valid", "--json", "--bootstrap", "0"],
                              check=True, capture_output=True).stdout)[0]
got = re.findall(r"\((\d+) of (\d+) (?:images of a class|negatives);", text)
table = e["confusion"]
k = len(table) - 1
none = e["verdicts"].index("none")
want = [(str(sum(sum(r) - r[none] for r in table[:k])),
         str(sum(map(sum, table[:k])))),
        (str(sum(table[k]) - table[k][none]), str(sum(table[k])))]
assert got == want, (got, want)
page = open(run + "/report.html").read()
for part in ("Scores", "Losses by epoch", "gate", "species", "Confusions",
             "The largest losses", "data:image/jpeg", text.split("\n")[1].strip()[:20]):
    assert part in page, part
assert "data:,\"" not in page
# The bars on the right of the dashed line are what is not called none.
plot = page.split("<svg", 1)[1].split("</svg>")[0]
line = float(re.search(r'd="M([0-9.]+) 4V180" stroke="currentColor"', plot)[1])
bars = [(float(x), float(h), kind) for x, h, kind in re.findall(
    r'<rect x="([0-9.]+)".*? height="([0-9.]+)" fill="var\(--(.)\)"', plot)]
for kind, (hits, n) in zip("ab", got):
    right = sum(h for x, h, k in bars if k == kind and x >= line)
    share = right / sum(h for x, h, k in bars if k == kind)
    assert abs(share - int(hits) / int(n)) < 0.01, (kind, share, hits, n)
PY

# Interrupt again and again, at whatever step that hits, until it is through.
tries=0
interrupted=0
more=
while [ "$tries" -lt 60 ]; do
    tries=$((tries + 1))
    # shellcheck disable=SC2086
    "$BEARCASCADE" train "$data" --out "$tmp/c" $tiny $more \
        >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    sleep "0.$((4 + tries % 5))"
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
check "a row an epoch, none twice" \
    test "$(grep -c . "$tmp/c/results.csv")" -eq 9
# shellcheck disable=SC2086
run 1 "resume refuses other options" \
    train "$data" --out "$tmp/c" --resume $tiny --lr 0.5

# More epochs for a finished run: the first ones stay, the rest follow, the
# same each time.
cp -R "$tmp/a" "$tmp/d"
# shellcheck disable=SC2086
run 0 "a finished run is extended" \
    train "$data" --out "$tmp/a" --resume $tiny --epochs 6
check "its first epochs are those that it had" sh -c "
    grep -e '^gate,[1-4],' '$tmp/a/results.csv' >'$tmp/old'
    grep -e '^gate,' '$tmp/d/results.csv' | cmp - '$tmp/old'"
check "two more of each net follow" \
    test "$(grep -c -e '^gate,[56],' -e '^species,[56],' "$tmp/a/results.csv")" \
    -eq 4
check "with a learning rate that rises and falls anew" awk -F, '
    $1 == "gate" { lr[$2] = $4 }
    END { exit !(lr[5] > 3 * lr[6] && lr[5] > 3 * lr[4]) }' "$tmp/a/results.csv"
# shellcheck disable=SC2086
"$BEARCASCADE" train "$data" --out "$tmp/d" --resume $tiny --epochs 6 \
    >"$tmp/out" 2>"$tmp/err" &
pid=$!
sleep 0.6
kill -INT "$pid" 2>/dev/null
wait "$pid" || true
if ! cmp -s "$tmp/a/results.csv" "$tmp/d/results.csv"; then
    # shellcheck disable=SC2086
    run 0 "an extension that was interrupted goes on" \
        train "$data" --out "$tmp/d" --resume $tiny --epochs 6
fi
check "and ends with the same weights" \
    same_weights "$tmp/a/best.safetensors" "$tmp/d/best.safetensors"
# shellcheck disable=SC2086
run 1 "fewer epochs are refused" \
    train "$data" --out "$tmp/a" --resume $tiny --epochs 5
err_has "with what it has had" "has had 6 epochs"
# shellcheck disable=SC2086
run 1 "more for the gate alone are refused beforehand" \
    train "$data" --out "$tmp/a" --resume $tiny --epochs 0 --gate-epochs 8 \
    --species-epochs 6
err_has "and why" "its species net learns from other negatives"
finish
