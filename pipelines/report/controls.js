/* controls.js - move thresholds, the reject threshold and the share of wanted
 * images,
 * and see what follows.
 *
 * Sliders run over log-odds, since scores crowd near 0 and 1. Until a slider
 * is moved its exact stored value counts, not the nearest step. */
(function (B) {
    "use strict";

    var COLUMNS = [
        ["recall", "recall", B.percent],
        ["fpr", "false positives", B.percent],
        ["species_accuracy", "named right", B.percent],
        ["end_to_end", "end to end", B.percent],
        ["macro_f1", "macro F1", function (x) {
            return B.fixed(x, 3);
        }],
        ["precision", "precision at the share", B.percent],
        ["macs", "multiply-adds", B.large],
        ["ms", "ms", B.short]
    ];
    var state = {seed: 0, threshold: {}, reject_threshold: 0, share: 0,
        matrix: ""};
    var sliders = [], body = null, matrix = null;

    function fromOdds(x) {
        return 1 / (1 + Math.exp(-x));
    }

    function toOdds(p) {
        return p <= 0 ? -10 : p >= 1 ? 10
            : Math.max(-10, Math.min(10, Math.log(p / (1 - p))));
    }

    function name(p) {
        return p > 0 && p < 0.001 || p > 0.999 && p < 1
            ? String(+p.toPrecision(5)) : p.toFixed(3);
    }

    /* spec: {label, get, set, text, index}; index draws a swatch. */
    function slider(id, spec) {
        var input = B.el("input", {type: "range", id: id, min: -10, max: 10,
            step: 0.02});
        var out = B.el("output", {for: id});
        function show() {
            input.value = toOdds(spec.get());
            out.textContent = spec.text(spec.get());
            input.setAttribute("aria-valuetext", out.textContent);
        }
        input.addEventListener("input", function () {
            spec.set(fromOdds(+input.value));
            out.textContent = spec.text(spec.get());
            input.setAttribute("aria-valuetext", out.textContent);
            update();
        });
        sliders.push({input: input, show: show, run: spec.run});
        return B.el("div", {class: "slider"}, [
            B.el("label", {for: id}, [spec.index === undefined ? null
                : B.swatch(spec.index), spec.label]), input, out]);
    }

    function stored() {
        B.data.systems.forEach(function (s) {
            var run = s.runs[state.seed];
            state.threshold[s.name] = run ? run.threshold : 0.5;
            if (s === B.data.cascade && run) {
                state.reject_threshold = run.reject_threshold;
            }
        });
    }

    /* The slider is the first cascade's; others keep their own. */
    function rejectOf(s) {
        var run = s.runs[state.seed];
        return s === B.data.cascade ? state.reject_threshold
            : run ? run.reject_threshold : 0;
    }

    function numbersOf(s) {
        if (state.seed >= 0) {
            return B.recompute(s.name, state.seed, state.threshold[s.name],
                rejectOf(s), state.share);
        }
        var all = s.runs.map(function (run, i) {
            return B.recompute(s.name, i, run.threshold, run.reject_threshold,
                state.share);
        }), mean = {};
        COLUMNS.forEach(function (c) {
            mean[c[0]] = B.mean(all.map(function (f) {
                return f[c[0]];
            }));
        });
        return mean;
    }

    /* Who is taken for whom at the chosen thresholds, by the chosen system. */
    function showMatrix() {
        var s = B.system(state.matrix), run = s.runs[state.seed];
        var counts = run ? B.confusion(s, run, state.threshold[s.name],
            rejectOf(s)) : s.raw.confusion;
        matrix.textContent = "";
        if (counts) {
            matrix.append(B.matrix(s.name + (run ? ", seed " + run.seed +
                ", at these thresholds" : ", summed over seeds, stored " +
                "thresholds"), counts));
        }
    }

    function update() {
        showMatrix();
        B.rows(body, B.data.systems.map(function (s) {
            var f = numbersOf(s) || {};
            return [B.systemHead(s)].concat(COLUMNS.map(function (c) {
                return {text: c[2](f[c[0]]), value: f[c[0]],
                    class: "number"};
            }));
        }));
        B.data.systems.forEach(function (s, i) {
            body.rows[i].setAttribute("data-system", s.name);
        });
    }

    function reset() {
        stored();
        state.share = B.share();
        sliders.forEach(function (s) {
            s.input.disabled = s.run && state.seed < 0;
            s.show();
        });
        update();
    }

    function thresholdSlider(s) {
        return slider("threshold-" + s.index, {
            label: s.name + ": threshold", index: s.index, run: true,
            get: function () {
                return state.threshold[s.name];
            },
            set: function (p) {
                state.threshold[s.name] = p;
            },
            text: name
        });
    }

    function floorSlider() {
        return slider("reject_threshold", {
            label: "cascade: reject threshold, below it the class is unknown",
            run: true, get: function () {
                return state.reject_threshold;
            },
            set: function (p) {
                state.reject_threshold = p;
            },
            text: name
        });
    }

    function shareSlider() {
        return slider("share", {
            label: "share of wanted images", get: function () {
                return state.share;
            },
            set: function (p) {
                state.share = p;
            },
            text: function (p) {
                return B.percent(p, p < 0.01 || p > 0.99 ? 3 : 1);
            }
        });
    }

    function seedSelect() {
        var longest = B.data.systems.reduce(function (a, s) {
            return s.runs.length > a.length ? s.runs : a;
        }, []);
        var options = longest.map(function (run, i) {
            return [String(i), "seed " + run.seed];
        });
        if (longest.length > 1) {
            options.push(["-1", "mean over seeds, stored thresholds"]);
        }
        return B.select("Models of", options, "seed", function (v) {
            state.seed = +v;
            reset();
        });
    }

    function matrixSelect() {
        state.matrix = B.data.systems[0].name;
        return B.select("Confusions of", B.data.systems.map(function (s) {
            return [s.name, s.name];
        }), "what-if-system", function (name) {
            state.matrix = name;
            showMatrix();
        });
    }

    B.controls = function () {
        var systems = B.data.systems;
        if (B.data.n === 0 || !systems.some(function (s) {
            return s.runs.length > 0;
        })) {
            return;
        }
        var table = B.table("What follows, on the test images; precision, " +
            "multiply-adds and ms at the chosen share of wanted images",
        ["system"].concat(COLUMNS.map(function (c) {
            return c[1];
        })), [], {id: "what-if"});
        var boxes = systems.map(thresholdSlider);
        if (B.data.cascade && B.data.k > 1) {
            boxes.push(floorSlider());
        }
        boxes.push(shareSlider());
        matrix = B.el("div", {id: "what-if-matrix"});
        body = table.querySelector("tbody");
        B.section("controls", "What if: move the thresholds", "What if", [
            B.el("div", {class: "bar"}, [seedSelect(), B.button(
                "Back to the stored values", reset, {id: "reset"})]),
            B.el("div", {class: "sliders"}, boxes), table, matrixSelect(),
            matrix]);
        reset();
    };
})(window.bearcascade);
