/* dom.js - elements, numbers as text, tables and form controls. */
window.bearcascade = {};

(function (B) {
    "use strict";

    var SVG = "http://www.w3.org/2000/svg";

    function fill(e, attributes, children) {
        Object.keys(attributes || {}).forEach(function (name) {
            var v = attributes[name];
            if (v !== null && v !== undefined && v !== false) {
                e.setAttribute(name, v === true ? "" : String(v));
            }
        });
        [].concat(children === undefined ? [] : children).forEach(
            function (c) {
                if (c !== null && c !== undefined) {
                    e.append(c);
                }
            });
        return e;
    }

    /* New element; text goes in as text, never as markup. */
    B.el = function (tag, attributes, children) {
        return fill(document.createElement(tag), attributes, children);
    };

    B.svg = function (tag, attributes, children) {
        return fill(document.createElementNS(SVG, tag), attributes, children);
    };

    B.known = function (x) {
        return typeof x === "number" && isFinite(x);
    };

    var NONE = "\u2013";

    /* 0.9312 as "93.1 %". */
    B.percent = function (x, digits) {
        return B.known(x)
            ? (100 * x).toFixed(digits === undefined ? 1 : digits) + "\u00a0%"
            : NONE;
    };

    B.fixed = function (x, digits) {
        return B.known(x) ? x.toFixed(digits).replace("-", "\u2212") : NONE;
    };

    /* Three digits that matter: 0.00123, 12.3, 4560. */
    B.short = function (x) {
        if (!B.known(x)) {
            return NONE;
        }
        if (x === 0) {
            return "0";
        }
        var a = Math.abs(x);
        if (a < 1e-4) {
            return x.toExponential(1);
        }
        var digits = Math.max(0, 2 - Math.floor(Math.log10(a)));
        return B.fixed(x, Math.min(digits, 6));
    };

    B.count = function (x) {
        return B.known(x) ? String(Math.round(x)).replace(
            /\B(?=(\d{3})+$)/g, "\u202f") : NONE;
    };

    /* 12.3 M */
    B.large = function (x) {
        var units = [[1e9, "\u00a0G"], [1e6, "\u00a0M"], [1e3, "\u00a0k"]];
        for (var i = 0; i < units.length; i++) {
            if (B.known(x) && Math.abs(x) >= units[i][0]) {
                return B.short(x / units[i][0]) + units[i][1];
            }
        }
        return B.known(x) ? B.short(x) : NONE;
    };

    /* The same, as short as an axis wants it. */
    B.tick = function (x) {
        var units = ["", "k", "M", "G"], u = 0;
        while (Math.abs(x) >= 1000 && u < 3) {
            x /= 1000;
            u += 1;
        }
        return String(+x.toPrecision(3)) + units[u];
    };

    B.pvalue = function (p) {
        return !B.known(p) ? NONE : p < 0.001 ? "<\u00a00.001"
            : p.toFixed(3);
    };

    /* Section with a heading and a link in the navigation; sections hang
     * below <main> in the order in which they are made. */
    B.section = function (id, title, link, children) {
        var s = B.el("section", {id: id, "aria-labelledby": id + "-title"},
            [B.el("h2", {id: id + "-title"}, title)].concat(children || []));
        document.getElementById("content").append(s);
        document.getElementById("nav").append(
            B.el("li", null, B.el("a", {href: "#" + id}, link)));
        return s;
    };

    B.note = function (text) {
        return B.el("p", {class: "note"}, text);
    };

    /* A cell is text, a node, or {text, class, title, value}; value is the
     * number behind the text, kept where scripts can read it. */
    function cell(tag, c, attributes) {
        var plain = c === null || typeof c !== "object" || c.nodeType;
        var a = Object.assign({}, attributes);
        if (!plain) {
            a.class = c.class || a.class;
            a.title = c.title;
            a.style = c.style;
            a["data-value"] = c.value;
            a.colspan = c.span;
        }
        return B.el(tag, a, plain ? c : c.text);
    }

    function row(cells) {
        return B.el("tr", null, cells.map(function (c, i) {
            var text = c && c.text !== undefined ? c.text : c;
            return i > 0 ? cell("td", c) : cell("th", c, {scope: "row",
                class: String(text).length > 16 && !text.nodeType
                    ? "long" : null});
        }));
    }

    B.rows = function (body, rows) {
        body.textContent = "";
        rows.forEach(function (cells) {
            body.append(row(cells));
        });
    };

    /* Table that scrolls sideways on its own where it is too wide. */
    B.table = function (caption, head, rows, attributes) {
        var body = B.el("tbody");
        B.rows(body, rows);
        var table = B.el("table", attributes, [
            B.el("caption", null, caption),
            B.el("thead", null, B.el("tr", null, head.map(function (c) {
                return cell("th", c, {scope: "col"});
            }))), body]);
        return B.el("div", {class: "wide", tabindex: "0", role: "region",
            "aria-label": caption}, table);
    };

    var ids = 0;

    B.id = function (prefix) {
        ids += 1;
        return prefix + "-" + ids;
    };

    /* options: [[value, text], ...] */
    B.select = function (label, options, id, change) {
        id = id || B.id("select");
        var s = B.el("select", {id: id}, options.map(function (o) {
            return B.el("option", {value: o[0]}, o[1]);
        }));
        s.addEventListener("change", function () {
            change(s.value);
        });
        return B.el("div", {class: "field"},
            [B.el("label", {for: id}, label), s]);
    };

    B.check = function (label, on, id, change) {
        id = id || B.id("check");
        var c = B.el("input", {type: "checkbox", id: id, checked: on});
        c.addEventListener("change", function () {
            change(c.checked);
        });
        return B.el("span", {class: "check"},
            [c, B.el("label", {for: id}, label)]);
    };

    B.button = function (text, press, attributes) {
        var b = B.el("button",
            Object.assign({type: "button"}, attributes), text);
        b.addEventListener("click", function () {
            press(b);
        });
        return b;
    };

    /* The object in <script type="application/json" id=ID>, or null. */
    B.block = function (id) {
        var e = document.getElementById(id);
        var v = e ? JSON.parse(e.textContent) : null;
        return v && typeof v === "object" ? v : null;
    };

    B.list = function (x) {
        return Array.isArray(x) ? x : [];
    };
})(window.bearcascade);
