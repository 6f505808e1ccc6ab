#!/bin/sh
# Starts one Redis (or Valkey) server: alone, or as one of a set that sentinels watch.
#
# PEERS        all servers of the set as "host:port:sentinelport", separated by spaces; the first is the master of a new set
# INDEX        which of them this is, from 0; or POD_NAME, which ends with it
# SET          name of the set; empty: no sentinels
# REDIS_PASSWORD, MAXMEMORY, DATA (folder), CONF (folder), KEEP (yes: write to the disk)
set -eu
. "$(dirname "$0")/common.sh"

server=$(command -v valkey-server || command -v redis-server)
umask 077
{
    echo "port $port"
    echo "dir $DATA"
    secret "requirepass"
    secret "masterauth"
    echo "maxmemory $MAXMEMORY"
    echo "maxmemory-policy volatile-lru"
    echo 'save ""'
    echo "appendonly $KEEP"
    echo "replica-announce-ip $host"
    echo "replica-announce-port $port"
    if [ -n "$SET" ]; then
        master=$(find_master)
        # A server that was the master starts as one: if there is another by now, the sentinels set it right.
        [ "$master" = "$host $port" ] || echo "replicaof $master"
    fi
} >"$CONF/server.conf"
exec "$server" "$CONF/server.conf"
