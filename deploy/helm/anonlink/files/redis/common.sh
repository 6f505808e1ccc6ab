# Which server of the set this is, and who is its master. Sourced by the others.

cli=$(command -v valkey-cli || command -v redis-cli)
export REDISCLI_AUTH="$REDIS_PASSWORD" VALKEYCLI_AUTH="$REDIS_PASSWORD"
INDEX=${INDEX:-${POD_NAME##*-}}
# shellcheck disable=SC2086 # one word for each peer
set -- $PEERS
quorum=$(($# / 2 + 1))
first=$1
shift "$INDEX"
own=$1

field() { printf '%s' "$1" | cut -d : -f "$2"; }
host=$(field "$own" 1)
port=$(field "$own" 2)
sentinel_port=$(field "$own" 3)

# ask HOST PORT COMMAND…: the answer, within two seconds.
ask() {
    asked=$1 asked_port=$2
    shift 2
    timeout 2 "$cli" -h "$asked" -p "$asked_port" "$@" 2>/dev/null
}

# "host port" of the master: what another's sentinel says, else the first of the set.
find_master() {
    for peer in $PEERS; do
        [ "$peer" != "$own" ] || continue
        found=$(ask "$(field "$peer" 1)" "$(field "$peer" 3)" sentinel get-master-addr-by-name "$SET" | tr '\n' ' ') || true
        case $found in
            *' '[0-9]*' ') echo "${found% }" && return ;;
        esac
    done
    echo "$(field "$first" 1) $(field "$first" 2)"
}

# A value of a configuration file, whatever characters it has.
quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }
