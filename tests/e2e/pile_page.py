#!/usr/bin/env python3
"""classify --page and --timelapse: a pile as one page, and as a table.

Environment: BEARCASCADE (the program), SOURCE (for the shipped model). What
needs a browser skips where no chromium is found.
"""
import base64
import csv
import html.parser
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zipfile

from audit import CHROMIUM, Page
from tap import check, done

B = os.environ["BEARCASCADE"]
MODEL = os.path.join(os.environ["SOURCE"], "models", "bears.safetensors")


def run(*args):
    r = subprocess.run([B, "classify", "-q", *args], capture_output=True,
                       text=True)
    return r.returncode, r.stdout, r.stderr


def data(path):
    text = open(path, encoding="utf-8").read()
    block = text.split('<script id="pile" type="application/json">')[1]
    return json.loads(block.split("</script>")[0])


def jpeg_size(url):
    """Height and width of a JPEG in a data: URL."""
    head, text = url.split(",")
    assert head == "data:image/jpeg;base64", head
    b = base64.b64decode(text)
    at = b.index(b"\xff\xc0")
    return struct.unpack(">HH", b[at + 5:at + 9])


def make_rows(path, photos, n):
    """n rows of 40 classes, none and unknown; threshold between .4 and .401."""
    rng = random.Random(2)
    kinds = {}
    with open(path, "w") as f:
        for i in range(n):
            p = round(rng.random(), 6)
            label = "none" if p <= .4 else "unknown" if p < .5 else \
                f"<b>{int(40 * rng.random() ** 2)}</b>"
            p += .001 if p > .4 and p < .999 else 0
            r = {"file": photos[i % len(photos)], "label": label,
                 "p_positive": p, "p": {"a": .8, "b": .2} if p > .4 else {},
                 "verdict": label if label in ("none", "unknown") else
                 "class"}
            kinds.setdefault(label, []).append(r)
            f.write(json.dumps(r) + "\n")
            if i % 50 == 7:
                f.write(json.dumps({"file": f"</script>{i}.jpg",
                                    "error": "torn <i>"}) + "\n")
    return kinds


def numbers(work, photos):
    n = 6000
    kinds = make_rows(work + "/rows.jsonl", photos, n)
    rc, out, err = run("--from", work + "/rows.jsonl", "--page",
                       work + "/page.html")
    check(rc == 0 and out == "" and "the page is" in err, "a page", err)
    j = data(work + "/page.html")
    check(j["n"] == n and j["n_errors"] == 120 and len(j["errors"]) == 20 and
          j["errors"][0] == ["</script>7.jpg", "torn <i>"],
          "all rows are counted", (j["n"], j["n_errors"]))
    none = sorted((r["p_positive"] for r in kinds["none"]), reverse=True)
    rest = sorted(round(r["p_positive"], 6) for k, v in kinds.items() if k != "none"
                  for r in v)
    check([round(x["p"], 6) for x in j["below"]["photos"]] == none[:24] and
          j["below"]["n"] == len(none), "those just below the threshold")
    check([round(x["p"], 6) for x in j["above"]["photos"]] == rest[:24],
          "those just above")
    check(j["none_max"] == none[0] and round(j["other_min"], 6) == rest[0] and
          "threshold" not in j, "what the rows tell of the threshold")
    bins = [[0] * 50 for _ in range(3)]
    for k, v in kinds.items():
        for r in v:
            bins[("none", "unknown").index(k) if k in ("none", "unknown")
                 else 2][min(49, int(50 * r["p_positive"]))] += 1
    check(sum(map(sum, j["bins"])) == n and j["bins"] == bins, "the histogram")
    groups = {g["label"]: g for g in j["groups"]}
    check(len(groups) == 30 and j["n_others"] ==
          sum(len(v) for k, v in kinds.items() if k not in groups) and
          all(g["n"] == len(kinds[k]) for k, g in groups.items()),
          "the verdicts, thirty of them with photos")
    # a fair draw: the mean place of the photos drawn is near the middle
    place = {r["p_positive"]: i for i, r in enumerate(kinds["none"])}
    drawn = [place[round(x["p"], 6)] / len(none)
             for x in groups["none"]["photos"]]
    check(len(set(drawn)) == 24 and .25 < sum(drawn) / 24 < .75,
          "photos are drawn at random", sum(drawn) / 24)
    shown = [x for g in j["groups"] + [j["below"], j["above"]]
             for x in g["photos"]]
    there = [x for x in shown if not x["file"].endswith("gone.jpg")]
    sizes = [jpeg_size(x["thumb"]) for x in there]
    check(max(map(max, sizes)) == 280 and
          not [x for x in shown if x not in there and "thumb" in x],
          "each with a small image, as far as it is there")
    size = os.path.getsize(work + "/page.html")
    check(size < 20e6, "of bounded size", size)
    with open(work + "/page.html") as f:
        text = f.read().replace("http://www.w3.org/2000/svg", "")
    check("http:" not in text and "https:" not in text and "<i>" not in text,
          "without network, names are no markup")
    html.parser.HTMLParser().feed(text)
    before = text
    run("--from", work + "/rows.jsonl", "--page", work + "/page.html")
    with open(work + "/page.html") as f:
        check(f.read().replace("http://www.w3.org/2000/svg", "") == before,
              "the same rows, the same page")


def browse(work, out):
    if CHROMIUM is None:
        check(True, "in a browser # SKIP no chromium")
        return
    page = Page(work + "/profile", 1200)
    page.call("Page.navigate", url=f"file://{work}/page.html")
    for _ in range(100):
        if page.js("document.querySelectorAll('.card').length > 100 && "
                   "document.readyState === 'complete'") is True:
            break
        time.sleep(.1)
    check(page.js("document.querySelectorAll('section').length") == 34 and
          "6\u202f000 photos: 2" in page.js(
              "document.getElementById('verdict').textContent"),
          "the page shows it", page.js("document.getElementById('verdict').textContent"))
    check(page.js("document.querySelectorAll('line.threshold').length") == 1,
          "with the threshold")
    first = page.js("(i => i.complete && i.naturalWidth)"
                    "(document.querySelector('.card img'))")
    check(first and first > 50, "images are images", first)
    link = page.js("document.querySelector('.card a').href")
    check(os.path.exists(link[len("file://"):].replace("%20", " ")),
          "and lead to the photo", link)
    for width in (390, 1200):
        page.call("Emulation.setDeviceMetricsOverride", width=width,
                  height=900, deviceScaleFactor=1, mobile=width < 500)
        check(page.js("document.documentElement.scrollWidth") <= width,
              f"{width} px are enough",
              page.js("document.documentElement.scrollWidth"))
        if out:
            page.shot(f"{out}/page-{width}.png")
    page.kill()


def with_photos(work, photos):
    with zipfile.ZipFile(work + "/z.zip", "w") as z:
        for p in photos[:3]:
            z.write(p, os.path.basename(p))
    rc, _, err = run("-m", MODEL, "--page", work + "/p2.html", "--timelapse",
                     work + "/set/t.csv", work + "/set", work + "/z.zip")
    j = data(work + "/p2.html")
    shown = [x for g in j["groups"] for x in g["photos"]]
    check(rc == 3 and j["n"] == len(photos) + 3 == len(shown) and
          all("thumb" in x for x in shown) and 0 < j["threshold"] < 1 and
          [("url" in x) for x in shown].count(False) == 3,
          "of photos that are classified, and of archives", (rc, err))
    check("3 photos are not in" in err and err.count("is left out") == 3,
          "archives are not for Timelapse, which is said", err)
    with open(work + "/set/t.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    names = {x["file"]: x for x in shown if ".zip:" not in x["file"]}
    check(len(rows) == len(names) + 1 and all(
        r["Problem"] or (lambda x: x["label"] == r["Label"] and
                         abs(x["p"] - float(r["Score"])) < .0006)(
            names[work + "/set/" + r["RelativePath"].replace("\\", "/") +
                  ("/" if r["RelativePath"] else "") + r["File"]])
        for r in rows), "the table says the same", rows[:3])
    check({r["RelativePath"] for r in rows} == {"", "a b", "a b\\c, d"} and
          [r["File"] for r in rows if r["Problem"]] == ["torn.jpg"],
          "with folders as Timelapse writes them")
    rc, _, err = run("-m", MODEL, "--page", work + "/no/p.html", photos[0])
    check(rc == 1 and "no/p.html" in err, "a page that cannot be written is "
          "known before the first photo", err)


def main(work, out):
    subprocess.run([B, "synth", "--out", work + "/data", "--count", "18",
                    "--size", "256", "-q", "--seed", "3"], check=True)
    photos = []
    made = sorted(os.path.join(d, f) for d, _, n in os.walk(work + "/data")
                  for f in n if f.endswith(".jpg"))[:9]
    for i, p in enumerate(made):
        d = work + "/set" + ("", "/a b", "/a b/c, d")[i % 3]
        os.makedirs(d, exist_ok=True)
        photos.append(f"{d}/{i}.jpg")
        shutil.copy(p, photos[-1])
    with open(work + "/set/torn.jpg", "wb") as f:
        f.write(b"\xff\xd8\xff torn")
    with open(work + "/wide.bmp", "wb") as f:
        f.write(b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + 300000, 0, 54, 40,
                                    1000, 100, 1, 24, 0, 0, 0, 0, 0, 0) +
                random.Random(1).randbytes(300000))
    numbers(work, photos + [work + "/wide.bmp"] + [work + "/gone.jpg"])
    browse(work, out)
    with_photos(work, photos)
    return done()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as top:
        try:
            bad = main(os.path.realpath(top),
                       sys.argv[1] if len(sys.argv) > 1 else None)
        finally:
            Page.kill_all()
    sys.exit(bad)
