/* sweep.js - how many negatives it takes: learning curves and their fits. */
(function (B) {
    "use strict";

    var MEASURES = [["fpr95", "false positives at 95 % recall"],
        ["fpr", "false positives at the stored threshold"],
        ["roc_area", "ROC area"], ["average_precision", "average precision"]];
    var chart = null, measure = "fpr95", sweep = null;

    function seriesName(p) {
        return [p.kind, p.loss].filter(Boolean).join(", ");
    }

    /* Points of one kind and loss, by rising count; single families are told
     * apart in the table only. */
    function series() {
        var names = [], by = {};
        B.list(sweep.points).forEach(function (p) {
            var name = seriesName(p);
            if (p.kind === "one-family" || !B.known(p.negatives)) {
                return;
            }
            if (names.indexOf(name) < 0) {
                names.push(name);
                by[name] = [];
            }
            by[name].push(p);
        });
        return names.map(function (name, i) {
            return {name: name, index: i, points: by[name].sort(
                function (a, b) {
                    return a.negatives - b.negatives;
                })};
        });
    }

    function mark(p) {
        var f = p[measure] || {};
        return {x: p.negatives, y: f.value, lo: f.lo, hi: f.hi,
            text: B.count(p.negatives) + " negatives: " +
                B.figureText(measure, f.value)};
    }

    function fitLines(all) {
        return measure !== (sweep.measure || "fpr95") ? []
            : B.list(sweep.fits).map(function (f) {
                var s = all.filter(function (x) {
                    return x.name === seriesName(f);
                })[0];
                var there = B.list(f.points).filter(function (p) {
                    return p.negatives > 0;
                });
                return {faint: true, name: null, index: s ? s.index : 7,
                    dx: s ? 4 * (s.index - (all.length - 1) / 2) : 0,
                    x: there.map(function (p) {
                        return p.negatives;
                    }), y: there.map(function (p) {
                        return p.value;
                    })};
            });
    }

    function range(all) {
        var xs = [], ys = [];
        all.forEach(function (s) {
            s.points.forEach(function (p) {
                var f = p[measure] || {};
                xs.push(p.negatives);
                [f.value, f.lo, f.hi].filter(B.known).forEach(function (y) {
                    ys.push(y);
                });
            });
        });
        var above = xs.filter(function (x) {
            return x > 0;
        });
        var rate = ["fpr95", "fpr"].indexOf(measure) >= 0;
        var lo = ys.length ? Math.min.apply(null, ys) : 0;
        var hi = ys.length ? Math.max.apply(null, ys) : 1;
        var pad = 0.05 * (hi - lo || 0.1);
        return {zero: xs.indexOf(0) >= 0,
            min: above.length ? Math.min.apply(null, above) : 1,
            max: above.length ? Math.max.apply(null, above) : 10,
            ticks: above.sort(function (a, b) {
                return a - b;
            }).filter(function (x, i, list) {
                return i === 0 || x > 1.6 * list[i - 1] || i + 1 ===
                    list.length && x > list[i - 1] && x > 1.6 * list[0];
            }),
            lo: rate ? 0 : Math.max(0, lo - pad), hi: Math.min(1, hi + pad)};
    }

    function spec() {
        var all = series(), r = range(all);
        var title = MEASURES.filter(function (m) {
            return m[0] === measure;
        })[0][1];
        return {
            title: "Learning curves: " + title, about: "Mean over seeds with " +
                "95 % intervals against the number of negatives trained " +
                "with; dotted: the fitted curve.",
            x: {label: "negatives in training", log: true, zero: r.zero,
                lo: r.min, hi: r.max > r.min ? r.max : r.min * 10,
                ticks: r.ticks.filter(function (x, i, list) {
                    return list.indexOf(x) === i;
                }), format: B.tick},
            y: {label: title, lo: r.lo, hi: r.hi, format: measure === "fpr95"
                || measure === "fpr" ? B.rate : B.tick},
            lines: fitLines(all).concat(all.map(function (s) {
                return {name: s.name, index: s.index,
                    dx: 4 * (s.index - (all.length - 1) / 2),
                    x: s.points.map(function (p) {
                        return p.negatives;
                    }), y: s.points.map(function (p) {
                        return (p[measure] || {}).value;
                    }), marks: s.points.map(mark)};
            }))
        };
    }

    function pointTable() {
        return B.table("Every point: mean over seeds, 95 % interval",
            ["negatives", "kind", "family", "loss"].concat(
                MEASURES.map(function (m) {
                    return m[1];
                })), B.list(sweep.points).map(function (p) {
                return [B.count(p.negatives), String(p.kind || "\u2013"),
                    String(p.family || "\u2013"), String(p.loss || "\u2013")]
                    .concat(MEASURES.map(function (m) {
                        return B.figureCell(m[0], p[m[0]]);
                    }));
            }));
    }

    function fitTable() {
        var fits = B.list(sweep.fits);
        return fits.length === 0 ? null : B.table("Fits of a n^(\u2212b) + c " +
            "to " + (sweep.measure || "fpr95") + "; enough: from here on " +
            "twice as many gain less than " + B.percent(sweep.stated_gain, 1),
        ["kind", "loss", "a", "b", "c", "rmse", "enough"],
        fits.map(function (f) {
            return [String(f.kind || "\u2013"), String(f.loss || "\u2013"),
                B.short(f.a), B.short(f.b), B.short(f.c), B.short(f.rmse),
                B.known(f.enough) ? B.count(f.enough) : "not reached"];
        }));
    }

    B.sweepSection = function (raw) {
        if (!raw) {
            return;
        }
        var trust = B.list(raw.trust), data = raw.data || {}, parts = [];
        sweep = raw;
        parts.push(B.el("p", {class: "answer"}, String(raw.answer || "")));
        if (trust.length > 0) {
            parts.push(B.el("h3", null, "How far to trust it"),
                B.el("ul", null, trust.map(function (t) {
                    return B.el("li", null, String(t));
                })));
        }
        if (B.list(raw.points).length > 0) {
            chart = B.chart("Figures against the number of negatives in " +
                "training", spec);
            parts.push(B.select("Figure", MEASURES, "sweep-measure",
                function (v) {
                    measure = v;
                    chart.update();
                }), B.el("div", {class: "charts"}, chart.node));
            parts.push(B.el("details", null, [
                B.el("summary", null, "All points"), pointTable()]));
        }
        parts.push(fitTable(), B.note("Sweep of " + (data.path || "?") +
            ", hash " + (data.hash || "?") + ", program " +
            (raw.program || "?") + "."));
        B.section("sweep", "How many negatives it takes", "Negatives", parts);
    };
})(window.bearcascade);
