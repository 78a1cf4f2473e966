#!/bin/bash
# Servers like RHEL 6 to 9 (LVM root, GRUB 2, dracut): checked, fixed and booted on the devices
# that QEMU has, with network; before the fix the check says no, and why. What a command is not told
# is as in the last fix. Takes three quarters of an hour; FAMILY2 may hold a pattern of the names to
# take.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64 losetup unshare
[ "$(id -u)" = 0 ] || skip_all "root is needed to make these servers"

while IFS='|' read -r name server options devices network; do
	# shellcheck disable=SC2053 # a pattern
	[[ $name == ${FAMILY2:-*} ]] || continue
	read -ra options <<<"$options"
	mapfile -t disks < <("$fixtures/$server-server.sh" "${options[@]}" 2>build.log)
	[ ${#disks[@]} -gt 0 ] || { result 1 "$name is built"; sed 's/^/# /' build.log; continue; }
	unrack copy "${disks[@]}" "$name"
	exits 0 "$name is copied (${#disks[@]} disks)"
	unrack check "$name" --esx 6.7
	exits 1 "as it is it would not boot"
	like "$out" 'bad +driver .*vmw_pvscsi.*'$'\n''.*-> the initrd does not load it before it looks for root' "for want of the driver"
	for device in $devices; do
		scsi=${device%/*} nic=${device#*/}
		unrack fix "$name" --esx 6.7 --scsi "$scsi" --nic "$nic"
		exits 0 "$name is fixed for $scsi and $nic"
		unrack vm "$name" --connect
		exits 0 "the VM's file"
		like "$(<"$name/$name.vmx")" "ethernet0.virtualDev = \"$nic\"" "has that card"
		unrack check "$name"
		exits 0 "the check says yes"
		like "$out" "$network" "the network card is configured as before"
		unrack fix "$name"
		like "$err" 'nothing to change, it is right for this target' "a second fix changes nothing"
		unrack boot "$name" --require-proof
		exits 0 "$name comes up on $scsi and $nic"
		like "$out" "comes up on $scsi and $nic.*network reached \(10\.0\.2\.15 by DHCP, SSH-2\.0" "with network"
	done
	unrack fix "$name" --undo
	exits 0 "undo"
	for i in "${!disks[@]}"; do
		flat=$name/$name-flat.vmdk
		[ "$i" = 0 ] || flat=$name/${name}_$i-flat.vmdk
		ok "gives back disk $i" cmp "${disks[i]}" "$flat"
	done
	rm -r "$name"
done <<'END'
el6|el6||pvscsi/vmxnet3 lsisas1068/e1000e sata/e1000 nvme/vmxnet3|ok +network .*ifcfg-eth0: eth0
el6-disks|el6|--disks 2 --vg vg_a-b --compress zstd|pvscsi/vmxnet3|ok +network .*ifcfg-eth0: eth0
el7|el7||pvscsi/vmxnet3 lsisas1068/e1000e sata/e1000 nvme/vmxnet3|ok +network .*ifcfg-enp0s2: enp0s2
el7-gpt-xfs|el7|--label gpt --boot-fs xfs --root-fs xfs --compress zstd --vg centos_web-01|pvscsi/vmxnet3|ok +network .*ifcfg-enp0s2: enp0s2
el7-filter|el7|--lvm-filter /dev/sda|nvme/vmxnet3|ok +network .*ifcfg-enp0s2: enp0s2
el8|el7|--release 8 --driver megaraid_sas --compress xz --early-microcode yes --ifname eth0|pvscsi/vmxnet3 lsisas1068/e1000e sata/e1000 nvme/vmxnet3|ok +network .*ifcfg-eth0: eth0
el9-disks|el7|--release 9 --disks 2|pvscsi/vmxnet3 lsisas1068/e1000e sata/e1000 nvme/vmxnet3|ok +network .*enp0s2.nmconnection: enp0s2
END

# A bare image: no manifest tells the address that its card's file insists on.
# shellcheck disable=SC2053 # a pattern
if [[ bare == ${FAMILY2:-*} ]]; then
	ok "bare is built" "$fixtures/el7-server.sh" --out bare.img
	unrack fix bare.img --esx 6.7 --scsi pvscsi --nic vmxnet3
	exits 0 "bare is fixed"
	unrack boot bare.img --esx 6.7 --scsi pvscsi --nic vmxnet3 --require-proof
	exits 0 "bare comes up"
	like "$out" 'network reached \(10\.0\.2\.15 by DHCP, SSH-2\.0' "with network, although HWADDR binds its card"
fi
done_testing
