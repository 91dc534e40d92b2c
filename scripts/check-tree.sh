#!/usr/bin/env bash
# Checks of the tree that need no compiler: one SDK release train, known licences, documented folders, scripts that can run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0
bad() { printf 'check-tree: %s\n' "$*" >&2; failed=1; }

# These three are versioned apart from the release train.
twice="$(awk '/^name = /{gsub(/"/,"",$3);print $3}' Cargo.lock | grep -E '^(sc|sp|frame|pallet|cumulus|polkadot)-' | sort | uniq -d |
	grep -vxE 'frame-decode|frame-metadata|sp-crypto-hashing' || true)"
[ -z "$twice" ] || bad "SDK crates that stand twice in Cargo.lock: $(echo $twice)"

foreign="$(grep -E '^source = ' Cargo.lock | grep -v 'registry+https://github.com/rust-lang/crates.io-index' | sort -u || true)"
[ -z "$foreign" ] || bad "Cargo.lock names sources other than crates.io: $foreign"

cargo metadata --format-version 1 --locked | python3 -c '
import json, re, sys
tree = open("deny.toml").read()
allowed = set(re.findall(r"\"([^\"]+)\"", re.search(r"allow = \[(.*?)\]", tree, re.S).group(1)))
def fits(expression):
    # SPDX: an OR needs one fitting side, an AND needs both.
    expression = expression.replace("/", " OR ").strip()
    while expression.startswith("(") and expression.endswith(")"):
        expression = expression[1:-1].strip()
    def split(word):
        parts, depth, last, tokens = [], 0, [], re.findall(r"\(|\)|[^\s()]+", expression)
        for t in tokens:
            depth += (t == "(") - (t == ")")
            if depth == 0 and t == word: parts.append(" ".join(last)); last = []
            else: last.append(t)
        return parts + [" ".join(last)]
    if len(p := split("OR")) > 1: return any(map(fits, p))
    if len(p := split("AND")) > 1: return all(map(fits, p))
    return expression in allowed
bad = [(p["name"], p["license"]) for p in json.load(sys.stdin)["packages"] if p["source"] and p["license"] and not fits(p["license"])]
for name, licence in bad: print(f"check-tree: licence of {name} is not in deny.toml: {licence}", file=sys.stderr)
sys.exit(bool(bad))' || failed=1

for script in scripts/{setup,demo,dev,test,bench,check-tree}.sh .ci/run; do [ -x "$script" ] || bad "$script has no run bit"; done
while read -r script; do [ -x "$script" ] || bad "README.md names $script, which is not there or has no run bit"; done \
	< <(grep -oE 'scripts/[a-z0-9_-]+\.sh' README.md | sort -u)
while read -r manifest; do
	[ -f "$(dirname "$manifest")/README.md" ] || bad "$(dirname "$manifest") has no README.md"
done < <(git ls-files '*/Cargo.toml')

exit "$failed"
