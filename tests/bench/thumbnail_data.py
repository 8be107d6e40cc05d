#!/usr/bin/env python3
"""Bears in a world of thumbnails: data sets for `mine --study`.

    thumbnail_data.py BEARS TINY_IMAGENET OUT

    OUT/photos   a copy of the photographs BEARS with a shorter side of 64 px;
                 the validation shard of Tiny ImageNet is added to the test
                 negatives, as the families pool_animals and pool_things
                 (WordNet numbers from n01 and n02, and the others)
    OUT/few.txt  100 of the training negatives, for train --only-negatives
    OUT/pool     the training shards

All of Tiny ImageNet without brown bears and teddies, so the pool is clean. So
what is trained on, mined and measured has one sharpness, and the test has
negatives like those of the pool. OUT holds photographs and is not for
publishing. Needs Pillow.
"""
import os
import random
import sys
import tarfile

from PIL import Image

BEARS = {"n02132136", "n04399382"}
SIDE = 64
FEW = 100


def shrink(source, target):
    with Image.open(source) as im:
        im = im.convert("RGB")
        share = SIDE / min(im.size)
        if share < 1:
            im = im.resize([max(1, round(share * v)) for v in im.size],
                           Image.BICUBIC)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    im.save(target, "JPEG", quality=90)


def copy_photos(bears, out):
    for top, _, files in sorted(os.walk(bears)):
        for file in sorted(files):
            if file.lower().endswith((".jpg", ".jpeg", ".png")):
                path = os.path.join(top, file)
                base = os.path.splitext(os.path.relpath(path, bears))[0]
                shrink(path, os.path.join(out, base + ".jpg"))


def others(path):
    """Members of a shard that are no bears, with class and contents."""
    with tarfile.open(path) as tar:
        for m in tar:
            parts = m.name.split("/")
            wnid = parts[-2] if len(parts) > 1 else ""
            if m.isfile() and wnid not in BEARS:
                yield m, wnid, tar.extractfile(m)


def add_test_negatives(shard, out):
    for m, wnid, contents in others(shard):
        kind = "animals" if wnid[:3] in ("n01", "n02") else "things"
        name = "%s-%s" % (wnid, os.path.basename(m.name))
        target = os.path.join(out, "test/negative/pool_" + kind, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as f:
            f.write(contents.read())


def write_pool(tiny, out):
    os.makedirs(out, exist_ok=True)
    for shard in sorted(os.listdir(tiny)):
        if shard.startswith("train-"):
            name = shard.split(".")[0] + ".tar"
            with tarfile.open(os.path.join(out, name), "w") as to:
                for m, _, contents in others(os.path.join(tiny, shard)):
                    to.addfile(m, contents)


def write_few(photos, path):
    names = []
    for family in sorted(os.listdir(photos + "/train/negative")):
        below = "train/negative/" + family
        names += ["%s/%s" % (below, f)
                  for f in sorted(os.listdir(os.path.join(photos, below)))]
    with open(path, "w") as f:
        f.write("\n".join(random.Random(1).sample(names, FEW)) + "\n")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip())
    bears, tiny, out = sys.argv[1:]
    photos = os.path.join(out, "photos")
    copy_photos(bears, photos)
    add_test_negatives(os.path.join(tiny, "valid.tar.gz"), photos)
    write_few(photos, os.path.join(out, "few.txt"))
    write_pool(tiny, os.path.join(out, "pool"))


main()
