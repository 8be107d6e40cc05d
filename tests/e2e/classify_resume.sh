#!/bin/sh
# classify --resume: kills at random points, new and changed photos, and files
# that are not to be touched.
. "$(dirname "$0")/lib.sh"
: "${BEARCASCADE:?names the program}"

drawn parts "$tmp/data" 120
for dir in "$tmp"/data/*/grizzly; do # a class that is called as a key of rows
    mv "$dir" "${dir%/*}/error"
done
run 0 "train" train "$tmp/data" --out "$tmp/run" --epochs 1 --gate-size 32 \
    --gate-width 0.25 --species-size 32 --species-width 0.25 --batch 16 --quiet
run 2 "text cannot be resumed" classify -m "$tmp/run" --resume "$tmp/x" "$tmp"
err_has "and is told what can" "needs --format jsonl, csv or megadetector"

cat >"$tmp/resume.py" <<'PY'
import csv, io, json, os, random, re, shutil, signal, subprocess, sys, time
program, model, data, work = sys.argv[1:5]
kills, times = int(sys.argv[5]), int(sys.argv[6])
random.seed(4)
signal.signal(signal.SIGHUP, signal.SIG_DFL) # the tests may run under nohup
photos = os.path.join(work, "photos")
shutil.copytree(os.path.join(data, "test"), photos)
some = sorted(os.path.join(d, f) for d, _, n in os.walk(photos) for f in n)
bad = os.path.join(photos, 'bad, "one"\n.jpg')
open(bad, "wb").write(open(some[0], "rb").read()[:300])
odd = os.path.join(os.fsencode(photos), b"l\xe4tin.jpg")
shutil.copy(some[0], odd)
with open(os.path.join(work, "list"), "wb") as f:
    for i in range(times):
        for n in some + [bad]:
            f.write(os.fsencode(n) + b"\0")
        f.write(odd + b"\0")
def command(form, out):
    return [program, "classify", "-q", "-0", "-m", model, "-f", form,
            "--resume", out, photos, "-"]
def run(form, out, **how):
    return subprocess.Popen(command(form, out), stderr=subprocess.PIPE,
                            stdin=open(os.path.join(work, "list")), **how)
def finish(form, out, status=3):
    p = run(form, out)
    err = p.communicate()[1].decode()
    assert p.returncode == status, (p.returncode, err)
def rows(form, out):
    text = open(out, encoding="utf-8").read()
    if form == "csv":
        r = list(csv.DictReader(io.StringIO(text)))
    elif form == "jsonl":
        r = [json.loads(l) for l in text.splitlines()]
    else:
        r = json.loads(text)["images"]
    for row in r:
        row.pop("ms", None)
    return r
def length(out):
    return os.path.getsize(out) if os.path.exists(out) else 0
n = 0
def ok(title):
    global n
    n += 1
    print("ok", n, "-", title, flush=True)
for form in ("jsonl", "csv", "megadetector"):
    whole = os.path.join(work, "whole." + form)
    finish(form, whole)
    want, full = rows(form, whole), os.path.getsize(whole)
    assert len(want) == (len(some) + 2) * (times + 1), len(want)
    out = os.path.join(work, "killed." + form)
    cut = -1 # as long as that: the next run did not get to open it
    part = 0 # kills in the midst of the rows
    for i in range(kills):
        p = run(form, out)
        goal = length(out) + random.random() * full / kills
        while p.poll() is None and length(out) < goal:
            time.sleep(.001)
        p.send_signal(random.choice((signal.SIGKILL, signal.SIGKILL,
                                     signal.SIGTERM, signal.SIGHUP)))
        p.communicate()
        if not os.path.exists(out):
            continue # it was killed before it began
        part += full // 20 < length(out) < full
        if random.random() < .5:
            size = os.path.getsize(out) # a power cut takes some of the end
            cut = max(0, size - random.randrange(300))
            os.truncate(out, cut)
        elif form == "megadetector" and os.path.getsize(out) not in (0, cut):
            rows(form, out)
    assert part > 0, "no kill came in the midst"
    finish(form, out)
    assert rows(form, out) == want
    ok("%s: %d kills give the rows of an undisturbed run" % (form, kills))
    before = open(out, "rb").read()
    finish(form, out)
    assert open(out, "rb").read() == before
    ok(form + ": a finished file stays as it is")
    new = os.path.join(photos, "zz_new.jpg")
    shutil.copy(some[1], new)
    finish(form, out)
    assert rows(form, out)[:-1] == want
    assert rows(form, out)[-1]["file"].endswith("zz_new.jpg")
    ok(form + ": a new photo is one row more")
    changed = some[2]
    kept = changed + ".kept"
    os.rename(changed, os.path.join(work, "kept"))
    shutil.copy(some[3], changed)
    os.utime(changed, (1e9, 1e9))
    finish(form, out)
    got = rows(form, out)
    name = changed if form != "megadetector" else None
    is_it = lambda r: r["file"].endswith(os.path.basename(changed)) and \
        os.path.dirname(changed).endswith(os.path.dirname(r["file"])[-5:])
    old = [r for r in want if is_it(r)]
    now = [r for r in got if is_it(r)]
    assert len(old) == len(now) == times + 1, (len(old), len(now))
    assert all(float(r["mtime"]) == 1e9 for r in now)
    assert len(got) == len(want) + 1
    ok(form + ": a changed photo is looked at again, and has no other row")
    os.rename(os.path.join(work, "kept"), changed)
    os.remove(new)
pair = os.path.join(work, "pair")
os.mkdir(pair)
for i in range(3):
    shutil.copy(some[i], os.path.join(pair, "%d.jpg" % i))
out = os.path.join(work, "pair.jsonl")
for last in (False, True):
    subprocess.run([program, "classify", "-q", "-m", model, "-f", "jsonl",
                    "--resume", out, pair], check=True)
    got = {os.path.basename(r["file"]): r["mtime"] for r in rows("jsonl", out)}
    assert sorted(got) == ["0.jpg", "1.jpg", "2.jpg"], got
    if not last:
        os.remove(os.path.join(pair, "0.jpg"))
        os.utime(os.path.join(pair, "1.jpg"), (1e9, 1e9))
assert got["1.jpg"] == 1e9 and len(rows("jsonl", out)) == 3
ok("rows of photos that are gone stay, also where another is replaced")
out = os.path.join(work, "all_stages.jsonl")
for last in (False, True):
    subprocess.run([program, "classify", "-q", "-m", model, "-f", "jsonl",
                    "--all-stages", "--resume", out, pair], check=True)
assert all("error" in r["p"] for r in rows("jsonl", out))
odd = os.path.join(os.fsencode(pair), b"b\xe4d.jpg")
open(odd, "wb").write(b"\xff\xd8\xff")
for form in 2 * ("jsonl", "csv", "megadetector"):
    p = subprocess.run([program, "classify", "-q", "-m", model, "-f", form,
                        "--all-stages", "--resume",
                        os.path.join(work, "all." + form), pair],
                       stderr=subprocess.PIPE)
    assert p.returncode == 3, (form, p)
ok("a class called error is none, and a row of an error counts as one")
for form, text in (("jsonl", "diary\n"), ("csv", "diary\n"),
                   ("megadetector", "diary\n"), ("jsonl", '{"file":"a"}\n'),
                   ("csv", "file,label,verdict,ms\na,b,c,1\n"),
                   ("jsonl", "\ndiary\n"), *(("megadetector", t) for t in (
                       '{"a": 1}\n', '{\n "a": 1\n}\n', "{\n\n",
                       json.dumps({"images": [], "info": {}}, indent=1),
                       json.dumps({"info": {"a": 1}, "images": []}, indent=1),
                       '{\n "info": {"a": 1},\n "images": [\n  {"id": 1}\n',
                       '{\n "info": {"a": 1},\n "images": [\n  {\n'))):
    out = os.path.join(work, "other")
    open(out, "w").write(text)
    finish(form, out, 1)
    assert open(out).read() == text
ok("another file is left as it is")
out = os.path.join(work, "whole.jsonl")
before = open(out, "rb").read()
p = subprocess.run(command("jsonl", out) + ["--all-stages"],
                   stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
assert p.returncode == 1 and b"other options" in p.stderr, p.stderr
assert open(out, "rb").read() == before
ok("and so is one of other options")
import fcntl
with open(out) as f:
    fcntl.flock(f, fcntl.LOCK_EX)
    p = subprocess.run(command("jsonl", out), stderr=subprocess.PIPE,
                       stdin=subprocess.DEVNULL)
assert p.returncode == 1 and b"in use" in p.stderr, p.stderr
ok("and one that another run writes")
PY
mkdir "$tmp/work"
python3 "$tmp/resume.py" "$BEARCASCADE" "$tmp/run/best.safetensors" \
    "$tmp/data" "$tmp/work" "${KILLS:-6}" 15 >"$tmp/out" 2>"$tmp/err" ||
    echo failed >>"$tmp/out"
cp "$tmp/out" "$tmp/said"
while read -r line; do
    case $line in
    ok*) pass "${line#ok * - }" ;;
    esac
done <"$tmp/said"
check "all of it ran" test "$(tail -n 1 "$tmp/said")" != failed
check "with 17 steps" test "$(grep -c '^ok' "$tmp/said")" -eq 17
finish
