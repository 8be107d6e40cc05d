#!/usr/bin/env python3
"""mine --ask: photos of a pool that the gate cannot tell, a page with keys, and
its answers in the next training.

Environment: BEARCASCADE (the program). Prints TAP; what needs a browser skips
where no chromium is found. A folder as argument keeps the page and screenshots.
"""
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time

import tap
from browser import CHROMIUM, Page, in_folder
from pictures import drawn
from tap import check

B = os.environ["BEARCASCADE"]
SMALL = ["--gate-size", "32", "--gate-width", "0.25", "--species-size", "32",
         "--species-width", "0.25", "--epochs", "1", "--batch", "16",
         "--quiet", "--threads", "1"]


def run(*args):
    r = subprocess.run([B, *args], capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


def ask(out, pool, *more):
    return run("mine", "--model", "r", "--positives", "data", "--out", out,
               "--pool", pool, "--quiet", *more)


def rows(path):
    return [json.loads(t) for t in open(path)]


def make():
    drawn("whole", "data", "96")
    drawn("parts", "new", "60")
    os.mkdir("pool")
    for d, _, files in os.walk("new"):
        for f in files:
            shutil.copy(os.path.join(d, f), "pool/" + os.path.relpath(
                os.path.join(d, f), "new").replace("/", "-"))
    known = sorted(os.listdir("data/negative"))[0]
    known = os.path.join("data/negative", known)
    if os.path.isdir(known):
        known = os.path.join(known, sorted(os.listdir(known))[0])
    shutil.copy(known, "pool/known.jpg")
    with open("pool/damaged.jpg", "w") as f:
        f.write("no photo")
    subprocess.run(["tar", "-cf", "pool.tar", "pool"], check=True)
    rc, _, err = run("train", "data", "--out", "r", *SMALL)
    check(rc == 0, "train", err)


def walk():
    """Answers on the page; what it saves."""
    page = Page(os.path.abspath("profile"))
    where = os.path.abspath("a/ask.html")
    page.open(where)
    check(page.js("document.images.length === 1 && document.images[0].complete "
                  "&& document.images[0].naturalWidth > 30"),
          "a photo is shown")
    page.shot("first.png")
    for key in ("n", "1", "u", "Backspace", "2", "ArrowLeft", "n"):
        page.key(key)
    check(page.js("lines().trim().split('\\n').length") == 4 and
          page.js("at") == 3, "keys, arrows and undo", page.js("lines()"))
    line = page.js("document.getElementById('progress').textContent")
    check(line == "3 of 12 answered: 1 black, 2 none.", "which are counted",
          line)
    part = page.js("lines()")
    page.kept()
    page.open(where)
    check(page.js("lines()") == part and page.js("at") == 3,
          "opened again: the answers are still there, the next is asked",
          (page.js("lines()"), part, page.js("at")))
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=800,
              deviceScaleFactor=1, mobile=True)
    check(page.js("document.documentElement.scrollWidth") <= 390,
          "390 px are enough", page.js("document.documentElement.scrollWidth"))
    page.shot("narrow.png")
    check(page.js("read('{\"format\": \"other\"}\\n')") is False,
          "a file of another kind is refused")
    for key in ("1", "3", "u", "u", "n", "n", "n", "n", "n"):
        page.key(key)
    check(page.js("at") == 12 and "last photo" in
          page.js("document.getElementById('ask').textContent"),
          "all are answered", page.js("at"))
    page.key("Backspace")
    page.key("n")
    text = page.js("lines()")
    page.kept()
    windows(page, where, text)
    page.kill()
    return text


def in_time(page, where, text):
    """To one document of twenty Chromium shows localStorage as it was before."""
    for _ in range(12):
        page.open(where)
        if page.js("lines()") == text:
            return True
        time.sleep(0.3)
    return False


def windows(page, where, text):
    """text: what page kept. No window writes over what another one kept."""
    other = page.tab()
    other.open(where)
    check(other.js("lines()") == text, "another window has the answers, too")
    other.key("ArrowLeft")
    other.key("u")
    other.kept()
    page.key("ArrowLeft")
    page.key("1")
    told = page.wait("document.getElementById('ask').textContent"
                     ".startsWith('Another window has kept newer answers')")
    check(told, "a window that is behind says so")
    later = other.js("lines()")
    other.open(where)
    check(other.js("lines()") == later != text, "and keeps nothing over them",
          other.js("lines()"))
    other.indexeddb("throw new Error('refused')")
    other.js(f"localStorage.setItem(keyOf(), {json.dumps(text)})")
    check(in_time(other, where, text), "what a page kept in localStorage is found")
    other.key("ArrowLeft")
    other.key("1")
    other.kept()
    check(other.js("localStorage.getItem(keyOf()) === lines()") is True,
          "which is used where there is no IndexedDB")
    mute = page.tab()
    mute.indexeddb("return { open: () => ({}) }")
    mute.open(where)
    asked = "document.getElementById('ask').textContent"
    told = mute.js(asked)
    kept = mute.js("localStorage.getItem(keyOf())")
    mute.key("u")
    mute.kept()
    check(told.startswith("What this browser kept cannot be read now") and
          mute.js(asked) == "This browser keeps nothing: save often." and
          mute.js("localStorage.getItem(keyOf())") == kept,
          "where it does not answer, that is said and nothing is overwritten",
          (told, mute.js(asked)))


def by_hand(asked):
    """What the page would have saved."""
    said = ["none", "none", "black", "black", "teddy", None, None] + 5 * ["none"]
    return "".join(json.dumps(r) + "\n" for r in [
        {"format": "bearcascade-decisions 1"}] + [
            {"file": a["file"], "hash": a["hash"], "label": s, "add": True}
            for a, s in zip(asked, said)])


def use(asked):
    said = {r["file"]: r["label"] for r in rows("answers.jsonl")[1:]}
    want = {a["file"] for a in asked}
    check(set(said) == want and sorted(map(str, said.values())) == sorted(
        2 * ["None"] + 2 * ["black"] + ["teddy"] + 7 * ["none"]),
          "each photo has its answer", said)
    rc, _, err = run("train", "data", "--out", "r2", "--decisions",
                     "answers.jsonl", *SMALL)
    check(rc == 0 and "10 photos join the train part" in err,
          "train takes positives and negatives", err)
    got = {r["file"]: r for r in csv.DictReader(open("r2/split.csv"))}
    check(all(f in got and got[f]["split"] == "train" and
              (got[f]["label"] or "none") == label
              for f, label in said.items() if label),
          "with the labels that were given")
    check(not any(f in got for f, label in said.items() if label is None),
          "and no photo that nobody was sure of")
    rc, _, err = ask("again", "pool", "--ask", "12", "--decisions",
                     "answers.jsonl")
    check(rc == 0 and not {r["hash"] for r in rows("again/ask.jsonl")} &
          {r["hash"] for r in asked}, "what was answered is not asked again",
          err)


def main():
    make()
    rc, text, err = ask("a", "pool", "--ask", "12")
    check(rc == 0 and "12 photos to ask about, of 62" in text and
          "train data --out RUN --decisions" in text, "mine --ask", text + err)
    asked = rows("a/ask.jsonl")
    check([r["rank"] for r in asked] == list(range(1, 13)) and
          len({r["hash"] for r in asked}) == 12, "a line for each")
    check(all(os.path.isabs(r["file"]) and os.path.exists(r["file"])
              for r in asked), "which says where it lies")
    check(not any("known" in r["file"] or "damaged" in r["file"]
                  for r in asked), "nothing known, nothing damaged")
    check(not os.path.exists("a/negatives.jsonl"), "nothing goes unseen into "
          "training")
    page = open("a/ask.html").read()
    check("http" not in page.replace("http://www.w3.org", ""),
          "the page needs no network")
    if CHROMIUM is None:
        print("# no chromium: the page is not walked")
        answers = by_hand(asked)
    else:
        answers = walk()
    with open("answers.jsonl", "w") as f:
        f.write(answers)
    use(asked)
    first = open("a/ask.jsonl").read()
    rc, _, err = ask("a", "pool", "--ask", "12", "--resume")
    check(rc == 0 and open("a/ask.jsonl").read() == first,
          "the scores are used again, with the same result", err)
    rc, text, err = ask("all", "pool.tar", "--ask", "500")
    asked = rows("all/ask.jsonl")
    check(rc == 0 and all(":pool/" in r["file"] for r in asked),
          "a pool that has fewer, in an archive", text + err)
    said = re.search("no more: of the ([0-9]+) photos nearest to the threshold "
                     "([0-9]+) are known already or copies, ([0-9]+) resemble "
                     "one that is asked about", text)
    n = [int(v) for v in said.groups()] if said else [0]
    check(n[0] == len(asked) + sum(n[1:]) and n[0] == 61 and n[1] == 1,
          "why there are no more", text)
    rc, text, err = ask("known", "data/negative", "--ask", "5")
    check(rc == 0 and text.startswith("0 photos to ask about") and
          "page:" not in text, "and why there are none", text + err)
    rc, _, err = run("classify", "--model", "r", "all/ask.jsonl", "--quiet")
    check(rc == 0, "whose photos are found", err)
    rc, _, err = ask("drawn", "synth:40:5:size=64", "--ask", "4")
    check(rc == 1 and "lie in no file" in err, "drawn photos are refused", err)
    rc, _, err = ask("x", "pool", "--ask", "4", "--link", "copies")
    check(rc == 2 and "--ask does not go with --link" in err,
          "options that do not go together", err)


if __name__ == "__main__":
    in_folder(main, ("first.png", "narrow.png", "a/ask.html"))
    sys.exit(tap.done())
