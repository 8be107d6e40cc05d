#!/usr/bin/env python3
"""An audit from rows to statement, its page answered with keys in a browser.

Environment: BEARCASCADE (the program). Prints TAP; what needs a browser skips
where no chromium is found. A folder as argument keeps files and screenshots.
"""
import atexit
import base64
import glob
import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from browser import CHROMIUM, Page

B = os.environ["BEARCASCADE"]
N = BAD = 0
MODEL = "small"  # a folder of the run's
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
            os.link("photo.png", os.path.join(folder, name))
            if positive:
                truth.add(name)
            row = {"file": name, "p_positive": 1 / (1 + math.exp(-z)), "p": {}}
            if z > 0:
                row["p"] = {"black": 0.25, "grizzly": 0.75}
            f.write(json.dumps(row) + "\n")
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
    const key = yes ? (i & 1 ? "p" : "2") : "n";
    press(key);
    if (sure) { press(key); }
    if (document.getElementById("progress").textContent
        .includes("what was asked for")) { break; }
  }
  return letters;
})(new Set(%s), %%d)""" % json.dumps(sorted(truth)).replace("%", "%%")


# Grids, answered by who knows the truth, until one is left before its end: how
# many photos got an answer that was not shown, and whether one was left.
ANSWER_GRIDS = """((truth) => {
  const press = (k) => document.dispatchEvent(
    new KeyboardEvent("keydown", { key: k }));
  let wrong = 0, left = false;
  for (let round = 0; round < 60 && !left; round++) {
    const shown = new Map();
    batch.forEach((u, k) => {
      const yes = truth.has(plan.files[units[u].members[0]]);
      shown.set(u, yes ? POSITIVE : NONE);
      if (yes) { press("p"); }
      press("ArrowRight");
    });
    const before = letters.length, was = looks.answer.slice();
    press("Enter");
    looks.answer.forEach((a, i) => {
      wrong += a !== was[i] && a !== shown.get(i);
    });
    left = letters.length - before < shown.size;
  }
  return [wrong, left];
})(new Set(%s))"""
# A file as the page's own dialogue gives it; then what came of it.
LOAD = """{ window.was = letters; window.loaded = false;
load(new File([%s], "x.json")).then(() => { window.loaded = true; }); }"""


def settled(page):
    for _ in range(500):
        if page.js("loaded"):
            break
        time.sleep(0.02)
    return page.js("[document.getElementById('ask').textContent,"
                   " letters === was]")


def save_answers(path, plan, letters, revisions=0):
    with open(path, "w") as f:
        json.dump({"format": "bearcascade-answers 1", "plan": plan,
                   "revisions": revisions, "answers": letters}, f)


def from_photos():
    """The rows are made by audit itself, and as classify makes them."""
    run("synth", "-q", "-n", "48", "--size", "64", "--out", "drawn")
    backbone = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                            "../../models/backbone-100.safetensors")
    run("synth", "-q", "-n", "48", "--size", "64", "--seed", "2", "--out", "few")
    rc, _, err = run("train", "few", "-q", "--only", "gate", "--tune",
                     "frozen", "--gate-size", "64", "--init", backbone,
                     "--out", MODEL)
    check(rc == 0, "a small model", err)
    rc, rows, err = run("classify", "-q", "-m", MODEL, "-f", "jsonl", "drawn")
    want = {r["file"]: r["p_positive"] for r in map(json.loads,
                                                     rows.splitlines())}
    rc, text, err = run("audit", "-q", "-m", MODEL, "drawn", "--out", "p")
    lines = open("p/predictions.jsonl").read().splitlines()
    got = {r["file"]: r["p_positive"] for r in map(json.loads, lines)}
    check(rc == 0 and "48 photos" in text and got == want,
          "photos are classified as classify does it", (rc, err, got))
    os.remove("p/plan.json")  # as a kill would leave it, in the middle of a row
    with open("p/predictions.jsonl", "w") as f:
        f.write("\n".join(lines[:40]) + "\n" + lines[40][:30])
    rc, _, err = run("audit", "-q", "-m", MODEL, "drawn", "--out", "p")
    again = open("p/predictions.jsonl").read().splitlines()
    check(rc == 0 and again[:40] == lines[:40] and len(again) == 48,
          "killed and started again: no photo is classified twice", err)
    rc, _, err = run("audit", "-m", MODEL, "p/predictions.jsonl", "--out", "q")
    check(rc == 2 and "holds predictions" in err, "rows have their model", err)
    rc, _, err = run("audit", "-m", MODEL, "drawn.tar", "--out", "q")
    check(rc == 2 and "unpack" in err, "no archive, before it is read", err)
    rc, _, err = run("audit", "-m", "absent.safetensors", "drawn", "--out", "q")
    check(rc == 1 and "absent" in err and not os.path.exists("q/plan.json"),
          "no model, no audit", err)


def png(side, rgb):
    """A PNG file of side x side pixels."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    rows = b"".join(b"\0" + rgb[i:i + 3 * side]
                    for i in range(0, len(rgb), 3 * side))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(
        ">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def shift():
    """Noise looks like noise, and drawn photos do not."""
    rng = random.Random(4)
    for folder, n in (("known/dots", 4), ("known/negative", 64),
                      ("noise", 12)):
        os.makedirs(folder)
        for i in range(n):
            with open(f"{folder}/{i}.png", "wb") as f:
                f.write(png(64, rng.randbytes(64 * 64 * 3)))
    args = ("classify", "-q", "-m", MODEL, "--reference", "known")
    rc, rows, err = run(*args, "noise")
    check(rc == 0 and len(rows.splitlines()) == 12 and ": no alarm" in err,
          "photos like the reference: no alarm", (rc, err))
    some = sorted(glob.glob("drawn/**/*.jpg", recursive=True))[::4]
    rc, rows, err = run(*args, *some)
    check(rc == 0 and "warning" in err and "bearcascade audit" in err and
          f"of {len(some)} photos that were drawn {len(some)} look" in err,
          "photos unlike the reference: an alarm, and what to do", (rc, err))
    rc, out, err = run("classify", "-q", "-m", MODEL, "--reference", "absent",
                     "noise")
    check(rc == 1 and "absent" in err and not out,
          "no reference, said before any photo is looked at", (rc, out, err))


def re_rank(browser):
    """The audit of from_photos(): 30 answers, --next, and on to the end."""
    truth = {"drawn/" + r["file"] for r in map(
        json.loads, open("drawn/manifest.jsonl")) if r["label"]}
    page = browser.tab()
    page.open(os.path.abspath("p/audit.html"))
    plan = page.js("plan.plan")
    few = page.js(answer_like(truth) % 2)
    save_answers("few.json", plan, few)
    rc, _, err = run("audit", "-q", "--next", "--answers", "few.json", "-m",
                     MODEL, "--out", "p")
    check(rc == 1 and "or more" in err, "two answers teach nothing", err)
    begun = page.js(answer_like(truth) % 28)
    save_answers("begun.json", plan, begun)
    beyond = page.js(answer_like(truth) % 3)
    save_answers("beyond.json", plan, beyond)
    rc, text, err = run("audit", "-q", "--next", "--answers", "begun.json",
                        "-m", MODEL, "--out", "p")
    check(rc == 0 and "learned from" in text, "--next", (begun, err))
    rc, _, err = run("audit", "--answers", "beyond.json", "--out", "p")
    check(rc == 1 and "as if --next" in err,
          "answers that the old page asked for are refused", err)
    rc, _, err = run("audit", "-q", "--next", "--answers", "begun.json",
                     "-m", MODEL, "--out", "p")
    check(rc == 1 and "no answers" in err, "nothing new to learn from", err)
    page = browser.tab()
    page.open(os.path.abspath("p/audit.html"))
    page.key("Backspace")
    check(page.js("letters") == begun, "the new page goes on where it was",
          page.js("letters"))
    left = page.js("looks.rank.filter((i) => !looks.answer[i])"
                   ".map((i) => plan.files[units[i].members[0]])")
    page.js(answer_like(truth) % 10000)
    letters, upper = page.js("letters"), page.js("looks.upper()")
    check(len(left) == 48 - len(begun), "what is left is ranked", left)
    save_answers("all.json", plan, letters, 1)
    rc, text, err = run("audit", "--answers", "all.json", "--out", "p",
                        "--json")
    j = json.loads(text) if rc == 0 else {}
    check(rc == 0 and j["re_ranked"] == 1 and
          j["missed_at_most"] + j["found"] == upper and
          j["recall_at_least"] <= j["found"] / len(truth),
          "page and program say the same, and it is true", (upper, text, err))
    check(run("audit", "--verify", "p")[0] == 0, "verified")


def main(out):
    os.chdir(out)
    os.environ["BEARCASCADE_CACHE"] = os.path.join(out, "cache")
    from_photos()
    shift()
    with open("photo.png", "wb") as f:
        f.write(PIXEL)
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
    browser = Page(os.path.abspath("profile"))
    re_rank(browser)
    walk(browser, truth)
    many(browser)
    browser.kill()


def many(page):
    """20,000 photos: the page opens, and loads those that it shows."""
    os.makedirs("many")
    with open("many.jsonl", "w") as f:
        for i in range(20000):
            os.link("photo.png", f"many/{i}.png")
            f.write('{"file":"many/%d.png","p_positive":%g}\n' %
                    (i, 0.9 if i % 500 == 0 else 0.0001 + i * 1e-7))
    rc, _, err = run("audit", "many.jsonl", "--out", "m")
    check(rc == 0, "20,000 photos", err)
    page.call("Network.enable")
    page.call("Network.emulateNetworkConditions", offline=True, latency=0,
              downloadThroughput=0, uploadThroughput=0)
    page.open(os.path.abspath("m/audit.html"))
    for key in ("n", "g", "ArrowRight", "Enter"):
        page.key(key)
    loaded = page.js("performance.getEntriesByType('resource').length")
    shown = page.js("[letters.length, document.images.length]")
    check(shown == [13, 12] and loaded <= 25, "20,000 photos offline: the page "
          "loads those that it shows", (shown, loaded))


def walk(browser, truth):
    page = browser.tab()
    page.open(os.path.abspath("a/audit.html"))
    check(page.js("document.images.length") == 1, "one photo is loaded, not all")
    for _ in range(250):
        if page.js("document.images[0].complete"):
            break
        time.sleep(0.02)
    check(page.js("document.images[0].naturalWidth") == 1,
          "the photo is found, '&' and '#' in its path")
    for key in ("p", "n", "u", "Backspace", "Backspace", "n"):
        page.key(key)
    check(page.js("letters") == "pn", "keys, and undo", page.js("letters"))
    page.key("Backspace")
    page.key("Backspace")
    half = page.js(answer_like(truth) % 100)
    page.kept()
    page.crash()
    page = browser.tab()
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
    page.js(LOAD % json.dumps(json.dumps({
        "format": "bearcascade-answers 1", "plan": "0" * 32, "answers": "nn"})))
    refused = settled(page)
    check(refused == ["That file answers another audit.", True],
          "the page refuses answers of another pile", refused)
    plan = page.js("plan.plan")
    page.js(LOAD % json.dumps(json.dumps({
        "format": "bearcascade-answers 1", "plan": plan,
        "answers": letters[:7]})))
    settled(page)
    check(page.js("letters") == letters[:7], "and takes those of its own",
          page.js("letters"))
    page.open(os.path.abspath("b/audit.html"))
    page.key("g")
    marked = page.js(ANSWER_GRIDS % json.dumps(sorted(truth)))
    check(marked == [0, True], "a grid answers the photos that it shows alone, "
          "also when an answer changes what comes next", marked)
    save_answers("answers.json", plan, letters)
    rc, text, err = run("audit", "--answers", "answers.json", "--out", "a",
                        "--json")
    check(rc == 0, "the answers become a statement", err)
    j = json.loads(text)
    found = letters.count("p") + letters.count("2")
    check(j["looks"] == len(letters) and j["found"] == found,
          "all looks are counted", text)
    check(j["reached"] and j["missed_at_most"] + j["found"] == upper,
          "page and program say the same", (upper, text))
    check(j["found"] / len(truth) >= j["recall_at_least"] >= 0.9,
          "the statement is true", text)
    check(j["looks"] < 1500, "and costs fewer looks than half the pile", text)
    rows = {n: [json.loads(t) for t in open(f"a/{n}.jsonl")] for n in (
        "looks", "decisions", "negatives", "positives")}
    none = {r["file"] for r in rows["looks"] if r["answer"] == "none"}
    manifest = {os.path.relpath(r["file"]) for r in rows["negatives"]}
    check(len(rows["looks"]) == len(letters) and manifest == none and
          len(none) == letters.count("n"), "what is none can be trained on")
    labels = [r["label"] for r in rows["decisions"]]
    check(labels.count("grizzly") == letters.count("2") > 0 and
          labels.count("none") == len(none) and
          len(labels) + letters.count("p") == len(letters) and
          len(rows["positives"]) == letters.count("p") and
          all(os.path.exists(r["file"]) and r["file"][0] == "/"
              for r in rows["decisions"]),
          "a class that was named is a label; p alone is none", err)
    check("positives.jsonl" in err, "and that is said", err)
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
