#!/usr/bin/env python3
"""Says what photos show with ONNX Runtime alone: both nets of a cascade.

    bearcascade export -m MODEL --net gate    --onnx gate.onnx
    bearcascade export -m MODEL --net species --onnx species.onnx
    onnx_cascade.py gate.onnx species.onnx PHOTO...

and for a cascade with rungs in front of its gate, which `inspect` shows,

    bearcascade export -m MODEL --net rung1   --onnx rung1.onnx
    onnx_cascade.py gate.onnx species.onnx --rung rung1.onnx PHOTO...

Everything it needs to know stands in the metadata of the files. One line a
photo: path, verdict, p_positive. Needs onnxruntime, numpy and Pillow. Pillow
resizes with the same filter as bearcascade, but for JPEG files that bearcascade
decodes at a reduced scale, and its rounding differs: probabilities are alike to
about 0.01, so that a photo near a threshold may get another verdict.
"""
import argparse
import json
import math
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def area_average(image, width, height):
    """By exact overlap, which Pillow's BOX is not."""
    def weights(n, m):
        edges = np.arange(m + 1) * n / m
        pixel = np.arange(n)
        overlap = (np.minimum(edges[1:, None], pixel + 1) -
                   np.maximum(edges[:-1, None], pixel)).clip(0)
        return overlap * m / n

    x = np.asarray(image, np.float64)
    x = np.einsum("ij,jkc->ikc", weights(x.shape[0], height), x)
    x = np.einsum("ij,kjc->kic", weights(x.shape[1], width), x)
    return Image.fromarray(np.floor(x + 0.5).astype(np.uint8))


def logit(p):
    p = min(max(p, 1e-7), 1 - 1e-7)
    return math.log(p / (1 - p))


class Net:
    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(
            path, providers=["CPUExecutionProvider"])
        self.meta = self.session.get_modelmeta().custom_metadata_map
        self.prepare = json.loads(self.meta["preprocessing"])

    def input(self, image):
        p = self.prepare
        if min(image.size) > p["reduce_side"]:
            scale = p["reduce_side"] / min(image.size)
            image = area_average(
                image, *(int(side * scale + 0.5) for side in image.size))
        if image.size != (p["size"], p["size"]):
            image = image.resize((p["size"], p["size"]), Image.BILINEAR)
        x = np.asarray(image, np.float32) - np.float32(p["mean"])
        return (x / np.float32(p["stddev"])).transpose(2, 0, 1)[None]

    def run(self, x):
        return self.session.run(["probabilities"], {"image": x})[0][0]

    def __call__(self, image):
        return self.run(self.input(image))


class Cascade:
    def __init__(self, gate, species, rungs=()):
        self.gate = Net(gate)
        self.species = Net(species)
        self.classes = json.loads(self.gate.meta["classes"])
        self.decision = json.loads(self.gate.meta["decision"])
        self.rungs = [Net(r) for r in rungs]
        for net in [self.species, *self.rungs]:
            if json.loads(net.meta["decision"]) != self.decision:
                raise ValueError(f"'{gate}' and another are of two models")
        if len(self.rungs) != len(self.decision.get("rungs", [])):
            raise ValueError(f"the model of '{gate}' has "
                             f"{len(self.decision.get('rungs', []))} rungs")

    def rejected(self, p_gate):
        """p_positive of what the gate rejects; below the threshold of both."""
        d = self.decision
        return p_gate * min(1, d["threshold"] / d["gate_threshold"])

    def __call__(self, image):
        """(verdict, p_positive) by the rule of the metadata."""
        d = self.decision
        t1 = d["gate_threshold"]
        says_none = "none_threshold" in d
        x = self.gate.input(image)
        for rung, at in zip(self.rungs, d.get("rungs", [])):
            p = float(rung.run(x)[0])
            if p < at["threshold"]:
                return "none", self.rejected(p * min(1, t1 / at["threshold"]))
        p_gate = float(self.gate.run(x)[0])
        if p_gate < t1:
            return "none", self.rejected(p_gate)
        p = self.species(image).astype(np.float64)
        score, confidence = p_gate, p.max()
        if says_none:
            k = len(self.classes)
            n = float(p[k] / p[:k + 1].sum())
            p_none = 1 / (1 + math.exp(
                logit(1 - n) + d.get("gate_weight", 0) * logit(p_gate)))
            known = np.delete(p, k) / np.delete(p, k).sum()
            confidence = known[:k].sum() if len(known) > k else known.max()
            p = known[:k]
            score = 1 - p_none
            if 1 - p_none < d["none_threshold"]:
                return "none", score
        best = int(p.argmax())
        return (self.classes[best] if confidence >= d["reject_threshold"]
                else "unknown"), score


def main():
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    args.add_argument("gate")
    args.add_argument("species")
    args.add_argument("--rung", action="append", default=[],
                      help="the first, then the second, ...")
    args.add_argument("photo", nargs="+")
    args = args.parse_args()
    cascade = Cascade(args.gate, args.species, args.rung)
    for path in args.photo:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file).convert("RGB")
        verdict, score = cascade(image)
        print(path, verdict, f"{score:.6f}", sep="\t")


if __name__ == "__main__":
    main()
