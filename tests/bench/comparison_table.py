#!/usr/bin/env python3
"""The tables of a comparison in Markdown.

    bearcascade compare DATA --out DIR --seeds 3
    python3 tests/bench/comparison_table.py DIR/comparison.json

Figures are means over seeds with their 95 % interval over test images; the
last column is the cascade's figure minus the row's. Below the tables: the
verdict, and what the figures hold for. One more table counts right answers where no
answer is unknown, which single models cannot say: from the scores, with a
bootstrap over images of its own.
"""
import json
import random
import sys

SHARES = [("end_to_end", "right answers"), ("species_accuracy", "named right"),
          ("fnr", "missed"), ("fpr", "false positives"),
          ("fpr95", "false positives at 95 % recall")]


def share(f):
    if f is None or f["value"] is None:
        return "-"
    return "%.1f %% (%.1f to %.1f)" % tuple(
        100 * f[k] for k in ("value", "lo", "hi"))


def difference(d):
    if d is None:
        return "-"
    f = d["figures"]["end_to_end"]
    p = f["p_holm"]
    return "%+.1f (%+.1f to %+.1f), %s" % (
        *(100 * f[k] for k in ("value", "lo", "hi")),
        "-" if p is None else "p < 0.001" if p < 0.001 else "p = %.3f" % p)


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def figures(c):
    by_name = {d["system"]: d for d in c["differences"]}
    rows = []
    for s in c["systems"]:
        f = s["figures"]
        area = f["roc_area"]["value"]
        rows.append(["`%s`" % s["name"]] +
                    [share(f[name]) for name, _ in SHARES] +
                    ["-" if area is None else "%.3f" % area,
                     difference(by_name.get(s["name"]))])
    table(["system"] + [title for _, title in SHARES] +
          ["ROC area", "cascade minus it, points"], rows)


def number(x, form):
    return "-" if x is None else form % x


def costs(c):
    even = {e["system"]: e["ms"] for e in c["break_even"]}
    tenth = next(r for r in c["prevalence"] if r["prevalence"] == 0.1)
    at_tenth = {s["name"]: s["ms"] for s in tenth["systems"]}
    rows = []
    for s in c["systems"]:
        k, x = s["cost"], even.get(s["name"], 0)
        macs = k["macs_gate"] / 1e6, k["macs_species"] / 1e6
        rows.append([
            "`%s`" % s["name"], "%.2f M" % (k["parameters"] / 1e6),
            "%.0f M + %.0f M" % macs if macs[1] else "%.0f M" % macs[0],
            number(k["ms_1"], "%.2f"), number(k["ms_bulk"], "%.2f"),
            number(at_tenth[s["name"]], "%.2f"), number(k["peak_mb"], "%.0f"),
            "-" if s["name"] not in even else "never" if x is None else
            "always" if x >= 1 else "below %.2g %%" % (100 * x)])
    table(["system", "parameters", "multiply-adds", "ms, one at a time",
           "ms, 32 at a time", "ms where 1 in 10 shows a class", "peak MB",
           "cascade is the faster one"], rows)


def right(c, system):
    """Of each image: the share of seeds that name it right, never unknown."""
    label, runs = c["test"]["label"], system["runs"]
    out = [0.0] * len(label)
    for r in runs:
        best = r.get("best") or [row.index(max(row)) for row in r["p"]]
        for i, (p, k) in enumerate(zip(r["p_positive"], best)):
            out[i] += ((-1 if p < r["threshold"] else k) == label[i]) / len(runs)
    return out


def percent(values, times=4000):
    """Mean and 95 % interval. Where none of n images shows a difference, what
    is possible all the same: at most 1 - 0.025^(1/n) of all images do."""
    draw, n = random.Random(1), len(values)
    if not any(values):
        most = 100 * (1 - .025 ** (1 / n))
        return "%+.1f (%+.1f to %+.1f)" % (0, -most, most)
    means = sorted(sum(draw.choices(values, k=n)) / n for _ in range(times))
    return "%+.1f (%+.1f to %+.1f)" % tuple(
        100 * x for x in (sum(values) / n, means[times // 40],
                          means[-times // 40 - 1]))


def without_unknown(c):
    rows, first = [], right(c, c["systems"][0])
    for s in c["systems"]:
        its = right(c, s)
        rows.append(["`%s`" % s["name"],
                     "%.1f %%" % (100 * sum(its) / len(its)),
                     "" if s is c["systems"][0] else
                     percent([a - b for a, b in zip(first, its)])])
    table(["no answer is unknown", "right answers",
           "`%s` minus it, points" % c["systems"][0]["name"]], rows)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as f:
        c = json.load(f)
    figures(c)
    costs(c)
    without_unknown(c)
    print(c["verdict"]["text"] + "\n")
    for text in c["verdict"]["conditions"]:
        print("- " + text)
    m = c.get("machine", {})
    print("\n%d test images, seeds %s, %s, %s threads" % (
        c["test"]["n"], ", ".join(map(str, c["seeds"])),
        m.get("instructions", "?"), m.get("threads", "?")))


if __name__ == "__main__":
    main()
