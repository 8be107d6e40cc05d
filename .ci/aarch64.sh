#!/bin/sh
# .ci/aarch64.sh - the tensor suites for 64-bit ARM (the NEON kernels), built by
# Debian's cross compiler in build-arm/ and run by qemu-user.
# usage: aarch64.sh [--install]
#
# --install makes arm64 a foreign architecture of this machine and installs
# compiler, libraries and qemu. Without it, and where they are missing, it says
# so and does nothing.
set -eu
cd "$(dirname "$0")/.."

packages='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user meson
ninja-build pkg-config check:arm64 libjansson-dev:arm64 libpng-dev:arm64
libturbojpeg0-dev:arm64 libjpeg-dev:arm64 zlib1g-dev:arm64 libwebp-dev:arm64
libexif-dev:arm64 libarchive-dev:arm64 libxxhash-dev:arm64 libgomp1:arm64'
if [ "${1:-}" = --install ]; then
    dpkg --add-architecture arm64
    apt-get update -q
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends $packages
fi
for need in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v $need >/dev/null 2>&1 || {
        echo "skipped: no $need; 'sh .ci/aarch64.sh --install' gets it"
        exit 0
    }
done

[ -f build-arm/build.ninja ] ||
    meson setup build-arm --cross-file .ci/aarch64.ini --buildtype=release
targets=$(meson introspect build-arm --tests | python3 -c '
import json, os, sys
for test in json.load(sys.stdin):
    if any(suite.endswith("tensor") for suite in test["suite"]):
        print(os.path.relpath(test["cmd"][0], "build-arm"))')
# shellcheck disable=SC2086
ninja -C build-arm $targets
CK_TIMEOUT_MULTIPLIER=20
export CK_TIMEOUT_MULTIPLIER
rm -f build-arm/meson-logs/testlog.json
meson test -C build-arm --no-rebuild --print-errorlogs -t 20 --suite tensor ||
    true
python3 .ci/count_tests.py build-arm/meson-logs/testlog.json
