#!/usr/bin/env bash
# Compiles the kernels to PTX: chacha8, blake3 and gemm_dp4a for sm_61, gemm_mma for sm_80. Needs clang 14, whose output
# is committed: `build.sh [folder]` writes the .ptx there, by default beside the sources.
set -euo pipefail
cd "$(dirname "$0")"
out="${1:-.}"
clang="$(command -v clang-14 || true)"
[ -n "$clang" ] || { echo "clang-14 is not installed (Debian: apt-get install clang-14)" >&2; exit 1; }

ptx() { # <source> <architecture> <version of the PTX language>
	"$clang" -x cuda --cuda-device-only -nocudainc -nocudalib --cuda-gpu-arch="$2" -Xclang -target-feature -Xclang "+$3" \
		-std=c++17 -O3 -Wall -Wextra -Werror -Wno-unknown-cuda-version -S -o - "$1.cu" >"$out/$1.ptx"
}
ptx chacha8 sm_61 ptx50
ptx blake3 sm_61 ptx50
ptx gemm_dp4a sm_61 ptx50
ptx gemm_mma sm_80 ptx70
