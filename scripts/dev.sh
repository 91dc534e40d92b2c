#!/usr/bin/env bash
# A dev chain with three workers that stays up until Ctrl-C. Development only: its randomness is predictable and its keys are public.
#
#   DEV_RPC_PORT=9944 scripts/dev.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$ROOT/scripts/devnet.sh"
export DEV_RPC_PORT="${DEV_RPC_PORT:-9944}"
finish() {
	local status=$?
	devnet_stop
	[ -n "$DEVNET_DIR" ] || return 0
	if [ $status -eq 0 ]; then rm -rf "$DEVNET_DIR"; else echo "The dev chain failed; its logs are in $DEVNET_DIR" >&2; fi
}
trap finish EXIT
trap 'exit 0' INT TERM

phase 'setup'
prepare
phase 'build'
build
start_devnet
print_phases
cat <<TEXT

The dev chain runs at ws://127.0.0.1:$RPC_PORT. Logs: $DEVNET_DIR
  $TARGET/io --help
  $TARGET/io --node ws://127.0.0.1:$RPC_PORT attest show    # the workers prove their computing power every 20 blocks
  polkadot.js Apps: https://polkadot.js.org/apps/?rpc=ws://127.0.0.1:$RPC_PORT
Ctrl-C ends it.
TEXT
# Whatever ends first, ends all.
wait -n "${DEVNET_PIDS[@]}" || true
echo 'A process of the dev chain ended. The last lines of each log:' >&2
tail -n 5 "$DEVNET_DIR"/*.log >&2
exit 1
