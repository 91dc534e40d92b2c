#!/usr/bin/env bash
# Builds the job programs from source with Debian 12's clang and wasi-libc. The result is the same byte for byte
# wherever these packages have the same version.
#
# Usage: build.sh [DIRECTORY]     (default: next to the sources)
set -euo pipefail
cd "$(dirname "$0")"
out=${1:-.}
mkdir -p "$out"

clang=${WASI_CLANG:-clang}
if ! "$clang" --print-targets 2>/dev/null | grep -q wasm32 || [ ! -e /usr/include/wasm32-wasi/stdio.h ]; then
	echo "build.sh: clang for WebAssembly or wasi-libc is missing; run scripts/setup.sh, or:" >&2
	echo "  apt-get install clang lld wasi-libc libclang-rt-dev-wasm32" >&2
	exit 1
fi

# No debug information, no paths, no times: nothing of this machine gets into the programs.
flags=(--target=wasm32-wasi --sysroot=/usr -std=c11 -O2 -g0 -Wall -Wextra -Werror -ffp-contract=off
	-fno-ident "-ffile-prefix-map=$PWD=." -Wl,--strip-all)

build() {
	local name=$1
	shift
	"$clang" "${flags[@]}" "$@" -o "$out/$name.wasm"
	chmod 644 "$out/$name.wasm"
	echo "$(sha256sum "$out/$name.wasm" | cut -c1-16)  $(stat -c %s "$out/$name.wasm") bytes  $name.wasm"
}

build pathtracer pathtracer/pathtracer.c pathtracer/png.c
build groupby groupby/groupby.c
build digits digits/digits.c
