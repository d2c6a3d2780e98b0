#!/bin/sh
# Prints the Python to build environments with: 3.11 or newer, with venv. Says what to install if there is none.
# PYTHON names the one to try first.
set -eu

seen=""
for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11; do
    # A name on the path may be a shim with nothing behind it: only a Python that answers counts.
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    if ! "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        seen="$seen$candidate is Python $version, which is too old.
"
    elif ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        seen="$seen$candidate is Python $version, but cannot make environments: its venv or ensurepip is missing.
On Debian and Ubuntu the package python3-venv brings it (or python$version-venv): apt install python3-venv
"
    else
        echo "$candidate"
        exit 0
    fi
done

{
    printf '%s' "$seen"
    echo "The exchange needs Python 3.11 or newer with venv. Install one, or name one: make setup PYTHON=/path/to/python3.12"
} >&2
exit 1
