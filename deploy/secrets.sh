#!/bin/sh
# Makes the passwords of deploy/compose.yaml, each a file of its own with 40 random characters: `deploy/secrets.sh [FOLDER]`.
# What is there is left alone: a password that changes must change at the server as well.
set -eu
folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"
for name in database redis store upload download; do
    file=$folder/${name}_password
    [ ! -s "$file" ] || continue
    # 160 bits in hexadecimal digits, which no configuration file takes amiss.
    password=$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n')
    [ "${#password}" -eq 40 ] || { echo "secrets.sh: no randomness from /dev/urandom" >&2 && exit 1; }
    printf '%s' "$password" >"$file"
    # Containers read it as users of their own; on this machine the folder keeps others out.
    chmod 444 "$file"
    echo "made $file"
done
