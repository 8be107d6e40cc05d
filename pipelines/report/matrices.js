/* matrices.js - who is taken for whom. */
(function (B) {
    "use strict";

    var MOST = 24; /* classes; beyond that the largest mistakes are listed */

    function names(extra) {
        return B.data.classes.concat(["none"]).concat(extra);
    }

    function usable(m) {
        return B.list(m).length === B.data.k + 1;
    }

    function tint(share, positive) {
        return "--heat:" + Math.round(70 * Math.min(1, share)) +
            "%;--heat-colour:var(" + (positive ? "--more" : "--less") + ")";
    }

    /* Mistakes are few, and their shade grows faster to be seen. */
    function share(v, sum, plain) {
        var s = sum > 0 ? Math.abs(v) / sum : 0;
        return plain ? s : Math.sqrt(s);
    }

    function matrixTable(caption, m, signed) {
        var rows = names([]), columns = names(["unknown"]);
        return B.table(caption, ["truth \\ verdict"].concat(columns),
            m.map(function (line, r) {
                var sum = line.reduce(function (a, b) {
                    return a + Math.abs(b);
                }, 0);
                return [rows[r]].concat(line.map(function (v, c) {
                    var good = c === r;
                    return {
                        text: (signed && v > 0 ? "+" : "") +
                            String(v).replace("-", "\u2212"),
                        class: "heat number" + (good ? " diagonal" : ""),
                        style: tint(share(v, sum, good && !signed),
                            signed ? good === v > 0 : good)
                    };
                }));
            }), {class: "matrix"});
    }

    function mistakes(caption, m, signed) {
        var rows = names([]), columns = names(["unknown"]), list = [];
        m.forEach(function (line, r) {
            line.forEach(function (v, c) {
                if (r !== c && v !== 0) {
                    list.push([rows[r], columns[c], v]);
                }
            });
        });
        list.sort(function (a, b) {
            return Math.abs(b[2]) - Math.abs(a[2]);
        });
        return B.table(caption + ": the 20 most frequent mistakes",
            ["truth", "verdict", signed ? "difference" : "images"],
            list.slice(0, 20).map(function (x) {
                return [x[0], x[1], B.count(x[2])];
            }));
    }

    function minus(a, b) {
        return a.map(function (line, r) {
            return line.map(function (v, c) {
                return v - b[r][c];
            });
        });
    }

    function view(caption, m, signed) {
        return B.data.k > MOST ? mistakes(caption, m, signed)
            : matrixTable(caption, m, signed);
    }

    /* Table of counts [k+1][k+2] as B.confusion() makes them. */
    B.matrix = function (caption, m) {
        return view(caption, m, false);
    };

    B.matrices = function () {
        var systems = B.data.systems.filter(function (s) {
            return usable(s.raw.confusion);
        });
        if (systems.length === 0) {
            return;
        }
        var show = B.el("div", {class: "side"});
        var seeds = B.list(B.data.raw.seeds).length;
        var options = systems.map(function (s) {
            return [s.name, s.name];
        });
        function difference(box, other) {
            box.textContent = "";
            box.append(view("cascade minus " + other.name + " (green: better)",
                minus(systems[0].raw.confusion, other.raw.confusion), true));
        }
        systems.forEach(function (s) {
            show.append(view(s.name + ", images summed over " + seeds +
                (seeds === 1 ? " seed" : " seeds"), s.raw.confusion, false));
        });
        var parts = [show];
        if (systems[0].cascade && systems.length > 1) {
            var box = B.el("div");
            parts.push(B.select("Cascade minus", options.slice(1),
                "matrix-other", function (name) {
                    difference(box, B.system(name));
                }), box);
            difference(box, systems[1]);
        }
        B.section("confusion", "Confusion matrices", "Confusions", parts);
    };
})(window.bearcascade);
