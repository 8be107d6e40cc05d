/* flow.js - where the images go in the cascade, and where it errs. */
(function (B) {
    "use strict";

    /* Counts over all seeds at the stored thresholds. */
    function countFlow(s) {
        var d = B.data, k = d.k;
        var f = {right: 0, confused: 0, unknown: 0, missed: 0, stopped: 0,
            passed: 0, doubted: 0};
        s.runs.forEach(function (run) {
            B.confusion(s, run, run.threshold, run.reject_threshold).forEach(
                function (row, r) {
                    row.forEach(function (v, c) {
                        var what = r === k
                            ? c === k ? "stopped" : c > k ? "doubted"
                                : "passed"
                            : c === k ? "missed" : c > k ? "unknown"
                                : c === r ? "right" : "confused";
                        f[what] += v;
                    });
                });
        });
        return f;
    }

    /* Three columns of nodes and the ribbons between them. */
    function layout(f) {
        var pass = f.right + f.confused + f.unknown;
        var fools = f.passed + f.doubted, one = B.data.k < 2;
        return {
            columns: [
                [["wanted", pass + f.missed, "good"],
                    ["unwanted", fools + f.stopped, "quiet"]],
                [["gate passes", pass + fools, "good"],
                    ["gate stops", f.missed + f.stopped, "quiet"]],
                [[one ? "passed rightly" : "named right", f.right, "good"],
                    ["confused", f.confused, "bad"],
                    ["unknown", f.unknown, "fair"],
                    ["false pass, named", f.passed, "bad"],
                    ["false pass, unknown", f.doubted, "fair"],
                    ["missed", f.missed, "bad"],
                    ["stopped rightly", f.stopped, "quiet"]]],
            ribbons: [
                [0, 0, 0, pass, "good"], [0, 0, 1, f.missed, "bad"],
                [0, 1, 0, fools, "bad"], [0, 1, 1, f.stopped, "quiet"],
                [1, 0, 0, f.right, "good"], [1, 0, 1, f.confused, "bad"],
                [1, 0, 2, f.unknown, "fair"], [1, 0, 3, f.passed, "bad"],
                [1, 0, 4, f.doubted, "fair"], [1, 1, 5, f.missed, "bad"],
                [1, 1, 6, f.stopped, "quiet"]]
        };
    }

    function place(columns, total, width, height) {
        var label = 144, gap = 30;
        var xs = [1, (width - label) / 2, width - label];
        var room = height - 40 - gap * 7;
        return columns.map(function (list, c) {
            var there = list.filter(function (n) {
                return n[1] > 0;
            });
            var free = height - 40 - room;
            var y = 34, step = there.length > 1
                ? free / Math.max(there.length, 1) : 0;
            return list.map(function (n) {
                var h = total > 0 ? room * n[1] / total : 0;
                var node = {name: n[0], n: n[1], tone: n[2], x: xs[c], y: y,
                    h: h, out: y, into: y};
                y += n[1] > 0 ? h + step : 0;
                return node;
            });
        });
    }

    function ribbon(from, to, h, tone) {
        var a = from.x + 10, b = to.x, m = (a + b) / 2;
        var y = from.out, z = to.into;
        from.out += h;
        to.into += h;
        return B.svg("path", {class: "ribbon tone-" + tone, d: "M" + a + " " +
            y + "C" + m + " " + y + " " + m + " " + z + " " + b + " " + z +
            "v" + h + "C" + m + " " + (z + h) + " " + m + " " + (y + h) +
            " " + a + " " + (y + h) + "Z"});
    }

    function paint(f, width) {
        var shape = layout(f), height = width < 420 ? 430 : 390;
        var total = shape.columns[0][0][1] + shape.columns[0][1][1];
        var nodes = place(shape.columns, total, width, height);
        var room = height - 40 - 210, title = B.id("flow"), all = [];
        shape.ribbons.forEach(function (r) {
            if (r[3] > 0) {
                all.push(ribbon(nodes[r[0]][r[1]], nodes[r[0] + 1][r[2]],
                    room * r[3] / total, r[4]));
            }
        });
        nodes.forEach(function (list, c) {
            list.forEach(function (n) {
                if (n.n === 0) {
                    return;
                }
                /* beside the last column, above the others */
                var x = n.x + (c === 2 ? 15 : 0);
                var y = c === 2 ? n.y + Math.max(6, n.h / 2) - 1 : n.y - 19;
                all.push(B.svg("rect", {x: n.x, y: n.y, width: 10,
                    height: Math.max(1, n.h), class: "tone-" + n.tone}),
                B.svg("text", {x: x, y: y}, [B.svg("tspan", null, n.name),
                    B.svg("tspan", {x: x, dy: 14}, B.count(n.n) + (c === 2
                        ? " (" + B.percent(n.n / total) + ")" : ""))]));
            });
        });
        return B.svg("svg", {role: "img", class: "flow", width: width,
            height: height, viewBox: "0 0 " + width + " " + height,
            "aria-labelledby": title + " " + title + "-d"}, [
            B.svg("title", {id: title}, "Flow of images in the cascade"),
            B.svg("desc", {id: title + "-d"}, "Of " + total + " images, " +
                shape.columns[2].map(function (n) {
                    return n[0] + ": " + n[1];
                }).join(", "))].concat(all));
    }

    function budget(b, seeds) {
        function share(name) {
            return [B.count(b[name]), B.percent(b[name] / b.total)];
        }
        function accuracy(name) {
            var f = b[name];
            return f ? B.figureCell("end_to_end", f) : "\u2013";
        }
        var end = B.data.cascade.figures.end_to_end;
        return B.el("div", {class: "side"}, [
            B.table("Error budget, images summed over " + seeds +
                (seeds === 1 ? " seed" : " seeds"),
            ["verdict", "images", "share"], [
                ["right"].concat(share("right")),
                ["misses: wanted, stopped by the gate"].concat(
                    share("misses")),
                ["false passes: unwanted, let through"].concat(
                    share("false_passes")),
                ["confusions: the wrong class"].concat(share("confusions")),
                ["unknown: no class was sure enough"].concat(
                    share("unknown"))]),
            B.table("End-to-end accuracy if one stage never erred",
                ["cascade", "accuracy"], [
                    ["as it is", B.figureCell("end_to_end", end)],
                    ["with a perfect gate", accuracy("perfect_gate")],
                    ["with a perfect species net",
                        accuracy("perfect_species")]])]);
    }

    B.flow = function () {
        var s = B.data.cascade, seeds = s ? s.runs.length : 0;
        if (!s || seeds === 0 || B.data.n === 0) {
            return;
        }
        var f = countFlow(s), b = B.data.raw.budget;
        B.section("flow", "The cascade, step by step", "Flow", [
            B.drawing("Test images on their way through the cascade" +
                (seeds > 1 ? ", summed over " + seeds + " seeds" : ""),
            function (width) {
                return paint(f, width);
            }).node,
            b && b.total > 0 ? budget(b, seeds) : null].filter(Boolean));
    };
})(window.bearcascade);
