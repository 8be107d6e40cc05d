#!/bin/sh
# .ci/check_symbols.sh - global names of the static libraries carry the prefix
# of their folder, and no variable that can change is kept but those below.
# usage: check_symbols.sh [BUILD]    a build folder without sanitizers
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}

# Once-detected CPU flags, the thread setting, the log sink and progress bar,
# the allocation hook of the tests:
state='^(cpu_flags|cpu_once|chosen_threads|log_lock|log_sink|log_ctx|log_least'
state="$state|bar_shown|all_quiet|calls|live|fail_at)\$"

bad=0
libraries=0
for lib in $(find "$build" -name '*.a' ! -path '*/tests/*' | sort); do
    libraries=$((libraries + 1))
    case $lib in
    */common/*) prefix='nn_' ;;
    */stage1_gate/*) prefix='gate_' ;;
    */stage2_species/*) prefix='species_' ;;
    *) prefix='(cascade|cmd|synth)_' ;;
    esac
    wrong=$(nm -g --defined-only "$lib" 2>/dev/null |
        awk -v p="^$prefix" 'NF == 3 && $3 !~ p { print $3 }' | sort -u)
    if [ -n "$wrong" ]; then
        printf '%s: names without the prefix %s: %s\n' "$lib" "$prefix" \
            "$(echo "$wrong" | tr '\n' ' ')"
        bad=1
    fi
    wrong=$(nm --defined-only "$lib" 2>/dev/null |
        awk -v ok="$state" 'NF == 3 && $2 ~ /^[dDbBC]$/ {
            name = $3
            sub(/\.[0-9]+$/, "", name)
            if (name !~ ok && name !~ /^\.?(LC|__)/) print name
        }' | sort -u)
    if [ -n "$wrong" ]; then
        printf '%s: variables that can change: %s\n' "$lib" \
            "$(echo "$wrong" | tr '\n' ' ')"
        bad=1
    fi
done
echo "$libraries libraries"
[ "$bad" -eq 0 ] && [ "$libraries" -ge 6 ]
