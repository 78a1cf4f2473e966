#!/bin/bash
# Copying, killed and resumed, onto full disks, into folders that hold something else.
. "$(dirname "$0")/../support/lib.sh"
needs sfdisk mke2fs cmp

# A disk of 192 MiB + 1000 bytes: a partition table, a filesystem, random data, and holes.
truncate -s $((192 * 1048576 + 1000)) source.img
printf 'label-id: 0x0badcafe\n2048,40960,83\n' | sfdisk -q source.img
mke2fs -q -F -E offset=1048576 -U 11111111-2222-3333-4444-555555555555 source.img 20M 2>/dev/null
for at in 40 70 71 100 150; do
	head -c 9000000 /dev/urandom | dd of=source.img bs=1M seek=$at conv=notrunc status=none
done
printf 'the end' | dd of=source.img bs=1 seek=$((192 * 1048576 + 993)) conv=notrunc status=none

# The oracle: the source, rounded up to whole sectors.
same() { # FOLDER [SOURCE]
	local image src=${2:-source.img} size
	image=$1/$(basename "$1")-flat.vmdk
	size=$(stat -c %s "$src")
	[ "$(stat -c %s "$image")" = $(((size + 511) / 512 * 512)) ] && cmp -n "$size" "$src" "$image"
}

# Sizes are rounded up to whole sectors, and not to MiB: else the backup of a GPT would be out of its place.
truncate -s 1000000 small.img
printf 'the last bytes of a million' | dd of=small.img bs=1 seek=999973 conv=notrunc status=none
unrack copy small.img million
exits 0 "a disk of 1,000,000 bytes"
is "$(stat -c %s million/million-flat.vmdk)" 1000448 "trap: becomes one of 1,000,448, as qemu-img makes it"
ok "is identical" same million small.img
truncate -s $((33 * 1048576 + 512)) odd.img
printf 'label: gpt\n2048,20480\n' | sfdisk -q odd.img
printf 'x' | dd of=odd.img bs=1 seek=$((20 * 1048576)) conv=notrunc status=none
unrack copy odd.img odd
exits 0 "a disk with a GPT and an odd number of sectors"
is "$(stat -c %s odd/odd-flat.vmdk)" $((33 * 1048576 + 512)) "trap: keeps its size"
is "$(dd if=odd/odd-flat.vmdk bs=512 skip=$((33 * 2048)) status=none | head -c 8)" "EFI PART" "the backup of the table is in the last sector"
unlike "$(sfdisk --verify odd/odd-flat.vmdk 2>&1)" "backup|corrupt|invalid" "which sfdisk finds"

before=$(sha256sum <source.img)
unrack copy source.img web01
exits 0 "a copy"
ok "is identical to the source" same web01
ok "is sparse" test "$(du -k web01/web01-flat.vmdk | cut -f1)" -lt 60000
ok "has a descriptor" grep -q '^RW 393218 VMFS "web01-flat.vmdk"$' web01/web01.vmdk
if command -v qemu-img >/dev/null; then
	truncate -s $((393218 * 512)) padded.img && dd if=source.img of=padded.img conv=notrunc,sparse bs=1M status=none
	ok "that qemu-img reads" qemu-img compare -f raw -F vmdk padded.img web01/web01.vmdk
	rm padded.img
fi
unrack copy source.img web01
exits 0 "the same command on a complete copy"
like "$err" "compared 1 disk with the copy in web01 in .* s: 0.0 of 192.0 MiB had changed" "finds that nothing has changed"
unrack verify web01
exits 0 "verify says that it is whole"
unrack verify web01 source.img
exits 0 "and equal to the source"
unrack --json verify web01
is "$(jq -rs 'last | "\(.command) \(.result) \(.exit)"' <<<"$out")" "verify ok 0" "its result as JSON"
is "$(sha256sum <source.img)" "$before" "the source was not touched"
unrack --json copy --frob
is "$(jq -rs 'last | "\(.command) \(.result) \(.exit)"' <<<"$out")" "copy usage 2" "a wrong option has a result too"
rc=0
"$UNRACK" verify web01 >/dev/full 2>.err || rc=$?
is $rc 4 "an answer that can't be written"
rc=0
"$UNRACK" copy source.img closed <&- >&- 2>&- || rc=$?
is $rc 0 "a copy without any of the standard descriptors"
ok "has nothing of what would be printed" same closed

rm web01/web01.vmdk
unrack copy source.img web01
exits 0 "a lost descriptor"
ok "is written again by the same command" grep -q '^RW 393218 VMFS "web01-flat.vmdk"$' web01/web01.vmdk

# A changed byte is found, and never overwritten by a repeated copy.
printf 'sixteen others..' | dd of=web01/web01-flat.vmdk bs=1 seek=41943041 conv=notrunc status=none
unrack verify web01
exits 1 "verify finds a changed byte"
like "$err$out" "41943040" "and says where"
unrack copy source.img web01
exits 5 "a copy onto a changed image is refused"
like "$err" "changed since unrack wrote it; it may have run" "with the reason"
is "$(dd if=web01/web01-flat.vmdk bs=1 skip=41943041 count=16 status=none)" 'sixteen others..' "and the change is still there"

# Killed ten times, at random moments; a whole copy takes longer. One that was faster all the same begins again.
kills=0
for _ in $(seq 300); do
	"$UNRACK" -q copy --rate 50M source.img killed >/dev/null 2>&1 &
	pid=$!
	sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
	if kill -9 $pid 2>/dev/null; then
		kills=$((kills + 1))
	else
		rm -rf killed
	fi
	wait $pid 2>/dev/null
	[ $kills -ge 10 ] && break
done
is "$kills" 10 "ten copies were killed"
unrack copy source.img killed
exits 0 "the next one finishes"
ok "and is identical" same killed
unrack verify killed
exits 0 "and its digests agree"

# Interrupted in an orderly way.
"$UNRACK" -q copy --rate 5M source.img stopped >stop.out 2>stop.err &
pid=$!
begun "a copy has begun" -p $pid test -e stopped/stopped-flat.vmdk
kill -INT $pid
wait $pid
is $? 130 "it is interrupted"
ok "it names the command to continue" grep -q "copy --rate 5M source.img stopped" stop.out
unrack copy source.img stopped
exits 0 "and continues"
ok "to an identical image" same stopped

# Another disk, another machine, no disk.
truncate -s 10M other.img
printf 'label-id: 0x12345678\n2048,,83\n' | sfdisk -q other.img
unrack copy other.img web01
exits 5 "another disk into the same folder is refused"
unrack copy missing.img web02
exits 4 "a missing source"
like "$err" "missing.img" "is named"
nok "and leaves no folder behind" test -e web02
unrack copy . web02
exits 2 "a folder is no source"
unrack copy source.img nowhere/web02
exits 2 "the parent folder must exist"
unrack copy source.img "bad name"
exits 2 "a name that ESX would not like is refused"
like "$err" "bad name" "and told"
ln -s source.img link.img
unrack copy source.img link.img web02
exits 2 "one disk under two names"
like "$err" "same disk" "is told"
unrack copy web01/web01.vmdk web02
exits 6 "a VMDK's descriptor is not a disk"
nok "and leaves no folder behind either" test -e web02
mkdir full && echo precious >full/full-flat.vmdk
unrack copy source.img full
exits 5 "a file that unrack did not write is not overwritten"
is "$(cat full/full-flat.vmdk)" precious "and is still there"

# A disk that fills up, then has room again.
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=20M none small 2>/dev/null; then
	trap 'umount "$work/small"; rm -rf "$work"' EXIT
	unrack copy source.img small/db
	exits 4 "a full disk"
	like "$err" "[0-9]+ (MiB|bytes)" "the sentence says how much is missing"
	mount -o remount,size=200M small
	unrack copy source.img small/db
	exits 0 "the same command finishes when there is room"
	ok "with an identical image" same small/db
fi

# What a filesystem does not use is not missing.
if truncate -s 200M free.img && mke2fs -q -F free.img && mkdir tiny && mount -t tmpfs -o size=2M none tiny 2>/dev/null; then
	trap 'umount "$work/tiny" "$work/small" 2>/dev/null; rm -rf "$work"' EXIT
	head -c 3M /dev/urandom >file
	debugfs -w -R "write file file" free.img >/dev/null 2>&1
	unrack copy free.img tiny/db
	exits 4 "a disk that is nearly empty, and a destination of 2 MiB"
	missing=$(sed -n 's/.*up to \([0-9]*\) MiB are missing.*/\1/p' <<<"$err")
	ok "no more is said to be missing than is used" test "${missing:-999}" -le 30
	umount tiny
fi

# A limit of file sizes.
(ulimit -f 1000 && exec "$UNRACK" copy source.img web04 >/dev/null 2>limit.err)
is $? 4 "a process that may make small files only"
like "$(<limit.err)" "File too large; this process may make files of up to 1024000 bytes: raise that limit" "is told so"
unrack copy source.img web04
exits 0 "and the same command continues"

said=$( (ulimit -f 0 && exec "$UNRACK" copy source.img web05) 2>&1 >/dev/null)
is $? 4 "a process that may make none"
like "$said" "web05/unrack/lock.*File too large; raise the limit of file sizes .*and run the same command again" "is told, too"

# The journal is removed meanwhile.
"$UNRACK" -q copy --rate 10M source.img web06 >/dev/null 2>gone.err &
pid=$!
begun "a copy has begun" -p $pid test -e web06/unrack/disk0.digests
rm web06/unrack/disk0.journal
wait $pid
is $? 5 "a copy whose journal was removed under it is not called complete"
like "$(<gone.err)" "disk 0 of web06 was copied, but its journal does not say so any more: .*copy into another folder" "but why"

# A file where the folder should be.
: >plain
for folder in plain plain/db; do
	unrack copy source.img $folder
	exits 2 "a folder whose name ($folder) is a file's"
	like "$err" "$folder can't be a machine folder, since there is a file of that name or above it" "is refused"
done

# A source that is in use.
if [ "$(id -u)" = 0 ] && truncate -s 8M busy.img && mke2fs -q -F busy.img && mkdir mnt &&
	mount -o loop busy.img mnt 2>/dev/null; then
	unrack copy busy.img web03
	exits 5 "an image that is mounted is refused"
	like "$err" "mounted on .*/mnt" "with the mount point"
	umount mnt
	# A loop device upon a loop device, which sysfs does not call its holder.
	if loop=$(losetup -f --show busy.img) && mount -o loop "$loop" mnt; then
		unrack copy "$loop" web03
		exits 5 "so is a device of which a loop device is mounted"
		like "$err" "$loop is in use: it, or something on it, is mounted on .*/mnt" "with the mount point"
		unrack copy busy.img web03
		exits 5 "and the image below both"
		umount mnt
	fi
	losetup -d "$loop"
	unshare -m sh -c 'mount -o loop busy.img mnt && touch mounted && exec sleep 600' &
	pid=$!
	if wait_for -p $pid 120 test -e mounted; then # not within a chroot, which can't have private mounts
		unrack copy busy.img web03
		exits 5 "so is one that only another mount namespace has mounted"
		kill $pid
	fi
	wait $pid 2>/dev/null
	no_loop() { [ -z "$(losetup -j busy.img)" ]; }
	wait_for 120 no_loop
	unrack copy busy.img web03
	exits 0 "and it is taken when it is not"
fi

# Several disks; found again whatever their order.
unrack copy source.img other.img two
exits 0 "two disks"
ok "the second one has its own name" cmp -n 10485760 other.img two/two_1-flat.vmdk
unrack copy other.img source.img two
exits 0 "are recognised in another order"
done_testing
