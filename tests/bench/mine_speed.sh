#!/bin/sh
# Is a pool scored as fast as classify reads it?
# usage: mine_speed.sh PROGRAM MODEL POSITIVES POOL [RUNS]
#
# MODEL is a gate alone (train --only gate), so both do the same work. Runs of
# both alternate. Of mine's time that for a pool of one image is taken off:
# what it spends on POSITIVES; opening the pool, the scan and the choice stay.
# Prints images a second, medians, and their ratio.
set -eu
[ $# -ge 4 ] || { sed -n '2,10s/^# *//p' "$0"; exit 2; }
exec python3 - "$@" <<'PY'
import shutil, statistics, subprocess, sys, tempfile, time
program, model, positives, pool = sys.argv[1:5]
runs = int(sys.argv[5]) if len(sys.argv) > 5 else 3

def timed(*args):
    begin = time.monotonic()
    out = subprocess.run([program, *args], stdout=subprocess.PIPE, check=True,
                         stderr=subprocess.DEVNULL)
    return time.monotonic() - begin, out.stdout

def mined(pool):
    dir = tempfile.mkdtemp()
    seconds, _ = timed("mine", "--model", model, "--positives", positives,
                       "--pool", pool, "--out", dir, "--top", "20",
                       "--trust-pool", "--quiet")
    shutil.rmtree(dir)
    return seconds

classify, mine = [], []
for i in range(runs):
    seconds, out = timed("classify", "--model", model, "--quiet", pool)
    n = out.count(b"\n")
    classify.append(n / seconds)
    mine.append(n / (mined(pool) - mined("synth:1:1:kind=negatives")))
a, b = statistics.median(classify), statistics.median(mine)
print("classify %.0f, mine %.0f images/s (medians of %d), ratio %.3f" % (
    a, b, runs, b / a))
PY
