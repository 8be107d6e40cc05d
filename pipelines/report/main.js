/* main.js - the page from top to bottom. */
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
            attempt("galleries", B.galleries, B.block("images"));
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

    build();
    if (window.location.hash === "#test") {
        B.selftest();
    }
})(window.bearcascade);
