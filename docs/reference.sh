#!/bin/sh
# docs/reference.sh - the pages of docs/reference from the program's own
# option tables:
#     sh docs/reference.sh build/pipelines/bearcascade
# With --check behind it nothing is written: what would change is shown and
# the exit status is 1.
set -eu
program=$1
mode=${2:-}
pages=$(cd "$(dirname "$0")" && pwd)/reference
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

{
    echo '# Commands'
    echo
    echo 'Generated from the option tables by docs/reference.sh. Every command'
    echo 'also prints its options with --help.'
    echo
    "$program" --help | sed -n 's|^  \([a-z]*\)  *\(.*\)|- [\1](\1.md): \2|p'
} >"$new/README.md"
for command in $(sed -n 's|^- \[\([a-z]*\)\].*|\1|p' "$new/README.md"); do
    "$program" "$command" --help=markdown >"$new/$command.md"
done
if [ "$mode" = --check ]; then
    diff -ru "$pages" "$new"
else
    mkdir -p "$pages"
    rm -f "$pages"/*.md
    cp "$new"/*.md "$pages"
fi
