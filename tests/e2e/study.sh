#!/bin/sh
# mine --study: runs, resumes, counts alike, reports.
. "$(dirname "$0")/lib.sh"

data=$tmp/data
small="--with gate-width=0.25 --with gate-size=32 --with batch=16"
drawn parts "$data" 160
drawn negatives "$tmp/pool" 80
study() { # STATUS TITLE ARGS...
    want=$1 title=$2
    shift 2
    # shellcheck disable=SC2086
    run "$want" "$title" mine --study "$data" --out "$tmp/study" --seeds 2 \
        --top 15 --rounds 2 --epochs 1 --round-epochs 1 --trust-pool $small \
        --quiet "$@"
}
pool="--pool $tmp/pool"

study 2 "a pool is needed"
err_has "and named" "needs --pool PATH"
# shellcheck disable=SC2086
study 1 "families are checked" $pool --left-out nowhere
err_has "by name" "no negative family 'nowhere'"
# shellcheck disable=SC2086
study 0 "a study" $pool --left-out dog
err_has "says what it plans" "3 trials (2 seeds, 1 left-out sets) of 3 runs"
out_has "has a table" "random / mined"
out_has "and of what was never seen" "did not hold"
out_has "answers" "of the test negatives pass after mining"
check "and writes it" cmp -s "$tmp/out" "$tmp/study/study.txt"
run 0 "its gates can be measured" evaluate --model "$tmp/study/base-s1" "$data" \
    --bootstrap 0
out_has "though they know one class" "false-positive rate at 95 % recall"
check "study.json agrees with the records" python3 - "$tmp/study" <<'PY'
import glob, json, sys
d = sys.argv[1]
j = json.load(open(d + "/study.json"))
assert j["format"] == "bearcascade-mining-study 1"
assert len(j["trials"]) == 3 and j["trials"][2]["left_out"] == ["dog"]
for t in j["trials"]:
    n = {}
    for kind in "mined", "random":
        rows = [json.loads(line)
                for f in glob.glob(t[kind]["dir"] + "/mined-*.jsonl")
                for line in open(f)]
        new = [r for r in rows if r["verdict"] in ("hard", "random")]
        n[kind] = len(new)
        assert t[kind]["negatives_added"] == len(new) > 0
        assert not t["left_out"] or not [
            r for r in rows if "/dog/" in r["file"]]
    assert n["mined"] == n["random"]
    how = json.load(open(t["random"]["dir"] + "/options.json"))
    assert how["match-rounds"] == t["mined"]["dir"], how
families = {f["family"]: f for f in j["families"]}
assert sum(f["negatives"] for f in families.values()) == j["test"]["negatives"]
assert [f["family"] for f in j["unseen_families"]] == ["dog"]
assert j["left_out"]["negatives"] == families["dog"]["negatives"]
for f in [j["all"], j["left_out"]] + j["families"]:
    r = f["ratio"]
    assert r["lo"] is None and r["value"] == 1 or (
        r["lo"] <= r["value"] <= r["hi"] and r["lo"] < r["hi"]), r
PY
cp "$tmp/study/study.txt" "$tmp/first"
rm "$tmp/study/random-s2/best.safetensors" "$tmp/study/study.json"
# shellcheck disable=SC2086
study 0 "what is missing is done again" $pool --left-out dog
check "with the same figures" cmp -s "$tmp/first" "$tmp/study/study.txt"
# shellcheck disable=SC2086
study 1 "another study needs another folder" $pool --left-out dog \
    --with lr=0.001
err_has "which is said" "was made by another command"
finish
