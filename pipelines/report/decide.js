/* decide.js - photos to decide on one after another: keys, undo, what is kept in
 * the browser, the file of decisions. The page adds
 *   PAGE            its name
 *   head()          what the first line of its files says besides
 *   rowOf(p, label) the line of a photo
 *   statement()     what was said so far
 *   show()          the screen, with showQuestion() and figure()
 * and ends with start(). */
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const FORMAT = "bearcascade-decisions 1";
const el = (id) => document.getElementById(id);
/* label of each photo that was decided on: a name, or null for left out. order:
 * places in the order of the decisions, with what was said before. */
let said = new Map(), order = [], at = 0, note = "";

const idOf = (p) => p.file + " " + (p.hash || "");
const isDecided = (p) => said.has(idOf(p));
const keyOf = () => `bearcascade-${PAGE}-${data.key}`;

/* --- what is kept --- */

function keep() {
  keepText(keyOf(), lines()).then((said) => {
    if (said) {
      note = said;
      show();
    }
  });
}

function lines() {
  const rows = [{ format: FORMAT, made_by: PAGE, ...head() }];
  const seen = new Set();
  for (const p of data.shown) {
    if (!isDecided(p) || seen.has(idOf(p))) { continue; }
    seen.add(idOf(p));
    rows.push(rowOf(p, said.get(idOf(p))));
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

function save() {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([lines()],
    { type: "application/jsonl" }));
  a.download = "decisions.jsonl";
  a.click();
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

/* --- the screen --- */

/* url: undefined where there is none, "" where it cannot be read. */
function figure(p, url, decided) {
  const f = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const name = document.createElement("b");
  if (!url) {
    const d = document.createElement("div");
    d.className = "missing";
    d.textContent = "no photo";
    f.append(d);
  } else {
    const img = document.createElement("img");
    img.src = url;
    img.alt = p.file;
    f.append(img);
  }
  name.textContent = p.label || "";
  caption.append(name, ` ${p.split ? p.split + ", " : ""}${p.file}`);
  f.append(caption);
  f.className = decided ? "decided" : "";
  return f;
}

/* p: the photo asked for, or undefined. */
function showQuestion(p, text) {
  el("progress").textContent = statement();
  el("photo").replaceChildren();
  document.querySelectorAll("#answers button").forEach((b) => {
    b.hidden = !p;
    b.className = "";
  });
  el("ask").textContent = note || (p ? `${at + 1}: ${text}`
    : data.shown.length ? "That was the last photo. Save the decisions." : text);
  note = p ? "" : note;
}

/* --- what keys do --- */

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

function toFirst() {
  at = data.shown.findIndex((p) => !isDecided(p));
  at = at < 0 ? data.shown.length : at;
}

const actions = { Backspace: undo, s: save, ArrowRight: () => move(1),
  ArrowLeft: () => move(-1) };

/* A button, and for the first nine a number key, that give a label. */
function addLabel(name, i) {
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
}

/* own: { key: [id of its button, what it does] } */
async function start(own) {
  try {
    read(await keptText(keyOf()));
  } catch (e) {
    said = new Map();
    note = NOT_READ;
  }
  const buttons = [["undo", "Backspace"], ["back", "ArrowLeft"],
    ["next", "ArrowRight"], ["save", "s"]];
  for (const [key, [id, act]] of Object.entries(own)) {
    actions[key] = act;
    buttons.push([id, key]);
  }
  for (const [id, key] of buttons) {
    el(id).onclick = (e) => { e.currentTarget.blur(); actions[key](); };
  }
  document.addEventListener("keydown", (e) => {
    const act = actions[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if (act && !e.ctrlKey && !e.metaKey && !e.altKey) {
      e.preventDefault();
      act();
    }
  });
  el("load").onchange = (e) => load(e.target.files[0]);
  toFirst();
  show();
  opened = true;
}
