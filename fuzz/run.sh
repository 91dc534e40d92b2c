#!/usr/bin/env bash
# Runs fuzz targets with the stable compiler: run.sh SECONDS [TARGET...]. The same coverage feedback as with cargo-fuzz, without its
# address sanitizer (there is no `unsafe` in what is fuzzed). Findings go to artifacts/, the growing corpus to corpus/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
seconds="${1:?usage: run.sh SECONDS [TARGET...]}"
shift
[ $# -gt 0 ] || set -- $(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | grep -vx io-fuzz)
host="$(rustc -vV | sed -n 's/^host: //p')"
dir="${CARGO_TARGET_DIR:-target}/fuzz"
# `--target` keeps the flags away from build scripts and macros.
flags=(--cfg fuzzing -Cdebug-assertions -Clink-dead-code -Cpasses=sancov-module)
for option in level=4 inline-8bit-counters pc-table trace-compares; do flags+=("-Cllvm-args=-sanitizer-coverage-$option"); done
RUSTFLAGS="${flags[*]}" \
	cargo build --release --locked --target "$host" --target-dir "$dir" ${@/#/--bin }
for target in "$@"; do
	mkdir -p "corpus/$target" artifacts
	[ ! -f "corpora/$target.hex" ] || python3 - "$target" <<'PY'
import hashlib, sys
for line in open(f"corpora/{sys.argv[1]}.hex"):
    data = bytes.fromhex(line)
    open(f"corpus/{sys.argv[1]}/{hashlib.sha1(data).hexdigest()}", "wb").write(data)
PY
	"$dir/$host/release/$target" "corpus/$target" "seeds/$target" -max_total_time="$seconds" -rss_limit_mb=1024 \
		-malloc_limit_mb=64 -artifact_prefix="artifacts/$target-" -print_final_stats=1
done
