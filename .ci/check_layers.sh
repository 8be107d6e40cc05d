#!/bin/sh
# .ci/check_layers.sh - includes point one way only:
#     pipelines -> stage1_gate, stage2_species -> common, never back, and the
#     stages never include each other; inside common and between the rooms of
#     pipelines the table below.
# Every "quoted" include is a path from the root of a file that exists. A
# *_internal.h is included from its own folder (and from tests) only.
set -eu
cd "$(dirname "$0")/.."
. .ci/list_files.sh

list_files '*.c' '*.h' | xargs awk '
BEGIN {
    allow["common/base"] = "common/base"
    allow["common/tensor"] = "common/base common/tensor"
    allow["common/image"] = "common/base common/image"
    allow["common/eval"] = "common/base common/eval"
    allow["common/net"] = "common/base common/tensor common/image common/net"
    allow["common/data"] = allow["common/net"] " common/data"
    allow["common/train"] = allow["common/data"] " common/eval common/train"
    all = allow["common/train"]
    allow["stage1_gate"] = all " stage1_gate"
    allow["stage2_species"] = all " stage2_species"
    stages = all " stage1_gate stage2_species"
    room("synth", "")
    room("report", "")
    room("bench", "synth")
    room("data", "synth")
    room("cascade", "")
    room("train", "cascade data measure report")
    room("mine", "cascade data report")
    room("measure", "cascade")
    room("experiment", "cascade data")
    room("compare", "cascade data experiment measure report")
    room("sweep", "cascade data experiment measure report")
    room("audit", "report")
    room("piles", "data report")
    room("clean", "report")
    room("study", "cascade data experiment measure")
    room("export", "cascade")
    room("cli", every_room)
    allow["tests"] = stages every_room " tests"
    for (from in allow) {
        n = split(allow[from], to, " ")
        for (i = 1; i <= n; i++) ok[from, to[i]] = 1
    }
}
# A room of pipelines may use the common core, the stages and the rooms named.
function room(name, others, part, n, i) {
    every_room = every_room " pipelines/" name
    allow["pipelines/" name] = stages " pipelines/" name
    n = split(others, part, " ")
    for (i = 1; i <= n; i++) {
        sub(/^pipelines\//, "", part[i])
        allow["pipelines/" name] = allow["pipelines/" name] \
            " pipelines/" part[i]
    }
}
function layer(path, part) {
    split(path, part, "/")
    return part[1] == "common" || part[1] == "pipelines" \
        ? part[1] "/" part[2] : part[1]
}
function folder(path) {
    sub(/\/[^\/]*$/, "", path)
    return path
}
function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    path = part[2]
    from = layer(FILENAME)
    if ((getline line < path) < 0) {
        complain("\"" path "\" is not a path from the root")
    } else if (!(from in allow)) {
        complain("no rule for folder " from)
    } else if (!((from, layer(path)) in ok)) {
        complain(from " must not include " path)
    } else if (path ~ /_internal\.h$/ && from != "tests" &&
               folder(path) != folder(FILENAME)) {
        complain(path " belongs to another folder")
    }
    close(path)
}
END { exit bad }'
