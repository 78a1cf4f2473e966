#!/bin/bash
# A disk is read as it is now, not as the page cache of its node remembers it: who wrote through
# a partition or another path did not change that. And a disk that somebody uses is not read.
. "$(dirname "$0")/../support/lib.sh"
needs losetup mke2fs cmp
[ "$(id -u)" = 0 ] || skip_all "root is needed for loop devices"

truncate -s 33M disk.img
mke2fs -q -t ext4 disk.img
loop=$(losetup -f --show disk.img) || skip_all "no loop device here"
mkdir mnt
finish() {
	umount mnt 2>/dev/null
	losetup -d "$loop"
	cd /
	rm -rf "$work"
}
trap finish EXIT

if mount "$loop" mnt 2>/dev/null; then
	unrack copy "$loop" web01
	exits 5 "a disk with a mounted filesystem is refused"
	like "$err" "$loop.*mounted" "and said to be"
	umount mnt
fi
exec 9<"$loop" # as long as it is open, its cache stays
cat <&9 >/dev/null
# The file below stands for the disk, and writing to it for another path to it.
head -c 33M /dev/urandom | dd of=disk.img bs=1M conv=notrunc,fsync status=none
nok "the page cache of the node is behind" cmp "$loop" disk.img
unrack copy "$loop" web01
exits 0 "the disk is copied"
ok "trap: as it is now, and not as the page cache of its node remembers it" cmp disk.img web01/web01-flat.vmdk

# Partition tables count sectors.
large=$(losetup -f --show -b 4096 disk.img 2>/dev/null) || large=
if [ "$large" ]; then
	unrack copy "$large" web02
	losetup -d "$large"
	exits 6 "trap: a disk with sectors of 4096 bytes (4Kn) is refused"
	like "$err" "has logical sectors of 4096 bytes; its partition table counts in them" "with the reason"
	nok "nothing is made" test -e web02
fi
done_testing
