#!/bin/sh
# Before a server stops: if it is the master, another takes its place first. Variables as in node.sh.
set -eu
. "$(dirname "$0")/common.sh"

[ -n "$SET" ] || exit 0
master() { master_by "$host" "$sentinel_port"; }
[ "$(master)" = "$host $port" ] || exit 0
ask "$host" "$sentinel_port" sentinel failover "$SET" || exit 0
tries=0
until [ "$(master)" != "$host $port" ] || [ "$tries" -ge 15 ]; do
    tries=$((tries + 1))
    sleep 1
done
