#!/bin/sh
# Mining that is killed again and again, at random moments, ends with the same
# record as mining that is left alone. KILLS is how often, COPIES how many times
# the pool names each of its 250 images.
. "$(dirname "$0")/lib.sh"

kills=${KILLS:-6}
drawn parts "$tmp/data" 160
# A manifest names each of the pool's images many times.
drawn negatives "$tmp/pool"
(cd "$tmp" && i=0 && while [ $i -lt "${COPIES:-40}" ]; do
    find pool -name '*.jpg' | sort
    i=$((i + 1))
done | awk 'BEGIN { print "file" } { print }' >pool.csv)
run 0 "train" train "$tmp/data" --out "$tmp/run" --epochs 1 --gate-width 0.25 \
    --gate-size 32 --only gate --batch 16 --quiet

mine() { # OUT ARGS...
    out=$1
    shift
    "$BEARCASCADE" mine --model "$tmp/run" --positives "$tmp/data" --top 20 \
        --pool "$tmp/pool.csv" --out "$out" --quiet "$@" >"$tmp/out" 2>"$tmp/err"
}
now() { python3 -c 'import time; print(time.monotonic())'; }
begin=$(now)
check "left alone" mine "$tmp/whole"
took=$(python3 -c "print($(now) - $begin)")

# same DIR: what it holds is what the run that was left alone wrote.
same() {
    for name in mined.jsonl negatives.jsonl round.json scores.bin; do
        cmp -s "$tmp/whole/$name" "$1/$name" || return 1
    done
}
# A run that ends before its kill is compared and begun anew.
killed=0 tries=0 ended=0 wrong=0
while [ $killed -lt "$kills" ] && [ $tries -lt $((10 * kills)) ]; do
    tries=$((tries + 1))
    pause=$(python3 -c "import random
print(random.Random($tries).random() * $took)")
    "$BEARCASCADE" mine --model "$tmp/run" --positives "$tmp/data" --top 20 \
        --pool "$tmp/pool.csv" --out "$tmp/killed" --quiet --resume \
        >"$tmp/out" 2>"$tmp/err" &
    sleep "$pause"
    kill -9 $! 2>/dev/null
    status=0
    wait $! 2>/dev/null || status=$?
    if [ $status -ne 0 ]; then
        killed=$((killed + 1))
    else
        ended=$((ended + 1))
        same "$tmp/killed" || wrong=$((wrong + 1))
        rm -rf "$tmp/killed"
    fi
done
echo "# a whole run took $took s; killed $killed times, $ended runs ended before"
check "it was killed as often as asked" test $killed -eq "$kills"
check "and ends at last" mine "$tmp/killed" --resume
check "with the same files" same "$tmp/killed"
check "as did those that ended before" test $wrong -eq 0
finish
