#!/usr/bin/env bash
# Checks what is committed: compiles the kernels again and compares, then assembles the PTX with NVIDIA's ptxas for each
# generation of GPU, where no kernel may use a stack or spill registers. Needs clang 14 and, once, PyPI; no GPU.
set -euo pipefail
cd "$(dirname "$0")"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/io-network/ptxas"
wheel="$cache/nvidia_cuda_nvcc_cu12-12.8.93-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl"
sum=2d6dc36fb7cb5ac9c0b8825bc13d193c35487a315664007287d0126531238011
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

echo '== PTX compiled again and compared'
./build.sh "$work"
for ptx in *.ptx; do
	cmp "$ptx" "$work/$ptx" || { echo "$ptx is not what build.sh makes of the sources" >&2; exit 1; }
done

# NVIDIA's licence: used as a tool, never committed.
echo '== ptxas'
if ! sha256sum --status -c <<<"$sum  $wheel" 2>/dev/null; then
	mkdir -p "$cache"
	python3 -m pip download --quiet --no-deps --disable-pip-version-check --only-binary=:all: \
		--platform manylinux2010_x86_64 -d "$cache" nvidia-cuda-nvcc-cu12==12.8.93 ||
		{ echo "ptxas cannot be had: PyPI's nvidia-cuda-nvcc-cu12 cannot be downloaded (is pip installed, PyPI reachable?)" >&2; exit 1; }
	sha256sum --quiet -c <<<"$sum  $wheel"
fi
python3 -m zipfile -e "$wheel" "$work/wheel"
ptxas="$work/wheel/nvidia/cuda_nvcc/bin/ptxas"
chmod +x "$ptxas"

assemble() { # <kernels> <architecture>
	local log
	log="$("$ptxas" -v --warn-on-spills --warn-on-local-memory-usage -arch="$2" "$1.ptx" -o /dev/null 2>&1)" ||
		{ echo "$1 for $2: $log" >&2; return 1; }
	if grep -E 'bytes (stack frame|spill)' <<<"$log" | grep -vqE '^ *0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads$'; then
		echo "$1 for $2 uses a stack or spills registers: $log" >&2
		return 1
	fi
	awk -v of="$2" '/Compiling entry/ { split($0, part, "\x27"); name = part[2] }
		/Used [0-9]+ registers/ { match($0, /Used [0-9]+ registers/); printf "%-6s %-15s %s, no stack, no spill\n", of, name, substr($0, RSTART, RLENGTH) }' <<<"$log"
}
export -f assemble
export ptxas
{
	for kernels in chacha8 blake3 gemm_dp4a; do printf "$kernels %s\n" sm_61 sm_75 sm_80 sm_86 sm_90; done
	printf 'gemm_mma %s\n' sm_80 sm_86 sm_90
} | xargs -P "$(nproc)" -L 1 bash -euo pipefail -c 'assemble "$@"' assemble
echo 'all kernels are as committed and assemble'
