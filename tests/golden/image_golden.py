#!/usr/bin/env python3
"""Make the golden data of the image tests with Pillow.

    python3 tests/golden/image_golden.py

Writes tests/golden/image_resize.bin (bilinear antialiased resizes of a drawn
image) and tests/fuzz/corpus/image/* (tiny drawn files in formats that our
own test encoders do not write; also the seeds of the fuzzer). Needs Pillow
with WebP. Nothing here is an photograph.

image_resize.bin, little-endian, one record per case until the end:
    int32   source width, height; uint32 seed of the noise
    float32 box x, y, w, h
    int32   width, height of the result
    bytes   the result, [h,w,3]
"""
import io
import os
import struct

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "..", "fuzz", "corpus", "image")


def noise(w, h, seed):
    """The image that sample_noise() in tests/unit/image/sample.c draws."""
    out = bytearray()
    for y in range(h):
        for x in range(w):
            for c in range(3):
                slope = (x * 3 + y * 5 + c * 40) & 255
                seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
                v = seed >> 24
                out.append((slope * 3 + v) // 4 if x * 2 < w else v)
    return Image.frombytes("RGB", (w, h), bytes(out))


# source size, box or None for all of it, result size
CASES = [
    ((61, 47), None, (32, 32)),
    ((61, 47), None, (61, 47)),
    ((61, 47), None, (30, 70)),
    ((40, 40), None, (7, 5)),
    ((40, 40), (3.25, 5.5, 30.5, 21.75), (24, 24)),
    ((200, 150), (25, 0, 150, 150), (48, 48)),
    ((200, 150), (0.5, 0.5, 133.3, 99.9), (32, 33)),
    ((9, 7), None, (33, 21)),
    ((300, 3), None, (2, 2)),
    ((1, 1), None, (3, 2)),
    ((257, 255), None, (1, 1)),
]


def write_resizes():
    with open(os.path.join(HERE, "image_resize.bin"), "wb") as f:
        for i, (size, box, out) in enumerate(CASES):
            src = noise(*size, i + 1)
            x, y, w, h = box or (0, 0, *size)
            # the box as float32, which is what the C side is given
            x, y, w, h = struct.unpack("<4f", struct.pack("<4f", x, y, w, h))
            got = src.resize(out, Image.Resampling.BILINEAR,
                             box=(x, y, x + w, y + h))
            f.write(struct.pack("<iiI4fii", *size, i + 1, x, y, w, h, *out))
            f.write(got.tobytes())


def quarters(mode="RGB"):
    """24 x 16: red, green above blue, white."""
    colours = [(200, 30, 40), (40, 180, 50), (30, 60, 190), (240, 240, 240)]
    img = Image.new("RGB", (24, 16))
    for i, colour in enumerate(colours):
        img.paste(colour, (i % 2 * 12, i // 2 * 8, i % 2 * 12 + 12,
                           i // 2 * 8 + 8))
    return img.convert(mode)


def put(name, img, **how):
    data = io.BytesIO()
    img.save(data, **how)
    with open(os.path.join(CORPUS, name), "wb") as f:
        f.write(data.getvalue())


def write_corpus():
    os.makedirs(CORPUS, exist_ok=True)
    rgb = quarters()
    clear = quarters("RGBA")
    clear.putalpha(Image.new("L", clear.size, 255))
    clear.paste((9, 9, 9, 0), (12, 8, 24, 16))  # the white quarter, see-through
    turned = Image.Exif()
    turned[0x0112] = 6
    upright = rgb.transpose(Image.Transpose.ROTATE_90)

    put("rgb444.jpg", rgb, format="JPEG", quality=95, subsampling=0)
    put("rgb420.jpg", rgb, format="JPEG", quality=95, subsampling=2)
    put("progressive.jpg", rgb, format="JPEG", quality=95, progressive=True)
    put("restart.jpg", rgb, format="JPEG", quality=95, restart_marker_blocks=1)
    put("keep_rgb.jpg", rgb, format="JPEG", quality=95, keep_rgb=True)
    put("cmyk.jpg", quarters("CMYK"), format="JPEG", quality=95)
    put("grey.jpg", quarters("L"), format="JPEG", quality=95)
    put("exif6.jpg", upright, format="JPEG", quality=95, exif=turned)
    put("rgb.png", rgb, format="PNG")
    put("rgba.png", clear, format="PNG")
    put("palette.png", rgb.quantize(4), format="PNG", bits=2)
    put("grey.png", quarters("L"), format="PNG")
    put("exif6.png", upright, format="PNG", exif=turned)
    put("lossy.webp", rgb, format="WEBP", quality=95)
    put("lossless.webp", rgb, format="WEBP", lossless=True)
    put("alpha.webp", clear, format="WEBP", lossless=True)
    put("exif6.webp", upright, format="WEBP", lossless=True, exif=turned)
    put("animated.webp", rgb, format="WEBP", save_all=True,
        append_images=[quarters("L").convert("RGB")])


write_resizes()
write_corpus()
