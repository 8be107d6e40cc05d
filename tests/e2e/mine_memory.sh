#!/bin/sh
# Mining holds a window of the pool, not the pool: four times as many pictures
# take the same memory. FEW and MANY are the numbers of rendered pictures.
. "$(dirname "$0")/lib.sh"

few=${FEW:-1100} many=${MANY:-4400}
run 0 "synth draws pictures" synth --out "$tmp/data" --count 160 --seed 4 \
    --size 64 --quiet
run 0 "train" train "$tmp/data" --out "$tmp/run" --epochs 1 --gate-width 0.1 \
    --gate-size 32 --only gate --batch 16 --quiet

# peak COUNT: largest resident set of a scan, choice and record, in KiB.
peak() {
    python3 - "$1" "$tmp" <<'PY'
import os, resource, subprocess, sys
count, tmp = sys.argv[1:]
done = subprocess.run([
    os.environ["BEARCASCADE"], "mine", "--model", tmp + "/run", "--positives",
    tmp + "/data", "--out", tmp + "/mined-" + count, "--top", "50", "--quiet",
    "--pool", "synth:%s:5:size=64:kind=negatives" % count],
    stdout=open(tmp + "/out", "w"), stderr=open(tmp + "/err", "w"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
PY
}
small=$(peak "$few") large=$(peak "$many")
echo "# peak of $few pictures: $small KiB, of $many: $large KiB"
out_has "all are scored" "of $many pictures score"
check "memory does not grow with the pool" \
    test "$large" -le $((small + 3072))
finish
