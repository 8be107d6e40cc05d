#!/usr/bin/env python3
"""Logits of EfficientNet-Lite with its ImageNet classifier on photos, beside
timm's in double precision, and the first classes.

    python3 tests/bench/timm_photos.py build \
        models/efficientnet-lite2.safetensors PHOTO...

The weights are those of models/fetch.sh. Needs torch, timm, numpy and Pillow.
"""
import os
import subprocess
import sys

import numpy as np
import timm
import torch
import torch_net
from PIL import Image

SIZES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240,
         "efficientnet_lite2": 260}


def main():
    build, weights, *photos = sys.argv[1:]
    meta, tensors = torch_net.read_safetensors(weights)
    size = SIZES[meta["architecture"]]
    net = timm.create_model("tf_" + meta["architecture"], pretrained=False)
    left = net.load_state_dict(tensors, strict=False)
    assert all("num_batches" in k for k in left.missing_keys), left
    x = np.stack([np.asarray(Image.open(p).convert("RGB").resize(
        (size, size), Image.BILINEAR), np.float32) for p in photos])
    x = (x - 127) / 128
    with torch.no_grad():
        want = net.eval().double()(
            torch.from_numpy(x).permute(0, 3, 1, 2).double()).numpy()
    r = subprocess.run(
        [os.path.join(build, "tests/e2e/net_logits"), weights, "0", str(size),
         "1000"], input=x.tobytes(), stdout=subprocess.PIPE, check=True)
    got = np.array([[float(v) for v in line.split()]
                    for line in r.stdout.decode().splitlines()])
    print(f"{len(photos)} photos at {size} px: logits from {want.min():.2f} to "
          f"{want.max():.2f}, largest difference {np.abs(got - want).max():.1e}")
    for photo, z in zip(photos, got):
        print(photo, *z.argsort()[::-1][:3])


main()
