/* page.js - photos, keys, what is kept. */
const plan = JSON.parse(document.getElementById("data").textContent);
const units = plan.units.map((u) => ({ members: u[0], expected: u[1],
  clock: u[2], value: u[3] }));
const LETTER = "?npu", GRID = 12, REVISIONS = plan.revisions.length;
/* What was answered before the last --next stands. */
const START = REVISIONS > 0 ? plan.revisions[REVISIONS - 1].letters : "";
const KEY = "bearcascade-audit-" + plan.plan + (REVISIONS || "");
const el = (id) => document.getElementById(id);
const fresh = () => new Looks(units, plan.goal, plan.confidence, plan.tilt);
let looks = fresh(), letters = "", grid = false, large = false, cursor = 0;
let batch = [], marks = [], confirming = false;

/* What a letter says: 1 to 9 are positives of that class. */
function answerOf(letter) {
  const k = LETTER.indexOf(letter);
  return k > 0 ? k : letter >= "1" && letter <= String(plan.classes.length)
    ? POSITIVE : UNSEEN;
}

function keep() {
  keepText(KEY, letters).then((said) => {
    if (said) { el("ask").textContent = said; }
  });
}

function revise() {
  const r = plan.revisions.find((r) => r.letters.length === letters.length);
  if (r) { looks.revise(r.expected); }
}

function replay(text) {
  looks = fresh();
  letters = "";
  text = text.startsWith(START) ? text : START;
  for (const c of text) {
    if (answerOf(c) === UNSEEN || looks.next === looks.n) { break; }
    record(c);
  }
}

function statement() {
  const upper = looks.upper(), keepShare = (1 - plan.wrong) * (1 - plan.wrong);
  const at = Math.floor(1e4 * keepShare * (upper > 0 ? looks.found / upper : 1)) / 100;
  let text = `${letters.length} looks so far, ${looks.found} positive`;
  text += looks.found === 0 ? `; the pile holds at most ${upper} positives.`
    : `; the statement now is: at least ${at} % of the positives are ` +
      `among those marked positive (${100 * plan.confidence} % confidence).`;
  text += at >= 100 * plan.recall && looks.found > 0
    ? " That is what was asked for: save, or go on." : "";
  return text;
}

/* The units that are probably asked for next. */
function upcoming(count) {
  const list = [looks.next];
  if (looks.nextIsDraw) {
    const end = Math.min(looks.order.length,
      looks.at + looks.epochEnd - looks.draws.length);
    for (let k = looks.at + 1; k < end && list.length < count; k++) {
      if (!looks.answer[looks.order[k]]) { list.push(looks.order[k]); }
    }
  } else {
    for (let k = looks.top + 1; k < looks.n && list.length < count; k++) {
      if (!looks.answer[looks.rank[k]]) { list.push(looks.rank[k]); }
    }
  }
  return list;
}

function show() {
  const tiles = el("tiles"), done = looks.next === looks.n;
  el("progress").textContent = statement();
  el("none").hidden = grid;
  el("enter").hidden = !grid;
  tiles.className = (grid ? "grid" : "single") + (large ? " large" : "");
  tiles.replaceChildren();
  if (done) {
    el("ask").textContent = "Everything was looked at. Save the answers.";
    return;
  }
  el("ask").textContent = confirming
    ? "Really positive? This one counts much: press the key again."
    : grid ? "Arrow keys choose, P, U or a number marks; Enter: the rest is none."
      : looks.nextIsDraw ? "A draw from the rest" : "From the top score down";
  batch.forEach((u, k) => {
    const figure = document.createElement("figure");
    const said = answerOf(marks[k]);
    const mark = said === POSITIVE ? " positive"
      : said === UNSURE ? " unsure" : "";
    figure.className = (k === cursor ? "now" : "") + mark;
    for (const m of units[u].members) {
      const img = document.createElement("img");
      img.src = plan.urls[m];
      img.alt = plan.files[m];
      figure.append(img);
    }
    const caption = document.createElement("figcaption");
    const name = plan.classes[marks[k] - 1];
    caption.textContent = (name ? name + ": " : "") +
      plan.files[units[u].members[0]];
    figure.append(caption);
    figure.onclick = () => { cursor = k; show(); };
    tiles.append(figure);
  });
}

function fill() {
  confirming = false;
  cursor = 0;
  batch = looks.next === looks.n ? [] : grid ? upcoming(GRID) : [looks.next];
  marks = batch.map(() => "n");
  show();
}

function record(letter) {
  looks.put(answerOf(letter));
  letters += letter;
  revise();
}

/* A positive draw decides much, and a slip of a key is quick: asked twice. */
function answer(letter) {
  if (looks.next === looks.n) { return; }
  if (grid) {
    marks[cursor] = marks[cursor] === letter ? "n" : letter;
    show();
  } else if (looks.nextIsDraw && letter !== "n" && !confirming) {
    confirming = true;
    show();
  } else {
    record(letter);
    keep();
    fill();
  }
}

/* What the rule does not ask for any more, after the answers before it, is
 * asked for again when its turn comes. */
function enter() {
  if (!grid) { return; }
  for (let k = 0; k < batch.length && looks.next === batch[k]; k++) {
    record(marks[k]);
  }
  keep();
  fill();
}

function undo() {
  replay(letters.slice(0, -1));
  keep();
  fill();
}

function save() {
  const text = JSON.stringify({ format: "bearcascade-answers 1",
    plan: plan.plan, revisions: REVISIONS, answers: letters });
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  a.download = "answers.json";
  a.click();
}

async function load(file) {
  let j;
  try {
    j = JSON.parse(await file.text());
  } catch (e) {
    j = {};
  }
  if (j.plan !== plan.plan || typeof j.answers !== "string") {
    el("ask").textContent = "That file answers another audit.";
    return;
  }
  if ((j.revisions || 0) !== REVISIONS || !j.answers.startsWith(START)) {
    el("ask").textContent = "That file was answered before or after another --next.";
    return;
  }
  replay(j.answers);
  keep();
  fill();
}

const actions = { n: () => answer("n"), p: () => answer("p"),
  u: () => answer("u"), Backspace: undo, Enter: enter, s: save,
  g: () => { grid = !grid; fill(); }, l: () => { large = !large; show(); },
  ArrowRight: () => { cursor = Math.min(cursor + 1, batch.length - 1); show(); },
  ArrowLeft: () => { cursor = Math.max(cursor - 1, 0); show(); } };
plan.classes.forEach((name, k) => {
  const button = document.createElement("button"), kbd = el("none").children[0];
  button.id = "class" + (k + 1);
  button.append(name + " ", kbd.cloneNode());
  button.lastChild.textContent = k + 1;
  el("unsure").before(button);
  actions[k + 1] = () => answer(String(k + 1));
});

async function start() {
  let note = "";
  try {
    replay(await keptText(KEY));
  } catch (e) {
    replay("");
    note = NOT_READ;
  }
  document.addEventListener("keydown", (e) => {
    const act = actions[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if (act && !e.ctrlKey && !e.metaKey && !e.altKey) {
      e.preventDefault();
      act();
    }
  });
  for (const [id, key] of [["none", "n"], ["positive", "p"], ["unsure", "u"],
    ["enter", "Enter"], ["undo", "Backspace"], ["grid", "g"], ["large", "l"],
    ["save", "s"], ...plan.classes.map((name, k) => ["class" + (k + 1), k + 1])]) {
    el(id).onclick = (e) => { e.currentTarget.blur(); actions[key](); };
  }
  el("load").onchange = (e) => load(e.target.files[0]);
  fill();
  if (note) { el("ask").textContent = note; }
  opened = true;
}

start();
