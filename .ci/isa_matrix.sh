#!/bin/sh
# .ci/isa_matrix.sh - the tensor suites once more under every instruction set
# of this machine below the best one, which tests/run.sh has used.
# usage: isa_matrix.sh [BUILD]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}

sets=scalar
if grep -qw avx512f /proc/cpuinfo 2>/dev/null; then
    sets="scalar avx2"
fi
for isa in $sets; do
    echo "== BEARCASCADE_CPU=$isa"
    rm -f "$build/meson-logs/testlog.json"
    BEARCASCADE_CPU=$isa meson test -C "$build" --no-rebuild \
        --print-errorlogs -t 4 --suite tensor || exit 1
    python3 .ci/count_tests.py "$build/meson-logs/testlog.json"
done
