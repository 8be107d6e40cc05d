#!/bin/sh
# libbearcascade as somebody else has it: installed, found by pkg-config, used
# by a program outside the tree, by both examples and by Python.
. "$(dirname "$0")/lib.sh"
: "${BUILD:?names the build folder}"
: "${SOURCE:?names the source folder}"

drawn parts "$tmp/data" 80
run 0 "train" train "$tmp/data" --out "$tmp/run" --epochs 2 --gate-size 32 \
    --gate-width 0.25 --species-size 32 --species-width 0.25 --batch 16 --quiet
model=$tmp/run/best.safetensors

to=$tmp/root
install() {
    DESTDIR=$to meson install -C "$BUILD" --no-rebuild >"$tmp/out" 2>"$tmp/err"
}
check "meson install" install
pc=$(find "$to" -name bearcascade.pc)
header=$(find "$to" -name bearcascade.h)
library=$(find "$to" -name 'libbearcascade.so.*.*.*')
check "there is a .pc file, a header and a library" \
    test -n "$pc" -a -n "$header" -a -n "$library"
check "one header is installed" test "$(find "$to" -name '*.h' | wc -l)" -eq 1
check "the library has a soname of its own" \
    test -e "$(dirname "$library")/libbearcascade.so.0"

nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$tmp/names"
sed -n 's/^BC_API.*[ *]\(bc_[a-z_]*\)(.*/\1/p' "$header" | sort \
    >"$tmp/promised"
check "it exports what the header promises, and nothing else" \
    cmp "$tmp/names" "$tmp/promised"
check "it needs few libraries" \
    test "$(readelf -d "$library" | grep -c NEEDED)" -le 18
archives() { readelf -d "$library" | grep -q 'NEEDED.*archive'; }
check "archives are not among them" eval '! archives'

# What pkg-config says, with the folder it was installed under put in front.
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$to
LD_LIBRARY_PATH=$(dirname "$library")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH
flags=$(pkg-config --cflags --libs bearcascade)

cat >"$tmp/x.c" <<'C'
#include <bearcascade.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct user {
    const struct bc_model *model;
    char **photos;
    FILE *to;
    int failed;
};

static void *read_all(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *bytes = malloc(1 << 24);

    *size = f != NULL && bytes != NULL ? fread(bytes, 1, 1 << 24, f) : 0;
    if (f != NULL) {
        fclose(f);
    }
    return bytes;
}

/* A thread with a session of its own. */
static void *use(void *p)
{
    struct user *u = p;
    struct bc_session *session = NULL;

    u->failed = bc_session_create(u->model, NULL, &session, NULL, 0) != BC_OK;
    for (char **photo = u->photos; !u->failed && *photo != NULL; photo++) {
        struct bc_result r;
        size_t size;
        void *bytes = read_all(*photo, &size);

        bc_classify_bytes(session, bytes, size, &r, NULL, 0);
        free(bytes);
        fprintf(u->to, "%s %.6f %s\n", bc_result_label(u->model, &r),
                r.p_positive, r.reason);
    }
    bc_session_destroy(&session);
    return NULL;
}

/* x MODEL OTHER PHOTO...: everything from memory, in two threads at once; what
 * the second one says goes into the file OTHER. */
int main(int argc, char **argv)
{
    struct bc_model *model = NULL;
    struct user u[2] = { { .to = stdout }, { .to = fopen(argv[2], "w") } };
    pthread_t t[2];
    char why[BC_TEXT_SIZE];
    size_t size;
    void *bytes = read_all(argv[1], &size);
    int status = bc_model_open_memory(bytes, size, &model, why, sizeof why);

    free(bytes);
    if (status || argc < 3 || u[1].to == NULL) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    for (int i = 0; i < 2; i++) {
        u[i].model = model;
        u[i].photos = argv + 3;
        if (pthread_create(&t[i], NULL, use, &u[i])) {
            return 1;
        }
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
    }
    bc_model_destroy(&model);
    return fclose(u[1].to) || u[0].failed || u[1].failed;
}
C
# shellcheck disable=SC2086
build_c() { ${CC:-cc} "$1" -o "$2" ${3:-} $flags 2>"$tmp/err"; }
check "a C program outside the tree builds" build_c "$tmp/x.c" "$tmp/x" \
    -pthread
printf '#include <bearcascade.h>\nint main()\n{\n    bc_options o = %s;\n    %s\n}\n' \
    BC_OPTIONS_INIT 'return bc_version() == nullptr || o.threads;' >"$tmp/y.cc"
if command -v c++ >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    check "a C++ program too" c++ -Wall -Wextra -Wpedantic -Werror -std=c++11 \
        "$tmp/y.cc" -o "$tmp/y" $flags
    check "and it runs" "$tmp/y"
else
    skip "a C++ program too" "no C++ compiler"
fi
strict() {
    ${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror -Wstrict-prototypes \
        -fsyntax-only -x c "$header"
}
check "the header is strict C11" strict

photos=$(find "$tmp/data" -name '*.jpg' -o -name '*.png' | sort |
    head -n 20)
# shellcheck disable=SC2086
run 0 "classify says" classify -m "$model" -f jsonl --all-stages $photos
cp "$tmp/out" "$tmp/rows"
# Compares a program's lines, LABEL P ..., with the rows of classify. How many
# images are computed together may change the last digit.
same() {
    python3 - "$tmp/rows" "$1" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
said = [line.rstrip("\n").split("\t") for line in open(sys.argv[2])]
assert len(rows) == len(said) >= 10, (len(rows), len(said))
for row, s in zip(rows, said):
    want = row["label"]
    want = "unknown" if want.startswith("unknown") else want
    p = row["p_positive"]
    assert s[0] == want, (row, s)
    assert abs(float(s[1]) - p) <= 2e-6, (row, s)
    for cell in s[2:]:
        k, v = cell.split(" ")
        assert abs(float(v) - row["p"][k]) <= 2e-6, (row, s)
PY
}
# shellcheck disable=SC2086
"$tmp/x" "$model" "$tmp/second" $photos >"$tmp/first"
for thread in first second; do
    sed 's/ *$//; s/ /\t/' "$tmp/$thread" >"$tmp/x.out"
    check "from memory the verdicts and numbers are the same, $thread thread" \
        same "$tmp/x.out"
done
echo "no image" >"$tmp/text"
check "what is no image has a reason" \
    test "$("$tmp/x" "$model" "$tmp/second" "$tmp/text")" = \
    " 0.000000 not an image of a known format"

check "examples/classify.c builds" build_c "$SOURCE/examples/classify.c" \
    "$tmp/classify"
# shellcheck disable=SC2086
"$tmp/classify" "$model" $photos | cut -f 2- >"$tmp/c.out"
check "examples/classify.c says the same" same "$tmp/c.out"
# shellcheck disable=SC2086
python3 "$SOURCE/examples/classify.py" "$model" $photos |
    cut -f 2- >"$tmp/py.out"
check "examples/classify.py says the same" same "$tmp/py.out"
check "and to the digit what the C example says" cmp "$tmp/c.out" "$tmp/py.out"
check "a missing model is an error, in C" \
    eval '! "$tmp/classify" /none x 2>"$tmp/err"'
err_has "with one line" "cannot open '/none'"
finish
