#!/bin/bash
# The servers with LVM and dracut are what they say: each boots on its physical machine and not
# on a VM's devices, and its initramfs has the one's drivers and not the other's. Without
# arguments all of them; FIXTURES47 may hold a pattern of the names to take.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-system-x86_64 losetup unshare debugfs cpio
# shellcheck source=../fixtures/cache.sh
. "$fixtures/cache.sh"
set +e
# shellcheck source=../fixtures/dracut.sh
. "$fixtures/dracut.sh"
[ "$(id -u)" = 0 ] || skip_all "root is needed to make these servers"

boots() { # NAME BOOT-RAW-ARGUMENT...
	local name=$1
	shift
	ok "$name" nice -n 10 "$fixtures/boot-raw.sh" "${disks[@]}" --timeout 240 "$@"
}

# A guest that finds no root ends by panic or power off: that it says nothing is no proof.
gives_up() { # NAME BOOT-RAW-ARGUMENT...
	local name=$1 r=0 said
	shift
	said=$(nice -n 10 "$fixtures/boot-raw.sh" "${disks[@]}" --timeout 240 "$@" 2>&1) || r=$?
	is "$r" 1 "$name"
	like "$said" "qemu-ended|Kernel panic" "it gives up the search for its root"
	unlike "$said" "ssh-banner|dhcp" "without network"
}

# What the image of /boot holds, read from the disk; the boot partition is ext4.
members() { # IMAGE START
	local name
	name=$(debugfs -R 'ls -p /' "$1?offset=$(($2 * 512))" 2>/dev/null | sed -n 's,.*/\(initramfs-[0-9][^/]*\.img\)/.*,\1,p' | head -1)
	debugfs -R "dump /$name initramfs.img" "$1?offset=$(($2 * 512))" 2>/dev/null
	image_members initramfs.img
}

has_drivers() { # NAME MODULES-FOLDER DRIVER: of the image in $members
	ok "$1: $3 is in $2" grep -Eq "^$2/[^/]+/kernel/drivers/[^ ]+/$3\.ko" <<<"$members"
	ok "$1: and the network card's driver" grep -q '/e1000\.ko' <<<"$members"
	is "$(grep -E "/($VIRTUAL_DRIVERS)\.ko" <<<"$members")" "" "$1: no driver of a virtual machine is"
}

GIVE_UP7='rd.retry=10 rd.shell=0 rd.emergency=poweroff'
GIVE_UP6='rd.retry=10 rd.shell=0'
while IFS='|' read -r name server options start modules driver machine; do
	# shellcheck disable=SC2053 # a pattern
	[[ $name == ${FIXTURES47:-*} ]] || continue
	give_up=$GIVE_UP7
	[ "$server" = el7 ] || give_up=$GIVE_UP6
	read -ra options <<<"$options"
	read -ra machine <<<"$machine"
	mapfile -t disks < <("$fixtures/$server-server.sh" "${options[@]}" --args "$give_up" 2>build.log)
	[ ${#disks[@]} -gt 0 ] || { result 1 "$name is built"; sed 's/^/# /' build.log; continue; }
	result 0 "$name is built"
	if [ "$start" != - ]; then
		members=$(members "${disks[0]}" "$start")
		has_drivers "$name" "$modules" "$driver"
	fi
	[ ${#disks[@]} = 1 ] || disks=("${disks[0]}" --with "${disks[1]}")
	boots "$name comes up on its physical machine" "${machine[@]}"
	gives_up "$name does not on pvscsi and vmxnet3" --disk pvscsi --nic vmxnet3
done <<'END'
el6|el6||2048|lib/modules|ahci|--machine q35
el6-zstd-disks|el6|--disks 2 --vg vg_a-b --compress zstd|2048|lib/modules|ahci|--machine q35
el7|el7||2048|usr/lib/modules|ahci|--machine q35
el7-gpt-xfs|el7|--label gpt --boot-fs xfs --root-fs xfs --compress zstd --vg centos_web-01|-|||--machine q35
el8|el7|--release 8 --driver megaraid_sas --compress xz --early-microcode yes|2048|usr/lib/modules|megaraid_sas|--machine q35 --disk megasas-gen2
el9-disks|el7|--release 9 --disks 2|2048|usr/lib/modules|ahci|--machine q35
END
done_testing
