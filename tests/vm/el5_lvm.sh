#!/bin/bash
# RHEL 5 as anaconda lays it out by itself, with root and swap in a volume group: it boots on the physical machine, on
# a VM's devices only when it is fixed, and is what it was after undo.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64 losetup
[ "$(id -u)" = 0 ] || skip_all "root is needed to make this server"
"$fixtures/el5-server.sh" --root volume --out disk.img >/dev/null || skip_all "the fixture can't be built here"
original=$(sha256sum <disk.img)

ok "it comes up on its physical machine" "$fixtures/boot-raw.sh" disk.img
while read -r scsi nic disk card; do
	r=0
	said=$("$fixtures/boot-raw.sh" disk.img --disk "$disk" --nic "$card" --timeout 60 2>&1) || r=$?
	is $r 1 "unfixed it does not on $scsi and $nic"
	like "$said" "Kernel panic" "it gives up the search for its root"
	unrack fix disk.img --esx 6.7 --scsi "$scsi" --nic "$nic"
	exits 0 "fix for $scsi and $nic"
	like "$out" "finds /dev/VolGroup00/LogVol00" "which is called as it was"
	ok "fixed it does" "$fixtures/boot-raw.sh" disk.img --disk "$disk" --nic "$card"
	unrack fix disk.img --esx 6.7 --scsi "$scsi" --nic "$nic"
	like "$err" 'nothing to change, it is right for this target' "a second fix changes nothing"
	unrack fix disk.img --undo
	exits 0 "undo"
	is "$(sha256sum <disk.img)" "$original" "gives the image back"
done <<'END'
pvscsi vmxnet3 pvscsi vmxnet3
lsisas1068 e1000 mptsas1068 e1000-82545em
END
done_testing
