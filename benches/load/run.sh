#!/bin/sh
# Measure the service under load: run.sh [options of load.py] CASE…. Needs `cargo build --profile dist`; the venv is that of ../peers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../venv.sh"
exec "$venv/bin/python" "$here/load.py" "$@"
