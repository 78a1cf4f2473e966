#!/bin/bash
# The fixture, fixed for each controller and card that QEMU has, boots there as an
# independent watcher sees; unfixed on none of them.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64
source=$("$fixtures/el5-server.sh" --disk-name hda --driver ata_piix) || skip_all "the fixture can't be built here"
unrack copy "$source" web
exits 0 "copy"
while read -r scsi nic disk card; do
	nok "unfixed it does not come up on $scsi and $nic" "$fixtures/boot-raw.sh" web/web-flat.vmdk \
		--disk "$disk" --nic "$card" --timeout 40
	unrack fix web --esx 6.7 --scsi "$scsi" --nic "$nic"
	exits 0 "fix for $scsi and $nic"
	ok "fixed it does" "$fixtures/boot-raw.sh" web/web-flat.vmdk --disk "$disk" --nic "$card" --timeout 90
	unrack boot web --scsi "$scsi" --nic "$nic" --require-proof
	exits 0 "and unrack boot agrees"
	unrack fix web --undo
	exits 0 "undo"
	ok "gives the image back" cmp "$source" web/web-flat.vmdk
done <<'EOF'
pvscsi vmxnet3 pvscsi vmxnet3
lsisas1068 e1000 mptsas1068 e1000-82545em
pvscsi vlance pvscsi pcnet
lsisas1068 e1000e mptsas1068 e1000e
nvme vmxnet3 nvme vmxnet3
EOF
done_testing
