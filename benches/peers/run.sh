#!/bin/sh
# Measure this project's `anonlink link` against PyPI anonlink in one run: run.sh [options of peers.py].
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../venv.sh"
exec "$venv/bin/python" "$here/peers.py" "$@"
