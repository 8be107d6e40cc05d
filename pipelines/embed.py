#!/usr/bin/env python3
"""A page as two C arrays: embed.py HEADER NAME OUTPUT page.html page.css a.js ...

page.html holds the marks {{css}}, {{js}} and {{data}}, once each. Style and
scripts replace theirs; what stands before {{data}} becomes NAME_head, the rest
NAME_tail, which HEADER declares. Pages of one form share their page.html, with
the marks {{title}} and {{answers}} too; a.html among the scripts then has the
<title>, as its first line, and the answers.
"""
import sys


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def fill(page, mark, text):
    if page.count(mark) != 1:
        sys.exit("page.html: %s must occur once" % mark)
    return page.replace(mark, text)


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
        title, _, answers = part.partition("</title>\n")
        whole = fill(whole, "{{title}}", title.replace("<title>", ""))
        whole = fill(whole, "{{answers}}", answers)
    page = fill(fill(whole, "{{css}}", read(css)), "{{js}}", js)
    head, mark, tail = page.partition("{{data}}")
    if not mark or "{{data}}" in tail:
        sys.exit("page.html: {{data}} must occur once")
    with open(output, "w", encoding="ascii") as f:
        f.write('#include "%s"\n\n' % header)
        f.write(array(name + "_head", head) + array(name + "_tail", tail))


if __name__ == "__main__":
    main(*sys.argv[1:])
