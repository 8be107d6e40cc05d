#!/bin/sh
# .ci/check_headers.sh - every header compiles alone, and twice in one file; the
# one that is installed does so as strict C11 and as C++.
set -eu
cd "$(dirname "$0")/.."
. .ci/list_files.sh

flags="-std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wstrict-prototypes -I."
flags="$flags $(pkg-config --cflags jansson check libarchive 2>/dev/null || :)"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

list_files '*.h' >"$dir/headers"
bad=0
while read -r f; do
    printf '#include "%s"\n#include "%s"\nint main(void);\n' "$f" "$f" \
        >"$dir/alone.c"
    # shellcheck disable=SC2086
    if ! ${CC:-cc} $flags -fsyntax-only "$dir/alone.c" 2>"$dir/errors"; then
        echo "$f does not stand alone:"
        head -n 5 "$dir/errors"
        bad=1
    fi
done <"$dir/headers"

public=pipelines/cascade/bearcascade.h
strict="-Wall -Wextra -Wpedantic -Werror -fsyntax-only"
printf '#include "%s"\n#include "%s"\n' "$PWD/$public" "$PWD/$public" \
    >"$dir/public.c"
cp "$dir/public.c" "$dir/public.cc"
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -Wstrict-prototypes $strict "$dir/public.c" || bad=1
if command -v "${CXX:-c++}" >/dev/null; then
    # shellcheck disable=SC2086
    ${CXX:-c++} -std=c++11 $strict "$dir/public.cc" || bad=1
fi
echo "$(grep -c . "$dir/headers") headers"
[ "$bad" -eq 0 ]
