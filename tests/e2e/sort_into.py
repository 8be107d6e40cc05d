#!/usr/bin/env python3
"""classify --sort-into and --undo: folders by verdict, and back, through kills,
a full disk, names that are no UTF-8, and cards that are used again.

Environment: BEARCASCADE (the program), SOURCE (for the shipped model).
"""
import json
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import zipfile

from tap import check, done

B = os.environ["BEARCASCADE"]
MODEL = os.path.join(os.environ["SOURCE"], "models", "bears.safetensors")
LABELS = ("none", "grizzly", "unknown")


def run(*args, limit=None, cwd=None):
    def prepare():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    r = subprocess.run([B, "classify", "-q", *args], capture_output=True,
                       cwd=cwd, preexec_fn=prepare if limit else None)
    return r.returncode, os.fsdecode(r.stdout), os.fsdecode(r.stderr)


def row(path, i):
    kind = "none unknown".split()
    label = LABELS[i % 3]
    r = {"file": path, "label": label, "p_positive": (i % 100) / 100,
         "p": {"grizzly": 0.9, "teddy": 0.1} if label != "none" else {},
         "verdict": label if label in kind else "class"}
    try:
        path.encode()
    except UnicodeEncodeError:
        raw = os.fsencode(path)
        r["file"] = "".join("%%%02X" % b if b > 127 or b == 37 else chr(b)
                            for b in raw)
        r["file_bytes"] = raw.hex()
    return json.dumps(r) + "\n"


def write(path, data, when=1.6e9):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    os.utime(path, (when, when))


def card(top, n=40, size=3000):
    """n photos in two folders with equal names; rows.jsonl beside."""
    rng = random.Random(n)
    with open(top + ".jsonl", "w") as f:
        for i in range(n):
            p = f"{top}/DCIM/{100 + i % 2}/IMG_{i // 2:04}.JPG"
            write(p, rng.randbytes(size + i))
            f.write(row(p, i))
    return top + ".jsonl"


def index(path):
    """Which of a card's photos it is."""
    return 2 * int(path[-8:-4]) + int(path[-16:-13]) - 100


def contents(*tops):
    """content -> the paths that hold it; links and their files are one."""
    out = {}
    for top in tops:
        for d, _, names in os.walk(top):
            for n in names:
                p = os.path.join(d, n)
                if n != "undo.jsonl" and not n.endswith(".tmp"):
                    out.setdefault(open(p, "rb").read(), []).append(p)
    return out


def tree(top):
    return sorted(os.path.relpath(os.path.join(d, n), top)
                  for d, _, names in os.walk(top) for n in names)


def sort(rows, into, by, *more, **how):
    return run("--from", rows, "--sort-into", into, "--sort-by", by, *more,
               **how)


def each_way(work):
    rows = card(work + "/a", 40)
    before = contents(work + "/a")
    rc, out, err = sort(rows, work + "/dry", "move", "--dry-run")
    check(rc == 0 and not os.path.exists(work + "/dry") and
          out.count(" -> ") == 40 and "would have moved 40 photos" in err,
          "a dry run says all and does nothing", (rc, out, err))
    for by in ("link", "copy", "move"):
        into = f"{work}/by-{by}"
        rc, out, err = sort(rows, into, by)
        got = contents(into)
        check(rc == 0 and out == "" and set(got) == set(before),
              f"{by}: all photos are there", (rc, err))
        check(all(got[k] == [p.replace(work + "/a/DCIM", into + "/" +
                                       LABELS[index(p) % 3])]
                  for k, (p,) in before.items()),
              f"{by}: a folder a verdict, and the card's in it", got)
        left = contents(work + "/a")
        check(set(left) == (set() if by == "move" else set(before)),
              f"{by}: the card is as it should be")
        p = f"{into}/none/100/IMG_0000.JPG"
        check(int(os.stat(p).st_mtime) == 1600000000 and
              (os.stat(p).st_nlink == 2) == (by == "link"),
              f"{by}: time is kept")
        rc, _, err = sort(rows, into, by)
        check(rc == 0 and "0 photos" in err and "40 were there" in err and
              set(contents(into)) == set(before),
              f"{by}: once more does nothing", err)
        rc, _, err = run("--undo", into)
        check(rc == 0 and "undone: 40" in err and not os.path.exists(into) and
              contents(work + "/a") == before, f"{by}: undone", err)


def sides(work):
    top = work + "/s"
    rows = card(top, 4)
    d = top + "/DCIM/100/"
    for n in ("IMG_0000.xmp", "IMG_0000.JPG.xmp", "img_0000.CR2",
              "IMG_0000-a.xmp", "IMG_00001.xmp", "IMG_0001.JPG.json",
              ".IMG_0000.xmp"):
        write(d + n, n.encode())
    rc, _, err = sort(rows, work + "/s1", "move")
    got = [n for n in tree(work + "/s1") if n.startswith("none/100/")]
    check(rc == 0 and got == ["none/100/" + n for n in sorted(
        ("IMG_0000.CR2", "IMG_0000.JPG", "IMG_0000.JPG.xmp",
         "IMG_0000.xmp"))] and "4 photos with 4 side files" in err,
          "side files go with their photo", (got, err))
    check(tree(top) == ["DCIM/100/" + n for n in
                        (".IMG_0000.xmp", "IMG_0000-a.xmp", "IMG_00001.xmp")],
          "and what belongs to no photo stays", tree(top))
    # the card comes back with other photos of the same names
    old = contents(work + "/s1")
    for i in range(4):
        write(f"{top}/DCIM/{100 + i % 2}/IMG_{i // 2:04}.JPG",
              b"new %d" % i, 1.7e9)
    write(d + "IMG_0000.xmp", b"new side", 1.7e9)
    rc, _, err = sort(rows, work + "/s1", "move")
    new = contents(work + "/s1")
    check(rc == 0 and len(new) == len(old) + 5 and
          all(new[k] == old[k] for k in old) and
          new[b"new 0"] == [work + "/s1/none/100/IMG_0000-2.JPG"] and
          new[b"new side"] == [work + "/s1/none/100/IMG_0000-2.xmp"],
          "a card that is used again overwrites nothing", (new.keys(), err))
    rc, _, err = run("--undo", work + "/s1/undo.jsonl")
    check(rc == 3 and "former place is taken" in err and
          len(contents(top, work + "/s1")) == len(new) + 3,
          "what cannot go back stays, and is said", err)
    for i in range(4):
        os.rename(f"{top}/DCIM/{100 + i % 2}/IMG_{i // 2:04}.JPG",
                  f"{work}/kept{i}")
    os.rename(d + "IMG_0000.xmp", work + "/kept")
    rc, _, err = run("--undo", work + "/s1")
    check(rc == 0 and not os.path.exists(work + "/s1"),
          "and goes back later", err)


def half_done(work):
    """A kill between the copy and the removal of a move."""
    rows = card(work + "/h", 4)
    before = contents(work + "/h")
    sort(rows, work + "/h1", "move")
    shutil.copy2(work + "/h1/none/100/IMG_0000.JPG",
                 work + "/h/DCIM/100/IMG_0000.JPG")
    rc, _, err = sort(rows, work + "/h1", "move")
    check(rc == 0 and tree(work + "/h") == [] and
          contents(work + "/h1").keys() == before.keys() and
          len(tree(work + "/h1")) == 5, "a move is finished, not done twice",
          (tree(work + "/h1"), err))
    shutil.rmtree(work + "/h1/none")
    rc, _, err = run("--undo", work + "/h1")
    check(rc == 0 and "2 were gone already" in err and
          not os.path.exists(work + "/h1"), "what is gone is said", err)
    # A kill of the undo between a file and the folders above it.
    rows = card(work + "/i", 4)
    sort(rows, work + "/i1", "move")
    for n in [n for n in tree(work + "/i1") if n.endswith("/IMG_0000.JPG")]:
        label, folder, name = n.split("/")
        os.rename(work + "/i1/" + n, work + f"/i/DCIM/{folder}/{name}")
        if folder == "101":
            os.rmdir(os.path.dirname(work + "/i1/" + n))
    rc, _, err = run("--undo", work + "/i1")
    check(rc == 0 and not os.path.exists(work + "/i1"),
          "folders that a kill left empty go", (tree(work + "/i1"), err))


def odd(work):
    top = work + "/o"
    bad = os.fsdecode(b"l\xe4tin%41.jpg")
    names = ["a b.jpg", "new\nline.jpg", bad, "100%.jpg", "\u00e4.jpg"]
    with open(work + "/o.jsonl", "w") as f:
        for i, n in enumerate(names):
            write(top + "/" + n, os.fsencode(n))
            f.write(row(top + "/" + n, 1 if i == 2 else 0))
        f.write(json.dumps({"file": top + "/torn.jpg", "error": "no"}) + "\n")
        f.write(row(top + "/missing.jpg", 0))
        write(top + "/torn.jpg", b"torn")
        evil = json.loads(row(top + "/a b.jpg", 1))
        evil.update(file=top + "/evil.jpg", label="../../x/.y")
        write(top + "/evil.jpg", b"evil")
        f.write(json.dumps(evil) + "\n")
        twin = dict(evil, file=top + "/twin.jpg", label="none")
        write(top + "/twin.jpg", b"twin")
        f.write(json.dumps(twin) + "\n")
    rc, _, err = sort(work + "/o.jsonl", work + "/o1", "move")
    got = contents(work + "/o1")
    check(rc == 3 and got[b"l\xe4tin%41.jpg"] ==
          [work + "/o1/grizzly/" + bad] and len(got) == 7,
          "names of any bytes keep them", (got, err))
    check("missing.jpg' stays: No such file" in err and
          "1 without a verdict stay" in err and tree(top) == ["torn.jpg"],
          "what cannot be sorted is said", err)
    check(got[b"evil"] == [work + "/o1/%2E.%2F%2E.%2Fx%2F%2Ey/evil.jpg"] and
          got[b"twin"] == [work + "/o1/none (class)/twin.jpg"],
          "no label leads elsewhere", (got[b"evil"], got[b"twin"]))
    rc, _, err = run("--undo", work + "/o1")
    check(rc == 0 and len(contents(top)) == 8 and bad in os.listdir(top),
          "and go back", err)
    with open(work + "/cut.jsonl", "w") as f:
        f.write(open(work + "/o.jsonl").read()[:-9])
    rc, _, err = sort(work + "/cut.jsonl", work + "/o2", "link")
    check(rc == 1 and "line 9" in err and "cut off" in err,
          "rows that are cut off are named", err)
    write(work + "/o3/undo.jsonl", b"diary\n")
    rc, _, err = sort(work + "/o.jsonl", work + "/o3", "link")
    check(rc == 1 and tree(work + "/o3") == ["undo.jsonl"],
          "another file of that name is left alone", err)


def archives(work):
    z = work + "/z/p.zip"
    os.makedirs(work + "/z")
    with zipfile.ZipFile(z, "w") as f, open(work + "/z.jsonl", "w") as rows:
        for i, n in enumerate(("d/a.jpg", "../../up.jpg", "b.jpg")):
            f.writestr(n, b"member %d" % i)
            rows.write(row(f"{z}:{n}", 0))
    rc, _, err = sort(work + "/z.jsonl", work + "/z1", "move")
    check(rc == 3 and "only --sort-by copy takes it out" in err and
          "3 could not be placed" in err, "archives are not moved from", err)
    rc, _, err = sort(work + "/z.jsonl", work + "/z1", "copy")
    check(rc == 0 and tree(work + "/z1") == [
        "none/p.zip/%2E./%2E./up.jpg", "none/p.zip/b.jpg",
        "none/p.zip/d/a.jpg", "undo.jsonl"] and
          set(contents(work + "/z1")) == {b"member %d" % i for i in range(3)},
          "but copied, and no name leads out", (tree(work + "/z1"), err))
    rc, _, err = sort(work + "/z.jsonl", work + "/z1", "copy")
    check(rc == 0 and "3 were there" in err, "once", err)
    rc, _, err = run("--undo", work + "/z1")
    check(rc == 0 and not os.path.exists(work + "/z1"), "and undone", err)


def full_disk(work, far):
    for by, into in (("copy", work + "/f-copy"), ("move", far + "/f-move")):
        top = work + "/f" + by
        rows = card(top, 30)
        write(top + "/DCIM/100/IMG_0007.JPG", b"x" * 50000)
        before = contents(top)
        rc, _, err = sort(rows, into, by, limit=30000)
        there = contents(top, into)
        check(rc == 1 and "File too large" in err and
              "goes on from here" in err and set(there) == set(before) and
              not [n for n in tree(into) if n.endswith(".tmp")],
              f"{by}: a full disk ends it, nothing is lost", (rc, err))
        rc, _, err = sort(rows, into, by)
        check(rc == 0 and set(contents(into)) == set(before) and
              all(len(v) == 1 for v in contents(into).values()) and
              (by == "copy") == (contents(top) == before),
              f"{by}: with room it goes on, and has each photo once", err)


def killed(work, far):
    rng = random.Random(3)
    for by, into in (("link", work + "/k-link"), ("copy", work + "/k-copy"),
                     ("move", work + "/k-move"), ("move", far + "/k-far")):
        top = into.replace(far, work) + "-card"
        rows = card(top, 100, 20000)
        write(top + "/DCIM/100/IMG_0003.xmp", b"side")
        before = contents(top)
        command = [B, "classify", "-q", "--from", rows, "--sort-into", into,
                   "--sort-by", by]
        t0 = time.monotonic()
        shutil.copytree(top, top + "2")
        with open(rows) as f, open(rows + "2", "w") as to:
            to.write(f.read().replace(top + "/", top + "2/"))
        sort(rows + "2", into + "-timed", by)
        took = time.monotonic() - t0
        shutil.rmtree(into + "-timed")
        lost = twice = 0
        for _ in range(int(os.environ.get("KILLS", "4"))):
            p = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            time.sleep(rng.random() * took)
            p.send_signal(signal.SIGKILL)
            p.wait()
            now = contents(top, into)
            lost += set(now) != set(before)
            if by == "move":
                twice += sum(len(v) > 1 for v in now.values()) > 1
        r = subprocess.run(command, capture_output=True)
        now = contents(into)
        check(r.returncode == 0 and lost == twice == 0 and
              set(now) == set(before) and
              all(len(v) == 1 for v in now.values()) and
              not [n for n in tree(into) if n.endswith(".tmp")],
              f"{by} into {os.path.basename(into)}: kills lose and double "
              "nothing", (r.stderr, lost, twice))
        check(contents(top) == ({} if by == "move" else before),
              "and the card is as it should be")
        p = subprocess.Popen([B, "classify", "--undo", into],
                             stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * took)
        p.send_signal(signal.SIGKILL)
        p.wait()
        if os.path.exists(into):
            rc, _, err = run("--undo", into)
        check(not os.path.exists(into) and contents(top) == before,
              "undone, through a kill", tree(into))
        os.mkdir(into) # what a kill between the list and the folder leaves
        rc, _, err = run("--undo", into)
        check(rc == 0 and not os.path.exists(into),
              "undone, but for the folder", (rc, err))


def far_away(work, far):
    if os.stat(far).st_dev == os.stat(work).st_dev:
        check(True, "another file system # SKIP there is none")
        return
    rows = card(work + "/w", 6)
    rc, _, err = sort(rows, far + "/w1", "link")
    p = far + "/w1/none/100/IMG_0000.JPG"
    check(rc == 0 and stat.S_ISLNK(os.lstat(p).st_mode) and
          os.readlink(p) == work + "/w/DCIM/100/IMG_0000.JPG" and
          "6 of them by symbolic links" in err,
          "symbolic links to another file system, said", err)
    rc, _, err = run("--undo", far + "/w1")
    check(rc == 0 and not os.path.exists(far + "/w1") and
          len(contents(work + "/w")) == 6, "are undone", err)


def while_classifying(work):
    top = work + "/c/card"
    rc = subprocess.run([B, "synth", "--out", work + "/data", "--count", "12",
                         "--size", "64", "-q", "--seed", "3"]).returncode
    shutil.copytree(work + "/data/train", top)
    n = len(tree(top))
    before = contents(top)
    here = os.path.dirname(top)
    write(top + "/torn.jpg", b"\xff\xd8\xff torn")
    rc, out, err = run("-m", MODEL, "--sort-into", "card/in", "card", cwd=here)
    check(rc == 2 and "choose a folder beside it" in err,
          "the sorted folder may not lie among the photos", err)
    check(out == "" and not os.path.exists(top + "/in"), "said at once")
    rc, out, err = run("-m", MODEL, "--sort-into", "sorted", "--sort-by",
                       "move", "card", cwd=here)
    names = tree(here + "/sorted")
    said = {x.split(": ")[0]: x.split(": ")[1].split(" ")[0]
            for x in out.splitlines()}
    check(rc == 3 and len(said) == n + 1 and len(names) == n + 1 and
          all(v == "error" or v + k[len("card"):] in names
              for k, v in said.items()) and tree(top) == ["torn.jpg"],
          "photos are sorted by what is said of them", (out, err, names))
    rc, _, err = run("--undo", "sorted", cwd=here)
    check(rc == 0 and set(contents(top)) == set(before) | {b"\xff\xd8\xff torn"},
          "and go back from a relative folder", err)
    args = ("-m", MODEL, "-f", "jsonl", "--resume", "rows.jsonl",
            "--sort-into", "again", "card")
    rc, _, err = run(*args, cwd=here)
    rc2, _, err2 = run(*args, cwd=here)
    check(rc == rc2 == 3 and f"linked {n} photos" in err and
          f"linked 0 photos into 'again'; {n} were there before" in err2,
          "with --resume all rows are sorted", (err, err2))
    for args, text in ((("--undo", "x", top), "stands alone"),
                       (("--from", "x"), "needs --sort-into"),
                       (("--from", "x", "--sort-into", "y", top), "either"),
                       (("--dry-run", top), "needs --sort-into"),
                       ((), "at least one PATH"),
                       (("-f", "csv", "--resume", "r.csv", "--sort-into", "y",
                         top), "need --format jsonl")):
        rc, _, err = run(*args)
        check(rc == 2 and text in err, "usage: " + text, err)
    rc, _, err = run("--undo", work + "/nothing")
    check(rc == 1 and "there is no list" in err, "no list to undo", err)


def main(work, far):
    each_way(work)
    sides(work)
    half_done(work)
    odd(work)
    archives(work)
    full_disk(work, far)
    far_away(work, far)
    killed(work, far)
    while_classifying(work)
    return done()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as d:
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        with tempfile.TemporaryDirectory(dir=shm) as e:
            sys.exit(main(os.path.realpath(d), os.path.realpath(e)))
