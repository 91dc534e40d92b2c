#!/usr/bin/env bash
# Our parachain under a relay chain of its own, on this machine: two validators that check our blocks, and two collators
# that author them, the second with a relay chain node inside. Development only: all keys are public.
#
#   scripts/local-network.sh up                 starts it (builds first); ends when our first block is included and finalised
#   scripts/local-network.sh status             what runs, where, and how far it is
#   scripts/local-network.sh start NODE...      nodes: validator-alice, validator-bob, collator-alice, collator-bob,
#   scripts/local-network.sh stop NODE...         collator-charlie (has no keys and no seat yet; `up` leaves it out)
#   scripts/local-network.sh kill NODE...       the same with SIGKILL
#   scripts/local-network.sh down               stops all, deletes chains and logs
#   scripts/local-network.sh test [full]        a network of its own, jobs on it, and faults; ends by itself
#   scripts/local-network.sh relay-binaries     finds, downloads or builds the relay chain's binaries; prints their folder
#
# The relay chain's binaries: IO_RELAY_BIN_DIR (a folder), IO_RELAY_ARCHIVE (a .tar.zst), else the official release, else a build
# from scripts/relay. IO_NETWORK_DIR: where chains and logs are (default: in ~/.cache/io-network). IO_COLLATOR_ARGS: more arguments
# for the collators that are started. About 4 GiB of memory.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$ROOT/scripts/relay.sh"

PARA_ID=2000
NODES=(validator-alice validator-bob collator-alice collator-bob)
OPTIONAL=(collator-charlie)
# Of the node keys 1 and 2: how the others find the first validator and the first collator.
PEER_1=12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp
PEER_2=12D3KooWHdiAxVd8uMQR1hGWXccidmfCwLqcMpGwR6QcTP6QRMuD

DIR="$(realpath -m "${IO_NETWORK_DIR:-${IO_CACHE_DIR:-$HOME/.cache/io-network}/local-network}")"

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

node_key() { printf '%064x' "$1"; }
port() { jq -re --arg node "$1" --arg kind "$2" '.ports[$node][$kind]' "$DIR/network.json"; }
saved() { jq -re --arg key "$1" '.[$key]' "$DIR/network.json"; }
log_of() { printf '%s/%s.log' "$DIR" "$1"; }

# pid_of NODE [keeper]: its process, or the one that keeps it running, if that is still the one that was started here.
pid_of() {
	local pid
	pid="$(cat "$DIR/$1.${2:-pid}" 2>/dev/null)" || return 1
	{ tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF "$DIR/$1" || return 1
	printf '%s\n' "$pid"
}

# known NODE...: ends with an error unless all of them, and at least one, are nodes of the network.
known() {
	local name all=("${NODES[@]}" "${OPTIONAL[@]}")
	[ $# -gt 0 ] || die "name a node: ${all[*]}"
	for name in "$@"; do
		printf '%s\n' "${all[@]}" | grep -qxF -e "$name" || die "there is no node called $name, but ${all[*]}"
	done
}

# write_settings: binaries and ports, once for the life of the network.
write_settings() {
	local all=("${NODES[@]}" "${OPTIONAL[@]}")
	free_ports $((${#all[@]} * 5)) | python3 -c '
import json, sys
bin, relay, script, *nodes = sys.argv[1:]
ports = {node: {kind: int(next(sys.stdin)) for kind in ("p2p", "rpc", "metrics", "relay", "relay_rpc")} for node in nodes}
json.dump({"bin": bin, "relay": relay, "script": script, "ports": ports}, sys.stdout, indent=2)' "$TARGET" "$RELAY" "$ROOT/scripts/local-network.sh" "${all[@]}" >"$DIR/network.json"
}

# The relay chain's genesis: its own local preset, and our chain. A chain in `paras` gets the first core by that alone.
write_relay_spec() {
	local plain="$RELAY/rococo-local.json"
	if [ ! -s "$plain" ]; then
		"$RELAY/polkadot" build-spec --chain rococo-local --disable-default-bootnode >"$DIR/plain.json" 2>"$DIR/build-spec.log" \
			|| { tail -n 20 "$DIR/build-spec.log" >&2; return 1; }
		plain="$DIR/plain.json"
	fi
	python3 - "$plain" "$DIR" "$PARA_ID" <<'PY'
import json, sys
plain, at, para = sys.argv[1], sys.argv[2], int(sys.argv[3])
spec = json.load(open(plain))
patch = spec["genesis"]["runtimeGenesis"]["patch"]
read = lambda name: open(f"{at}/local.{name}").read().strip()
patch["paras"] = {"paras": [[para, [read("head"), read("wasm"), True]]]}
config = patch["configuration"]["config"]
# As on live relay chains: blocks are built ahead of their inclusion.
config["async_backing_params"] = {"max_candidate_depth": 3, "allowed_ancestry_len": 2}
# Both validators back our blocks together, so that one is enough to back them.
config["scheduler_params"]["max_validators_per_core"] = None
config["minimum_backing_votes"] = 1
json.dump(spec, open(f"{at}/relay.patched.json", "w"))
PY
	"$RELAY/polkadot" build-spec --chain "$DIR/relay.patched.json" --raw --disable-default-bootnode >"$DIR/relay.json" 2>"$DIR/build-spec.log" \
		|| { tail -n 20 "$DIR/build-spec.log" >&2; return 1; }
	rm -f "$DIR/plain.json" "$DIR/relay.patched.json"
}

# run NODE COMMAND...: in the background, in a session of its own, so that it outlives this script and its terminal. What
# ends by itself is started again, as a service manager does: a validator with debug assertions, as cargo builds it, panics
# on votes of a session that ended while finality stood still (dispute-coordinator 36.0.0, initialized.rs).
run() {
	local name="$1"
	shift
	rm -f "$DIR/$name.pid"
	# shellcheck disable=SC2016
	setsid bash -c 'while :; do "${@:2}" & echo $! >"$1"; wait $!; echo "ended: $?"; sleep 3; done' \
		keeper "$DIR/$name.pid" "$@" >>"$(log_of "$name")" 2>&1 </dev/null &
	echo $! >"$DIR/$name.keeper"
	disown
	wait_for 10 "$name" pid_of "$name" >/dev/null
}

start_validator() {
	local name="$1" who="${1#validator-}" key="$2"
	local bootnodes=()
	[ "$name" = validator-alice ] || bootnodes=(--bootnodes "/ip4/127.0.0.1/tcp/$(port validator-alice p2p)/p2p/$PEER_1")
	# Containers often forbid what the sandbox of the PVF workers needs, hence `insecure`. Without public addresses collators never
	# find the validators that they must hand their blocks to.
	run "$name" "$(saved relay)/polkadot" --chain "$DIR/relay.json" --validator "--$who" --base-path "$DIR/$name" --node-key "$(node_key "$key")" \
		--port "$(port "$name" p2p)" --rpc-port "$(port "$name" rpc)" --prometheus-port "$(port "$name" metrics)" \
		--public-addr "/ip4/127.0.0.1/tcp/$(port "$name" p2p)" --discover-local ${bootnodes[@]+"${bootnodes[@]}"} \
		--workers-path "$(saved relay)" --insecure-validator-i-know-what-i-do --no-hardware-benchmarks --no-telemetry
}

a_validator_answers() { rpc "$(port validator-alice rpc)" system_health || rpc "$(port validator-bob rpc)" system_health; }

start_collator() {
	local name="$1" who="$2" key="$3" more
	local args=(--chain "$DIR/local.raw.json" --collator --base-path "$DIR/$name" --node-key "$(node_key "$key")"
		--port "$(port "$name" p2p)" --rpc-port "$(port "$name" rpc)" --prometheus-port "$(port "$name" metrics)"
		--no-hardware-benchmarks --no-telemetry)
	local relay=(--chain "$DIR/relay.json" --no-prometheus --port "$(port "$name" relay)" --discover-local
		--bootnodes "/ip4/127.0.0.1/tcp/$(port validator-alice p2p)/p2p/$PEER_1")
	read -ra more <<<"${IO_COLLATOR_ARGS:-}"
	# A development key makes the node sign with that account's well-known session key.
	[ -z "$who" ] || args+=("--$who")
	[ "$name" = collator-alice ] || args+=(--bootnodes "/ip4/127.0.0.1/tcp/$(port collator-alice p2p)/p2p/$PEER_2")
	if [ "$name" = collator-bob ]; then
		relay+=(--rpc-port "$(port "$name" relay_rpc)" --no-hardware-benchmarks)
	else
		# It gives up after a quarter of a minute.
		wait_for 300 'the first answer of a validator' a_validator_answers
		args+=(--relay-chain-rpc-urls "ws://127.0.0.1:$(port validator-alice rpc)" "ws://127.0.0.1:$(port validator-bob rpc)")
	fi
	run "$name" "$(saved bin)/io-node" "${args[@]}" ${more[@]+"${more[@]}"} -- "${relay[@]}"
}

start() {
	[ -f "$DIR/relay.json" ] || die "there is no network in $DIR: start one with $0 up"
	if pid_of "$1" keeper >/dev/null; then return 0; fi
	case "$1" in
	validator-alice) start_validator "$1" 1 ;;
	validator-bob) start_validator "$1" 3 ;;
	collator-alice) start_collator "$1" alice 2 ;;
	collator-bob) start_collator "$1" bob 4 ;;
	collator-charlie) start_collator "$1" '' 5 ;;
	esac
}

# stop SIGNAL NODE...: all at the same time; waits until they are gone.
stop() {
	local signal="$1" name pid pids=()
	shift
	for name in "$@"; do
		if pid="$(pid_of "$name" keeper)"; then kill -KILL "$pid" 2>/dev/null || true; fi
		if pid="$(pid_of "$name")"; then
			kill "-$signal" "$pid" 2>/dev/null || true
			pids+=("$pid")
		fi
	done
	for pid in ${pids[@]+"${pids[@]}"}; do
		for _ in $(seq 300); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
		kill -KILL "$pid" 2>/dev/null || true
	done
	for name in "$@"; do rm -f "$DIR/$name.pid" "$DIR/$name.keeper"; done
}

# included: height of our head as the relay chain's best block knows it.
included() {
	# Paras.Heads(2000)
	local key=0xcd710b30bd2eab0352ddcc26417aa1941b3c252fcb29d88eff4f3de5de4476c363f5a4efb16ffa83d0070000
	rpc "$(port validator-alice rpc)" state_getStorage "[\"$key\"]" | python3 -c '
import json, sys
head = bytes.fromhex(json.load(sys.stdin)[2:])
# SCALE: length of the head, hash of the parent, compact height.
at = (1, 2, 4)[head[0] & 3] + 32
mode = head[at] & 3
print(int.from_bytes(head[at:at + (1, 2, 4)[mode]], "little") >> 2)'
}
height() {
	local number
	number="$(rpc "$1" chain_getHeader "${2:-[]}" | jq -re .number)" && printf '%d\n' "$number"
}
finalised() {
	local hash
	hash="$(rpc "$1" chain_getFinalizedHead)" && height "$1" "[$hash]"
}
is_included() { [ "$(included)" -ge 1 ]; }
is_finalised() { [ "$(finalised "$(port collator-alice rpc)")" -ge 1 ]; }

status() {
	[ -f "$DIR/network.json" ] || { echo "no network in $DIR"; return 1; }
	local name pid at missing=0
	printf '%-18s %-9s %-26s %s\n' node process RPC 'best / finalised'
	for name in "${NODES[@]}" "${OPTIONAL[@]}"; do
		if pid="$(pid_of "$name")"; then
			at="$(port "$name" rpc)"
			printf '%-18s %-9s %-26s %s / %s\n' "$name" "$pid" "ws://127.0.0.1:$at" "$(height "$at" 2>/dev/null || echo -)" "$(finalised "$at" 2>/dev/null || echo -)"
		else
			[[ " ${OPTIONAL[*]} " == *" $name "* ]] || missing=1
			printf '%-18s %-9s\n' "$name" '-'
		fi
	done
	printf 'our head on the relay chain: %s\nlogs: %s\n' "$(included 2>/dev/null || echo -)" "$DIR/*.log"
	return $missing
}

up() {
	local name begun
	if [ ! -s "$DIR/relay.json" ]; then
		# What an `up` before has begun may go, what somebody else keeps there may not.
		[ ! -e "$DIR" ] || [ -f "$DIR/network.json" ] || { [ -d "$DIR" ] && [ -z "$(ls -A "$DIR")" ]; } \
			|| die "$DIR is not empty and holds no network: name another folder in IO_NETWORK_DIR"
		phase 'chain specs'
		rm -rf "$DIR"
		mkdir -p "$DIR"
		write_settings
		chain-spec/build.sh -n "$TARGET/io-node" -o "$DIR" local
		write_relay_spec
	fi
	phase 'two validators, two collators'
	begun=$SECONDS
	for name in "${NODES[@]}"; do start "$name"; done
	wait_for 300 'our first block in the relay chain' is_included || { show_logs; return 1; }
	printf '  block 1 is included after %d s\n' $((SECONDS - begun))
	wait_for 300 'finality of our first block' is_finalised || { show_logs; return 1; }
	printf '  and finalised after %d s\n' $((SECONDS - begun))
}

show_logs() { tail -n 25 "$DIR"/*.log >&2 || true; }

down() {
	[ -d "$DIR" ] || return 0
	# Another folder of that name is not ours to delete.
	[ -f "$DIR/network.json" ] || die "$DIR holds no network"
	stop TERM "${OPTIONAL[@]}" collator-bob collator-alice validator-bob validator-alice
	rm -rf "$DIR"
}

# test_network [full] [SCENARIO...]: the scenarios of io-system-tests that need a relay chain, on a network of their own.
test_network() {
	local args=()
	if [ "${1:-}" = full ]; then
		args=(--full)
		shift
		phase 'a second runtime, for the upgrade'
		# After the first one: both are built in the same folder.
		[ -n "${IO_BIN_DIR:-}" ] || cargo build --locked --workspace --all-targets --features io-next-runtime/wasm
	fi
	DIR="$(mktemp -d "${TMPDIR:-/tmp}/io-local-network.XXXXXX")"
	# Whatever happens, nothing is left.
	trap 'status=$?; [ $status -eq 0 ] || show_logs; down; exit $status' EXIT
	trap 'exit 130' INT TERM
	up
	phase 'jobs and faults'
	"$TARGET/io-system-tests" --network "$DIR" ${args[@]+"${args[@]}"} "$@"
	phase 'shutdown'
	down
	print_phases
	echo 'THE LOCAL NETWORK PASSED'
}

COMMAND="${1:-}"
shift || true
case "$COMMAND" in
up)
	phase 'setup and build'
	prepare
	build
	get_relay
	up
	phase_end
	echo
	status
	;;
status) status ;;
start | stop | kill)
	known "$@"
	case "$COMMAND" in
	start) for node in "$@"; do start "$node"; done ;;
	stop) stop TERM "$@" ;;
	kill) stop KILL "$@" ;;
	esac
	;;
down) down ;;
test)
	phase 'setup and build'
	prepare
	build
	get_relay
	test_network "$@"
	;;
relay-binaries)
	prepare
	get_relay
	echo "$RELAY"
	;;
*)
	usage >&2
	exit 2
	;;
esac
