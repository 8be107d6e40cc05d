#!/bin/sh
# .ci/check_style.sh - the parts of the style that a machine can hold: white
# space, 80 columns, ASCII in C, formatting, calls that are not used here.
# Problems are printed as FILE:LINE; the exit status is 1 when there are any.
set -eu
cd "$(dirname "$0")/.."
. .ci/list_files.sh

problems=$(mktemp)
trap 'rm -f "$problems" "$problems.1" "$problems.2"' EXIT

# report TEXT FILE: grep's numbered lines on stdin become problems.
report() {
    sed "s|^\([0-9]*\):.*|$2:\1: $1|" >>"$problems"
}

tab=$(printf '\t')
list_files '*.c' '*.h' '*.sh' '*.py' '*.md' '*.txt' '*.json' 'meson.build' \
    '*/meson.build' >"$problems.1"
while read -r f; do
    case $f in
    tests/golden/* | tests/fuzz/corpus/*) continue ;;
    esac
    grep -n "$tab" "$f" | report "tab" "$f"
    grep -n '[[:space:]]$' "$f" | report "trailing space" "$f"
    if [ -s "$f" ] && [ -n "$(tail -c 1 "$f")" ]; then
        echo "$f: no newline at the end" >>"$problems"
    fi
    if [ -n "$(tail -n 1 "$f" | sed -n '/^$/p')" ]; then
        echo "$f: blank line at the end" >>"$problems"
    fi
    case $f in
    *.[ch])
        LC_ALL=C grep -n '[^ -~]' "$f" | report "not ASCII" "$f"
        grep -nE '^.{81}' "$f" | report "longer than 80 columns" "$f"
        ;;
    esac
done <"$problems.1"

# Calls are looked for without comments and strings. Memory goes through
# common/base/mem.h, only the program prints, only main() ends the process, and
# libpng's jumps stay in one file.
never='atoi|atol|atof|sprintf|vsprintf|strcpy|strcat|strncpy|strtok|gets'
never="$never|rand|srand|alloca|abort|system"
heap='malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign'
heap="$heap|strdup|strndup|asprintf|vasprintf"
list_files '*.c' '*.h' >"$problems.1"
while read -r f; do
    banned=$never
    case $f in
    common/base/mem.c | tests/* | examples/*) ;;
    *) banned="$banned|$heap" ;;
    esac
    case $f in
    common/image/image_png.c | common/image/image_jpeg_pixels.c | \
    common/image/thumbnail.c | tests/*) ;;
    *) banned="$banned|setjmp|longjmp" ;;
    esac
    case $f in
    pipelines/cli/main.c | tests/*) ;;
    *) banned="$banned|exit" ;;
    esac
    case $f in
    common/* | stage1_gate/* | stage2_species/*)
        banned="$banned|printf|puts|putchar" ;;
    esac
    # -fpreprocessed: comments go, includes and macros stay as they are
    if ! gcc -w -fpreprocessed -dD -E -P -x c "$f" >"$problems.2"; then
        echo "$f: cannot be read as C" >>"$problems"
    fi
    sed 's/"\([^"\\]\|\\.\)*"/""/g' "$problems.2" |
        grep -oE "(^|[^A-Za-z0-9_>.])($banned)[[:space:]]*\(" |
        grep -oE '[a-z_]+' | sort -u | sed "s|^|$f: calls |" >>"$problems"
done <"$problems.1"

# One version formats the same everywhere; another would disagree in details.
case $(clang-format --version 2>/dev/null) in
*'version 14.'*)
    while read -r f; do
        if ! clang-format --dry-run -Werror "$f" 2>/dev/null; then
            echo "$f: not as clang-format has it" >>"$problems"
        fi
    done <"$problems.1" ;;
*) echo "no clang-format 14 here: formatting is not checked" ;;
esac

list_files '*.sh' '.ci/run' >"$problems.1"
while read -r f; do
    case $(head -n 1 "$f") in
    *bash*) bash -n "$f" ;;
    *) sh -n "$f" ;;
    esac 2>/dev/null || echo "$f: not a valid shell script" >>"$problems"
done <"$problems.1"

cat "$problems"
[ ! -s "$problems" ]
