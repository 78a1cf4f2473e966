#!/bin/bash
# Maps of whole disks against what other tools say of them: partitions by sfdisk, gaps between them, swap,
# marks that real mkfs programs leave behind, and what a copy of all that has.
. "$(dirname "$0")/../support/lib.sh"
PATH=$PATH:/sbin:/usr/sbin
map=$(dirname "$UNRACK")/used_map
[ -x "$map" ] || skip_all "used_map is not built; make $map"
needs sfdisk mke2fs mkswap blkid jq perl

volumes() { # IMAGE: name and bytes of each
	"$map" "$1" | sed -n 's/^volume 0 \([0-9]*\) .*"\(.*\)".*/\2 \1/p' | sort
}

partitions() { # IMAGE: the same by sfdisk
	sfdisk -J "$1" | jq -r '.partitiontable.partitions[] | select(.type | test("^(5|f|85)$") | not) |
		"partition \(.node | capture("(?<n>[0-9]+)$").n) \(.size * 512)"' | sort
}

# Runs that are left out, as far as they are not within one partition.
outside() { # IMAGE
	{
		sfdisk -J "$1" | jq -r '.partitiontable.partitions[] | select(.type | test("^(5|f|85)$") | not) |
			"in \(.start * 512) \((.start + .size) * 512)"'
		"$map" "$1" | awk '$1 == "unused" { print "out", $3, $3 + $4 }'
	} | awk '$1 == "in" { from[++n] = $2; to[n] = $3; next }
		{ for (i = 1; i <= n && !($2 >= from[i] && $3 <= to[i]); i++); if (i > n) print }'
}

put() { # IMAGE FILE BYTE
	dd if="$2" of="$1" bs=64K oflag=seek_bytes seek="$3" conv=notrunc status=none
}

# A swap that is nothing but "s", labelled, and an ext4 that was filled and emptied in part.
mkdir stage
for i in $(seq 40); do head -c 200K /dev/urandom >"stage/f$i"; done
truncate -s 12M swap
tr '\0' s </dev/zero | dd of=swap bs=1M count=12 conv=notrunc iflag=fullblock status=none
mkswap -q -L SWAP-sda2 -U 66666666-2222-3333-4444-555555555555 swap
tr '\0' x </dev/zero | head -c 30M >ext
mke2fs -q -F -t ext4 -E nodiscard -d stage -U 11111111-2222-3333-4444-555555555555 ext
seq 2 2 40 | sed 's/.*/rm f&/' | debugfs -w -f /dev/stdin ext >/dev/null 2>&1

make_disk() { # IMAGE BYTES: sfdisk's script on standard input
	rm -f "$1"
	head -c "$2" /dev/zero | tr '\0' g >"$1" # so that gaps are no holes
	sfdisk -q "$1" >/dev/null
	put "$1" ext "$3"
	put "$1" swap "$4"
}

check_disk() { # IMAGE NAME
	is "$(volumes "$1")" "$(partitions "$1")" "$2: its partitions are those of sfdisk"
	is "$(outside "$1")" "" "$2: the first track, gaps and tables are used"
	like "$("$map" "$1")" 'volume 0 31457280 [0-9]+ partly ext4' "$2: the ext4 is used in part"
	like "$("$map" "$1")" 'volume 0 12582912 4096 partly swap' "$2: of swap, its header"
}

printf 'label: dos\nlabel-id: 0x0badcafe\nstart=63,size=61440,type=83,bootable\nstart=61600,size=24576,type=82\n' |
	make_disk old.img 60M $((63 * 512)) $((61600 * 512))
check_disk old.img "a disk from before partitions were aligned"
printf 'label: dos\nlabel-id: 0x0badcafe\nstart=2048,size=4096,type=83\nstart=8192,size=112640,type=f\nstart=8255,size=61440,type=83\nstart=71680,size=24576,type=82\nstart=98304,size=20000,type=8e\n' |
	make_disk logical.img 60M $((8255 * 512)) $((71680 * 512))
check_disk logical.img "logical partitions"
printf 'label: gpt\nstart=2048,size=61440,type=L\nstart=65536,size=24576,type=S\nstart=100000,size=1001\n' |
	make_disk gpt.img 60M $((2048 * 512)) $((65536 * 512))
check_disk gpt.img "a GPT"
printf 'label: gpt\ntable-length: 16\nfirst-lba: 40\nstart=64,size=61440\nstart=65536,size=24576\n' |
	make_disk short.img 60M $((64 * 512)) $((65536 * 512))
check_disk short.img "a GPT with few entries"

# A copy: identical where something is used, zeros where nothing is, by what mke2fs and mkswap made.
unrack copy gpt.img web01
exits 0 "a copy"
is "$(blkid -p -o value -s LABEL -s UUID --offset $((65536 * 512)) web01/web01-flat.vmdk)" "SWAP-sda2
66666666-2222-3333-4444-555555555555" "swap keeps its label and UUID"
is "$(tail -c +$((65536 * 512 + 65536 + 1)) web01/web01-flat.vmdk | head -c $((12582912 - 65536)) | tr -d '\0' | wc -c)" 0 "what was in it is not copied"
dd if=web01/web01-flat.vmdk of=ext.copy bs=1M skip=1 count=30 status=none
ok "the filesystem is without fault" e2fsck -fn ext.copy
mkdir was is
debugfs -R 'rdump / was' ext >/dev/null 2>&1
debugfs -R 'rdump / is' ext.copy >/dev/null 2>&1
ok "its files are there" test "$(find is -type f | wc -l)" = 20
ok "with their content" diff -r was is
ok "the first MiB is identical" cmp -n 1048576 gpt.img web01/web01-flat.vmdk
ok "so is all behind swap, to the last sector" cmp -i $((90112 * 512)) gpt.img web01/web01-flat.vmdk
ok "a second time the same map" test "$("$map" gpt.img | md5sum)" = "$("$map" gpt.img | md5sum)"

# A hibernated system: everything.
cp gpt.img sleeps.img
printf 'S1SUSPEND\0' | dd of=sleeps.img bs=1 seek=$((65536 * 512 + 4086)) conv=notrunc status=none
is "$("$map" sleeps.img | grep -c ^unused)" 0 "with a hibernated system nothing is left out"
unrack scan sleeps.img
like "$out" "partition 1, ext4: all of 30.0 MiB, since the system hibernates" "which scan says"
unrack copy sleeps.img sleeps
exits 0 "it can be copied"
ok "and the copy is identical" cmp sleeps.img sleeps/sleeps-flat.vmdk

# What programs leave behind.
whole() { # IMAGE NAME SAYS
	is "$("$map" "$1" | grep -c ^unused)" 0 "$2: nothing is left out"
	like "$("$map" "$1")" "whole .*$3" "$2: which is said"
}
if command -v mkfs.btrfs >/dev/null; then
	truncate -s 128M left.img
	mkfs.btrfs -q left.img >/dev/null 2>&1
	dd if=swap of=left.img bs=4096 count=1 conv=notrunc status=none # as mkswap did before it wiped others
	whole left.img "swap where btrfs was" "signatures of both btrfs and swap"
	rm left.img
fi
cp gpt.img left.img
mke2fs -q -F -E nodiscard left.img 50M >/dev/null 2>&1
whole left.img "a filesystem on a disk that had a GPT" "signatures of both the backup of a GPT and ext"
cp gpt.img left.img
printf 'label: dos\n1M,20M\n' | sfdisk -q --wipe never left.img >/dev/null 2>&1
if cmp -s -n 512 -i 512 left.img gpt.img; then
	whole left.img "a DOS table on a disk that had a GPT" "a partition table and, at byte 512, a signature of a GPT"
fi
if command -v sgdisk >/dev/null; then
	cp gpt.img left.img
	sgdisk -h 1:2 left.img >/dev/null 2>&1
	whole left.img "a hybrid GPT" "other partitions besides a GPT"
fi
cp ext left.img
printf 'Intel Raid ISM Cfg Sig. 1.3.00' | dd of=left.img bs=1 seek=$((30 * 1048576 - 1024)) conv=notrunc status=none
whole left.img "a member of a board's RAID" "signatures of both Intel RAID and ext"
cp ext left.img
truncate -s 20M left.img
whole left.img "a filesystem larger than its disk" "larger"
cp --sparse=always gpt.img odd.img
printf 'tail of an odd size' >>odd.img
unrack copy odd.img odd
exits 0 "a disk with a last odd sector"
ok "is copied to its last byte" cmp -n $((60 * 1048576 + 19 - 90112 * 512)) -i $((90112 * 512)) odd.img odd/odd-flat.vmdk
done_testing
