#!/bin/bash
# A kernel without an initramfs gets one made out of another kernel's (the base), which is of no use
# to it as it is: `unrack initrd add --base`. With and without systemd, in a mirror of md and in LVM.
# INITRDS may hold a pattern of the names to take.
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=../support/initrd_boots.sh
. "$fixtures/../support/initrd_boots.sh"

while IFS='|' read -r init options root files devices; do
	# shellcheck disable=SC2053 # a pattern
	[[ $init == ${INITRDS:-*} ]] || continue
	read -ra options <<<"$options"
	base=$("$fixtures/initramfs.sh" --init "$init" --kernel other "${options[@]}" 2>build.log)
	result $? "$init: an image of another kernel is built" || { sed 's/^/# /' build.log; continue; }
	members=$(image_members "$base")
	unlike "$members" "$kver" "$init: nothing in it is of this kernel"
	args="${root_args[$root]} $GIVE_UP"
	finds_none "$init: this kernel finds no root with it on the physical machine" "$NO_DRACUT_ROOT" "$base" megasas-gen2 "$root" "$args"
	for device in $devices; do
		new=initramfs-$kver.img
		unrack initrd add "$new" --base "$base" --modules "$modules/$files" --driver "${driver_of[$device]}"
		exits 0 "$init: an image for this kernel is made out of it for $device"
		unrack initrd list "$new"
		is "$(sed -n 's|.*lib/modules/\([^/]*\)$|\1|p' <<<"$out")" "$kver" "$init: it has the modules of this kernel only"
		unrack initrd check "$new" --modules "$modules/$files" --driver "${driver_of[$device]}" --args "$args"
		exits 0 "$init: unrack says that it finds it"
		finds_root "$init: with it this kernel finds its root on $device" "$new" "$device" "$root" "$args"
		finds_root "$init: and on the physical machine" "$new" megasas-gen2 "$root" "$args"
		rm -f "$new"
	done
done <<'END'
scripts|--compress xz --md yes|array|ko|pvscsi
systemd|--compress zstd --early-microcode yes|volume|xz|nvme mptsas1068
END
done_testing
