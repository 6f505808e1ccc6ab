#!/bin/sh
# Measure this project's `anonlink link` against its peers in one run: run.sh [options of peers.py].
# Peers other than PyPI anonlink are measured where they install. PYTHON2: a CPython 2.7 with pip, for chemfp 1.x
# (default: python2.7).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../venv.sh"

# Installs a peer by the command that follows its name, once; why it can't be had is kept in a file that the table quotes.
peer() {
    name=$1
    shift
    [ -f "$venv/.tried-$name" ] && return
    rm -f "$venv/.missing-$name"
    "$@" > "$venv/.log-$name" 2>&1 || grep -v '^ *$' "$venv/.log-$name" | tail -n 1 > "$venv/.missing-$name"
    touch "$venv/.tried-$name"
}

pip="$venv/bin/pip install --quiet --disable-pip-version-check"
peer faiss $pip faiss-cpu==1.15.1 numpy==1.26.4
peer FPSim2 $pip FPSim2==0.7.3 rdkit==2026.9.1 numpy==1.26.4
peer chemfp "${PYTHON2:-python2.7}" -m pip install --quiet --target "$venv/python2" chemfp==1.6.1
exec "$venv/bin/python" "$here/peers.py" "$@"
