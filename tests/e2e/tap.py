"""Results of a test script for meson, in TAP."""

N = 0
BAD = 0


def check(ok, title, text=""):
    """One result; text says more of a failure."""
    global N, BAD
    N += 1
    BAD += not ok
    print(f"{'ok' if ok else 'not ok'} {N} - {title}", flush=True)
    if not ok and text:
        print("# " + str(text)[:3000].replace("\n", "\n# "), flush=True)


def done():
    """The plan; the exit status."""
    print(f"1..{N}", flush=True)
    return 1 if BAD or not N else 0
