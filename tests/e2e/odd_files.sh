#!/bin/sh
# Damaged and odd files: a clear line each, exit status 3, no crash.
. "$(dirname "$0")/lib.sh"
: "${MAKE_ODD:?names the program that writes the odd files}"

data=$tmp/data
drawn parts "$data" 80
run 0 "train" train "$data" --out "$tmp/run" --epochs 1 --gate-size 32 \
    --gate-width 0.25 --species-size 32 --species-width 0.25 --batch 16 --quiet
mkdir "$tmp/odd"
write_odd() { "$MAKE_ODD" "$tmp/odd" >"$tmp/expected"; }
check "odd files are written" write_odd
sed -n '/ ok$/p;/ noted$/p;/ error$/p' "$tmp/expected" >"$tmp/rows"

while read -r name want; do
    case $name in
    no_permission*) [ "$(id -u)" -ne 0 ] || {
        skip "$name" "root may read everything"
        continue
    } ;;
    esac
    if [ "$want" = ok ]; then
        run 0 "$name gets a verdict" classify -m "$tmp/run" "$tmp/odd/$name"
    elif [ "$want" = noted ]; then
        run 0 "$name gets a verdict" classify -m "$tmp/run" "$tmp/odd/$name"
        out_has "$name gets a note" "(gate [0-9.]*\(, [a-z]* [0-9.]*\)*) \[[a-zA-Z].*\]$"
    else
        run 3 "$name is an input that failed" \
            classify -m "$tmp/run" "$tmp/odd/$name"
        out_has "$name is named with a reason" "$name: error: .."
    fi
    check "$name gives one line" test "$(grep -c . "$tmp/out")" -eq 1
done <"$tmp/rows"
check "there were at least 20 odd files" \
    test "$(grep -c . "$tmp/rows")" -ge 20

# The same as a folder, and among the training images.
run 3 "a folder of them" classify -m "$tmp/run" -f jsonl "$tmp/odd"
check "good ones have verdicts" grep -q '"verdict"' "$tmp/out"
check "bad ones have errors" grep -q '"error"' "$tmp/out"
check "which standard error does not repeat" \
    test "$(grep -c "odd/\|\.jpg" "$tmp/err")" -eq 0
cp "$tmp"/odd/*.jpg "$data/train/grizzly/" 2>/dev/null
run 0 "training goes on without the bad ones" train "$data" --out "$tmp/run2" \
    --epochs 1 --gate-size 32 --gate-width 0.25 --species-size 32 \
    --species-width 0.25 --batch 16 --quiet
err_has "and counts them" "cannot be read"
run 3 "inspect counts them" inspect "$data" --pairs 1000
out_has "and says why" "truncated"
check "once each, and nothing of it beside the list" python3 - "$tmp" <<'PY'
import re, sys
out = open(sys.argv[1] + "/out", encoding="utf-8", errors="replace").read()
n = int(re.search(r"^unreadable: (\d+)$", out, re.M).group(1))
listed = re.findall(r"^  (train/grizzly/\S+): ", out, re.M)
assert n == len(listed) == len(set(listed)) > 1, (n, listed)
assert "cannot be read" not in open(sys.argv[1] + "/err").read()
PY
finish
