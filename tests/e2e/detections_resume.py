#!/usr/bin/env python3
"""classify --detections --resume: kills at random moments, a file of the
detector that grew or changed, and files that are not to be touched.

Environment: BEARCASCADE (the program), KILLS.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from pictures import blocks, bmp, drawn
from tap import check, done

B = os.environ["BEARCASCADE"]
KILLS = int(os.environ.get("KILLS", "8"))
N = 240
ODD = os.fsdecode(b"l\xe4tin \"q\".bmp")
RNG = random.Random(7)
OURS = ("record", "bytes", "mtime", "run")


def det(*box, category="1"):
    return {"category": category, "conf": 0.9, "bbox": list(box)}


def md(images, end="2026-01-01", detector="md"):
    return {"images": images, "detection_categories": {"1": "animal",
                                                       "2": "person"},
            "info": {"detector": detector, "detection_completion_time": end,
                     "note": {"images": []}}}


def images():
    """Some with a box, some bare, some that have no verdict."""
    out = []
    for i in range(N):
        boxes = [det(*(round(RNG.uniform(0, .5), 3) for _ in range(2)),
                     *(round(RNG.uniform(.2, .5), 3) for _ in range(2)))
                 for _ in range(i % 3)]
        # what an earlier run of ours may have left behind
        out.append({"file": f"p{i:03}.bmp", "verdict": "cow", "run": "old",
                    "p_class": 2, "bytes": 1, "detections": boxes, "burst":
                    {"id": "a", "frame": 1, "frames": 9}})
    out[0]["datetime"] = "2024:05:31 06:12:09"
    out[N // 3] = {"file": "torn.jpg", "detections": [det(0, 0, 1, 1)]}
    out[N // 2] = {"file": ODD, "detections": [det(.2, .2, .5, .5)]}
    out[N // 2 + 1] = {"file": "gone.jpg", "detections": [det(0, 0, 1, 1)]}
    out[N // 2 + 2] = {"file": "x.jpg", "failure": "cannot open"}
    out[-2] = {"file": "film.mp4", "frame_rate": 5, "detections": []}
    out[-1] = dict(out[4])  # it comes twice, and so does this, otherwise:
    out[-3] = dict(out[5], detections=[det(.3, .3, .3, .3)])
    return out


def photos(work):
    made = []
    for i in range(8):
        made.append(f"{work}/{i}.bmp")
        bmp(made[-1], blocks(i, 160, 120, 8))
    os.mkdir(work + "/a")
    for name in [f"p{i:03}.bmp" for i in range(N)] + [ODD]:
        shutil.copy(RNG.choice(made), f"{work}/a/{name}")
    with open(work + "/a/torn.jpg", "wb") as f:
        f.write(b"\xff\xd8\xff torn")


def write(path, d):
    with open(path, "w") as f:
        json.dump(d, f, indent=1)
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


def train(work):
    """A model that is quick; how good it is makes no difference."""
    drawn("parts", work + "/data", "120")
    subprocess.run([B, "train", work + "/data", "--out", work + "/run",
                    "--epochs", "1", "--gate-size", "32", "--gate-width",
                    "0.25", "--species-size", "32", "--species-width", "0.25",
                    "--batch", "16", "-q"], check=True, capture_output=True)


def start(work, source, *more):
    return subprocess.Popen([B, "classify", "-q", "-m", work + "/run",
                             "--detections", source, *more, work + "/a"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(work, source, *more):
    p = start(work, source, *more)
    out, err = p.communicate()
    return p.returncode, out, os.fsdecode(err)


def rows(path):
    return json.loads(read(path))["images"]


def looked_at(err):
    """Boxes that a run says it classified."""
    return int(err.split(" boxes in ")[0].split()[-1])


def undisturbed(work, src):
    whole = work + "/whole.json"
    rc, out, err = finish(work, src, "--resume", whole)
    check(rc == 3 and out == b"", "a whole run; nothing on standard output",
          (rc, out[:200], err))
    if not os.path.exists(whole):
        return None
    _, out, said = finish(work, src)
    for r in (d := json.loads(read(whole)))["images"]:
        for key in OURS:
            check(key in r, "has " + key) if key not in r else r.pop(key)
    plain = json.loads(out)
    for r in plain["images"]:
        for key in OURS:
            r.pop(key, None)
    check(d == plain and said == err and len(d["images"]) == N,
          "the rows of a run without --resume", (said, err))
    check("cow" not in {r.get("verdict") for r in d["images"]} and
          2 not in {r.get("p_class") for r in d["images"]},
          "verdicts of an earlier run are replaced")
    return whole


def killed(work, src, whole):
    out = work + "/killed.json"
    full, part = os.path.getsize(whole), 0
    for i in range(10 * KILLS):
        if i >= KILLS and part > 0:  # the machine may be too busy at times
            break
        if i >= KILLS and os.path.exists(out):
            os.remove(out)
        p = start(work, src, "--resume", out)
        size = os.path.getsize(out) if os.path.exists(out) else 0
        goal = size + RNG.random() * full / KILLS * 1.5
        while p.poll() is None and (not os.path.exists(out) or
                                    os.path.getsize(out) < goal):
            time.sleep(.001)
        sig = RNG.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM,
                          signal.SIGHUP, signal.SIGINT))
        p.send_signal(sig)
        p.communicate()
        if not os.path.exists(out):
            continue
        size = os.path.getsize(out)
        part += full // 20 < size < full
        if p.returncode == 1:
            rows(out)  # it is whole
        if RNG.random() < .4:  # a power cut takes some of the end
            os.truncate(out, max(0, size - RNG.randrange(400)))
    rc, _, err = finish(work, src, "--resume", out)
    check(part > 0, "kills came in the midst", part)
    check(rc == 3 and read(out) == read(whole),
          f"{KILLS} kills give the bytes of an undisturbed run", (rc, err))
    for cut in (full - 1, full - 30, full // 2, full // 3, 300, 20, 0):
        os.truncate(out, cut)
        rc, _, err = finish(work, src, "--resume", out)
        check(rc == 3 and read(out) == read(whole),
              f"and so does a file of {cut} bytes", (rc, err))
    for _ in range(20):
        with open(out, "wb"):
            pass
        p = start(work, src, "--resume", out)
        while p.poll() is None and os.path.getsize(out) < full // 4:
            time.sleep(.001)
        p.terminate()
        p.communicate()
        if p.returncode == 1:  # it came in time
            break
    n = len(rows(out))
    check(p.returncode == 1 and 0 < n < N, "a stop leaves a file that is whole",
          (p.returncode, n))


def goes_on(work, src, whole):
    before, was = read(whole), os.stat(whole)
    rc, _, err = finish(work, src, "--resume", whole)
    now = os.stat(whole)
    check(rc == 3 and read(whole) == before and now.st_ino == was.st_ino and
          looked_at(err) == 0 and "1 photos that cannot be read" not in err and
          "2 photos that cannot be read" in err,
          "a finished file stays as it is; what failed counts", (rc, err))
    d = json.loads(read(src))
    more = [{"file": f"q{i}.bmp", "detections": [det(.1, .1, .5, .5)]}
            for i in range(3)]
    for i, r in enumerate(more):
        shutil.copy(f"{work}/{i}.bmp", f"{work}/a/{r['file']}")
    grown = write(work + "/grown.json", md(d["images"] + more, "2026-02-02"))
    rc, _, err = finish(work, grown, "--resume", whole)
    finish(work, grown, "--resume", work + "/fresh.json")
    check(rc == 3 and looked_at(err) == 3 and
          read(whole) == read(work + "/fresh.json"),
          "a file that grew: its new photos alone, and its new head", err)
    n = len(rows(whole))
    d = json.loads(read(grown))
    d["images"][7]["detections"][0]["bbox"][2] = .25
    os.utime(f"{work}/a/p008.bmp", (1e9, 1e9))
    changed = write(work + "/changed.json", d)
    rc, _, err = finish(work, changed, "--resume", whole)
    finish(work, changed, "--resume", work + "/fresh2.json")
    got = {r["file"]: r for r in rows(whole)}
    want = {r["file"]: r for r in rows(work + "/fresh2.json")}
    check(rc == 3 and looked_at(err) == 3 and got == want and
          len(rows(whole)) == n and got["p008.bmp"]["mtime"] == 1e9 and
          got["p007.bmp"]["detections"][0]["bbox"][2] == .25,
          "a changed box and a changed photo are looked at again", err)
    del d["images"][-6]  # p005's second record
    rc, _, err = finish(work, write(work + "/less.json", d), "--resume", whole)
    check(looked_at(err) == 0 and len(rows(whole)) == n - 1 and
          [r["file"] for r in rows(whole)].count("p005.bmp") == 1,
          "a record that is gone beside another of its photo", err)
    for r in d["images"]:  # classified by another program in between
        for x in r.get("detections") or []:
            x["classifications"] = [["0", 1]]
    before = read(whole)
    rc, _, err = finish(work, write(work + "/again.json", d), "--resume", whole)
    check(looked_at(err) == 0 and read(whole) == before,
          "former classifications make no difference", err)
    shutil.copy(f"{work}/1.bmp", f"{work}/a/gone.jpg")
    rc, _, err = finish(work, work + "/less.json", "--resume", whole)
    got = {r["file"]: r for r in rows(whole)}
    check("verdict" in got["gone.jpg"] and looked_at(err) == 1 and
          "1 photos that cannot be read" in err, "a photo that came back", err)
    os.remove(f"{work}/a/gone.jpg")


def refused(work, src, whole):
    shutil.copy(whole, work + "/safe.json")
    d = json.loads(read(src))
    people = dict(d, detection_categories={"1": "animal", "2": "animal"})
    rc, _, _ = finish(work, src)
    lines = subprocess.run([B, "classify", "-q", "-m", work + "/run", "-f",
                            "megadetector", "--resume", work + "/plain.json",
                            f"{work}/a/p000.bmp"], capture_output=True)
    check(lines.returncode == 0, "a file of whole photos")
    with open(work + "/no_run.json", "wb") as f:
        f.write(finish(work, src)[1])
    for name, source, more, text in (
            ("safe", src, ("--margin", ".3"), "other options"),
            ("safe", src, ("--min-detection", ".3"), "other options"),
            ("safe", src, ("--threshold", ".3"), "other options"),
            ("safe", write(work + "/b.json", dict(d, info={"detector": "b"})),
             (), "another detector"),
            ("safe", write(work + "/c.json", people), (), "other options"),
            ("plain", src, (), "other options"),
            ("no_run", src, (), "without --resume"),
            ("md", write(work + "/d.json", d), (), "results in that format")):
        path = f"{work}/{name}.json"
        before = read(path)
        rc, out, err = finish(work, source, "--resume", path, *more)
        check(rc == 1 and out == b"" and read(path) == before and
              f"cannot go on with '{path}'" in err.splitlines()[-1] and
              text in err.splitlines()[-1],
              f"{name}.json is left as it is: {text}", (rc, err))
    for more, text in ((("--resume", src), "the same file"),
                       (("--resume", work + "/n", "-f", "jsonl"),
                        "MegaDetector format")):
        before = read(src)
        rc, out, err = finish(work, src, *more)
        check(rc == 2 and text in err and read(src) == before and
              not os.path.exists(work + "/n"), f"usage: {more[-2:]}", (rc, err))


def main(work):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup too
    train(work)
    photos(work)
    src = write(work + "/md.json", md(images()))
    whole = undisturbed(work, src)
    if whole is not None:
        killed(work, src, whole)
        goes_on(work, src, whole)
        refused(work, src, whole)
    return done()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as top:
        sys.exit(main(os.path.realpath(top)))
