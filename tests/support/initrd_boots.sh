# shellcheck shell=bash
# Sourced by tests that boot initrds, after lib.sh: a disk with four roots, a kernel of today, and
# what is seen of them on the screen of a machine with one disk controller.
#
# The physical machine has a megasas-gen2, whose driver is in every image before it is changed.

# shellcheck source=../fixtures/cache.sh
. "$fixtures/cache.sh"
set +e
for part in kernel userland dracut initrd-tree; do
	# shellcheck source=/dev/null
	. "$fixtures/$part.sh"
done
# shellcheck disable=SC2034 # for the scripts of fixtures
FIXTURES=$fixtures

needs qemu-system-x86_64 cpio debugfs depmod losetup unshare
[ "$(id -u)" = 0 ] || skip_all "root is needed to make the disk of these initrds"
disk=$("$fixtures/initrd-root.sh" 2>build.log) || skip_all "the disk can't be built here: $(tail -1 build.log)"
kernel=$(kernel_tree)
kver=$(kernel_version "$kernel")
modules=$(initrd_modules)

# Per device of QEMU the driver of its disks, and what unrack calls it.
declare -A driver_of=([megasas-gen2]=megaraid_sas [pvscsi]=vmw_pvscsi [mptsas1068]=mptsas [ahci]=ahci [nvme]=nvme)
declare -A scsi_of=([pvscsi]=pvscsi [mptsas1068]=lsisas1068 [ahci]=sata [nvme]=nvme)
TARGET_DRIVERS='vmw_pvscsi|mptbase|mptscsih|mptsas|libata|libahci|ahci|nvme-core|nvme'

# For images by dracut: where root is, how to give up in time, and what they say then.
declare -A root_args=(
	[partition]="root=UUID=$INITRD_PARTITION_UUID"
	[volume]="root=/dev/mapper/VolGroup00-LogVol00 rd.lvm.lv=VolGroup00/LogVol00"
	[array]="root=UUID=$INITRD_ARRAY_UUID rd.md.uuid=$INITRD_MD_UUID"
)
# What of the disk it is on, whose name may end with a p.
declare -A root_parts=([partition]='[a-z0-9]+1' [volume]='[a-z0-9]+2' [old-array]='[a-z0-9]+3[+][a-z0-9]+5' [array]='[a-z0-9]+6[+][a-z0-9]+7')
GIVE_UP='rd.retry=10 rd.shell=0 rd.emergency=poweroff'
NO_DRACUT_ROOT='does not ?exist'

# What a nash of RHEL 5 says, and those before.
NO_NASH_ROOT='could not find filesystem|mounting /dev/root on /sysroot'

# boot IMAGE DEVICE ROOT ARGS: 0: the ROOT, one of root_parts, was found whole by the device's
# driver; 1: the guest has given up; 2: neither in time. What it said is in screen.txt.
boot() {
	local image=$1 device=$2 root=$3 args=$4
	# An emulated timer is late on a busy machine, and the kernel takes it for broken.
	timeout 1200 "$fixtures/boot-raw.sh" "$disk" --disk "$device" --nic none --timeout "${BOOT_TIMEOUT:-1000}" \
		--until "ROOT-UP $root ${root_parts[$root]} ${driver_of[$device]} *\$" --fail 'ROOT-UP|Kernel panic' --keep "$work" -- \
		-kernel "$kernel/boot/vmlinuz-$kver" -initrd "$image" -append "ro loglevel=4 no_timer_check $args" >boot.log 2>&1
}

# finds_root NAME IMAGE DEVICE ROOT ARGS
finds_root() {
	local name=$1 r=0 from=$SECONDS
	shift
	boot "$@" || r=$?
	if result "$r" "$name"; then
		echo "# in $((SECONDS - from)) s"
	else
		sed 's/^/# /' boot.log screen.txt
	fi
}

# finds_none NAME SAYS IMAGE DEVICE ROOT ARGS: it gives up, for the reason that SAYS is of.
finds_none() {
	local name=$1 says=$2 r=0 from=$SECONDS
	shift 2
	boot "$@" || r=$?
	is "$r" 1 "$name" || sed 's/^/# /' boot.log screen.txt
	# A line has 80 columns, and trailing blanks are cut.
	like "$(tr -d '\n' <screen.txt)" "$says" "it says that there is no such disk" && echo "# in $((SECONDS - from)) s"
	unlike "$(<screen.txt)" 'ROOT-UP' "and no root is up"
}

# lacks NAMES NAME: no driver of a virtual machine's disk is among the members.
lacks() {
	is "$(grep -E "(^|/)($TARGET_DRIVERS)\.(ko|o)(\.[a-z]+)?$" <<<"$1")" "" "$2: no driver of a virtual machine's disk is in it"
	like "$1" "$INITRD_PHYSICAL" "$2: but that of the physical machine's is"
}

# adds NAME IMAGE OUT MODULES DEVICE OPTION...: the image is refused before, changed, and right
# then; a second time nothing changes.
adds() {
	local name=$1 image=$2 new=$3 folder=$modules/$4/lib/modules device=$5
	shift 5
	unrack initrd check "$image" --modules "$folder" --kver "$kver" "$@"
	exits 1 "$name: unrack says that it would find no root"
	like "$out" "${driver_of[$device]}" "$name: and names the driver"
	unrack initrd add "$image" --modules "$folder" --kver "$kver" "$@" -o "$new"
	exits 0 "$name: the driver is added"
	unrack initrd check "$new" --modules "$folder" --kver "$kver" "$@"
	exits 0 "$name: unrack says that it finds it"
	unrack initrd add "$new" --modules "$folder" --kver "$kver" "$@" -o twice.img
	exits 0 "$name: a second time"
	is "$([ -e twice.img ] && cmp twice.img "$new" 2>&1)" "" "$name: changes nothing"
	rm -f twice.img
}
