#!/bin/sh
# Mining: a pool is scored, chosen from, recorded; killed and resumed; its
# finds are trained on.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
small="--gate-width 0.25 --gate-size 32 --species-width 0.25 --species-size 32
    --batch 16 --quiet"
drawn parts "$data" 160
run 0 "train" train "$data" --out "$tmp/run" --epochs 1 $small

mine() { # STATUS TITLE OUT ARGS...
    want=$1 title=$2 out=$3
    shift 3
    run "$want" "$title" mine -m "$tmp/run" --positives "$data" -o "$out" \
        --top 20 --quiet "$@"
}

# Usage.
run 2 "a pool is needed" mine -m "$tmp/run" --positives "$data" -o "$tmp/x"
err_has "and named" "pool PATH is needed"
run 1 "a missing pool" mine -m "$tmp/run" --positives "$data" -o "$tmp/x" \
    -p "$tmp/nowhere" --quiet
err_has "is named" "nowhere"

# An undisturbed run of a small pool, drawn from files.
drawn whole "$tmp/pool" 120
printf 'text' >"$tmp/pool/broken.jpg"
mine 0 "mining" "$tmp/m1" -p "$tmp/pool" --link "$tmp/copies" --min-score 0
out_has "says what it found" "round 1: .* of 121 images"
out_has "counts what cannot be read" "unreadable .*: 1$"
out_has "prints the filter for suspected false negatives" "validation positives above"
check "and says so where that holds back most of the negatives" sh -c '
    share=$(sed -n "s/.* and \([0-9.]*\) % of the .* negatives there$/\1/p" "$1")
    want=$(awk "BEGIN { print ($share > 50) + 0 }")
    test "$(grep -c "holds back most" "$1")" -eq "$want"' sh "$tmp/out"
next=$(sed -n 's/^next:[[:space:]]*bearcascade //p' "$tmp/out")
check "a line each" grep -q '"verdict":"hard"' "$tmp/m1/mined.jsonl"
check "a page in plain words" sh -c '! grep -E "^<h2>|looked at" "$1" | grep -q _' \
    sh "$tmp/m1/mined.html"
check "suspected false negatives apart" grep -q '"verdict":"suspected_false_negative"' "$tmp/m1/mined.jsonl"
accepted=$(grep -cE '"verdict":"(hard|random)"' "$tmp/m1/mined.jsonl")
check "the manifest holds the accepted" \
    test "$(grep -c . "$tmp/m1/negatives.jsonl")" -eq "$accepted"
check "and so does the folder of copies" \
    test "$(ls "$tmp/copies" | wc -l)" -eq "$accepted"
check "the page shows them" test \
    "$(grep -c '<figure ' "$tmp/m1/mined.html")" -ge "$accepted"
page() { grep -oE "$1" "$tmp/m1/mined.html" | tr -d '."{ ' | sed 's/n*p/p/' | sort; }
check "a positive is in the page once" test -z "$(page '\.p[0-9]+\{' | uniq -d)"
check "each that is shown is there" test \
    "$(page '"n p[0-9]+"' | uniq)" = "$(page '\.p[0-9]+\{')"
check "the page needs no network" \
    sh -c '! grep -qE "(src|href)=.?https?:" "$1"' sh "$tmp/m1/mined.html"
run 0 "the next step as printed" $(printf '%s' "$next" |
    sed "s, RUN , $tmp/next ,") --epochs 1 $small
err_has "trains on what was found" "^$accepted more negatives"
mine 2 "a second run asks" "$tmp/m1" -p "$tmp/pool"
err_has "for --resume" "resume"
cp "$tmp/m1/mined.jsonl" "$tmp/first"
mine 0 "scores are used again" "$tmp/m1" -p "$tmp/pool" --resume --min-score 0
check "with the same result" cmp -s "$tmp/first" "$tmp/m1/mined.jsonl"
mine 1 "but not for another pool" "$tmp/m1" -p "$data" --resume
err_has "which is said" "another gate or pool"

# Whatever a pool is and from where it is named, train finds what was accepted:
# in the manifest and in the one that the page saves; and the names in a record
# lead to the images of the pool, whoever reads it where it lies.
names_lead_there() { # FOLDER RECORD
    (cd "$1" && python3 - "$2" <<'PY'
import json, os, sys
rows = list(map(json.loads, open(sys.argv[1])))
shown = {n for r in rows for n in r.get("nearest", [])}  # names within DATA
twins = {r["same_as"] for r in rows if "same_as" in r}
twins = {n for n in twins if n.split("/")[0] not in ("train", "(trained on)")}
files = {r["file"] for r in rows}
lost = [n for n in files if not os.path.isfile(n)
        and not os.path.isfile(n.rsplit(":", 1)[0])]
assert len(files) > 20 and not lost, (len(files), lost[:3])
assert twins and twins <= files, sorted(twins - files)[:3]
assert shown and not shown & files
PY
    )
}
cp -r "$tmp/pool" "$tmp/inside"
rm "$tmp/inside/broken.jpg"
for f in "$tmp"/inside/negative/*/*.jpg; do cp "$f" "${f%.jpg}-again.jpg"; done
tar -cf "$tmp/pool.tar" -C "$tmp" inside
tar -czf "$tmp/pool.tar.gz" -C "$tmp" inside
printf '{"file":"pool.tar:inside/%s"}\n' $(cd "$tmp/inside" && find . -name '*.jpg' |
    sed 's,^\./,,' | sort) >"$tmp/pool.jsonl"
bin=$BEARCASCADE
case $bin in /*) ;; */*) bin=$PWD/$bin ;; esac
for from in inside pool.tar pool.tar.gz pool.jsonl; do
    m=named-$from
    check "mining $from, named from its folder" sh -c 'cd "$1" && "$2" mine \
        -m run --positives "$4" -o "$3" --top 20 --quiet --min-score 0 \
        --trust-pool -p "$5" >out 2>err' sh "$tmp" "$bin" "$m" data "$from"
    check "names in the record of $from say where the images lie" \
        names_lead_there "$tmp/$m" mined.jsonl
    sed -n 's/.*<figure data-keep="1" data-file="\([^"]*\)".*/{"file":"\1"}/p' \
        "$tmp/$m/mined.html" >"$tmp/$m/kept.jsonl"
    accepted=$(grep -cE '"verdict":"(hard|random)"' "$tmp/$m/mined.jsonl")
    for list in negatives kept; do
        run 0 "all of $list of $from can be read" classify -m "$tmp/run" \
            "$tmp/$m/$list.jsonl" --quiet --format csv
        check "and they are there" test \
            "$(grep -c inside "$tmp/out")" -eq "$accepted"
    done
done
run 0 "train on what the page saved" train "$data" --out "$tmp/r5n" \
    --epochs 1 $small --negatives "$tmp/named-pool.jsonl/kept.jsonl"
err_has "all of them" "^$accepted more negatives .* 0 are unreadable"
check "a round in training of a pool that is named from its folder" \
    sh -c 'cd "$1" && shift && "$@" >out 2>err' sh "$tmp" "$bin" train data \
    --out named-round $small --only gate --gate-from run --mine-pool inside \
    --rounds 1 --top 10 --round-epochs 1
check "its record says where the images lie" \
    names_lead_there "$tmp/named-round" mined-1.jsonl
sed 's/inside/gone/' "$tmp/named-inside/negatives.jsonl" >"$tmp/gone.jsonl"
run 1 "negatives that are gone" train "$data" --out "$tmp/r6n" --epochs 1 \
    $small --negatives "$tmp/inside" --negatives "$tmp/gone.jsonl"
err_has "are named" "none of the .* images of '$tmp/gone.jsonl'"

# Killed before there is a score and after the first block of 1024 is written,
# then resumed. Most of that block are files that are named again and again,
# quick to score: drawn ones before and after them leave the time for a kill,
# on one thread whatever the machine has.
{ echo file; for i in 1 2 3 4 5 6 7 8; do find "$tmp/pool" -name '*.jpg'; done; } \
    >"$tmp/again.csv"
more=kind=negatives:near-miss=0.1
drawn="-p synth:60:6:size=64:$more -p $tmp/again.csv -p synth:140:5:size=64:$more
    --trust-pool --top 5 --threads 1"
# shellcheck disable=SC2086
mine 0 "a drawn pool" "$tmp/m2" $drawn
written() { # COUNT FILE: more bytes than that
    test "$(cat "$2" 2>/dev/null | wc -c)" -gt "$1"
}
killed=0
for bytes in 0 80; do # 80: a header
    # shellcheck disable=SC2086
    "$BEARCASCADE" mine -m "$tmp/run" --positives "$data" -o "$tmp/m3" \
        --quiet $drawn --resume >/dev/null 2>&1 &
    waits=0
    until written $bytes "$tmp/m3/scores.bin" || [ $waits -ge 6000 ]; do
        waits=$((waits + 1))
        sleep 0.02
    done
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null || killed=$((killed + ($? == 137)))
done
check "killed twice" test $killed -eq 2
check "with a block of scores written" written 8000 "$tmp/m3/scores.bin"
# shellcheck disable=SC2086
mine 0 "resumed" "$tmp/m3" $drawn --resume
for f in mined.jsonl scores.bin; do
    check "$f is the same" cmp -s "$tmp/m2/$f" "$tmp/m3/$f"
done

# Training on the finds, given and by rounds.
run 0 "train --negatives" train "$data" --out "$tmp/r2" --epochs 1 $small \
    --negatives "$tmp/m1/negatives.jsonl"
err_has "counts them" "more negatives for training"
run 0 "train --mine-pool" train "$data" --out "$tmp/r3" --epochs 1 $small \
    --mine-pool "$tmp/pool" --rounds 2 --top 10 --round-epochs 1 --trust-pool
err_has "reports the round" "round 1: with .* more negatives"
err_has "and whether it helped" "no longer pass, .* do newly"
check "with its numbers" grep -q '"threshold"' "$tmp/r3/round-1.json"
check "and records it" test -s "$tmp/r3/mined-1.jsonl"
check "the options say which pool" python3 -c 'import json, sys
o = json.load(open(sys.argv[1]))
sys.exit(o["mine-pool"] != [sys.argv[2]] or o["negatives"] != [])' \
    "$tmp/r3/options.json" "$tmp/pool"
run 0 "inspect" inspect "$tmp/r3"
check "the model says its name, not where it lay" sh -c \
    'tr -d " \n" <"$1" | grep -q "\"mine-pool\":\[\"pool\"\]"' sh "$tmp/out"
mv "$tmp/r3/best.safetensors" "$tmp/r3.safetensors"
run 0 "resumed after the rounds" train "$data" --out "$tmp/r3" --epochs 1 \
    $small --mine-pool "$tmp/pool" --rounds 2 --top 10 --round-epochs 1 \
    --trust-pool --resume
check "with the same weights" same_weights "$tmp/r3.safetensors" \
    "$tmp/r3/best.safetensors"
cp "$tmp/r3/options.json" "$tmp/options.json"
other() { # TITLE ARGS...: as r3 was trained, but for the last options
    title=$1
    shift
    # shellcheck disable=SC2086
    run 1 "$title" train "$data" --out "$tmp/r3" --epochs 1 $small --rounds 2 \
        --top 10 --trust-pool --resume "$@"
    check "before any work" sh -c '! grep -q "gate: threshold" "$1"' sh \
        "$tmp/err"
}
other "other epochs for its rounds" --mine-pool "$tmp/pool" --round-epochs 2
err_has "is what it cannot have" "has mined with --round-epochs 1: go on with"
other "more rounds" --mine-pool "$tmp/pool" --round-epochs 1 --rounds 3
err_has "come too late" "has mined with --rounds 2: go on with that, or train"
other "no pool" --round-epochs 1
err_has "is named" "has mined: give its --mine-pool again"
check "the options stay what they were" cmp -s "$tmp/r3/options.json" \
    "$tmp/options.json"
run 0 "targets" train "$data" --out "$tmp/r4" $small --only gate \
    --mine-pool "$tmp/pool" --rounds 1 --top 10 --round-epochs 1 --trust-pool \
    --gate-from "$tmp/r3" --max-fpr 0.01 --round-share 0.05
err_has "too few to certify" "cannot be certified with n = "
err_has "a missed target is said" "the target is missed"
err_has "a round is bounded" "of the training images (--round-share)"
run 0 "a target that is met" train "$data" --out "$tmp/r5" $small --only gate \
    --mine-pool "$tmp/pool" --gate-from "$tmp/r3" --max-fpr 1
err_has "needs no round" "target reached"
check "and makes none" test ! -e "$tmp/r5/mined-1.jsonl"
run 0 "a pool without hard ones" train "$data" --out "$tmp/r6" $small \
    --only gate --mine-pool "$data/train/black" --gate-from "$tmp/r3" \
    --round-epochs 1 --hard-share 1
err_has "negatives run out" "the negatives have run out"
run 1 "another gate does not fit" train "$data" --out "$tmp/r7" $small \
    --gate-size 64 --mine-pool "$tmp/pool" --gate-from "$tmp/r3"
err_has "which is said" "has other classes, families, width or size"
run 0 "the model is whole" evaluate --model "$tmp/r3" "$data" --bootstrap 0
finish
