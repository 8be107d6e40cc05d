#include "common/eval/sampling.h"

#include <math.h>
#include <stdint.h>

#include "common/base/mem.h"

/* lgamma() keeps the sign in a global. */
static double log_gamma(double x)
{
    int sign;

    return lgamma_r(x, &sign);
}

/* log [x]_j = log x + log (x-1) + ... for whole x >= j. */
static double log_falling(size_t x, size_t j)
{
    return log_gamma((double)x + 1) - log_gamma((double)(x - j) + 1);
}

static double log_evidence(const struct nn_stratum *s, size_t m)
{
    double a = s->a, b = s->b, k = (double)s->k, n = (double)s->n;
    double data = log_gamma(a + k) + log_gamma(b + n - k) -
                  log_gamma(a + b + n) - log_gamma(a) - log_gamma(b) +
                  log_gamma(a + b);

    return data + log_falling(s->N, s->n) - log_falling(m, s->k) -
           log_falling(s->N - m, s->n - s->k);
}

static int is_valid(const struct nn_stratum *s)
{
    return s->k <= s->n && s->n <= s->N && s->a > 0 && s->b > 0;
}

/* The m with least evidence against it: near N k / n. */
static size_t likeliest(const struct nn_stratum *s)
{
    size_t lo = s->k, hi = s->N - (s->n - s->k);

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (log_evidence(s, mid + 1) < log_evidence(s, mid)) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* Go from the likeliest numbers up (step 1) or down (-1), one item at a time
 * where the evidence rises least, while it stays below the limit. */
static size_t walk(const struct nn_stratum *s, size_t n, size_t *at,
                   double *cost, double limit, int up)
{
    double evidence = 0;
    size_t total = 0;

    for (size_t h = 0; h < n; h++) {
        at[h] = likeliest(&s[h]);
        total += at[h];
        evidence += log_evidence(&s[h], at[h]);
        cost[h] = -1; /* not known */
    }
    for (;;) {
        size_t best = n;

        for (size_t h = 0; h < n; h++) {
            size_t end = up ? s[h].N - (s[h].n - s[h].k) : s[h].k;

            if (at[h] == end) {
                continue;
            }
            if (cost[h] < 0) {
                cost[h] = log_evidence(&s[h], up ? at[h] + 1 : at[h] - 1) -
                          log_evidence(&s[h], at[h]);
                cost[h] = fmax(cost[h], 0);
            }
            if (best == n || cost[h] < cost[best]) {
                best = h;
            }
        }
        if (best == n || evidence + cost[best] >= limit) {
            return total;
        }
        evidence += cost[best];
        cost[best] = -1;
        at[best] = up ? at[best] + 1 : at[best] - 1;
        total = up ? total + 1 : total - 1;
    }
}

enum nn_status nn_strata_range(const struct nn_stratum *s, size_t n_strata,
                               double confidence, struct nn_count_range *out,
                               struct nn_error *err)
{
    size_t *at;
    double *cost;
    double limit = -log1p(-confidence);
    enum nn_status st = NN_OK;

    if (n_strata == 0 || !(confidence > 0 && confidence < 1)) {
        return nn_fail(err, NN_ERR_ARG, "no range of %zu strata at %g",
                       n_strata, confidence);
    }
    for (size_t h = 0; h < n_strata; h++) {
        if (!is_valid(&s[h])) {
            return nn_fail(err, NN_ERR_ARG,
                           "stratum %zu: %zu hits in %zu draws of %zu items", h,
                           s[h].k, s[h].n, s[h].N);
        }
    }
    at = nn_mem_calloc(n_strata, sizeof *at);
    cost = nn_mem_calloc(n_strata, sizeof *cost);
    if (at == NULL || cost == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    out->hi = walk(s, n_strata, at, cost, limit, 1);
    out->lo = walk(s, n_strata, at, cost, limit, 0);
out:
    nn_mem_free(cost);
    nn_mem_free(at);
    return st;
}

static double log_factor(const struct nn_draw *d, double T)
{
    double U = T - d->known, room = d->most - U;

    if (U < 0 || room < 0) {
        return INFINITY; /* more than there is, or fewer than were seen */
    }
    if (!d->hit) {
        return room > 0 ? log1p(d->bet * U / room)
                        : (d->bet > 0 && U > 0 ? INFINITY : 0);
    }
    return room > 0 ? log1p(-d->bet * (d->here - U) / room) : 0;
}

double nn_draws_log_evidence(const struct nn_draw *d, size_t n, double T)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        double f = log_factor(&d[i], T);

        if (f == INFINITY) {
            return INFINITY;
        }
        sum += f;
    }
    return sum;
}

double nn_draws_upper(const struct nn_draw *d, size_t n, double known,
                      double most, double confidence)
{
    double lo = known, hi = most, limit = -log1p(-confidence);

    while (lo < hi) {
        double mid = hi - floor((hi - lo) / 2);

        if (nn_draws_log_evidence(d, n, mid) < limit) {
            lo = mid;
        } else {
            hi = mid - 1;
        }
    }
    return lo;
}
