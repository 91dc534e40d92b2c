#!/usr/bin/env bash
# Builds the job programs again and compares them with the committed ones.
set -euo pipefail
cd "$(dirname "$0")"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
./build.sh "$fresh" >/dev/null
result=0
for program in *.wasm; do
	if cmp -s "$program" "$fresh/$program"; then
		echo "same: $program"
	else
		echo "check.sh: $program is not what its source gives here; build it with build.sh and commit it" >&2
		"${WASI_CLANG:-clang}" --version | head -1 >&2
		result=1
	fi
done
exit "$result"
