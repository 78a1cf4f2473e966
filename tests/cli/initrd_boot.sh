#!/bin/bash
# One initrd of those that tests/vm boots, on one controller: before the change it finds no root,
# after it does.
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=../support/initrd_boots.sh
. "$fixtures/../support/initrd_boots.sh"

args=root=UUID=$INITRD_PARTITION_UUID
ok "an initrd of RHEL 5 is built" "$fixtures/nash-initrd.sh" --release 5 --out el5.img
finds_none "it finds no root on pvscsi" "$NO_NASH_ROOT" el5.img pvscsi partition "$args"
adds el5 el5.img new.img xz pvscsi --scsi pvscsi
finds_root "with the driver it does" new.img pvscsi partition "$args"
done_testing
