#!/usr/bin/env bash
# Makes chain specs from the runtime inside io-node and the patches beside this file.
#
#   chain-spec/build.sh [-n <io-node>] [-o <folder>] [<name>...]
#
# Each <name> is a file patches/<name>.json; without names: `local`. Writes into the folder (default: target/chain-spec,
# which git ignores):
#
#   <name>.plain.json   readable: names, properties, genesis as a patch of the runtime's default
#   <name>.raw.json     the same as storage keys and values: what nodes of a network must share
#   <name>.head         genesis head, in hex: for the registration on the relay chain
#   <name>.wasm         genesis code, in hex: the same
#
# The raw spec holds the WASM, so it is megabytes; publish it with a release, do not commit it.
set -euo pipefail

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
NODE="${IO_NODE_BIN:-}"
OUT="$HERE/../target/chain-spec"

usage() { sed -n '2,15s/^# \{0,1\}//p' "$HERE/build.sh"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

while getopts 'n:o:h' option; do
	case "$option" in
		n) NODE="$OPTARG" ;;
		o) OUT="$OPTARG" ;;
		h) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- local

if [ -z "$NODE" ]; then
	for candidate in "${CARGO_TARGET_DIR:-$HERE/../target}"/{production,release,debug}/io-node; do
		[ -x "$candidate" ] && NODE="$candidate" && break
	done
fi
[ -n "$NODE" ] || die "io-node was not found: build it (cargo build -p io-node) or name it with -n"
for tool in python3 zstd; do command -v "$tool" >/dev/null || die "$tool is missing: run scripts/setup.sh"; done
mkdir -p "$OUT"

# Merges a patch into a spec, and compresses the code: debug builds leave that out, and a relay chain takes 5 MiB at most.
# Not with jq: it turns balances into floating-point numbers.
merge() {
	python3 -c '
import json, subprocess, sys
def merge(base, patch):
    if not (isinstance(base, dict) and isinstance(patch, dict)):
        return patch
    return {k: merge(base.get(k), patch[k]) if k in patch else base[k] for k in [*base, *(k for k in patch if k not in base)]}
spec = merge(*(json.load(open(path)) for path in sys.argv[1:]))
genesis = spec["genesis"]["runtimeGenesis"]
if genesis["code"].startswith("0x0061736d"):
    wasm = bytes.fromhex(genesis["code"][2:])
    packed = subprocess.run(["zstd", "-q", "-9", "-c"], input=wasm, stdout=subprocess.PIPE, check=True).stdout
    # How compressed code is told from plain: the prefix of sp-maybe-compressed-blob.
    genesis["code"] = "0x52bc537646db8e05" + packed.hex()
json.dump(spec, sys.stdout, indent=2)' "$1" "$2"
}

for name in "$@"; do
	patch="$HERE/patches/$name.json"
	[ -f "$patch" ] || die "there is no $patch"
	plain="$OUT/$name.plain.json"
	raw="$OUT/$name.raw.json"
	# Every network starts from the local preset: a network of our own differs by its patch alone.
	"$NODE" export-chain-spec --chain local >"$plain.base"
	merge "$plain.base" "$patch" >"$plain"
	rm "$plain.base"
	"$NODE" export-chain-spec --chain "$plain" --raw >"$raw"
	"$NODE" export-genesis-head --chain "$raw" >"$OUT/$name.head"
	"$NODE" export-genesis-wasm --chain "$raw" >"$OUT/$name.wasm"
	printf '%s: %s bytes of code, genesis head %s\n' "$name" "$(($(wc -c <"$OUT/$name.wasm") / 2 - 1))" "$OUT/$name.head"
done
