#!/bin/bash
# Maps of ext2, ext3 and ext4: free is what dumpe2fs says, to the block, with each feature that RHEL 2.1 to 10
# make. Filesystems that were in use are in tests/faults/maps_ext.sh.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/maps_ext.sh"
needs mke2fs dumpe2fs debugfs tune2fs resize2fs

mkdir -p files/etc files/var
cp "$fixtures/../support/lib.sh" files/etc/
head -c 3000000 /dev/urandom >files/var/data
ln -s /etc files/link

made() { # NAME SIZE mke2fs-options...: as dumpe2fs says
	local name=$1 size=$2
	shift 2
	rm -f fs.img
	truncate -s "$size" fs.img
	if mke2fs -q -F -d files "$@" fs.img >mke2fs.out 2>&1; then
		same_as_dumpe2fs fs.img "$name"
	else
		result 1 "$name: mke2fs" || sed 's/^/# /' mke2fs.out
	fi
}

made "ext2 of revision 0" 100M -t ext2 -r 0
made "ext2 without any feature" 100M -t ext2 -O none
made "ext2 in blocks of 1 KiB" 100M -t ext2 -b 1024
made "ext2 in blocks of 2 KiB" 100M -t ext2 -b 2048
made "ext3 as RHEL 2.1 to 4 make it" 300M -t ext3 -b 4096 -I 128 -O ^dir_index,^resize_inode
made "ext3 as RHEL 5 makes it" 300M -t ext3 -b 4096 -I 128 -O dir_index,resize_inode
made "ext3 in blocks of 64 KiB" 600M -t ext3 -b 65536
made "ext4dev" 100M -t ext4 -E test_fs
made "ext4 as RHEL 6 makes it" 3G -t ext4 -O ^metadata_csum,^64bit,uninit_bg
made "ext4 as RHEL 7 makes it" 3G -t ext4 -O ^metadata_csum,64bit,uninit_bg
made "ext4 as RHEL 8 and 9 make it" 3G -t ext4 -O metadata_csum,64bit
made "ext4 as RHEL 10 makes it" 3G -t ext4 -O metadata_csum,64bit,metadata_csum_seed,orphan_file
made "ext4 in blocks of 1 KiB" 600M -t ext4 -b 1024
made "ext4 in blocks of 64 KiB" 3G -t ext4 -b 65536
made "ext4 whose last group is short" 1025M -t ext4
made "ext4 without flex_bg" 3G -t ext4 -O ^flex_bg
made "BLOCK_UNINIT without flex_bg, crc16" 3G -t ext4 -O ^flex_bg,^metadata_csum,uninit_bg
made "without checksums" 3G -t ext4 -O ^metadata_csum
made "without a journal" 3G -t ext4 -O ^has_journal
made "flex groups of 256" 3G -t ext4 -G 256
made "all metadata at the beginning" 3G -t ext4 -E packed_meta_blocks=1
made "small groups" 1G -t ext4 -g 8192
made "meta_bg" 3G -t ext4 -O meta_bg,^resize_inode
made "meta_bg in blocks of 1 KiB" 3G -t ext4 -O meta_bg,^resize_inode -b 1024
made "sparse_super2" 3G -t ext4 -O sparse_super2,^resize_inode
made "without sparse_super" 3G -t ext4 -O ^sparse_super,^resize_inode
made "bigalloc" 3G -t ext4 -O bigalloc -C 65536
made "bigalloc in blocks of 1 KiB" 300M -t ext4 -b 1024 -O bigalloc -C 16384
made "bigalloc without flex_bg" 3G -t ext4 -O bigalloc,^flex_bg -C 65536
made "bigalloc, crc16, clusters of 1 MiB" 3G -t ext4 -O bigalloc,^metadata_csum,uninit_bg -C 1M
made "bigalloc of an odd size" 2999999k -t ext4 -O bigalloc -C 65536
made "all that may be in one" 3G -t ext4 -O quota,project,encrypt,casefold,verity,orphan_file,large_dir,inline_data,mmp,metadata_csum_seed,ea_inode,fast_commit,stable_inodes

made "a filesystem" 400M -t ext4 -b 4096
truncate -s 500M fs.img
same_as_dumpe2fs fs.img "a volume that is larger than its filesystem: what is behind it is used"
resize2fs fs.img >resize.out 2>&1
same_as_dumpe2fs fs.img "grown by resize2fs"
resize2fs -b fs.img >resize.out 2>&1 || resize2fs -s fs.img >resize.out 2>&1
same_as_dumpe2fs fs.img "made 64bit or not by resize2fs"
tune2fs -U 11111111-2222-3333-4444-555555555555 fs.img >tune.out 2>&1
same_as_dumpe2fs fs.img "with another UUID by tune2fs"
tune2fs -O ^has_journal fs.img >tune.out 2>&1
same_as_dumpe2fs fs.img "whose journal tune2fs took"
truncate -s 499M fs.img
verdict_whole fs.img "it is larger than its volume" "trap: ext: a filesystem larger than its partition"

made "a filesystem" 100M -t ext4
for trap in "state 0:not unmounted cleanly" "state 3:errors were found" "last_orphan 12:deleted files" \
	"feature_incompat 0x2c6:has to be replayed" "free_blocks_count 7:other free blocks"; do
	cp --sparse=always fs.img trap.img
	debugfs -w -R "ssv ${trap%%:*}" trap.img >debugfs.out 2>&1
	verdict_whole trap.img "${trap#*:}" "trap: ext: ${trap%%:*}"
done
truncate -s 20M journal.img
mke2fs -q -F -O journal_dev journal.img
verdict_whole journal.img "the journal of another filesystem" "trap: ext: an external journal"
done_testing
