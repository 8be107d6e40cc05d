"""What evaluate reports, computed again from classify's predictions.

    evaluate.py thresholds PROGRAM MODEL DATA OUT
    evaluate.py figures PROGRAM MODEL DATA
    evaluate.py text PROGRAM MODEL DATA
    evaluate.py policy PROGRAM MODEL DATA RECALL

Written from the definitions, with the standard library alone. Predictions
have six decimals, so figures that use their values are compared to 2e-6;
shares and ranks are exact but for scores that six decimals make equal.
"""
import csv
import fnmatch
import hashlib
import io
import json
import math
import os
import re
import struct
import subprocess
import sys

ROUNDED = 2e-6
SUBSETS = {"some": ("*[02468].jpg", None), "few": ("*", "*e*,plush")}


def call(program, *args, status=0):
    r = subprocess.run([program, *args], capture_output=True, text=True)
    assert r.returncode == status, (args, r.returncode, r.stderr)
    return r.stdout


def header(path):
    data = open(path, "rb").read()
    n, = struct.unpack("<Q", data[:8])
    return json.loads(data[8:8 + n]), data[8 + n:]


# --- predictions -------------------------------------------------------------

class Image:
    """One line of classify, with the truth that its path tells."""

    def __init__(self, row, classes, root):
        self.path = row["file"]
        inside = os.path.relpath(self.path, root).split(os.sep)
        self.truth = inside[1] if inside[1] in classes else "none"
        self.family = (inside[2] if self.truth == "none" and len(inside) > 3
                       else None)
        self.readable = row["error"] == ""
        if self.readable:
            self.gate = float(row["p_positive"]) # the score that is ranked
            self.first = float(row.get("p_gate", row["p_positive"]))
            self.none = float(row.get("p_none", 0))
            self.stage = row["stage"]
            self.p = {c: float(row[c]) for c in classes}
            self.label = row["label"]
            self.kind = row["verdict"]
            self.best = max(classes, key=lambda c: self.p[c])
            with open(self.path, "rb") as f:
                self.content = hashlib.sha256(f.read()).digest()

    @property
    def positive(self):
        return self.truth != "none"


def classify(program, model, data, classes, part="test", status=3):
    out = call(program, "classify", "--model", model, "--format", "csv",
               "--all-stages", os.path.join(data, part), status=status)
    rows = list(csv.DictReader(io.StringIO(out), strict=True))
    # Paths begin with the folder that was given.
    assert all(os.path.exists(r["file"]) for r in rows)
    return [Image(r, classes, data) for r in rows]


def check_verdicts(images, model):
    meta = header(model)[0]["__metadata__"]
    first = json.loads(meta["gate.policy"])["threshold"]
    both = json.loads(meta.get("cascade.policy", "null"))
    reject = json.loads(meta["species.policy"])["reject_threshold"]
    unknown = json.loads(meta["species.net"])["outputs"][-1] == "?"
    gate = both["none_threshold"] if both else first
    for i in images:
        if both and abs(i.first - first) > ROUNDED:
            score = (i.first * min(1, gate / first) if i.first < first else
                     1 - i.none)
            assert abs(score - i.gate) <= ROUNDED, i.path
            if i.kind == "none":
                assert (i.stage == "gate") == (i.first < first), i.path
        if abs(i.gate - gate) > ROUNDED:
            assert (i.kind != "none") == (i.gate > gate), i.path
        top = sum(i.p.values()) if unknown else i.p[i.best]
        if i.kind != "none" and abs(top - reject) > ROUNDED:
            assert i.kind == ("class" if top > reject else "unknown")
            assert i.label == (i.best if top > reject else "unknown")
        if i.kind == "none":
            assert i.label == "none"


# --- the definitions
# -----------------------------------------------------------

def share(flags):
    flags = list(flags)
    return sum(flags) / len(flags) if flags else None


def roc_area(positive, negative):
    """P(a positive scores above a negative), ties half."""
    if not positive or not negative:
        return None
    wins = sum(1.0 if p > q else 0.5 if p == q else 0.0
               for p in positive for q in negative)
    return wins / (len(positive) * len(negative))


def average_precision(positive, negative):
    """Mean over the positives of the precision where each is reached."""
    if not positive or not negative:
        return None
    total = 0
    for t in positive:
        hits = sum(p >= t for p in positive)
        total += hits / (hits + sum(q >= t for q in negative))
    return total / len(positive)


def fpr_at_recall(positive, negative, recall):
    """The least false-positive rate of any threshold with that recall."""
    if not positive or not negative:
        return None
    return min(share(q >= t for q in negative) for t in set(positive + negative)
               if share(p >= t for p in positive) >= recall)


def calibration_error(p, hit):
    """15 equal bins, open below."""
    error = 0
    for b in range(15):
        inside = [(x, h) for x, h in zip(p, hit)
                  if b / 15 < x <= (b + 1) / 15 or (b == 0 and x == 0)]
        if inside:
            mean = sum(x for x, _ in inside) / len(inside)
            rate = sum(h for _, h in inside) / len(inside)
            error += len(inside) / len(p) * abs(mean - rate)
    return error


def binomial_quantile(n, rate, q):
    total = 0.0
    for k in range(n + 1):
        total += math.comb(n, k) * rate ** k * (1 - rate) ** (n - k)
        if total >= q:
            return k / n
    return 1.0


# --- comparing
# -----------------------------------------------------------------

class Report:
    def __init__(self, got, images, classes):
        self.got = got
        self.classes = classes
        self.good = [i for i in images if i.readable]
        self.bad = [i for i in images if not i.readable]
        self.positives = [i for i in self.good if i.positive]
        self.negatives = [i for i in self.good if not i.positive]

    def near(self, what, got, want, tolerance=1e-9):
        if want is None or got is None:
            assert got is None and want is None, (what, got, want)
            return
        assert abs(got - want) <= tolerance, (self.got["title"], what, got,
                                              want)

    def rounded_ties(self, negatives):
        """Negatives that six decimals tie with another file's score."""
        seen = {}
        for i in self.positives + negatives:
            seen.setdefault(i.gate, set()).add(i.content)
        return sum(len(seen[i.gate]) > 1 for i in negatives)

    def share(self, what, got, flags):
        """A share, and the interval that resampling as many rows gives."""
        flags = list(flags)
        self.near(what, got["value"], share(flags))
        if not flags:
            return
        n, value = len(flags), got["value"]
        if value in (0, 1): # resampling would show no width
            self.near(what, abs(got["hi"] - got["lo"]), 1 - 0.025 ** (1 / n))
            assert value in (got["lo"], got["hi"]), (what, got)
            return
        for end, q in (("lo", 0.025), ("hi", 0.975)):
            self.near((what, end), got[end], binomial_quantile(n, value, q),
                      1.01 / n)
        assert got["lo"] <= value <= got["hi"], (what, got)

    def ranking(self):
        p = [i.gate for i in self.positives]
        n = [i.gate for i in self.negatives]
        # Each score that rounding tied moves the ranks by one at most.
        loose = 1e-9 + self.rounded_ties(self.negatives) / max(len(n), 1)
        self.near("roc_area", self.got["roc_area"]["value"], roc_area(p, n),
                  loose)
        self.near("average_precision", self.got["average_precision"]["value"],
                  average_precision(p, n), loose)

    def family(self, got, name, negatives):
        assert got["family"] == name and got["n"] == len(negatives), got
        p = [i.gate for i in self.positives]
        n = [i.gate for i in negatives]
        loose = 1e-9 + self.rounded_ties(negatives) / max(len(n), 1)
        for key, recall in (("fpr95", 0.95), ("fpr99", 0.99)):
            self.near((name, key), got[key]["value"],
                      fpr_at_recall(p, n, recall), loose)
        self.share((name, "fpr"), got["fpr"],
                   (i.kind != "none" for i in negatives))

    def families(self):
        self.family(self.got["all_negatives"], "all", self.negatives)
        names = sorted({i.family for i in self.negatives if i.family})
        assert [f["family"] for f in self.got["families"]] == names
        for f in self.got["families"]:
            self.family(f, f["family"], [i for i in self.negatives
                                         if i.family == f["family"]])

    def shares(self):
        for key, rows, flag in (
                ("fnr", self.positives, lambda i: i.kind == "none"),
                ("species_accuracy", self.positives,
                 lambda i: i.best == i.truth),
                ("unknown_rate", self.positives,
                 lambda i: i.kind == "unknown")):
            self.share(key, self.got[key], map(flag, rows))
        self.near("end_to_end", self.got["end_to_end"]["value"],
                  share(i.label == i.truth for i in self.good))

    def calibration(self):
        gate = [i.gate for i in self.good]
        truth = [i.positive for i in self.good]
        self.near("gate_ece", self.got["gate_ece"],
                  calibration_error(gate, truth), ROUNDED)
        self.near("gate_brier", self.got["gate_brier"],
                  sum((p - y) ** 2 for p, y in zip(gate, truth)) / len(gate),
                  ROUNDED)
        if self.positives:
            self.near("species_ece", self.got["species_ece"],
                      calibration_error([i.p[i.best] for i in self.positives],
                                        [i.best == i.truth
                                         for i in self.positives]), ROUNDED)

    def stages(self):
        for stage in ("gate", "species"):
            said = [i for i in self.good
                    if i.kind == "none" and i.stage == stage]
            n = sum(i.positive for i in said)
            assert self.got["none_by_" + stage] == {
                "positives": n, "negatives": len(said) - n}, (stage, n)

    def confusion(self):
        truth = self.classes + ["none"]
        verdicts = truth + ["unknown"]
        assert self.got["truth"] == truth, self.got["truth"]
        assert self.got["verdicts"] == verdicts, self.got["verdicts"]
        want = [[sum(i.truth == t and i.label == v for i in self.good)
                 for v in verdicts] for t in truth]
        assert self.got["confusion"] == want, (self.got["confusion"], want)
        return want

    def check(self):
        assert self.got["positives"] == len(self.positives)
        assert self.got["negatives"] == len(self.negatives)
        assert self.got["unreadable"] == len(self.bad)
        self.ranking()
        self.families()
        self.shares()
        self.calibration()
        self.stages()
        return self.confusion()


def in_subset(image, name):
    if name == "test":
        return True
    glob, families = SUBSETS[name]
    if image.positive:
        return fnmatch.fnmatchcase(os.path.basename(image.path), glob)
    return families is None or any(
        fnmatch.fnmatchcase(image.family or "", f) for f in families.split(","))


def subset_options():
    return [x for name, (glob, families) in SUBSETS.items()
            for x in ("--subset", f"{name}={glob}"
                      + (f":{families}" if families else ""))]


def figures(program, model, data):
    classes = json.loads(header(model)[0]["__metadata__"]["classes"])
    images = classify(program, model, data, classes)
    readable = [i for i in images if i.readable]
    assert len(images) - len(readable) == 2 and len(readable) > 40
    check_verdicts(readable, model)
    got = json.loads(call(program, "evaluate", "--model", model, data, "--json",
                          "--bootstrap", "2000", *subset_options()))
    assert [g["title"] for g in got] == ["test", *SUBSETS]
    for g in got:
        Report(g, [i for i in images if in_subset(i, g["title"])],
               classes).check()
        assert g["ms_gate"] > 0 and g["ms_species"] > 0


# --- a model that gives every verdict
# -------------------------------------------

def thresholds(program, model, data, out):
    head, body = header(model)
    meta = head["__metadata__"]
    classes = json.loads(meta["classes"])
    images = [i for i in classify(program, model, data, classes) if i.readable]
    gate, species, both = (json.loads(meta[k + ".policy"])
                           for k in ("gate", "species", "cascade"))

    def third(values):
        """Between two values, a third of them below."""
        values = sorted(set(values))
        return sum(values[len(values) // 3:][:2]) / 2

    gate["threshold"] = third(i.first for i in images)
    passed = [i for i in images if i.first > gate["threshold"]]
    both["none_threshold"] = third(1 - i.none for i in passed)
    unknown = json.loads(meta["species.net"])["outputs"][-1] == "?"
    species["reject_threshold"] = third(
        sum(i.p.values()) if unknown else i.p[i.best] for i in passed if 1 - i.none > both["none_threshold"])
    meta["gate.policy"] = json.dumps(gate)
    meta["cascade.policy"] = json.dumps(both)
    meta.pop("xxh3", None) # of the file as it was
    meta["species.policy"] = json.dumps(species)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 64)
    with open(out, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)
    kinds = {(i.positive, i.kind, i.stage)
             for i in classify(program, out, data, classes) if i.readable}
    assert len(kinds) == 8, kinds # none by either stage
    assert {i.best for i in images} == set(classes)


# --- the printed text
# ------------------------------------------------------------

def number_after(text, label):
    found = re.findall(rf"^ *{re.escape(label)} +([0-9.]+)(.*)$", text, re.M)
    assert len(found) == 1, (label, found)
    return found[0]


def text(program, model, data):
    options = ["--model", model, data, "--bootstrap", "300"]
    got = json.loads(call(program, "evaluate", *options, "--json"))[0]
    out = call(program, "evaluate", *options)
    every = got["all_negatives"]
    who = ("cascade" if "cascade.policy" in header(model)[0]["__metadata__"]
           else "gate")
    for label, f in {
            f"{who}: ROC area": got["roc_area"],
            f"{who}: average precision": got["average_precision"],
            f"{who}: false-positive rate at 95 % recall": every["fpr95"],
            f"{who}: false-positive rate at 99 % recall": every["fpr99"],
            f"{who}: false-negative rate at its threshold": got["fnr"],
            f"{who}: false-positive rate at its threshold": every["fpr"],
            "species accuracy behind a perfect gate": got["species_accuracy"],
            "positives called unknown": got["unknown_rate"],
            "end to end: right verdicts": got["end_to_end"]}.items():
        value, rest = number_after(out, label)
        assert value == "%.4f" % f["value"], (label, value, f)
        assert rest.strip() == "[%.4f, %.4f]" % (f["lo"], f["hi"]), rest
    value, rest = number_after(out, f"{who}: expected calibration error")
    assert value == "%.4f" % got["gate_ece"]
    assert rest.strip() == "(Brier score %.4f)" % got["gate_brier"], rest
    value, _ = number_after(out, "species: expected calibration error")
    assert value == "%.4f" % got["species_ece"]
    for name, key in (("negatives", "negatives"), ("positives", "positives")):
        want = "%d + %d" % tuple(got["none_by_" + s][key]
                                 for s in ("gate", "species"))
        assert who == "gate" or re.search(
            rf"^ *{name} rejected, by gate \+ species +{re.escape(want)}$",
            out, re.M), want
    lines = [line.split() for line in out.splitlines()]
    for f in [every, *got["families"]]:
        want = [f["family"], str(f["n"])] + [
            "%.4f" % f[k]["value"] for k in ("fpr95", "fpr99", "fpr")]
        assert sum(line[:5] == want for line in lines) == 1, want
    assert got["verdicts"] in lines
    for name, row in zip(got["truth"][:-1] + ["(negative)"], got["confusion"]):
        assert [name, *map(str, row)] in lines, (name, row)


# --- the promise of both stages
# -------------------------------------------

def policy(program, model, data, recall, gate_recall="0"):
    """The thresholds of a trained model, chosen again on the valid part."""
    meta = header(model)[0]["__metadata__"]
    got, gate = (json.loads(meta[k + ".policy"]) for k in ("cascade", "gate"))
    images = classify(program, model, data, json.loads(meta["classes"]),
                      "valid", 0)
    positives = [i for i in images if i.positive]
    negatives = [i for i in images if not i.positive]
    n = len(positives)
    spare = n - math.ceil(float(recall) * n)
    assert got["min_recall"] == float(recall) and spare > 1, (got, n)
    assert got["n_positives"] == n and got["n_negatives"] == len(negatives)
    by_gate = min(spare, n - math.ceil(float(gate_recall) * n))
    assert got["n_splits"] == by_gate + 1

    def kept(rows, t1, t2):
        return sum(i.first >= t1 - ROUNDED and 1 - i.none >= t2 - ROUNDED
                   for i in rows)

    first = sorted(i.first for i in positives)
    fpr = []
    for a in range(by_gate + 1):
        t1 = first[a]
        t2 = sorted(1 - i.none for i in positives
                    if i.first >= t1)[spare - a]
        fpr.append(kept(negatives, t1, t2) / len(negatives))
    t1, t2 = gate["threshold"], got["none_threshold"]
    assert abs(got["recall"] - kept(positives, t1, t2) / n) < 1e-9
    assert got["recall"] >= float(recall)
    # A negative that six decimals tie with a threshold counts or does not.
    assert abs(got["fpr"] - min(fpr)) <= 1.01 / len(negatives), (got, fpr)
    assert abs(gate["recall"] - sum(i.first >= t1 - ROUNDED
                                    for i in positives) / n) < 1e-9
    assert got["recall_lower"] < got["recall"] < 1 and got["fpr"] < got["fpr_upper"]


if __name__ == "__main__":
    {"thresholds": thresholds, "figures": figures, "policy": policy,
     "text": text}[sys.argv[1]](*sys.argv[2:])
