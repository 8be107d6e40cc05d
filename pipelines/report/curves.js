/* curves.js - ranking curves, their bands, and reliability. */
(function (B) {
    "use strict";

    var RESAMPLES = 100, BINS = 15;

    /* Images by falling score; group[i] counts distinct scores so far. */
    function ranking(run) {
        if (run.ranking) {
            return run.ranking;
        }
        var key = run.score.map(function (x) {
            return isNaN(x) ? -Infinity : x;
        });
        var order = Array.from(key.keys()).sort(function (a, b) {
            return key[b] - key[a] || a - b;
        });
        var last = order.map(function (i, at) {
            return at + 1 === order.length || key[order[at + 1]] !== key[i];
        });
        run.ranking = {order: order, last: last};
        return run.ranking;
    }

    /* Points at every distinct score: shares of positives (open: those that
     * are named right too) and of negatives at or above it, and precision.
     * weight: how often each image counts, or null. */
    function points(run, open, weight) {
        var d = B.data, r = ranking(run), tp = 0, fp = 0, P = 0, N = 0;
        var out = {x: [0], y: [0], precision: [1]};
        for (var i = 0; i < d.n; i++) {
            var w = weight ? weight[i] : 1;
            P += d.label[i] !== B.NONE ? w : 0;
            N += d.label[i] === B.NONE ? w : 0;
        }
        r.order.forEach(function (i, at) {
            var w = weight ? weight[i] : 1;
            if (d.label[i] === B.NONE) {
                fp += w;
            } else if (!open || run.best[i] === d.label[i]) {
                tp += w;
            }
            if (r.last[at] && tp + fp > 0) {
                out.x.push(fp / N);
                out.y.push(tp / P);
                out.precision.push(tp / (tp + fp));
            }
        });
        return out;
    }

    /* y over x, both rising: the highest y at x, straight lines between. */
    function along(p, grid) {
        var j = 0, n = p.x.length;
        return grid.map(function (x) {
            while (j + 1 < n && p.x[j + 1] <= x) {
                j += 1;
            }
            if (j + 1 === n || p.x[j] === x) {
                return p.y[j];
            }
            return p.y[j] + (p.y[j + 1] - p.y[j]) * (x - p.x[j]) /
                (p.x[j + 1] - p.x[j]);
        });
    }

    /* Precision at the first point whose recall reaches the grid's. */
    function precisionAt(p, grid) {
        var j = 0;
        return grid.map(function (r) {
            while (j + 1 < p.y.length && (p.y[j] < r - 1e-12 || j === 0)) {
                j += 1;
            }
            return p.precision[j];
        });
    }

    function rateGrid() {
        var g = [0];
        for (var i = 0; i <= 60; i++) {
            g.push(Math.pow(10, -3 + i / 20));
        }
        for (i = 1; i < 60; i++) {
            g.push(i / 60);
        }
        return g.sort(function (a, b) {
            return a - b;
        });
    }

    function hitGrid() {
        var g = [];
        for (var i = 1; i <= 100; i++) {
            g.push(i / 100);
        }
        return g;
    }

    /* kind: "roc", "pr" or "open". */
    function oneCurve(run, kind, grid, weight) {
        var p = points(run, kind === "open", weight);
        return kind === "pr" ? precisionAt(p, grid) : along(p, grid);
    }

    function meanOf(lists) {
        return lists[0].map(function (unused, i) {
            return B.mean(lists.map(function (l) {
                return l[i];
            }));
        });
    }

    /* Small generator with a fixed start: the same page draws the same band.
     * A linear congruence modulo 2^32, of which the upper bits are used. */
    function generator() {
        var state = 20240229;
        return function (n) {
            state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
            return Math.floor(state / 4294967296 * n);
        };
    }

    /* Images drawn with repeats, wanted and unwanted ones apart. */
    function resample(draw, weight) {
        var sides = [[], []];
        B.data.label.forEach(function (x, i) {
            sides[x === B.NONE ? 1 : 0].push(i);
        });
        weight.fill(0);
        sides.forEach(function (side) {
            for (var i = 0; i < side.length; i++) {
                weight[side[draw(side.length)]] += 1;
            }
        });
    }

    function quantile(sorted, q) {
        var at = q * (sorted.length - 1), i = Math.floor(at);
        var next = sorted[Math.min(i + 1, sorted.length - 1)];
        return sorted[i] + (next - sorted[i]) * (at - i);
    }

    /* Band of the middle 95 % at every point of the grid. */
    function bootstrap(runs, kind, grid) {
        var draw = generator(), weight = new Float64Array(B.data.n);
        var all = [];
        for (var b = 0; b < RESAMPLES; b++) {
            resample(draw, weight);
            all.push(meanOf(runs.map(function (run) {
                return oneCurve(run, kind, grid, weight);
            })));
        }
        return grid.map(function (unused, i) {
            var column = all.map(function (y) {
                return y[i];
            }).sort(function (x, y) {
                return x - y;
            });
            return [quantile(column, 0.025), quantile(column, 0.975)];
        });
    }

    function spread(curves) {
        return curves[0].map(function (unused, i) {
            var column = curves.map(function (c) {
                return c[i];
            });
            return [Math.min.apply(null, column), Math.max.apply(null, column)];
        });
    }

    /* {x, y, band: [[lo, hi]]}: the mean over seeds, with its band: "seeds"
     * (least and most over seeds), "bootstrap" or "none". Null where there is
     * nothing to rank. */
    B.curve = function (system, kind, band) {
        var d = B.data;
        if (d.positives === 0 || d.positives === d.n ||
            system.runs.length === 0) {
            return null;
        }
        var key = kind + "/" + band;
        system.curves = system.curves || {};
        if (system.curves[key]) {
            return system.curves[key];
        }
        var grid = kind === "pr" ? hitGrid() : rateGrid();
        var curves = system.runs.map(function (run) {
            return oneCurve(run, kind, grid, null);
        });
        var c = {x: grid, y: meanOf(curves), band: null};
        if (band === "bootstrap") {
            c.band = bootstrap(system.runs, kind, grid);
        } else if (band === "seeds" && curves.length > 1) {
            c.band = spread(curves);
        }
        system.curves[key] = c;
        return c;
    };

    /* Bins ]i/15, (i+1)/15] of all runs of a system; the first holds 0 too.
     * kind "gate": p_positive against "is wanted"; "species": largest p against
     * "named right", over wanted images. [{p, rate, n}] of filled bins. */
    B.reliability = function (system, kind) {
        var d = B.data, bins = [];
        for (var b = 0; b < BINS; b++) {
            bins.push({p: 0, rate: 0, n: 0});
        }
        system.runs.forEach(function (run) {
            for (var i = 0; i < d.n; i++) {
                var wanted = d.label[i] !== B.NONE;
                var p = kind === "gate" ? run.score[i] : run.trust[i];
                if (isNaN(p) || kind === "species" && !wanted) {
                    continue;
                }
                var bin = bins[Math.min(BINS - 1,
                    Math.max(0, Math.ceil(p * BINS) - 1))];
                bin.n += 1;
                bin.p += p;
                bin.rate += kind === "gate" ? wanted
                    : run.best[i] === d.label[i];
            }
        });
        return bins.filter(function (x) {
            return x.n > 0;
        }).map(function (x) {
            return {p: x.p / x.n, rate: x.rate / x.n, n: x.n};
        });
    };
})(window.bearcascade);
