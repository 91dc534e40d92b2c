#!/usr/bin/env bash
# Measures the chain, the kernels and the mesh.
#
#   scripts/bench.sh jobs [JOBS [WORKERS]]   jobs settled per block: at full weight, and on a dev chain under load
#   scripts/bench.sh kernels                 int8 products on this CPU, beside other libraries and the instructions' peak, and what a
#                                            proof of computing power costs besides the product
#   scripts/bench.sh proofs                  verifying proofs of computing power; proving and verifying products; native and in WASM
#   scripts/bench.sh mesh                    the mesh beside TCP and a stock iroh endpoint: throughput, latency, death of a relay, two lanes
#                                            under a rate limit. IO_BENCH_ROUNDS: transfers during which a relay is killed (10)
#
# IO_BENCH_BLOCK_TIME: milliseconds between the dev chain's blocks (6000, as on a real network).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
case "${1:-}" in
jobs) ;;
kernels)
	prepare
	# numpy is only compared with: without it its rows say so.
	if ! python3 -c 'import numpy' 2>/dev/null; then
		export PYTHONPATH="${IO_CACHE_DIR:-$HOME/.cache/io-network}/numpy"
		python3 -c 'import numpy' 2>/dev/null || python3 -m pip install --quiet --target "$PYTHONPATH" numpy >&2 \
			|| echo 'numpy cannot be installed here; its rows stay empty' >&2
	fi
	exec cargo run --release --quiet --manifest-path workers/kernels/bench/Cargo.toml
	;;
proofs)
	prepare
	BENCH=primitives/tflops/bench
	export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ROOT/$BENCH/target}"
	# As the runtime's WASM is built, see runtime/build.rs.
	RUSTFLAGS='--cfg=curve25519_dalek_bits="32"' CARGO_PROFILE_RELEASE_LTO=true \
		cargo build --release --locked --quiet --manifest-path "$BENCH/Cargo.toml" --lib --target wasm32v1-none
	exec cargo run --release --locked --quiet --manifest-path "$BENCH/Cargo.toml" -- \
		"$CARGO_TARGET_DIR/wasm32v1-none/release/io_tflops_bench.wasm"
	;;
mesh)
	prepare
	echo "machine: $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1); client, worker and relays share it"
	exec cargo bench --locked --quiet -p io-relay --bench mesh
	;;
*)
	echo 'usage: scripts/bench.sh jobs [JOBS [WORKERS]] | kernels | proofs | mesh' >&2
	exit 2
	;;
esac
JOBS="${2:-600}"
WORKERS="${3:-48}"
BLOCK_TIME="${IO_BENCH_BLOCK_TIME:-6000}"

DIR="$(mktemp -d)"
NODE=''
cleanup() {
	status=$?
	[ -z "$NODE" ] || { kill "$NODE" 2>/dev/null || true; wait "$NODE" 2>/dev/null || true; }
	[ $status -eq 0 ] || { echo "--- last lines of the node's log:" >&2; tail -n 30 "$DIR/node.log" >&2 || true; }
	rm -rf "$DIR"
	exit $status
}
trap cleanup EXIT

phase 'setup and build'
prepare
build

phase 'dev chain'
mapfile -t PORTS < <(free_ports 2)
"$TARGET/io-node" --dev --tmp --dev-block-time "$BLOCK_TIME" --rpc-port "${PORTS[0]}" --port "${PORTS[1]}" --no-prometheus --no-telemetry \
	--offchain-worker never --rpc-max-connections 500 --pool-limit 50000 --pool-kbytes 262144 >"$DIR/node.log" 2>&1 &
NODE=$!
wait_for 180 'the first answer of the node' rpc "${PORTS[0]}" system_health

phase 'load'
WEIGHTS=()
[ ! -f runtime/src/weights/pallet_io_jobs.rs ] || WEIGHTS=(--weights runtime/src/weights/pallet_io_jobs.rs)
echo "machine: $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(free -g | awk '/^Mem/{print $2}') GiB; debug build of the node; blocks every $BLOCK_TIME ms"
"$TARGET/io-jobs-load" --node "ws://127.0.0.1:${PORTS[0]}" --jobs "$JOBS" --workers "$WORKERS" ${WEIGHTS[@]+"${WEIGHTS[@]}"}

cat <<'EOF'

Method. At full weight: the weights of submit, 3 accept, 3 commit, 3 reveal (as the node tells them, with extensions and authorisation), and of the
pallet's own work for draw and settlement (from the generated file), against the block limits of the runtime.
Measured: one process submits the jobs at once and plays all workers over RPC; nothing is executed, the workers know the result. The node, with
its WASM runtime and its pool, and the load generator share this machine.
EOF
print_phases
