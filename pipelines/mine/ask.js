/* ask.js - what is on the photos of a pool that the gate cannot tell. */
const PAGE = "ask";
const NONE = "none";
/* A class may be called none: then nothing else can be said with that word. */
const hasNone = !data.labels.includes(NONE);

const head = () => ({ asked: data.shown.length });

const rowOf = (p, label) => ({ file: p.file, hash: p.hash, label, add: true,
  list: "ask" });

function statement() {
  const counts = data.labels.concat(hasNone ? [NONE] : []).map((name) =>
    [name, [...said.values()].filter((label) => label === name).length])
    .filter(([, n]) => n > 0).map(([name, n]) => `${n} ${name}`);
  const unsure = [...said.values()].filter((label) => label === null).length;
  if (unsure > 0) { counts.push(`${unsure} not sure`); }
  return `${said.size} of ${data.shown.length} answered` +
    (counts.length ? ": " + counts.join(", ") : "") + ".";
}

function show() {
  const p = data.shown[at], label = p && said.get(idOf(p));
  showQuestion(p, p ? "What does this photo show?" +
    (p.alike > 0 ? ` ${p.alike} more of the pool look like it.` : "")
    : "There is nothing to ask.");
  if (!p) { return; }
  el("photo").append(figure(p, p.url, isDecided(p)));
  el("none").hidden = !hasNone;
  if (label !== undefined) {
    el(label === null ? "unsure" : data.labels.includes(label)
      ? "label" + data.labels.indexOf(label) : "none").className = "now";
  }
}

data.labels.forEach((name, i) => addLabel(name, i));
start({ n: ["none", () => hasNone && decide(NONE)],
  u: ["unsure", () => decide(null)] });
