#!/bin/bash
# What a fix takes: the start of libguestfs's appliance, which is libguestfs's and, where KVM does
# not work, emulated; and all the rest, which is ours: mounting, inspection, edits and check in the
# appliance, the write to the images, the undo data, and the program's own start and end.
#
#   fix.sh [ROUNDS]      ROUNDS of each server (default 3). Prints seconds; exit status 1 when the
#                        rest is over its limit in every round, 3 when a fix fails
set -eu
here=$(cd "$(dirname "$0")" && pwd)
UNRACK=${UNRACK:-$here/../../build/unrack}
rounds=${1:-3}
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/unrack-bench-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# The number that REGEX catches in what the fix said.
said() { # REGEX
	sed -nE "s/.*$1.*/\1/p" fix.log | tail -1
}

# One fix and its undo: a line of numbers.
fix() { # FOLDER
	local from to
	from=$EPOCHREALTIME
	"$UNRACK" -v fix "$1" --esx 6.7 --scsi pvscsi --nic vmxnet3 >/dev/null 2>fix.log ||
		{ cat fix.log >&2; exit 3; }
	to=$EPOCHREALTIME
	[ "$(grep -c 'starting the appliance' fix.log)" = 1 ] ||
		{ echo "the appliance was started more than once" >&2; exit 3; }
	"$UNRACK" -q fix "$1" --undo || exit 3
	awk -v all="$(awk "BEGIN { print $to - $from }")" -v ready="$(said 'ready after ([0-9.]+) seconds')" \
		-v open="$(said 'seconds: ([0-9.]+) until')" -v edit="$(said 'mounted, ([0-9.]+) for looking')" \
		-v write="$(said 'checking, ([0-9.]+) for writing')" \
		'BEGIN { printf "%.2f %.2f %.2f %.2f %.2f %.2f", all, ready, all - ready, open - ready, edit, write }'
}

over=0
printf '%-12s %8s %10s %8s %8s %8s %8s %8s\n' server all appliance rest mount edit write limit
while read -r name server limit options; do
	# shellcheck disable=SC2086 # several options
	mapfile -t disks < <("$here/../fixtures/$server-server.sh" $options)
	[ ${#disks[@]} -gt 0 ] || exit 3
	"$UNRACK" -q copy "${disks[@]}" "$name"
	good=0
	for _ in $(seq "$rounds"); do
		numbers=$(fix "$name")
		read -r all ready rest mount edit write <<<"$numbers"
		printf '%-12s %8s %10s %8s %8s %8s %8s %8s\n' "$name" "$all" "$ready" "$rest" "$mount" "$edit" "$write" "$limit"
		! awk "BEGIN { exit !($rest < $limit) }" || good=1
	done
	[ $good = 1 ] || over=1
	rm -r "$name"
done <<END
el5 el5 5
el6 el6 8
el6-disks el6 8 --disks 2
el7 el7 8
el7-gpt-xfs el7 8 --label gpt --boot-fs xfs --root-fs xfs --compress zstd
el8 el7 8 --release 8 --driver megaraid_sas --compress xz --early-microcode yes --ifname eth0
el9-disks el7 8 --release 9 --disks 2
END
exit $over
