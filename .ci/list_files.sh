# .ci/list_files.sh - which files the checks look at (sourced, POSIX sh).
#
# list_files PATTERN...: paths below the current folder whose names match, one
# a line: what git knows or would add, or all but build folders without git.

list_files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -- "$@"
    else
        for pattern in "$@"; do
            find . -name 'build*' -prune -o -name runs -prune -o \
                -name .git -prune -o -type f -name "$pattern" -print
        done | sed 's|^\./||'
    fi | sort -u | while read -r file; do
        if [ -f "$file" ]; then
            printf '%s\n' "$file"
        fi
    done
}
