/* looks.js - the choices of looks.c, with the same arithmetic. */
"use strict";
const UNSEEN = 0, NONE = 1, POSITIVE = 2, UNSURE = 3;
const FORGET = 0.997, PRIOR = 1, BALANCE = 0.7, BET_MOST = 0.99,
  BET_MIN = 0.3, BET_ADD = 0.1, EPOCH = 200;

function Looks(units, recall, confidence, tilt) {
  const n = units.length;
  Object.assign(this, { units, n, recall, confidence, tilt,
    answer: new Uint8Array(n), clock: units.map((u) => u.clock),
    weight: new Float64Array(n), share: units.map((u) => u.expected),
    rank: units.map((u, i) => i), below: new Float64Array(n + 1), order: [],
    at: 0, now: 0, top: 0, hits: 0, expected: 0, drawHits: 0, drawExpected: 0,
    found: 0, unsure: 0, unseen: 0, weights: 0, least: 0, bet: 0, draws: [],
    nTop: 0, epochEnd: 0, next: 0, nextIsDraw: false });
  for (const u of units) { this.unseen += u.value; }
  this.sumBelow();
  this.choose();
}

Looks.prototype.sumBelow = function () {
  this.below[this.n] = 0;
  for (let k = this.n - 1; k >= 0; k--) {
    const i = this.rank[k];
    this.below[k] = this.below[k + 1] + this.share[i] * this.units[i].value;
  }
};

Looks.prototype.revise = function (expected) {
  this.share = expected;
  const seen = (i) => this.answer[i] !== UNSEEN;
  this.rank.sort((i, j) => seen(i) !== seen(j) ? (seen(i) ? -1 : 1)
    : expected[i] !== expected[j] ? (expected[i] < expected[j] ? 1 : -1) : i - j);
  this.sumBelow();
  this.top = 0;
  this.hits = this.expected = this.drawHits = this.drawExpected = 0;
  this.epochEnd = this.draws.length;
  this.choose();
};

Looks.prototype.falseTotal = function () {
  let t = Math.floor(this.found / this.recall);
  while (this.found >= this.recall * t) { t++; }
  while (t > 1 && this.found < this.recall * (t - 1)) { t--; }
  return t;
};

Looks.prototype.localRatio = function () {
  return (this.hits + PRIOR) / (this.expected + PRIOR);
};

Looks.prototype.drawRatio = function () {
  return (this.drawHits + PRIOR) / (this.drawExpected + PRIOR);
};

Looks.prototype.guess = function (i, ratio) {
  const p = this.share[i] * ratio;
  return p < 1 ? p : 1;
};

Looks.prototype.distance = function () {
  const U = this.falseTotal() - this.found - this.unsure;
  const left = this.below[this.top] * this.localRatio() * this.drawRatio();
  return U - 1.2 * left;
};

Looks.prototype.topPays = function () {
  const d = this.distance();
  const p = this.guess(this.rank[this.top], this.localRatio() * this.drawRatio());
  return d < 1.5 || 3 * this.unseen * p >= BALANCE * d * d;
};

Looks.prototype.startEpoch = function () {
  const ratio = this.localRatio() * this.drawRatio();
  let d = this.distance(), risk = 0;
  const scale = this.unseen / (d > 1.5 ? d : 1.5);
  for (let k = this.at; k < this.order.length; k++) {
    const u = this.order[k];
    if (!this.answer[u]) {
      this.clock[u] -= this.now * this.units[u].value * this.weight[u];
    }
  }
  this.now = 0;
  this.order = [];
  this.at = 0;
  this.weights = 0;
  this.least = 0;
  for (let k = this.top; k < this.n; k++) {
    const i = this.rank[k];
    if (this.answer[i]) { continue; }
    const p = this.guess(i, ratio);
    const w = 1 + this.tilt * Math.sqrt(p * scale);
    this.weight[i] = w;
    this.weights += w * this.units[i].value;
    this.least = this.order.length === 0 || w < this.least ? w : this.least;
    this.order.push(i);
    risk += p * this.units[i].value / w;
  }
  const time = (i) => this.clock[i] / (this.units[i].value * this.weight[i]);
  this.order.sort((i, j) => {
    const s = time(i), t = time(j);
    return s !== t ? (s > t ? 1 : -1) : i - j;
  });
  d = this.falseTotal() - this.found - this.unsure;
  this.bet = d > 0 ? 1 - (risk * this.least + BET_ADD) / d : 0;
  this.bet = this.bet < BET_MIN ? BET_MIN : this.bet;
  this.bet = this.bet < BET_MOST ? this.bet : BET_MOST;
  this.epochEnd = this.draws.length + EPOCH;
};

Looks.prototype.choose = function () {
  while (this.top < this.n && this.answer[this.rank[this.top]]) { this.top++; }
  this.nextIsDraw = false;
  this.next = this.top < this.n ? this.rank[this.top] : this.n;
  const due = this.draws.length >= this.epochEnd;
  if (this.top === this.n || (due && this.topPays())) { return; }
  if (due) { this.startEpoch(); }
  while (this.answer[this.order[this.at]]) { this.at++; }
  this.next = this.order[this.at];
  this.nextIsDraw = true;
};

Looks.prototype.put = function (answer) {
  const i = this.next, unit = this.units[i], hit = answer === NONE ? 0 : 1;
  if (this.nextIsDraw) {
    this.draws.push({ most: this.weights / this.least,
      here: this.weights / this.weight[i], known: this.found + this.unsure,
      bet: this.bet, hit });
    this.now = this.clock[i] / (unit.value * this.weight[i]);
    this.drawExpected += this.guess(i, this.localRatio());
    this.drawHits += hit;
    this.weights -= this.weight[i] * unit.value;
    this.at++;
    if (hit) { this.epochEnd = this.draws.length; }
  } else {
    this.hits = FORGET * this.hits + hit;
    this.expected = FORGET * this.expected + this.share[i];
    this.nTop++;
  }
  this.answer[i] = answer;
  this.unseen -= unit.value;
  this.found += answer === POSITIVE ? unit.value : 0;
  this.unsure += answer === UNSURE ? unit.value : 0;
  this.choose();
};

Looks.prototype.logEvidence = function (T) {
  let sum = 0;
  for (const d of this.draws) {
    const U = T - d.known, room = d.most - U;
    if (U < 0 || room < 0) { return Infinity; }
    if (!d.hit) {
      if (room > 0) {
        sum += Math.log1p(d.bet * U / room);
      } else if (d.bet > 0 && U > 0) {
        return Infinity;
      }
    } else if (room > 0) {
      sum += Math.log1p(-d.bet * (d.here - U) / room);
    }
  }
  return sum;
};

/* The bound of all positives, unsure ones too. */
Looks.prototype.upper = function () {
  let lo = this.found + this.unsure, hi = lo + this.unseen;
  const limit = -Math.log1p(-this.confidence);
  while (lo < hi) {
    const mid = hi - Math.floor((hi - lo) / 2);
    if (this.logEvidence(mid) < limit) { lo = mid; } else { hi = mid - 1; }
  }
  return lo;
};
