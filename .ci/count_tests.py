"""Count single tests in meson's testlog.json files.

usage: count_tests.py TESTLOG...

A TAP program counts its subtests; every other test counts as one. A program
that crashed, ran out of time or left its plan unfinished adds one failure, and
a log without tests is a failure, too. Failures are listed; the last line is
"N passed, N failed" with ", N skipped" where there are any. The exit status
is 1 when something failed.
"""
import json
import re
import sys

RESULT = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*([^#]*)(#\s*skip\b.*)?", re.I)
PLAN = re.compile(r"^1\.\.(\d+)\s*(#\s*skip\b.*)?$", re.I)


def read_tap(text):
    """(names passed, failed, skipped, number planned or None)."""
    passed, failed, skipped, planned = [], [], [], None
    for line in text.splitlines():
        result, plan = RESULT.match(line), PLAN.match(line)
        if plan:
            planned = int(plan.group(1))
        elif result:
            name = result.group(2).strip()
            if result.group(3):
                skipped.append(name)
            elif result.group(1):
                failed.append(name)
            else:
                passed.append(name)
    return passed, failed, skipped, planned


def count_test(test):
    """(passed, names failed, skipped) of one meson test."""
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    passed, failed, skipped, planned = read_tap(test.get("stdout") or "")
    if planned is None or (planned == 0 and not passed and not failed):
        if test["result"] == "SKIP":
            return 0, [], 1
        if planned is None and good:
            return 1, [], 0
        # it crashed or was stopped: what it printed until then counts
        failed.append("(%s)" % test["result"])
        return len(passed), ["%s %s" % (test["name"], f) for f in failed], 0
    failed = ["%s: %s" % (test["name"], name) for name in failed]
    if len(passed) + len(failed) + len(skipped) != planned:
        failed.append("%s: not every planned test ran" % test["name"])
    elif not failed and not good and test["result"] != "SKIP":
        failed.append("%s (%s)" % (test["name"], test["result"]))
    return len(passed), failed, len(skipped)


def main():
    n_passed, all_failed, n_skipped = 0, [], 0
    for path in sys.argv[1:]:
        try:
            with open(path, encoding="utf-8") as log:
                tests = [json.loads(line) for line in log]
        except OSError as error:
            tests = []
            print("cannot read the log: %s" % error)
        if not tests:
            all_failed.append("%s: no test ran" % path)
        for test in tests:
            passed, failed, skipped = count_test(test)
            n_passed += passed
            all_failed += failed
            n_skipped += skipped
    for name in all_failed:
        print("FAILED: %s" % name)
    more = ", %d skipped" % n_skipped if n_skipped else ""
    print("%d passed, %d failed%s" % (n_passed, len(all_failed), more))
    return 1 if all_failed else 0


if __name__ == "__main__":
    sys.exit(main())
