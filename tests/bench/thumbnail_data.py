#!/usr/bin/env python3
"""Bears in a world of thumbnails: a data set for `mine --study`.

    thumbnail_data.py BEARS TINY_IMAGENET OUT

Writes OUT, a copy of the photographs BEARS with a shorter side of 64 px, and
adds the validation shard of Tiny ImageNet to the test negatives, without brown
bears and teddies, as the families pool_animals and pool_things (WordNet numbers
from n01 and n02, and the others). So what is trained on, mined and measured has
one sharpness, and the test has negatives like those of the pool. The pool is
then the training shards. OUT holds photographs and is not for publishing.
Needs Pillow.
"""
import os
import sys
import tarfile

from PIL import Image

BEARS = {"n02132136", "n04399382"}
SIDE = 64


def shrink(source, target):
    with Image.open(source) as im:
        im = im.convert("RGB")
        share = SIDE / min(im.size)
        if share < 1:
            im = im.resize([max(1, round(share * v)) for v in im.size],
                           Image.BICUBIC)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    im.save(target, "JPEG", quality=90)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip())
    bears, tiny, out = sys.argv[1:]
    n = 0
    for top, _, files in sorted(os.walk(bears)):
        for file in sorted(files):
            if file.lower().endswith((".jpg", ".jpeg", ".png")):
                path = os.path.join(top, file)
                base = os.path.splitext(os.path.relpath(path, bears))[0]
                shrink(path, os.path.join(out, base + ".jpg"))
                n += 1
    with tarfile.open(os.path.join(tiny, "valid.tar.gz")) as tar:
        for m in tar:
            parts = m.name.split("/")
            wnid = parts[-2] if len(parts) > 1 else ""
            if not m.isfile() or wnid in BEARS:
                continue
            kind = "animals" if wnid[:3] in ("n01", "n02") else "things"
            target = os.path.join(out, "test/negative", "pool_" + kind,
                                  wnid + "-" + parts[-1])
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as f:
                f.write(tar.extractfile(m).read())
            n += 1
    print("%d pictures" % n)


main()
