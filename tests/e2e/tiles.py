#!/usr/bin/env python3
"""classify --tiles: photos that are none are looked at again in parts.

Environment: BEARCASCADE (the program), SOURCE (for the shipped model).
"""
import json
import os
import subprocess
import sys
import tempfile

from pictures import blocks, bmp, cut
from tap import check, done

B = os.environ["BEARCASCADE"]
MODEL = os.path.join(os.environ["SOURCE"], "models", "bears.safetensors")
W, H = 400, 320
# 2 x 2 parts of 0.6 of each side, as squares that lie inside
PARTS = [(0, 0), (160, 0), (0, 80), (160, 80)]


def run(*args):
    r = subprocess.run([B, "classify", "-m", MODEL, *args],
                       capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


def rows(*args):
    rc, out, err = run("-f", "jsonl", *args)
    all_rows = [json.loads(line) for line in out.splitlines()]
    for row in all_rows:
        row.pop("ms", None)
    return rc, {os.path.basename(r["file"]): r for r in all_rows}, err


def make(n):
    os.mkdir("photos")
    os.mkdir("parts")
    for i in range(n):
        photo = blocks(i, W, H, 16)
        bmp(f"photos/{i}.bmp", photo)
        for k, (x, y) in enumerate(PARTS):
            bmp(f"parts/{i}-{k}.bmp", cut(photo, x, y, x + 240, y + 240))


def compare(n, threshold):
    """What the rows must be, from the parts as photos of their own."""
    least = ["--threshold", repr(threshold)]
    _, whole, _ = rows(*least, "photos")
    _, parts, _ = rows(*least, "parts")
    rc, tiled, err = rows(*least, "--tiles", "2", "photos")
    found = looked = 0
    for i in range(n):
        name = f"{i}.bmp"
        want = dict(whole[name])
        mine = [dict(parts[f"{i}-{k}.bmp"]) for k in range(4)]
        if want["verdict"] == "none":
            looked += 1
            best = max((p for p in mine if p["verdict"] != "none"),
                       key=lambda p: p["p_positive"], default=None)
            if best is not None:
                found += 1
                k = mine.index(best)
                want = dict(best, file=want["file"])
                x, y = k % 2 * 0.4, k // 2 * 0.4
                want["note"] = ("seen in the part from %.2f,%.2f to %.2f,%.2f "
                                "of the photo" % (x, y, x + 0.6, y + 0.6))
        if tiled[name] != want:
            return rc, (tiled[name], want), found, looked, err
    return rc, None, found, looked, err


def main():
    n = 8
    make(n)
    _, whole, _ = rows("--all-stages", "photos")
    scores = sorted(r["p_positive"] for r in whole.values())
    middle = (scores[n // 2 - 1] + scores[n // 2]) / 2
    rc, wrong, found, looked, err = compare(n, middle)
    check(rc == 0 and wrong is None, "the best part decides", wrong)
    check(0 < looked < n and 0 < found,
          "some photos are looked at again, some found", (looked, found))
    check(f"tiles: {looked} photos without a positive were looked at in 4 "
          f"parts each; {found} of them have one" in err, "it is counted", err)
    rc, wrong, found, looked, _ = compare(n, 1)
    check(wrong is None and (found, looked) == (0, n),
          "nothing found: rows as without it", (wrong, found, looked))
    rc, plain, _ = rows("photos/0.bmp")
    rc, one, err = rows("--tiles", "1", "photos/0.bmp")
    check(one == plain and "tiles:" not in err, "one part is the photo")
    with open("photos/torn.jpg", "wb") as f:
        f.write(b"\xff\xd8\xff torn")
    rc, tiled, _ = rows("--tiles", "3", "photos/1.bmp", "photos/torn.jpg")
    check(rc == 3 and len(tiled) == 2 and "error" in tiled["torn.jpg"],
          "a damaged photo has its row", rc)
    rc, _, err = run("--tiles", "9", "photos")
    check(rc == 2 and "--tiles" in err, "a number that is too large", err)
    rc, _, err = run("--tiles", "2", "--detections", "x.json")
    check(rc == 2 and "--tiles looks at whole photos" in err, "not of boxes",
          err)
    again("photos")


def again(photos):
    """Rows of other parts are not mixed."""
    first = ["-f", "jsonl", "--resume", "r.jsonl", photos]
    rc, _, err = run(*first)
    check(rc == 3 and os.path.exists("r.jsonl"), "a file of rows", err)
    rc, _, err = run("--tiles", "2", *first)
    check(rc == 1 and "other options" in err, "goes on as it began", err)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as d:
        os.chdir(d)
        main()
        os.chdir("/")
    sys.exit(done())
