# tests/e2e/lib.sh - TAP helpers for the end-to-end scripts (POSIX sh).
#
# A script sources this file, calls the checks below and ends with `finish`.
# BEARCASCADE names the program. Every script gets an own folder, $tmp.

: "${BEARCASCADE:?names the bearcascade program}"
n=0
failures=0
tmp=$(mktemp -d "${TMPDIR:-/tmp}/bearcascade-e2e-XXXXXX")
trap 'chmod -R u+rwx "$tmp" 2>/dev/null; rm -rf "$tmp"' EXIT

# Features of images are kept here, not in the user's folder.
BEARCASCADE_CACHE=$tmp/cache
export BEARCASCADE_CACHE

pass() { n=$((n + 1)); printf 'ok %d - %s\n' "$n" "$1"; }
fail() {
    n=$((n + 1))
    failures=$((failures + 1))
    printf 'not ok %d - %s\n' "$n" "$1"
    sed 's/^/# /' "$tmp/out" "$tmp/err" 2>/dev/null | tail -n 30
}
skip() { n=$((n + 1)); printf 'ok %d - %s # SKIP %s\n' "$n" "$1" "$2"; }

# check TITLE COMMAND...: passes when the command succeeds.
check() {
    title=$1
    shift
    if "$@"; then pass "$title"; else fail "$title"; fi
}

# run STATUS TITLE ARGS...: runs the program; its output is in $tmp/out and
# $tmp/err; passes when the exit status is STATUS.
run() {
    want=$1
    title=$2
    shift 2
    got=0
    "$BEARCASCADE" "$@" >"$tmp/out" 2>"$tmp/err" || got=$?
    if [ "$got" -eq "$want" ]; then
        pass "$title"
    else
        fail "$title (exit status $got, not $want)"
    fi
}

# The last run's stdout / stderr holds a line that matches.
out_has() { check "$1" grep -q -e "$2" "$tmp/out"; }
err_has() { check "$1" grep -q -e "$2" "$tmp/err"; }
one_error_line() { check "$1" test "$(wc -l <"$tmp/err")" -le "${2:-2}"; }

# drawn SET DIR [COUNT]: a copy of images that the build drew (drawn.sh).
drawn() {
    got=0
    sh "$(dirname "$0")/drawn.sh" "$@" >"$tmp/out" 2>"$tmp/err" || got=$?
    check "drawn images" test "$got" -eq 0
}

# The metadata tells how a model was made (threads, seconds); the weights must
# be the same bytes.
same_weights() {
    python3 - "$1" "$2" <<'PY'
import json, struct, sys
def data(p):
    b = open(p, "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    h = json.loads(b[8:8 + n])
    m = h.pop("__metadata__")
    keep = {k: m[k] for k in m if k.endswith(("policy", "net", "rungs"))}
    return h, keep, b[8 + n:]
sys.exit(0 if data(sys.argv[1]) == data(sys.argv[2]) else 1)
PY
}

finish() {
    printf '1..%d\n' "$n"
    [ "$failures" -eq 0 ]
}
