/* tradeoff.js - how good each system is against what an image costs. */
(function (B) {
    "use strict";

    var FIGURES = {
        end_to_end: {name: "right answers", up: true},
        guessed: {name: "right answers, no unknown", up: true},
        fpr95: {name: "false positives at 95 % recall", up: false},
        fpr99: {name: "false positives at 99 % recall", up: false}
    };
    var USUAL = 0.01; /* share of wanted images that is shown first */
    var state = {figure: "end_to_end", row: 0}, unit = "macs", chart = null;

    function rows() {
        return B.list(B.data.raw.prevalence);
    }

    function cost(s) {
        var row = rows()[state.row];
        var of = B.list(row && row.systems).filter(function (x) {
            return x.name === s.name;
        })[0] || {};
        return B.known(of[unit]) ? of[unit] : null;
    }

    /* With the likeliest class in the place of every unknown. */
    function guessed(s) {
        return {value: B.mean(s.runs.map(function (run, i) {
            return B.recompute(s.name, i, run.threshold, 0, 0.5).end_to_end;
        }))};
    }

    function points() {
        return B.data.systems.map(function (s) {
            var f = state.figure === "guessed" ? guessed(s)
                : s.figures[state.figure] || {};
            return {system: s, x: cost(s), y: f.value, lo: f.lo, hi: f.hi};
        }).filter(function (p) {
            return B.known(p.x) && p.x > 0 && B.known(p.y);
        });
    }

    /* Single models that no cheaper one equals, the cheapest first. */
    B.frontier = function (all, up) {
        var best = null;
        return all.filter(function (p) {
            return !p.system.cascade;
        }).sort(function (a, b) {
            return a.x - b.x || (up ? b.y - a.y : a.y - b.y);
        }).filter(function (p) {
            var better = best === null || (up ? p.y > best : p.y < best);
            best = better ? p.y : best;
            return better;
        });
    };

    function reach(all) {
        var y = [];
        all.forEach(function (p) {
            y = y.concat([p.y, p.lo, p.hi].filter(B.known));
        });
        var lo = Math.min.apply(null, y), hi = Math.max.apply(null, y);
        var room = 0.1 * (hi - lo || 0.1);
        return {lo: Math.max(0, lo - room), hi: Math.min(1, hi + room)};
    }

    function spec() {
        var all = points(), of = FIGURES[state.figure];
        var front = B.frontier(all, of.up), x = all.map(function (p) {
            return p.x;
        }), y = reach(all);
        return {
            title: "Accuracy against cost", about: "Each mark is a system, " +
                "with its 95 % interval where there is one; the dotted line joins the single " +
                "models that no cheaper one equals.",
            x: {label: (unit === "macs" ? "multiply-adds" : "ms") +
                " an image", log: true, lo: 0.8 * Math.min.apply(null, x),
            hi: 1.25 * Math.max.apply(null, x), format: B.large},
            y: {label: of.name, lo: y.lo, hi: y.hi, format: B.rate},
            lines: [{plain: true, index: 0, name: front.length > 1
                ? "single models" : null, x: front.map(function (p) {
                return p.x;
            }), y: front.map(function (p) {
                return p.y;
            })}].concat(all.map(function (p) {
                return {name: p.system.name, index: p.system.index, x: [p.x],
                    y: [p.y], marks: [{x: p.x, y: p.y, lo: p.lo, hi: p.hi,
                        hollow: !p.system.cascade, text: p.system.name + ": " +
                            B.percent(p.y) + ", " + B.large(p.x)}]};
            }))
        };
    }

    function shares() {
        var there = rows().map(function (row, i) {
            return [String(i), B.percent(row.prevalence,
                row.prevalence < 0.01 ? 1 : 0), row.prevalence];
        });
        return there.filter(function (o) {
            return o[2] === USUAL;
        }).concat(there.filter(function (o) {
            return o[2] !== USUAL;
        }));
    }

    /* What the chart shows, for tests. */
    B.tradeoffShown = function () {
        return points().length === 0 ? null : {
            figure: state.figure, share: rows()[state.row].prevalence,
            unit: unit, marks: points().map(function (p) {
                return [p.system.name, p.x, p.y];
            }), front: B.frontier(points(), FIGURES[state.figure].up).map(
                function (p) {
                    return p.system.name;
                })};
    };

    /* The chart and its controls; null where no cost is known. */
    B.tradeoff = function () {
        var choice = shares();
        if (choice.length === 0) {
            return null;
        }
        state.row = Number(choice[0][0]);
        var there = Object.keys(FIGURES).filter(function (k) {
            state.figure = k;
            return points().length > 0;
        });
        if (there.length === 0) {
            return null;
        }
        state.figure = there[0];
        chart = B.chart("Accuracy against the cost of an image", spec);
        return B.el("div", null, [B.el("div", {class: "bar"}, [
            B.select("Figure", there.map(function (k) {
                return [k, FIGURES[k].name];
            }), "tradeoff-figure", function (v) {
                state.figure = v;
                chart.update();
            }),
            B.select("Wanted images", choice, "tradeoff-share", function (v) {
                state.row = Number(v);
                chart.update();
            })]), B.el("div", {class: "charts"}, chart.node)]);
    };

    B.tradeoffUnit = function (v) {
        unit = v;
        if (chart) {
            chart.update();
        }
    };
})(window.bearcascade);
