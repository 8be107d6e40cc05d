#!/usr/bin/env python3
"""Names in the chart of tests/bench/cost_curve.py: with points that stand
close, none lies on another, on a point, or outside of its panel.

Environment: SOURCE. Prints TAP."""
import os
import random
import re
import sys
import tempfile

import tap
from tap import check

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "tests", "bench"))
import cost_curve

DRAWINGS, SVG = 20, "curve.svg"


def rows(seed):
    """Three in four points within a factor of two, most verdicts within half
    a percent."""
    rng, out = random.Random(seed), []
    for i, name in enumerate(cost_curve.POINTS + ["shipped", "cascade"]):
        wide = (1.4 if i % 4 == 0 else 0.3, 0.02 if i % 3 == 0 else 0.005)
        right, wrong = 0.95 + wide[1] * rng.random(), 0.02 * rng.random()
        row = {"name": name, "macs": 10 ** (8 + wide[0] * rng.random()),
               "kind": "cascade" if name in ("shipped", "cascade") else
               "single net"}
        for figure, v in (("end_to_end", right), ("fpr95", wrong)):
            row.update({figure: v, figure + "_min": v - 0.001,
                        figure + "_max": v + 0.001})
        out.append(row)
    return out


def boxes(svg):
    """Of names (letters of 5 px) and of points (8 px)."""
    names = [(float(x) - 5 * len(s) * ("end" in more), float(y) - 7,
              float(x) + 5 * len(s) * ("end" not in more), float(y))
             for x, y, more, s in re.findall(
                 r'<text x="([0-9.]+)" y="([0-9.]+)" font-size="10"([^>]*)>'
                 r"([^<]+)<", svg)]
    points = [(float(x), float(y)) for x, y in re.findall(
        r'<circle cx="([0-9.]+)" cy="([0-9.]+)"', svg)]
    points += [(float(x), float(y) + 6) for x, y in re.findall(
        r'<path d="M([0-9.]+) ([0-9.]+)l6 6', svg)]
    return names, [(x - 4, y - 4, x + 4, y + 4) for x, y in points]


def meet(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def main():
    on_names = on_points = outside = n = 0
    frames = [(cost_curve.LEFT + at, cost_curve.TOP,
               cost_curve.LEFT + at + cost_curve.INNER_W,
               cost_curve.TOP + cost_curve.INNER_H)
              for at in (0, cost_curve.W)]
    for seed in range(DRAWINGS):
        cost_curve.write_svg(rows(seed), SVG)
        with open(SVG, encoding="utf-8") as f:
            names, points = boxes(f.read())
        n += len(names)
        on_names += sum(meet(a, b) for i, a in enumerate(names)
                        for b in names[:i])
        on_points += sum(meet(a, b) for a in names for b in points)
        outside += sum(not any(f[0] <= a[0] and a[2] <= f[2] and
                               f[1] <= a[1] and a[3] <= f[3] for f in frames)
                       for a in names)
        check(len(points) == len(names) == 2 * len(rows(seed)),
              "a point and a name for each row", (len(points), len(names)))
    check(on_names == 0, f"of {n} names none lies on another", on_names)
    check(on_points == 0, "none lies on a point", on_points)
    check(outside == 0, "all lie within their panel", outside)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        main()
        os.chdir("/")
    sys.exit(tap.done())
