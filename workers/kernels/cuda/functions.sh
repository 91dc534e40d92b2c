#!/usr/bin/env bash
# Writes src/cuda/driver/functions.rs: the functions of the CUDA driver that `cust` may call, with the signatures that
# `cust_raw` declares, and the results that it knows. To be run after another version of these crates is taken.
set -euo pipefail
cd "$(dirname "$0")/.."
sources="$(cargo metadata --format-version 1 --locked --offline |
	python3 -c 'import json, os, sys
for package in json.load(sys.stdin)["packages"]:
	if package["name"] in ("cust", "cust_raw"): print(os.path.dirname(package["manifest_path"]) + "/src")' | sort)"
read -r -d '' cust raw <<<"$sources" || true
out=src/cuda/driver/functions.rs

wanted="$(grep -rohE '\bcu[A-Z][A-Za-z0-9_]+' "$cust" | sort -u)"
{
	echo '// Made by cuda/functions.sh from cust_raw. Do not edit.'
	echo
	echo 'forward! {'
	awk -v RS='extern "C" \\{' -v wanted="$wanted" '
		BEGIN { split(wanted, names, "\n"); for (i in names) is_wanted[names[i]] = 1 }
		match($0, /pub fn cu[A-Za-z0-9_]+\(/) {
			name = substr($0, RSTART + 7, RLENGTH - 8)
			if (!is_wanted[name] || $0 !~ /-> CUresult;/) next
			text = substr($0, RSTART + 4)
			sub(/[ \n]*-> CUresult;.*/, ";", text)
			gsub(/[ \n]+/, " ", text)
			gsub(/::std::os::raw::/, "", text)
			sub(/\( /, "(", text)
			sub(/, \);/, ");", text)
			print "\t" text
		}' "$raw/cuda.rs" | sort
	echo '}'
	echo
	echo 'results! {'
	awk '/^pub enum cudaError_enum \{/ { inside = 1; next } /^}/ { inside = 0 } inside && / = / { sub(/ *= .*/, ""); print "\t" $1 "," }' "$raw/cuda.rs"
	echo '}'
} >"$out"
