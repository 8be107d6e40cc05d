/* cost.js - what an image costs, and at which share of wanted images the
 * cascade is the cheaper one. */
(function (B) {
    "use strict";

    var unit = "macs", chart = null, LEAST = 1e-4;

    /* Share of wanted images in the test split. */
    B.share = function () {
        return B.data.n > 0 ? B.data.positives / B.data.n : 0;
    };

    /* Mean rates at which the gate passes images on; of a file that does not
     * tell, at which they pass the stored thresholds. */
    function passes(s) {
        var told = s.cost.passed_on;
        if (told) {
            return {recall: told.positives, fpr: told.negatives};
        }
        var all = s.runs.map(function (run, i) {
            return B.recompute(s.name, i, run.threshold, run.reject_threshold,
                0.5);
        });
        function mean(name) {
            return B.mean(all.map(function (f) {
                return f[name];
            }));
        }
        return {recall: mean("recall"), fpr: mean("fpr")};
    }

    function grid() {
        var g = [];
        for (var i = 0; i <= 80; i++) {
            g.push(LEAST * Math.pow(10, i / 20));
        }
        return g;
    }

    function lines() {
        var x = grid();
        return B.data.systems.map(function (s) {
            var price = B.prices(s)[unit], rate = passes(s);
            var y = x.map(function (p) {
                return B.expected(price, rate.recall, rate.fpr, p);
            });
            return {name: s.name, index: s.index, x: x, y: y};
        }).filter(function (l) {
            return l.y.some(B.known);
        });
    }

    function evens() {
        return B.list(B.data.raw.break_even).filter(function (e) {
            return B.known(e[unit]) && e[unit] < 1;
        });
    }

    function spec() {
        var all = lines(), max = 0;
        all.forEach(function (l) {
            max = Math.max.apply(null, [max].concat(l.y.filter(B.known)));
        });
        max = max || 1;
        evens().forEach(function (e, i) {
            all.push({plain: true, index: 0, name: i === 0
                ? "costs the same" : null, x: [e[unit], e[unit]],
                y: [0, max * 1.1]});
        });
        return {
            title: "Cost of an image against the share of wanted images",
            about: "Expected cost at the stored thresholds; dotted lines: " +
                "below this share the cascade costs less than a single net.",
            x: {label: "share of wanted images", lo: LEAST, hi: 1,
                log: true, format: B.rate},
            y: {label: unit === "macs" ? "multiply-adds an image"
                : "ms an image", lo: 0, hi: max * 1.1, format: B.tick},
            lines: all
        };
    }

    function even(x) {
        return x === null || x === undefined ? "never"
            : x >= 1 ? "always" : "below " + B.percent(x, x < 0.01 ? 2 : 1);
    }

    function costRows() {
        return B.data.systems.map(function (s) {
            var c = s.cost;
            return [B.systemHead(s), B.large(c.parameters),
                B.large(c.macs_gate), c.macs_species === 0 ? "\u2013"
                    : B.large(c.macs_species),
                B.short(c.ms_1), B.short(c.ms_bulk),
                c.macs_species === 0 ? "\u2013" : B.short(c.ms_gate_bulk),
                c.macs_species === 0 ? "\u2013" : B.short(c.ms_species_bulk),
                B.short(c.peak_mb)];
        });
    }

    /* A figure of every system at every share of wanted images; null when
     * nothing is known. */
    function shareTable(title, id, figure, cell) {
        var list = B.list(B.data.raw.prevalence), some = false;
        var rows = B.data.systems.map(function (s) {
            return [B.systemHead(s)].concat(list.map(function (row) {
                var c = B.list(row.systems).filter(function (x) {
                    return x.name === s.name;
                })[0] || {}, v = figure(c);
                some = some || B.known(v);
                return cell(v, s);
            }));
        });
        return !some ? null : B.table(title, ["system"].concat(
            list.map(function (row) {
                return B.percent(row.prevalence,
                    row.prevalence < 0.01 ? 1 : 0);
            })), rows, {id: id});
    }

    function unsure(s, way) {
        var speed = (s.cost.speed || {})[way];
        return Boolean(speed && speed.unsure);
    }

    function speedTable(way, what) {
        return shareTable("Images a second, " + what, "speed-" + way,
            function (c) {
                return (c.images_s || {})[way];
            }, function (v, s) {
                return B.known(v) && unsure(s, way)
                    ? {text: B.short(v) + "?", value: v,
                        title: "unsure: the machine was busy"}
                    : {text: B.short(v), value: v};
            });
    }

    /* What an image costs at 50, 10, 1 and 0.1 % of wanted images. */
    function shareTables() {
        var busy = B.data.systems.some(function (s) {
            return unsure(s, "memory") || unsure(s, "files");
        });
        return [
            shareTable("Multiply-adds an image", "share-macs", function (c) {
                return c.macs;
            }, B.large),
            speedTable("memory", "decoded images in memory"),
            speedTable("files", "from files"),
            B.el("p", {class: "quiet"}, "Columns: shares of wanted images. " +
                (busy ? "? unsure: the machine was busy while these were " +
                    "measured." : ""))];
    }

    /* The rungs in front of gates; null where no system has any. */
    function rungTable() {
        var rows = [];
        B.data.systems.forEach(function (s) {
            B.list(s.cost.rungs).forEach(function (r, i) {
                rows.push([B.systemHead(s), i + 1, B.large(r.macs),
                    B.short(r.ms_bulk), B.percent(r.go_on.positives, 1),
                    B.percent(r.go_on.negatives, 1)]);
            });
        });
        return rows.length === 0 ? null : B.table(
            "Rungs before the gate, and which validation images are left " +
            "after each", ["system", "rung", "multiply-adds", "ms, many",
                "positives left", "negatives left"], rows, {id: "rungs"});
    }

    function evenTable() {
        var list = B.list(B.data.raw.break_even);
        return list.length === 0 ? null : B.table(
            "Where the cascade costs less than a single net",
            ["single net", "by multiply-adds", "by time"],
            list.map(function (e) {
                var s = B.system(e.system);
                return [s ? B.systemHead(s) : String(e.system),
                    even(e.macs), even(e.ms)];
            }));
    }

    B.costs = function () {
        if (B.data.systems.length === 0) {
            return;
        }
        chart = B.chart("Expected cost of an image at the stored thresholds",
            spec);
        B.section("cost", "Cost", "Cost", [
            B.table("Cost of each system (times of this machine; many: 32 " +
                "images at a time)", ["system", "parameters",
                "multiply-adds", "of the species net", "ms, one",
                "ms, many", "gate, many", "species, many", "peak MB"],
            costRows()),
            B.select("Cost in", [["macs", "multiply-adds"], ["ms", "time"]],
                "cost-unit", function (v) {
                    unit = v;
                    chart.update();
                    B.tradeoffUnit(v);
                }),
            B.el("div", {class: "charts"}, chart.node), B.tradeoff(),
            B.el("div", {class: "side"},
                [rungTable()].concat(shareTables(), evenTable()))]);
    };
})(window.bearcascade);
