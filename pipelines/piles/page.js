/* page.js - a pile of photos: what was said of it, and photos to look at. */
(function (B) {
    "use strict";

    var W = 640, H = 230, LEFT = 52, BOTTOM = 34, TOP = 12, RIGHT = 10;
    var KINDS = [["none", "none"], ["unknown", "unknown"],
        ["class", "a class"]];
    var pile = B.block("pile");

    function plural(n, word) {
        return B.count(n) + " " + word + (n === 1 ? "" : "s");
    }

    function score(p) {
        return B.fixed(p, 3);
    }

    /* --- counts ----------------------------------------------------------- */

    function counts() {
        var rows = pile.groups.map(function (g) {
            return [g.label, B.count(g.n), B.percent(g.n / pile.n)];
        });
        if (pile.n_others > 0) {
            rows.push(["further classes", B.count(pile.n_others),
                B.percent(pile.n_others / pile.n)]);
        }
        return B.table("Photos by verdict", ["verdict", "photos", "share"],
            rows);
    }

    /* --- histogram ---------------------------------------------------------- */

    /* Counts of a pile go from 1 to 100,000: a logarithmic scale shows both. */
    function height(n, most) {
        return n > 0 ? Math.log(1 + n) / Math.log(1 + most) *
            (H - TOP - BOTTOM) : 0;
    }

    function x(p) {
        return LEFT + p * (W - LEFT - RIGHT);
    }

    function bars(most) {
        var out = [], n = pile.bins[0].length;
        for (var i = 0; i < n; i += 1) {
            var below = 0;
            KINDS.forEach(function (kind, k) {
                var from = height(below, most);
                var to = height(below + pile.bins[k][i], most);
                if (pile.bins[k][i] > 0) {
                    out.push(B.svg("rect", {class: kind[0], x: x(i / n) + 0.5,
                        y: H - BOTTOM - to, height: to - from,
                        width: (W - LEFT - RIGHT) / n - 1},
                        B.svg("title", null, kind[1] + ", " + score(i / n) +
                            " to " + score((i + 1) / n) + ": " +
                            plural(pile.bins[k][i], "photo"))));
                }
                below += pile.bins[k][i];
            });
        }
        return out;
    }

    function axes(most) {
        var out = [], p, n;
        for (p = 0; p <= 10; p += 2) {
            out.push(B.svg("text", {x: x(p / 10), y: H - BOTTOM + 16,
                "text-anchor": "middle"}, (p / 10).toFixed(1)));
        }
        for (n = 1; n <= most; n *= 10) {
            out.push(B.svg("line", {x1: LEFT, x2: W - RIGHT,
                y1: H - BOTTOM - height(n, most),
                y2: H - BOTTOM - height(n, most)}));
            out.push(B.svg("text", {x: LEFT - 6, "text-anchor": "end",
                y: H - BOTTOM - height(n, most) + 4}, B.count(n)));
        }
        out.push(B.svg("text", {class: "label", x: (LEFT + W) / 2, y: H - 2,
            "text-anchor": "middle"}, "score (p_positive)"));
        return B.svg("g", {class: "axes"}, out);
    }

    /* Where photos stop being none, and how that is known. */
    function threshold() {
        if (B.known(pile.threshold)) {
            return {at: pile.threshold, text: "The dashed line is the " +
                "threshold, " + score(pile.threshold) + ": below it the " +
                "verdict is none."};
        }
        var low = pile.none_max, high = pile.other_min;
        if (!B.known(low) || !B.known(high)) {
            return {at: null, text: B.known(low)
                ? "Every photo is none, up to a score of " + score(low) + "."
                : "No photo is none."};
        }
        if (low < high) {
            return {at: (low + high) / 2, text: "The threshold (dashed) lies " +
                "between " + score(low) + ", the largest score of a photo " +
                "that is none, and " + score(high) + ", the smallest of the " +
                "others."};
        }
        return {at: null, text: "Photos that are none have scores up to " +
            score(low) + ", the others from " + score(high) + " on."};
    }

    function histogram() {
        var most = 1, t = threshold();
        pile.bins[0].forEach(function (_, i) {
            most = Math.max(most, pile.bins[0][i] + pile.bins[1][i] +
                pile.bins[2][i]);
        });
        var line = t.at === null ? [] : [B.svg("line", {class: "threshold",
            x1: x(t.at), x2: x(t.at), y1: TOP - 6, y2: H - BOTTOM})];
        return B.el("figure", {class: "chart"}, [
            B.svg("svg", {viewBox: "0 0 " + W + " " + H, role: "img",
                width: W, "aria-label": "Histogram of scores. " + t.text},
                [axes(most)].concat(bars(most), line)),
            B.el("ul", {class: "legend"}, KINDS.map(function (kind) {
                return B.el("li", null, [
                    B.svg("svg", {class: "swatch", width: 12, height: 12},
                        B.svg("rect", {class: kind[0], width: 12,
                            height: 12})), kind[1]]);
            })),
            B.el("figcaption", null, t.text + " Heights are logarithmic.")]);
    }

    /* --- photos --------------------------------------------------------------- */

    function card(photo) {
        var name = photo.file.replace(/^.*\//, "");
        var image = photo.thumb
            ? B.el("img", {src: photo.thumb, alt: name, loading: "lazy"})
            : B.el("span", {class: "lost"}, "no image here");
        if (photo.url) {
            image = B.el("a", {href: photo.url, title: "the photo itself"},
                image);
        }
        return B.el("figure", {class: "card"}, [image,
            B.el("figcaption", null, [
                B.el("span", null, photo.label +
                    (B.known(photo.best) && photo.label !== "none"
                        ? " " + score(photo.best) : "")),
                B.el("span", null, "score " + score(photo.p)),
                B.el("span", {class: "file", title: photo.file},
                    photo.file)])]);
    }

    function gallery(group) {
        return B.el("div", {class: "cards"}, group.photos.map(card));
    }

    function photos() {
        if (pile.below.n > 0) {
            B.section("below", "Rejected just below the threshold",
                "Just below", [
                    B.note("The highest scores that are none: what was " +
                        "missed is most likely here. " +
                        plural(pile.below.photos.length, "photo") + " of " +
                        B.count(pile.below.n) + ".")]).append(
                gallery(pile.below));
        }
        if (pile.above.n > 0) {
            B.section("above", "Let through just above the threshold",
                "Just above", [
                    B.note("The lowest scores that are not none: false " +
                        "alarms are most likely here.")]).append(
                gallery(pile.above));
        }
        pile.groups.forEach(function (g, i) {
            B.section("group-" + i, (g.class ? "Class " : "Verdict ") +
                g.label, g.label, [
                B.note(g.photos.length < g.n
                    ? plural(g.photos.length, "photo") + " drawn at random " +
                      "of " + B.count(g.n) + "."
                    : "All " + plural(g.n, "photo") + ".")]).append(
                gallery(g));
        });
    }

    function errors() {
        if (pile.n_errors === 0) {
            return;
        }
        B.section("errors", "Without a verdict", "Without a verdict", [
            B.note("The first " + pile.errors.length + " of " +
                plural(pile.n_errors, "file") + " that could not be read."),
            B.table("Files", ["file", "reason"], pile.errors,
                {class: "left"})]);
    }

    if (!pile) {
        return;
    }
    pile.groups.sort(function (a, b) {
        return b.n - a.n;
    });
    document.getElementById("verdict").textContent =
        plural(pile.n, "photo") + ": " + KINDS.map(function (kind, k) {
            return B.count(pile.bins[k].reduce(function (a, b) {
                return a + b;
            })) + (k < 2 ? " " + kind[0] : " of a class");
        }).join(", ");
    document.getElementById("conditions").append(
        B.el("li", null, pile.n_errors > 0
            ? plural(pile.n_errors, "further file") + " could not be read."
            : "Every file could be read."),
        B.el("li", null, "How many positives were missed, " +
            "'bearcascade audit' measures."));
    B.section("counts", "Counts", "Counts", [B.el("div", {class: "side"},
        [histogram(), counts()])]);
    photos();
    errors();
})(window.bearcascade);
