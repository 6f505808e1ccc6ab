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

# master_by HOST PORT: "host port" of the master, as that sentinel sees it; nothing if it says nothing.
master_by() {
    said=$(ask "$1" "$2" sentinel get-master-addr-by-name "$SET" | tr '\n' ' ') || true
    case $said in
        *' '[0-9]*' ') echo "${said% }" ;;
    esac
}

# "host port" of the master: what another's sentinel says, else the first of the set.
find_master() {
    for peer in $PEERS; do
        [ "$peer" != "$own" ] || continue
        found=$(master_by "$(field "$peer" 1)" "$(field "$peer" 3)")
        [ -z "$found" ] || { echo "$found" && return; }
    done
    echo "$(field "$first" 1) $(field "$first" 2)"
}

# A line of a configuration file that ends with the password, whatever characters that has. (`echo` would read its backslashes.)
secret() { printf '%s "%s"\n' "$1" "$(printf '%s' "$REDIS_PASSWORD" | sed 's/[\\"]/\\&/g')"; }
