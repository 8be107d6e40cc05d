#!/bin/sh
# Labels as other programs keep them: WebDataset, Hugging Face's imagefolder,
# COCO. The same photos, so the same counts.
. "$(dirname "$0")/lib.sh"

pics=$tmp/pics
drawn parts "$tmp/s" 48
mkdir "$pics"
python3 - "$tmp" <<'PY'
import csv, io, json, os, shutil, sys, tarfile
tmp = sys.argv[1]
rows = []
for d, _, files in sorted(os.walk(tmp + "/s")):
    for f in sorted(files):
        if not f.endswith((".jpg", ".png")):
            continue
        part = os.path.relpath(d, tmp + "/s").split("/")
        label = part[1]
        name = "%04d%s" % (len(rows), f[-4:])
        shutil.copy(os.path.join(d, f), tmp + "/pics/" + name)
        rows.append((name, label, part[0]))
names = sorted({r[1] for r in rows} - {"negative"})
json.dump({"rows": rows, "names": names}, open(tmp + "/rows.json", "w"))

def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))

def shard(path, rows, label, lose=None):
    with tarfile.open(path, "w") as t:
        for name, lab, split in rows:
            key, end = os.path.splitext(name)
            if name != lose:
                for n, d in label(key, lab):
                    add(t, n, d)
            add(t, key + end, open(tmp + "/pics/" + name, "rb").read())

order = ["negative"] + names
os.mkdir(tmp + "/wds")
for split in ("train", "valid", "test"):
    shard(tmp + "/wds/%s-000.tar" % split, [r for r in rows if r[2] == split],
          lambda k, l: [(k + ".cls", b"%d" % order.index(l))])
open(tmp + "/wds/classes.txt", "w").write("\n".join(order) + "\n")
shard(tmp + "/one.tar", rows, lambda k, l: [(k + ".cls", (l + "\n").encode())],
      lose=rows[0][0])
shard(tmp + "/json.tar", rows,
      lambda k, l: [(k + ".json", json.dumps({"label": l}).encode()),
                    (k + ".id", b"7")])

def folder(name, split_dirs):
    for n, lab, split in rows:
        to = os.path.join(tmp, name, split if split_dirs else ".")
        os.makedirs(to, exist_ok=True)
        shutil.copy(tmp + "/pics/" + n, to)

folder("hf", True)
for split in ("train", "valid", "test"):
    with open(tmp + "/hf/%s/metadata.csv" % split, "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["file_name", "text", "label"])
        w.writerows([n, "a photo, as they are", l] for n, l, s in rows if s == split)
folder("hfl", False)
with open(tmp + "/hfl/metadata.jsonl", "w") as f:
    for n, l, s in rows[1:]:
        f.write(json.dumps({"file_name": n, "label": l}) + "\n")
os.makedirs(tmp + "/caption/cat"), os.makedirs(tmp + "/caption/none")
for i, (n, l, s) in enumerate(rows[:8]):
    shutil.copy(tmp + "/pics/" + n, tmp + "/caption/" + ["cat", "none"][i % 2])
open(tmp + "/caption/metadata.csv", "w").write("file_name,text\nx.jpg,a cat\n")

def coco(rows, cats, extra=()):
    ids = {c: i + 5 for i, c in enumerate(cats)}
    return {"images": [{"id": "im%d" % i, "file_name": r[0], "seq_id": i // 2}
                       for i, r in enumerate(rows)],
            "categories": [{"id": v, "name": k} for k, v in ids.items()],
            "annotations": [{"image_id": "im%d" % i, "category_id": ids[r[1]]}
                            for i, r in enumerate(rows) if r[1] in ids]
            + [{"image_id": "im%d" % i, "category_id": ids[c]} for i, c in extra]}

folder("coco/images/train2017", False)
os.mkdir(tmp + "/coco/annotations")
json.dump(coco(rows, names), open(tmp + "/coco/annotations/instances_train2017.json", "w"))
first = [i for i, r in enumerate(rows) if r[1] == names[0]]
json.dump(coco(rows, names, [(first[0], names[0]), (first[0], names[1])]),
          open(tmp + "/pics/several.json", "w"))
json.dump(coco(rows, ["empty"] + names, [(first[0], "empty")]),
          open(tmp + "/pics/empty.json", "w"))
before = coco(rows, ["empty"] + names, [(first[0], "empty")])
before["annotations"].reverse()
json.dump(before, open(tmp + "/pics/before.json", "w"))
bad = coco(rows, names)
bad["annotations"][3]["category_id"] = 99
json.dump(bad, open(tmp + "/pics/bad.json", "w"))
json.dump(coco([("gone.jpg",) + tuple(r[1:]) for r in rows], names),
          open(tmp + "/pics/gone.json", "w"))
json.dump([1], open(tmp + "/pics/list.json", "w"))
PY

# counts JSON TITLE [MINUS]: as many of each label as were drawn, MINUS fewer.
counts() {
    title=$1
    shift
    check "$title" python3 - "$tmp" "$@" <<'PY'
import json, sys
tmp = sys.argv[1]
want = {}
known = json.load(open(tmp + "/rows.json"))
for _, label, _ in known["rows"]:
    want[label] = want.get(label, 0) + 1
for w in sys.argv[2:]:
    label, by = w.split("=")
    label = known["names"][0] if label == "first" else \
        known["rows"][0][1] if label == "row" else label
    want[label] += int(by)
got = {}
for line in open(tmp + "/out"):
    p = line.split()
    if len(p) == 4 and p[1].isdigit():
        got["negative" if p[0] == "(negative)" else p[0]] = sum(map(int, p[1:]))
if got != want:
    sys.exit("got %s, want %s" % (got, want))
PY
}

run 0 "WebDataset shards with numbers" inspect "$tmp/wds"
counts "classes.txt names them, negatives are negatives"
out_has "and the shards' names are the splits" "splits:.*given\|splits: named\|splits:"
run 0 "WebDataset with names" inspect "$tmp/one.tar"
counts "the image without a .cls is left out" row=-1
err_has "and said" "none for '0000"
run 0 "WebDataset with .json" inspect "$tmp/json.tar"
counts "labels are read from it"
run 0 "imagefolder with metadata.csv a split" inspect "$tmp/hf"
counts "every row is an image"
run 0 "imagefolder with metadata.jsonl" inspect "$tmp/hfl"
counts "but the one that it lacks" row=-1
err_has "which is said" "of which metadata.jsonl names 47"
run 0 "metadata.csv by itself" inspect "$tmp/hf/train/metadata.csv"
run 0 "captions are no labels" inspect "$tmp/caption"
out_has "the folders are" "cat  *[0-9]"
run 0 "COCO in its own layout" inspect "$tmp/coco"
counts "images without an annotation are negatives"
err_has "which is said" "without an annotation are negatives"
run 0 "COCO with two things in an image" inspect "$pics/several.json"
counts "it is left out" first=-1
err_has "and said, with both" "1 images with things of several categories"
run 0 "COCO with a category for nothing" inspect "$pics/empty.json"
counts "a thing beside 'empty' counts; what has none is left out" \
    negative=-"$(python3 -c "
import json; print(sum(r[1] == 'negative' for r in json.load(open('$tmp/rows.json'))['rows']))")"
run 0 "and where nothing is said first" inspect "$pics/before.json"
counts "the thing counts, too" \
    negative=-"$(python3 -c "
import json; print(sum(r[1] == 'negative' for r in json.load(open('$tmp/rows.json'))['rows']))")"
run 1 "COCO with an unknown category" inspect "$pics/bad.json"
err_has "names it" "annotation 4 has the category_id 99"
run 1 "COCO without its images" inspect "$pics/gone.json"
err_has "names one, and where it looked" "such as 'gone.jpg'.*images"
run 1 "JSON that is something else" inspect "$pics/list.json"
err_has "says what is read" "no COCO file.*jsonl"
finish
