#!/bin/sh
# bench: its table and its JSON on a cascade of two different small nets.
. "$(dirname "$0")/lib.sh"

run 2 "an unknown option is a usage error" bench --no-such-option
err_has "and is named" "no-such-option"
run 2 "a range is checked" bench --model none --rounds 64
run 2 "an operand is a usage error" bench model
run 2 "without weights there is nothing to measure" bench --quick
run 1 "a missing model fails" bench --model "$tmp/none.safetensors" --quick
err_has "and is named" "none.safetensors"

run 0 "a small cascade is trained" train synth:40:8:size=64 \
    --out "$tmp/run" --gate-size 32 --gate-width 0.25 --species-size 48 \
    --species-width 0.35 --gate-epochs 1 --species-epochs 1 --batch 16 --quiet
run 0 "the quick table" bench --model "$tmp/run" --quick --rounds 1 --quiet
out_has "has the gate" "^gate net:.*32 px"
out_has "and the species net" "^species net:.*48 px"
out_has "and its layers" "dw 5x5 s2 "
out_has "and the classifier" "1x1 s1 1280->4 "
out_has "and inference" "inference batch  32: .* images/s"
out_has "and training" "training  batch 128: .* images/s"
out_has "and the loader" "training waits for it"
out_has "and decoding" "^decoding: .* images/s"
check "and no progress with --quiet" test ! -s "$tmp/err"

run 0 "JSON" bench --model "$tmp/run" --quick --rounds 3 --json --threads 1
check "holds sane figures" python3 - "$tmp/out" "${PEAK_MARGIN:-2}" <<'PY'
import json, sys
b = json.load(open(sys.argv[1]))
assert b["threads"] == 1 and b["rounds"] == 3, b
assert b["peak_gflops"] > 0.1 and b["copy_gb_per_s"] > 0.01, b

def rate(r, name="images_per_s"):
    assert 0 < r["min"] <= r[name] <= r["max"], r

rate(b["decode"], "images_per_s")
assert b["decode"]["width"] == b["decode"]["height"] == 64, b["decode"]
assert [n["net"] for n in b["nets"]] == ["gate", "species"]
assert [n["size"] for n in b["nets"]] == [32, 48]
for n in b["nets"]:
    macs = 0
    for l in n["layers"]:
        out = -(-l["side"] // l["stride"])
        groups = l["in"] if l["depthwise"] else 1
        macs += l["times"] * out * out * l["out"] * l["in"] // groups * \
            l["kernel"] ** 2
        for t in l["forward"]:
            assert t["us"] > 0 and t["gflops"] > 0, l
            # A layer cannot be faster than the machine, but 36 / 25 times
            # by Winograd's method; the rest of the margin is for clocks that
            # change between the two measurements.
            assert 0 < t["of_peak"] < float(sys.argv[2]), l
            assert (t["of_copy"] is not None) == l["depthwise"], l
    assert macs == n["macs"], (macs, n["macs"])
    assert [r["batch"] for r in n["inference"]] == [1, 32]
    assert [r["batch"] for r in n["training"]] == [32, 128]
    for r in n["inference"] + n["training"]:
        rate(r)
    rate(n["loader"]["with_loader"])
    rate(n["loader"]["in_memory"])
    assert 0 <= n["loader"]["wait_share"] <= 1, n["loader"]
PY

run 0 "a cascade of equal nets is trained" train synth:40:8:size=64 \
    --out "$tmp/same" --gate-size 32 --gate-width 0.25 --species-size 32 \
    --species-width 0.25 --gate-epochs 1 --species-epochs 1 --batch 16 --quiet
run 0 "and measured" bench --model "$tmp/same" --quick --rounds 1 --json --quiet
check "once" python3 -c '
import json, sys
b = json.load(open(sys.argv[1]))
sys.exit(b["nets"][1] != {"net": "species", "same_as": "gate", "outputs": 4})' \
    "$tmp/out"
run 0 "as text" bench --model "$tmp/same" --quick --rounds 1 --quiet
out_has "and says so" "^species net: the same but for its 4 outputs"
finish
