#!/bin/sh
# Measure this project's `anonlink link` against PyPI anonlink, in a venv of its own: run.sh [options of peers.py].
# PYTHON: a CPython 3.10 (default: python3.10). PEERS_VENV: where the venv lives (default: the user's cache).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${PEERS_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/anonlink/peers-venv}
stamp="$venv/.made-from"
wanted=$(cksum < "$here/requirements.txt")

if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    "${PYTHON:-python3.10}" -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    echo "$wanted" > "$stamp"
fi
exec "$venv/bin/python" "$here/peers.py" "$@"
