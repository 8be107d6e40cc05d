#!/usr/bin/env python3
"""A page as two C arrays: embed.py HEADER NAME OUTPUT page.html page.css a.js ...

page.html holds the marks {{css}}, {{js}} and {{data}}, once each. Style and
scripts replace theirs; what stands before {{data}} becomes NAME_head, the rest
NAME_tail, which HEADER declares. Pages of one form share a page.html with more
marks: a.html among the scripts gives what stands for them, each below a line
that is the mark alone, and may bring marks for the next one.
"""
import re
import sys


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def fill(page, mark, text):
    if page.count(mark) != 1:
        sys.exit("page.html: %s must occur once" % mark)
    return page.replace(mark, text)


def sections(part):
    """[(mark, text)]; a text of one line has no newline."""
    pieces = re.split(r"^(\{\{\w+\}\})\n", part, flags=re.M)[1:]
    for mark, text in zip(pieces[::2], pieces[1::2]):
        yield mark, text[:-1] if text.count("\n") == 1 else text


def array(name, text):
    data = text.encode("utf-8")
    rows = [data[i:i + 20] for i in range(0, len(data), 20)]
    body = ",\n".join("    " + ",".join(map(str, row)) for row in rows)
    return ("const unsigned char %s[] = {\n%s\n};\n"
            "const size_t %s_size = sizeof %s;\n" % (name, body, name, name))


def main(header, name, output, html, css, *scripts):
    own = [read(path) for path in scripts if path.endswith(".html")]
    js = "".join(read(path) for path in scripts if path.endswith(".js"))
    whole = read(html)
    for end, text in (("</script", js), ("<!--", js), ("</style", read(css))):
        if end in text.lower():
            sys.exit("an asset holds '%s'" % end)
    for part in own:
        for mark, text in sections(part):
            whole = fill(whole, mark, text)
    left = set(re.findall(r"\{\{\w+\}\}", whole)) - {
        "{{css}}", "{{js}}", "{{data}}"}
    if left:
        sys.exit("page.html: nothing stands for %s" % ", ".join(sorted(left)))
    page = fill(fill(whole, "{{css}}", read(css)), "{{js}}", js)
    head, mark, tail = page.partition("{{data}}")
    if not mark or "{{data}}" in tail:
        sys.exit("page.html: {{data}} must occur once")
    with open(output, "w", encoding="ascii") as f:
        f.write('#include "%s"\n\n' % header)
        f.write(array(name + "_head", head) + array(name + "_tail", tail))


if __name__ == "__main__":
    main(*sys.argv[1:])
