#!/bin/sh
# Starts the sentinel beside one server. Its configuration is made anew at each start: what it knew, the others know.
# Variables as in node.sh, and DOWN_AFTER (milliseconds).
set -eu
. "$(dirname "$0")/common.sh"

sentinel=$(command -v valkey-sentinel || command -v redis-sentinel)
umask 077
write() {
    master=$(find_master)
    {
        echo "port $sentinel_port"
        echo "dir $CONF"
        secret "requirepass"
        secret "sentinel sentinel-pass"
        # The same after a restart, so that the others don't count it twice.
        echo "sentinel myid $(printf '%s' "$host:$sentinel_port" | sha1sum | cut -c 1-40)"
        echo "sentinel resolve-hostnames yes"
        echo "sentinel announce-hostnames yes"
        echo "sentinel announce-ip $host"
        echo "sentinel announce-port $sentinel_port"
        echo "sentinel monitor $SET $master $quorum"
        secret "sentinel auth-pass $SET"
        echo "sentinel down-after-milliseconds $SET $DOWN_AFTER"
        # Votes that came to nothing are repeated after twice that time.
        echo "sentinel failover-timeout $SET $((DOWN_AFTER * 3))"
        echo "sentinel parallel-syncs $SET 1"
    } >"$CONF/sentinel.conf"
}

# It refuses a master whose name can't be resolved: wait for one that answers, and look again who it is.
tries=0
write
# shellcheck disable=SC2086 # two words
until ask ${master% *} "${master#* }" ping >/dev/null || [ "$tries" -ge 30 ]; do
    tries=$((tries + 1))
    sleep 1
    write
done
exec "$sentinel" "$CONF/sentinel.conf"
