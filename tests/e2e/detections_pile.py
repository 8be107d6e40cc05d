#!/usr/bin/env python3
"""classify --detections with --resume and --sort-into, --page, --timelapse and
--recurring, and --from with the file that came out: the same folders and files
as a run without --resume, through kills, with photos that were moved or are
gone.

Environment: BEARCASCADE (the program), KILLS.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from detections_resume import (B, KILLS, N, ODD, det, images, looked_at, md,
                               photos, read, rows, train, write)
from tap import check, done

RNG = random.Random(11)


def run(*args, cwd=None):
    r = subprocess.run([B, "classify", "-q", *args], capture_output=True,
                       cwd=cwd)
    return r.returncode, os.fsdecode(r.stdout), os.fsdecode(r.stderr)


def command(work, src, *more):
    return ("-m", work + "/run", *THRESHOLD, "--detections", src, *more)


def classify(work, src, *more, **how):
    return run(*command(work, src, *more), **how)


def outputs(work, name):
    """All that is made of a pile; the table lies above the photos."""
    os.makedirs(f"{work}/{name}", exist_ok=True)
    return ("--sort-into", f"{work}/{name}/sorted", "--page",
            f"{work}/{name}/page.html", "--recurring",
            f"{work}/{name}/again.jsonl", "--timelapse",
            f"{work}/{name}.csv")


def tree(top):
    return sorted(os.path.relpath(os.path.join(d, n), top)
                  for d, _, names in os.walk(top) for n in names)


def made(work, name):
    """Which file lies where, and the other files' bytes."""
    top = f"{work}/{name}/sorted"
    return ({n: os.stat(os.path.join(top, n)).st_ino for n in tree(top)
             if n != "undo.jsonl"},
            read(f"{work}/{name}/page.html"),
            read(f"{work}/{name}/again.jsonl"), read(f"{work}/{name}.csv"))


def same(work, one, other):
    """Which parts of two piles differ: none."""
    return [i for i, (a, b) in enumerate(zip(made(work, one),
                                             made(work, other))) if a != b]


def halves(work, src):
    """Thresholds with which some boxes are positives and some unknown."""
    global THRESHOLD
    THRESHOLD = ()
    _, out, _ = classify(work, src, work + "/a")
    p = sorted(r["p_positive"] for r in json.loads(out)["images"]
               if r.get("p_positive"))
    c = sorted(r["p_class"] for r in json.loads(out)["images"]
               if "p_class" in r) or [.5]
    THRESHOLD = ("--threshold", str(p[len(p) // 2]), "--unknown-below",
                 str(c[len(c) // 2]))


def undisturbed(work, src):
    rc, out, err = classify(work, src, *outputs(work, "plain"), work + "/a")
    with open(work + "/plain.json", "wb") as f:
        f.write(os.fsencode(out))
    rc2, out2, err2 = classify(work, src, "--resume", work + "/whole.json",
                               *outputs(work, "whole"), work + "/a")
    check(rc == rc2 == 3 and out2 == "" and
          err2 == err.replace("/plain", "/whole"),
          "with --resume it says the same", (rc2, err, err2))
    if rc2 == 2:
        return 0
    kinds = {n.split("/")[0] for n in tree(work + "/plain/sorted")}
    check(len(kinds) >= 4 and same(work, "plain", "whole") == [] and
          len(read(work + "/plain/again.jsonl")) > 0 and
          all(any(n.endswith(name) for n in tree(work + "/whole/sorted"))
              for name in (ODD, "b/far.bmp")),
          "and gives the same folders, page, table and report",
          (kinds, same(work, "plain", "whole")))
    labels = {r["verdict_kind"] for r in rows(work + "/whole.json")
              if "verdict" in r}
    check(labels == {"none", "class", "unknown"}, "all kinds of verdicts",
          labels)
    return 1


def kill_at_random(args, took):
    p = subprocess.Popen([B, "classify", "-q", *args],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(RNG.random() * took)
    p.send_signal(RNG.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
    p.wait()


def kill_while_sorting(args, growing, whole):
    """Once the list, of so many bytes in the end, is longer."""
    def size():
        return os.path.getsize(growing) if os.path.exists(growing) else 0
    goal = size() + RNG.random() * whole / KILLS
    p = subprocess.Popen([B, "classify", "-q", *args],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while p.poll() is None and size() <= goal:
        time.sleep(.0002)
    p.kill()
    p.wait()


def killed(work, src):
    args = command(work, src, "--resume", work + "/killed.json",
                   *outputs(work, "killed"), work + "/a")
    t0 = time.monotonic()
    classify(work, src, "--resume", work + "/timed.json",
             *outputs(work, "timed"), work + "/a")
    took = time.monotonic() - t0
    for _ in range(KILLS):
        kill_at_random(args, took / 2)
    rc, _, err = run(*args)
    check(rc == 3 and same(work, "plain", "killed") == [] and
          read(work + "/killed.json") == read(work + "/whole.json"),
          f"{KILLS} kills give the same", (same(work, "plain", "killed"), err))
    rc, _, err = run(*args)
    check(rc == 3 and looked_at(err) == 0 and "linked 0 photos" in err and
          same(work, "plain", "killed") == [], "once more does nothing", err)
    for n in range(3):  # one that sorts, and one that has not begun to
        shutil.rmtree(work + "/killed/sorted")
        cut = os.path.getsize(work + "/killed.json") * n // 3
        os.truncate(work + "/killed.json", cut)
        rc, _, err = run(*args)
        check(rc == 3 and same(work, "plain", "killed") == [],
              f"and so does a file of {cut} bytes", err)


def contents(*tops):
    """What is there, and how often."""
    out = {}
    for top in tops:
        for n in tree(top):
            if os.path.basename(n) != "undo.jsonl":
                data = read(os.path.join(top, n))
                out[data] = out.get(data, 0) + 1
    return out


def moved(work, src):
    card = work + "/m/card"
    shutil.copytree(work + "/a", card)
    for n in tree(card):  # no two are alike
        with open(os.path.join(card, n), "ab") as f:
            f.write(os.fsencode(n))
        os.utime(os.path.join(card, n), (1e9, 1e9))
    before = contents(card)
    into, out = work + "/m/sorted", work + "/m/out.json"
    also = [(work + "/m/" + name) for name in ("t.csv", "p.html", "r.jsonl")]
    more = ("--sort-into", into, "--sort-by", "move", "--timelapse", also[0],
            "--page", also[1], "--recurring", also[2], card)
    args = command(work, src, "--resume", out, *more)
    _, plain, _ = classify(work, src, *more)
    want = [read(path) for path in also]
    placed, size = tree(into), os.path.getsize(into + "/undo.jsonl")
    stay = len(tree(card))
    run("--undo", into)
    lost = twice = part = 0
    for _ in range(10):  # the machine may be too busy at times
        for _ in range(KILLS):
            kill_while_sorting(args, into + "/undo.jsonl", size)
            now = contents(card, into)
            lost += now.keys() != before.keys()
            twice += sum(v > 1 for v in now.values()) > 1
            part += stay < len(tree(card)) < len(before)
        if part > 0:
            break
        run("--undo", into)
    rc, _, err = run(*args)
    check(part > 0, "kills came in the midst of the moves", part)
    check(rc == 3 and lost == twice == 0 and
          contents(card, into) == before and
          tree(into) == placed,
          "moves that are killed: nothing is lost, doubled or misplaced",
          (lost, twice, part, err))
    check([read(path) for path in also] == want and want[2].count(b"\n") > 3,
          "and the table, the page and the report are the same", err)
    verdicts = [r.get("verdict") for r in rows(out)]
    check(verdicts == [r.get("verdict") for r in json.loads(plain)["images"]],
          "photos that were moved keep their verdicts", verdicts)
    was = read(out)
    rc, _, err = run(*args)
    check(rc == 3 and read(out) == was and looked_at(err) == 0 and
          "moved 0 photos" in err and "are gone" in err and
          contents(card, into) == before and
          [read(path) for path in also] == want, "and once more does nothing", err)
    rc, _, err = run("--undo", into)
    check(rc == 0 and contents(card) == before, "undone", err)
    rc, _, err = classify(work, src, "--resume", out, card)
    check(rc == 3 and looked_at(err) == 0 and read(out) == was and
          "are gone" not in err, "and the rows hold", err)


def from_file(work, src):
    for name, file in (("f1", "whole.json"), ("f2", "plain.json")):
        rc, out, err = run("--from", f"{work}/{file}", *outputs(work, name),
                           work + "/a")
        diff = same(work, "plain", name)
        check(rc == 3 and out == "" and diff in ([], [1]),
              f"--from {file} gives the same; the page knows no threshold",
              (diff, err))
    half = json.loads(read(work + "/whole.json"))
    most = dict(half, images=half["images"][N // 2:])
    half["images"] = half["images"][:N // 2]
    _, out, _ = run("--merge", write(work + "/h1.json", half),
                    write(work + "/h2.json", most))
    with open(work + "/merged.json", "w", errors="surrogateescape") as f:
        f.write(out)
    rc, _, err = run("--from", work + "/merged.json", *outputs(work, "f6"),
                     work + "/a")
    check(rc == 3 and made(work, "f6")[0] == made(work, "plain")[0],
          "and so does one of --merge", err)
    rc, _, err = run("--from", "../whole.json", *outputs(work, "f3"),
                     cwd=work + "/a")
    check(rc == 3 and same(work, "f1", "f3") in ([], [1, 2]) and
          made(work, "f1")[0] == made(work, "f3")[0],
          "without a PATH, photos are below the current folder", err)
    rc, out, err = run("--from", work + "/whole.json", "--sort-into",
                       work + "/f4", "--dry-run", "a", cwd=work)
    n = len(tree(work + "/plain/sorted")) - 1
    check(rc == 3 and out.count(" -> ") == n and
          not os.path.exists(work + "/f4"), "--dry-run says what goes where",
          (n, out, err))
    rc, _, err = run("--from", work + "/whole.json", "--sort-into",
                     work + "/f5", work + "/m")
    check(rc == 3 and "No such file" in err,
          "below another folder there is nothing", err)


def audited(work, src):
    """What the program said of boxes is a pile to audit."""
    out = work + "/audit"
    r = subprocess.run([B, "audit", work + "/merged.json", work + "/a",
                        "--recall", ".5", "--out", out], capture_output=True)
    said = [i for i in json.loads(read(work + "/merged.json"))["images"]
            if "verdict" in i]
    with open(out + "/predictions.jsonl") as f:
        made = [json.loads(line) for line in f]
    scored = [m for m in made if "error" not in m]
    check(r.returncode == 3 and
          [m["p_positive"] for m in scored] == [i["p_positive"] for i in said]
          and [m["time"] for m in made if "time" in m] ==
          ["2024:05:31 06:12:09"],
          "an audit takes its scores", (r.returncode, r.stderr))
    names = {os.fsencode(m["file"]) for m in scored}
    check(os.fsencode(work + "/a/p000.bmp") in names and
          os.fsencode(work + "/b/far.bmp") in names and
          sum(b"%" in n for n in names) == 1,
          "photos are below PATH, names are text", names)
    text = r.stdout.decode()
    check(text.startswith(f"{len(said)} photos") and
          f"{len(made) - len(said)} files could not be read" in text and
          os.path.exists(out + "/audit.html"),
          "what has no verdict is counted and no part of the pile", text)
    r = subprocess.run([B, "audit", work + "/whole.json", work + "/a",
                        "--recall", ".5", "--out", work + "/again"],
                       capture_output=True, text=True, errors="replace")
    check(r.returncode == 3 and read(work + "/again/predictions.jsonl") ==
          read(out + "/predictions.jsonl") and
          "2 photos come again" in r.stderr,
          "of a photo that comes twice the first row stays", r.stderr)
    for args, text in (((src, work + "/a"), "has no verdict"),
                       ((work + "/merged.json", src), "is no folder"),
                       ((work + "/a", src), "it must come first"),
                       ((work + "/merged.json", "-m", work + "/run"),
                        "without --model")):
        r = subprocess.run([B, "audit", *args, "--out", work + "/none"],
                           capture_output=True, text=True, errors="replace")
        check(r.returncode in (1, 2) and text in r.stderr and
              not os.path.exists(work + "/none/plan.json"),
              "an audit is refused: " + text, r.stderr)


def gone(work, src):
    """Photos of earlier runs that are no more, and one that comes thrice."""
    out = work + "/gone.json"
    shutil.copytree(work + "/a", work + "/g/card", copy_function=shutil.copy2)
    card = work + "/g/card"
    args = ("--resume", out, "--sort-into", work + "/g/sorted", card)
    classify(work, src, "--resume", out, card)
    n = len(rows(out))
    verdict = {r["file"]: r.get("verdict") for r in rows(out)}
    for name in ("p005.bmp", "p010.bmp", "p013.bmp"):
        os.remove(f"{card}/{name}")
    d = json.loads(read(src))
    d["images"] = [r for r in d["images"] if r["file"] != "p010.bmp"]
    new = {"file": "p005.bmp", "detections": [det(.1, .1, .8, .8)]}
    for i in (0, len(d["images"])):
        less = dict(d, images=d["images"][:i] + [new] + d["images"][i:])
        rc, _, err = classify(work, write(work + "/less.json", less), *args)
        got = {}
        for r in rows(out):
            got.setdefault(r["file"], []).append(r.get("verdict"))
        check(rc == 3 and len(rows(out)) == n + 1 and
              sorted(map(str, got["p005.bmp"])).count("None") == 1 and
              got["p013.bmp"] == [verdict["p013.bmp"]] and
              got["p010.bmp"] == [verdict["p010.bmp"]] and
              err.count("No such file") >= 3 and "3 of them are gone" in err,
              f"gone photos keep their rows, a new record is a failure ({i})",
              (n, len(rows(out)), got["p005.bmp"], err))
    sorted_names = {os.path.basename(x) for x in tree(work + "/g/sorted")}
    check(not sorted_names & {"p005.bmp", "p010.bmp", "p013.bmp"} and
          "p011.bmp" in sorted_names, "and are not sorted", sorted_names)


def refused(work, src):
    d = json.loads(read(src))
    whole = run("-m", work + "/run", "-f", "megadetector",
                f"{work}/a/p000.bmp")[1]
    with open(work + "/photos.json", "w") as f:
        f.write(whole)
    write(work + "/raw.json", dict(d, images=d["images"][:3]))
    with open(work + "/cut.json", "wb") as f:
        f.write(read(work + "/whole.json")[:-40])
    for name, text in (("raw", "image 1 of"), ("photos", "image 1 of"),
                       ("cut", "damaged")):
        rc, out, err = run("--from", f"{work}/{name}.json", "--sort-into",
                           work + "/no", work + "/a")
        check(rc == 1 and text in err and err.count("\n") == 1 and
              tree(work + "/no") == [],
              f"--from {name}.json is refused", (rc, err))
    page = ("--page", work + "/no.html")
    for args, text in (
            (("--from", work + "/whole.json", *page, work, work), "one PATH"),
            (("--from", work + "/whole.json", *page, src), "one PATH"),
            (("--from", work + "/whole.json", work), "needs --sort-into"),
            (("--from", work + "/whole.json", "-f", "jsonl", "--resume",
              work + "/no.json", *page), "either"),
            (("--from", work + "/whole.json", "--detections", src, *page),
             "neither"),
            (("--from", work + "/whole.json", "--sort-into", work + "/a/s",
              work + "/a"), "choose a folder beside it"),
            (command(work, src, "--resume", work + "/no.json", "--sort-into",
                     work + "/a/s", work + "/a"), "choose a folder beside it"),
            (command(work, src, "--page", src, work + "/a"),
             "--detections and --page name the same file"),
            (command(work, src, "--resume", work + "/no.json", "--timelapse",
                     work + "/no.json", work + "/a"),
             "--resume and --timelapse name the same file"),
            (command(work, src, "--resume", work + "/no.json", "--dry-run",
                     work + "/a"), "needs --sort-into"),
            (("-f", "megadetector", "--resume", work + "/no.json", *page,
              work + "/a"), "--format jsonl")):
        rc, out, err = run(*args)
        check(rc == 2 and text in err and out == "" and not
              [n for n in ("no.html", "no.json", "a/s")
               if os.path.exists(os.path.join(work, n))],
              "usage: " + text, (args, rc, err))


def main(work):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup too
    train(work)
    photos(work)
    all_of_them = images()
    card = write(work + "/card.json", md(list(all_of_them)))
    os.mkdir(work + "/b")
    shutil.copy2(work + "/a/p001.bmp", work + "/b/far.bmp")
    all_of_them.insert(9, {"file": work + "/b/far.bmp", "detections":
                           [det(.2, .2, .5, .5)]})
    src = write(work + "/md.json", md(all_of_them))
    halves(work, src)
    if undisturbed(work, src):
        killed(work, src)
        moved(work, card)
        from_file(work, src)
        audited(work, src)
        gone(work, card)
        refused(work, src)
    return done()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as top:
        sys.exit(main(os.path.realpath(top)))
