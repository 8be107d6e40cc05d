#!/usr/bin/env python3
"""Write eval.json: figures that tests/unit/eval compare common/eval with.

    python3 -m venv venv
    venv/bin/pip install numpy scipy scikit-learn mpmath statsmodels
    venv/bin/python eval_golden.py > eval.json

Scores, probabilities and logits are drawn here, rounded, and stored with the
answers of scipy, scikit-learn and statsmodels (or, for special functions,
mpmath at 60 digits), so the C tests need none of these."""
import json
import sys

import mpmath
import numpy as np
import scipy
import sklearn
from scipy import optimize, special, stats
from sklearn import metrics
from statsmodels.stats import multitest

mpmath.mp.dps = 60


def ranking(rng, n, decimals, shift):
    y = (rng.random(n) < 0.4).astype(int)
    s = np.round(rng.normal(size=n) + shift * y, decimals)
    fpr, tpr, thr = metrics.roc_curve(y, s, drop_intermediate=False)
    prec, rec, _ = metrics.precision_recall_curve(y, s)

    def fpr_at(target):
        i = int(np.flatnonzero(tpr >= target)[0])
        return [float(thr[i]), float(tpr[i]), float(fpr[i])]

    return {
        "score": s.tolist(), "positive": y.tolist(),
        "area": metrics.roc_auc_score(y, s),
        "mann_whitney": stats.mannwhitneyu(s[y == 1], s[y == 0]).statistic
        / (y.sum() * (1 - y).sum()),
        "average_precision": metrics.average_precision_score(y, s),
        "fpr": fpr.tolist()[::7], "tpr": tpr.tolist()[::7],
        # from the highest score down, without the added end point (0, 1)
        "precision": prec[::-1][1:].tolist()[::7],
        "at95": fpr_at(0.95), "at99": fpr_at(0.99),
    }


def ece(conf, hit, m=15):
    edges = np.arange(m + 1) / m
    b = np.clip(np.digitize(conf, edges, right=True) - 1, 0, m - 1)
    return sum(abs(hit[b == i].mean() - conf[b == i].mean()) * (b == i).mean()
               for i in range(m) if (b == i).any())


def binary(rng, n):
    z = np.round(rng.normal(scale=3, size=n), 4)
    y = (rng.random(n) < special.expit(0.5 * z - 0.3)).astype(int)
    p = special.expit(z)

    def loss(v):
        u = np.exp(v) * z
        return np.mean(np.logaddexp(0, u) - y * u)

    temp = optimize.minimize_scalar(loss, bracket=(-1, 0), tol=1e-14)
    return {
        "logit": z.tolist(), "positive": y.tolist(),
        "ece": ece(p, y), "brier": metrics.brier_score_loss(y, p),
        "nll": metrics.log_loss(y, p),
        "temperature": 1 / float(np.exp(temp.x)), "nll_after": temp.fun,
    }


def classes(rng, n, k):
    z = np.round(rng.normal(scale=2, size=(n, k)), 3)
    p = special.softmax(z, axis=1)
    y = np.array([rng.choice(k, p=r) for r in special.softmax(z / 1.7, axis=1)])
    best = p.argmax(axis=1)
    prec, rec, f1, _ = metrics.precision_recall_fscore_support(y, best)
    temp = optimize.minimize_scalar(
        lambda v: -np.mean(special.log_softmax(z * np.exp(v), axis=1)[
            np.arange(n), y]), bracket=(-1, 0), tol=1e-14)
    return {
        "k": k, "logits": z.ravel().tolist(), "truth": y.tolist(),
        "confusion": metrics.confusion_matrix(y, best).ravel().tolist(),
        "accuracy": metrics.accuracy_score(y, best),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, best),
        "macro_f1": metrics.f1_score(y, best, average="macro"),
        "precision": prec.tolist(), "recall": rec.tolist(), "f1": f1.tolist(),
        "ece": ece(p.max(axis=1), (best == y).astype(int)),
        "nll": metrics.log_loss(y, p),
        "temperature": 1 / float(np.exp(temp.x)), "nll_after": temp.fun,
    }


def open_set(rng, n):
    known = np.round(rng.normal(1, 1, n), 1)
    right = (rng.random(n) < 0.8).astype(int)
    unknown = np.round(rng.normal(0, 1, n), 1)
    grid = [np.inf] + sorted(set(known) | set(unknown), reverse=True)
    ccr = [np.mean((known >= t) & (right == 1)) for t in grid]
    fpr = [np.mean(unknown >= t) for t in grid]
    return {"known": known.tolist(), "right": right.tolist(),
            "unknown": unknown.tolist(), "area": float(np.trapezoid(ccr, fpr))}


def beta_rows():
    rows = []
    for a, b in [(0.5, 0.5), (1, 1), (2, 3), (0.01, 7), (1e-3, 1e-3), (40, 2.5),
                 (300, 1), (1, 300), (95, 6), (1000, 1200), (5e4, 4e4),
                 (1e6, 1e6), (999000, 1001)]:
        mean = a / (a + b)
        sd = (mean * (1 - mean) / (a + b + 1)) ** 0.5
        for x in {mean, mean - 3 * sd, mean + 3 * sd, 0.1, 0.999}:
            if not 0 < x < 1:
                continue
            x = float(x)
            lo = exact_beta(a, b, x)
            hi = 1 - lo
            if lo > 1e-280 and hi > 1e-280:
                rows.append([a, b, x, float(lo), float(hi)])
    return rows


def exact_beta(a, b, x):
    """I_x(a,b) by the series of DLMF 8.17.8, all terms of one sign."""
    a, b, x = mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(x)
    if x > (a + 1) / (a + b + 2):
        return 1 - exact_beta(b, a, 1 - x)
    term = total = mpmath.mpf(1)
    n = 0
    while term > total * mpmath.mpf(10) ** -45:
        term *= (a + b + n) / (a + 1 + n) * x
        total += term
        n += 1
    front = mpmath.exp(a * mpmath.log(x) + b * mpmath.log(1 - x)
                       + mpmath.loggamma(a + b) - mpmath.loggamma(a)
                       - mpmath.loggamma(b)) / a
    return front * total


def clopper_rows():
    rows = []
    for k, n in [(0, 1), (1, 1), (0, 30), (30, 30), (1, 30), (29, 30), (5, 10),
                 (95, 100), (57, 60), (2997, 3000), (1, 100000),
                 (50000, 100000)]:
        for conf in (0.9, 0.95, 0.99):
            low = stats.binomtest(k, n, alternative="greater").proportion_ci(
                conf, "exact").low
            high = stats.binomtest(k, n, alternative="less").proportion_ci(
                conf, "exact").high
            rows.append([k, n, conf, low, high])
    return rows


def holm_rows():
    """p values and what Holm's adjustment makes of them, ties included."""
    rng = np.random.default_rng(3)
    lists = [[0.04, 0.01, 0.03, 0.005], [0.2], [0.5, 0.5, 0.01, 0.01],
             [0, 1, 0.3], np.round(rng.random(25) ** 3, 6).tolist()]
    return [{"p": p, "adjusted":
             multitest.multipletests(p, method="holm")[1].tolist()}
            for p in lists]


def resampled():
    """Percentile intervals of a ROC area and of the difference of two on the
    same items, positives and negatives drawn apart: scipy.stats.bootstrap on
    the indices of both."""
    rng = np.random.default_rng(4)
    y = np.array([1] * 45 + [0] * 75)
    a = np.round(rng.normal(size=120) + 1.2 * y, 1)
    b = np.round(0.6 * a + rng.normal(size=120), 1)
    pos, neg = np.flatnonzero(y == 1), np.flatnonzero(y == 0)

    def wins(s):
        return (s[:, None] > s) + 0.5 * (s[:, None] == s)

    def interval(w):
        def area(p, n):
            return w[np.ix_(p, n)].mean()
        got = stats.bootstrap((pos, neg), area, n_resamples=100000,
                              vectorized=False, method="percentile",
                              rng=np.random.default_rng(5))
        return [area(pos, neg), got.confidence_interval.low,
                got.confidence_interval.high]

    return {"positive": y.tolist(), "a": a.tolist(), "b": b.tolist(),
            "area": interval(wins(a)),
            "difference": interval(wins(a) - wins(b))}


def main():
    rng = np.random.default_rng(20240607)
    binom = [[n, k, p, stats.binom.cdf(k, n, p)]
             for n, k, p in [(1, 1, 0.3), (10, 0, 0.2), (10, 3, 0.2),
                             (10, 10, 0.2), (60, 57, 0.95), (1000, 500, 0.5),
                             (1000, 700, 0.5), (100000, 123, 1e-3)]]
    out = {
        "made_by": "eval_golden.py, numpy %s, scipy %s, scikit-learn %s" %
                   (np.__version__, scipy.__version__, sklearn.__version__),
        "ranking": [ranking(rng, 200, 1, 1.5), ranking(rng, 150, 6, 3.0),
                    ranking(rng, 60, 0, 0.5)],
        "binary": binary(rng, 200), "classes": classes(rng, 120, 4),
        "open_set": open_set(rng, 120),
        "beta": beta_rows(), "clopper_pearson": clopper_rows(), "binom": binom,
        "beta_inverse": [[a, b, p, float(special.betaincinv(a, b, p))]
                         for a, b in [(0.5, 0.5), (2, 3), (1, 30), (95, 6),
                                      (5e4, 4e4)]
                         for p in (1e-6, 0.025, 0.5, 0.975)],
        "mcnemar": [[b, c, stats.binomtest(b, b + c, 0.5).pvalue]
                    for b, c in [(1, 0), (5, 1), (3, 3), (25, 9), (0, 12),
                                 (400, 470)]],
        "holm": holm_rows(), "bootstrap": resampled(),
    }
    json.dump(out, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
