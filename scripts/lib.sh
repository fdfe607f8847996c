# Shared by the scripts in this folder, which source it: where the checkout is, and `prepare`,
# which sets up .venv in it. Nothing here depends on the current folder.

set -euo pipefail
unset CDPATH

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"

# The first Python that is new enough: the one of .venv (which also shows that .venv still works),
# then what the machine has. PYTHON=... decides otherwise.
find_python() {
    local candidate
    for candidate in "$venv/bin/python" "${PYTHON:-python3.11}" \
        python3 python python3.12 python3.13 python3.14; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "rom needs Python 3.11 or newer, and found none: looked for python3.11, python3 and" \
        "python on PATH. Install one, or name it: PYTHON=/path/to/python3.11 $0" >&2
    return 1
}

# prepare EXTRA...: .venv has this checkout, editable, with these extras of pyproject.toml.
prepare() {
    local python
    python="$(find_python)"
    "$python" "$root/scripts/prepare.py" "$@" </dev/null
}
