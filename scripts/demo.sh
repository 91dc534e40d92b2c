#!/usr/bin/env bash
# The main job: a dev chain, three workers, and a path tracer that renders a scene, from escrow to the picture and who was paid.
# Input and output go through the mesh, over two relays on this machine: no worker has an open port. Ends by itself and leaves no
# process behind.
#
#   scripts/demo.sh [--http] [OUTPUT_DIR]     where the picture goes (default: demo-output in the checkout); --http: over HTTP instead of the mesh
#
# Watch it from a second terminal with the command that it prints.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$ROOT/scripts/devnet.sh"
DEVNET_MESH=true
case "${1:-}" in
--http)
	DEVNET_MESH=false
	shift
	;;
-h | --help) usage; exit 0 ;;
esac
case "${1:-}" in -*) usage >&2; exit 2 ;; esac
[ $# -le 1 ] || { usage >&2; exit 2; }
OUTPUT="$(cd "$CALLED_FROM" && realpath -m "${1:-$ROOT/demo-output}")"
# The demo is about one job, and measures how long that takes.
DEVNET_ATTESTATION=false
SCENE=workers/examples/pathtracer/scenes/spheres.scene
trap 'status=$?; devnet_stop; [ $status -eq 0 ] || echo "The demo failed; logs are in ${DEVNET_DIR:-nowhere yet}" >&2' EXIT
trap 'exit 130' INT TERM

phase 'setup'
prepare

phase 'build: node, worker, command line (the first time takes long)'
build

start_devnet
printf '\n  Watch from a second terminal:\n    %s --node ws://127.0.0.1:%s job watch 0\n' "$TARGET/io" "$RPC_PORT"

WAY=()
[ "$DEVNET_MESH" = false ] || WAY=(--mesh)
phase 'the job: 3 replicas, quorum 2'
io job submit workers/examples/pathtracer.wasm --dev-account eve --yes --input "$SCENE" \
	--arg 320 --arg 240 --arg 16 --class 0 --max-units 200 --max-memory 256 --max-output 4000000 \
	--price 0.02 --replicas 3 --quorum 2 --run-blocks 100 --serve "${WAY[@]}" --watch --output "$OUTPUT" --overwrite

phase 'shutdown'
devnet_stop
rm -rf "$DEVNET_DIR"
print_phases
PICTURE="$(find "$OUTPUT" -name '*.png' | head -1)"
[ -n "$PICTURE" ] || { echo 'error: the job left no picture' >&2; exit 1; }
printf '\nThe picture: %s\n' "$PICTURE"
