#!/bin/bash
# Host-only initramfs images by Debian's own dracut, with and without systemd, find no root on
# controllers of virtual machines, and do when `unrack initrd add` has appended the driver. Every
# packing, with and without systemd, root and controller occurs, each image meets two
# controllers; early microcode is in front of half of them, modules packed by xz are in those
# with systemd and in the folder that drivers are taken from; not every product of them.
# INITRDS may hold a pattern of the names to take.
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=../support/initrd_boots.sh
. "$fixtures/../support/initrd_boots.sh"

while IFS='|' read -r name init options root devices; do
	# shellcheck disable=SC2053 # a pattern
	[[ $name == ${INITRDS:-*} ]] || continue
	read -ra options <<<"$options"
	image=$("$fixtures/initramfs.sh" --init "$init" "${options[@]}" 2>build.log)
	result $? "$name is built" || { sed 's/^/# /' build.log; continue; }
	files=ko args="${root_args[$root]} $GIVE_UP"
	[ "$init" = scripts ] || files=xz
	members=$(image_members "$image")
	lacks "$members" "$name"
	like "$members" "$([ "$init" = scripts ] && echo $'\nlib/modules/.*/megaraid_sas\.ko\n' || echo $'\nusr/lib/modules/.*/megaraid_sas\.ko\.xz\n')" \
		"$name: modules are where its release has them"
	finds_root "$name finds its root on the physical machine" "$image" megasas-gen2 "$root" "$args"
	for device in $devices; do
		finds_none "$name finds none on $device" "$NO_DRACUT_ROOT" "$image" "$device" "$root" "$args"
		adds "$name for $device" "$image" "$name-$device.img" $files "$device" --scsi "${scsi_of[$device]}"
		finds_root "$name finds it on $device with its driver" "$name-$device.img" "$device" "$root" "$args"
	done
	rm -f "$name"*.img
done <<'END'
scripts-gzip|scripts|--compress gzip|partition|pvscsi nvme
scripts-xz|scripts|--compress xz --early-microcode yes|volume|mptsas1068 ahci
scripts-zstd|scripts|--compress zstd|volume|pvscsi mptsas1068
systemd-gzip|systemd|--compress gzip --early-microcode yes|volume|pvscsi ahci
systemd-xz|systemd|--compress xz|partition|mptsas1068 nvme
systemd-zstd|systemd|--compress zstd --early-microcode yes|volume|ahci nvme
END
done_testing
