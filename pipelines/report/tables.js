/* tables.js - figures, differences, the data, families, how to repeat it. */
(function (B) {
    "use strict";

    /* [name, text, better: 1 more, -1 less, 0 neither, what it means] */
    var FIGURES = [
        ["roc_area", "ROC area", 1, "chance that a wanted image scores " +
            "above an unwanted one"],
        ["average_precision", "average precision", 1,
            "area under precision against recall, at the test split's " +
            "share of wanted images"],
        ["fpr95", "false positives at 95 % recall", -1, "share of unwanted " +
            "images above the score that 95 % of the wanted ones reach"],
        ["fpr99", "false positives at 99 % recall", -1, "the same at 99 %"],
        ["oscr_area", "open-set area", 1, "area under the share of wanted " +
            "images that pass and are named right, against false positives"],
        ["species_accuracy", "named right", 1,
            "wanted images given their class, as if nothing stopped them"],
        ["end_to_end", "end-to-end accuracy", 1,
            "verdicts that are right, of all images"],
        ["macro_f1", "macro F1", 1, "mean F1 over the classes and none"],
        ["fnr", "false negatives", -1, "wanted images called none"],
        ["fpr", "false positives", -1,
            "unwanted images that pass the stored threshold"],
        ["unknown_rate", "called unknown", 0,
            "wanted images that pass but get no class"],
        ["gate_ece", "gate calibration error", -1, "mean distance between " +
            "stated and real chance of being wanted (15 bins)"],
        ["species_ece", "species calibration error", -1,
            "the same for the class that is named"]
    ];
    var AREAS = ["roc_area", "average_precision", "oscr_area", "macro_f1"];

    B.figureText = function (name, x) {
        return AREAS.indexOf(name) >= 0 ? B.fixed(x, 3) : B.percent(x);
    };

    function extremes(list) {
        var there = B.list(list).filter(B.known);
        return there.length === 0 ? null
            : [Math.min.apply(null, there), Math.max.apply(null, there)];
    }

    /* Value, interval and range over seeds as one cell. */
    B.figureCell = function (name, f, best) {
        if (!f || !B.known(f.value)) {
            return "\u2013";
        }
        function t(x) {
            return B.figureText(name, x);
        }
        var e = extremes(f.seeds), out = B.el("div", {class: "figure"});
        out.append(B.el(best ? "strong" : "span", null, t(f.value)));
        if (best) {
            out.append(B.el("span", {class: "best"}, " best"));
        }
        if (B.known(f.lo) && B.known(f.hi)) {
            out.append(B.el("small", null, t(f.lo) + " to " + t(f.hi)));
        }
        if (e && B.list(f.seeds).length > 1) {
            out.append(B.el("small", {class: "quiet"},
                "seeds " + t(e[0]) + " to " + t(e[1])));
        }
        return {text: out, value: f.value};
    };

    function bestOf(name, better) {
        var values = B.data.systems.map(function (s) {
            return s.figures[name] && s.figures[name].value;
        }).filter(B.known);
        var min = Math.min.apply(null, values);
        var max = Math.max.apply(null, values);
        return better === 0 || values.length < 2 || min === max ? null
            : better > 0 ? max : min;
    }

    B.systemHead = function (s) {
        return B.el("span", {class: "name"}, [B.swatch(s.index), s.name]);
    };

    function glossary() {
        return B.el("details", null, [
            B.el("summary", null, "What the figures mean"),
            B.el("dl", null, [].concat.apply([], FIGURES.map(function (f) {
                return [B.el("dt", null, f[1]), B.el("dd", null, f[3] +
                    (f[2] > 0 ? "; more is better" : f[2] < 0
                        ? "; less is better" : ""))];
            }))),
            B.el("p", null, "A figure without an interval is the same " +
                "whichever of the test images are drawn again: they are too " +
                "alike to say how far it may be off.")]);
    }

    B.summary = function () {
        var systems = B.data.systems, seeds = B.list(B.data.raw.seeds).length;
        B.section("summary", "Summary", "Summary", [B.table(
            "Figures of every system on " + B.count(B.data.n) +
            " test images" + (seeds === 1 ? ", one seed" : ": mean over " +
            seeds + " seeds") + ", 95 % interval over images" + (seeds > 1
                ? ", range over seeds" : ""),
            ["figure"].concat(systems.map(B.systemHead)),
            FIGURES.filter(function (f) {
                return systems.some(function (s) {
                    return B.known((s.figures[f[0]] || {}).value);
                });
            }).map(function (f) {
                var best = bestOf(f[0], f[2]);
                return [{text: f[1], title: f[3]}].concat(
                    systems.map(function (s) {
                        var v = s.figures[f[0]];
                        return B.figureCell(f[0], v,
                            v && best !== null && v.value === best);
                    }));
            }), {id: "summary-table"}), glossary()]);
    };

    function differenceCell(name, f) {
        if (!f || !B.known(f.value)) {
            return "\u2013";
        }
        function t(x) {
            return (x > 0 ? "+" : "") + (AREAS.indexOf(name) >= 0
                ? B.fixed(x, 3) : B.fixed(100 * x, 1));
        }
        var sure = B.known(f.p_holm) && f.p_holm < 0.05;
        return B.el("div", {class: "figure"}, [
            B.el(sure ? "strong" : "span", null, t(f.value)),
            B.known(f.lo) && B.known(f.hi) ? B.el("small", null,
                t(f.lo) + " to " + t(f.hi)) : null,
            B.el("small", {class: "quiet"}, "p " + B.pvalue(f.p_holm))]);
    }

    B.differences = function () {
        var list = B.list(B.data.raw.differences);
        if (list.length === 0) {
            return;
        }
        var rows = FIGURES.filter(function (f) {
            return list.some(function (d) {
                return B.known(((d.figures || {})[f[0]] || {}).value);
            });
        }).map(function (f) {
            return [{text: f[1], title: f[3]}].concat(list.map(function (d) {
                return differenceCell(f[0], (d.figures || {})[f[0]]);
            }));
        });
        rows.push(["images that only one has right"].concat(
            list.map(function (d) {
                var m = d.mcnemar || {};
                return B.el("div", {class: "figure"}, [
                    B.el("span", null, "cascade " + B.count(m.only_cascade)),
                    B.el("span", null, "other " + B.count(m.only_other)),
                    B.el("small", {class: "quiet"},
                        "McNemar p " + B.pvalue(m.p_holm))]);
            })));
        B.section("differences", "Cascade minus the others", "Differences", [B.table(
            "Cascade minus each other system (shares: in percentage points), " +
            "95 % interval, p adjusted for the number of systems (Holm); " +
            "bold: p below 0.05", ["figure"].concat(list.map(function (d) {
                var s = B.system(d.system);
                return s ? B.systemHead(s) : String(d.system);
            })), rows)]);
    };

    /* --- the data --------------------------------------------------------- */

    function countTable(caption, what, table) {
        var splits = Object.keys(table), names = [];
        splits.forEach(function (s) {
            Object.keys(table[s] || {}).forEach(function (name) {
                if (names.indexOf(name) < 0) {
                    names.push(name);
                }
            });
        });
        return names.length === 0 ? null : B.table(caption,
            [what].concat(splits), names.map(function (name) {
                return [name].concat(splits.map(function (s) {
                    return B.count((table[s] || {})[name]);
                }));
            }));
    }

    B.dataCard = function () {
        var data = B.data.raw.data || {}, card = data.card || {};
        var leaks = data.leaks;
        B.section("data", "Data", "Data", [
            B.el("p", null, [
                "Data set ", B.el("b", null, String(data.path || "?")),
                card.images === undefined ? "" : ", " +
                    B.count(card.images) + " images, " +
                    B.count(card.unreadable) + " unreadable",
                "; near-duplicates: " + B.count(data.duplicates) +
                "; images that leak between splits: ",
                B.el(leaks > 0 ? "strong" : "span", null, B.count(leaks)),
                leaks > 0 ? " (figures on them are too good)" : "", "."]),
            B.el("div", {class: "side"}, [
                countTable("Images of each class and split", "class",
                    card.counts || {}),
                countTable("Negatives of each family and split", "family",
                    card.families || {})])]);
    };

    /* --- families --------------------------------------------------------- */

    function family(s, key, name, measure) {
        return (B.list(s.raw[key]).filter(function (x) {
            return x.name === name;
        })[0] || {})[measure];
    }

    function familyRows(key, measure) {
        var systems = B.data.systems, names = [], size = {};
        systems.forEach(function (s) {
            B.list(s.raw[key]).forEach(function (f) {
                if (names.indexOf(f.name) < 0 && f.n !== 0) {
                    names.push(f.name);
                    size[f.name] = f.n;
                }
            });
        });
        return names.map(function (name) {
            return [name, B.count(size[name])].concat(
                systems.map(function (s) {
                    var cell = B.figureCell(measure,
                        family(s, key, name, measure));
                    var known = family(s, "families", name, measure);
                    if (key === "left_out" && known && cell.value >= 0) {
                        cell.text.append(B.el("small", null, "trained with: " +
                            B.figureText(measure, known.value)));
                    }
                    if (cell.value > 0) {
                        cell.class = "heat";
                        cell.style = "--heat:" +
                            Math.min(60, Math.round(100 * cell.value)) + "%";
                    }
                    return cell;
                }));
        });
    }

    B.families = function () {
        var tables = B.el("div");
        function fill(measure) {
            tables.textContent = "";
            [["families", "Negatives by family"],
                ["left_out", "Families that were left out of training"]
            ].forEach(function (part) {
                var rows = familyRows(part[0], measure);
                if (rows.length > 0) {
                    tables.append(B.table(part[1] + ": " + (measure ===
                        "fpr95" ? "share above the score that 95 % of the " +
                        "wanted images reach" : "share that passes the " +
                        "stored threshold"), ["family", "images"].concat(
                        B.data.systems.map(B.systemHead)), rows));
                }
            });
            return tables.childNodes.length > 0;
        }
        if (fill("fpr")) {
            B.section("families", "Families of negatives", "Families", [
                B.select("Measure", [["fpr", "false positives"],
                    ["fpr95", "false positives at 95 % recall"]],
                        "family-measure",
                fill), tables]);
        }
    };

    /* --- how to repeat it ------------------------------------------------- */

    function runRows() {
        var rows = [];
        B.data.systems.forEach(function (s) {
            s.runs.forEach(function (r) {
                rows.push([s.name, String(r.seed),
                    B.el("code", null, String(r.raw.command || "\u2013")),
                    B.short(r.threshold), s.cascade && B.data.k > 1
                        ? B.short(r.reject_threshold) : "\u2013",
                    B.count(r.raw.train_seconds),
                    B.el("code", null, String(r.raw.hash || "\u2013"))]);
            });
        });
        return rows;
    }

    B.repeat = function () {
        var c = B.data.raw, data = c.data || {};
        var machine = c.machine || {};
        var facts = [["program version", c.program],
            ["instruction set", machine.instructions],
            ["threads", machine.threads], ["data", data.path],
            ["hash of the data", data.hash],
            ["hash of the test split", (c.test || {}).hash],
            ["seeds", B.list(c.seeds).join(", ")]];
        Object.keys(c.options || {}).forEach(function (name) {
            var v = c.options[name];
            facts.push(["option " + name.replace(/_/g, " "),
                typeof v === "object" ? JSON.stringify(v) : v]);
        });
        B.section("repeat", "How to repeat it", "Repeat", [
            B.table("What was measured", ["what", "value"],
                facts.filter(function (f) {
                    return f[1] !== undefined && f[1] !== null;
                }).map(function (f) {
                    return [f[0], B.el("code", null, String(f[1]))];
                }), {class: "left"}),
            B.table("Every run", ["system", "seed", "command", "threshold",
                "reject threshold", "seconds", "hash of the weights"], runRows(
                    ),
            {class: "left"})]);
    };
})(window.bearcascade);
