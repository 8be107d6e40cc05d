/* page.js - photos, keys, what is kept. */
const data = JSON.parse(document.getElementById("data").textContent);
const FORMAT = "bearcascade-decisions 1", KEY = "bearcascade-clean-" + data.key;
const el = (id) => document.getElementById(id);
/* label of each photo that was decided on: a name, or null for drop. order:
 * places in the order of the decisions, with what was said before. */
let said = new Map(), order = [], at = 0, note = "";

const idOf = (p) => p.file + " " + (p.hash || "");
const isWrong = (p) => said.get(idOf(p)) !== p.label;
const isDecided = (p) => said.has(idOf(p));
const suspects = data.shown.filter((p) => p.list === "suspects");
const sample = suspects.filter((p) => p.sampled);

function keep() {
  try {
    localStorage.setItem(KEY, lines());
  } catch (e) {
    note = "This browser keeps nothing: save often.";
  }
}

function lines() {
  const rows = [{ format: FORMAT, made_by: "clean", data: data.data,
    listed: data.listed, sample: data.sample }], seen = new Set();
  for (const p of data.shown) {
    if (!isDecided(p) || seen.has(idOf(p))) { continue; }
    seen.add(idOf(p));
    const row = { file: p.file, hash: p.hash, label: said.get(idOf(p)),
      given: p.label, list: p.list };
    if (p.sampled) { row.sampled = true; }
    rows.push(row);
  }
  return rows.map((r) => JSON.stringify(r) + "\n").join("");
}

function read(text) {
  const rows = text.split("\n").filter((t) => t.trim()).map((t) => JSON.parse(t));
  const known = new Set(data.shown.map(idOf));
  const mine = rows.slice(1).filter((r) => known.has(idOf(r)) && "label" in r);
  if (!rows.length || rows[0].format !== FORMAT ||
      (rows.length > 1 && !mine.length)) { return false; }
  said = new Map(mine.map((r) => [idOf(r), r.label]));
  order = [];
  return true;
}

/* --- what can be said --- */

function statement() {
  const looked = suspects.filter(isDecided), wrong = looked.filter(isWrong);
  const drawn = sample.filter(isDecided), k = drawn.filter(isWrong).length;
  let text = `${said.size} of ${data.shown.length} decided on` +
    (looked.length ? `; ${wrong.length} of ${looked.length} suspects wrong` : "");
  if (sample.length === 0) { return text + "."; }
  if (drawn.length < sample.length) {
    return text + `. After the first ${sample.length} this line says what ` +
      `share of all ${data.listed} suspects is wrong.`;
  }
  const least = Math.max(wrong.length,
    hypergeomLower(data.listed, sample.length, k, data.confidence));
  return text + `. Of all ${data.listed} suspects at least ${least} ` +
    `(${Math.floor(100 * least / data.listed)} %) are wrong ` +
    `(${100 * data.confidence} % confidence).`;
}

const percent = (p) => p > 0.995 ? "> 99 %" : p < 0.005 ? "< 1 %"
  : `${Math.round(100 * p)} %`;

function question(p) {
  if (p.list === "damaged") { return "Cannot be read: " + p.reason; }
  if (p.list === "duplicates") {
    return p.label !== p.twin.label
      ? `The same photo stands under ${p.label} and ${p.twin.label}.`
      : `The same photo stands in ${p.split} and ${p.twin.split}.`;
  }
  if (p.other !== undefined && p.p_other > p.p_label) {
    return `Looks like ${p.other} (${percent(p.p_other)}; ${p.label}: ` +
      `${percent(p.p_label)}).`;
  }
  return p.flat > p.outlier ? `Drawn or printed? Even areas are rare in ${p.label}.`
    : `Unlike the other photos of ${p.label}.`;
}

/* --- the screen --- */

function figure(p, url, decided) {
  const f = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const name = document.createElement("b");
  if (url === undefined || data.urls[url] === "") {
    const d = document.createElement("div");
    d.className = "missing";
    d.textContent = "no photo";
    f.append(d);
  } else {
    const img = document.createElement("img");
    img.src = data.urls[url];
    img.alt = p.file;
    f.append(img);
  }
  name.textContent = p.label;
  caption.append(name, ` ${p.split ? p.split + ", " : ""}${p.file}`);
  f.append(caption);
  f.className = decided ? "decided" : "";
  return f;
}

function show() {
  const p = data.shown[at], label = p && said.get(idOf(p));
  el("progress").textContent = statement();
  el("photo").replaceChildren();
  document.querySelectorAll("#answers button").forEach((b) => {
    b.hidden = !p;
    b.className = "";
  });
  if (!p) {
    el("ask").textContent = note ||
      (data.shown.length ? "That was the last photo. Save the decisions."
        : "Nothing was found.");
    return;
  }
  el("ask").textContent = note || `${at + 1}: ${question(p)}`;
  note = "";
  el("photo").append(figure(p, p.url, isDecided(p)));
  if (p.twin) { el("photo").append(figure(p.twin, p.twin_url, false)); }
  const chosen = label === undefined ? null : label === null ? "drop"
    : label === p.label ? "keep" : "label" + data.labels.indexOf(label);
  if (chosen) { el(chosen).className = "now"; }
  if (p.p_other > p.p_label && !chosen) {
    el("label" + data.labels.indexOf(p.other)).className = "suggested";
  }
}

function decide(label) {
  const p = data.shown[at];
  if (!p) { return; }
  order.push({ at, had: isDecided(p), was: said.get(idOf(p)) });
  said.set(idOf(p), label);
  at++;
  while (at < data.shown.length && isDecided(data.shown[at])) { at++; }
  keep();
  show();
}

function undo() {
  const last = order.pop();
  if (!last) { return; }
  at = last.at;
  if (last.had) {
    said.set(idOf(data.shown[at]), last.was);
  } else {
    said.delete(idOf(data.shown[at]));
  }
  keep();
  show();
}

function move(step) {
  at = Math.min(Math.max(at + step, 0), data.shown.length);
  show();
}

function save() {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([lines()],
    { type: "application/jsonl" }));
  a.download = "decisions.jsonl";
  a.click();
}

function toFirst() {
  at = data.shown.findIndex((p) => !isDecided(p));
  at = at < 0 ? data.shown.length : at;
}

async function load(file) {
  const before = said;
  let fine = false;
  try {
    fine = read(await file.text());
  } catch (e) {
    said = before;
  }
  note = fine ? "" : "That file holds no decisions on these photos.";
  toFirst();
  keep();
  show();
}

const actions = { k: () => data.shown[at] && decide(data.shown[at].label),
  d: () => decide(null), Backspace: undo, s: save,
  ArrowRight: () => move(1), ArrowLeft: () => move(-1) };
data.labels.forEach((name, i) => {
  const b = document.createElement("button"), key = document.createElement("kbd");
  b.id = "label" + i;
  b.append(name + " ");
  if (i < 9) {
    key.textContent = i + 1;
    b.append(key);
    actions[i + 1] = () => decide(name);
  }
  b.onclick = () => { b.blur(); decide(name); };
  el("answers").append(b);
});
document.addEventListener("keydown", (e) => {
  const act = actions[e.key.length === 1 ? e.key.toLowerCase() : e.key];
  if (act && !e.ctrlKey && !e.metaKey && !e.altKey) {
    e.preventDefault();
    act();
  }
});
for (const [id, key] of [["keep", "k"], ["drop", "d"], ["undo", "Backspace"],
  ["back", "ArrowLeft"], ["next", "ArrowRight"], ["save", "s"]]) {
  el(id).onclick = (e) => { e.currentTarget.blur(); actions[key](); };
}
el("load").onchange = (e) => load(e.target.files[0]);
try {
  read(localStorage.getItem(KEY) || "");
} catch (e) {
  said = new Map();
}
toFirst();
show();
