#!/bin/sh
# tests/run.sh - install what is missing, build in build/, run every test.
#
# The last line is "N passed, N failed" (and ", N skipped"); the exit status is
# 1 when a test failed or nothing could be built. Arguments go to meson test:
#     sh tests/run.sh --suite tensor
set -eu
cd "$(dirname "$0")/.."
. .ci/deps.sh

deps_ensure "$DEPS_BUILD" || exit 1

if [ -f build/build.ninja ]; then
    meson setup --reconfigure build
elif [ -d build ]; then
    meson setup --wipe build
else
    meson setup build
fi
meson compile -C build

log=build/meson-logs/testlog.json
rm -f "$log"
meson test -C build --no-rebuild --print-errorlogs "$@" || true
python3 .ci/count_tests.py "$log"
