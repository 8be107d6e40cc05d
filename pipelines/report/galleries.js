/* galleries.js - the images behind the figures: worst false positives, misses,
 * confusions, disagreements. Only images that came with the page show. */
(function (B) {
    "use strict";

    var MOST = 12, images = null, chosen = null;

    function isImage(url) {
        return typeof url === "string" && /^data:image\//.test(url);
    }

    function truth(i) {
        return B.verdictName(B.data.label[i]);
    }

    /* The models of the first seed: the maps are theirs. */
    function verdictOf(s, i) {
        var run = s.runs[0];
        return run ? B.verdict(s, run, i, run.threshold,
            run.reject_threshold) : null;
    }

    /* --- which images --------------------------------------------------- */

    function there(i) {
        return images[i] && isImage(images[i].thumb);
    }

    /* Indices for which rank(i) is a number, largest first. */
    function top(rank) {
        var list = [];
        for (var i = 0; i < B.data.n; i++) {
            var r = there(i) ? rank(i) : null;
            if (B.known(r)) {
                list.push([r, i]);
            }
        }
        list.sort(function (a, b) {
            return b[0] - a[0] || a[1] - b[1];
        });
        return list.slice(0, MOST).map(function (x) {
            return x[1];
        });
    }

    function falsePositives(s) {
        return top(function (i) {
            return B.data.label[i] === B.NONE ? s.runs[0].score[i] : null;
        });
    }

    function misses(s) {
        return top(function (i) {
            return B.data.label[i] === B.NONE ? null : -s.runs[0].score[i];
        });
    }

    function confusions(s) {
        return top(function (i) {
            var v = verdictOf(s, i), label = B.data.label[i];
            return label !== B.NONE && v >= 0 && v !== label
                ? s.runs[0].trust[i] : null;
        });
    }

    function disagreements() {
        var systems = B.data.systems.filter(function (s) {
            return s.runs.length > 0;
        });
        return top(function (i) {
            var said = systems.map(function (s) {
                return verdictOf(s, i);
            });
            var scores = systems.map(function (s) {
                return s.runs[0].score[i];
            }).filter(B.known);
            return said.some(function (v) {
                return v !== said[0];
            }) ? Math.max.apply(null, scores) - Math.min.apply(null, scores)
                : null;
        });
    }

    /* --- cards ------------------------------------------------------------ */

    function mapButtons(img, i) {
        var cam = images[i].cam || {}, plain = images[i].thumb;
        var box = B.el("div", {class: "maps"});
        B.data.systems.forEach(function (s) {
            if (!isImage(cam[s.name])) {
                return;
            }
            box.append(B.button("map: " + s.name, function (b) {
                var on = b.getAttribute("aria-pressed") === "true";
                box.querySelectorAll("button").forEach(function (other) {
                    other.setAttribute("aria-pressed", "false");
                });
                b.setAttribute("aria-pressed", String(!on));
                img.src = on ? plain : cam[s.name];
            }, {"aria-pressed": "false"}));
        });
        return box.childNodes.length > 0 ? box : null;
    }

    function scoreRows(i) {
        return B.data.systems.filter(function (s) {
            return s.runs.length > 0;
        }).map(function (s) {
            var v = verdictOf(s, i), right = v === B.data.label[i];
            return [s.name, B.fixed(s.runs[0].score[i], 3),
                {text: (right ? "\u2713 " : "\u2717 ") + B.verdictName(v),
                    class: right ? "right" : "wrong"}];
        });
    }

    function card(i) {
        var file = String(B.data.files[i]), family = B.data.family[i];
        var img = B.el("img", {src: images[i].thumb, loading: "lazy",
            alt: file + ", truth: " + truth(i)});
        var table = B.el("table", null, [
            B.el("caption", {class: "hidden"}, "Scores of " + file),
            B.el("thead", null, B.el("tr", null,
                ["system", "score", "verdict"].map(function (t) {
                    return B.el("th", {scope: "col"}, t);
                }))), B.el("tbody")]);
        B.rows(table.lastChild, scoreRows(i));
        return B.el("figure", {class: "card", "data-index": i}, [img,
            mapButtons(img, i),
            B.el("figcaption", null, [B.el("span", {class: "file"}, file),
                B.el("span", null, "truth: " + truth(i) +
                    (B.data.label[i] === B.NONE && B.data.families[family]
                        ? " (" + B.data.families[family] + ")" : ""))]),
            table]);
    }

    function gallery(title, about, list) {
        return list.length === 0 ? null : B.el("div", {class: "gallery"}, [
            B.el("h3", null, title), B.note(about),
            B.el("div", {class: "cards"}, list.map(card))]);
    }

    function fill(box) {
        var s = chosen;
        box.textContent = "";
        [gallery("Worst false positives of " + s.name, "Unwanted images with " +
            "the highest scores; a tick says that they are stopped all the " +
            "same.", falsePositives(s)),
        gallery("Worst misses of " + s.name, "Wanted images with the " +
            "lowest scores, whether they are stopped or not.", misses(s)),
        gallery("Confusions of " + s.name, "Wanted images given the wrong " +
            "class, the surest first.", confusions(s)),
        gallery("Where the systems disagree", "Verdicts differ; the widest " +
            "spread of scores first.", B.data.systems.length > 1
            ? disagreements() : [])].forEach(function (g) {
            if (g) {
                box.append(g);
            }
        });
        return box.childNodes.length > 0;
    }

    B.galleries = function (raw) {
        var systems = B.data.systems.filter(function (s) {
            return s.runs.length > 0;
        });
        images = raw;
        if (!images || systems.length === 0) {
            return;
        }
        var box = B.el("div");
        chosen = systems[0];
        if (!fill(box)) {
            return;
        }
        B.section("galleries", "Images", "Images", [
            B.note("Verdicts are those of the models of seed " +
                systems[0].runs[0].seed + " at their stored thresholds. A " +
                "map shows which parts of the image spoke for the verdict."),
            B.select("System", systems.map(function (s) {
                return [s.name, s.name];
            }), "gallery-system", function (name) {
                chosen = B.system(name);
                fill(box);
            }), box]);
    };
})(window.bearcascade);
