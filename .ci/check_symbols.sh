#!/bin/sh
# .ci/check_symbols.sh - global names of the static libraries carry the prefix
# of their folder, libbearcascade shows bc_ names alone, and no variable that can
# change is kept but those below.
# usage: check_symbols.sh [BUILD]    a build folder without sanitizers
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}

# CPU flags and cache sizes, detected once; of each thread its context, the team
# that it leads, and whether jansson lacked memory (thread-local); the allocation
# hook of the tests; and the flag that SIGINT sets in the program:
state='^(cpu_flags|cpu_caches|cpu_once|current|led|starved|calls|live|fail_at'
state="$state|stop_asked)\$"

bad=0
libraries=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for lib in $(find "$build" -name '*.a' ! -path '*/tests/*' | sort); do
    libraries=$((libraries + 1))
    # name|value|class|type|size|line|section, blanks taken out
    nm -f sysv --defined-only "$lib" | tr -d ' ' |
        awk -F '|' 'NF == 7' >"$dir/names"

    # Only the program links what lies in the other rooms of pipelines/: its
    # modules may call themselves as they like, but not like a library.
    case $lib in
    */common/*) right='^nn_' ;;
    */stage1_gate/*) right='^gate_' ;;
    */stage2_species/*) right='^species_' ;;
    */pipelines/cascade/*) right='^(bc|cascade|ladder|rungs?|verdict|model|baseline)_' ;;
    *) right= ;;
    esac
    wrong=$(awk -F '|' -v right="$right" '$3 ~ /^[A-Z]$/ {
        taken = $1 ~ /^(nn|gate|species|bc)_/
        if (right == "" ? taken : $1 !~ right) print $1
    }' "$dir/names" | sort -u)
    if [ -n "$wrong" ]; then
        printf '%s: names with a wrong prefix: %s\n' "$lib" \
            "$(echo "$wrong" | tr '\n' ' ')"
        bad=1
    fi

    # .data.rel.ro holds constants with addresses in them.
    wrong=$(awk -F '|' -v ok="$state" '$3 ~ /^[dDbBC]$/ &&
        $7 !~ /^\.data\.rel\.ro/ {
            sub(/\.[0-9]+$/, "", $1)
            if ($1 !~ ok && $1 !~ /^\.?(LC|__)/) print $1
        }' "$dir/names" | sort -u)
    if [ -n "$wrong" ]; then
        printf '%s: variables that can change: %s\n' "$lib" \
            "$(echo "$wrong" | tr '\n' ' ')"
        bad=1
    fi
done

shared=$build/pipelines/cascade/libbearcascade.so
wrong=$(nm -D --defined-only "$shared" | awk '$3 !~ /^bc_/ { print $3 }')
if [ -n "$wrong" ]; then
    printf '%s: names that others see: %s\n' "$shared" \
        "$(echo "$wrong" | tr '\n' ' ')"
    bad=1
fi
echo "$libraries libraries"
[ "$bad" -eq 0 ] && [ "$libraries" -ge 6 ]
