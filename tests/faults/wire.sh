#!/bin/bash
# Copies between two hosts (network namespaces) through a real sshd, while the cable is pulled,
# daemons are killed and the far disk fills up. Each ends identical; what was acknowledged never goes back.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/sshd.sh"
. "$fixtures/../support/netns.sh"
needs jq cmp sfdisk
netns_available || skip_all "$netns_why"
needs_sshd
trap 'stop_sshd; netns_down; umount "$work/small" 2>/dev/null; rm -rf "$work"' EXIT
netns_up
# Before the far host begins, which may not see later mounts.
mkdir small
mount -t tmpfs -o size=40M tmpfs small 2>/dev/null && small=yes || small=

sshd_wrap=(ip netns exec "$netns_id-far")
far_sshd() {
	start_sshd "ListenAddress $far_ip" "ListenAddress $far_ip6" || exit 1
}
far_sshd
fixed=$port
free_port() { echo "$fixed"; } # a server that comes back is where it was
# A file of our own: start_sshd writes its own anew, and clients are connecting meanwhile.
know_host ed25519 "$far_ip" >known
know_host ed25519 "$far_ip6" >>known
options=("${ssh_options[@]}" --known-hosts "$work/known")
there=ssh://root@$far_ip:$port

# 96 MiB, of which 72 can't be compressed; other.img is the same disk, of which these 72 have changed.
for disk in disk other; do
	{
		head -c 40M /dev/urandom
		head -c 12M /dev/zero
		head -c 32M /dev/urandom
		yes 'and some text' | head -c 12M
	} >$disk.img
	printf 'label-id: 0x0badcafe\n2048,,da\n' | sfdisk -q $disk.img
done

slow=(--rate 8M --timeout 10)
pass=first
begin() { # NAME WAY: starts the copy in the background; sets $pid, $image, $args
	args=(disk.img "$there$work/$1")
	[ "$2" = pull ] && args=("$there$work/disk.img" "$1")
	image=$1/$1-flat.vmdk
	[ "$pass" = first ] || [ -e "$1" ] || "$UNRACK" -q copy other.img "$1"
	rm -f json
	near "$UNRACK" --json copy "${args[@]}" "${options[@]}" "${slow[@]}" >json 2>errors &
	pid=$!
}
has_come_to() { # BYTES durable
	local i at
	for i in $(seq 600); do
		at=$(jq -s '[.[] | select(.event == "progress") | .done] | max // 0' json 2>/dev/null) || at=0
		[ "${at:-0}" -ge "$1" ] && return
		kill -0 $pid 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}
ends() { # WANT NAME
	wait $pid && rc=0 || rc=$?
	out=$(<json) err=$(<errors)
	exits "$1" "$2"
}
never_back() { # what is durable only grows, also from one connection to the next
	local back
	back=$(jq -s '[.[] | select(.event == "progress") | .done] | [., .[1:]] | transpose |
		map(select(.[1] != null and .[1] < .[0])) | length' json)
	is "$back" 0 "no acknowledged byte was sent again"
}
# At most one checkpoint (2 s of 8 MiB/s, and what is on its way) is repeated a cut.
repeated_less_than() { # MIB
	local sent data=84
	[ "$pass" = first ] || data=72
	sent=$(jq 'select(.result).data_bytes' json)
	ok "less than $1 MiB were sent twice" test $((sent - (data << 20))) -lt $(($1 << 20))
}
lost() { jq 'select(.result).lost_connections' json; }

for pass in first delta; do for way in push pull; do
	what="$way, $pass pass"
	begin "short-$way-$pass" $way
	ok "$what: under way" has_come_to $((16 << 20))
	near ip link set eth0 down
	sleep 5
	near ip link set eth0 up
	near ip -6 addr add $near_ip6/64 dev eth0 nodad 2>/dev/null
	ends 0 "$what: the link is down for 5 s"
	ok "identical" cmp disk.img "$image"
	never_back
	repeated_less_than 40

	begin "long-$way-$pass" $way
	has_come_to $((16 << 20))
	netns_cut
	sleep 60
	netns_mend
	ends 0 "$what: nothing gets through for 60 s"
	ok "identical" cmp disk.img "$image"
	ok "over another connection" test "$(lost)" -ge 1
	never_back
	repeated_less_than 40

	begin "killed-$way-$pass" $way
	has_come_to $((16 << 20))
	# shellcheck disable=SC2046
	kill -9 $(sshd_connections)
	ends 0 "$what: the sshd of the connection is killed"
	ok "identical" cmp disk.img "$image"
	is "$(lost)" 1 "over a second connection"
	never_back

	begin "away-$way-$pass" $way
	has_come_to $((16 << 20))
	stop_sshd
	sleep 4
	far_sshd
	ends 0 "$what: all of sshd is away for 4 s"
	ok "identical" cmp disk.img "$image"
	never_back

	slow=(--rate 8M --timeout 3 --reconnect 5)
	begin "good-$way-$pass" $way
	has_come_to $((16 << 20))
	netns_cut
	from=$SECONDS
	ends 4 "$what: the link is cut for good"
	ok "within the limits given" test $((SECONDS - from)) -lt 40
	like "$(jq -r 'select(.result).continue' json)" 'copy .*--reconnect 5' "the command that continues is told"
	netns_mend
	slow=(--timeout 3)
	durable=$(jq -s '[.[] | select(.event == "progress") | .done] | max' json)
	begin "good-$way-$pass" $way
	ends 0 "$what: it continues"
	ok "identical" cmp disk.img "$image"
	ok "from what was acknowledged" test "$(jq 'select(.result).resumed_bytes' json)" -ge "$durable"
	unrack verify "good-$way-$pass"
	exits 0 "and verified"
	slow=(--rate 8M --timeout 10)
done; done
pass=first

# --- A full disk there -----------------------------------------------------------------------
if [ "$small" ]; then
	slow=(--rate 8M --timeout 10)
	begin small/web01 push
	image=small/web01/web01-flat.vmdk
	ends 4 "the far disk is full"
	like "$err" 'MiB|missing|space' "how much is missing is said"
	is "$(jq -r 'select(.result).result' json)" nospace "as what it is"
	is "$(lost)" 0 "at once, without trying again"
	mount -o remount,size=300M small
	begin small/web01 push
	image=small/web01/web01-flat.vmdk
	ends 0 "with space, the same command finishes"
	ok "identical" cmp disk.img "$image"
	ok "it continued" test "$(jq 'select(.result).resumed_bytes' json)" -gt 0
	umount small
fi

# --- The rest --------------------------------------------------------------------------------
there="ssh://root@[$far_ip6]:$port"
slow=(--timeout 10)
begin six push
ends 0 "a push by IPv6"
ok "identical" cmp disk.img "$image"
there=ssh://root@$far_ip:$port

head -c 96M /dev/urandom >disk.img
# What TCP carries: of each packet, what is behind the headers of Ethernet, IP, and TCP with its time stamps.
payload() { # rx|tx
	near cat "/sys/class/net/eth0/statistics/$1_bytes" "/sys/class/net/eth0/statistics/$1_packets" |
		paste -sd' ' | awk '{ printf "%d", $1 - 66 * $2 }'
}
for way in push pull; do
	slow=(--rate 8M)
	[ $way = push ] && side=tx || side=rx
	begin "rate-$way" $way
	has_come_to $((16 << 20))
	from=$(payload $side) began=$(date +%s%N)
	sleep 6
	bytes=$(($(payload $side) - from)) took=$((($(date +%s%N) - began) / 1000000))
	ends 0 "$way: 96 MiB at 8 MiB/s"
	ok "within 5 % ($bytes bytes in $took ms)" test $((bytes * 1000 / took)) -gt $(((8 << 20) * 95 / 100)) -a \
		$((bytes * 1000 / took)) -lt $(((8 << 20) * 105 / 100))
done
done_testing
