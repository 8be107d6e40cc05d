#!/bin/sh
# .ci/build_matrix.sh - everything compiles without a warning: a release by clang,
# and gcc's debug build without OpenMP and SIMD kernels, which also runs the
# suites whose code differs there. A release by gcc is what tests/run.sh builds;
# .ci/run makes a warning an error there.
set -eu
cd "$(dirname "$0")/.."

# build NAME COMPILER OPTIONS...
build() {
    dir=build-matrix/$1
    compiler=$2
    shift 2
    echo "== $dir"
    rm -rf "$dir"
    CC=$compiler meson setup "$dir" --werror "$@" >/dev/null
    meson compile -C "$dir" >"$dir/log.txt" || {
        grep -E 'FAILED|error:|warning:' "$dir/log.txt" | head -n 40
        exit 1
    }
}

mkdir -p build-matrix
build clang clang
build plain gcc -Dopenmp=disabled -Dsimd=false -Dbuildtype=debug \
    -Doptimization=1
meson test -C build-matrix/plain --no-rebuild --print-errorlogs \
    --suite base --suite eval
