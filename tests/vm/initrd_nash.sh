#!/bin/bash
# Initrds as mkinitrd made them for RHEL 4 and 5 (their scripts, with a stand-in for nash and the
# modules of a kernel of today) find no root on controllers of virtual machines, and do when
# `unrack initrd add` has put in the driver: on the partition, in LVM and in a mirror of md (the
# ioctl that starts it is a stand-in's). Every release, packing
# (mkinitrd's was gzip; kernels read all), root and kind of modules occurs, each packing meets at
# least two controllers and each controller at least two images; not every product of them.
# INITRDS may hold a pattern of the names to take.
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=../support/initrd_boots.sh
. "$fixtures/../support/initrd_boots.sh"

while IFS='|' read -r name options root files args devices; do
	# shellcheck disable=SC2053 # a pattern
	[[ $name == ${INITRDS:-*} ]] || continue
	read -ra options <<<"$options"
	ok "$name is built" "$fixtures/nash-initrd.sh" "${options[@]}" --root "$root" --out "$name.img"
	[ -e "$name.img" ] || continue
	lacks "$(image_members "$name.img")" "$name"
	finds_root "$name finds its root on the physical machine" "$name.img" megasas-gen2 "$root" "$args"
	for device in $devices; do
		finds_none "$name finds none on $device" "$NO_NASH_ROOT" "$name.img" "$device" "$root" "$args"
		adds "$name for $device" "$name.img" "$name-$device.img" "$files" "$device" --driver "${driver_of[$device]}"
		finds_root "$name finds it on $device with its driver" "$name-$device.img" "$device" "$root" "$args"
	done
	rm -f "$name"*.img
done <<END
el5|--release 5|partition|ko|root=UUID=$INITRD_PARTITION_UUID|pvscsi nvme
el5-lvm-xz|--release 5 --compress xz|volume|xz||mptsas1068 ahci
el5-md|--release 5|old-array|ko|root=/dev/md0|pvscsi
el4|--release 4 --early-microcode yes|partition|xz|root=LABEL=partition|mptsas1068 ahci
el4-lvm-zstd|--release 4 --compress zstd --early-microcode yes|volume|ko|root=/dev/VolGroup00/LogVol00|pvscsi nvme
END
done_testing
