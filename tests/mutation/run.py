#!/usr/bin/env python3
"""Put one fault at a time into a copy of the tree: do the tests see it?

    python3 tests/mutation/run.py [--only LAYER] [--jobs N] [--out FILE]

README.md beside this file says what counts and how the lists are written.
"""
import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
QUICK_S = 5  # a test that took longer, alone, is run after all others
CAUGHT, SURVIVED, BROKEN = "caught", "survived", "does not compile"
UNSEEN = "unseen"  # by the tests that the list names; the others come later


def layer_of(path):
    """The folder that a reader would name: base, stage1_gate, cascade, ..."""
    part = path.split("/")
    return part[1] if part[0] in ("common", "pipelines") else part[0]


def key_of(fault):
    return "\n".join((fault["file"], fault["old"], fault["new"]))


def load_faults(folder):
    faults = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            faults += json.load(f)
    wrong, keys = [], set()
    for f in faults:
        if set(f) != {"file", "old", "new", "tests"}:
            sys.exit(f"{f}: file, old, new and tests are the fields")
        path, n = os.path.join(ROOT, f["file"]), 0
        if os.path.exists(path):
            with open(path, encoding="utf-8") as src:
                n = src.read().count(f["old"])
        if n != 1 or f["old"] == f["new"] or key_of(f) in keys:
            wrong.append(f"{f['file']}: {f['old']!r} stands there {n} times")
        keys.add(key_of(f))
    if wrong:
        sys.exit("\n".join(wrong) + "\nA fault replaces a text that stands "
                 "there once, by another, and is listed once.")
    return faults


class Tree:
    """A copy of the sources with a build of its own."""

    def __init__(self, path, setup):
        self.path = path
        self.build = os.path.join(path, "build")
        self.copy()
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            self.call(["meson", "setup", self.build] + setup, check=True)
        self.call(["ninja", "-C", self.build], check=True)
        self.tests = {}
        made = {}
        for t in self.introspect("--targets"):
            made[t["id"]] = [os.path.relpath(f, self.build)
                             for f in t["filename"]]
        for t in self.introspect("--tests"):
            self.tests[t["name"]] = sum((made[d] for d in t["depends"]), [])

    def call(self, args, check=False):
        env = dict(os.environ, MESON_TESTTHREADS=os.environ.get(
            "MESON_TESTTHREADS", "2"))
        done = subprocess.run(args, cwd=self.path, env=env, text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if check and done.returncode:
            sys.exit(f"{' '.join(args)}\n{done.stdout[-4000:]}")
        return done.returncode

    def introspect(self, what):
        return json.loads(subprocess.check_output(
            ["meson", "introspect", self.build, what]))

    def copy(self):
        """What git would commit; files that are the same keep their time."""
        names = subprocess.check_output(
            ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"]).decode().split("\0")
        wanted = set()
        for name in filter(None, names):
            src, to = os.path.join(ROOT, name), os.path.join(self.path, name)
            if not os.path.isfile(src):
                continue
            wanted.add(name)
            with open(src, "rb") as f:
                data = f.read()
            if os.path.exists(to):
                with open(to, "rb") as f:
                    if f.read() == data:
                        continue
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copy(src, to)
        for folder, dirs, files in os.walk(self.path):
            if folder == self.path and "build" in dirs:
                dirs.remove("build")
            for name in files:
                path = os.path.join(folder, name)
                if os.path.relpath(path, self.path) not in wanted:
                    os.remove(path)

    def run(self, names):
        """(name of the first test that fails or None, {name: seconds})."""
        log = os.path.join(self.build, "meson-logs", "testlog.json")
        if os.path.exists(log):
            os.remove(log)
        code = self.call(["meson", "test", "-C", self.build, "--no-rebuild",
                          "--maxfail", "1"] + names)
        failed, seconds = None, {}
        if os.path.exists(log):
            with open(log, encoding="utf-8") as f:
                for line in f:
                    t = json.loads(line)
                    name = t["name"].split(" / ")[-1]
                    seconds[name] = t["duration"]
                    if t["result"] not in ("OK", "SKIP", "INTERRUPT"):
                        failed = failed or name
        if code and failed is None:
            failed = "meson test"
        return failed, seconds

    def make(self, names):
        targets = sorted({t for n in names for t in self.tests[n]})
        return self.call(["ninja", "-C", self.build] + targets) == 0

    def try_fault(self, fault, order):
        """order: lists of tests, one after another."""
        path = os.path.join(self.path, fault["file"])
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace(fault["old"], fault["new"]))
        try:
            for names in filter(None, order):
                if not self.make(names):
                    return {"verdict": BROKEN}
                failed, _ = self.run(names)
                if failed:
                    return {"verdict": CAUGHT, "by": failed,
                            "named": names is order[0]}
            return {"verdict": SURVIVED}
        finally:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)


class Results:
    """A JSON file that is whole after every fault."""

    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()
        self.all = {"seconds": {}, "faults": {}}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                self.all = json.load(f)

    def put(self, where, key, value):
        with self.lock:
            self.all[where][key] = value
            with open(self.path + ".new", "w", encoding="utf-8") as f:
                json.dump(self.all, f, indent=1)
            os.replace(self.path + ".new", self.path)


def order_of(fault, tests, seconds, named_only):
    rest = [n for n in tests if n not in fault["tests"]]
    if named_only:
        return [fault["tests"]]
    return [fault["tests"],
            [n for n in rest if seconds.get(n, 0) <= QUICK_S],
            [n for n in rest if seconds.get(n, 0) > QUICK_S]]


def see_green(tree, names, results):
    """Without a fault these tests must pass; notes how long they take."""
    if names:
        failed, took = tree.run(names)
        if failed:
            sys.exit(f"without any fault: '{failed}' fails")
        for name, s in took.items():
            results.put("seconds", name, s)


def report(faults, results):
    rows, survivors, broken, open_ = {}, [], [], 0
    for f in faults:
        r = results.all["faults"].get(key_of(f))
        row = rows.setdefault(layer_of(f["file"]), [0, 0])
        if r is None or r["verdict"] == UNSEEN:
            open_ += 1
            continue
        row[0] += 1
        row[1] += r["verdict"] == CAUGHT
        line = f"- {f['file']}: `{f['old']}` -> `{f['new']}`".replace(
            "\n", " ")
        if r["verdict"] == SURVIVED:
            survivors.append(line)
        elif r["verdict"] == BROKEN:
            broken.append(line)
    rows["all"] = [sum(r[i] for r in rows.values()) for i in (0, 1)]
    out = ["| layer | faults | caught | share |", "| --- | --: | --: | --: |"]
    for name, (n, caught) in rows.items():
        share = f"{100 * caught / n:.0f} %" if n else "-"
        out.append(f"| {name} | {n} | {caught} | {share} |")
    out += ["", "Survived: " + ("" if survivors else "none.")] + survivors
    if broken:
        out += ["", "Does not compile, to be mended:"] + broken
    if open_:
        out += ["", f"{open_} faults have not been tried yet."]
    return "\n".join(out)


def parse():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--only", metavar="LAYER", help="base, stage1_gate, ...")
    p.add_argument("--jobs", type=int, default=1, help="copies at work")
    p.add_argument("--out", default="mutation.md", help="the table")
    p.add_argument("--work", default="/tmp/bearcascade-mutation",
                   help="folder of the copies and of results.json")
    p.add_argument("--again", action="store_true",
                   help="try those that survived or did not compile again")
    p.add_argument("--named", action="store_true",
                   help="only the tests that the list names; what they do "
                   "not see is left to a later run")
    p.add_argument("--most", type=int, help="stop after so many faults")
    p.add_argument("--setup", default="", help="options for meson setup")
    p.add_argument("--check", action="store_true",
                   help="do nothing but see that the lists fit the sources")
    return p.parse_args()


def main():
    opt = parse()
    faults = load_faults(os.path.join(HERE, "faults"))
    if opt.check:
        print(f"{len(faults)} faults fit the sources")
        return
    os.makedirs(opt.work, exist_ok=True)
    lock = open(os.path.join(opt.work, "lock"), "w", encoding="utf-8")
    fcntl.flock(lock, fcntl.LOCK_EX)  # two runs would spoil each other's copy
    results = Results(os.path.join(opt.work, "results.json"))

    def is_due(f):
        r = results.all["faults"].get(key_of(f))
        if r is None or (opt.again and r["verdict"] != CAUGHT):
            return True
        return r["verdict"] == UNSEEN and not opt.named

    due = [f for f in faults if is_due(f) and
           opt.only in (None, layer_of(f["file"]))][:opt.most]
    trees = [Tree(os.path.join(opt.work, str(i)), opt.setup.split())
             for i in range(min(opt.jobs, len(due)))]
    seconds = results.all["seconds"]
    for name in {n for f in due for n in f["tests"]} if trees else ():
        if name not in trees[0].tests:
            sys.exit(f"there is no test '{name}'")
    if trees:
        see_green(trees[0], [n for n in trees[0].tests if n not in seconds and
                             (not opt.named or any(n in f["tests"]
                                                   for f in due))], results)

    def work(tree):
        while due:
            try:
                f = due.pop(0)
            except IndexError:
                return
            t0 = time.time()
            r = tree.try_fault(f, order_of(f, tree.tests, seconds, opt.named))
            if opt.named and r["verdict"] == SURVIVED:
                r["verdict"] = UNSEEN
            print(f"{time.time() - t0:5.0f} s  {r['verdict']:9}"
                  f" {r.get('by', '-'):20} {f['file']}: {f['new']!r}",
                  flush=True)
            results.put("faults", key_of(f), r)

    threads = [threading.Thread(target=work, args=(t,)) for t in trees]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    text = report([f for f in faults if opt.only in (
        None, layer_of(f["file"]))], results)
    with open(opt.out, "w", encoding="utf-8") as f:
        f.write(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
