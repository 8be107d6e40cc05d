#!/usr/bin/env python3
"""What does `audit --next` save on photos that are strange to the model?

    BEARCASCADE=build/pipelines/bearcascade python3 tests/bench/audit_next.py \\
        DATA WORK

DATA: the folder with bears/ and trail/. The pile: the field photos of bears of
bears/test, the photos of trail cameras of bears/test and bears/valid, and the
frames of trail/. A person who knows the truth answers in the page until recall
0.8 is shown at 95 % confidence, once without --next, and once with it after 30,
60 and 120 looks. Prints for both the looks until half, four fifths and all of
the positives were found, and until the goal was reached."""
import json
import os
import random
import sys

os.environ["BEARCASCADE"] = os.path.abspath(os.environ["BEARCASCADE"])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../e2e"))
from audit import Page, run, save_answers  # noqa: E402

ONE = """((truth) => {
  const press = (k) => document.dispatchEvent(
    new KeyboardEvent("keydown", { key: k }));
  const done = document.getElementById("progress").textContent
    .includes("what was asked for");
  if (done || looks.next === looks.n) { return false; }
  const key = truth.has(plan.files[units[looks.next].members[0]]) ? "p" : "n";
  const twice = looks.nextIsDraw && key === "p";
  press(key);
  if (twice) { press(key); }
  return true;
})(truth)"""


def images(folder):
    return sorted(os.path.join(d, n) for d, _, names in os.walk(folder)
                  for n in names if n.endswith(".jpg"))


def make_pile(data):
    os.makedirs("pile")
    truth = set()
    bears = [n for n in images(f"{data}/bears/test")
             if os.path.basename(n).startswith("field-")]
    others = images(f"{data}/trail") + [
        n for s in ("test", "valid")
        for n in images(f"{data}/bears/{s}/negative/trail_camera")]
    chosen = bears + others
    random.Random(3).shuffle(chosen)
    for i, name in enumerate(chosen):
        link = f"pile/{i:04}.jpg"
        os.symlink(name, link)
        if name in bears:
            truth.add(link)
    return truth


def play(name, truth, turns):
    """The letters, with a --next after each number of looks of `turns`."""
    page = fresh_page(name, truth)
    while True:
        n = page.js("letters.length")
        if n in turns:
            turns = [t for t in turns if t > n]
            r = page.js("REVISIONS")
            save_answers("answers.json", page.js("plan.plan"),
                         page.js("letters"), r)
            page.kill()
            rc, _, err = run("audit", "-q", "--next", "--answers",
                             "answers.json", "--out", name)
            print(f"{name}: --next after {n} looks",
                  "" if rc == 0 else err.strip())
            page = fresh_page(name, truth)
        if not page.js(ONE):
            letters = page.js("letters")
            page.kill()
            return letters


def fresh_page(name, truth):
    page = Page(os.path.abspath("profile-" + name))
    page.open(os.path.abspath(name + "/audit.html"))
    page.js("window.truth = new Set(%s)" % json.dumps(sorted(truth)))
    return page


def say(name, letters, truth):
    at = [i + 1 for i, c in enumerate(letters) if c == "p"]
    found = [str(at[k - 1]) if k <= len(at) else "-" for k in (
        -(-len(truth) // 2), -(-4 * len(truth) // 5), len(truth))]
    print(f"| {name} | {len(truth)} | {' | '.join(found)} | {len(letters)} |")


def main(data, work):
    os.makedirs(work, exist_ok=True)
    data = os.path.abspath(data)
    os.chdir(work)
    truth = make_pile(data)
    rc, text, err = run("audit", "-q", "pile", "--recall", "0.8", "--out",
                        "without")
    print(text or err)
    run("audit", "-q", "without/predictions.jsonl", "--recall", "0.8", "--out",
        "with")
    say("without", play("without", truth, []), truth)
    say("with", play("with", truth, [30, 60, 120]), truth)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2])
    finally:
        Page.kill_all()
