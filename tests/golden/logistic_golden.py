#!/usr/bin/env python3
"""Write logistic.json: regressions that tests/unit/train/check_logistic_golden.c
compares common/train/logistic.h with.

    python3 -m venv venv
    venv/bin/pip install numpy scikit-learn
    venv/bin/python logistic_golden.py > logistic.json

Features, labels and weights are drawn here, rounded, and stored with the
coefficients that scikit-learn finds on the standardised features, at a
gradient of 1e-9. scikit-learn's C is 1 / (strength * sum of weights)."""
import json
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression


def standardised(x, w):
    mean = np.average(x, axis=0, weights=w)
    dev = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=w))
    return (x - mean) / dev


def fit(s, y, w, strength):
    m = LogisticRegression(C=1 / (strength * w.sum()), tol=1e-10,
                           max_iter=100000, solver="newton-cg"
                           if len(set(y)) > 2 else "newton-cholesky")
    m.fit(s, y, sample_weight=w)
    return m


def softmax(rng, n, d, k, strength):
    y = rng.integers(0, k, n)
    x = np.round(rng.normal(size=(n, d)) * rng.uniform(.2, 5, d)
                 + rng.normal(size=(k, d))[y] + 3, 3).astype(np.float32)
    w = np.round(rng.uniform(.2, 3, n), 2)
    s = standardised(x.astype(float), w)
    if k == 2:  # two outputs: each has half of the difference
        m = fit(s, y, w, strength / 2)
        z = s @ m.coef_[0] + m.intercept_[0]
        logits = np.stack([-z / 2, z / 2], 1)
    else:
        m = fit(s, y, w, strength)
        logits = s @ m.coef_.T + m.intercept_
    logits -= logits.mean(axis=1, keepdims=True)
    return {"n": n, "d": d, "k": k, "strength": strength,
            "x": [float(v) for v in np.round(x.ravel().astype(float), 3)],
            "y": y.tolist(), "w": w.tolist(),
            "logits": np.round(logits.ravel(), 9).tolist()}


def sigmoid(rng, n, d, k, strength):
    y = rng.integers(-1, k, n)
    x = np.round(rng.normal(size=(n, d))
                 + rng.normal(size=(k + 1, d))[y], 3).astype(np.float32)
    w = np.round(rng.uniform(.2, 3, n), 2)
    s = standardised(x.astype(float), w)
    logits = np.stack([fit(s, y == j, w, strength).decision_function(s)
                       for j in range(k)], 1)
    return {"n": n, "d": d, "k": k, "strength": strength,
            "x": [float(v) for v in np.round(x.ravel().astype(float), 3)],
            "y": y.tolist(), "w": w.tolist(),
            "logits": np.round(logits.ravel(), 9).tolist()}


rng = np.random.default_rng(7)
json.dump({
    "softmax": [softmax(rng, 60, 5, 3, .01), softmax(rng, 40, 12, 4, .1),
                softmax(rng, 50, 7, 2, .003)],
    "sigmoid": [sigmoid(rng, 60, 6, 3, .02)],
    # fewer rows than features
    "wide softmax": [softmax(rng, 30, 45, 3, .01), softmax(rng, 20, 21, 2, .1)],
    "wide sigmoid": [sigmoid(rng, 25, 40, 2, .02)],
}, sys.stdout)
