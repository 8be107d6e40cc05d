#!/usr/bin/env python3
"""classify --detections and --merge: the boxes of another detector, and files
of results as one.

Environment: BEARCASCADE (the program), SOURCE (for the shipped model). With
MEGADETECTOR, a Python that has the package of that name (tests/bench/
validate_results.py), its validator sees the results too.
"""
import json
import os
import subprocess
import sys
import tempfile

from pictures import blocks, bmp, cut
from tap import check, done

B = os.environ["BEARCASCADE"]
MODEL = os.path.join(os.environ["SOURCE"], "models", "bears.safetensors")
VALIDATE = os.path.join(os.environ["SOURCE"], "tests", "bench",
                        "validate_results.py")
W, H = 400, 320


def run(*args):
    r = subprocess.run([B, "classify", "-q", *args], capture_output=True)
    return (r.returncode, r.stdout.decode("utf-8", "surrogateescape"),
            os.fsdecode(r.stderr))


def picture(seed):
    return blocks(seed, W, H, 8)


def md(images, **more):
    d = {"images": images, "info": {"format_version": "1.3", "detector":
                                    "md \u00e4 ] }", "more": [1, {"a": "]"}]},
         "detection_categories": {"1": "animal", "2": "person"}}
    d.update(more)
    return d


def write(path, d):
    with open(path, "w") as f:
        json.dump(d, f)
    return path


def det(x, y, w, h, conf=0.9, category="1", **more):
    return dict(category=category, conf=conf, bbox=[x, y, w, h], **more)


def boxes(work):
    one, two = picture(1), picture(2)
    odd = os.fsdecode(b"l\xe4tin \xc3\xa4.bmp")
    bmp(work + "/a/one.bmp", one)
    bmp(work + "/a/" + odd, two)
    with open(work + "/a/torn.jpg", "wb") as f:
        f.write(b"\xff\xd8\xff torn")
    with open(work + "/a/film.mp4", "wb") as f:
        f.write(b"film")
    # boxes in pixels, and the square that is looked at, margin 0.25
    cases = [((100, 50, 80, 80), (80, 30, 200, 150)),
             ((100, 100, 80, 40), (80, 60, 200, 180)),   # made a square
             ((0, 0, 80, 80), (0, 0, 120, 120)),         # moved inside
             ((340, 260, 60, 40), (310, 230, 400, 320)),
             ((10, 10, 380, 200), (0, 0, 400, 320))]     # all of it
    images = [
        {"file": "one.bmp", "detections":
         [det(x / W, y / H, w / W, h / H) for (x, y, w, h), _ in cases] +
         [det(.1, .1, .2, .2, category="2"), det(.1, .1, .2, .2, .19),
          det(.1, .1, 0, 0)], "max_detection_conf": 0.9, "tag": "]}\\\""},
        {"file": odd, "detections": [det(.25, .25, .25, .25, classifications=[
            ["0", .5]])]},
        {"detections": [], "file": "blank.bmp", "verdict": "cow",
         "p_class": 2},
        {"file": "torn.jpg", "detections": [det(0, 0, 1, 1)]},
        {"file": "missing.jpg", "detections": [det(0, 0, 1, 1)]},
        {"file": "x.jpg", "failure": "Failure image access"},
        {"file": "y.jpg", "failure": "no", "detections": None},
        {"file": "film.mp4", "frame_rate": 5.0, "detections":
         [det(0, 0, 1, 1, frame_number=3), det(0, 0, 1, 1, frame_number=3),
          det(0, 0, 1, 1, frame_number=9)]}]
    src = write(work + "/md.json", md(images, classification_categories={
        "0": "cow"}, classification_category_descriptions={"0": "cow"}))
    rc, out, err = run("-m", MODEL, "--detections", src, "--margin", "0.25",
                       "--sort-into", work + "/sorted", work + "/a")
    d = json.loads(out)
    im = {x["file"]: x for x in d["images"]}
    check(rc == 3 and [x["file"] for x in d["images"]] ==
          [x["file"] for x in images], "all images, in order", (rc, err))
    check(d["info"]["format_version"] == "1.6" and
          d["info"]["detector"] == "md \u00e4 ] }" and
          d["info"]["more"] == [1, {"a": "]"}] and
          d["detection_categories"] == {"1": "animal", "2": "person"} and
          "classification_category_descriptions" not in d and
          "classifications of 1 boxes were replaced" in err,
          "the head is theirs, the classifier ours", d["info"])
    names = d["classification_categories"]
    got = im["one.bmp"]["detections"]
    check([{k: v for k, v in x.items() if k != "classifications"}
           for x in got] == images[0]["detections"] and
          [("classifications" in x) for x in got] == 5 * [True] + 3 * [False]
          and im["one.bmp"]["tag"] == "]}\\\"",
          "boxes of animals that are sure enough are classified", got)
    _, text, _ = run("-m", MODEL, "-f", "megadetector", "--all-stages",
                     f"{work}/a/one.bmp")
    whole = json.loads(text)
    said = whole["images"][0]["detections"][0]["classifications"]
    check("unknown" in whole["classification_categories"].values() and
          abs(sum(v for _, v in said) - 1) < 1e-5,
          "unknown is a category of the whole photo too", whole)
    want = []
    for i, (_, edges) in enumerate(cases):
        bmp(f"{work}/crop{i}.bmp", cut(one, *edges))
        want.append(f"{work}/crop{i}.bmp")
    _, text, _ = run("-m", MODEL, "-f", "jsonl", "--all-stages", *want)
    want = [json.loads(x) for x in text.splitlines()]
    for i, (w, x) in enumerate(zip(want, got)):
        p = {names[k]: v for k, v in x["classifications"]}
        near = 2e-6 if i < 4 else 0.05  # that one is reduced twice
        check(abs(1 - p["none"] - w["p_positive"]) < near and
              all(abs(p[k] - w["p_positive"] * v) < near
                  for k, v in w["p"].items()) and
              abs(sum(p.values()) - 1) < 1e-5 and
              [v for _, v in x["classifications"]] ==
              sorted(p.values(), reverse=True),
              f"box {i} gives what its square gives", (p, w))
    best = max(want, key=lambda w: w["p_positive"])
    check(im["one.bmp"]["verdict"] == best["label"] and
          abs(im["one.bmp"]["p_positive"] - best["p_positive"]) < .05,
          "the photo has the verdict of its likeliest box", im["one.bmp"])
    check("classifications" in im[odd]["detections"][0] and
          "verdict" in im[odd], "a name that is no UTF-8 is found", err)
    check(im["blank.bmp"]["verdict"] == "none" and
          "p_class" not in im["blank.bmp"], "no box is none", im["blank.bmp"])
    check(all("verdict" not in im[f] for f in
              ("torn.jpg", "missing.jpg", "x.jpg", "y.jpg", "film.mp4")) and
          "No such file" in im["missing.jpg"]["classification_failure"] and
          "2 photos that cannot be read, 2 that the detector could not read, "
          "1 videos" in err and im["film.mp4"]["frames_processed"] == [3, 9],
          "what has no verdict is said", err)
    there = sorted(os.path.basename(n) for _, _, f in
                   os.walk(work + "/sorted") for n in f)
    check(there == sorted(["one.bmp", odd, "undo.jsonl"]) and
          "blank.bmp' stays" in err, "photos are sorted by it", (there, err))
    rc, less, _ = run("-m", MODEL, "--detections", src, "--min-detection",
                      "0.95", work + "/a")
    check("classifications\"" not in less and
          json.loads(less)["images"][0]["verdict"] == "none",
          "--min-detection")
    return out


def refused(work):
    good = md([])
    for d, text in (("{", "damaged"), ("[]", "damaged"), ("{}", "no \"images"),
                    ('{"images": []}', "detection_categories"),
                    (dict(good, info={"format_version": "2.0"}), "newer"),
                    (dict(good, images=[{"file": ""}]), "image 1 of"),
                    (dict(good, images=[3]), "image 1 of"),
                    ('{"detection_categories": {}, "images": [{"file": "a"',
                     "damaged")):
        if isinstance(d, str):
            with open(work + "/bad.json", "w") as f:
                f.write(d)
        else:
            write(work + "/bad.json", d)
        rc, _, err = run("-m", MODEL, "--detections", work + "/bad.json")
        check(rc == 1 and text in err and err.count("\n") == 1,
              "refused: " + text, (rc, err))
    for args, text in ((("--detections", "x", "y"), "one PATH"),
                       (("--detections", "x", "-f", "csv"), "MegaDetector"),
                       (("--merge",), "PATH"),
                       (("--merge", "--detections", "x", "y"), "nothing else"),
                       (("--from", "x", "--page", "y", "--merge"), "neither")):
        rc, _, err = run(*args)
        check(rc == 2 and text in err, "usage: " + text, err)


def merged_md(work):
    odd = os.fsdecode(b"\xe4.jpg")
    a = md([{"file": "1.jpg", "detections": []},
            {"file": odd, "detections": [det(0, 0, 1, 1)]}])
    b = md([{"file": odd, "detections": [det(0, 0, 1, 1)]},
            {"file": "1.jpg", "detections": [det(0, 0, 1, 1)]},
            {"file": "3.jpg", "detections": []}])
    b["info"]["format_version"] = "1.6"
    pa, pb = write(work + "/a.json", a), write(work + "/b.json", b)
    rc, out, err = run("--merge", pa, pb)
    d = json.loads(out)
    check(rc == 0 and d["images"] == a["images"] + b["images"][2:] and
          d["info"]["format_version"] == "1.6" and
          "2 rows of photos that had one" in err and "1 of them differ" in err
          and "'1.jpg' comes twice and differs" in err,
          "MegaDetector's files as one", (out, err))
    for change, text in ((dict(detection_categories={"1": "cat"}),
                          "other detection_categories"),
                         (dict(classification_categories={"0": "cow"}),
                          "other classification_categories"),
                         (dict(info={"format_version": "1.3", "detector":
                                     "else"}), "another detector")):
        rc, out, err = run("--merge", pa, write(work + "/c.json",
                                                dict(b, **change)))
        check(rc == 1 and text in err and out == "", "refused: " + text, err)
    return pa


def merged_lines(work, other):
    def lines(name, rows):
        with open(f"{work}/{name}.jsonl", "w") as f:
            for r in rows:
                f.write(json.dumps(r) + "\n")
        return f"{work}/{name}.jsonl"

    def row(file, label="none", p=None, **more):
        return dict(file=file, label=label, p_positive=.2, p=p or {},
                    verdict="class" if p else "none", **more)
    a = [row("1.jpg"), row("2.jpg", "a", {"a": .7, "b": .3})]
    b = [row("2.jpg", "b", {"a": .2, "b": .8}), {"file": "3", "error": "no"},
         row("1.jpg")]
    pa = lines("a", a)
    rc, out, err = run("--merge", pa, lines("b", b))
    check(rc == 0 and [json.loads(x) for x in out.splitlines()] ==
          a + b[1:2] and "2 rows of photos" in err and "1 of them" in err,
          "lines as one", (out, err))
    rc, out, err = run("--merge", pa, lines("c", [row("9", "a", {"a": 1,
                                                                "c": 0})]))
    check(rc == 1 and out == "" and "other classes" in err, "other classes",
          err)
    rc, out, err = run("--merge", lines("d", [row("1", run="x")]),
                       lines("e", [row("2", run="y")]))
    check(rc == 1 and out == "" and "another model or other options" in err,
          "another model", err)
    rc, out, err = run("--merge", pa, other)
    check(rc == 1 and out == "" and "different formats" in err,
          "different formats", err)
    rc, out, err = run("--merge", pa, work + "/nothing")
    check(rc == 1 and "cannot open" in err, "a file that is not there", err)


def validated(work, out):
    python = os.environ.get("MEGADETECTOR")
    if not python:
        check(True, "MegaDetector's validator # SKIP none is named")
        return
    write_text = work + "/out.json"
    with open(write_text, "w", encoding="utf-8", errors="surrogateescape") as f:
        f.write(out)
    r = subprocess.run([python, VALIDATE, write_text], capture_output=True,
                       text=True)
    check(r.returncode == 0, "MegaDetector's validator", r.stdout + r.stderr)


def main(work):
    os.mkdir(work + "/a")
    out = boxes(work)
    refused(work)
    merged_lines(work, merged_md(work))
    validated(work, out)
    return done()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as top:
        sys.exit(main(os.path.realpath(top)))
