#!/usr/bin/env python3
"""An audit from rows to statement, its page answered with keys in a browser.

Environment: BEARCASCADE (the program). Prints TAP; what needs a browser skips
where no chromium is found. A folder as argument keeps files and screenshots.
"""
import atexit
import base64
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time

from browser import CHROMIUM, Page

B = os.environ["BEARCASCADE"]
N = BAD = 0
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlE"
                         "QVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def check(ok, title, text=""):
    global N, BAD
    N += 1
    BAD += not ok
    print(f"{'ok' if ok else 'not ok'} {N} - {title}", flush=True)
    if not ok and text:
        print("# " + str(text)[:2000].replace("\n", "\n# "), flush=True)


def run(*args):
    r = subprocess.run([B, *args], capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


# --- a pile ---------------------------------------------------------------------


def make_pile(folder, n, positives, seed):
    """n rows with scores of a fair model; returns the names of the positives."""
    rng = random.Random(seed)
    truth = set()
    os.makedirs(os.path.join(folder, "photos & more"))
    with open(os.path.join(folder, "rows.jsonl"), "w") as f:
        for i in range(n):
            positive = i < positives
            z = 4 * (rng.gauss(0, 1) + (2 if positive else -2))
            name = f"photos & more/p#{rng.randrange(10 ** 9)}-{i % 7}.png"
            with open(os.path.join(folder, name), "wb") as photo:
                photo.write(PIXEL)
            if positive:
                truth.add(name)
            f.write(json.dumps({"file": name, "p_positive":
                                1 / (1 + math.exp(-z))}) + "\n")
        f.write(json.dumps({"file": "broken.jpg", "error": "cut short"}) + "\n")
    return truth


def answer_like(truth):
    """The keys a person presses who knows the truth: a loop in the page, as
    one call a key would take minutes."""
    return """((truth, most) => {
  const press = (k) => document.dispatchEvent(
    new KeyboardEvent("keydown", { key: k }));
  for (let i = 0; i < most && looks.next < looks.n; i++) {
    const yes = truth.has(plan.files[units[looks.next].members[0]]);
    const sure = yes && looks.nextIsDraw;
    press(yes ? "p" : "n");
    if (sure) { press("p"); }
    if (document.getElementById("progress").textContent
        .includes("what was asked for")) { break; }
  }
  return letters;
})(new Set(%s), %%d)""" % json.dumps(sorted(truth)).replace("%", "%%")


def save_answers(path, plan, letters):
    with open(path, "w") as f:
        json.dump({"format": "bearcascade-answers 1", "plan": plan,
                   "answers": letters}, f)


def from_photos():
    """The rows are made by audit itself, and as classify makes them."""
    model = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                         "../../models/bears.safetensors")
    run("synth", "-q", "-n", "12", "--size", "64", "--out", "drawn")
    rc, rows, err = run("classify", "-q", "-m", model, "-f", "jsonl", "drawn")
    want = {r["file"]: r["p_positive"] for r in map(json.loads,
                                                     rows.splitlines())}
    rc, text, err = run("audit", "-q", "-m", model, "drawn", "--out", "p")
    lines = open("p/predictions.jsonl").read().splitlines()
    got = {r["file"]: r["p_positive"] for r in map(json.loads, lines)}
    check(rc == 0 and "12 photos" in text and got == want,
          "photos are classified as classify does it", (rc, err, got))
    os.remove("p/plan.json")  # as a kill would leave it, in the middle of a row
    with open("p/predictions.jsonl", "w") as f:
        f.write("\n".join(lines[:5]) + "\n" + lines[5][:30])
    rc, _, err = run("audit", "-q", "-m", model, "drawn", "--out", "p")
    again = open("p/predictions.jsonl").read().splitlines()
    check(rc == 0 and again[:5] == lines[:5] and len(again) == 12,
          "killed and started again: no photo is classified twice", err)
    rc, _, err = run("audit", "-m", model, "p/predictions.jsonl", "--out", "q")
    check(rc == 2 and "holds predictions" in err, "rows have their model", err)
    rc, _, err = run("audit", "-m", model, "drawn.tar", "--out", "q")
    check(rc == 2 and "unpack" in err, "no archive, before it is read", err)
    rc, _, err = run("audit", "-m", "absent.safetensors", "drawn", "--out", "q")
    check(rc == 1 and "absent" in err and not os.path.exists("q/plan.json"),
          "no model, no audit", err)


def main(out):
    os.chdir(out)
    from_photos()
    truth = make_pile(out, 3000, 150, 5)
    rc, text, err = run("audit", "rows.jsonl", "--out", "a")
    check(rc == 3, "a plan, and a word about the file without a score", err)
    check("1 files could not be read" in text, "the pile's size is honest", text)
    rc, _, err = run("audit", "rows.jsonl", "--out", "a")
    check(rc == 1 and "already" in err, "an audit is not overwritten", err)
    rc, _, err = run("audit", "rows.jsonl", "--out", "b", "--seed", "2")
    check(rc == 3, "another seed, another audit", err)
    page_text = open("a/audit.html").read()
    check("http:" not in page_text and "https:" not in page_text,
          "the page needs no network")
    if CHROMIUM is None:
        global N
        N += 1
        print(f"ok {N} - the page # SKIP no chromium")
        return
    walk(truth)


def walk(truth):
    profile = os.path.abspath("profile")
    page = Page(profile)
    page.open(os.path.abspath("a/audit.html"))
    check(page.js("document.images.length") == 1, "one photo is loaded, not all")
    for _ in range(50):
        if page.js("document.images[0].complete"):
            break
        time.sleep(0.1)
    check(page.js("document.images[0].naturalWidth") == 1,
          "the photo is found, '&' and '#' in its path")
    for key in ("p", "n", "u", "Backspace", "Backspace", "n"):
        page.key(key)
    check(page.js("letters") == "pn", "keys, and undo", page.js("letters"))
    page.key("Backspace")
    page.key("Backspace")
    half = page.js(answer_like(truth) % 100)
    time.sleep(8)  # Chromium writes localStorage every few seconds
    page.kill()
    page = Page(profile)
    page.open(os.path.abspath("a/audit.html"))
    check(page.js("letters") == half and len(half) == 100,
          "killed and resumed: answers are still there", page.js("letters"))
    letters = page.js(answer_like(truth) % 10000)
    said = page.js("document.getElementById('progress').textContent")
    check("what was asked for" in said, "the goal is reached", said)
    upper = page.js("looks.upper()")
    page.shot("single.png")
    page.key("g")
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=800,
              deviceScaleFactor=1, mobile=True)
    check(page.js("document.documentElement.scrollWidth") <= 390,
          "390 px are enough", page.js("document.documentElement.scrollWidth"))
    shown = page.js("batch.length")
    page.key("ArrowRight")
    page.key("u")
    page.shot("grid.png")
    page.key("Enter")
    more = page.js("letters")
    check(shown > 1 and more[len(letters):len(letters) + 2] == "nu",
          "a grid is answered with keys", (shown, more[len(letters):]))
    plan = page.js("plan.plan")
    page.kill()
    save_answers("answers.json", plan, letters)
    rc, text, err = run("audit", "--answers", "answers.json", "--out", "a",
                        "--json")
    check(rc == 0, "the answers become a statement", err)
    j = json.loads(text)
    check(j["looks"] == len(letters) and j["found"] == letters.count("p"),
          "all looks are counted", text)
    check(j["reached"] and j["missed_at_most"] + j["found"] == upper,
          "page and program say the same", (upper, text))
    check(j["found"] / len(truth) >= j["recall_at_least"] >= 0.9,
          "the statement is true", text)
    check(j["looks"] < 1500, "and costs fewer looks than half the pile", text)
    rows = [json.loads(t) for t in open("a/decisions.jsonl")]
    none = {r["file"] for r in rows if r["answer"] == "none"}
    manifest = {os.path.relpath(json.loads(t)["file"])
                for t in open("a/negatives.jsonl")}
    check(len(rows) == len(letters) and manifest == none and
          len(none) == letters.count("n"), "what is none can be trained on")
    refusals(plan, letters)


def refusals(plan, letters):
    rc, _, err = run("audit", "--verify", "a")
    check(rc == 0, "verified", err)
    rc, _, err = run("audit", "--answers", "answers.json", "--out", "b")
    check(rc == 1 and "another audit" in err, "answers of another audit", err)
    save_answers("bad.json", plan, letters[:20] + "x")
    rc, _, err = run("audit", "--answers", "bad.json", "--out", "a")
    check(rc == 1 and "answer 21" in err, "a letter that is none", err)
    j = json.load(open("a/statement.json"))
    j["recall_at_least"] += 0.01
    json.dump(j, open("a/statement.json", "w"))
    rc, _, err = run("audit", "--verify", "a")
    check(rc == 1 and "does not follow" in err, "a changed statement", err)
    run("audit", "--answers", "answers.json", "--out", "a")
    with open("a/predictions.jsonl", "a") as f:
        f.write('{"file": "later.jpg", "p_positive": 0.5}\n')
    rc, _, err = run("audit", "--verify", "a")
    check(rc == 1 and "was changed" in err, "changed predictions", err)


if __name__ == "__main__":
    atexit.register(Page.kill_all)
    if len(sys.argv) > 1:
        os.makedirs(sys.argv[1], exist_ok=True)
        main(os.path.abspath(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as d:
            main(d)
    print(f"1..{N}")
    sys.exit(BAD > 0)
