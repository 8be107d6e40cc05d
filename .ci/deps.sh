# .ci/deps.sh - what the project needs to build, and how to get it (sourced).
#
# deps_ensure LIST installs the missing Debian packages of LIST when that is
# possible (apt-get, and root or sudo without a password); otherwise it prints
# the one command to run and fails. A machine that has everything needs no
# network.

# "package test": the test says whether the package is there.
DEPS_BUILD='
gcc             command gcc
meson           command meson
ninja-build     command ninja
pkg-config      command pkg-config
python3         command python3
check           library check
libturbojpeg0-dev library libturbojpeg
libpng-dev      library libpng
libwebp-dev     library libwebp
libjpeg-dev     library libjpeg
zlib1g-dev      library zlib
libgif-dev      library libgif
libtiff-dev     library libtiff-4
libheif-dev     library libheif
libexif-dev     library libexif
libarchive-dev  library libarchive
libjansson-dev  library jansson
libxxhash-dev   library libxxhash
'
# Needed by the checks of .ci/run only.
DEPS_CHECKS='
clang           command clang
clang-format    command clang-format
libclang-rt-dev clang_runtime asan
libomp-dev      clang_openmp omp
binutils        command nm
'

deps_have() {
    case $1 in
    command) command -v "$2" >/dev/null 2>&1 ;;
    library) pkg-config --exists "$2" 2>/dev/null ;;
    clang_runtime) deps_clang_links -fsanitize=address ;;
    clang_openmp) deps_clang_links -fopenmp ;;
    *) return 1 ;;
    esac
}

deps_clang_links() {
    deps_dir=$(mktemp -d) || return 1
    echo 'int main(void) { return 0; }' >"$deps_dir/a.c"
    clang "$1" -o "$deps_dir/a" "$deps_dir/a.c" >/dev/null 2>&1
    deps_status=$?
    rm -rf "$deps_dir"
    return $deps_status
}

# Packages of the list on stdin that are not there.
deps_missing() {
    while read -r package kind name; do
        if [ -n "$package" ] && ! deps_have "$kind" "$name"; then
            printf '%s ' "$package"
        fi
    done
}

deps_ensure() {
    missing=$(printf '%s\n' "$1" | deps_missing)
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root='sudo -n'
    fi
    install="apt-get install -y --no-install-recommends $missing"
    if ! command -v apt-get >/dev/null 2>&1 ||
        { [ -n "$as_root" ] && ! sudo -n true 2>/dev/null; }; then
        printf 'missing: %s\ninstall with: sudo %s\n' "$missing" "$install" >&2
        return 1
    fi
    printf 'installing: %s\n' "$missing"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        "apt-get update -q && $install" || return 1
    missing=$(printf '%s\n' "$1" | deps_missing)
    if [ -n "$missing" ]; then
        printf 'still missing after the installation: %s\n' "$missing" >&2
        return 1
    fi
}
