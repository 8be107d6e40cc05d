#!/bin/sh
# Mining that is killed again and again, at random moments, ends with the same
# record as mining that is left alone. KILLS is how often.
. "$(dirname "$0")/lib.sh"

kills=${KILLS:-6}
pool=synth:4000:5:size=64:kind=negatives:near-miss=0.1
run 0 "synth draws pictures" synth --out "$tmp/data" --count 160 --seed 4 \
    --size 64 --quiet
run 0 "train" train "$tmp/data" --out "$tmp/run" --epochs 1 --gate-width 0.25 \
    --gate-size 32 --only gate --batch 16 --quiet

mine() { # OUT ARGS...
    out=$1
    shift
    "$BEARCASCADE" mine --model "$tmp/run" --positives "$tmp/data" --top 20 \
        --pool $pool --out "$out" --quiet "$@" >"$tmp/out" 2>"$tmp/err"
}
now() { python3 -c 'import time; print(time.monotonic())'; }
begin=$(now)
check "left alone" mine "$tmp/whole"
took=$(python3 -c "print($(now) - $begin)")

# Each time a moment anywhere in a whole run, but a rest that gets shorter.
i=0 killed=0
while [ $i -lt "$kills" ]; do
    pause=$(python3 -c "import random; r = random.Random($i)
print(r.random() * min($took, 60.0 / $kills))")
    # In place of the subshell, which would die alone.
    (
        exec "$BEARCASCADE" mine --model "$tmp/run" --positives "$tmp/data" \
            --top 20 --pool $pool --out "$tmp/killed" --resume --quiet \
            >/dev/null 2>&1
    ) &
    sleep "$pause"
    kill -9 $! 2>/dev/null && killed=$((killed + 1))
    wait $! 2>/dev/null
    i=$((i + 1))
done
echo "# a whole run took $took s; killed $killed of $kills times before its end"
check "it was killed before its end" test $killed -gt 0
check "and ends at last" mine "$tmp/killed" --resume
for name in mined.jsonl negatives.jsonl round.json scores.bin; do
    check "$name is the same" cmp -s "$tmp/whole/$name" "$tmp/killed/$name"
done
finish
