#!/usr/bin/env python3
"""What cameras write, in every format of classify, and the verdict of bursts.

Environment: BEARCASCADE (the program).
"""
import csv
import io
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

from pictures import drawn
from tap import check, done

B = os.environ["BEARCASCADE"]
random.seed(3)


def call(*args, status=0, data=None):
    r = subprocess.run([B, *args], capture_output=True, input=data)
    assert r.returncode == status, (args, r.returncode, r.stderr)
    return os.fsdecode(r.stdout)


# --- EXIF, written from its definition ---------------------------------------

def ifd(entries, at, big):
    """entries: (tag, type, count, bytes); sorted by tag."""
    e = ">" if big else "<"
    head = struct.pack(e + "H", len(entries))
    data, behind = b"", at + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        head += struct.pack(e + "HHI", tag, kind, count)
        if len(value) > 4:
            head += struct.pack(e + "I", behind + len(data))
            data += value + b"\0" * (len(value) % 2)
        else:
            head += value.ljust(4, b"\0")
    return head + struct.pack(e + "I", 0) + data


def text(tag, s):
    s = s.encode() + b"\0"
    return (tag, 2, len(s), s)


def exif(when, fraction=None, offset=None, make="ACME", model="Eye 3",
         serial=None, place=None, big=False):
    e = ">" if big else "<"
    inner = [text(0x9003, when)] if when else []
    inner += [text(0x9011, offset)] if offset else []
    inner += [text(0x9291, fraction)] if fraction else []
    inner += [text(0xa431, serial)] if serial else []
    first = [text(0x10f, make), text(0x110, model)]
    n = 3 if place else 2
    size = len(ifd(first + [(0x8769, 4, 1, b"1234")]
                   + [(0x8825, 4, 1, b"1234")] * (n - 2), 8, big))
    sub = ifd(inner, 8 + size, big)
    first.append((0x8769, 4, 1, struct.pack(e + "I", 8 + size)))
    gps = b""
    if place:
        def angle(v):
            return struct.pack(e + "IIIIII", int(v), 1,
                               round(v % 1 * 60 * 10000), 10000, 0, 1)
        where = 8 + size + len(sub)
        gps = ifd([text(1, "SN"[place[0] >= 0]),
                   (2, 5, 3, angle(abs(place[0]))),
                   text(3, "WE"[place[1] >= 0]),
                   (4, 5, 3, angle(abs(place[1])))], where, big)
        first.append((0x8825, 4, 1, struct.pack(e + "I", where)))
    return ((b"MM\0\x2a" if big else b"II\x2a\0") + struct.pack(e + "I", 8)
            + ifd(first, 8, big) + sub + gps)


def in_jpeg(jpeg, block):
    body = b"Exif\0\0" + block
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body \
        + jpeg[2:]


def png(block):
    """A grey image."""
    def chunk(name, data):
        return (struct.pack(">I", len(data)) + name + data
                + struct.pack(">I", zlib.crc32(name + data)))
    raw = (b"\0" + bytes([128] * 64)) * 64
    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0))
            + chunk(b"eXIf", block) + chunk(b"IDAT", zlib.compress(raw))
            + chunk(b"IEND", b""))


# --- photos ------------------------------------------------------------------

top = tempfile.mkdtemp(prefix="bearcascade-camera-")
drawn("parts", top + "/data", "120")
call("train", top + "/data", "--out", top + "/run", "--epochs", "3",
     "--gate-size", "32", "--gate-width", "0.25", "--species-size", "32",
     "--species-width", "0.25", "--batch", "16", "--quiet")
MODEL = top + "/run/best.safetensors"
JPEGS = sorted(os.path.join(d, f) for d, _, n in os.walk(top + "/data/test")
               for f in n if f.endswith(".jpg"))
JPEGS = [open(f, "rb").read() for f in JPEGS]


def write(path, data):
    path = os.path.join(top, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


def classify(*args, form="jsonl", status=0, data=None):
    out = call("classify", "-q", "-m", MODEL, "-f", form, *args,
               status=status, data=data)
    if form == "jsonl":
        return [json.loads(line) for line in out.splitlines()]
    if form == "csv":
        return list(csv.DictReader(io.StringIO(out), strict=True))
    return json.loads(out)["images"] if form == "megadetector" else out


def without_ms(rows):
    return [{k: v for k, v in r.items() if k != "ms"} for r in rows]


full = dict(when="2024:05:31 06:12:09", fraction="25", offset="-07:00",
            serial="H600,17", place=(-12.5, 71.25))
write("shots/a.jpg", in_jpeg(JPEGS[0], exif(**full)))
write("shots/b.jpg", in_jpeg(JPEGS[1], exif(**full, big=True)))
write("shots/c.png", png(exif(**full)))
write("shots/d.jpg", JPEGS[2])  # has a date, but of its file alone
with zipfile.ZipFile(top + "/shots/e.zip", "w") as z:
    z.writestr("in/f.jpg", in_jpeg(JPEGS[3], exif(**full)))
rows = classify(top + "/shots")
by_name = {os.path.basename(r["file"]): r for r in rows}
check(len(rows) == 5 and "time" not in by_name["d.jpg"]
      and "camera" not in by_name["d.jpg"], "no EXIF, no time", rows)
for name in "a.jpg", "b.jpg", "c.png", "f.jpg":
    r = by_name[name]
    check(r.get("time") == "2024-05-31T06:12:09.25-07:00"
          and r.get("camera") == {"make": "ACME", "model": "Eye 3",
                                  "serial": "H600,17"}
          and r.get("place") == {"latitude": -12.5, "longitude": 71.25},
          "time, camera and place of " + name, r)
r = classify(top + "/shots/a.jpg", form="csv")[0]
check((r["time"], r["make"], r["model"], r["serial"], r["latitude"],
       r["longitude"]) == ("2024-05-31T06:12:09.25-07:00", "ACME", "Eye 3",
                           "H600,17", "-12.500000", "71.250000"),
      "in csv", r)
r = classify(top + "/shots/a.jpg", form="megadetector")[0]
check(r["datetime"] == "2024:05:31 06:12:09"
      and r["exif_metadata"]["GPSLongitude"] == 71.25, "in megadetector", r)

# Damage anywhere in the block loses no photo and no verdict.
plain = classify(top + "/shots/a.jpg")[0]
whole = exif(**full)
for i in range(60):
    block = bytearray(whole)
    for _ in range(1 + i % 4):
        block[random.randrange(len(block))] = random.randrange(256)
    write("bad/%02d.jpg" % i, in_jpeg(JPEGS[0], bytes(block[:len(block) - i])))
rows = classify(top + "/bad")
check(len(rows) == 60 and all(
    abs(r["p_positive"] - plain["p_positive"]) < 1e-6 or "note" in r
    for r in rows if r.get("verdict")) and all("verdict" in r for r in rows),
    "damaged EXIF loses no photo", rows)

# --- bursts ------------------------------------------------------------------

def stamp(t):
    return time.strftime("%Y:%m:%d %H:%M:%S", time.gmtime(1.7e9 + t))


# Two cameras in one folder, one of them elsewhere too, and photos without time.
plan = []
for i in range(60):
    cam = random.choice("XXXYY")
    plan.append(("one", cam, 40 * i + random.choice((0, 5, 25, 39))
                 if i % 7 else None))
for i in range(20):
    plan.append(("two", "X", random.choice((10, 29, 31)) * i))
for i, (folder, cam, t) in enumerate(plan):
    block = exif(stamp(t) if t is not None else None, serial=cam)
    write("cards/%s/%03d.jpg" % (folder, i),
          in_jpeg(JPEGS[i * 7 % len(JPEGS)], block))
write("cards/one/030x.jpg", b"no photo")
alone = classify(top + "/cards", status=3)


def groups(rows, key, near):
    """Lists of places, by the definition."""
    out, open_ = [], {}
    for i, r in enumerate(rows):
        if "error" in r:
            continue
        k = key(i, r)
        g = open_.get(k)
        if k is None or g is None or not near(rows, g, i):
            g = []
            out.append(g)
            open_[k] = g
        g.append(i)
    return out


def seconds(r):
    return time.mktime(time.strptime(r["time"][:19], "%Y-%m-%dT%H:%M:%S"))


def near(gap):
    return lambda rows, g, i: (
        min(seconds(rows[j]) for j in g) - gap <= seconds(rows[i])
        <= max(seconds(rows[j]) for j in g) + gap)


def camera(i, r):
    return (os.path.dirname(r["file"]), r["camera"]["serial"]) \
        if "time" in r else None


def verify(title, rows, want):
    at = {}
    for g in want:
        for k, i in enumerate(g):
            at[i] = (g, k + 1)
    ok, why = len(rows) == len(alone), ""
    for i, (r, a) in enumerate(zip(rows, alone)):
        b = r.get("burst")
        own = {k: v for k, v in r.items() if k not in ("burst", "ms")}
        if own != {k: v for k, v in a.items() if k != "ms"}:
            ok, why = False, (own, a)
        elif "error" in a:
            ok = ok and b is None
        else:
            g, k = at[i]
            labels = {alone[j]["label"] for j in g}
            top_p = max(alone[j]["p_positive"] for j in g)
            if (b["id"], b["frame"], b["frames"], b["agree"],
                    b["p_positive"]) != (alone[g[0]]["file"], k, len(g),
                                         len(labels) == 1, top_p) or \
                    (b["verdict"] == "none") != all(
                        alone[j]["verdict"] == "none" for j in g):
                ok, why = False, (b, [alone[j] for j in g])
    check(ok, title, why)


want = groups(alone, camera, near(30))
check(sum(len(g) > 1 for g in want) > 8 and max(map(len, want)) > 2
      and any(len({alone[i]["label"] for i in g}) > 1 for g in want),
      "the cards hold bursts whose frames disagree", want)
verify("bursts by time and camera",
       classify("--burst-by", "time", top + "/cards", status=3), want)
verify("other seconds", classify("--burst", "11", top + "/cards", status=3),
       groups(alone, camera, near(11)))
verify("bursts by folder",
       classify("--burst-by", "folder", top + "/cards", status=3),
       groups(alone, lambda i, r: os.path.dirname(r["file"]),
              lambda rows, g, i: True))
table = classify("--burst", "30", top + "/cards", form="csv", status=3)
check([(r["burst_label"], r["burst_frame"]) for r in table
       if r["error"] == ""] ==
      [(r["burst"]["label"], str(r["burst"]["frame"]))
       for r in classify("--burst", "30", top + "/cards", status=3)
       if "error" not in r], "csv says the same")
out = call("classify", "-q", "-m", MODEL, "--burst", "30", top + "/cards",
           status=3)
check(len(re.findall(r"\{burst \d+/\d+: .*frames disagree\}", out)) > 1
      and len(out.splitlines()) == len(alone), "text shows who disagrees", out)
for i in range(3):
    write("names/E7_%d.jpg" % i, JPEGS[i])
    write("names/IMG_000%d.jpg" % i, JPEGS[i])
rows = classify("--burst-by", "name", top + "/names")
check([r["burst"]["frames"] for r in rows] == [3, 3, 3, 1, 1, 1],
      "bursts by name", rows)
call("classify", "-m", MODEL, "--burst", "5", "--burst-by", "folder", top,
     status=2)
check(True, "seconds are for bursts by time")

# However long: cut after 500 frames, and by 64 photos of others between.
names = "".join(top + "/names/E7_%d.jpg\n" % (i % 3) for i in range(1100))
rows = classify("--burst-by", "folder", "-", data=names.encode())
check([rows[i]["burst"]["frames"] for i in (0, 499, 500, 1000, 1099)]
      == [500, 500, 500, 100, 100], "a long burst is cut")
names = [top + "/names/E7_0.jpg"] + [top + "/cards/one/001.jpg"] * 64 + \
    [top + "/names/E7_0.jpg"]
rows = classify("--burst-by", "folder", "-", data="\n".join(names).encode())
check(rows[0]["burst"]["frames"] == 1 and rows[1]["burst"]["frames"] == 64,
      "what others take between ends it", rows[:2])
rows = classify("--burst-by", "folder", "-",
                data="\n".join(names[:1] + names[2:]).encode())
check(rows[0]["burst"]["frames"] == 2, "but not less of it", rows[:2])

# --- going on ----------------------------------------------------------------

with open(top + "/list", "w") as f:
    for i in range(12):
        for p in alone:
            f.write(p["file"] + "\n")
        f.write(top + "/names/E7_0.jpg\n" * (i + 1))


def start(form, out):
    return subprocess.Popen(
        [B, "classify", "-q", "-m", MODEL, "-f", form, "--burst", "30",
         "--resume", out, "-"], stdin=open(top + "/list"),
        stderr=subprocess.PIPE)


def content(path):
    data = open(path, "rb").read().decode()
    data = re.sub(r'"ms":\s*[0-9.]+', "", data)
    if path.endswith("csv"):
        at = data.splitlines()[0].split(",").index("ms")
        data = [r[:at] + r[at + 1:] for r in csv.reader(io.StringIO(data))]
    return data


for form in "jsonl", "csv", "megadetector":
    p = start(form, top + "/whole." + form)
    t0 = time.time()
    p.communicate()
    took = time.time() - t0
    assert p.returncode == 3, p.returncode
    kills = 0
    while True:
        p = start(form, top + "/cut." + form)
        if kills == 6:
            p.communicate()
            break
        time.sleep(took * random.uniform(.1, .5))
        p.send_signal(random.choice((signal.SIGKILL, signal.SIGTERM)))
        p.communicate()
        kills += 1
        if random.random() < .3 and os.path.exists(top + "/cut." + form):
            size = os.path.getsize(top + "/cut." + form)
            os.truncate(top + "/cut." + form, int(size * .9))
    check(p.returncode == 3 and content(top + "/whole." + form)
          == content(top + "/cut." + form), "killed and resumed: " + form,
          p.returncode)

# A kill between two frames of a burst, which few kills at random meet.
lines = open(top + "/whole.jsonl").readlines()
first = [i for i, r in enumerate(map(json.loads, lines))
         if r.get("burst", {}).get("frames", 1) > 1 and r["burst"]["frame"] == 1]
for at in first[0], first[len(first) // 2]:
    with open(top + "/cut.jsonl", "w") as f:
        f.writelines(lines[:at + 1])
    p = start("jsonl", top + "/cut.jsonl")
    p.communicate()
    check(p.returncode == 3 and content(top + "/whole.jsonl")
          == content(top + "/cut.jsonl"), "a burst cut in two is whole again",
          (p.returncode, lines[at]))

# --- the same view again and again -------------------------------------------

rows = []
for i in range(12):
    # A stump five times over a day and twice within a burst; a visit of ten
    # seconds; the stump's photo in another camera's folder.
    where, jpeg, t = (("cam/1", 0, 3600 * i) if i < 5 else
                      ("cam/1", 0, 3600 * 4 + 5) if i == 5 else
                      ("cam/1", 1, 9000 + 5 * i) if i < 9 else
                      ("cam/2", 0, 3600 * i) if i < 11 else
                      ("cam/1", 0, 3600 * 30))
    path = write("again/%s/%02d.jpg" % (where, i), JPEGS[jpeg])
    rows.append({"file": path, "label": "none" if i == 11 else "grizzly",
                 "verdict": "none" if i == 11 else "class",
                 "p_positive": .5 + i / 100, "p": {"grizzly": 1},
                 "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t))})
with open(top + "/again.jsonl", "w") as f:
    for r in rows:
        f.write(json.dumps(r) + "\n")
call("classify", "--from", top + "/again.jsonl", "--recurring",
     top + "/report.jsonl")
report = [json.loads(line) for line in open(top + "/report.jsonl")]
check(len(report) == 1 and report[0]["photos"] == 6
      and report[0]["events"] == 5
      and report[0]["files"] == [r["file"] for r in rows[:6]]
      and report[0]["show"] == rows[5]["file"]
      and report[0]["camera"] == top + "/again/cam/1/"
      and (report[0]["p_least"], report[0]["p_most"]) == (.5, .55)
      and report[0]["first"] == rows[0]["time"],
      "a stump is one view, a visit is none", report)
shutil.rmtree(top)
sys.exit(done())
