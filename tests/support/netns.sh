# shellcheck shell=bash
# Sourced: two hosts on one machine, "near" and "far", joined by a cable. Needs root.
#
#   netns_available           whether this can work here; else $netns_why says why not
#   netns_up [RATE]           makes both; RATE as tc has it (1gbit), or none. Sets the addresses
#                             $near_ip and $far_ip (IPv4) and $near_ip6 and $far_ip6
#   netns_rate RATE           another rate, or "none"
#   near COMMAND... / far COMMAND...   runs it there
#   netns_cut / netns_mend    pulls the cable out (nothing gets through, nobody is told); puts it back
#   netns_down                ends what still runs there, and removes both; call it in the EXIT trap
#
# MTU 1500: a bucket that is shorter than a jumbo segment would drop it.

netns_id=unrack-$$
near_ip=10.77.0.1 far_ip=10.77.0.2
near_ip6=fd77::1 far_ip6=fd77::2
netns_why=
PATH=$PATH:/usr/sbin:/sbin

near() { ip netns exec "$netns_id-near" "$@"; }
far() { ip netns exec "$netns_id-far" "$@"; }

netns_available() {
	if [ "$(id -u)" != 0 ]; then
		netns_why="network namespaces need root"
	elif ! command -v ip >/dev/null || ! command -v tc >/dev/null; then
		netns_why="ip and tc (Debian: iproute2) are not installed"
	elif ! ip netns add "$netns_id-try" 2>/dev/null; then
		netns_why="network namespaces can't be made here"
	else
		ip netns del "$netns_id-try"
		return 0
	fi
	return 1
}

netns_up() { # [RATE]
	local side
	for side in near far; do
		ip netns add "$netns_id-$side"
		ip -n "$netns_id-$side" link set lo up
	done
	ip link add eth0 netns "$netns_id-near" type veth peer name eth0 netns "$netns_id-far"
	ip -n "$netns_id-near" addr add $near_ip/24 dev eth0
	ip -n "$netns_id-near" addr add $near_ip6/64 dev eth0 nodad
	ip -n "$netns_id-far" addr add $far_ip/24 dev eth0
	ip -n "$netns_id-far" addr add $far_ip6/64 dev eth0 nodad
	for side in near far; do
		ip -n "$netns_id-$side" link set eth0 mtu 1500 up
	done
	netns_rate "${1:-none}"
}

netns_rate() { # RATE
	local side
	for side in near far; do
		if [ "$1" = none ]; then
			tc -n "$netns_id-$side" qdisc del dev eth0 root 2>/dev/null || true
		else
			tc -n "$netns_id-$side" qdisc replace dev eth0 root tbf rate "$1" burst 256k latency 50ms
		fi
	done
}

netns_cut() {
	local side
	for side in near far; do
		tc -n "$netns_id-$side" qdisc replace dev eth0 root blackhole
	done
}

netns_mend() { # [RATE]
	local side
	for side in near far; do
		tc -n "$netns_id-$side" qdisc del dev eth0 root
	done
	netns_rate "${1:-none}"
}

netns_down() {
	local side pids
	for side in near far; do
		[ -e "/run/netns/$netns_id-$side" ] || continue
		pids=$(ip netns pids "$netns_id-$side")
		# shellcheck disable=SC2086 # one word a process
		[ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
		ip netns del "$netns_id-$side"
	done
}
