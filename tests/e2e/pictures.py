"""Pictures for test scripts, written with the standard library."""
import os
import random
import struct
import subprocess


def drawn(name, to, *count):
    """A copy of images that the build drew: drawn.sh."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "drawn.sh")
    subprocess.run(["sh", script, name, to, *count], check=True,
                   capture_output=True)


def blocks(seed, w, h, side):
    """w x h pixels, rows from the top: coloured squares."""
    rng = random.Random(seed)
    colour = [[rng.randbytes(3) for _ in range(w // side + 1)]
              for _ in range(h // side + 1)]
    return [[colour[y // side][x // side] for x in range(w)]
            for y in range(h)]


def cut(rows, x0, y0, x1, y1):
    return [r[x0:x1] for r in rows[y0:y1]]


def bmp(path, rows):
    h, w = len(rows), len(rows[0])
    data = b"".join(b"".join(r) + bytes(-3 * w % 4) for r in reversed(rows))
    with open(path, "wb") as f:
        f.write(b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + len(data), 0, 54,
                                    40, w, h, 1, 24, 0, 0, 0, 0, 0, 0) + data)
