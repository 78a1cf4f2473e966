#!/bin/bash
# A receiver whose storage fails: full, write errors, a sync that fails once while the next one succeeds, no
# holes; files of unrack's own that are torn, cut, flipped, or gone. In the end the image is identical.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/faults.sh"
needs sfdisk mke2fs debugfs dumpe2fs jq perl qemu-img
needs_faults
disk=disk.img
disk_make first.img 96
cp first.img disk.img
export FAULT_LOG=$work/faults

# A folder k in which a first pass or a delta pass is due, in a format.
due() { # PASS FORMAT
	rm -rf k faults
	cp first.img disk.img
	[ "$1" = first ] && return
	"$UNRACK" -q copy disk.img k --format "$2"
	disk_change disk.img 1
	disk_fill disk.img
}
whole() { # NAME: the same command completes it
	unrack copy disk.img k
	exits 0 "$1: the same command completes it"
	ok "identical" same k
	unrack verify k
	exits 0 "and verified"
}

# --- A sync that fails once -------------------------------------------------------------------
# What was written since the one before is gone then, as the kernel drops it.
for pass in first delta; do
	for format in flat sparse stream; do
		[ $pass = delta ] && [ $format = stream ] && continue
		for n in 1 2 3; do
			due $pass $format
			FAULT_FILE=.vmdk FAULT_SYNC=$n faulty copy disk.img k --format $format --rate 3M
			exits 4 "trap: fdatasync $n fails once, $pass pass, $format: the copy ends"
			like "$err" "can't bring .*vmdk to stable storage: Input/output error" "with the reason"
			is "$(grep -c ^sync faults)" 1 "a second one is not tried"
			whole "$pass pass, $format"
		done
	done
	due $pass flat
	FAULT_FILE=.digests FAULT_SYNC=2 faulty copy disk.img k --rate 3M
	exits 4 "an fdatasync of the digests fails, $pass pass"
	whole "$pass pass"
	due $pass flat
	FAULT_FILE=.journal FAULT_SYNC=1 faulty copy disk.img k --rate 3M
	exits 4 "one of the journal, $pass pass"
	whole "$pass pass"
done

# --- Write errors -----------------------------------------------------------------------------
for pass in first delta; do
	for format in flat sparse; do
		for e in 5 28 122; do # EIO, ENOSPC, EDQUOT
			due $pass $format
			FAULT_FILE=.vmdk FAULT_WRITE=9000000 FAULT_ERRNO=$e faulty copy disk.img k --format $format
			exits 4 "trap: a write fails with errno $e, $pass pass, $format"
			like "$err" "k/k(-flat)?.vmdk.*(Input/output error|No space left|Disk quota exceeded)" "the reason"
			[ $e = 5 ] || like "$err" "free some space and run the same command again" "what to do"
			whole "$pass pass, $format"
		done
	done
done
# NFS tells at the sync.
for e in 28 122; do
	due first flat
	FAULT_FILE=-flat.vmdk FAULT_SYNC=1 FAULT_ERRNO=$e faulty copy disk.img k
	exits 4 "trap: NFS reports errno $e only at fdatasync"
	like "$err" "free some space and run the same command again" "what to do"
	whole "then"
done

# --- NFSv3 ------------------------------------------------------------------------------------
for pass in first delta; do
	due $pass flat
	FAULT_FILE=-flat.vmdk FAULT_PLAIN=1 faulty copy disk.img k
	exits 0 "trap: NFSv3: no SEEK_HOLE, no punch, no O_DIRECT: a $pass pass"
	ok "identical" same k
	FAULT_FILE=-flat.vmdk FAULT_PLAIN=1 faulty verify k
	exits 0 "and verified"
done

# --- Full -------------------------------------------------------------------------------------
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=12M none small 2>/dev/null; then
	trap 'umount "$work/small"; rm -rf "$work"' EXIT
	for format in flat sparse stream; do
		cp first.img disk.img
		rm -rf small/*
		mount -o remount,size=12M small
		unrack copy disk.img small/k --format $format --json
		exits 4 "a full disk, $format"
		is "$(jq -r 'select(.result).result' <<<"$out")" nospace "as what it is"
		like "$err" "up to [0-9]+ MiB are missing: free some space" "the message says how much is missing"
		missing=$(sed -n 's/.*up to \([0-9]*\) MiB are missing.*/\1/p' <<<"$err")
		unrack copy disk.img small/k --format $format
		exits 4 "the same again without space"
		mount -o remount,size=$((12 + missing + 1))M small
		unrack copy disk.img small/k --format $format
		exits 0 "with as much as was said, the same command finishes"
		ok "identical" same small/k
	done
	# A delta pass over holes.
	rm -rf small/*
	unrack copy disk.img small/k
	used=$(df -m --output=used small | tail -1)
	disk_fill disk.img
	disk_change disk.img 1
	head -c 20M /dev/urandom >new
	debugfs -w -R "write new big" "disk.img?offset=1048576" >/dev/null 2>&1
	mount -o remount,size=$((used + 3))M small
	unrack copy disk.img small/k
	exits 4 "trap: a disk that fills up in a delta pass"
	like "$err" "MiB are missing|free some space" "is told"
	unrack fix small/k --esx 6.7
	exits 5 "its folder can't be fixed"
	mount -o remount,size=200M small
	unrack copy disk.img small/k
	exits 0 "with space it continues"
	ok "identical" same small/k
	umount small
	trap 'rm -rf "$work"' EXIT
fi

# --- Files of unrack's own ---------------------------------------------------------------------
# Folders to damage: a first pass, a complete copy, and a delta pass, with checkpoints.
cp first.img disk.img
"$UNRACK" -q --json copy disk.img k --rate 5M >json 2>/dev/null &
pid=$!
has_come_to 10000000 $pid
kill -9 $pid
wait $pid 2>/dev/null
mkdir kept
mv k kept/first
"$UNRACK" -q copy disk.img k
cp -a k kept/complete
disk_fill disk.img
disk_change disk.img 9
"$UNRACK" -q copy disk.img k --rate 3M >/dev/null 2>&1 &
pid=$!
sleep 3
kill -9 $pid
wait $pid 2>/dev/null
mv k kept/delta
damaged() { # STATE: k is a copy of that
	rm -rf k
	cp -a "kept/$1" k
}
for state in first complete delta; do
	n=$(stat -c %s kept/$state/unrack/disk0.journal)
	for cut in 1 17 63 64; do
		damaged $state
		truncate -s -$cut k/unrack/disk0.journal
		unrack copy disk.img k
		exits 0 "$state: a journal that is torn $cut bytes before its end"
		ok "identical" same k
	done
	for at in -1 -30 -64; do
		damaged $state
		flip k/unrack/disk0.journal $at
		unrack copy disk.img k
		exits 0 "$state: a flipped bit in the last record"
		ok "identical" same k
	done
	damaged $state
	head -c 40 /dev/urandom >>k/unrack/disk0.journal
	unrack copy disk.img k
	exits 0 "$state: garbage behind the last record"
	ok "identical" same k
	for at in 3 9 40 -65; do
		damaged $state
		[ $at = -65 ] && [ "$n" -lt 320 ] && continue
		flip k/unrack/disk0.journal $at
		cp -a k was
		unrack copy disk.img k
		exits 6 "$state: a flipped bit in the journal, byte $at, is damage"
		like "$err" "nothing was written: put a good copy of it back, or copy the disk into another folder" "what to do"
		rm -rf was/unrack/lock* k/unrack/lock*
		ok "nothing was written" diff -r was k
		rm -rf was other
		unrack copy disk.img other
		exits 0 "another folder"
		ok "identical" same other
		cp kept/$state/unrack/disk0.journal k/unrack/disk0.journal
		whole "$state: with a good copy of it"
	done
	for what in digests map; do
		for how in gone empty cut flip-20 flip-33 flip-70 flip-5000; do
			damaged $state
			file=k/unrack/disk0.$what
			[ "$(stat -c %s $file)" -gt "${how#flip-}" ] 2>/dev/null || [ "${how%-*}" != flip ] || continue
			case $how in
			gone) rm $file ;;
			empty) truncate -s 0 $file ;;
			cut) truncate -s -40 $file ;;
			flip-*) flip $file "${how#flip-}" ;;
			esac
			unrack copy disk.img k
			# Digests that can't be right are dropped, and made anew by the next run.
			[ $rc = 6 ] && [ $what = digests ] && unrack copy disk.img k
			exits 0 "$state: $what $how"
			ok "identical" same k
		done
	done
	damaged $state
	rm -f k/unrack/manifest.json
	unrack copy disk.img k
	exits 5 "$state: a folder without its manifest is not ours"
	damaged $state
	flip k/unrack/manifest.json 100
	unrack copy disk.img k
	exits 6 "$state: a flipped bit in the manifest"
done
done_testing
