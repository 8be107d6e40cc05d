/* bound.js - the exact bound of common/eval/sampling.h, for the page.
 *
 * N photos are listed, n of them were drawn evenly and all looked at, k of
 * those are wrong. The smallest K of wrong ones with P(X >= k) above
 * 1 - confidence, X ~ Hypergeometric(N, K, n). */
function logFactorials(n) {
  const f = [0];
  for (let i = 1; i <= n; i++) { f.push(f[i - 1] + Math.log(i)); }
  return f;
}

function hypergeomLower(N, n, k, confidence) {
  const f = logFactorials(N);
  const choose = (a, b) => b < 0 || b > a ? -Infinity : f[a] - f[b] - f[a - b];
  for (let K = k; K <= N - n + k; K++) {
    let tail = 0;
    for (let x = k; x <= Math.min(K, n); x++) {
      tail += Math.exp(choose(K, x) + choose(N - K, n - x) - choose(N, n));
    }
    if (tail > 1 - confidence) { return K; }
  }
  return N - n + k;
}
