/* selftest.js - the page moves its own sliders (#test in the address) and
 * writes what it shows then into a hidden element, for tests to compare. */
(function (B) {
    "use strict";

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

    /* Counts of the matrix for a system, as shown. */
    function shownMatrix(name) {
        set("what-if-system", name, "change");
        return Array.from(document.querySelectorAll(
            "#what-if-matrix tbody tr")).map(function (r) {
            return Array.from(r.querySelectorAll("td")).map(function (c) {
                return Number(c.textContent);
            });
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
                    move.reject_threshold = set("reject_threshold", odds[(i +
                        3) % 7] / 2, "input");
                    move.share = set("share", odds[(i + 5) % 7] / 2, "input");
                    move.shown = shownRow(s.name);
                    move.matrix = shownMatrix(s.name);
                    out.push(move);
                });
                document.getElementById("reset").click();
                out.push({system: s.name, seed: seed,
                    shown: shownRow(s.name)});
            });
        });
        if (B.data.systems[0].runs.length > 1) {
            set("seed", "-1", "change");
            B.data.systems.forEach(function (s) {
                out.push({system: s.name, seed: -1, shown: shownRow(s.name)});
            });
        }
        return out;
    }

    /* Which images each gallery shows, and whether a map comes and goes. */
    function galleries() {
        return Array.from(document.querySelectorAll(".gallery")).map(
            function (g) {
                return Array.from(g.querySelectorAll(".card")).map(
                    function (c) {
                        return Number(c.getAttribute("data-index"));
                    });
            });
    }

    function pressMap() {
        var card = Array.from(document.querySelectorAll(".card")).filter(
            function (c) {
                return c.querySelector("button");
            })[0];
        if (!card) {
            return null;
        }
        var img = card.querySelector("img"), button = card.querySelector(
            "button"), before = img.src, out = [];
        for (var i = 0; i < 2; i++) {
            button.click();
            out.push([img.src === before,
                button.getAttribute("aria-pressed")]);
        }
        return out;
    }

    function choices(out) {
        ["curve-range", "curve-band", "matrix-other", "family-measure",
            "cost-unit", "tradeoff-figure", "tradeoff-share",
            "gallery-system", "sweep-measure"].forEach(
            function (id) {
                var e = document.getElementById(id);
                Array.from(e ? e.options : []).reverse().forEach(function (o) {
                    set(id, o.value, "change");
                    if (/^(cost|tradeoff)-/.test(id) && B.tradeoffShown()) {
                        out.push(B.tradeoffShown());
                    }
                });
            });
    }

    B.selftest = function () {
        var out = {moves: [], curves: [], galleries: galleries(),
            map: pressMap(), tradeoff: []};
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
        choices(out.tradeoff);
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
    };
})(window.bearcascade);
