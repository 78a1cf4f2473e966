#!/bin/bash
# All kinds of servers, migrated by one command from another machine, which is an sshd of this test: copy
# over ssh, fix, vm, and a boot with network on the target's devices. Each line of JSON is held against
# unrack(1), and nothing is documented there that no run has shown. On the way a line is cut, and a run is
# stopped and goes on by the command that it tells. Takes a quarter of an hour. MIGRATE_SSH may hold a
# pattern of the names to take.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/sshd.sh"
needs qemu-img qemu-system-x86_64 losetup unshare jq perl
[ "$(id -u)" = 0 ] || skip_all "root is needed to make these servers"
needs_sshd
start_sshd || skip_all "sshd does not start here"
here=ssh://root@127.0.0.1:$port

begin() { # ARG...: unrack in the background; its output is in .out
	rm -f .out .err
	"$UNRACK" "$@" >.out 2>.err &
	pid=$!
	started $pid
}

finish() {
	rc=0
	wait $pid || rc=$?
	out=$(<.out) err=$(<.err)
}

copying() { # waits until something of the copy is durable
	local i
	for i in $(seq 600); do
		grep -q '"step":"copy".*"done":[1-9]' .out 2>/dev/null && return
		sleep 0.05
	done
	return 1
}

get() { jq -rs "$1" <.out; }

# One migration, as it is or with an accident.
migrate() { # ACCIDENT ARG...
	local accident=$1
	shift
	case $accident in
	none)
		unrack --json migrate "$@"
		;;
	cut)
		begin --json migrate "$@" --rate 8M
		ok "the copy is under way" copying
		# shellcheck disable=SC2046
		kill -9 $(sshd_connections)
		finish
		is "$(get 'last.lost_connections')" 1 "its line was cut, and it went on over a second one"
		;;
	stop)
		begin --json migrate "$@" --rate 8M
		ok "the copy is under way" copying
		kill -TERM $pid
		finish
		is "$rc" 130 "it is stopped"
		documented "what it wrote is documented"
		is "$(get 'last.failed_step'), $(get '[.[] | select(.event == "step") | "\(.name) \(.state)"] | join(", ")')" \
			"copy, copy running, copy interrupted" "in the copy"
		rc=0
		sh -c "$(get 'last.continue')" >.out 2>.err || rc=$?
		out=$(<.out) err=$(<.err)
		is "$(get 'last.resumed_bytes > 0')" true "the command that it tells goes on with what is there"
		;;
	esac
}

while IFS='|' read -r name server options devices accident; do
	# shellcheck disable=SC2053 # a pattern
	[[ $name == ${MIGRATE_SSH:-*} ]] || continue
	read -ra options <<<"$options"
	mapfile -t disks < <("$fixtures/$server-server.sh" "${options[@]}" 2>build.log)
	[ ${#disks[@]} -gt 0 ] || { result 1 "$name is built"; sed 's/^/# /' build.log; continue; }
	began=$SECONDS sources=("${disks[@]/#/$here}") wish=()
	[ "$devices" = auto ] || wish=(--scsi "${devices%/*}" --nic "${devices#*/}")
	[ "$devices" = auto ] && devices=pvscsi/vmxnet3
	before=$(cat "${disks[@]}" | sha256sum)
	unrack --json scan "${sources[@]}" "${ssh_options[@]}"
	exits 0 "$name: its disks are seen from here"
	documented "as is documented"
	is "$(get 'last.disks | length')" ${#disks[@]} "all of them"

	migrate "$accident" "${sources[@]}" "$name" --esx 6.7 "${wish[@]}" --require-proof "${ssh_options[@]}"
	exits 0 "$name is migrated onto $devices"
	documented "each line of its JSON is documented"
	is "$(get '[.[] | select(.event == "step") | "\(.name) \(.state)"] | join(", ")')" \
		"copy running, copy done, fix running, fix done, vm running, vm done, boot running, boot done" "its steps are told"
	is "$(get 'last | "\(.target.scsi)/\(.target.nic) \(.proof) \(.up) \(.dhcp) \(.stage)"')" "$devices boot true true network" \
		"the VM comes up with network"
	like "$(get last.ssh)" '^SSH-2\.0-' "to the banner of its ssh server"
	is "$(get 'last | "\(.disk_count) \(.bytes)"')" "${#disks[@]} $(cat "${disks[@]}" | wc -c)" "all was copied"
	is "$(get '([.[] | select(.event == "edit")] | length) == last.edit_count')" true "each change is told"
	is "$(get '[.[] | select(.event == "link" and .state == "bad")] | length')" 0 "no link of the boot chain is bad"
	is "$(get '[.[] | select(.event == "progress" and .step == "copy" and .done == .total) | .disk] | unique | length')" ${#disks[@]} \
		"the progress of each disk comes to its end"
	is "$(jq -r '[.steps[] | select(.state == "done") | .name] | join(" ")' "$name/unrack/manifest.json")" "copy fix vm boot" \
		"the manifest has the steps"
	is "$(cat "${disks[@]}" | sha256sum)" "$before" "nothing was written there"
	unrack --json verify "$name"
	exits 0 "the images are what was copied and what was repaired"
	documented "as is documented"
	echo "# $name: $((SECONDS - began)) s"
	[ "$name" = el5 ] || rm -r "$name"
done <<'END'
el5|el5|--hostname payroll|lsisas1068/e1000e|none
el6|el6||sata/e1000|none
el7|el7||nvme/vmxnet3|cut
el8|el7|--release 8 --driver megaraid_sas --compress xz --early-microcode yes --ifname eth0|lsisas1068/e1000|stop
el9|el7|--release 9 --label gpt --root-fs xfs --compress zstd|sata/e1000e|none
el9-disks|el7|--release 9 --disks 2|auto|none
END

unrack --json migrate "ssh://127.0.0.1:$(free_port)/dev/sda" nobody --esx 6.7 "${ssh_options[@]}"
exits 4 "nobody listens"
documented "as is documented"
is "$(get 'last | "\(.result) \(.failed_step)"')" "lost copy" "it is the copy that fails"
unrack --json migrate "$here$work/missing.img" nobody --esx 6.7 "${ssh_options[@]}"
exits 4 "a disk that is not there"
documented "as is documented"
[ -n "${MIGRATE_SSH:-}" ] && done_testing

# What the other commands say of a machine.
others() { # NAME STATUS ARG...
	local name=$1 status=$2
	shift 2
	unrack --json "$@"
	exits "$status" "$name"
	documented "as is documented"
}
others "inspect" 0 inspect el5
others "vm" 0 vm el5
others "check" 0 check el5
others "a boot that can't be tried, of a VM that is not right for it" 1 boot el5 --scsi lsilogic --nic vlance
is "$(get last.proof)" static "is answered by the check"
others "fix --undo" 0 fix el5 --undo
others "fix --dry-run" 0 fix el5 --dry-run
others "check of what is not repaired" 1 check el5
others "a boot of what is not repaired" 1 boot el5
truncate -s 1M none.img
others "a copy from here" 0 copy none.img none --live
others "export" 0 export el5 -o el5-stream
others "a scan of all kinds of disks" 0 scan el5/el5-flat.vmdk el5/el5-flat.vmdk none.img missing.img

# Partitions have nodes only where the kernel makes them, and those of an image it seldom does.
perl "$fixtures/../support/json_events.pl" --unseen .seen | grep -Ev ': object partition: (path|used_by)$' >unseen
is "$(<unseen)" "" "no member is documented in vain"
done_testing
