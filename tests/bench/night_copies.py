#!/usr/bin/env python3
"""Copies of photos as a trail camera takes them at night, to measure on.

    python3 tests/bench/night_copies.py DATA/valid OUT/valid

One grey of the channels, less resolution, darker midtones, a spot of light,
noise, in half of them a banner, JPEG. Made in another way than the views of
`train --infrared` (common/image/infrared.c), so that figures on the copies say
more than that those views were learnt. Needs Pillow and NumPy. The draws depend
on the names' order alone.
"""
import glob
import os
import random
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def night(im, draw, noise):
    a = np.asarray(im.convert("RGB")).astype(float)
    mode = draw.random()
    grey = (a[..., 0] if mode < .4 else a[..., 1] if mode < .6
            else a @ np.array([.5, .4, .1]))
    h, w = grey.shape
    s = draw.uniform(.4, 1)
    im = Image.fromarray(grey.clip(0, 255).astype("uint8"))
    im = im.resize((max(8, int(w * s)), max(8, int(h * s))),
                   Image.BILINEAR).resize((w, h), Image.BICUBIC)
    if draw.random() < .5:
        im = im.filter(ImageFilter.GaussianBlur(draw.uniform(.3, 1.2)))
    v = (np.asarray(im).astype(float) / 255) ** draw.uniform(.8, 2.2)
    y, x = np.mgrid[0:h, 0:w]
    cx, cy = w * draw.uniform(.35, .65), h * draw.uniform(.4, .7)
    r2 = ((x - cx) / w) ** 2 + ((y - cy) / h) ** 2
    v = v * np.exp(-r2 / draw.uniform(.12, .8)) * draw.uniform(.5, 1.1)
    v = v + noise.randn(h, w) * draw.uniform(0, .04)
    im = Image.fromarray((v * 255).clip(0, 255).astype("uint8"))
    if draw.random() < .5:
        top = h - max(6, h // 16)
        pen = ImageDraw.Draw(im)
        pen.rectangle([0, top, w, h], fill=0)
        pen.text((4, top - 1), "2016-05-18 8:57PM 76F", fill=230)
    return im


def main(source, target):
    draw, noise = random.Random(3), np.random.RandomState(3)
    files = sorted(glob.glob(os.path.join(glob.escape(source), "**", "*.jpg"),
                             recursive=True))
    for path in files:
        out = os.path.join(target, os.path.relpath(path, source))
        os.makedirs(os.path.dirname(out), exist_ok=True)
        night(Image.open(path), draw, noise).convert("RGB").save(
            out, quality=draw.randint(60, 90))
    print(f"{len(files)} copies in {target}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
