#!/bin/sh
# .ci/check_style.sh - the parts of the style that a machine can hold: white
# space, 80 columns, ASCII in C, formatting, calls that are not used here.
# Problems are printed as FILE:LINE; the exit status is 1 when there are any.
# usage: check_style.sh            all files
#        check_style.sh FILE...    calls and formatting of these C files
set -eu
LC_ALL=C # bytes, wherever it runs
export LC_ALL
cd "$(dirname "$0")/.."
. .ci/list_files.sh

# Calls are looked for without comments and strings. Memory goes through
# common/base/mem.h, only the program prints, only main() ends the process, and
# libpng's jumps stay in one file.
never='atoi|atol|atof|sprintf|vsprintf|strcpy|strcat|strncpy|strtok|gets'
never="$never|rand|srand|alloca|abort|system"
heap='malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign'
heap="$heap|strdup|strndup|asprintf|vasprintf"

banned_in() {
    banned=$never
    case $1 in
    common/base/mem.c | tests/* | examples/*) ;;
    *) banned="$banned|$heap" ;;
    esac
    case $1 in
    common/image/image_png.c | common/image/image_jpeg_pixels.c | \
    common/image/thumbnail.c | tests/*) ;;
    *) banned="$banned|setjmp|longjmp" ;;
    esac
    case $1 in
    pipelines/cli/main.c | tests/*) ;;
    *) banned="$banned|exit" ;;
    esac
    case $1 in
    common/* | stage1_gate/* | stage2_species/*)
        banned="$banned|printf|puts|putchar" ;;
    esac
}

# One version formats the same everywhere; another would disagree in details.
formats() {
    case $(clang-format --version 2>/dev/null) in
    *'version 14.'*) ;;
    *) return 1 ;;
    esac
}

if [ $# -gt 0 ]; then
    text=$(mktemp)
    trap 'rm -f "$text"' EXIT
    formats && formatted=yes || formatted=
    for f; do
        banned_in "$f"
        # -fpreprocessed: comments go, includes and macros stay as they are
        gcc -w -fpreprocessed -dD -E -P -x c "$f" >"$text" ||
            echo "$f: cannot be read as C"
        sed 's/"\([^"\\]\|\\.\)*"/""/g' "$text" |
            grep -oE "(^|[^A-Za-z0-9_>.])($banned)[[:space:]]*\(" |
            grep -oE '[a-z_]+' | sort -u | sed "s|^|$f: calls |"
        if [ -n "$formatted" ] &&
            ! clang-format --dry-run -Werror "$f" 2>/dev/null; then
            echo "$f: not as clang-format has it"
        fi
    done
    exit
fi

problems=$(mktemp)
trap 'rm -f "$problems" "$problems.1"' EXIT

# report TEXT GREP-ARGS...: what grep finds in the files of the list.
report() {
    text=$1
    shift
    xargs grep -Hn "$@" <"$problems.1" |
        sed "s|^\([^:]*:[0-9]*\):.*|\1: $text|" >>"$problems" || :
}

list_files '*.c' '*.h' '*.sh' '*.py' '*.md' '*.txt' '*.json' 'meson.build' \
    '*/meson.build' | grep -vE '^tests/(golden|fuzz/corpus)/' >"$problems.1"
report "tab" -e "$(printf '\t')"
report "trailing space" -e '[[:space:]]$'
nl='
'
while read -r f; do
    case $(tail -c 2 "$f" && echo .) in
    "$nl$nl." | "$nl.") echo "$f: blank line at the end" >>"$problems" ;;
    *"$nl." | .) ;;
    *) echo "$f: no newline at the end" >>"$problems" ;;
    esac
done <"$problems.1"

list_files '*.c' '*.h' >"$problems.1"
report "not ASCII" -e '[^ -~]'
report "longer than 80 columns" -E -e '^.{81}'
xargs -P "$(nproc 2>/dev/null || echo 1)" -n 24 sh .ci/check_style.sh \
    <"$problems.1" >>"$problems"
formats || echo "no clang-format 14 here: formatting is not checked"

list_files '*.sh' '.ci/run' >"$problems.1"
while read -r f; do
    case $(head -n 1 "$f") in
    *bash*) bash -n "$f" ;;
    *) sh -n "$f" ;;
    esac 2>/dev/null || echo "$f: not a valid shell script" >>"$problems"
done <"$problems.1"

cat "$problems"
[ ! -s "$problems" ]
