/* charts.js - line charts in SVG: axes, lines with bands, marks, a legend.
 *
 * A chart is drawn for the width it has and drawn again when that changes, so
 * its text keeps its size on every screen. */
(function (B) {
    "use strict";

    var DASHES = ["", "7 3", "2 3", "9 3 2 3", "14 4", "4 2", "1 4", "12 2 2 2"];
    var charts = [];

    B.colour = function (i) {
        return "var(--s" + i % 8 + ")";
    };

    B.dash = function (i) {
        return DASHES[i % 8];
    };

    /* A short line as a series looks. */
    B.swatch = function (i, plain) {
        return B.svg("svg", {class: "swatch", width: 30, height: 10,
            viewBox: "0 0 30 10", "aria-hidden": "true"},
        B.svg("line", {x1: 0, x2: 30, y1: 5, y2: 5, stroke:
            plain ? "var(--quiet)" : B.colour(i), "stroke-width": 3,
            "stroke-dasharray": plain ? "2 4" : B.dash(i)}));
    };

    /* --- scales ----------------------------------------------------------- */

    function niceStep(span, n) {
        var raw = span / n, ten = Math.pow(10, Math.floor(Math.log10(raw)));
        var f = raw / ten;
        return ten * (f <= 1 ? 1 : f <= 2 ? 2 : f <= 5 ? 5 : 10);
    }

    function linearTicks(lo, hi, n) {
        var step = niceStep(hi - lo, n), out = [];
        for (var i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-9;
            i++) {
            out.push(i * step);
        }
        return out;
    }

    function logTicks(lo, hi) {
        var out = [], within = hi / lo < 100 ? [1, 2, 5] : [1];
        for (var e = Math.floor(Math.log10(lo)); e <= Math.log10(hi); e++) {
            within.forEach(function (m) {
                var x = m * Math.pow(10, e);
                if (x >= lo * (1 - 1e-9) && x <= hi * (1 + 1e-9)) {
                    out.push(x);
                }
            });
        }
        return out.length > 1 ? out : linearTicks(lo, hi, 4);
    }

    /* axis: {lo, hi, log, zero: a slot for 0 left of a log axis, ticks}.
     * Gives at(value) in pixels and the ticks. */
    function scale(axis, from, to) {
        var room = axis.log && axis.zero ? 0.1 * (to - from) : 0;
        var f = axis.log ? Math.log10 : function (x) {
            return x;
        };
        var lo = f(axis.lo), hi = f(axis.hi);
        var many = Math.max(2, Math.min(6, Math.abs(to - from) /
            (to > from ? 55 : 28)));
        var ticks = axis.ticks || (axis.log ? logTicks(axis.lo, axis.hi)
            : linearTicks(axis.lo, axis.hi, many));
        return {
            at: function (x) {
                if (axis.log && x <= 0) {
                    return from;
                }
                var t = (f(x) - lo) / (hi - lo || 1);
                return from + room + Math.min(2, Math.max(
                    axis.log ? 0 : -1, t)) * (to - from - room);
            },
            ticks: axis.log && axis.zero ? [0].concat(ticks) : ticks
        };
    }

    /* --- drawing ---------------------------------------------------------- */

    function axes(box, spec, x, y) {
        var g = B.svg("g", {class: "axes"});
        x.ticks.forEach(function (v) {
            var at = x.at(v);
            g.append(B.svg("line", {x1: at, x2: at, y1: box.top,
                y2: box.bottom}),
            B.svg("text", {x: at, y: box.bottom + 16,
                "text-anchor": "middle"}, spec.x.format(v)));
        });
        y.ticks.forEach(function (v) {
            var at = y.at(v);
            g.append(B.svg("line", {x1: box.left, x2: box.right, y1: at,
                y2: at}),
            B.svg("text", {x: box.left - 6, y: at + 4,
                "text-anchor": "end"}, spec.y.format(v)));
        });
        g.append(B.svg("text", {x: (box.left + box.right) / 2,
            y: box.bottom + 34, "text-anchor": "middle", class: "label"},
        spec.x.label),
        B.svg("text", {x: 4, y: 13, class: "label"}, spec.y.label));
        return g;
    }

    function path(line, x, y) {
        var ys = line.y, dx = line.dx || 0, out = "", pen = false;
        line.x.forEach(function (v, i) {
            if (!B.known(ys[i]) || !B.known(v)) {
                pen = false;
                return;
            }
            out += (pen ? "L" : "M") + (x.at(v) + dx).toFixed(1) + " " +
                y.at(ys[i]).toFixed(1);
            pen = true;
        });
        return out;
    }

    function band(line, x, y) {
        var there = line.x.map(function (v, i) {
            return [v, line.band[i]];
        }).filter(function (p) {
            return p[1] && B.known(p[1][0]) && B.known(p[1][1]);
        });
        if (there.length === 0) {
            return "";
        }
        function edge(side) {
            return there.map(function (p) {
                return x.at(p[0]).toFixed(1) + " " +
                    y.at(p[1][side]).toFixed(1);
            });
        }
        return "M" + edge(0).concat(edge(1).reverse()).join("L") + "Z";
    }

    function within(v, axis) {
        return B.known(v) && v <= axis.hi && (v >= axis.lo || axis.log);
    }

    function marks(line, x, y, spec) {
        return (line.marks || []).filter(function (m) {
            return within(m.x, spec.x) && within(m.y, spec.y);
        }).map(function (m) {
            var at = x.at(m.x) + (line.dx || 0), g = B.svg("g", {stroke: B.colour(line.index),
                fill: m.hollow ? "var(--paper)" : B.colour(line.index),
                "stroke-width": 1.5});
            if (B.known(m.lo) && B.known(m.hi)) {
                g.append(B.svg("line", {x1: at, x2: at, y1: y.at(m.lo),
                    y2: y.at(m.hi)}));
            }
            g.append(B.svg("circle", {cx: at, cy: y.at(m.y), r: m.r || 4},
                m.text ? B.svg("title", null, m.text) : null));
            return g;
        });
    }

    function draw(chart, width) {
        var spec = chart.spec(), height = Math.round(
            Math.min(360, Math.max(220, width * 0.66)));
        var box = {left: 50, right: width - 20, top: 24, bottom: height - 44};
        var x = scale(spec.x, box.left, box.right);
        var y = scale(spec.y, box.bottom, box.top), id = B.id("clip");
        var title = B.id("chart");
        var inside = B.svg("g", {"clip-path": "url(#" + id + ")"});
        spec.lines.forEach(function (line) {
            if (line.band) {
                inside.append(B.svg("path", {d: band(line, x, y),
                    fill: B.colour(line.index), class: "band"}));
            }
        });
        spec.lines.forEach(function (line) {
            inside.append(B.svg("path", {d: path(line, x, y),
                class: line.faint ? "line faint" : "line",
                stroke: line.plain ? "var(--quiet)" : B.colour(line.index),
                "stroke-dasharray": line.plain || line.faint ? "2 4"
                    : B.dash(line.index)}));
            inside.append.apply(inside, marks(line, x, y, spec));
        });
        return B.svg("svg", {role: "img", width: width, height: height,
            viewBox: "0 0 " + width + " " + height,
            "aria-labelledby": title + " " + title + "-d"}, [
            B.svg("title", {id: title}, spec.title),
            B.svg("desc", {id: title + "-d"}, spec.about),
            B.svg("defs", null, B.svg("clipPath", {id: id}, B.svg("rect", {
                x: box.left - 5, y: box.top - 5, width: box.right - box.left +
                10, height: box.bottom - box.top + 10}))),
            axes(box, spec, x, y), inside]);
    }

    function legend(lines) {
        return B.el("ul", {class: "legend"}, lines.filter(function (l) {
            return l.name;
        }).map(function (l) {
            return B.el("li", null, [B.swatch(l.index, l.plain), l.name]);
        }));
    }

    function redraw(chart, force) {
        var width = Math.max(260, Math.min(620,
            Math.floor(chart.node.clientWidth || 600)));
        if (!force && width === chart.width) {
            return;
        }
        chart.width = width;
        chart.node.textContent = "";
        var image = chart.draw ? chart.draw(width) : draw(chart, width);
        chart.node.append(image);
        if (!chart.draw && chart.legend !== false) {
            chart.node.append(legend(chart.spec().lines));
        }
    }

    /* --- what others use -------------------------------------------------- */

    /* spec() -> {title, about, x: {label, lo, hi, log, format}, y, lines:
     * [{name, index, x, y, band, marks, faint, plain, dx}]}; dx shifts a line
     * by pixels, so that intervals at one x stand side by side. The caller
     * puts the node into the page; update() draws again. */
    B.chart = function (caption, spec, options) {
        var chart = Object.assign({spec: spec, width: 0,
            node: B.el("div", {class: "chart"})}, options);
        charts.push(chart);
        return {
            node: B.el("figure", null,
                [B.el("figcaption", null, caption), chart.node]),
            update: function () {
                redraw(chart, true);
            }
        };
    };

    /* An image of its own kind: paint(width) -> svg. */
    B.drawing = function (caption, paint) {
        return B.chart(caption, null, {draw: paint});
    };

    B.drawAll = function (force) {
        charts.forEach(function (c) {
            redraw(c, force);
        });
    };

    var timer = 0;
    window.addEventListener("resize", function () {
        window.clearTimeout(timer);
        timer = window.setTimeout(function () {
            B.drawAll(false);
        }, 120);
    });

    B.rate = function (v) {
        return String(+(100 * v).toPrecision(2)) + "%";
    };
})(window.bearcascade);
