/* data.js - the comparison as arrays, the decision rule, figures of a
 * threshold. Everything here is computed again from the scores. */
(function (B) {
    "use strict";

    var NONE = -1, UNKNOWN = -2;

    B.NONE = NONE;
    B.UNKNOWN = UNKNOWN;

    function numbers(list, n) {
        var out = new Float64Array(n).fill(NaN);
        B.list(list).slice(0, n).forEach(function (x, i) {
            out[i] = typeof x === "number" ? x : NaN;
        });
        return out;
    }

    /* Most likely class (the first on ties) and what the reject threshold
     * applies to: its probability, or what the run says is known. At one class
     * there is nothing to choose. */
    function best(run, n, k) {
        run.best = new Int32Array(n);
        run.trust = new Float64Array(n).fill(NaN);
        if (B.list(run.raw.best).length === n) { /* of many classes */
            run.best = Int32Array.from(run.raw.best);
            run.trust = numbers(run.known.length === n ? run.known
                : run.raw.best_p, n);
            return;
        }
        for (var i = 0; i < n; i++) {
            var row = B.list(run.p[i]);
            for (var j = 0; j < k; j++) {
                if (typeof row[j] === "number" &&
                    !(row[j] <= run.trust[i])) {
                    run.trust[i] = row[j];
                    run.best[i] = j;
                }
            }
            if (run.known.length === n) {
                run.trust[i] = run.known[i];
            }
        }
    }

    function makeRun(raw, n, k) {
        var run = {
            seed: raw.seed, raw: raw, p: B.list(raw.p),
            known: B.list(raw.known),
            score: numbers(raw.p_positive, n),
            threshold: B.known(raw.threshold) ? raw.threshold : 0.5,
            reject_threshold: B.known(raw.reject_threshold) ?
                raw.reject_threshold : 0
        };
        best(run, n, k);
        return run;
    }

    /* Read the comparison. Returns null when there is none. */
    B.load = function (c) {
        if (!c || !c.test) {
            return null;
        }
        var n = B.list(c.test.label).length, k = B.list(c.classes).length;
        var d = {
            raw: c, n: n, k: k, classes: B.list(c.classes),
            families: B.list(c.families), files: B.list(c.test.files),
            label: Int32Array.from(c.test.label, function (x) {
                return typeof x === "number" && x >= 0 && x < k ? x : NONE;
            }),
            family: B.list(c.test.family), positives: 0
        };
        d.label.forEach(function (x) {
            d.positives += x !== NONE;
        });
        d.systems = B.list(c.systems).map(function (s, i) {
            return {
                name: s.name, index: i, raw: s, cost: s.cost || {},
                figures: s.figures || {}, cascade: /^cascade/.test(s.name),
                runs: B.list(s.runs).map(function (r) {
                    return makeRun(r, n, k);
                })
            };
        });
        d.cascade = d.systems.filter(function (s) {
            return s.cascade;
        })[0] || null;
        return d;
    };

    B.system = function (name) {
        return B.data ? B.data.systems.filter(function (s) {
            return s.name === name;
        })[0] : undefined;
    };

    /* What is said of image i: a class, NONE or UNKNOWN. */
    B.verdict = function (system, run, i, threshold, reject_threshold) {
        if (!(run.score[i] >= threshold)) {
            return NONE;
        }
        if (system.cascade && B.data.k > 1 && run.trust[i] < reject_threshold) {
            return UNKNOWN;
        }
        return run.best[i];
    };

    B.verdictName = function (v) {
        return v === NONE ? "none" : v === UNKNOWN ? "unknown"
            : String(B.data.classes[v]);
    };

    /* Rows: truth (classes, none); columns: verdict (classes, none,
     * unknown). */
    B.confusion = function (system, run, threshold, reject_threshold) {
        var d = B.data, rows = [];
        for (var r = 0; r <= d.k; r++) {
            rows.push(new Array(d.k + 2).fill(0));
        }
        for (var i = 0; i < d.n; i++) {
            var v = B.verdict(system, run, i, threshold, reject_threshold);
            rows[d.label[i] === NONE ? d.k : d.label[i]][
                v === NONE ? d.k : v === UNKNOWN ? d.k + 1 : v] += 1;
        }
        return rows;
    };

    function ratio(a, b) {
        return b > 0 ? a / b : null;
    }

    function macroF1(m, k) {
        var sum = 0, n = 0;
        for (var c = 0; c <= k; c++) {
            var support = 0, said = 0;
            for (var j = 0; j < k + 2; j++) {
                support += m[c][j];
            }
            for (var r = 0; r <= k; r++) {
                said += m[r][c];
            }
            if (support + said > 0) {
                sum += 2 * m[c][c] / (support + said);
                n += 1;
            }
        }
        return ratio(sum, n);
    }

    /* Costs of an image: the gate (or the only net), and the species net. */
    B.prices = function (system) {
        var c = system.cost;
        function num(x, other) {
            return B.known(x) ? x : other;
        }
        var bulk = num(c.ms_bulk, null);
        function rungs(name) {
            return B.list(c.rungs).map(function (r) {
                return {cost: r[name], go_on: r.go_on};
            });
        }
        return {
            macs: [num(c.macs_gate, null), num(c.macs_species, 0),
                rungs("macs")],
            ms: [num(c.ms_gate_bulk, system.cascade ? null : bulk),
                num(c.ms_species_bulk, system.cascade ? null : 0),
                rungs("ms_bulk")]
        };
    };

    /* Up to the gate: each net times the share of images that come to it. */
    function ladder(price, prevalence) {
        var sum = 0, reach = 1;
        price[2].forEach(function (r) {
            sum += reach * r.cost;
            reach = prevalence * r.go_on.positives +
                (1 - prevalence) * r.go_on.negatives;
        });
        return sum + reach * price[0];
    }

    /* Expected cost of one image: prices [gate, species, rungs]. */
    B.expected = function (price, recall, fpr, prevalence) {
        if (price[0] === null || price[1] === null) {
            return null;
        }
        if (price[1] === 0) {
            return ladder(price, prevalence);
        }
        return recall === null || fpr === null ? null :
            ladder(price, prevalence) +
            (prevalence * recall + (1 - prevalence) * fpr) * price[1];
    };

    function named(run) {
        var right = 0;
        for (var i = 0; i < B.data.n; i++) {
            right += B.data.label[i] !== NONE &&
                run.best[i] === B.data.label[i];
        }
        return right;
    }

    function figures(system, run, m) {
        var d = B.data, k = d.k, right = 0, passed = 0, unknown = 0;
        var negatives = d.n - d.positives, falsePositives = 0;
        for (var r = 0; r <= k; r++) {
            right += m[r][r];
            if (r < k) {
                unknown += m[r][k + 1];
                for (var j = 0; j < k + 2; j++) {
                    passed += j === k ? 0 : m[r][j];
                }
            }
        }
        falsePositives = negatives - m[k][k];
        return {
            recall: ratio(passed, d.positives),
            fpr: ratio(falsePositives, negatives),
            unknown_rate: ratio(unknown, d.positives),
            species_accuracy: ratio(named(run), d.positives),
            end_to_end: ratio(right, d.n), macro_f1: macroF1(m, k)
        };
    }

    /* Figures of one run at a threshold, a reject threshold and a share of
     * bears; null
     * for what does not exist. Also what tests call. */
    B.recompute = function (name, seedIndex, threshold, reject_threshold,
        prevalence) {
        var s = B.system(name), run = s && s.runs[seedIndex];
        if (!run) {
            return null;
        }
        var f = figures(s, run, B.confusion(s, run, threshold,
            reject_threshold));
        var price = B.prices(s);
        var wanted = f.recall === null ? null : prevalence * f.recall;
        var passes = wanted === null || f.fpr === null ? null
            : wanted + (1 - prevalence) * f.fpr;
        f.precision = passes === null ? null : ratio(wanted, passes);
        f.macs = B.expected(price.macs, f.recall, f.fpr, prevalence);
        f.ms = B.expected(price.ms, f.recall, f.fpr, prevalence);
        return f;
    };

    /* Mean over the values that exist, or null. */
    B.mean = function (list) {
        var there = list.filter(B.known);
        return there.length === 0 ? null : there.reduce(function (a, b) {
            return a + b;
        }) / there.length;
    };
})(window.bearcascade);
