#!/bin/bash
# A source that somebody uses while it is copied: what came into space that was free when the copy began is not in
# it, so that it must not be called complete.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/faults.sh"
PATH=$PATH:/sbin:/usr/sbin
needs sfdisk mke2fs debugfs e2fsck cmp
needs_faults

# A partition in which the copy is held, and one with an ext4, to which it comes later.
at=$((42 << 20))
truncate -s 80M disk.img
printf 'start=2048, size=81920, type=83\nstart=86016, type=83\n' | sfdisk -q disk.img
head -c 40M /dev/urandom | dd of=disk.img bs=1M seek=1 conv=notrunc status=none
mke2fs -q -F -t ext4 -E offset=$at disk.img 37M
head -c 8M /dev/urandom >payroll

copied() { # what the copy has of the file
	rm -f got
	debugfs -R "dump /payroll got" "web01/web01-flat.vmdk?offset=$at" >/dev/null 2>&1
	cmp payroll got
}

held disk.img 20000000 copy disk.img web01
begun "the copy has begun" -p $pid test -s web01/unrack/disk0.map
debugfs -w -R "write payroll payroll" "disk.img?offset=$at" >/dev/null 2>&1
release
rc=0
wait $pid || rc=$?
is "$rc" 5 "a source that was used meanwhile is refused in the end"
like "$(<errors)" "disk.img was used by somebody while it was copied.*copy again" "what happened, and what to do, is said"
unrack fix web01 --esx 6.7
exits 5 "what is there is no complete copy"
unrack copy disk.img web01
exits 0 "the same command again"
like "$err" "disk 0.* compared" "compares it with what is there"
ok "and the copy has the file" copied
dd if=web01/web01-flat.vmdk of=fs.img bs=1M skip=42 status=none
ok "e2fsck has nothing to say" e2fsck -fn fs.img
done_testing
