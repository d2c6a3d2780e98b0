#!/bin/sh
# Installs the exchange, with its server, from this checkout into the environment PREFIX.
#
#     scripts/install.sh /opt/exchange        then: /opt/exchange/bin/exchange --help
#
# Everything that comes from outside is checked against the hashes of the locks, the build's own tools included.
# UV, if set, names a uv executable to install with: the same packages, in less time.
set -eu

[ $# -eq 1 ] || { echo "usage: scripts/install.sh PREFIX" >&2; exit 2; }
mkdir -p -- "$1"
prefix=$(cd -- "$1" && pwd)
cd -- "$(dirname -- "$0")/.."

# install PYTHON ARGUMENTS...: what pip would install into the environment of PYTHON
install() {
    python=$1
    shift
    if [ -n "${UV:-}" ]; then
        # It trusts whom the system trusts, as pip does: where the network has a root of its own, there is no other.
        UV_SYSTEM_CERTS=1 "$UV" pip install --quiet --python "$python" "$@"
    else
        "$python" -m pip install --quiet --disable-pip-version-check "$@"
    fi
}

base=$(sh scripts/python.sh)
workshop=$(mktemp -d)
trap 'rm -rf -- "$workshop"' EXIT

echo "building the wheel"
"$base" -m venv "$workshop/venv"
install "$workshop/venv/bin/python" --require-hashes -r requirements/build.lock
"$workshop/venv/bin/python" -m hatchling build --target wheel --directory "$workshop/dist" >/dev/null

echo "installing into $prefix"
"$base" -m venv "$prefix"
install "$prefix/bin/python" --require-hashes -r requirements/server.lock
install "$prefix/bin/python" --no-deps "$workshop"/dist/exchange-*.whl

"$prefix/bin/exchange" --help >/dev/null
echo "installed: $prefix/bin/exchange"
