#include "pipelines/audit/expect.h"

#include <math.h>

double audit_expect(const double *p, size_t n, double *out)
{
    double q = 0.5, floor = 0.5 / (double)n;

    for (int round = 0; round < 500; round++) {
        double sum = 0, last = q;

        for (size_t i = 0; i < n; i++) {
            sum += p[i] * q / (p[i] * q + (1 - p[i]) * (1 - q));
        }
        q = sum / (double)n;
        q = q < floor ? floor : q > 1 - floor ? 1 - floor : q;
        if (fabs(q - last) < 1e-9) {
            break;
        }
    }
    for (size_t i = 0; i < n; i++) {
        double e = p[i] * q / (p[i] * q + (1 - p[i]) * (1 - q));

        out[i] = e < floor ? floor : e;
    }
    return q;
}
