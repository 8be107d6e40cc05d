#!/bin/sh
# Options that had another name: refused, and the line says the present one.
. "$(dirname "$0")/lib.sh"

# refused COMMAND OLD NEW
refused() {
    run 2 "$1: --$2 is refused" "$1" --"$2" 1
    err_has "and the line names --$3" "it is called '--$3'"
    run 0 "$1 has --$3" "$1" --help
    out_has "in its help" "--$3"
}
refused train min-hit-rate min-recall
refused train keep-rate min-coverage
refused train max-false-alarm max-fpr
refused train suspect-rate fn-filter-recall
refused mine suspect-rate fn-filter-recall
refused train gate-test-views gate-tta
refused evaluate gate-test-views gate-tta
refused train species-test-views species-tta
refused train norm-floor bn-var-floor
refused pretrain norm-floor bn-var-floor
refused train keep-norms freeze-bn-stats
refused pretrain plain-epochs no-mix-epochs
refused train init-rate init-lr-scale
refused train head-rate head-lr-scale
refused train round-rate round-lr-scale
refused train head-epochs freeze-epochs
refused train views augment
refused pretrain views augment
refused train without augment-without
refused pretrain without augment-without
refused mine least min-score
run 2 "with a value behind =" train --min-hit-rate=0.9 data --out "$tmp/r"
err_has "it is refused too" "it is called '--min-recall'"
finish
