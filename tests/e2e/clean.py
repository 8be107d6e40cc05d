#!/usr/bin/env python3
"""clean: wrong labels, copies and damage in drawn photos; the page with keys;
what it saves, in the next command.

Environment: BEARCASCADE (the program), SOURCE. Prints TAP; what needs a browser
skips where no chromium is found. A folder as argument keeps files and
screenshots.
"""
import csv
import json
import os
import shutil
import subprocess
import sys

import tap
from browser import CHROMIUM, Page, in_folder
from pictures import drawn
from tap import check

B = os.environ["BEARCASCADE"]
BACKBONE = os.path.join(os.environ["SOURCE"], "models/backbone-100.safetensors")
STRONG = os.path.join(os.environ["SOURCE"], "models/backbone-lite2.safetensors")


def run(*args):
    r = subprocess.run([B, *args], capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


def clean(data, out, *more):
    return run("clean", data, "--out", out, "--backbone", BACKBONE, "--quiet",
               "--most", "60", *more)


def photos_of(*parts):
    folder = os.path.join("data", *parts)
    return sorted(os.path.join(d, f) for d, _, fs in os.walk(folder)
                  for f in fs if not os.path.basename(f).startswith("x-"))


def make_data():
    """Drawn photos: six lie in a wrong folder, one in two, one is damaged."""
    drawn("whole", "data")
    wrong = []
    for k, path in enumerate(photos_of("negative")[5:50:8]):
        at = os.path.join("data", "teddy", f"x-{k}.jpg")
        os.rename(path, at)
        wrong.append(os.path.relpath(at, "data"))
    shutil.copy(photos_of("grizzly")[0], "data/black/x-copy.jpg")
    with open("data/black/x-damaged.jpg", "wb") as f:
        f.write(b"\xff\xd8\xff\xe0 no photo")
    return wrong


def state_of(folder):
    return {os.path.join(d, f): open(os.path.join(d, f), "rb").read()
            for d, _, fs in os.walk(folder) for f in fs}


def main():
    wrong = make_data()
    before = state_of("data")
    rc, text, err = clean("data", "c", "--json")
    check(rc == 3, "clean, and a word about the damaged file", err)
    j = json.loads(text)
    check(j["suspects"] == 60 and j["damaged"] == 1 and j["duplicates"] >= 1,
          "what was found", text)
    rows = [json.loads(t) for t in open("c/ranking.jsonl")]
    check(len(rows) == j["photos"] and
          all(a["doubt"] >= b["doubt"] for a, b in zip(rows, rows[1:])),
          "a row for each photo, by falling doubt")
    first = [r["file"] for r in rows[:40]]
    check(sum(f in first for f in wrong) >= 4,  # by chance one
          "photos in a wrong folder are among the first 40 of 240",
          [(f, [r["file"] for r in rows].index(f)) for f in wrong])
    groups = json.loads(run("inspect", "data", "--json")[1])["duplicate_groups"]
    fold = {r["file"]: r["fold"] for r in rows}
    check(groups and all(len({fold[f] for f in g["files"] if f in fold}) == 1
                         for g in groups), "copies are judged together", groups)
    page = open("c/clean.html").read()
    check("http:" not in page and "https:" not in page and
          len(page) < 20e6, "one page without network, of moderate size")
    page = None
    if CHROMIUM is None:
        print("# no chromium: the page is not walked")
        save_by_hand(rows)
    else:
        page = Page(os.path.abspath("profile"), 1200)
        walk(page, wrong)
    use(page)
    check(state_of("data") == before, "the photos stay as they are")
    change(wrong)


def save_by_hand(rows):
    """What the page would have saved: the first 60, teddies in doubt."""
    with open("decisions.jsonl", "w") as f:
        print(json.dumps({"format": "bearcascade-decisions 1"}), file=f)
        for r in rows[:60]:
            print(json.dumps({"file": r["file"], "hash": r["hash"],
                              "label": r["label"]}), file=f)


ANSWER = """((wrong) => {
  const press = (k) => document.dispatchEvent(
    new KeyboardEvent("keydown", { key: k }));
  for (let i = 0; i < 200 && at < data.shown.length; i++) {
    const p = data.shown[at];
    press(p.list !== "suspects" ? "d" : !wrong.has(p.file) ? "k"
      : String(1 + data.labels.indexOf(p.label === "none" ? "teddy" : "none")));
  }
  return lines();
})(new Set(%s))"""


def walk(page, wrong):
    page.open(os.path.abspath("c/clean.html"))
    check(page.js("document.images.length") == 1 and
          page.js("document.images[0].complete && "
                  "document.images[0].naturalWidth > 30"), "a photo is shown")
    page.shot("first.png")
    for key in ("k", "d", "2", "Backspace", "ArrowRight", "d", "Backspace"):
        page.key(key)
    said = page.js("lines().trim().split('\\n').length")
    check(said == 3 and page.js("at") == 3, "keys, arrows and undo",
          (said, page.js("at")))
    part = page.js("lines()")
    page.kept()
    page.open(os.path.abspath("c/clean.html"))
    check(page.js("lines()") == part and page.js("at") == 2,
          "opened again: decisions are still there, the next is asked",
          page.js("at"))
    page.js("said = new Map(); order = []; at = 0; show()")
    check(page.js("read('{\"format\": \"other\"}\\n')") is False,
          "a file of another kind is refused")
    text = page.js(ANSWER % json.dumps(wrong))
    line = page.js("document.getElementById('progress').textContent")
    check("at least" in line and "95 % confidence" in line,
          "the bound stands on the page", line)
    page.js("at = 0; show()")
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=800,
              deviceScaleFactor=1, mobile=True)
    check(page.js("document.documentElement.scrollWidth") <= 390,
          "390 px are enough", page.js("document.documentElement.scrollWidth"))
    page.shot("narrow.png")
    page.js("at = data.shown.findIndex((p) => p.twin); show()")
    check(page.js("document.images.length") == 2, "a copy beside its original")
    page.shot("twins.png")
    least = page.js("Math.max(suspects.filter(isWrong).length, hypergeomLower("
                    "data.listed, sample.length, "
                    "sample.filter(isWrong).length, data.confidence))")
    check(page.js("hypergeomLower(200, 50, 40, 0.95)") == 140,
          "the bound is that of the program")
    with open("decisions.jsonl", "w") as f:
        f.write(text)
    rc, out, err = clean("data", "c3", "--json", "--decisions",
                         "decisions.jsonl")
    said = json.loads(out)["decided"] if rc in (0, 3) else {}
    check(said.get("wrong_at_least") == least and said.get("looked_at") == 60,
          "page and program say the same", (rc, least, out, err))
    check(said.get("wrong") == sum(
        json.loads(t).get("list") == "suspects" and
        json.loads(t)["label"] != json.loads(t)["given"]
        for t in text.splitlines()), "and count the same", out)
    listed = {json.loads(t)["file"] for t in text.splitlines()[1:]}
    page_text = open("c3/clean.html").read()
    shown = json.loads(page_text.split('type="application/json">', 1)[1]
                       .split("</script>", 1)[0])["shown"]
    check(not listed & {p["file"] for p in shown if p["list"] == "suspects"},
          "what was decided on is not asked for again")


def use(page):
    small = ["--gate-size", "32", "--gate-width", "0.25", "--epochs", "1",
             "--species-size", "32", "--species-width", "0.25", "--batch",
             "16", "-q", "--threads", "1"]
    rc, _, err = run("train", "data", "--out", "r", "--decisions",
                     "decisions.jsonl", *small)
    check(rc == 0 and "decisions from" in err, "train takes the decisions", err)
    if page is None:
        return check(True, "its page # SKIP no chromium")
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=800,
              deviceScaleFactor=1, mobile=True)
    page.open(os.path.abspath("r/report.html"),
              "document.title === 'training report'")
    wide = page.js("""[document.documentElement,
        ...document.querySelectorAll("pre, .w, svg, figure")].filter(
        (e) => e.scrollWidth > Math.min(e.clientWidth, 390))
        .map((e) => e.tagName + " " + e.scrollWidth).join()""")
    check(wide == "", "390 px are enough for its page", wide)
    check(page.js("document.images.length") > 10, "which shows photos")
    page.shot("training.png")
    page.kill()


# --- a folder that is cleaned while photos come and go -----------------------

FIGURES = ("roc_area", "average_precision", "fnr", "species_accuracy",
           "end_to_end")


def trained(out, *more):
    """Splits by hash, and figures of the test part with their intervals."""
    rc, _, err = run("train", "data", "--out", out, "--init", STRONG,
                     "--gate-size", "128", "--species-size", "128", "--quiet",
                     "--no-report", *more)
    check(rc == 0, f"train {out}", err)
    rc, text, err = run("evaluate", "--model", out, "data", "--json",
                        "--quiet", *more)
    check(rc == 0 and "was trained on" not in err, "no test photo was seen", err)
    told = json.loads(text)[0]
    figures = {k: told[k] for k in FIGURES}
    figures["fpr"] = told["all_negatives"]["fpr"]
    with open(os.path.join(out, "split.csv"), newline="") as f:
        return {r["hash"]: r["split"] for r in csv.DictReader(f)}, figures


def change(wrong):
    """Wrong labels are put right, ten photos go and ten come."""
    os.remove("data/black/x-damaged.jpg")
    os.remove("data/black/x-copy.jpg")
    old, first = trained("before")
    with open("right.jsonl", "w") as f:
        for name in wrong:
            print(json.dumps({"file": name, "label": "none"}), file=f)
    gone = [p for p in photos_of() if "/x-" not in p][7::24][:10]
    for path in gone:
        os.remove(path)
    drawn("more", "more")
    new = sorted(os.path.join(d, f) for d, _, fs in os.walk("more")
                 for f in fs)[1::4][:10]
    for path in new:
        folder = os.path.join("data", os.path.relpath(os.path.dirname(path),
                                                      "more"))
        os.makedirs(folder, exist_ok=True)
        shutil.copy(path, os.path.join(folder, "new-" +
                                       os.path.basename(path)))
    check(len(gone) == len(new) == 10, "ten photos go, ten come")
    now, second = trained("after", "--decisions", "right.jsonl")
    both = old.keys() & now.keys()
    check(len(both) == len(old) - 10 == len(now) - 10 and
          all(old[h] == now[h] for h in both), "no photo changes its split",
          (len(old), len(now), len(both)))
    out = [(k, first[k], second[k]["value"]) for k in first
           if first[k]["lo"] is not None and not
           first[k]["lo"] <= second[k]["value"] <= first[k]["hi"]]
    check(not out, "each figure stays within its interval", out)
    check(any(first[k] != second[k] for k in first), "though it is another net",
          first)


if __name__ == "__main__":
    in_folder(main, ("first.png", "narrow.png", "twins.png", "training.png",
                     "c/clean.html"))
    sys.exit(tap.done())
