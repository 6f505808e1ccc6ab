#!/bin/sh
# Measure whole jobs over REST: run.sh [options of jobs.py]. Needs `cargo build --profile dist`; the venv is that of ../peers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../venv.sh"
exec "$venv/bin/python" "$here/jobs.py" "$@"
