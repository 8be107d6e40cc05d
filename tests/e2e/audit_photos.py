#!/usr/bin/env python3
"""A whole audit of real photos: rows and plan, keys pressed in a browser by
one who knows the truth, the file that the page saves, the statement.

Environment: BEARCASCADE (the program), BEARCASCADE_DATA (the folder with
bears/, pool/ and trail/; ../shared/data beside the sources when unset). Skips
where that or chromium is absent. A folder as argument keeps the files.
"""
import atexit
import csv
import json
import os
import random
import sys
import tarfile
import tempfile
import time

import audit
from audit import CHROMIUM, Page, check, run

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.abspath(os.environ.get(
    "BEARCASCADE_DATA", os.path.join(HERE, "../../../shared/data")))
MODEL = os.path.join(HERE, "../../models/bears.safetensors")
POSITIVES, NEGATIVES, POOL, TRAIL = 30, 110, 110, 50


def images(folder):
    return sorted(os.path.join(d, n) for d, _, names in os.walk(folder)
                  for n in names if n.endswith(".jpg"))


def make_pile(out):
    """Links and files in out/photos; returns the names of the positives."""
    rng = random.Random(3)
    test = images(os.path.join(DATA, "bears/test"))
    bears = [n for n in test if "/negative/" not in n]
    others = [n for n in test if "/negative/" in n]
    chosen = (rng.sample(bears, POSITIVES) + rng.sample(others, NEGATIVES) +
              rng.sample(images(os.path.join(DATA, "trail")), TRAIL))
    rng.shuffle(chosen)
    truth = set()
    os.makedirs(os.path.join(out, "photos"))
    for i, name in enumerate(chosen):
        link = f"photos/{i:04}.jpg"
        os.symlink(name, os.path.join(out, link))
        if name in bears:
            truth.add(link)
    with open(os.path.join(DATA, "pool/truth.csv")) as f:
        none = {r["file"] for r in csv.DictReader(f)
                if r["truth"] in ("none", "look_alike")}
    with tarfile.open(os.path.join(DATA, "pool/pool-00.tar")) as tar:
        members = [m for m in tar.getmembers() if m.name in none]
        for i, m in enumerate(rng.sample(members, POOL)):
            with open(os.path.join(out, f"photos/pool-{i}.jpg"), "wb") as f:
                f.write(tar.extractfile(m).read())
    return truth


def press(page, truth, most, wrong, rng):
    """Keys until the page says that the goal is reached; returns how many."""
    for k in range(most):
        at = page.js("[looks.next < looks.n ? plan.files[units[looks.next]"
                     ".members[0]] : '', document.getElementById('progress')"
                     ".textContent, looks.nextIsDraw]")
        if at[0] == "" or "what was asked for" in at[1]:
            return k
        says = (at[0] in truth) != (rng.random() < wrong)
        page.key("p" if says else "n")
        if says and at[2]:  # asked twice, and looked at twice
            says = (at[0] in truth) != (rng.random() < wrong)
            page.key("p" if says else "n")
    return most


def saved(page, folder):
    """What the page saves when S is pressed."""
    path = os.path.join(folder, "answers.json")
    page.call("Browser.setDownloadBehavior", behavior="allow",
              downloadPath=folder)
    page.key("s")
    for _ in range(100):
        if os.path.exists(path) and os.path.getsize(path) > 0:
            return path
        time.sleep(0.1)
    return path


def statement(name, answers, truth):
    rc, text, err = run("audit", "--answers", answers, "--out", name, "--json")
    check(rc == 0, f"{name}: the saved answers become a statement", err)
    j = json.loads(text)
    marked = set()
    for line in open(os.path.join(name, "looks.jsonl")):
        row = json.loads(line)
        if row["answer"] == "positive":
            marked.add(row["file"])
    recall = len(marked & truth) / len(truth)
    check(j["reached"] and j["recall_at_least"] <= recall,
          f"{name}: the statement is true", (recall, j["statement"]))
    check(run("audit", "--verify", name)[0] == 0, f"{name}: verified")
    return j


def walk(truth, name, wrong, shots):
    rng = random.Random(11)
    profile, folder = os.path.abspath("profile-" + name), os.path.abspath(
        "saved-" + name)
    os.makedirs(folder)
    page = Page(profile, 1200)
    page.open(os.path.abspath(name + "/audit.html"))
    pressed = press(page, truth, 40, wrong, rng)
    if shots:
        time.sleep(0.5)
        page.shot("wide.png")
    page.kept()
    page.call("Browser.close")
    page.process.wait()
    page = Page(profile, 1200)
    page.open(os.path.abspath(name + "/audit.html"))
    check(page.js("letters.length") == pressed,
          f"{name}: closed and opened again, nothing is lost")
    press(page, truth, 10000, wrong, rng)
    if shots:
        page.call("Emulation.setDeviceMetricsOverride", width=390, height=800,
                  deviceScaleFactor=1, mobile=True)
        time.sleep(0.5)
        page.shot("narrow.png")
        page.key("g")
        time.sleep(0.5)
        page.shot("narrow-grid.png")
        page.key("g")
    path = saved(page, folder)
    page.kill()
    return statement(name, path, truth)


def main(out, shots):
    os.chdir(out)
    truth = make_pile(out)
    rc, text, err = run("audit", "-q", "-m", MODEL, "photos", "--out", "right")
    check(rc == 0 and "looks" in text, "a plan", err)
    j = walk(truth, "right", 0, shots)
    check(j["looks"] < j["photos"], "fewer looks than photos", j["statement"])
    rc, _, err = run("audit", "right/predictions.jsonl", "--out", "slips", "--wrong", "0.05",
                     "--recall", "0.75", "--seed", "2")
    check(rc == 0, "a plan with an allowance", err)
    walk(truth, "slips", 0.02, False)


if __name__ == "__main__":
    if CHROMIUM is None or not os.path.isdir(os.path.join(DATA, "pool")):
        print("1..0 # SKIP no chromium, or no photos in " + DATA)
    else:
        atexit.register(Page.kill_all)
        if len(sys.argv) > 1:
            os.makedirs(sys.argv[1], exist_ok=True)
            main(os.path.abspath(sys.argv[1]), True)
        else:
            with tempfile.TemporaryDirectory() as d:
                main(d, False)
        print(f"1..{audit.N}")
        sys.exit(audit.BAD > 0)
