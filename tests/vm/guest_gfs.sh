#!/bin/bash
# Guest access through the real appliance: what stays as it was, what is refused, what it costs.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64 debugfs sha256sum
export UNRACK
source=$("$fixtures/el5-server.sh") || skip_all "the fixture can't be built here"
sum() { sha256sum <"$1" | cut -c1-64; }
BOOT=$((63 * 512)) ROOT=$((163903 * 512)) # where the fixture's partitions begin
on() { # IMAGE OFFSET COMMAND: debugfs in one of its filesystems
	debugfs -R "$3" "$1?offset=$2" 2>/dev/null
}
change() { # IMAGE OFFSET: debugfs commands from standard input
	debugfs -w -f - "$1?offset=$2" >/dev/null 2>&1
}
# Inode, mode, owner and label of a file.
identity() { # IMAGE OFFSET PATH
	on "$1" "$2" "stat $3" | sed -n 's/^Inode: *\([0-9]*\) .*Mode: *\([0-9]*\).*/inode \1 mode \2/p; s/^User: *\([0-9]*\) *Group: *\([0-9]*\).*/owner \1:\2/p'
	on "$1" "$2" "ea_get $3 security.selinux"
}

cp --sparse=always "$source" disk.img
conf=/etc/modprobe.conf
initrd=$(on disk.img $BOOT "ls -p /" | sed -n 's,.*/\(initrd-[^/]*\.img\)/.*,/\1,p' | head -1)
before=$(identity disk.img $ROOT $conf)
before_initrd=$(identity disk.img $BOOT "$initrd")
original=$(sum disk.img)
start=$EPOCHREALTIME
unrack -v fix disk.img --esx 6.7 --scsi pvscsi --nic vmxnet3
end=$EPOCHREALTIME
exits 0 "the fixture is repaired"
boot=$(sed -n 's/.*appliance was ready after \([0-9.]*\) seconds.*/\1/p' <<<"$err")
beyond=$(awk "BEGIN { print $end - $start - $boot }")
echo "# beyond the $boot s until the appliance is up: $beyond s"
ok "all else takes less than 15 s, also on a busy machine" awk "BEGIN { exit !($beyond < 15) }"
is "$(identity disk.img $ROOT $conf)" "$before" "a rewritten file keeps inode, mode, owner and label"
like "$(on disk.img $ROOT "cat $conf")" "vmxnet3" "with its new content"
is "$(identity disk.img $BOOT "${initrd%.img}-phys.img")" "$before_initrd" "the kept initrd is the old file"
is "$(identity disk.img $BOOT "$initrd" | sed 1d)" "$(sed 1d <<<"$before_initrd")" \
	"the new one has its owner and label"
for at in $BOOT $ROOT; do
	ok "the filesystem at $at is clean" e2fsck -fn "disk.img?offset=$at"
done
unrack fix disk.img --undo
exits 0 "undo"
is "$(sum disk.img)" "$original" "gives back every bit"

# A server that was not shut down: its journal is replayed, but only on overlays.
cp --sparse=always "$source" dirty.img
block=$(on dirty.img $ROOT "bmap $conf 0")
on dirty.img $ROOT "cat $conf" | sed 's/e1000/8139x/' >replayed
truncate -s 4K replayed # a whole block
change dirty.img $ROOT <<COMMANDS
jo
jw -b $block replayed
jc
COMMANDS
like "$(on dirty.img $ROOT features)" "needs_recovery" "a filesystem with a dirty journal"
original=$(sum dirty.img)
unrack inspect --json dirty.img
exits 0 "is looked at"
like "$out" "8139x" "as it will be after a replay"
is "$(sum dirty.img)" "$original" "and left as it is"
unrack fix dirty.img --esx 6.7
exits 0 "it is repaired"
unlike "$(on dirty.img $ROOT features)" "needs_recovery" "with its journal replayed"
ok "and is clean" e2fsck -fn "dirty.img?offset=$ROOT"
unrack fix dirty.img --undo
is "$(sum dirty.img)" "$original" "undo makes it dirty again"

# Damage.
cp --sparse=always "$source" bad.img
change bad.img $BOOT <<<'ssv state 2'
original=$(sum bad.img)
unrack fix bad.img --esx 6.7
exits 6 "a filesystem that is marked as damaged is not written"
like "$err" "partition 1 of disk 0 .*fsck" "it is named, with what to do"
unrack inspect bad.img
exits 0 "but may be looked at"
is "$(sum bad.img)" "$original" "the image is as it was"
dd if=/dev/zero of=bad.img bs=512 seek=63 count=8 conv=notrunc status=none
unrack inspect bad.img
exits 6 "a /boot that is gone"
like "$err" "LABEL=/boot" "is named as fstab names it"
dd if=/dev/zero of=bad.img bs=512 seek=163903 count=8 conv=notrunc status=none
unrack inspect bad.img
exits 6 "no system at all"
like "$err" "no operating system was found.*swap" "says what there is"

# Initrds that mean harm: what unrack itself has in memory; the appliance is another program.
bounded() { # NAME ARGS...: the last unrack, with less than 256 MiB
	local name=$1 kib
	shift
	rc=0
	perl "$fixtures/../support/used.pl" used "$UNRACK" "$@" >.out 2>.err || rc=$?
	out=$(<.out) err=$(<.err) kib=$(cut -d ' ' -f 3 used)
	ok "$name: ${kib} KiB of memory are not too much" test "$kib" -le 262144
}
put_initrd() { # IMAGE FILE: in place of the fixture's
	cp --sparse=always "$source" "$1"
	change "$1" $BOOT <<<"rm $initrd
write $2 $initrd"
	e2fsck -fp "$1?offset=$BOOT" >/dev/null 2>&1
}
head -c 600M /dev/zero | gzip -9 >bomb.gz
truncate -s 600M zeros
while read -r file code text; do
	put_initrd hostile.img "$file"
	original=$(sum hostile.img)
	bounded "inspect with $file" inspect --json hostile.img
	exits 0 "inspect takes it"
	bounded "check with $file" check hostile.img --esx 6.7
	exits 1 "check says no"
	bounded "fix with $file" fix hostile.img --esx 6.7
	exits "$code" "fix ends"
	like "$err" "${initrd##*/}.*$text" "and says why"
	is "$(sum hostile.img)" "$original" "the image is as it was"
done <<END
bomb.gz 6 unpacks to more than the 512 MiB
zeros 6 has more than the 512 MiB
END
rm -f bomb.gz zeros hostile.img

# Two systems on two disks' worth of partitions: the loader's own is taken.
cp --sparse=always "$source" two.img
truncate -s 210M two.img
printf '410000,19000,L\n' | sfdisk -q --no-reread --no-tell-kernel -N 4 two.img 2>/dev/null
mkdir -p old/etc
echo "Red Hat Linux release 9 (Shrike)" >old/etc/redhat-release
echo "/dev/hda4 / ext3 defaults 1 1" >old/etc/fstab
mke2fs -q -t ext3 -d old -E offset=$((410000 * 512)) two.img 9500k
unrack inspect --json two.img
exits 0 "of two systems, the one that the boot loader starts"
like "$out" "5.11" "is taken"

# Not enough room for the overlay while the guest is written: nothing hangs.
if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=420M none full 2>/dev/null; then
	trap 'umount "$work/full"; rm -rf "$work"' EXIT
	cp --sparse=never "$source" full/disk.img
	original=$(sum full/disk.img)
	"$UNRACK" fix full/disk.img --esx 6.7 >.out 2>.err &
	pid=$!
	until [ -e full/disk.img.unrack/fix/overlay-disk0 ] || ! kill -0 $pid 2>/dev/null; do sleep 0.1; done
	sleep 1
	dd if=/dev/zero of=full/filler bs=1M status=none 2>/dev/null
	rc=0
	wait $pid || rc=$?
	is $rc 4 "a disk that fills up while the guest is written"
	like "$(<.err)" "[Ff]ree" "says what to do"
	is "$(sum full/disk.img)" "$original" "the image is as it was"
	rm full/filler
	"$UNRACK" -q fix full/disk.img --esx 6.7 >/dev/null 2>&1
	is $? 0 "and is repaired when there is room"
	rm -r full/*
	filler=$(df --output=avail full | sed 1d)
	dd if=/dev/zero of=full/filler bs=1K count=$((filler - 600)) status=none
	original=$(sum two.img)
	cache=${TMPDIR:-/var/tmp} temporary=${TMPDIR:-/tmp} # the appliance itself is where it was
	rc=0
	LIBGUESTFS_CACHEDIR=$cache LIBGUESTFS_TMPDIR=$temporary TMPDIR=$PWD/full \
		timeout 120 "$UNRACK" fix two.img --esx 6.7 >.out 2>.err || rc=$?
	is $rc 4 "a folder for temporary files that is full"
	like "$(<.err)" "no space is left in $PWD/full, where QEMU keeps .* TMPDIR" "is named"
	is "$(sum two.img)" "$original" "the image is as it was"
	umount full
	trap 'rm -rf "$work"' EXIT
fi

# Ctrl-C while the appliance works.
cp --sparse=always "$source" stop.img
original=$(sum stop.img)
before=$(ls -d /tmp/libguestfs* 2>/dev/null)
"$UNRACK" -q fix stop.img --esx 6.7 >/dev/null 2>.err &
pid=$!
sleep 3
kill -INT $pid
start=$SECONDS
rc=0
wait $pid || rc=$?
is $rc 130 "interrupted"
ok "within two seconds" test $((SECONDS - start)) -le 2
is "$(sum stop.img)" "$original" "the image is as it was"
is "$(ls -d /tmp/libguestfs* 2>/dev/null)" "$before" "and nothing is left behind"
nok "not even its folder" test -e stop.img.unrack

# A kernel is what the appliance is made of.
if unshare -m true 2>/dev/null; then
	mkdir cache
	rc=0
	unshare -m bash -c 'mount -t tmpfs none /boot && mount -t tmpfs none /lib/modules &&
		LIBGUESTFS_CACHEDIR=$PWD/cache exec "$UNRACK" inspect disk.img' >.out 2>.err || rc=$?
	is $rc 3 "without a kernel for the appliance"
	like "$(<.err)" "linux-image-cloud-amd64" "the package is named"
fi
done_testing
