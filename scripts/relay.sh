# The relay chain's binaries and its chain spec, for local-network.sh: sourced after lib.sh, not run.

# Of polkadot-sdk's release train 2609, like everything in Cargo.toml; the worker binaries must be of the node's own version.
RELAY_RELEASE=polkadot-stable2609-1
RELAY_BINARIES=(polkadot polkadot-execute-worker polkadot-prepare-worker)

relay_is_complete() {
	local binary
	for binary in "${RELAY_BINARIES[@]}"; do [ -x "$1/$binary" ] || return 1; done
}

# find_relay: sets RELAY to a folder with the binaries that is at hand without a download or a build; fails if there is none.
#   IO_RELAY_BIN_DIR   a folder with them
#   IO_RELAY_ARCHIVE   a .tar.zst with them, unpacked into the cache
find_relay() {
	local cache="${IO_CACHE_DIR:-$HOME/.cache/io-network}/relay"
	if [ -n "${IO_RELAY_BIN_DIR:-}" ]; then
		RELAY="$IO_RELAY_BIN_DIR"
		relay_is_complete "$RELAY" || { echo "error: IO_RELAY_BIN_DIR=$RELAY lacks one of: ${RELAY_BINARIES[*]}" >&2; exit 1; }
		return 0
	fi
	if [ -n "${IO_RELAY_ARCHIVE:-}" ]; then
		[ -f "$IO_RELAY_ARCHIVE" ] || { echo "error: there is no IO_RELAY_ARCHIVE=$IO_RELAY_ARCHIVE" >&2; exit 1; }
		# A folder for each archive, so that a new one is not mistaken for the old.
		RELAY="$cache/$(sha256sum "$IO_RELAY_ARCHIVE" | cut -c1-16)"
		if ! relay_is_complete "$RELAY"; then
			rm -rf "$RELAY.part"
			mkdir -p "$RELAY.part"
			tar --zstd -xf "$IO_RELAY_ARCHIVE" -C "$RELAY.part"
			rm -rf "$RELAY"
			mv "$RELAY.part" "$RELAY"
		fi
		relay_is_complete "$RELAY" || { echo "error: $IO_RELAY_ARCHIVE lacks one of: ${RELAY_BINARIES[*]}" >&2; exit 1; }
		return 0
	fi
	RELAY="$cache/$RELAY_RELEASE"
	relay_is_complete "$RELAY"
}

download_relay() {
	local at="https://github.com/paritytech/polkadot-sdk/releases/download/$RELAY_RELEASE" binary
	[ "$(uname -sm)" = 'Linux x86_64' ] || return 1
	echo "downloading $RELAY_RELEASE from $at" >&2
	for binary in "${RELAY_BINARIES[@]}"; do
		curl -sSfL --connect-timeout 20 -o "$1/$binary" "$at/$binary" || return 1
		chmod +x "$1/$binary"
	done
}

build_relay() {
	local binary
	# The same versions as in the main workspace; cargo adds what only the relay chain needs.
	cp Cargo.lock scripts/relay/Cargo.lock
	cargo build --release --manifest-path scripts/relay/Cargo.toml --target-dir "$RELAY.target"
	for binary in "${RELAY_BINARIES[@]}"; do cp "$RELAY.target/release/$binary" "$1/"; done
}

# get_relay: find_relay, else the official release, else a build from scripts/relay.
get_relay() {
	if find_relay; then return 0; fi
	rm -rf "$RELAY.part"
	mkdir -p "$RELAY.part"
	if ! download_relay "$RELAY.part"; then
		echo 'no download; building the relay chain from source instead, which takes hours' >&2
		build_relay "$RELAY.part"
	fi
	rm -rf "$RELAY"
	mv "$RELAY.part" "$RELAY"
	"$RELAY/polkadot" --version >&2
}
