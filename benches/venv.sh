# Read by the run.sh of peers and jobs: makes a venv with what they need, unless it is there, and sets $venv.
# PYTHON: a CPython 3.10 (default: python3.10). PEERS_VENV: where the venv lives (default: the user's cache).
venv=${PEERS_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/anonlink/peers-venv}
stamp="$venv/.made-from"
requirements="$here/../peers/requirements.txt"
wanted=$(cksum < "$requirements")

if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    "${PYTHON:-python3.10}" -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    echo "$wanted" > "$stamp"
fi
