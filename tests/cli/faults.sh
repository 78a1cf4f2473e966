#!/bin/bash
# One of each: a sync that fails once, a write error, a clock that jumps, two senders, an owner that stands still and wakes,
# a journal that is torn or flipped. In the end the image is identical. tests/faults has them in every variety.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/faults.sh"
needs sfdisk mke2fs debugfs dumpe2fs jq perl pgrep
needs_faults
disk=disk.img
disk_make $disk 48
export FAULT_LOG=$work/faults
whole() { # NAME
	unrack copy $disk k
	exits 0 "$1: the same command completes it"
	ok "identical" same k
}

# --- Storage ------------------------------------------------------------------------------------
FAULT_FILE=.vmdk FAULT_SYNC=2 faulty copy $disk k --rate 500K # so that there is a second one long before the end
exits 4 "trap: an fdatasync fails once, and the next one would succeed: the copy ends"
like "$err" "can't bring .*vmdk to stable storage: Input/output error" "with the reason"
is "$(grep -c ^sync faults)" 1 "a second one is not tried"
whole "what was written since the one before is written again"
disk_change $disk 1
disk_fill $disk
FAULT_FILE=.vmdk FAULT_WRITE=9000000 FAULT_ERRNO=122 faulty copy $disk k
exits 4 "trap: a quota is used up in a delta pass"
like "$err" "Disk quota exceeded.*free some space and run the same command again" "what to do"
whole "with space"

# --- Clocks -------------------------------------------------------------------------------------
disk_change $disk 2
disk_fill $disk
FAULT_CLOCK=$((-4000 * 86400)) FAULT_AFTER=1 faulty copy $disk k --rate 4M
exits 0 "trap: the clock is set back by years during a delta pass"
ok "identical" same k
disk_change $disk 3
FAULT_CLOCK=$((-8000 * 86400)) faulty copy $disk k
exits 0 "and between two"
ok "identical" same k
FAULT_CLOCK=$((4000 * 86400)) faulty verify k
exits 0 "and verified, years ahead"

# --- Journals -----------------------------------------------------------------------------------
disk_change $disk 4
disk_fill $disk
"$UNRACK" --json copy $disk k --rate 200K >json 2>/dev/null & # half a minute
pid=$!
begun "a delta pass has a checkpoint" -p $pid is_durable 3000000
kill -9 $pid
wait $pid 2>/dev/null
cp k/unrack/disk0.journal good
truncate -s -17 k/unrack/disk0.journal
unrack copy $disk k
exits 0 "the last record of a journal is torn"
ok "identical" same k
cp good k/unrack/disk0.journal
flip k/unrack/disk0.journal 40
unrack copy $disk k
exits 6 "a flipped byte before good records is damage"
like "$err" "nothing was written: put a good copy of it back, or copy the disk into another folder" "what to do"
cp good k/unrack/disk0.journal
whole "with a good copy of it"

# --- Owners -------------------------------------------------------------------------------------
disk_change $disk 5
disk_fill $disk
held $disk $((36 << 20)) copy $disk k
begun "(the first sender has begun)" -p $pid test -e k/unrack/lock
unrack copy $disk k
exits 5 "a second sender is refused"
like "$err" "k is in use by another unrack, process $pid on " "with the owner's number"
release
wait $pid
is $? 0 "the first one completes"
ok "identical" same k
# In a process namespace of its own nobody can look up whether it lives: it is judged by its counter.
if [ "$(id -u)" = 0 ] && unshare -p -f true 2>/dev/null; then
	disk_change $disk 6
	disk_fill $disk
	rm -f json
	unshare -p -f "$UNRACK" --json copy $disk k --rate 100K >json 2>old.err &
	pid=$!
	has_come_to 2000000 $pid
	owner=$(pgrep -P $pid)
	kill -STOP "$owner"
	unrack copy $disk k
	exits 0 "trap: the lock of an owner that stands still is taken over"
	ok "identical" same k
	cp -a k was
	kill -CONT "$owner"
	wait $pid
	is $? 5 "trap: the one that stood still notices that it lost the lock"
	like "$(<old.err)" "lock of k/unrack.*nothing more is written" "and says so"
	ok "it wrote nothing more: neither image nor digests nor journal" diff -r was k
fi
done_testing
