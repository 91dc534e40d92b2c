#!/usr/bin/env bash
# A small internet on one machine, to see the mesh behind NAT and firewalls: network namespaces, no container, no VM.
#
#     client --+                +-- nat -- worker       client    10.77.0.40
#              |                |                       relay0/1  10.77.0.10, 10.77.0.11
#     node   --+--- internet ---+                       node      10.77.0.20
#              |                |                       nat       10.77.0.30 outside, 192.168.77.1 inside (nftables masquerade,
#     relay0 --+                +-- relay1                        nothing comes in that was not asked for)
#                                                       worker    192.168.77.2
#
#   scripts/mesh-lab.sh test [--loopback] [SCENARIO...]   build, lay the network, run the scenarios in it, take it away
#   scripts/mesh-lab.sh up | down                         lay the network and keep it; take it away
#   scripts/mesh-lab.sh exec PLACE COMMAND...             run a command at a place
#   scripts/mesh-lab.sh udp block | allow                 the worker's firewall lets no UDP through; or does
#   scripts/mesh-lab.sh rate PLACE RATE | off             limit what leaves a place, e.g. relay1 4mbit (tc tbf)
#
# `up` needs root and a kernel with network namespaces, veth, NAT and tbf. netem is not needed: where a path must be slow, the tests put
# a proxy of their own before a relay that holds everything back. `test --loopback` is the reduced form for machines without such
# rights: everything on 127.0.0.1, no NAT, no firewall. It says so, and without it a machine that cannot do more fails.
#
# Most scenarios try the mesh with a worker of their own; in the last one the real io-node, io-relay, io-worker and io settle a job.
#
# IO_LAB: the prefix of the namespaces' names (io-lab). IO_LAB_ROUNDS: transfers during which a relay is killed (10).
# IO_BIN_DIR: the folder of the programs, if they are built already. IO_LAB_BIN: the test program, likewise.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

LAB="${IO_LAB:-io-lab}"
PLACES=(internet client node relay0 relay1 nat worker)
declare -A ADDRESS=([client]=10.77.0.40 [node]=10.77.0.20 [relay0]=10.77.0.10 [relay1]=10.77.0.11 [nat]=10.77.0.30)

say() { printf 'mesh-lab: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
at() { local place="$1"; shift; ip netns exec "$LAB-$place" "$@"; }

down() {
	local place pid
	for place in "${PLACES[@]}"; do
		[ -e "/run/netns/$LAB-$place" ] || continue
		# What still runs there would keep the namespace alive.
		for pid in $(ip netns pids "$LAB-$place"); do kill -9 "$pid" 2>/dev/null || true; done
		ip netns del "$LAB-$place"
	done
}

# cable PLACE ADDRESS: joins a place with the bridge that is the internet.
cable() {
	ip -n "$LAB-internet" link add "to-$1" type veth peer name wan netns "$LAB-$1"
	ip -n "$LAB-internet" link set "to-$1" master bridge up
	ip -n "$LAB-$1" addr add "$2/24" dev wan
	ip -n "$LAB-$1" link set wan up
}

# may_lay: ends with an error where no network can be laid.
may_lay() {
	[ "$(id -u)" -eq 0 ] || die 'network namespaces need root; `scripts/mesh-lab.sh test --loopback` is the reduced form without them'
	unshare --net true 2>/dev/null || die 'this kernel or container allows no network namespaces; `test --loopback` is the reduced form'
}

up() {
	may_lay
	local tool place
	for tool in ip tc nft; do command -v "$tool" >/dev/null || die "$tool is not here; scripts/setup.sh tests installs it"; done
	down
	for place in "${PLACES[@]}"; do
		ip netns add "$LAB-$place"
		ip -n "$LAB-$place" link set lo up
	done
	ip -n "$LAB-internet" link add bridge type bridge
	ip -n "$LAB-internet" link set bridge up
	for place in "${!ADDRESS[@]}"; do cable "$place" "${ADDRESS[$place]}"; done

	ip -n "$LAB-worker" link add lan type veth peer name lan netns "$LAB-nat"
	ip -n "$LAB-worker" addr add 192.168.77.2/24 dev lan
	ip -n "$LAB-worker" link set lan up
	ip -n "$LAB-nat" addr add 192.168.77.1/24 dev lan
	ip -n "$LAB-nat" link set lan up
	ip -n "$LAB-worker" route add default via 192.168.77.1
	at nat sysctl -qw net.ipv4.ip_forward=1
	at nat nft -f - <<-'NFT'
		table ip lab {
			chain outgoing { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
			chain through {
				type filter hook forward priority filter; policy drop;
				jump blocked
				ct state established,related accept
				iifname "lan" accept
			}
			chain into {
				type filter hook input priority filter; policy drop;
				ct state established,related accept
				iifname "lan" accept
			}
			chain blocked { }
		}
	NFT
}

udp() {
	[ "$1" = block ] || [ "$1" = allow ] || die "udp $1: block or allow"
	at nat nft flush chain ip lab blocked
	[ "$1" = allow ] || at nat nft add rule ip lab blocked meta l4proto udp drop
}

rate() {
	at "$1" tc qdisc del dev wan root 2>/dev/null || true
	[ "$2" = off ] || at "$1" tc qdisc add dev wan root tbf rate "$2" burst 64k latency 200ms
}

# The path of the test program in what `cargo test --message-format=json` prints.
lab_program() { jq -r 'select(.executable and .target.name == "lab") | .executable'; }

run_tests() {
	local loopback=''
	if [ "${1:-}" = --loopback ]; then
		loopback=1
		shift
	else
		# Before the build, which takes long.
		may_lay
	fi
	export IO_LAB_ROUNDS="${IO_LAB_ROUNDS:-10}"
	local lab="${IO_LAB_BIN:-}"
	if [ -z "$lab" ]; then
		prepare tests
		build
		# The program itself, not through cargo, which has no business in a namespace.
		lab="$(cargo test --locked --workspace --all-targets --no-run --message-format=json | lab_program)"
	fi
	[ -x "$lab" ] || die 'the test program was not built'
	if [ -n "$loopback" ]; then
		say 'REDUCED FORM: on loopback, without NAT and firewall. What needs them is not tested.'
		exec "$lab" "$@"
	fi
	trap down EXIT
	up
	IO_LAB="$LAB" IO_LAB_SCRIPT="$ROOT/scripts/mesh-lab.sh" ip netns exec "$LAB-client" "$lab" "$@"
}

case "${1:-}" in
test) shift; run_tests "$@" ;;
up) up; say "up. Try: scripts/mesh-lab.sh exec worker ip addr" ;;
down) down ;;
exec) [ $# -ge 3 ] || die 'exec PLACE COMMAND...'; shift; at "$@" ;;
udp) [ $# -eq 2 ] || die 'udp block | allow'; udp "$2" ;;
rate) [ $# -eq 3 ] || die 'rate PLACE RATE | off'; rate "$2" "$3" ;;
*) usage >&2; exit 2 ;;
esac
