/* page.js - what clean asks and states. */
const PAGE = "clean";
const isWrong = (p) => said.get(idOf(p)) !== p.label;
const suspects = data.shown.filter((p) => p.list === "suspects");
const sample = suspects.filter((p) => p.sampled);

const head = () => ({ data: data.data, listed: data.listed,
  sample: data.sample });

function rowOf(p, label) {
  const row = { file: p.file, hash: p.hash, label, given: p.label,
    list: p.list };
  if (p.sampled) { row.sampled = true; }
  return row;
}

function statement() {
  const looked = suspects.filter(isDecided), wrong = looked.filter(isWrong);
  const drawn = sample.filter(isDecided), k = drawn.filter(isWrong).length;
  let text = `${said.size} of ${data.shown.length} decided on` +
    (looked.length ? `; ${wrong.length} of ${looked.length} suspects wrong` : "");
  if (sample.length === 0) { return text + "."; }
  if (drawn.length < sample.length) {
    return text + (sample.length < data.listed
      ? `. After the first ${sample.length} this line says what share of all ` +
        `${data.listed} suspects is wrong.`
      : ". Listed is what is worth a look; most of it may be right.");
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

function show() {
  const p = data.shown[at], label = p && said.get(idOf(p));
  showQuestion(p, p ? question(p) : "Nothing was found.");
  if (!p) { return; }
  el("photo").append(figure(p, data.urls[p.url], isDecided(p)));
  if (p.twin) {
    el("photo").append(figure(p.twin, data.urls[p.twin_url], false));
  }
  const chosen = label === undefined ? null : label === null ? "drop"
    : label === p.label ? "keep" : "label" + data.labels.indexOf(label);
  if (chosen) { el(chosen).className = "now"; }
  if (p.p_other > p.p_label && !chosen) {
    el("label" + data.labels.indexOf(p.other)).className = "suggested";
  }
}

data.labels.forEach((name, i) => addLabel(name, i));
start({ k: ["keep", () => data.shown[at] && decide(data.shown[at].label)],
  d: ["drop", () => decide(null)] });
