/* main.js - the page from top to bottom; and a check of itself (#test). */
(function (B) {
    "use strict";

    function verdict(c) {
        var v = (c && c.verdict) || {};
        if (v.text) {
            document.getElementById("verdict").textContent = String(v.text);
        }
        B.list(v.conditions).forEach(function (t) {
            document.getElementById("conditions").append(
                B.el("li", null, String(t)));
        });
    }

    function foot(c, sweep) {
        var program = (c || sweep || {}).program;
        document.getElementById("foot").textContent = "Written by " +
            "bearcascade " + (program || "") + ". Everything on this page " +
            "is in this file; nothing is loaded from anywhere.";
    }

    /* A part that fails must not take the others with it. */
    function attempt(name, f, argument) {
        try {
            f(argument);
        } catch (e) {
            console.error("report: " + name + ": " + e.stack);
            document.getElementById("content").append(
                B.note("The part '" + name + "' cannot be shown."));
        }
    }

    function build() {
        var comparison = B.block("comparison"), sweep = B.block("sweep");
        B.data = B.load(comparison);
        if (B.data) {
            verdict(comparison);
            [["summary", B.summary], ["differences", B.differences],
                ["data", B.dataCard], ["curves", B.curveCharts],
                ["confusion", B.matrices], ["flow", B.flow],
                ["families", B.families], ["cost", B.costs],
                ["controls", B.controls]].forEach(function (p) {
                attempt(p[0], p[1]);
            });
            attempt("galleries", B.galleries, B.block("pictures"));
        } else if (sweep && sweep.answer) {
            document.getElementById("verdict").textContent =
                "How many negatives it takes";
        }
        attempt("sweep", B.sweepSection, sweep);
        if (B.data) {
            attempt("repeat", B.repeat);
        }
        foot(comparison, sweep);
        B.drawAll(true);
    }

    /* --- check of itself -------------------------------------------------- */

    function set(id, value, event) {
        var e = document.getElementById(id);
        if (e) {
            e.value = value;
            e.dispatchEvent(new Event(event, {bubbles: true}));
        }
        return e ? Number(e.value) : null;
    }

    function shownRow(name) {
        var row = Array.from(document.querySelectorAll("#what-if tbody tr"))
            .filter(function (r) {
                return r.getAttribute("data-system") === name;
            })[0];
        return Array.from(row.cells).slice(1).map(function (c) {
            var v = c.getAttribute("data-value");
            return v === null ? null : Number(v);
        });
    }

    /* Moves every slider through the page as a hand would, and notes what the
     * table shows then. */
    function moves() {
        var out = [], odds = [-10, -3.5, -0.4, 0, 1.3, 4.06, 9.5];
        B.data.systems.forEach(function (s) {
            s.runs.forEach(function (unused, seed) {
                set("seed", String(seed), "change");
                out.push({system: s.name, seed: seed, shown:
                    shownRow(s.name)});
                odds.forEach(function (x, i) {
                    var move = {system: s.name, seed: seed};
                    move.threshold = set("threshold-" + s.index, x, "input");
                    move.floor = set("floor", odds[(i + 3) % 7] / 2, "input");
                    move.share = set("share", odds[(i + 5) % 7] / 2, "input");
                    move.shown = shownRow(s.name);
                    out.push(move);
                });
                document.getElementById("reset").click();
                out.push({system: s.name, seed: seed,
                    shown: shownRow(s.name)});
            });
        });
        return out;
    }

    function test() {
        var out = {moves: [], curves: []};
        if (B.data && document.getElementById("what-if")) {
            out.moves = moves();
        }
        (B.data ? B.data.systems : []).forEach(function (s) {
            out.curves.push({system: s.name,
                roc: B.curve(s, "roc", "seeds"), pr: B.curve(s, "pr", "none"),
                open: B.curve(s, "open", "bootstrap"),
                gate: B.reliability(s, "gate"),
                species: B.reliability(s, "species")});
        });
        ["curve-range", "curve-band", "matrix-other", "family-measure",
            "cost-unit", "gallery-system", "sweep-measure"].forEach(
            function (id) {
                var e = document.getElementById(id);
                Array.from(e ? e.options : []).reverse().forEach(function (o) {
                    set(id, o.value, "change");
                });
            });
        out.sections = Array.from(document.querySelectorAll(
            "main section")).map(function (s) {
            return s.id;
        });
        out.elements = document.querySelectorAll("*").length;
        document.body.style.width = "320px";
        B.drawAll(true);
        out.wide = document.body.scrollWidth > 320;
        document.getElementById("test-output").textContent =
            JSON.stringify(out);
    }

    build();
    if (window.location.hash === "#test") {
        test();
    }
})(window.bearcascade);
