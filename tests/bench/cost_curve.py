#!/usr/bin/env python3
"""Accuracy against cost: single nets of several kinds and sizes, and cascades.

    python3 tests/bench/cost_curve.py DATA --out DIR --weights FOLDER \\
        --cascade shipped=models/bears.safetensors

trains `train --system softmax-none` for every point and seed into
DIR/POINT-sSEED (what is there already is not trained again), measures each on
a split, and writes DIR/curve.csv, DIR/curve.md (a table) and DIR/curve.svg. A
point is NET@PX, or mobilenetv4:WIDTH@PX; nets of efficientnet-lite start from
FOLDER/NET.safetensors and are frozen, so that a point takes minutes, and
seconds where the feature cache knows the photos. MobileNetV4 is trained in
full, which takes longer, unless --with tune=frozen says otherwise. Points
whose first weights are missing are left out, with a line. A cascade is a
model file or run folder that is there; its cost depends on the share of
images that show a class (--share). No answer is unknown, which single nets
cannot say.

Choose on valid. A figure on test is for what was chosen.
"""
import argparse
import csv
import json
import math
import os
import subprocess
import sys

POINTS = ["efficientnet-lite2@260", "efficientnet-lite2@224",
          "efficientnet-lite2@192", "efficientnet-lite2@160",
          "efficientnet-lite1@240", "efficientnet-lite1@192",
          "efficientnet-lite1@160", "efficientnet-lite0@224",
          "efficientnet-lite0@192", "efficientnet-lite0@160",
          "efficientnet-lite0@128", "efficientnet-lite0@96",
          "mobilenetv4:1@128", "mobilenetv4:1@96"]
FIGURES = [("end_to_end", "right verdicts"),
           ("fpr95", "false positives at 95 % recall"),
           ("fpr99", "false positives at 99 % recall")]
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def program(args, *words):
    done = subprocess.run([args.program, *words], stdout=subprocess.PIPE,
                          text=True)
    if done.returncode not in (0, 3):
        sys.exit("cost_curve: failed: bearcascade " + " ".join(words))
    return done.stdout


def parse(point):
    """NET[:WIDTH]@PX as net, width, pixels."""
    try:
        net, size = point.split("@")
        net, _, width = net.partition(":")
        return net, float(width or 1), int(size)
    except ValueError:
        sys.exit("cost_curve: '%s' is no NET@PX or NET:WIDTH@PX" % point)


def first_weights(args, net, width):
    """The file to start from, "none", or None where it is missing."""
    if net != "mobilenetv4":
        files = [os.path.join(args.weights or ".", net + ".safetensors")]
    elif width == 1:
        files = [os.path.join(ROOT, "models", "backbone-100.safetensors")]
    else:
        return "none"
    return next((f for f in files if os.path.exists(f)), None)


def train(args, point, seed):
    """The run folder, or None."""
    net, width, size = parse(point)
    run = os.path.join(args.out, "%s-s%d" % (point.replace(":", "-"), seed))
    if os.path.exists(os.path.join(run, "best.safetensors")):
        return run
    init = first_weights(args, net, width)
    if init is None:
        print("cost_curve: no weights for %s: left out" % point,
              file=sys.stderr)
        return None
    print("cost_curve: %s, seed %d" % (point, seed), file=sys.stderr)
    words = ["train", args.data, "--out", run, "--system", "softmax-none",
             "--gate-net", net, "--gate-size", str(size), "--init", init,
             "--seed", str(seed), "--quiet"]
    if net == "mobilenetv4":
        words += ["--gate-width", "%g" % width]
    if os.path.exists(os.path.join(run, "last.safetensors")):
        words.append("--resume")
    for option in args.options:
        words.append("--" + option.lstrip("-"))
    program(args, *words)
    return run


def ratio(a, b):
    return a / b if b else math.nan


def measure(args, model):
    """Cost and figures of a model on the split."""
    what = json.loads(program(args, "inspect", model, "--json"))
    report = json.loads(program(args, "evaluate", "-m", model, args.data,
                                "--split", args.split, "--json",
                                "--bootstrap", "0", "--quiet",
                                *(["--unknown-below", "0"]
                                  if "species" in what else [])))[0]
    none, n = report["none_by_gate"], {
        k: report[k] for k in ("positives", "negatives")}
    on = {k: 1 - ratio(none[k], n[k]) for k in n}
    macs = what["gate"]["multiply_adds"]
    if "species" in what:
        share = args.share * on["positives"] + (1 - args.share) * \
            on["negatives"]
        macs += share * what["species"]["multiply_adds"]
    value = {"end_to_end": report["end_to_end"]["value"],
             "fpr95": report["all_negatives"]["fpr95"]["value"],
             "fpr99": report["all_negatives"]["fpr99"]["value"]}
    return macs, value, n


def row_of(name, kind, measured):
    macs = [m[0] for m in measured]
    row = {"name": name, "kind": kind, "macs": sum(macs) / len(macs),
           "seeds": len(measured), **measured[0][2]}
    for figure, _ in FIGURES:
        v = [m[1][figure] for m in measured]
        row[figure] = sum(v) / len(v)
        row[figure + "_min"], row[figure + "_max"] = min(v), max(v)
    return row


def collect(args):
    rows = []
    for point in args.points or POINTS:
        runs = [train(args, point, s + 1) for s in range(args.seeds)]
        if None not in runs:
            rows.append(row_of(point, "single net",
                               [measure(args, r) for r in runs]))
    for given in args.cascade:
        name, _, models = given.partition("=")
        if not models:
            sys.exit("cost_curve: '%s' is no NAME=MODEL" % given)
        rows.append(row_of(name, "cascade",
                           [measure(args, m) for m in models.split(",")]))
    if not rows:
        sys.exit("cost_curve: no points")
    return sorted(rows, key=lambda r: r["macs"])


def frontier(rows, figure):
    """Single nets that no cheaper single net equals, cheapest first."""
    best, out = None, []
    for r in rows:
        v = r[figure] if figure == "end_to_end" else -r[figure]
        if r["kind"] == "single net" and (best is None or v > best):
            best = v
            out.append(r)
    return out


# --- what is written ---------------------------------------------------------

def write_csv(rows, path):
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.DictWriter(f, rows[0].keys(), lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def write_table(args, rows, path):
    on = [r["name"] for r in frontier(rows, "end_to_end")]
    with open(path, "w", encoding="utf-8") as f:
        f.write("Split %s: %d images of a class, %d others; %d seed%s; of a "
                "cascade, multiply-adds where %g %% of the images show a "
                "class. Bold: no cheaper single net is right as often.\n\n" % (
                    args.split, rows[0]["positives"], rows[0]["negatives"],
                    args.seeds, "" if args.seeds == 1 else "s",
                    100 * args.share))
        f.write("| net | M multiply-adds | " +
                " | ".join(t for _, t in FIGURES) + " |\n")
        f.write("|---|" + "---|" * (1 + len(FIGURES)) + "\n")
        for r in rows:
            name = "**%s**" % r["name"] if r["name"] in on else r["name"]
            name += " (cascade)" if r["kind"] == "cascade" else ""
            f.write("| %s | %.4g | %s |\n" % (name, r["macs"] / 1e6, " | ".join(
                "%.1f %%" % (100 * r[k]) for k, _ in FIGURES)))


W, H, LEFT, TOP, INNER_W, INNER_H = 560, 380, 62, 34, 470, 280


LETTER, ROW = 5.4, 12  # of a name: width of a letter, height of a line


def box_of(left, base, wide):
    """Left, top, right, bottom of a name."""
    return left, base - 9, left + wide, base + 2


def meet(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


class Panel:
    """A chart of one figure against multiply-adds, on a log axis."""

    def __init__(self, rows, figure, title, at):
        self.rows, self.figure, self.title, self.at = rows, figure, title, at
        v = [r[figure + e] for r in rows for e in ("_min", "_max")]
        pad = max(0.08 * (max(v) - min(v)), 0.002)
        self.lo, self.hi = max(0, min(v) - pad), min(1, max(v) + pad)
        self.least = math.log10(min(r["macs"] for r in rows)) - 0.08
        self.most = math.log10(max(r["macs"] for r in rows)) + 0.08

    def x(self, macs):
        t = (math.log10(macs) - self.least) / (self.most - self.least)
        return self.at + LEFT + INNER_W * t

    def y(self, v):
        return TOP + INNER_H * (self.hi - v) / (self.hi - self.lo)

    def text(self, x, y, s, more=""):
        s = s.replace("&", "&amp;").replace("<", "&lt;")
        return '<text x="%.1f" y="%.1f" %s>%s</text>' % (x, y, more, s)

    def axes(self):
        out = ['<rect x="%d" y="%d" width="%d" height="%d" fill="none" '
               'stroke="#999"/>' % (self.at + LEFT, TOP, INNER_W, INNER_H),
               self.text(self.at + LEFT, TOP - 12, self.title,
                         'font-weight="bold"'),
               self.text(self.at + LEFT + INNER_W / 2, TOP + INNER_H + 36,
                         "multiply-adds an image", 'text-anchor="middle"')]
        for i in range(5):
            v = self.lo + (self.hi - self.lo) * i / 4
            out.append(self.text(self.at + LEFT - 6, self.y(v) + 4,
                                 "%.1f %%" % (100 * v), 'text-anchor="end"'))
        ticks = [m * 10 ** e for e in range(5, 11) for m in (1, 2, 5)]
        for t in ticks:
            if self.least <= math.log10(t) <= self.most:
                label = "%g G" % (t / 1e9) if t >= 1e9 else "%g M" % (t / 1e6)
                out.append(self.text(self.x(t), TOP + INNER_H + 18, label,
                                     'text-anchor="middle"'))
        return out

    def points(self):
        out = []
        for r in self.rows:
            x, y = self.x(r["macs"]), self.y(r[self.figure])
            cascade = r["kind"] == "cascade"
            out.append('<path d="M%.1f %.1fV%.1f" stroke="#888"/>' % (
                x, self.y(r[self.figure + "_min"]),
                self.y(r[self.figure + "_max"])))
            out.append('<path d="M%.1f %.1fl6 6l-6 6l-6 -6z" fill="#c2410c"/>'
                       % (x, y - 6) if cascade else
                       '<circle cx="%.1f" cy="%.1f" r="4" fill="#1d4ed8"/>'
                       % (x, y))
        return out + self.names()

    def names(self):
        """Each name where it covers no point, no bar and no other name; a thin
        line leads to one that stands further off."""
        out, taken = [], []
        for r in self.rows:
            x, y = self.x(r["macs"]), self.y(r[self.figure])
            taken.append((x - 7, y - 7, x + 7, y + 7))
            taken.append((x - 1, self.y(r[self.figure + "_max"]), x + 1,
                          self.y(r[self.figure + "_min"])))
        for r in self.rows:
            x, y = self.x(r["macs"]), self.y(r[self.figure])
            wide = LETTER * len(r["name"])
            left, base, far = self.free_place(x, y, wide, taken)
            taken.append(box_of(left, base, wide))
            if far:
                near = min(max(x, left), left + wide)
                out.append('<path d="M%.1f %.1fL%.1f %.1f" stroke="#bbb"/>' % (
                    x, y, near, base + (2 if base < y else -9)))
            end = left < x - wide
            out.append(self.text(
                left + wide if end else left, base, r["name"],
                'font-size="10"' + (' text-anchor="end"' if end else "")))
        return out

    def free_place(self, x, y, wide, taken):
        """Left end and base line of a name, and whether it stands off: of the
        places around the point the nearest that is free; beside it where none
        is."""
        right = x > self.at + LEFT + 0.7 * INNER_W
        places = []
        for off in (0, 20, 40, 60):
            sides = [x + 8 + off, x - 8 - wide - off]
            for left in sides[::-1] if right else sides:
                for away in range(0, INNER_H, ROW):
                    places += [(off + away, left, y - 6 - away),
                               (off + away, left, y + 14 + away)]
        places.sort(key=lambda p: p[0])  # equals stay in this order
        for far, left, base in places:
            box = box_of(left, base, wide)
            if self.inside(box) and not any(meet(box, t) for t in taken):
                return left, base, far > 0
        return places[0][1], places[0][2], False

    def inside(self, box):
        return (box[0] >= self.at + LEFT and box[1] >= TOP and
                box[2] <= self.at + LEFT + INNER_W and
                box[3] <= TOP + INNER_H)

    def draw(self):
        line = " ".join("%.1f,%.1f" % (self.x(r["macs"]),
                                       self.y(r[self.figure]))
                        for r in frontier(self.rows, self.figure))
        return self.axes() + [
            '<polyline points="%s" fill="none" stroke="#1d4ed8" '
            'stroke-dasharray="4 3"/>' % line] + self.points()


def write_svg(rows, path):
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" '
           'font-family="sans-serif" font-size="12">' % (W * 2, H),
           '<rect width="100%" height="100%" fill="#fff"/>']
    for i, (figure, title) in enumerate(FIGURES[:2]):
        out += Panel(rows, figure, title, W * i).draw()
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(out + ["</svg>"]) + "\n")


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("data")
    p.add_argument("--out", required=True)
    p.add_argument("--split", default="valid",
                   choices=["train", "valid", "test", "all"])
    p.add_argument("--seeds", type=int, default=1)
    p.add_argument("--share", type=float, default=0.01,
                   help="of images that show a class, for the cost of a cascade")
    p.add_argument("--weights", help="folder of efficientnet-lite*.safetensors")
    p.add_argument("--point", dest="points", action="append", default=[],
                   help="NET@PX or mobilenetv4:WIDTH@PX; may be repeated")
    p.add_argument("--cascade", action="append", default=[],
                   help="NAME=MODEL[,MODEL...], one model a seed")
    p.add_argument("--with", dest="options", action="append", default=[],
                   help="more options of train, such as tune=head-first")
    p.add_argument("--program", default=os.path.join(
        ROOT, "build", "pipelines", "bearcascade"))
    args = p.parse_args()
    os.makedirs(args.out, exist_ok=True)
    rows = collect(args)
    write_csv(rows, os.path.join(args.out, "curve.csv"))
    write_table(args, rows, os.path.join(args.out, "curve.md"))
    write_svg(rows, os.path.join(args.out, "curve.svg"))
    with open(os.path.join(args.out, "curve.md"), encoding="utf-8") as f:
        print(f.read(), end="")


if __name__ == "__main__":
    main()
