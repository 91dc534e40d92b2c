#!/usr/bin/env bash
# Installs what building and running IO Network needs on Debian 12, and nothing twice.
#
#   scripts/setup.sh            install what is missing for building and the demo, say what was done
#   scripts/setup.sh tests      the same, and what tests need: Node.js for polkadot.js, clang 14 and pip for the GPU kernels
#   eval "$(scripts/setup.sh --env)"   the environment that a build needs (also used by the other scripts)
#
# Other releases of Debian and Ubuntu have the same packages or newer ones, but tests compare bytes with what Debian 12's clang 14 and
# wasi-libc make. Works as root and with sudo. What it needs: apt, and either rustup or a network to get it.
# IO_WASM_FROM=distribution takes the second way to the WASM target even where rustup could download it.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CACHE="${IO_CACHE_DIR:-$HOME/.cache/io-network}"
RUST_VERSION="$(sed -n 's/^channel = "\(.*\)"/\1/p' "$ROOT/rust-toolchain.toml")"
WASM_TARGET=wasm32v1-none
# clang..zstd: the node's C and C++ dependencies. wasi-libc, libclang-rt-14-dev-wasm32, lld: the job programs. jq, xz-utils: the scripts.
PACKAGES=(git curl ca-certificates gcc g++ make clang libclang-dev lld mold protobuf-compiler cmake pkg-config libssl-dev zstd jq xz-utils
	python3 wasi-libc libclang-rt-14-dev-wasm32)
# What only tests need: the GPU kernels' committed PTX is what clang 14 makes of them, pip gets the assembler that checks it, and C++
# programs are compiled for the executor. iproute2, nftables: the mesh's lab.
TEST_PACKAGES=(clang-14 python3-pip libc++-14-dev-wasm32 libc++abi-14-dev-wasm32 iproute2 nftables)
# Rust as the distribution ships it, with sources: only needed where rustup cannot download the WASM target.
RUST_SOURCE_PACKAGES=(rustc-web cargo-web rust-web-src)

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
		die "this step needs root, and sudo is not installed: $*"; fi
}

missing_packages() {
	local p
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed$' || printf '%s\n' "$p"
	done
}

install_packages() {
	local missing
	mapfile -t missing < <(missing_packages "$@")
	[ "${#missing[@]}" -eq 0 ] && return 0
	command -v apt-get >/dev/null || die "this script installs packages with apt; please install: ${missing[*]}"
	say "installing packages: ${missing[*]}"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Debian names the WASM libraries after the clang version; take those that fit the installed clang.
adjust_package_names() {
	local major
	command -v apt-cache >/dev/null || return 0
	# A fresh container has no package lists.
	apt-cache show clang >/dev/null 2>&1 || as_root apt-get update -qq
	major="$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -1)"
	[ -n "$major" ] || return 0
	PACKAGES=("${PACKAGES[@]/%-14-dev-wasm32/-$major-dev-wasm32}")
	TEST_PACKAGES=("${TEST_PACKAGES[@]/%-14-dev-wasm32/-$major-dev-wasm32}")
}

install_rust() {
	export PATH="$HOME/.cargo/bin:$PATH"
	if ! command -v rustup >/dev/null; then
		say "installing rustup"
		curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none >/dev/null \
			|| die "rustup could not be downloaded; install it from https://rustup.rs and run this again"
	fi
	if ! rustup run "$RUST_VERSION" rustc -V >/dev/null 2>&1; then
		say "installing Rust $RUST_VERSION"
		rustup toolchain install "$RUST_VERSION" --profile minimal -c rustfmt -c clippy >/dev/null 2>&1 \
			|| die "Rust $RUST_VERSION could not be installed by rustup"
	fi
}

rustup_has_wasm() { [ "${IO_WASM_FROM:-}" != distribution ] && [ -n "$(find "$(rustup run "$RUST_VERSION" rustc --print sysroot)/lib/rustlib/$WASM_TARGET/lib" -name 'libcore-*.rlib' 2>/dev/null)" ]; }

install_node() {
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then install_packages nodejs npm; fi
	[ "$(node -p 'process.versions.node.split(".")[0] >= 18')" = true ] \
		|| die "Node.js 18 or newer is needed for the polkadot.js tests, this is $(node --version)"
}

# The toolchain that builds the runtime's WASM: `rustup target add` where it works, else core and alloc from the distribution's sources.
install_wasm() {
	rustup_has_wasm && return 0
	if [ "${IO_WASM_FROM:-}" != distribution ] && timeout 120 rustup target add --toolchain "$RUST_VERSION" "$WASM_TARGET" >/dev/null 2>&1; then
		say "added the $WASM_TARGET target to Rust $RUST_VERSION"
		return 0
	fi
	install_packages "${RUST_SOURCE_PACKAGES[@]}"
	local rustc=/usr/bin/rustc sysroot version lib stamp
	version="$($rustc -vV)"
	sysroot="$($rustc --print sysroot)"
	lib="$sysroot/lib/rustlib/$WASM_TARGET/lib"
	stamp="$lib/.built-for"
	if ! { [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$version" ]; }; then
		say "building core and alloc for $WASM_TARGET from the distribution's Rust sources (about a minute)"
		local work
		work="$(mktemp -d)"
		mkdir "$work/src"
		printf '#![no_std]\n' > "$work/src/lib.rs"
		printf '[package]\nname = "wasm-std"\nversion = "0.0.0"\nedition = "2021"\n' > "$work/Cargo.toml"
		# Embedded bitcode: the runtime is linked with LTO, which needs it in core and alloc too.
		(cd "$work" && env -u CARGO_TARGET_DIR -u RUSTUP_TOOLCHAIN PATH="/usr/bin:$PATH" RUSTC=/usr/bin/rustc RUSTFLAGS="-C embed-bitcode=yes" RUSTC_BOOTSTRAP=1 \
			/usr/bin/cargo build -q --release -Z build-std=core,alloc,compiler_builtins \
			-Z build-std-features=compiler-builtins-mem --target "$WASM_TARGET" --target-dir "$work/target") \
			|| die "core and alloc could not be built for $WASM_TARGET"
		as_root mkdir -p "$lib"
		as_root find "$lib" -name '*.rlib' -delete
		as_root cp "$work"/target/$WASM_TARGET/release/deps/lib{core,alloc,compiler_builtins}-*.rlib "$lib/"
		printf '%s\n' "$version" | as_root tee "$stamp" >/dev/null
		rm -rf "$work"
		# Artefacts that were linked against the previous rlibs cannot be used any more.
		rm -rf "${CARGO_TARGET_DIR:-$ROOT/target}"/*/wbuild
	fi
	rustup run wasm-std rustc -V >/dev/null 2>&1 || rustup toolchain link wasm-std "$(dirname "$(dirname "$rustc")")"
	mkdir -p "$CACHE/bin"
	ln -sf "$(rustup run "$RUST_VERSION" rustc --print sysroot)/lib/rustlib/$(rustup run "$RUST_VERSION" rustc -vV | sed -n 's/^host: //p')/bin/rust-lld" "$CACHE/bin/rust-lld"
}

print_env() {
	export PATH="$HOME/.cargo/bin:$PATH"
	printf 'export PATH=%q\n' "$CACHE/bin:$HOME/.cargo/bin:${PATH//"$CACHE/bin:"/}"
	rustup_has_wasm || printf 'export WASM_BUILD_TOOLCHAIN=wasm-std\n'
	printf 'export WASM_BUILD_WORKSPACE_HINT=%q\n' "$ROOT"
}

case "${1:-}" in
	--env) print_env ;;
	'' | tests)
		adjust_package_names
		install_packages "${PACKAGES[@]}"
		install_rust
		install_wasm
		if [ "${1:-}" = tests ]; then
			install_packages "${TEST_PACKAGES[@]}"
			install_node
		fi
		say "ready: Rust $RUST_VERSION, $WASM_TARGET by $(rustup_has_wasm && echo rustup || echo 'the distribution'"'"'s sources')"
		;;
	*) die "unknown argument '$1' (none, tests, or --env)" ;;
esac
