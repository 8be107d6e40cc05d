#!/bin/sh
# tests/run.sh - install what is missing, build in build/, run every test.
#
# The last line is "N passed, N failed" (and ", N skipped"); the exit status is
# 1 when a test failed or nothing could be built. Arguments go to meson test:
#     sh tests/run.sh --suite tensor
set -eu
cd "$(dirname "$0")/.."
. .ci/deps.sh

stop() {
    printf '%s\n0 passed, 1 failed\n' "$1"
    exit 1
}

deps_ensure "$DEPS_BUILD" || stop "packages are missing"

if [ -f build/build.ninja ]; then
    meson setup --reconfigure build || stop "build/ cannot be configured"
else
    rm -rf build
    meson setup build || stop "build/ cannot be configured"
fi
meson compile -C build || stop "it does not compile"

# Two tests run at a time: threads that wait leave the core to the other one's
# sooner, and the program need not start itself again to say so (main.c).
GOMP_SPINCOUNT=${GOMP_SPINCOUNT-3000}
export GOMP_SPINCOUNT

log=build/meson-logs/testlog.json
rm -f "$log"
meson test -C build --no-rebuild --print-errorlogs "$@" || true
python3 .ci/count_tests.py "$log"
