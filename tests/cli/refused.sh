#!/bin/bash
# What check, fix, vm and boot refuse: each with one sentence, its exit status, and nothing lost.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64 mke2fs sha256sum
source=$("$fixtures/el5-server.sh" --without BusLogic) || skip_all "the fixture can't be built here"
sum() { sha256sum <"$1" | cut -c1-64; }
sentence() { # one line on standard error that is unrack's own, apart from what it reports on the way
	is "$(grep -c '^unrack: ' <<<"$err")" 1 "one sentence"
}

# Usage.
truncate -s 1M empty.img
unrack check empty.img
exits 2 "check without --esx"
like "$err" "--esx" "says what is missing"
unrack check empty.img --esx 1.0
exits 2 "an unknown ESX"
like "$err" '"1.0" is not a known ESX version; known are .*6\.7' "lists those that are known"
unrack check empty.img --esx 6.7 --scsi floppy
exits 2 "an unknown controller"
unrack fix empty.img --esx 6.7 --undo --dry-run
exits 2 "options that exclude each other"
unrack vm empty.img --esx 6.7
exits 2 "vm of a bare image"
unrack check nothing.img --esx 6.7
exits 4 "an image that is not there"
like "$err" "nothing.img" "is named"
mkdir plain
unrack fix plain --esx 6.7
exits 2 "a folder that is no machine folder"
like "$err" "plain" "is named"
sentence

# Images without a system that can be repaired.
unrack check empty.img --esx 6.7
exits 6 "an image without an operating system"
sentence
mkdir -p tree/etc tree/boot && echo "12.9" >tree/etc/debian_version && echo "/dev/sda / ext2 defaults 1 1" >tree/etc/fstab
mke2fs -q -t ext3 -d tree debian.img 16M
before=$(sum debian.img)
unrack fix debian.img --esx 6.7
exits 6 "a system that is not RHEL-like"
like "$err" "[Dd]ebian" "is named for what it is"
is "$(sum debian.img)" "$before" "and left alone"
qemu-img create -q -f vmdk sparse.vmdk 10M
unrack fix sparse.vmdk --esx 6.7
exits 6 "a VMDK in a format that cannot be repaired in place"
sentence

# A controller that the kernel has no driver for; one that the ESX version does not have.
unrack copy "$source" web
exits 0 "copy"
image=web/web-flat.vmdk
before=$(sum $image)
unrack fix web --esx 6.7 --scsi buslogic
exits 6 "BusLogic for a kernel without that module"
like "$err" "/lib/modules/[^ ]*/kernel/drivers/scsi/BusLogic.ko" "names the file that was looked for"
like "$err" "--scsi [a-z]" "and a controller that would do"
unrack fix web --esx 3.5 --scsi pvscsi
exits 2 "PVSCSI on an ESX that has none"
like "$err" "3.5" "is told"

# No space for the overlay and the undo data.
if [ "$(id -u)" = 0 ] && mkdir -p web/unrack/fix && mount -t tmpfs -o size=2M none web/unrack/fix 2>/dev/null; then
	trap 'umount "$work/web/unrack/fix" 2>/dev/null; rm -rf "$work"' EXIT
	unrack fix web --esx 6.7
	exits 4 "no space for overlay and undo data"
	like "$err" "[Ff]ree" "says what to do"
	is "$(sum $image)" "$before" "and changes nothing"
	umount web/unrack/fix
fi

# Programs that are not there.
mkdir bin
for p in sh cat; do ln -s "$(command -v $p)" bin/$p; done
rc=0
PATH=$work/bin "$UNRACK" boot web --esx 6.7 --scsi pvscsi --nic vmxnet3 >.out 2>.err || rc=$?
is $rc 3 "no QEMU: exit status 3"
like "$(<.err)" "qemu" "and the sentence says so"
rc=0
PATH=$work/bin "$UNRACK" -q inspect web >.out 2>.err || rc=$?
is $rc 3 "no appliance: exit status 3"
is "$(wc -l <.err)" 1 "and one sentence, whatever libguestfs says"
unrack boot web --esx 6.7 --scsi lsilogic --nic vlance --require-proof
exits 1 "a static verdict is not a proof"

# Somebody else is at it.
"$UNRACK" -q boot web --esx 6.7 --scsi pvscsi --nic vmxnet3 >/dev/null 2>&1 &
pid=$!
begun "(another process)" -p $pid test -e web/unrack/lock
kill -STOP $pid # it does not end before
unrack fix web --esx 6.7
exits 5 "a folder that another process works on"
like "$err" "process $pid on" "names that process"
kill $pid
kill -CONT $pid
wait $pid
is "$(sum $image)" "$before" "the image is as it was"

# A folder whose manifest is damaged, or newer.
sed -i 's/"copied"/"copyed"/' web/unrack/manifest.json
unrack fix web --esx 6.7
exits 6 "a manifest that was changed by hand"
like "$err" "manifest.json" "is named"
sentence
done_testing
