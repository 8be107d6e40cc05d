#!/bin/sh
# .ci/build_matrix.sh - everything compiles without a warning: gcc and clang,
# release and debug, with and without OpenMP and SIMD kernels. The one without
# both also runs the suites whose code differs there.
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
build gcc gcc
build clang clang
build plain gcc -Dopenmp=disabled -Dsimd=false -Dbuildtype=debug \
    -Doptimization=1
meson test -C build-matrix/plain --no-rebuild --print-errorlogs \
    --suite base --suite eval
