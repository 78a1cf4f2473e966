#!/bin/bash
# What scan says of images as they are found: whole, cut off, in use, hostile.
. "$(dirname "$0")/../support/lib.sh"
needs sfdisk mke2fs mkswap jq

disk() { # JSON FILTER of the only disk of the last unrack --json
	jq -r "select(.disks) | .disks[0] | $1" <<<"$out"
}

# A disk with a DOS table: root with a hostile label, swap, and a logical partition.
truncate -s 64M dos.img
printf 'label-id: 0x0badcafe\n,20M,83,*\n,8M,82\n,,5\n,10M,83\n' | sfdisk -q dos.img
mke2fs -q -F -L $'ro\033[31mot' -E offset=1048576 -U 11111111-2222-3333-4444-555555555555 dos.img 20M 2>/dev/null
truncate -s 8M swap && mkswap -q -U 66666666-2222-3333-4444-555555555555 swap
dd if=swap of=dos.img bs=1M seek=21 conv=notrunc status=none
before=$(sha256sum <dos.img)
unrack scan dos.img
exits 0 "an image"
like "$out" '64\.0 MiB.*dos' "its size and table"
like "$out" $'1  20\\.0 MiB  Linux, boot  ext2  "ro\\?\\[31mot"  11111111-2222' "its partitions, without control characters"
like "$out" '2  8\.0 MiB  Linux swap  swap  66666666' "swap"
like "$out" '5  10\.0 MiB  Linux' "a logical one"
like "$out" 'to copy: unrack copy dos\.img FOLDER' "the command that copies it"
like "$out" 'at most [0-9.]+ (KiB|MiB) of it are read' "and how much that reads"
is "$(sha256sum <dos.img)" "$before" "the source was not touched"
unrack --json scan dos.img
exits 0 "as JSON"
is "$(jq -c 'select(.result) | [.command, .result, .exit, (.disks | length)]' <<<"$out")" '["scan","ok",0,1]' "one result"
is "$(disk '"\(.path) \(.bytes) \(.table) \(.sector_bytes) \(.removable)"')" "dos.img 67108864 dos 512 false" "its disk"
is "$(disk '.partitions | map("\(.number):\(.type):\(.signature):\(.bootable)") | join(" ")')" \
	"1:83:ext2:true 2:82:swap:false 3:5:null:false 5:83:null:false" "its partitions"
is "$(disk '.partitions[0] | "\(.first_byte) \(.bytes) \(.uuid)"')" \
	"1048576 20971520 11111111-2222-3333-4444-555555555555" "the first one"
ok "less is data than the disk is large" test "$(disk .data_bytes)" -lt "$(disk .bytes)"
like "$(disk .identity)" "mbr=0badcafe" "its identity"

# A GPT that is as it should be, whose backup is lost, that was made for another size.
truncate -s 64M gpt.img
printf 'label: gpt\n,20M,U\n,,L\n' | sfdisk -q gpt.img
unrack --json scan gpt.img
documented "its JSON is documented"
is "$(disk '"\(.table) \(.partitions[0].bootable) \(.warnings | length)"')" "gpt true 0" "a GPT without a fault"
cp --sparse=always gpt.img lost.img && dd if=/dev/zero of=lost.img bs=512 seek=131071 count=1 conv=notrunc status=none
unrack scan lost.img
like "$out" 'backup of the partition table \(GPT\) of lost\.img is missing' "a lost backup"
like "$out" 'to copy: unrack copy lost\.img' "is no reason not to copy"
cp --sparse=always gpt.img grown.img && truncate -s 80M grown.img
unrack scan grown.img
like "$out" 'is in sector 131071 and not in the last one, 163839' "a disk that grew"
cp --sparse=always gpt.img cut.img && truncate -s 50M cut.img
unrack scan cut.img
like "$out" 'made for a disk of 67108864 bytes, but this one ends at byte 52428800' "a disk that was cut off"
like "$out" 'nothing to copy as it is now' "is not proposed for copying"
cp --sparse=always gpt.img first.img && dd if=/dev/zero of=first.img bs=512 seek=1 count=1 conv=notrunc status=none
unrack scan first.img
like "$out" 'first of the two partition tables \(GPT\) of first\.img is damaged' "a damaged first header"
cp --sparse=always dos.img short.img && truncate -s 36M short.img
unrack scan short.img
like "$out" 'partition 5 of short\.img ends at byte [0-9]+, but the disk at byte 37748736' "a partition that ends behind the disk"
rm lost.img grown.img cut.img first.img short.img

# What is no disk.
printf '# Disk DescriptorFile\nversion=1\n' >web01.vmdk
printf 'QFI\373\0\0\0\3' >a.qcow2 && truncate -s 1M a.qcow2
unrack scan web01.vmdk
exits 6 "the descriptor of a VMDK is not a disk"
like "$err" "web01-flat.vmdk" "and what to name instead is told"
unrack scan missing.img
exits 4 "a missing image"
like "$err" "missing.img: No such file" "is named"
unrack scan missing.img dos.img
exits 0 "beside another one"
like "$out" "left out: missing.img \(not readable\)" "it is left out"
: >empty.img
unrack scan empty.img
exits 2 "an empty file"
truncate -s 20M zeros.img
unrack scan zeros.img
exits 0 "a disk of zeros"
like "$out" "seems to be empty" "is said to be that"

# A hibernated system, and a disk twice.
cp --sparse=always dos.img sleeps.img
printf 'S1SUSPEND\0' | dd of=sleeps.img bs=1 seek=$((21 * 1048576 + 4086)) conv=notrunc status=none
unrack scan sleeps.img
like "$out" "partition 2 of sleeps.img holds a system that hibernates" "a hibernated system"
ln -s dos.img link.img
unrack scan dos.img link.img
like "$out" "link.img is the same disk as dos.img" "a disk by two names"
like "$out" "to copy: unrack copy dos.img FOLDER" "is copied once"
cp --sparse=always dos.img clone.img
unrack scan dos.img clone.img
like "$out" "clone.img has the same table and signatures as dos.img" "a clone"
rm sleeps.img link.img clone.img zeros.img empty.img

# A folder, with names that a shell must not see.
mkdir many && mv gpt.img a.qcow2 many/ && cp --sparse=always dos.img "many/it's.img" && echo text >many/notes.txt
unrack scan many
exits 0 "a folder"
like "$out" "1 file in many is not looked at" "what is no image by its name"
like "$out" "a qcow image; make a raw image of it" "a container among them"
like "$out" "to copy: unrack copy many/gpt.img 'many/it'.*'s.img' FOLDER" "quoted names"
mkdir none
unrack scan none
exits 0 "an empty folder"
like "$out" "no disks are seen here" "is a sentence"
rc=0
mkfifo pipe.img
timeout 120 "$UNRACK" scan pipe.img >/dev/null 2>.err || rc=$?
is $rc 2 "a pipe is refused, and not waited for"

# Another machine, which is a process behind --rsh.
far=(--rsh "$fixtures/../support/rsh.sh" --remote-unrack "$UNRACK")
unrack scan "ssh://root@far$work/dos.img" "${far[@]}"
exits 0 "a disk of another machine"
like "$out" "to copy: unrack copy ssh://root@far$work/dos.img FOLDER" "is copied from there"
unrack scan "ssh://far$work/missing.img" "${far[@]}" --json
exits 4 "a disk that is not there"
documented "its JSON is documented"
like "$(disk .error)" "missing.img: No such file" "is named"

# This machine. It may have none, or none that may be read.
unrack --json scan
documented "the machine itself: its JSON is documented"
ok "the machine itself gives a list" jq -e 'select(.result) | .disks | type == "array"' <<<"$out"
unlike "$(jq -r 'select(.disks) | .disks[].path' <<<"$out")" '/dev/(loop|ram|zram|sr|dm-|md)[0-9]' "of disks only"

# In use.
if [ "$(id -u)" = 0 ] && mkdir mnt && mount -o loop,offset=1048576 dos.img mnt 2>/dev/null; then
	trap 'umount "$work/mnt"; rm -rf "$work"' EXIT
	unrack scan dos.img
	exits 0 "a mounted image is looked at"
	like "$out" "in use: .* mounted on .*/mnt" "with where it is mounted"
	like "$out" "left out: dos.img \(in use\)" "and not proposed"
fi
done_testing
