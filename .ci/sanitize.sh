#!/bin/sh
# .ci/sanitize.sh - the whole suite under AddressSanitizer (with leaks) and
# UndefinedBehaviorSanitizer, in build-asan/.
set -eu
cd "$(dirname "$0")/.."

if [ ! -f build-asan/build.ninja ]; then
    rm -rf build-asan
    # clang needs b_lundef=false: the runtime is in the program, not in a
    # library
    meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false \
        -Dbuildtype=debugoptimized
fi
meson compile -C build-asan

ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
CK_TIMEOUT_MULTIPLIER=6
GOMP_SPINCOUNT=3000 # as tests/run.sh
export ASAN_OPTIONS UBSAN_OPTIONS CK_TIMEOUT_MULTIPLIER GOMP_SPINCOUNT
rm -f build-asan/meson-logs/testlog.json
meson test -C build-asan --no-rebuild --print-errorlogs -t 6 || true
python3 .ci/count_tests.py build-asan/meson-logs/testlog.json
