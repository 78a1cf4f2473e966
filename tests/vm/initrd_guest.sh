#!/bin/bash
# Initrds that are made from nothing, out of a guest's own programs and modules (stand-ins here),
# as the mkinitrd of its release does: with root in a partition, in LVM and in a mirror of md. One with the driver of
# the physical machine finds root there only; one with that of the virtual machine finds it there.
# Of what those of RHEL 2.1 and 3 do not prove see initrd_ext2.sh. INITRDS may hold a pattern of the
# names to take.
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=../support/initrd_boots.sh
. "$fixtures/../support/initrd_boots.sh"
needs cc

# makes RELEASE OUT DRIVER: and what a kernel of today can boot, boot.img.
makes() {
	unrack initrd add "$2" --guest guest --kver "$kver" --driver "$3"
	exits 0 "$name: an initrd with $3 is made"
	unrack initrd check "$2" --modules guest --driver "$3"
	exits 0 "$name: unrack says that it finds root"
	case $1 in
	2.1 | 3) "$fixtures/ramdisk-boot.sh" "$2" boot.img ;;
	*) "$fixtures/nash-guest.sh" complete "$2" boot.img ;;
	esac
}

while IFS='|' read -r name release root args device; do
	# shellcheck disable=SC2053 # a pattern
	[[ $name == ${INITRDS:-*} ]] || continue
	rm -rf guest
	ok "$name: a guest's files" "$fixtures/nash-guest.sh" make "$release" "$root" guest
	makes "$release" physical.img "$INITRD_PHYSICAL"
	finds_root "$name finds its root on the physical machine" boot.img megasas-gen2 "$root" "$args"
	finds_none "$name finds none on $device" "$NO_NASH_ROOT" boot.img "$device" "$root" "$args"
	makes "$release" "$device.img" "${driver_of[$device]}"
	finds_root "$name finds it on $device with its driver" boot.img "$device" "$root" "$args"
	rm -f ./*.img
done <<END
el5|5|partition|root=UUID=$INITRD_PARTITION_UUID|ahci
el5-lvm|5|volume||nvme
el4|4|partition|root=LABEL=partition|pvscsi
el4-lvm|4|volume|root=/dev/VolGroup00/LogVol00|mptsas1068
el4-md|4|old-array|root=/dev/md0|pvscsi
el3-md|3|old-array|root=/dev/md0|mptsas1068
el3|3|partition|root=LABEL=partition|mptsas1068
el21|2.1|partition|root=/dev/sda1|pvscsi
END
done_testing
