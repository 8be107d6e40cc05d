#!/bin/sh
# .ci/check_size.sh - small units: a file aims at 600 lines and a function at
# 60 (signature to closing brace); 650 and 80 are the end. What lies between
# is listed, what lies beyond fails, except for the rows of `allowed`.
set -eu
cd "$(dirname "$0")/.."
. .ci/list_files.sh

# "path" or "path:function", each with a reason:
allowed=''

list_files '*.c' '*.h' | xargs awk -v allowed="$allowed" '
BEGIN {
    n = split(allowed, row, " ")
    for (i = 1; i <= n; i++) fine[row[i]] = 1
}
function judge(name, kind, lines, aim, most) {
    if (lines > most && !(name in fine)) {
        printf "%s: %s of %d lines, the limit is %d\n", name, kind, lines, most
        bad = 1
    } else if (lines > aim) {
        printf "%s: %s of %d lines, the aim is %d\n", name, kind, lines, aim
    }
}
FNR == 1 {
    if (file != "") judge(file, "file", last, 600, 650)
    file = FILENAME
    head = 0
}
{ last = FNR }
/^[A-Za-z_]/ { head = FNR; text = $0 }
/^{/ && head {
    open = head
    name = text
    sub(/\(.*/, "", name)
    if (text ~ /^START_TEST/) {
        name = text
        gsub(/START_TEST\(|\).*/, "", name)
    }
    sub(/.*[ *]/, "", name)
}
/^}/ {
    if (open) judge(file ":" name, "function", FNR - open + 1, 60, 80)
    open = head = 0
}
END {
    judge(file, "file", last, 600, 650)
    exit bad
}'
