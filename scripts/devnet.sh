# A dev chain with workers, for demo.sh and dev.sh: sourced after lib.sh, not run.

DEVNET_DIR=''
DEVNET_PIDS=()
# Whether the workers prove their computing power. Three of them on one machine share its cores with each other and with jobs.
DEVNET_ATTESTATION="${DEVNET_ATTESTATION:-true}"
# Whether jobs go through the mesh, over two relays on this machine, and workers have no port for requesters.
DEVNET_MESH="${DEVNET_MESH:-false}"

# Stops all that was started, workers first, and waits until it is gone.
devnet_stop() {
	local i pid
	for ((i = ${#DEVNET_PIDS[@]} - 1; i >= 0; i--)); do kill "${DEVNET_PIDS[i]}" 2>/dev/null || true; done
	for pid in "${DEVNET_PIDS[@]}"; do
		for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	DEVNET_PIDS=()
}

# logged FILE COMMAND...: adds the command's output to a file, and shows the end of that if it fails.
logged() {
	local log="$1"
	shift
	"$@" >>"$log" 2>&1 && return 0
	printf 'error: this failed: %s\n' "$*" >&2
	tail -n 20 "$log" >&2
	return 1
}

# spawn NAME COMMAND...: runs in the background, log in $DEVNET_DIR/NAME.log.
spawn() {
	local name="$1"
	shift
	"$@" >"$DEVNET_DIR/$name.log" 2>&1 </dev/null &
	DEVNET_PIDS+=($!)
}

io() { "$TARGET/io" --node "ws://127.0.0.1:$RPC_PORT" "$@"; }

block_number() { printf '%d' "$(rpc "$RPC_PORT" chain_getHeader | jq -r .number)"; }
chain_makes_blocks() { [ "$(block_number)" -ge 1 ]; }

port_is_free() {
	python3 - "$1" <<'PY' 2>/dev/null
import socket, sys
with socket.socket() as s:
    # As the node does: connections that have just ended do not take the port.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", int(sys.argv[1])))
PY
}

# start_chain: a dev chain on free ports; it forgets everything when it ends.
start_chain() {
	mapfile -t PORTS < <(free_ports 11)
	RPC_PORT=${DEV_RPC_PORT:-${PORTS[0]}}
	# The node would take a random port instead, and all that follows would talk to whoever has this one.
	port_is_free "$RPC_PORT" || { echo "error: port $RPC_PORT is taken, perhaps by another node: name a free one in DEV_RPC_PORT" >&2; return 1; }
	spawn node "$TARGET/io-node" --dev --tmp --rpc-port "$RPC_PORT" --port "${PORTS[1]}" --prometheus-port "${PORTS[2]}"
	wait_for 180 'the first block of the dev chain' chain_makes_blocks || { tail -20 "$DEVNET_DIR/node.log" >&2; return 1; }
}

# start_relays: two relays of the mesh, each with a bond on chain. They admit whom the chain knows.
start_relays() {
	local number dir url on_chain operators=(none ferdie alice) regions=(none DE US)
	for number in 1 2; do
		dir="$DEVNET_DIR/relay-$number"
		url="https://127.0.0.1:${PORTS[$((8 + number))]}/"
		on_chain=(--node "ws://127.0.0.1:$RPC_PORT" --key "$dir/key")
		mkdir -p "$dir"
		logged "$dir/setup.log" "$TARGET/io-relay" key --out "$dir/key"
		logged "$dir/setup.log" "$TARGET/io-relay" cert --name 127.0.0.1 --cert "$dir/cert.pem" --key "$dir/cert.key"
		logged "$dir/setup.log" "$TARGET/io-relay" register "${on_chain[@]}" --dev-account "${operators[number]}" --url "$url" \
			--tls-cert "$dir/cert.pem" --region "${regions[number]}" --capacity 1000 --price 0.05
		spawn "relay-$number" "$TARGET/io-relay" run "${on_chain[@]}" --tls-cert "$dir/cert.pem" --tls-key "$dir/cert.key" \
			--listen "127.0.0.1:${PORTS[$((8 + number))]}" --no-metrics --receipts "$dir/receipts.redb"
		printf '  relay %s of %s: %s\n' "$number" "${operators[number]}" "$url"
	done
	# The requester of the demo may use them too.
	export IO_MESH_KEY="$DEVNET_DIR/mesh.key"
	logged "$DEVNET_DIR/setup.log" io mesh register --dev-account eve --yes
}

# start_worker NUMBER OPERATOR: makes keys, registers the device with a development account as operator, starts the worker.
start_worker() {
	local number="$1" operator="$2" dir="$DEVNET_DIR/worker-$1" gateway content address
	gateway=${PORTS[$((1 + 2 * number))]}
	content=${PORTS[$((2 + 2 * number))]}
	mkdir -p "$dir"
	(umask 077 && head -c 24 /dev/urandom | base64 >"$dir/passphrase")
	printf '[attestation]\nenabled = %s\nthreads = 1\n' "$DEVNET_ATTESTATION" >"$dir/config.toml"
	local common=(--config "$dir/config.toml" --data-dir "$dir" --log-format text)
	local network=(--passphrase-file "$dir/passphrase" --listen "127.0.0.1:$gateway" --content-listen "127.0.0.1:$content" --allow-private-addresses --rpc "ws://127.0.0.1:$RPC_PORT")
	[ "$DEVNET_MESH" = false ] || network+=(--mesh)
	logged "$dir/setup.log" "$TARGET/io-worker" "${common[@]}" keys new --passphrase-file "$dir/passphrase"
	address="$(io --json account show --dev-account "$operator" | jq -re .address)"
	logged "$dir/setup.log" "$TARGET/io-worker" "${common[@]}" register "${network[@]}" --operator "$address" --ask 0.01 --output "$dir/registration.json"
	logged "$dir/setup.log" io operator register --dev-account "$operator" --yes --stake 10000
	logged "$dir/setup.log" io operator register-worker --dev-account "$operator" --yes --file "$dir/registration.json"
	spawn "worker-$number" "$TARGET/io-worker" "${common[@]}" run "${network[@]}"
	GATEWAYS+=("http://127.0.0.1:$gateway")
	printf '  worker %s of operator %s: gateway http://127.0.0.1:%s\n' "$number" "$operator" "$gateway"
}

# announce_gateways: tells the node's off-chain worker where the workers listen (SCALE Vec<Vec<u8>> in its local storage).
announce_gateways() {
	local value
	value="$(python3 -c '
import sys
def compact(n): return bytes([n << 2]) if n < 64 else ((n << 2) | 1).to_bytes(2, "little")
urls = [u.encode() for u in sys.argv[1:]]
print("0x" + (compact(len(urls)) + b"".join(compact(len(u)) + u for u in urls)).hex())' "${GATEWAYS[@]}")"
	rpc "$RPC_PORT" offchain_localStorageSet "[\"PERSISTENT\",\"0x$(printf 'io/gateways' | od -An -tx1 | tr -d ' \n')\",\"$value\"]" >/dev/null || true
}

workers_online() {
	local url
	for url in "${GATEWAYS[@]}"; do
		[ "$(curl -sSf -m 2 "$url/v1/status" | jq -r .online)" = true ] || return 1
	done
}

# start_devnet: chain and three workers, ready to be drawn.
start_devnet() {
	DEVNET_DIR="$(mktemp -d "${TMPDIR:-/tmp}/io-network.XXXXXX")"
	GATEWAYS=()
	phase 'dev chain'
	start_chain
	printf '  node: ws://127.0.0.1:%s, log %s\n' "$RPC_PORT" "$DEVNET_DIR/node.log"
	if [ "$DEVNET_MESH" = true ]; then
		phase 'two relays of the mesh, with a bond on chain'
		start_relays
	fi
	phase 'three workers: keys, stake, registration, first heartbeat'
	start_worker 1 bob
	start_worker 2 charlie
	start_worker 3 dave
	announce_gateways
	wait_for 180 'the heartbeat of every worker' workers_online || { tail -5 "$DEVNET_DIR"/*.log >&2; return 1; }
}
