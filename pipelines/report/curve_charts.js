/* curve_charts.js - ROC, precision-recall, open-set and reliability. */
(function (B) {
    "use strict";

    var state = {range: "0.3", band: "seeds", hidden: {}};
    var charts = [];

    function shown() {
        return B.data.systems.filter(function (s) {
            return !state.hidden[s.name] && s.runs.length > 0;
        });
    }

    /* Axis of false positives: whole, zoomed, or logarithmic. */
    function fprAxis() {
        var log = state.range === "log";
        return {label: "false-positive rate", lo: log ? 0.001 : 0, log: log,
            hi: log ? 1 : +state.range, format: B.rate};
    }

    function rateAxis(label) {
        return {label: label, lo: 0, hi: 1, format: B.rate};
    }

    /* Where the stored thresholds put a system: mean over seeds. */
    function storedMark(s, kind) {
        var all = s.runs.map(function (run, i) {
            return B.recompute(s.name, i, run.threshold, 0, B.share());
        });
        function mean(name) {
            return B.mean(all.map(function (f) {
                return f[name];
            }));
        }
        var recall = mean("recall"), fpr = mean("fpr");
        return kind === "pr" ? {x: recall, y: mean("precision"), hollow: true,
            text: s.name + " at the stored thresholds"}
            : {x: fpr, y: recall, hollow: true,
                text: s.name + " at the stored thresholds"};
    }

    function lines(kind) {
        return shown().map(function (s) {
            var c = B.curve(s, kind, state.band);
            return c && {name: s.name, index: s.index, x: c.x, y: c.y,
                band: c.band,
                marks: kind === "open" ? [] : [storedMark(s, kind)]};
        }).filter(Boolean);
    }

    function floorOf(list) {
        var min = 1;
        list.forEach(function (l) {
            l.y.forEach(function (y, i) {
                if (B.known(y) && l.x[i] >= 0.02) {
                    min = Math.min(min, y);
                }
            });
        });
        return Math.max(0, Math.floor(min * 10) / 10 - 0.1);
    }

    function rocSpec() {
        var l = lines("roc"), y = rateAxis("recall");
        y.lo = floorOf(l);
        return {title: "ROC curves", about: "Recall against false-positive " +
            "rate of each system; rings: stored thresholds.",
        x: fprAxis(), y: y, lines: l};
    }

    function openSpec() {
        var l = lines("open"), y = rateAxis("passes and is named right");
        y.lo = floorOf(l);
        return {title: "Open-set curves", about: "Share of wanted images " +
            "that pass and are named right, against the false-positive rate.",
        x: fprAxis(), y: y, lines: l};
    }

    function precisionSpec() {
        var l = lines("pr"), y = rateAxis("precision");
        y.lo = floorOf(l);
        return {title: "Precision-recall curves", about: "Precision against " +
            "recall of each system at the test split's share of wanted " +
            "images; rings: stored thresholds.",
        x: rateAxis("recall"), y: y, lines: l};
    }

    function reliabilitySpec(kind) {
        return {
            title: kind === "gate" ? "Reliability of the gate"
                : "Reliability of the species",
            about: "Real share against stated probability in 15 bins; on " +
                "the dotted line a probability means what it says.",
            x: rateAxis(kind === "gate" ? "stated chance of being wanted"
                : "stated chance of the named class"),
            y: rateAxis(kind === "gate" ? "share wanted"
                : "share named right"),
            lines: [{plain: true, index: 0, name: "as stated", x: [0, 1], y: [0, 1]}].concat(
                shown().map(function (s) {
                    var bins = B.reliability(s, kind);
                    function get(name) {
                        return bins.map(function (b) {
                            return b[name];
                        });
                    }
                    return {name: s.name, index: s.index, x: get("p"),
                        y: get("rate"), marks: bins.map(function (b) {
                            return {x: b.p, y: b.rate, r: Math.min(7,
                                2 + Math.sqrt(b.n) / 6), text: s.name + ": " +
                                B.count(b.n) + " images"};
                        })};
                }))
        };
    }

    function update() {
        charts.forEach(function (c) {
            c.update();
        });
    }

    function controls() {
        var many = B.data.systems.some(function (s) {
            return s.runs.length > 1;
        });
        state.band = many ? "seeds" : "bootstrap";
        return B.el("div", {class: "bar"}, [
            B.select("False-positive axis", [["0.3", "up to 30 %"],
                ["1", "whole"], ["log", "logarithmic"]], "curve-range",
            function (v) {
                state.range = v;
                update();
            }),
            B.select("Band", (many ? [["seeds", "range over seeds"]] : [])
                .concat([["bootstrap", "95 % bootstrap, 100 resamples"],
                    ["none", "none"]]), "curve-band", function (v) {
                state.band = v;
                update();
            }),
            B.el("fieldset", null, [B.el("legend", null, "Systems")].concat(
                B.data.systems.map(function (s) {
                    var c = B.check(s.name, true, "show-" + s.index,
                        function (on) {
                            state.hidden[s.name] = !on;
                            update();
                        });
                    c.append(B.swatch(s.index));
                    return c;
                })))]);
    }

    B.curveCharts = function () {
        var d = B.data;
        if (d.n === 0 || d.systems.length === 0) {
            return;
        }
        var bar = controls(), parts = [];
        if (d.positives > 0 && d.positives < d.n) {
            parts.push(["ROC: recall against false-positive rate", rocSpec],
                ["Precision against recall", precisionSpec]);
            if (d.k > 1) {
                parts.push(["Open set: named right against false-positive rate",
                    openSpec]);
            }
        }
        parts.push(["Reliability of the gate", function () {
            return reliabilitySpec("gate");
        }]);
        if (d.k > 1 && d.positives > 0) {
            parts.push(["Reliability of the species", function () {
                return reliabilitySpec("species");
            }]);
        }
        charts = parts.map(function (p) {
            return B.chart(p[0], p[1]);
        });
        B.section("curves", "Curves", "Curves", [bar,
            B.note("Lines are means over seeds; rings mark the stored " +
                "thresholds; dots of the reliability charts grow with the " +
                "number of images."),
            B.el("div", {class: "charts"}, charts.map(function (c) {
                return c.node;
            }))]);
    };
})(window.bearcascade);
