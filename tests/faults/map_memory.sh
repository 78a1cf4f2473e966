#!/bin/bash
# A filesystem whose free space is in more pieces than a map takes: the longest are left out, the image is identical,
# and no side takes more than 64 MiB, also when it has the map of the pass before.
. "$(dirname "$0")/../support/lib.sh"
PATH=$PATH:/sbin:/usr/sbin
cmp=$fixtures/../support/sparse_cmp.pl
needs mke2fs mount losetup perl pgrep
[ "$(id -u)" = 0 ] || skip_all "needs root, to mount a filesystem"
truncate -s 80G disk.img || skip_all "no files of 80 GiB here"
mke2fs -q -F -t ext4 -m 0 -N 1000 -O ^has_journal -U 11111111-2222-3333-4444-555555555555 disk.img
mkdir mnt
mount -o loop disk.img mnt 2>/dev/null || skip_all "no loop devices here"
trap 'umount "$work/mnt" 2>/dev/null; rm -rf "$work"' EXIT

# A file of blocks that were never written, of which every second 64 KiB are taken away again: from FROM on, COUNT of them.
fallocate -l 76G mnt/file
unmount() {
	umount mnt
	for _ in $(seq 100); do # the loop device goes a little later
		[ -z "$(losetup -j disk.img)" ] && return
		sleep 0.1
	done
}
unmount
punch() { # FROM COUNT
	mount -o loop disk.img mnt
	perl -e '
		use constant { KEEP_SIZE => 1, PUNCH_HOLE => 2, FALLOCATE => 285 };
		open my $f, "+<", "mnt/file" or die;
		for my $i ($ARGV[0] .. $ARGV[0] + $ARGV[1] - 1) {
			syscall(FALLOCATE, fileno $f, KEEP_SIZE | PUNCH_HOLE, $i * 131072, 65536) == 0 or die "$i: $!";
		}' "$1" "$2"
	unmount
}

ln -s "$UNRACK" unrack
far=(--rsh "$fixtures/../support/rsh.sh" --remote-unrack "$work/unrack")
watched() { # ARGS...: as unrack; sets $peak to what it or its far side takes at most, in KiB
	local p kib
	peak=0
	./unrack "$@" >"$work/.out" 2>"$work/.err" &
	p=$!
	while kill -0 $p 2>/dev/null; do
		for kib in $(cat "/proc/$p/status" $(pgrep -f -- "^$work/unrack serve" | sed 's|.*|/proc/&/status|') 2>/dev/null | awk '/VmHWM/ { print $2 }'); do
			[ "$kib" -gt "$peak" ] && peak=$kib
		done
		sleep 0.02
	done
	wait $p && rc=0 || rc=$?
	out=$(<"$work/.out") err=$(<"$work/.err")
}
runs() { echo $((($(stat -c %s k/unrack/disk0.map) - 64) / 16)); }

punch 0 600000
for pass in first delta; do
	watched copy disk.img "ssh://far$work/k" "${far[@]}"
	exits 0 "a $pass pass"
	ok "of a map of $(runs) runs takes less than 64 MiB a side ($peak KiB)" test $peak -lt 65536
	ok "many, but not all" test "$(runs)" -gt 60000 -a "$(runs)" -lt 400000
	# What is free was never written.
	ok "identical" perl "$cmp" disk.img k/k-flat.vmdk
	punch 600000 2000
done
done_testing
