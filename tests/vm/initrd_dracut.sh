#!/bin/bash
# Host-only initramfs images by Debian's own dracut, with and without systemd, find no root on
# controllers of virtual machines, and do when `unrack initrd add` has appended the driver. Every
# packing, with and without systemd, root and controller occurs, each image meets two
# controllers; early microcode is in front of half of them, modules packed by xz are in those
# with systemd and in the folder that drivers are taken from; not every product of them. Those
# with root in a mirror of md need mdadm, which is in the image or is not, and modules, which can be added.
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
		adds "$name for $device" "$image" "$name-$device.img" $files "$device" --scsi "${scsi_of[$device]}" --args "$args"
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
scripts-md|scripts|--compress gzip --md yes|array|pvscsi
systemd-md|systemd|--compress zstd --md yes|array|nvme
END

name=md-tools args="root=/dev/md0 rd.md.uuid=$INITRD_MD_UUID $GIVE_UP"
# shellcheck disable=SC2053 # a pattern
if [[ $name == ${INITRDS:-*} ]]; then
	image=$("$fixtures/initramfs.sh" --init scripts --compress xz --md tools 2>build.log)
	result $? "$name is built" || sed 's/^/# /' build.log
	unlike "$(image_members "$image")" '/(md-mod|raid1)\.ko' "$name: modules of RAID are not in it, mdadm is"
	finds_none "$name finds no root on the physical machine" "$NO_DRACUT_ROOT" "$image" megasas-gen2 array "$args"
	unrack initrd check "$image" --modules "$modules/ko" --args "$args"
	exits 1 "$name: unrack says so"
	like "$out" 'missing +array: root is on md, and the modules of RAID are not in it' "$name: and why"
	adds "$name for nvme" "$image" "$name.img" ko nvme --scsi nvme --args "$args"
	finds_root "$name finds it on nvme with its driver and those modules" "$name.img" nvme array "$args"
fi

name=md-none args="${root_args[array]}"
# shellcheck disable=SC2053 # a pattern
if [[ $name == ${INITRDS:-*} ]]; then
	image=$("$fixtures/initramfs.sh" --init systemd --compress xz 2>build.log)
	result $? "$name, an image without mdadm, is built" || sed 's/^/# /' build.log
	unrack initrd check "$image" --modules "$modules/xz" --args "$args"
	exits 1 "$name: unrack says that it would find no root"
	like "$out" 'missing +array: root is on md, and mdadm is not in it' "$name: and why"
	unrack initrd add "$image" --modules "$modules/xz" --scsi nvme --args "$args" -o "$name.img"
	exits 6 "$name: modules would not help"
	like "$err" 'cannot be repaired: root is on md, and mdadm is not in it' "$name: it says what is missing"
	ok "$name: nothing is written" test ! -e "$name.img"
fi
done_testing
