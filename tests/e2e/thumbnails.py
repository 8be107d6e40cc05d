#!/usr/bin/env python3
"""classify --thumbnails: photos that their EXIF thumbnails settle.

Environment: BEARCASCADE (the program), MAKE_THUMBNAIL (tests/e2e).
"""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from tap import check, done

B = os.environ["BEARCASCADE"]
MAKE = os.environ["MAKE_THUMBNAIL"]
top = tempfile.mkdtemp(prefix="bearcascade-thumbnails-")
NOTE = "judged by its EXIF thumbnail"
random.seed(4)


def call(*args, status=0):
    r = subprocess.run([B, *args], capture_output=True, cwd=top)
    assert r.returncode == status, (args, r.returncode, r.stderr)
    return r.stdout.decode(), r.stderr.decode()


def classify(*args, form="jsonl"):
    """Rows without what differs from run to run; what was said."""
    out, err = call("classify", "-m", MODEL, "-f", form, *args)
    if form == "megadetector":
        return json.loads(out)["images"], err
    return clean(out), err


def clean(text):
    rows = [json.loads(line) for line in text.splitlines()]
    for r in rows:
        r.pop("ms")
    return rows


def settled(rows):
    return [r for r in rows if NOTE in r.get("note", "")]


def png(path, colour, n=32):
    """n x n pixels of about that colour, darker towards one side."""
    def chunk(name, data):
        return (struct.pack(">I", len(data)) + name + data
                + struct.pack(">I", zlib.crc32(name + data)))
    across, down = random.uniform(-1, 1), random.uniform(-1, 1)
    raw = b""
    for y in range(n):
        raw += b"\0"
        for x in range(n):
            light = 1 + (across * (x - n / 2) + down * (y - n / 2)) / n / 2.5
            raw += bytes(max(0, min(255, round(c * light))) for c in colour)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n"
                + chunk(b"IHDR", struct.pack(">IIBBBBB", n, n, 8, 2, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))
    return path


def between(a, b, share):
    return [x + share * (y - x) + random.uniform(-15, 15)
            for x, y in zip(a, b)]


# Red and yellow are wanted, blue is not; photos are of all that lies between.
RED, YELLOW, BLUE = (200, 40, 40), (200, 180, 40), (40, 60, 200)
for split, n in ("train", 48), ("valid", 24), ("test", 4):
    for i in range(n):
        png(f"{top}/data/{split}/red/{i}.png", between(RED, BLUE, .2))
        png(f"{top}/data/{split}/yellow/{i}.png", between(YELLOW, BLUE, .2))
        png(f"{top}/data/{split}/negative/{i}.png", between(BLUE, RED, .2))
call("train", "data", "--out", "run", "--epochs", "10", "--gate-size", "32",
     "--gate-width", "0.25", "--species-size", "32", "--species-width", "0.25",
     "--batch", "16", "--quiet", "--no-report")
MODEL = top + "/run/best.safetensors"
sources = [png(f"{top}/sources/{i}.png", between(BLUE, RED, random.random()), 64)
           for i in range(60)]
for folder in "photos", "edited", "swapped":
    os.mkdir(os.path.join(top, folder))
for i, s in enumerate(sources):
    name = "%03d.jpg" % i
    when = "2024:05:31 06:12:09"
    for folder, changed, shown in (
            ("photos", when, []), ("edited", "2024:06:01 06:12:09", []),
            ("swapped", when, [sources[(i + 41) % len(sources)]])):
        subprocess.run([MAKE, changed, s, os.path.join(top, folder, name)]
                       + shown, check=True)

plain, err = classify("photos")
check("thumbnail" not in err and not settled(plain),
      "without the option nobody looks at them", err)
first, err = classify("--thumbnails", "photos")
some = settled(first)
check(len(first) == len(plain) and 0 < len(some) < len(plain),
      "thumbnails settle some photos", len(some))
check("%d of %d photos were judged by their EXIF thumbnails"
      % (len(some), len(plain)) in err, "their count is said", err)
check(all(r["verdict"] == "none" and r["stage"] == "gate" and r["p"] == {}
          and r["time"] == "2024-05-31T06:12:09" for r in some),
      "each of them is none, by the gate, with its time", some[:1])
low = max(r["p_gate"] for r in some)
passes = [r["p_gate"] for r in plain if r["stage"] == "species"]


def odds(p):
    return p / (1 - p)


check(1.6 * odds(low) < odds(min(passes)),
      "and lies far below what passes", (low, min(passes)))
check([r for r in first if r not in some]
      == [p for p, r in zip(plain, first) if r not in some],
      "all other rows are those of the photos themselves")
for folder in "edited", "swapped":
    rows, _ = classify("--thumbnails", folder)
    want, _ = classify(folder)
    got = len(settled(rows))
    if folder == "edited":
        check(rows == want, "no thumbnail of before an edit is believed", got)
    else:
        # Nothing can tell where the tops are alike.
        check(got < len(some) / 3, "few of another photo are", got)

# Every second one may count: scores stay with their photos.
os.mkdir(top + "/mixed")
for i in range(len(sources)):
    shutil.copy(f"{top}/{'edited' if i % 2 == 0 else 'photos'}/{i:03}.jpg",
                top + "/mixed")
rows, _ = classify("--thumbnails", "mixed")
bare = lambda r: dict(r, file=os.path.basename(r["file"]))
check([bare(r) for r in rows] ==
      [bare((plain if i % 2 == 0 else first)[i]) for i in range(len(rows))],
      "photos with and without a thumbnail, side by side")

# A single model has no gate that could look first.
err = call("classify", "-m", MODEL, "--thumbnails", "--all-stages", "photos",
           status=2)[1]
check("--all-stages" in err, "not with --all-stages", err)
with open(top + "/md.json", "w") as f:
    json.dump({"info": {"format_version": "1.5"}, "images": [],
               "detection_categories": {"1": "animal"}}, f)
err = call("classify", "-m", MODEL, "--thumbnails", "--detections", "md.json",
           "photos", status=2)[1]
check("--detections" in err, "nor with --detections", err)

# --- archives: as the folder, whether in place or unpacked --------------------

for form in "tar", "gztar", "zip":
    path = shutil.make_archive(os.path.join(top, "a"), form, top, "photos")
    rows, _ = classify("--thumbnails", os.path.basename(path))
    for r in rows:
        r["file"] = r["file"].split(":")[1]
    rows.sort(key=lambda r: r["file"])
    check(rows == first, form + ": the rows of the folder")
    os.remove(path)

# --- beside the other options -------------------------------------------------

rows, _ = classify("--thumbnails", "--threshold", "0", "photos")
check(not settled(rows), "where all is positive nothing is rejected")
rows, _ = classify("--thumbnails", "--threshold", "1", "photos")
check(all(r["verdict"] == "none" for r in rows), "a higher threshold holds")
rows, _ = classify("--thumbnails", "--burst-by", "folder", "photos")
want, _ = classify("--burst-by", "folder", "photos")
check([r["burst"]["label"] for r in rows] == [r["burst"]["label"] for r in want]
      and [r["burst"]["p_positive"] for r in rows]
      == [r["burst"]["p_positive"] for r in want]
      and len(settled(rows)) == len(some),
      "a burst has the verdict of its positives all the same")
rows, _ = classify("--thumbnails", "photos", form="megadetector")
check([r["file"] for r in rows if "thumbnail" in r.get("note", "")
       and "classifications" not in r["detections"][0]]
      == [os.path.basename(r["file"]) for r in some],
      "MegaDetector's format has the same verdicts", rows[:2])
call("classify", "-m", MODEL, "--thumbnails", "--resume", "rows.jsonl", "-f",
     "jsonl", "--page", "page.html", "-q", "photos")
check(os.path.getsize(top + "/page.html") > 10000, "--page shows them")
whole = clean(open(top + "/rows.jsonl").read())
check([{k: v for k, v in r.items() if k not in ("bytes", "mtime", "run")}
       for r in whole] == first, "--resume writes the same rows")
err = call("classify", "-m", MODEL, "--resume", "rows.jsonl", "-f", "jsonl",
           "photos", status=1)[1]
check("other options" in err, "and goes on only with the option", err)
os.remove(top + "/rows.jsonl")
for i in range(5):
    p = subprocess.Popen(
        [B, "classify", "-q", "-m", MODEL, "--thumbnails", "--resume",
         "rows.jsonl", "-f", "jsonl", "photos"], cwd=top)
    time.sleep(0.05 * (i + 1))
    p.send_signal(signal.SIGKILL)
    p.wait()
call("classify", "-q", "-m", MODEL, "--thumbnails", "--resume", "rows.jsonl",
     "-f", "jsonl", "photos")
check(clean(open(top + "/rows.jsonl").read()) == whole,
      "five kills give the rows of an undisturbed run")

# --- what must not be hidden --------------------------------------------------

name = some[0]["file"]
with open(os.path.join(top, name), "r+b") as f:
    f.truncate(os.path.getsize(os.path.join(top, name)) - 500)
rows, _ = classify("--thumbnails", name)
check("thumbnail" not in rows[0]["note"] and "truncated" in rows[0]["note"],
      "a photo that was cut short is looked at", rows)

shutil.rmtree(top)
sys.exit(done())
