#!/bin/bash
# Maps of ext2, ext3 and ext4 that were in use: filled, half emptied, filled again by the kernel. What dumpe2fs
# says is used is in the map, what is free is not; and without all that the map leaves out, every file is
# as it was. While they are mounted, and when they were not unmounted, all of them is used.
script=$(realpath "$0")
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/maps_ext.sh"
needs mke2fs dumpe2fs e2fsck perl losetup unshare
[ "$(id -u)" = 0 ] || skip_all "root is needed for loop devices"
if [ -z "$MAPS_EXT_ALONE" ]; then
	# Another program's mount namespace would keep what is mounted here.
	rm -rf "$work"
	cd / && MAPS_EXT_ALONE=yes exec unshare -m --propagation private bash "$script"
fi
mkdir mnt
trap 'umount "$work/mnt" 2>/dev/null; rm -rf "$work"' EXIT
truncate -s 8M probe.img && mke2fs -q -F probe.img && mount -o loop probe.img mnt 2>/dev/null ||
	skip_all "no loop mounts here"
umount mnt

sums() { # of the files of fs.img
	mount -o loop,ro "$1" mnt && (cd mnt && find . -type f -print0 | sort -z | xargs -0 sha256sum; find . -type l -printf '%p %l\n' | sort)
	umount mnt
}

aged() { # NAME SIZE mke2fs-options...
	local name=$1 size=$2 bytes
	shift 2
	rm -f fs.img
	truncate -s "$size" fs.img
	if ! mke2fs -q -F "$@" fs.img >mke2fs.out 2>&1 || ! mount -o loop fs.img mnt 2>mount.out; then
		echo "# $name: $(cat mke2fs.out mount.out)"
		result 0 "$name # SKIP this kernel does not mount it"
		return
	fi
	bytes=$(df -B1 --output=avail mnt | tail -1)
	perl "$fixtures/../support/age.pl" mnt "$bytes" "$RANDOM"
	sync -f mnt
	cp --sparse=always fs.img mounted.img
	umount mnt
	verdict_whole mounted.img "(mounted|replayed)" "$name: while it is mounted, all of it is used"
	e2fsck -fn fs.img >fsck.out 2>&1 || echo "# e2fsck of $name: $(tail -3 fsck.out)"
	same_as_dumpe2fs fs.img "$name: filled, emptied, filled again"
	sums fs.img >before
	perl "$fixtures/../support/overwrite.pl" fs.img <map.unused
	ok "$name: e2fsck does not miss what is left out" e2fsck -fn fs.img
	sums fs.img >after
	ok "$name: every file is as it was" sh -c '[ "$(wc -l <before)" -gt 100 ] && cmp before after'
}

aged "ext2 of revision 0" 40M -t ext2 -r 0
aged "ext2 in blocks of 1 KiB" 60M -t ext2 -b 1024
aged "ext2 in blocks of 4 KiB" 200M -t ext2 -b 4096
aged "ext3 in blocks of 1 KiB" 60M -t ext3 -b 1024 -I 128
aged "ext3 as RHEL 5 makes it" 200M -t ext3 -b 4096 -I 128
aged "ext4 as RHEL 6 makes it" 200M -t ext4 -O ^metadata_csum,^64bit,uninit_bg
aged "ext4 as RHEL 8 makes it" 300M -t ext4
aged "ext4 in blocks of 1 KiB" 60M -t ext4 -b 1024
aged "ext4 without flex_bg" 60M -t ext4 -b 1024 -O ^flex_bg
aged "ext4 without a journal" 60M -t ext4 -b 1024 -O ^has_journal
aged "bigalloc" 300M -t ext4 -O bigalloc -C 65536
aged "bigalloc in blocks of 1 KiB" 100M -t ext4 -b 1024 -O bigalloc -C 16384
aged "meta_bg" 100M -t ext4 -b 1024 -O meta_bg,^resize_inode
aged "inline_data, large_dir, mmp" 100M -t ext4 -b 1024 -I 256 -O inline_data,large_dir,mmp
aged "sparse_super2, orphan_file" 100M -t ext4 -b 1024 -O sparse_super2,orphan_file,^resize_inode

truncate -s 9T fs.img
mke2fs -q -F -t ext4 -b 2048 -O sparse_super2,^resize_inode -J size=4 -i 67108864 fs.img
same_as_dumpe2fs fs.img "more than 2^32 blocks"
done_testing
