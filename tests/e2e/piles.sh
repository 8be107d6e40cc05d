#!/bin/sh
# Piles of photos as cameras, phones, shares and other programs leave them:
# nothing that was named is lost, and nothing is misnamed.
. "$(dirname "$0")/lib.sh"
: "${BEARCASCADE:?names the program}"

drawn parts "$tmp/data" 80
run 0 "train" train "$tmp/data" --out "$tmp/run" --epochs 1 --gate-size 32 \
    --gate-width 0.25 --species-size 32 --species-width 0.25 --batch 16 --quiet
model=$tmp/run/best.safetensors
set -- "$tmp"/data/test/*/*.jpg "$tmp"/data/test/*/*.png
for a; do [ ! -f "$a" ] || photo=$a; done
rows() { check "$1" test "$(grep -c . "$tmp/out")" -eq "$2"; }

# A card and a share.
mkdir -p "$tmp/card/DCIM/@eaDir/A.JPG" "$tmp/card/.Trashes" "$tmp/card/empty"
cp "$photo" "$tmp/card/DCIM/A.JPG"
cp "$photo" "$tmp/card/DCIM/@eaDir/A.JPG/SYNOPHOTO_THUMB_M.jpg"
cp "$photo" "$tmp/card/.Trashes/B.JPG"
cp "$photo" "$tmp/card/DCIM/C"
for x in A.XMP A.AAE C.MTS C.CR2 ._A.JPG INFO; do
    echo words >"$tmp/card/DCIM/$x"
done
run 0 "a card with side files" classify -m "$model" "$tmp/card"
rows "has a row for each photo" 2
err_has "and one line says what was left out" "left out: 8 "
run 0 "an empty folder is no failure" classify -m "$model" "$tmp/card/empty"
err_has "but is said" "no images in '.*empty'"

# Lists.
printf '%s\0%s\0' "$tmp/card/DCIM/A.JPG" "$tmp/card/DCIM/C" >"$tmp/list"
run 0 "a list with NULs" classify -m "$model" - <"$tmp/list"
rows "gives a row for each name" 2
run 0 "and with -0" classify -m "$model" -0 - <"$tmp/list"
rows "too" 2
odd="$tmp/card/odd
name.jpg"
cp "$photo" "$odd"
printf '%s\0' "$odd" >"$tmp/list"
run 0 "-0 takes names with newlines" classify -m "$model" -0 - <"$tmp/list"
rows "as one" 1
rm "$odd"

# Folders that cannot be opened.
mkdir -p "$tmp/p/open" "$tmp/p/shut"
cp "$photo" "$tmp/p/open/a.jpg"
cp "$photo" "$tmp/p/shut/a.jpg"
chmod 755 "$tmp" "$tmp/run"
chmod 644 "$model"
chmod 000 "$tmp/p/shut"
as_user=
if [ "$(id -u)" -eq 0 ]; then
    as_user='setpriv --reuid=65534 --regid=65534 --clear-groups'
fi
if $as_user true 2>/dev/null && $as_user test -x "$BEARCASCADE"; then
    got=0
    $as_user "$BEARCASCADE" classify -m "$model" -f jsonl "$tmp/p" \
        >"$tmp/out" 2>"$tmp/err" || got=$?
    check "a closed folder is an input that failed" test "$got" -eq 3
    out_has "and has a row" '"file":"[^"]*p/shut","error":"cannot open folder'
else
    skip "a closed folder is an input that failed" "no other user to be"
    skip "and has a row" "no other user to be"
fi
chmod 755 "$tmp/p/shut"

# Archives: names beyond ASCII under any locale, streamed.
python3 - "$photo" "$tmp/names.zip" "$tmp/big.zip" <<'PY'
import sys, zipfile
photo = open(sys.argv[1], "rb").read()
with zipfile.ZipFile(sys.argv[2], "w") as z:
    for n in ("plain.jpg", "b\u00e4r.jpg", "\u5199\u771f/\u718a.jpg"):
        z.writestr(n, photo)
big = photo + bytes(8 << 20)
with zipfile.ZipFile(sys.argv[3], "w", zipfile.ZIP_DEFLATED) as z:
    for i in range(20):
        z.writestr("%02d.jpg" % i, big)
PY
for locale in C C.UTF-8 de_DE.UTF-8; do
    LC_ALL=$locale
    export LC_ALL
    run 0 "a zip under $locale" classify -m "$model" -f csv "$tmp/names.zip"
    rows "gives each member's row" 4
    out_has "by its name" "names.zip:$(printf 'b\303\244r').jpg,"
    check "with decimal points" eval '! grep -q ",0,[0-9]" "$tmp/out"'
done
unset LC_ALL
mkdir "$tmp/no_room"
chmod 555 "$tmp/no_room"
TMPDIR=$tmp/no_room
export TMPDIR
run 0 "a zip larger than the room there is" classify -m "$model" "$tmp/big.zip"
rows "gives all its rows" 20
unset TMPDIR
chmod 755 "$tmp/no_room"
peak=$(python3 - "$BEARCASCADE" "$model" "$tmp/big.zip" <<'PY'
import resource, subprocess, sys
subprocess.run([sys.argv[1], "classify", "-q", "-m", *sys.argv[2:]],
               stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
)
check "and takes little memory ($peak MB)" test "$peak" -lt \
    $((110 + ${PEAK_MARGIN:-0} * 3))

# MegaDetector's readers want names below the folder.
cd "$tmp" || exit 1
for from in card card/ ./card "$tmp/card"; do
    run 0 "megadetector of $from" classify -m "$model" -f megadetector "$from"
    out_has "has names below it" '"file": "DCIM/A.JPG"'
done
cd card || exit 1
run 0 "megadetector of ." classify -m "$model" -f megadetector .
out_has "has names below it" '"file": "DCIM/A.JPG"'
run 0 "megadetector of nothing" classify -m "$model" -f megadetector empty
check "is a document without images" python3 -c '
import json, sys
assert json.load(open(sys.argv[1]))["images"] == []' "$tmp/out"
cd / || exit 1

# Names that are no UTF-8 lead back to their files, in every format.
mkdir "$tmp/latin"
cp "$photo" "$tmp/latin/$(printf 'a\350.jpg')"
cp "$photo" "$tmp/latin/$(printf 'a\351.jpg')"
for format in jsonl csv megadetector; do
    run 0 "names of bytes as $format" classify -m "$model" -f $format \
        "$tmp/latin"
    check "are told apart and lead back" python3 - $format "$tmp/out" \
        "$tmp/latin" <<'PY'
import csv, io, json, os, sys
form, out, folder = sys.argv[1:]
text = open(out, encoding="utf-8", errors="strict").read()
if form == "jsonl":
    names = [bytes.fromhex(json.loads(l)["file_bytes"]) for l in text.splitlines()]
elif form == "csv":
    from urllib.parse import unquote_to_bytes
    names = [unquote_to_bytes(r["file"]) for r in csv.DictReader(io.StringIO(text))]
else:
    names = [os.path.join(os.fsencode(folder), os.fsencode(i["file"]))
             for i in json.loads(text)["images"]]
assert len(set(names)) == 2
for n in names:
    os.stat(n)
PY
done

# The first row comes after the first photo, a stop after the next ones.
i=0
mkdir "$tmp/many"
while [ $i -lt 300 ]; do
    ln "$photo" "$tmp/many/$i.jpg"
    i=$((i + 1))
done
check "a stop ends with a document that is whole" python3 - "$BEARCASCADE" \
    "$model" "$tmp/many" <<'PY'
import json, signal, subprocess, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL) # the tests may run under nohup
for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    p = subprocess.Popen([sys.argv[1], "classify", "-q", "-f", "megadetector",
                          "-m", sys.argv[2], *[sys.argv[3]] * 20, "-"], stdout=subprocess.PIPE,
                         stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    head = b""
    while b"bbox" not in head:
        head += p.stdout.read1()
    p.send_signal(s)
    text, _ = p.communicate()
    assert p.returncode == 1, p.returncode
    assert len(json.loads(head + text)["images"]) >= 1
PY
finish
