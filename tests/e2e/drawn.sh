#!/bin/sh
# Drawn images that many suites share: to draw them takes a suite longer than
# to copy them.
#
#     drawn.sh SET DIR [COUNT]    a copy of a set, which may be changed; with
#                                 COUNT, so many of its images, evenly spread
#     drawn.sh --all DIR STAMP    every set, into DIR: for the build
#
# BEARCASCADE names the program, DRAWN what --all made. Where that is missing,
# the set is drawn.
set -eu
: "${BEARCASCADE:?names the bearcascade program}"
sets='parts whole negatives more'

draw() { # SET DIR
    case $1 in
    parts) set -- "$2" --count 240 --seed 5 ;; # train, valid and test
    whole) set -- "$2" --count 240 --seed 3 --no-splits ;;
    negatives) set -- "$2" --count 250 --seed 31 --no-splits --kind negatives ;;
    more) set -- "$2" --count 40 --seed 77 --no-splits ;; # of the kind of whole
    *) echo "drawn.sh: no set '$1'" >&2 && return 1 ;;
    esac
    BEARCASCADE_MODELS='' "$BEARCASCADE" synth --out "$@" --size 64 --quiet
}

# A set that cannot be drawn is left out: the suites draw it again, and say why
# they cannot. An interrupted run leaves no folder of the final name.
if [ "$1" = --all ]; then
    rm -rf "$2" "$2.new"
    mkdir -p "$2.new"
    for s in $sets; do
        draw "$s" "$2.new/$s" || rm -rf "$2.new/$s"
    done
    mv "$2.new" "$2"
    : >"$3"
    exit
fi

mkdir -p "$(dirname "$2")"
if [ -d "${DRAWN:-}/$1" ]; then
    cp -r "$DRAWN/$1" "$2"
else
    draw "$1" "$2"
fi
if [ $# -gt 2 ]; then
    find "$2" -name '*.jpg' | LC_ALL=C sort >"$2/all"
    awk -v n="$(grep -c . "$2/all")" -v k="$3" '
        int(NR * k / n) == int((NR - 1) * k / n) { print "\"" $0 "\"" }' \
        "$2/all" | xargs rm -f "$2/all"
fi
