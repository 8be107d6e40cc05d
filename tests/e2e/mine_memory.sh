#!/bin/sh
# Mining holds a window of the pool, not the pool: eight times as many images
# take the same memory. FEW and MANY are the numbers; RENDERED=1 draws each
# image anew instead of naming 250 files again and again.
. "$(dirname "$0")/lib.sh"

few=${FEW:-3000} many=${MANY:-24000}
drawn parts "$tmp/data" 160
drawn negatives "$tmp/pool"

# pool COUNT: a pool of so many images, as an argument of --pool.
pool() {
    if [ "${RENDERED:-0}" = 1 ]; then
        echo "synth:$1:5:size=64:kind=negatives"
        return
    fi
    (cd "$tmp" && find pool -name '*.jpg' | sort | awk -v n="$1" '
        { name[NR] = $0 }
        END { print "file"; for (i = 0; i < n; i++) print name[i % NR + 1] }
        ' >"pool-$1.csv")
    echo "$tmp/pool-$1.csv"
}
run 0 "train" train "$tmp/data" --out "$tmp/run" --epochs 1 --gate-width 0.1 \
    --gate-size 32 --only gate --batch 16 --quiet

# peak COUNT: largest resident set of a scan, choice and record, in KiB.
peak() {
    python3 - "$1" "$tmp" "$(pool "$1")" <<'PY'
import os, resource, subprocess, sys
count, tmp, pool = sys.argv[1:]
done = subprocess.run([
    os.environ["BEARCASCADE"], "mine", "--model", tmp + "/run", "--positives",
    tmp + "/data", "--out", tmp + "/mined-" + count, "--top", "50", "--quiet",
    "--pool", pool],
    stdout=open(tmp + "/out", "w"), stderr=open(tmp + "/err", "w"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
PY
}
small=$(peak "$few") large=$(peak "$many")
echo "# peak of $few images: $small KiB, of $many: $large KiB"
out_has "all are scored" "of $many images score"
check "memory does not grow with the pool" \
    test "$large" -le $((small + 3072))
finish
