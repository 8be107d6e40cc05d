#!/usr/bin/env python3
"""report.html in a browser: it draws without errors, and the figures that it
shows after its sliders were moved equal those counted here.

Environment: REPORT_FROM_JSON (writes the page from JSON files). Prints TAP;
skips all where no chromium is found. A folder as argument keeps the pages.
"""
import atexit
import functools
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import made_comparison as made
from browser import CHROMIUM, Page
from tap import check, done

COLUMNS = ["recall", "fpr", "species_accuracy", "end_to_end", "macro_f1",
           "precision", "macs", "ms"]


# --- the same figures, counted another way ---------------------------------


def macro_f1(said, label, k):
    scores = []
    for c in list(range(k)) + [-1]:
        hits = sum(v == y == c for v, y in zip(said, label))
        both = said.count(c) + label.count(c)
        if both:
            scores.append(2 * hits / both)
    return made.ratio(sum(scores), len(scores))


def expected(c, system, run, threshold, reject_threshold, share):
    """Row of the what-if table."""
    label, k = c["test"]["label"], len(c["classes"])
    said = [made.verdict(system["name"], run, i, k, threshold, reject_threshold)
            for i in range(len(label))]
    pos = [i for i, y in enumerate(label) if y >= 0]
    neg = [i for i, y in enumerate(label) if y < 0]
    recall = made.ratio(sum(said[i] != -1 for i in pos), len(pos))
    fpr = made.ratio(sum(said[i] != -1 for i in neg), len(neg))
    named = sum(max(range(k), key=lambda j: run["p"][i][j]) == label[i]
                for i in pos)
    f = {"recall": recall, "fpr": fpr,
         "species_accuracy": made.ratio(named, len(pos)),
         "end_to_end": made.ratio(sum(a == b for a, b in zip(said, label)),
                                  len(label)),
         "macro_f1": macro_f1(said, label, k), "precision": None,
         "macs": None, "ms": None}
    passes = None
    if recall is not None and fpr is not None:
        passes = share * recall + (1 - share) * fpr
        f["precision"] = made.ratio(share * recall, passes)
    for name, gate, species in (("macs", "macs_gate", "macs_species"), (
            "ms", "ms_gate_bulk", "ms_species_bulk")):
        a, b = system["cost"].get(gate), system["cost"].get(species)
        if a is not None and b == 0:
            f[name] = a
        elif None not in (a, b, passes):
            f[name] = a + passes * b
    return [f[x] for x in COLUMNS]


def counted(c, system, run, threshold, reject_threshold):
    """Confusion matrix: truth and none against verdict, none and unknown."""
    label, k = c["test"]["label"], len(c["classes"])
    rows = [[0] * (k + 2) for _ in range(k + 1)]
    for i, y in enumerate(label):
        v = made.verdict(system["name"], run, i, k, threshold, reject_threshold)
        rows[y if y >= 0 else k][v if v >= 0 else k - 1 - v] += 1
    return rows


def from_odds(x):
    return 1 / (1 + math.exp(-x))


def near(a, b):
    if a is None or b is None:
        return a is b
    return abs(a - b) <= 1e-9 * max(1, abs(a), abs(b))


def wrong_moves(c, moves, matrices=True):
    """Moves whose table row (and matrix) is not what it should be."""
    label, wrong = c["test"]["label"], []
    systems = {s["name"]: s for s in c["systems"]}
    for m in moves:
        s = systems[m["system"]]
        tested = sum(y >= 0 for y in label) / len(label)
        run = s["runs"][m["seed"]]
        if m["seed"] < 0:  # the mean over seeds
            rows = [expected(c, s, r, r["threshold"], r["reject_threshold"], tested)
                    for r in s["runs"]]
            want = [None if None in x else sum(x) / len(x)
                    for x in zip(*rows)]
        elif "threshold" in m:
            reject_threshold = m["reject_threshold"]
            at = (from_odds(m["threshold"]),
                  0 if reject_threshold is None else from_odds(reject_threshold))
            want = expected(c, s, run, *at, from_odds(m["share"]))
            if matrices and m["matrix"] != counted(c, s, run, *at):
                wrong.append((m, counted(c, s, run, *at)))
        else:
            want = expected(c, s, run, run["threshold"], run["reject_threshold"],
                            tested)
        if not all(map(near, m["shown"], want)):
            wrong.append((m, want))
    return wrong


def points(run, label, open_set, k):
    """Share of negatives and of positives at each threshold, from the top."""
    pos = sum(y >= 0 for y in label)
    at, fp, tp, last = [(0.0, 0.0)], 0, 0, None
    for p, y, row in sorted(zip(run["p_positive"], label, run["p"]),
                            key=lambda r: -r[0]):
        if p != last:
            at.append(None)
        fp += y < 0
        tp += y >= 0 and (not open_set or
                          max(range(k), key=lambda j: row[j]) == y)
        at[-1], last = (fp / (len(label) - pos), tp / pos), p
    return at


def hits_at(at, share):
    """Recall where a share of negatives passes, straight between points."""
    below = [p for p in at if p[0] <= share][-1]
    above = [p for p in at if p[0] > share][:1]
    if below[0] == share or not above:
        return below[1]
    f = (share - below[0]) / (above[0][0] - below[0])
    return below[1] + f * (above[0][1] - below[1])


def curve_wrong(c, shown, kind):
    s = next(s for s in c["systems"] if s["name"] == shown["system"])
    label, k = c["test"]["label"], len(c["classes"])
    curve = shown[kind]
    runs = [points(r, label, kind == "open", k) for r in s["runs"]]
    for i in range(0, len(curve["x"]), 17):
        want = [hits_at(at, curve["x"][i]) for at in runs]
        if abs(curve["y"][i] - sum(want) / len(want)) > 1e-9:
            return (shown["system"], kind, curve["x"][i], curve["y"][i], want)
        band = curve["band"] and curve["band"][i]
        if kind == "roc" and band and (abs(band[0] - min(want)) > 1e-9 or
                                       abs(band[1] - max(want)) > 1e-9):
            return (shown["system"], band, want)
        if kind == "open" and not band[0] - 0.1 <= curve["y"][i] <= \
                band[1] + 0.1:
            return (shown["system"], "bootstrap", band, curve["y"][i])
    return None


def bins_wrong(c, shown):
    """Reliability of the gate, in 15 bins closed on the right."""
    s = next(s for s in c["systems"] if s["name"] == shown["system"])
    bins = {}
    for r in s["runs"]:
        for p, y in zip(r["p_positive"], c["test"]["label"]):
            bins.setdefault(min(14, max(0, math.ceil(p * 15) - 1)),
                            []).append((p, y >= 0))
    want = [(len(v), sum(p for p, _ in v) / len(v),
             sum(y for _, y in v) / len(v)) for _, v in sorted(bins.items())]
    got = [(b["n"], b["p"], b["rate"]) for b in shown["gate"]]
    if len(got) != len(want) or not all(
            all(map(near, a, b)) for a, b in zip(got, want)):
        return (got, want)
    return None


def galleries(c, images):
    """Images of the four galleries of the first system, best first."""
    label, k, first = c["test"]["label"], len(c["classes"]), c["systems"][0]
    run = first["runs"][0]
    said = [[made.verdict(s["name"], s["runs"][0], i, k,
                          s["runs"][0]["threshold"], s["runs"][0]["reject_threshold"])
             for s in c["systems"]] for i in range(len(label))]

    def top(which, rank):
        there = [i for i in range(len(label)) if str(i) in images and
                 which(i)]
        return sorted(there, key=lambda i: (-rank(i), i))[:12]

    def spread(i):
        scores = [s["runs"][0]["p_positive"][i] for s in c["systems"]]
        return max(scores) - min(scores)
    return [top(lambda i: label[i] < 0, lambda i: run["p_positive"][i]),
            top(lambda i: label[i] >= 0, lambda i: -run["p_positive"][i]),
            top(lambda i: label[i] >= 0 and said[i][0] >= 0 and
                said[i][0] != label[i], lambda i: max(run["p"][i])),
            top(lambda i: len(set(said[i])) > 1, spread)]


def frontier(points, up):
    """Names of single models that no cheaper one equals, the cheapest first."""
    single = [p for p in points if not p[0].startswith("cascade")]
    return [a[0] for a in sorted(single, key=lambda p: (p[1], -p[2] if up else p[2]))
            if not any((b[1], b[2]) != (a[1], a[2]) and b[1] <= a[1] and
                       (b[2] >= a[2] if up else b[2] <= a[2]) for b in single)]


def guessed(c, s):
    """Share of right answers, never unknown, mean over seeds."""
    label, k = c["test"]["label"], len(c["classes"])
    right = [sum(made.verdict(s["name"], r, i, k, r["threshold"], 0) == y
                 for i, y in enumerate(label)) for r in s["runs"]]
    return sum(right) / len(right) / len(label)


def tradeoff_wrong(c, shown):
    """Marks of a chart of accuracy against cost, and the line through some."""
    row = next(r for r in c["prevalence"] if r["prevalence"] == shown["share"])
    figures = {s["name"]: guessed(c, s) if shown["figure"] == "guessed" else
               s["figures"][shown["figure"]]["value"] for s in c["systems"]}
    want = [[s["name"], s[shown["unit"]], figures[s["name"]]]
            for s in row["systems"]]
    front = frontier(want, shown["figure"] in ("end_to_end", "guessed"))
    same = len(shown["marks"]) == len(want) and all(
        a[0] == b[0] and near(a[1], b[1]) and near(a[2], b[2])
        for a, b in zip(shown["marks"], want))
    return None if same and shown["front"] == front else (shown, want, front)


# --- the browser ------------------------------------------------------------


@functools.cache
def browser(folder):
    """One tab for all pages."""
    atexit.register(Page.kill_all)
    page = Page(os.path.join(os.path.abspath(folder), "profile"))
    page.call("Runtime.enable")
    page.call("Log.enable")
    return page


def browse(folder, name, parts, width=1280):
    """The page of parts, after its own check: what it noted, its text and what
    it said on the console."""
    args = []
    for part, value in zip(("comparison", "sweep", "images"), parts):
        path = os.path.join(folder, f"{name}.{part}.json")
        if value is None:
            args.append("-")
            continue
        with open(path, "w", encoding="utf-8") as f:
            json.dump(value, f, ensure_ascii=False)
        args.append(path)
    path = os.path.abspath(os.path.join(folder, name + ".html"))
    subprocess.run([os.environ["REPORT_FROM_JSON"], path] + args, check=True)
    page, note = browser(folder), ""
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
              deviceScaleFactor=1, mobile=False)
    page.events = []
    page.call("Page.navigate", url="file://" + path + "#test")
    for _ in range(1200):
        whole, note = page.js(
            "[document.readyState === 'complete', (document.getElementById("
            "'test-output') || {}).textContent || '']")
        if whole and (note or page.events):
            break
        time.sleep(0.05)
    console = [e for e in page.events if e.get("method") in (
        "Runtime.consoleAPICalled", "Runtime.exceptionThrown",
        "Log.entryAdded")]
    return (json.loads(note) if note else None,
            page.js("document.documentElement.outerHTML"), console)


def small_cases():
    one = made.comparison(40, 0.5, ["hotdog"], [], ["multilabel"], [7])
    none = made.comparison(30, 1.0, ["a", "b"], [], ["cascade"], [1])
    no_bears = made.comparison(30, 0, ["a", "b"], ["x"], ["cascade",
                                                         "softmax-none"], [1])
    gate = made.comparison(60, 0.5, ["bear"], ["x", "y"],
                           ["cascade", "multilabel"], [1, 2])
    holes = made.comparison(60, 0.4, seeds=[1])
    for s in holes["systems"]:
        s["figures"]["fpr95"] = None
        s["figures"]["roc_area"] = {"value": None, "lo": None, "hi": None,
                                    "seeds": [None]}
        s["cost"] = {n: None for n in s["cost"]}
        s["families"][0]["fpr95"] = None
    holes.update({"verdict": None, "differences": None, "budget": None,
                  "prevalence": None, "break_even": None, "options": None})
    holes["data"] = {"path": None, "hash": None, "card": None,
                     "duplicates": None, "leaks": None}
    return [("one system, class and seed", one), ("wanted only", none),
            ("unwanted only", no_bears), ("one class", gate),
            ("nulls", holes)]


def large_case(folder):
    c = made.comparison()
    images = made.images(c, 2)
    note, dom, console = browse(folder, "large", (c, made.sweep(), images))
    check(not console, "no message on the console", console)
    check(note is not None, "the page ran to its end", dom[-500:])
    if note is None:
        return
    check(note["sections"] == [
        "summary", "differences", "data", "curves", "confusion", "flow",
        "families", "cost", "controls", "galleries", "sweep", "repeat"],
        "all sections, in order", note["sections"])
    wrong = wrong_moves(c, note["moves"])
    check(len(note["moves"]) == 5 * 3 * 9 + 5 and not wrong,
          "the table follows the sliders", wrong[:2])
    for kind in ("roc", "open"):
        wrong = [w for w in (curve_wrong(c, s, kind)
                             for s in note["curves"]) if w]
        check(not wrong, f"curve: {kind}", wrong[:1])
    wrong = [w for w in (bins_wrong(c, s) for s in note["curves"]) if w]
    check(not wrong, "reliability", wrong[:1])
    wrong = [w for w in (tradeoff_wrong(c, s) for s in note["tradeoff"]) if w]
    check(len(note["tradeoff"]) == 2 + 4 + 4 and not wrong,
          "accuracy against cost", wrong[:1] or note["tradeoff"])
    check(not re.search(r'(src|href|action)="(?!#|data:image/)', dom),
          "nothing is loaded from elsewhere")
    want = galleries(c, images)
    check(note["galleries"] == want and len(want[3]) == 12,
          "the galleries show the worst images",
          (note["galleries"], want))
    check(note["map"] == [[False, "true"], [True, "false"]],
          "a map comes and goes", note["map"])
    svgs = re.findall(r'<svg role="img"[^>]*aria-labelledby="([^" ]+) ', dom)
    check(len(svgs) == 9 and all(f'<title id="{i}"' in dom for i in svgs),
          "every chart has a title", svgs)


def main():
    if CHROMIUM is None:
        print("1..0 # SKIP no chromium here")
        return 0
    if len(sys.argv) > 1:
        folder = sys.argv[1]
        os.makedirs(folder, exist_ok=True)
    else:
        folder = tempfile.mkdtemp(prefix="bearcascade-page-")
    try:
        large_case(folder)
        for name, c in small_cases():
            note, dom, console = browse(folder, name.replace(" ", "-"),
                                        (c, None, made.images(c, 7)), 500)
            wrong = wrong_moves(c, note["moves"]) if note else ["no note"]
            check(not console and not wrong and 'class="note">The part' not in dom,
                  f"{name}: no error, figures right", (console, wrong[:1]))
            check(note is not None and not note["wide"],
                  f"{name}: fits 320 pixels")
        c = made.comparison(150, 0.5, [f"kind {i}" for i in range(30)], ["x"],
                            ["cascade", "multilabel"], [1, 2])
        short = json.loads(json.dumps(c))
        for r in [r for s in short["systems"] for r in s["runs"]]:
            p = r.pop("p")
            r["best_p"] = [max(row) for row in p]
            r["best"] = [row.index(max(row)) for row in p]
        note, dom, console = browse(folder, "kinds", (short, None, None))
        check(not console and note and not wrong_moves(
            c, note["moves"], False) and note["moves"] and
              "most frequent mistakes" in dom,
              "30 classes: the likeliest one is enough", console)
        c = made.comparison(5000, 0.3, seeds=[1, 2])
        note, dom, console = browse(folder, "many", (c, None, None))
        check(not console and note is not None and note["elements"] < 6000,
              "5000 images: a page of few elements",
              (console, note and note["elements"]))
        note, dom, console = browse(folder, "sweep", (None, made.sweep(),
                                                      None))
        check(not console and note and note["sections"] == ["sweep"] and
              "About 640 mined negatives" in dom, "a sweep alone", console)
        evil = made.comparison(30, 0.5, ["</script><script>alert(1)//",
                                         "<!--<script>"], ["<img src=x>"])
        evil["test"]["files"][0] = "\u2028<b>&amp;\"'\\.jpg"
        note, dom, console = browse(folder, "evil", (evil, None,
                                                     made.images(evil)))
        check(not console and note and not wrong_moves(evil, note["moves"])
              and "<img src=x>" not in dom and "<b>&" not in dom,
              "names are text, never markup", console)
    finally:
        if len(sys.argv) <= 1:
            shutil.rmtree(folder, ignore_errors=True)
    return done()


if __name__ == "__main__":
    sys.exit(main())
