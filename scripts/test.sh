#!/usr/bin/env bash
# Everything that CI runs. Installs what it needs first.
#
#   scripts/test.sh          all
#   scripts/test.sh fast     format, tree, and `cargo test` of the workspace only: without fuzz targets, job programs and GPU kernels compared
#                            with their sources, whole-system, mesh, relay chain and polkadot.js tests, the second verifier, and clippy
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$ROOT/scripts/relay.sh"
MODE="${1:-all}"
case "$MODE" in all | fast) ;; *) echo "usage: scripts/test.sh [fast]" >&2; exit 2 ;; esac
DONE=0
SKIPPED=()
BUNDLES=''
# not_tested WHAT: says so now and at the end.
not_tested() {
	SKIPPED+=("$1")
	printf '\nNOT TESTED: %s\n' "$1"
}
finish() {
	local phase="$PHASE"
	[ -z "$BUNDLES" ] || rm -f "$BUNDLES"
	print_phases
	[ ${#SKIPPED[@]} -eq 0 ] || printf '\nNOT TESTED: %s\n' "${SKIPPED[@]}"
	if [ "$DONE" = 1 ]; then echo 'ALL TESTS PASSED'; else echo "FAILED in phase: $phase" >&2; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

phase 'setup'
prepare tests

phase 'tree: format, lock file, licences'
cargo fmt --all --check
scripts/check-tree.sh

phase 'build: node, runtime WASM, worker, CLI, tests'
build

phase 'unit, property and whole-runtime tests'
cargo test --locked --workspace --all-targets
# `--all-targets` leaves out the examples in documentation.
cargo test --locked --workspace --doc
if [ "$MODE" = fast ]; then
	DONE=1
	exit 0
fi

phase 'fuzz targets: their seeds and damaged ones'
cargo test --locked --manifest-path fuzz/Cargo.toml

phase 'job programs: rebuilt from source and compared'
workers/examples/check.sh

phase 'GPU kernels: PTX generated anew, compared, assembled'
workers/kernels/cuda/check.sh

phase 'whole system: node, three workers, CLI, faults'
"$TARGET/io-system-tests"

phase 'mesh: worker behind NAT, firewall, death of relays'
if [ "$(id -u)" -eq 0 ] && unshare --net true 2>/dev/null; then
	IO_BIN_DIR="$TARGET" IO_LAB_ROUNDS=2 scripts/mesh-lab.sh test
else
	not_tested 'the mesh behind NAT and firewall, which needs root and network namespaces: scripts/mesh-lab.sh. On loopback it was tested above'
fi

phase 'local relay network: our chain validated by a real relay chain'
if find_relay; then
	IO_BIN_DIR="$TARGET" IO_RELAY_BIN_DIR="$RELAY" scripts/local-network.sh test
else
	not_tested 'the parachain under a relay chain. Its binaries are not here; scripts/local-network.sh test gets them and runs the test'
fi

phase 'polkadot.js: as a dApp would use it'
(cd scripts/e2e && npm ci --no-audit --no-fund --silent && IO_NODE_BIN="$TARGET/io-node" npm test --silent)

phase 'shielded: second verifier, from the specification'
python3 primitives/shielded/spec/test_spec.py
# Three thousand bundles, others for each commit.
BUNDLES="$(mktemp)"
"$TARGET/examples/bundles" "$BUNDLES" "$(git rev-parse HEAD)" 300 0
python3 primitives/shielded/spec/verify.py --jobs "$(nproc)" primitives/shielded/tests/vectors/*.json "$BUNDLES"

phase 'clippy, warnings denied'
SKIP_WASM_BUILD=1 cargo clippy --locked --workspace --all-targets -- -D warnings
DONE=1
