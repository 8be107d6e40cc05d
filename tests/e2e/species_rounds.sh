#!/bin/sh
# Rounds of mining for the species net: what they take and leave behind, that
# none are asked for where they cannot be, and that an interrupted run ends with
# the bits of an undisturbed one.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
small="--gate-width 0.25 --gate-size 32 --species-width 0.25 --species-size 32
    --init none --batch 16 --quiet --no-reference --no-report"
drawn parts "$data"
drawn negatives "$tmp/pool"
rounds="--mine-pool $tmp/pool --rounds 1 --top 30 --round-epochs 1 --round-share 1"
epochs="--gate-epochs 2 --species-epochs 3"

refused() { # STATUS TITLE TEXT ARGS...
    status=$1 title=$2 text=$3
    shift 3
    # shellcheck disable=SC2086
    run "$status" "$title" train "$data" --out "$tmp/no" --epochs 1 $small \
        --species-rounds 1 "$@"
    err_has "and says why" "$text"
}
refused 2 "no pool" "--species-rounds needs a --mine-pool"
for what in "--only gate" "--species-none off" "--system softmax-none"; do
    # shellcheck disable=SC2086
    refused 2 "with $what" "--species-rounds needs a species net that may say" \
        --mine-pool "$tmp/pool" $what
done
for part in train valid test; do
    mkdir -p "$tmp/one/$part"
    cp -r "$data/$part/black" "$data/$part/negative" "$tmp/one/$part"
done
# shellcheck disable=SC2086
run 1 "one class" train "$tmp/one" --out "$tmp/no" --epochs 1 $small $rounds \
    --species-rounds 1
err_has "has no species net" "has one class"
check "and nothing was trained" test ! -e "$tmp/no/last.safetensors"

go() { # STATUS TITLE OUT ARGS...
    status=$1 title=$2 out=$3
    shift 3
    # shellcheck disable=SC2086
    run "$status" "$title" train "$data" --out "$tmp/$out" $epochs $small \
        $rounds "$@"
}
go 0 "none" none --trust-pool
check "is what it was" sh -c '! ls "$1" | grep species' sh "$tmp/none"
go 0 "one round" one --trust-pool --species-rounds 1
err_has "says what the cascade accepts" \
    "^species round 1: the cascade accepts [1-9][0-9]* of 250 images; looked at"
err_has "and what came of it" \
    "^species round 1: with [1-9][0-9]* more negatives, the cascade accepts"
check "and so does its page" grep -q "<h2>Species round 1, hard: " \
    "$tmp/one/mined-species-1.html"
check "its species net was trained as another" \
    grep -q '^species+1,' "$tmp/one/results.csv"
check "its gate is the same" python3 - "$tmp/none" "$tmp/one" <<'PY'
import json, struct, sys
def gate(run):
    b = open(run + "/best.safetensors", "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    h, data = json.loads(b[8:8 + n]), b[8 + n:]
    at = {k: v["data_offsets"] for k, v in h.items() if k.startswith("gate.")}
    assert len(at) > 20
    return {k: data[a:z] for k, (a, z) in at.items()}
sys.exit(gate(sys.argv[1]) != gate(sys.argv[2]))
PY
# What was taken passes the cascade that mined, whose model is that of `none`.
run 0 "the pool by the cascade that mined" classify -m "$tmp/none" "$tmp/pool" \
    -f jsonl --quiet
check "only what it accepts was looked at" python3 - "$tmp/out" \
    "$tmp/one/mined-species-1.jsonl" "$tmp/one/round-species-1.json" <<'PY'
import json, sys
rows = [r for r in map(json.loads, open(sys.argv[1])) if "file" in r]
mined = list(map(json.loads, open(sys.argv[2])))
told = json.load(open(sys.argv[3]))
accepted = {r["file"] for r in rows if r["verdict"] != "none"}
through_gate = sum(r["p_gate"] >= told["threshold"] for r in rows)
assert told["stage"] == "species" and told["above"] == len(accepted), told
assert 0 < len(accepted) < through_gate, (len(accepted), through_gate)
assert mined and {r["file"] for r in mined} <= accepted
assert sum(r["verdict"] == "hard" for r in mined) == told["count"]["hard"] > 0
PY
earlier=$tmp/none/mined-1.jsonl
check "and none that the gate's round had taken" python3 - "$earlier" \
    "$tmp/one/mined-species-1.jsonl" <<'PY'
import json, sys
old, new = ({r["hash"] for r in map(json.loads, open(p))
             if r["verdict"] in ("hard", "random")} for p in sys.argv[1:])
assert old and new and not old & new
PY
cp "$tmp/one/best.safetensors" "$tmp/first"
go 0 "resumed when all is done" one --trust-pool --species-rounds 1 --resume
check "the same weights" same_weights "$tmp/first" "$tmp/one/best.safetensors"
go 1 "more epochs for the species net" one --trust-pool --species-rounds 1 \
    --resume --species-epochs 4
err_has "come too late" "has mined with its species net of 3 epochs"
go 1 "another --top" one --trust-pool --species-rounds 1 --resume --top 20
err_has "comes too late, too" "has mined with --top 30"

# A round that is under way ends at once, and goes on.
# shellcheck disable=SC2086
"$BEARCASCADE" train "$data" --out "$tmp/cut" $epochs $small $rounds \
    --trust-pool --species-rounds 1 >/dev/null 2>"$tmp/err" &
waits=0
until grep -q '^species+1,' "$tmp/cut/results.csv" 2>/dev/null ||
    [ $waits -ge 6000 ]; do
    waits=$((waits + 1))
    sleep 0.01
done
kill -INT $! 2>/dev/null
wait $! 2>/dev/null
check "a run that was interrupted in its round" test ! -e \
    "$tmp/cut/best.safetensors"
go 0 "goes on" cut --trust-pool --species-rounds 1 --resume
check "to the same weights" same_weights "$tmp/first" \
    "$tmp/cut/best.safetensors"
check "and the same record" cmp -s "$tmp/cut/mined-species-1.jsonl" \
    "$tmp/one/mined-species-1.jsonl"

# Rungs, and a frozen net whose features are kept.
go 0 "with a rung" rung --trust-pool --species-rounds 1 --min-recall 0.6 \
    --rung mobilenetv4:0.1@32 --rung-epochs 1 --gate-size 48
err_has "too" "^species round 1: "
backbone=$(dirname "$0")/../../models/backbone-100.safetensors
frozen() { # TITLE OUT ARGS...
    title=$1 out=$2
    shift 2
    # shellcheck disable=SC2086
    run 0 "$title" train "$data" --out "$tmp/$out" --tune frozen --gate-size 64 \
        --species-size 64 --init "$backbone" --quiet --no-reference \
        --no-report $rounds --trust-pool "$@"
}
frozen "a frozen cascade" frozen --species-rounds 2 --keep-rounds
err_has "is fitted anew" "^species round 1: with [1-9]"
cp "$tmp/frozen/best.safetensors" "$tmp/first"
frozen "once more" again --species-rounds 2 --keep-rounds
check "the same bits" same_weights "$tmp/first" "$tmp/again/best.safetensors"
frozen "photos of no class" unknown --species-rounds 1 \
    --unknown "$data/test/teddy"
err_has "go with it" "^species round 1: "
finish
