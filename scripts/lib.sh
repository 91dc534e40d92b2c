# Shared by the scripts beside it: sourced, not run.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# A relative path is meant from the folder of the caller, whom the scripts leave.
CALLED_FROM="$PWD"
for variable in IO_BIN_DIR IO_CACHE_DIR IO_LAB_BIN IO_NETWORK_DIR IO_RELAY_ARCHIVE IO_RELAY_BIN_DIR; do
	[ -z "${!variable:-}" ] || printf -v "$variable" %s "$(realpath -ms "${!variable}")"
done
cd "$ROOT"

# usage: the comment at the head of the script that runs.
usage() { sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$ROOT/scripts/${0##*/}"; }

STARTED=$SECONDS
PHASE=''
PHASE_STARTED=$SECONDS
PHASES=()

# phase NAME: ends the phase before and starts a new one; its time is printed at the end.
phase() {
	phase_end
	PHASE="$1"
	PHASE_STARTED=$SECONDS
	printf '\n\033[1m== %s\033[0m\n' "$PHASE"
}
phase_end() {
	[ -z "$PHASE" ] || PHASES+=("$(printf '%5d s  %s' "$((SECONDS - PHASE_STARTED))" "$PHASE")")
	PHASE=''
}
print_phases() {
	phase_end
	printf '\nTime of each phase:\n'
	printf '  %s\n' "${PHASES[@]}"
	printf '  %5d s  in all\n' "$((SECONDS - STARTED))"
}

# prepare [tests]: installs what is missing and takes over the build environment.
# build: makes all binaries. With IO_BIN_DIR set, both do nothing and the binaries there are used.
prepare() {
	if [ -n "${IO_BIN_DIR:-}" ]; then
		TARGET="$IO_BIN_DIR"
		return 0
	fi
	scripts/setup.sh "$@"
	local env
	env="$(scripts/setup.sh --env)"
	eval "$env"
	TARGET="${CARGO_TARGET_DIR:-$ROOT/target}/debug"
}

# One shape of cargo invocation everywhere, so that features do not flip and nothing is built twice.
build() { [ -n "${IO_BIN_DIR:-}" ] || cargo build --locked --workspace --all-targets; }

# free_ports N: N free TCP ports of the loopback interface, one a line.
free_ports() {
	python3 - "$1" <<'PY'
import random, socket, sys
# Below the range of outgoing connections, one of which could take the port before it is used.
ports = []
for port in random.sample(range(12000, 32000), 20000):
    if len(ports) == int(sys.argv[1]): break
    with socket.socket() as s:
        try: s.bind(("127.0.0.1", port))
        except OSError: continue
    ports.append(port)
print("\n".join(map(str, ports)))
PY
}

# rpc PORT METHOD [PARAMS]: one JSON-RPC call, prints the result.
rpc() {
	curl -sSf -m 10 -H 'Content-Type: application/json' \
		-d "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"$2\",\"params\":${3:-[]}}" "http://127.0.0.1:$1" | jq -ec '.result'
}

# wait_for SECONDS WHAT COMMAND...: repeats the command until it succeeds.
wait_for() {
	local limit=$((SECONDS + $1)) what="$2"
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$limit" ] || { printf 'error: %s did not happen in time\n' "$what" >&2; return 1; }
		sleep 0.3
	done
}
