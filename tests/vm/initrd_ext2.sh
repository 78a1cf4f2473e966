#!/bin/bash
# Initrds that are ext2 filesystems, as mkinitrd of RHEL 2.1 and 3 made them, with their /linuxrc,
# run under a kernel of today by way of its ramdisks: they find no root on controllers of virtual
# machines, and do when `unrack initrd add` has put in the driver; one of them has to grow for it.
#
# What can't be proven so: the ramdisk code and real-root-dev of a kernel of the 2.4 series, its
# modules (*.o of that format, insmod, symbol versions), BusLogic (QEMU has none) and the mptscsih
# of that time; and nash, which is a stand-in. The drivers are those of the kernel of today under
# names like those of 2.4.
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=../support/initrd_boots.sh
. "$fixtures/../support/initrd_boots.sh"
needs e2fsck dumpe2fs

# loaded RAMDISK: the initramfs that makes it the root, loaded.img.
loaded() {
	ok "a kernel of today can load $1" "$fixtures/ramdisk-boot.sh" "$1" loaded.img 8192
}

# field IMAGE NAME: of its superblock.
field() {
	gzip -dc "$1" >raw.img
	dumpe2fs -h raw.img 2>/dev/null | sed -n "s/^$2: *//p"
}

while IFS='|' read -r name options args devices; do
	# shellcheck disable=SC2053 # a pattern
	[[ $name == ${INITRDS:-*} ]] || continue
	read -ra options <<<"$options"
	ok "$name is built" "$fixtures/nash-initrd.sh" "${options[@]}" --out "$name.img"
	[ -e "$name.img" ] || continue
	size=$(field "$name.img" 'Block count')
	lacks "$(debugfs -R 'ls -p /lib' raw.img 2>/dev/null | cut -d/ -f6)" "$name"
	loaded "$name.img"
	finds_root "$name finds its root on the physical machine" loaded.img megasas-gen2 partition "$args"
	for device in $devices; do
		finds_none "$name finds none on $device" "$NO_NASH_ROOT" loaded.img "$device" partition "$args"
	done
	for device in $devices; do
		adds "$name for $device" "$name.img" "$name-$device.img" o "$device" --driver "${driver_of[$device]}"
		now=$(field "$name-$device.img" 'Block count')
		ok "$name for $device: e2fsck finds it clean" e2fsck -fn raw.img
		ok "$name for $device: $now blocks fit the ramdisk" test "$now" -le 8192
		[ $name != el3-full ] || ok "$name for $device: it has grown" test "$now" -gt "$size"
		loaded "$name-$device.img"
		finds_root "$name finds it on $device with its driver" loaded.img "$device" partition "$args"
	done
	rm -f "$name"*.img
done <<'END'
el21|--release 2.1|root=/dev/sda1|pvscsi mptsas1068
el3|--release 3|root=LABEL=partition|pvscsi mptsas1068
el3-full|--release 3 --size 5600|root=/dev/sda1|mptsas1068
END
done_testing
