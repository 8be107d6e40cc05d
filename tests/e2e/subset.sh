#!/bin/sh
# evaluate --subset: the same figures for some of the images, checked against
# the probabilities that classify prints.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
drawn parts "$data"
# Some bears of test become field images.
for f in "$data"/test/*/*1*.jpg; do
    mv "$f" "${f%/*}/field-${f##*/}"
done
run 0 "a small model" train "$data" --out "$tmp/run" --gate-size 32 \
    --gate-width 0.25 --species-size 32 --species-width 0.25 --batch 16 \
    --epochs 2 --quiet
run 0 "the probabilities" classify -m "$tmp/run" -f jsonl "$data/test"
cp "$tmp/out" "$tmp/p.jsonl"
run 0 "whole, field, and field against two families" \
    evaluate -m "$tmp/run" "$data" --bootstrap 0 --json --quiet \
    --subset 'field=field-*' --subset 'some=field-*:pe*,plush' \
    --subset 'black=test/black/*'
cp "$tmp/out" "$tmp/e.json"
check "figures are those of the images that match" \
    python3 - "$tmp" "$data" <<'PY'
import fnmatch, json, os, sys
tmp, data = sys.argv[1:]
rows = [json.loads(line) for line in open(os.path.join(tmp, "p.jsonl"))]
got = json.load(open(os.path.join(tmp, "e.json")))
assert [g["title"] for g in got] == ["test", "field", "some", "black"]

def parts(row):
    p = os.path.relpath(row["file"], os.path.join(data, "test")).split(os.sep)
    return p[0] if p[0] != "negative" else None, p[1], p[-1]

def expect(bear, family):
    pos, neg = [], []
    for r in rows:
        kind, fam, name = parts(r)
        if kind is not None and bear(kind, name):
            pos.append(r["p_positive"])
        if kind is None and family(fam):
            neg.append(r["p_positive"])
    # Pairs closer than the printed digits may stand either way.
    least, most = (sum(p - n > d for p in pos for n in neg) / len(pos) /
                   len(neg) for d in (2e-6, -2e-6))
    return len(pos), len(neg), least, most

field = lambda kind, name: name.startswith("field-")
some = lambda f: fnmatch.fnmatch(f, "pe*") or f == "plush"
for g, want in zip(got, (
        expect(lambda k, n: True, lambda f: True),
        expect(field, lambda f: True),
        expect(field, some),
        expect(lambda k, n: k == "black", lambda f: True))):
    have = g["positives"], g["negatives"], g["roc_area"]["value"]
    assert have[:2] == want[:2], (have, want)
    assert want[2] - 1e-9 <= have[2] <= want[3] + 1e-9, (have, want)
    assert (want[3] - want[2]) * want[0] * want[1] < 2.5, want # two pairs
assert 0 < got[2]["negatives"] < got[1]["negatives"]
assert 0 < got[1]["positives"] < got[0]["positives"]
assert {f["family"] for f in got[2]["families"]} <= {"people", "plush"}
PY
run 0 "a subset without bears" evaluate -m "$tmp/run" "$data" --bootstrap 0 \
    --subset 'none=nothing-*'
err_has "costs a warning" "warning: subset 'none' has no image of a class"
run 1 "an empty subset" evaluate -m "$tmp/run" "$data" --bootstrap 0 \
    --subset 'none=nothing-*:nobody'
err_has "is named" "subset 'none' is empty"
mkdir -p "$tmp/fewer" "$tmp/more/test"
cp -r "$data/test" "$tmp/fewer/"
rm -r "$tmp/fewer/test/grizzly"
run 0 "data without one of the classes" \
    evaluate -m "$tmp/run" "$tmp/fewer" --bootstrap 0 --json
check "has a row of zeros for it" \
    python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))[0]
assert r["truth"][:3] == ["black", "grizzly", "teddy"], r["truth"]
assert sum(r["confusion"][1]) == 0 < sum(r["confusion"][0])
# Images that the gate sent on show their species; the others may be either.
bears = [b for b in map(json.loads, open(sys.argv[2]))
         if b["file"].split("/")[-2] in ("black", "teddy")]
sent = [b for b in bears if b.get("p")]
right = sum(max(b["p"], key=b["p"].get) == b["file"].split("/")[-2]
            for b in sent)
got = r["species_accuracy"]["value"] * len(bears)
assert len(bears) == sum(map(sum, r["confusion"][:3])) and sent
assert right - 0.01 <= got <= right + len(bears) - len(sent) + 0.01, (got, right)
' "$tmp/out" "$tmp/p.jsonl"
cp -r "$data/test/black" "$tmp/more/test/polar"
cp -r "$data/test/negative" "$tmp/more/test/"
run 1 "data with another class" evaluate -m "$tmp/run" "$tmp/more"
err_has "are refused" "are not those of the model"
for bad in field field= =x field=:plush; do
    run 2 "'$bad' is refused" evaluate -m "$tmp/run" "$data" --subset "$bad"
done
err_has "and says what is wanted" "wants NAME=GLOB"
finish
