# What the scripts of the tests share. Sourced from the repository's root.
# shellcheck shell=bash

# This checkout's folder of tools: links to what is kept for all checkouts, by version.
tools=$PWD/target/test-tools
kept=${ANONLINK_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/anonlink/test-tools}
mkdir -p "$tools/bin" "$kept"

# Whether a program is there: among the tools, on the path, or where distributions hide servers.
has() {
    local folder
    [ -e "$tools/bin/$1" ] || [ -e "$tools/$1" ] || command -v "$1" >/dev/null && return
    for folder in /usr/sbin /usr/lib/postgresql/*/bin; do
        [ -x "$folder/$1" ] && return
    done
    return 1
}

# Whether the client that tests use can build: by itself, as those of before 23.0 do, or by its plug-in.
docker_builds() {
    local version
    version=$(/usr/bin/docker --version 2>/dev/null) || return 1
    [[ $version =~ version\ (1[0-9]|2[0-2])\. ]] || /usr/bin/docker buildx version >/dev/null 2>&1
}

# The lines of a table without its comments.
table() { sed 's/#.*//; /^ *$/d' "$1"; }

# The newest interpreter of a minor version of Python: from the path, or from pyenv.
python_of() {
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        if "$candidate" -c "import sys, ssl; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# The program that peers are compared with: the image's, once it is built; else a release of this machine's own.
shipped() {
    local arch=amd64
    [ "$(uname -m)" != aarch64 ] || arch=arm64
    if [ -x "target/image/$arch/root/anonlink" ]; then
        echo "$PWD/target/image/$arch/root/anonlink"
    else
        cargo build --locked --release >&2 && echo "$PWD/target/release/anonlink"
    fi
}

# Starts a server with its state in this folder; sets `url` and `server`, which is to be killed.
serve_in() {
    "$(shipped)" serve --listen 127.0.0.1:0 --rate-limit 0 --data-dir "$1" >"$1.said" 2>"$1.log" &
    server=$!
    for _ in $(seq 100); do
        url=$(sed -n 's/.* listens on \(http[^ ]*\).*/\1/p' "$1.said")
        [ -z "$url" ] || return 0
        sleep 0.1
    done
    cat "$1.log"
    return 1
}
