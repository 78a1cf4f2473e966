#!/bin/bash
# Whose folder it is, and which disk: two senders, an owner that was stopped and wakes, a clock set back, other disks
# of the same size, images that something else has changed, and sources that change and change back.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/faults.sh"
needs sfdisk mke2fs debugfs dumpe2fs jq perl pgrep
needs_faults
disk=disk.img
disk_make first.img 96
cp first.img disk.img
due() { # PASS
	rm -rf k
	cp first.img disk.img
	[ "$1" = first ] && return
	"$UNRACK" -q copy disk.img k
	disk_change disk.img 1
	disk_fill disk.img
}

# --- Two senders --------------------------------------------------------------------------------
for pass in first delta; do
	due $pass
	"$UNRACK" -q copy disk.img k --rate 2M >/dev/null 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		[ -e k/unrack/lock ] && break
		sleep 0.05
	done
	unrack copy disk.img k
	exits 5 "$pass pass: a second sender is refused"
	like "$err" "k is in use by another unrack, process $pid on .*; wait until it ends, or stop it" "with the owner's number"
	unrack fix k --esx 6.7
	exits 5 "nothing is fixed meanwhile"
	push k
	unrack copy "${args[@]}" --timeout 1 --rate 2M
	like "$err" "waiting for .* pid $pid to leave" "one over a line waits for a while"
	[ $rc = 5 ] || [ $rc = 0 ]
	result $? "and is refused, or takes its turn ($rc)"
	wait $pid
	is $? 0 "the first one completes"
	ok "identical" same k
done
due first
pids=()
for i in 1 2 3 4 5 6; do
	"$UNRACK" copy disk.img k >"out$i" 2>&1 &
	pids+=($!)
done
good=0 refused=0
for i in "${pids[@]}"; do
	wait "$i"
	case $? in
	0) good=$((good + 1)) ;;
	5) refused=$((refused + 1)) ;;
	esac
done
ok "six at once: $good copy, $refused are refused" test $good -ge 1 -a $((good + refused)) = 6
ok "identical" same k
unrack verify k
exits 0 "and verified"

# --- An owner that is stopped, and wakes --------------------------------------------------------
# In a process namespace of its own nobody can look up whether it lives: it is judged by its counter.
if [ "$(id -u)" = 0 ] && unshare -p -f true 2>/dev/null; then
	for pass in first delta; do
		due $pass
		rm -f json
		unshare -p -f "$UNRACK" --json copy disk.img k --rate 1M >json 2>old.err &
		pid=$!
		has_come_to 2000000 $pid
		sleep 0.5
		owner=$(pgrep -P $pid)
		kill -STOP "$owner"
		disk_change disk.img 2
		disk_fill disk.img
		unrack copy disk.img k
		exits 0 "trap: $pass pass: the lock of an owner that stands still is taken over"
		like "$err" "is locked by process .*: waiting up to 10 seconds to see whether that is alive" "once it has not counted for 10 s"
		ok "identical" same k
		cp -a k was
		kill -CONT "$owner"
		wait $pid
		is $? 5 "trap: the one that stood still notices that it lost the lock"
		like "$(<old.err)" "lock of k/unrack.*nothing more is written" "and says so"
		ok "it wrote nothing more: neither image nor digests nor journal" diff -r was k
		rm -rf was
		unrack verify k disk.img
		exits 0 "the new owner's copy is verified"
	done
fi
# One that is stopped on this machine lives, and is waited for by nobody.
due first
"$UNRACK" -q copy disk.img k --rate 5M >/dev/null 2>&1 &
pid=$!
sleep 1
kill -STOP $pid
unrack copy disk.img k
exits 5 "the lock of a stopped process of this machine is not taken"
kill -CONT $pid
wait $pid
is $? 0 "it goes on when it wakes"
ok "identical" same k

# --- The clock ------------------------------------------------------------------------------------
day=86400
for pass in first delta; do
	due $pass
	FAULT_CLOCK=$((400 * day)) LD_PRELOAD=$work/faults.so "$UNRACK" -q copy disk.img k --rate 4M >/dev/null 2>&1 &
	pid=$!
	sleep 2.5
	kill -9 $pid
	wait $pid 2>/dev/null
	FAULT_CLOCK=$((-4000 * day)) faulty copy disk.img k
	exits 0 "trap: the clock is set back between two runs, $pass pass"
	ok "identical" same k
	disk_change disk.img 3
	unrack copy disk.img k
	exits 0 "and put right again: another pass"
	ok "identical" same k
	FAULT_CLOCK=$((-4000 * day)) faulty verify k
	exits 0 "verified years before"
done
# It is set while a copy runs, and while somebody waits for another owner's lock.
for pass in first delta; do
	# By hours, when somebody notices that the clock of the hardware is in local time.
	for hours in -2 10 $((-11 * 365 * 24)) $((25 * 365 * 24)); do
		due $pass
		FAULT_CLOCK=$((hours * 3600)) FAULT_AFTER=2 faulty copy disk.img k --rate 6M
		exits 0 "trap: the clock jumps by $hours hours during a $pass pass"
		ok "identical" same k
		unrack verify k
		exits 0 "and verified"
	done
done
if [ "$(id -u)" = 0 ] && unshare -p -f true 2>/dev/null; then
	due first
	unshare -p -f "$UNRACK" -q copy disk.img k --rate 2M >/dev/null 2>&1 &
	pid=$!
	sleep 1.5
	FAULT_CLOCK=$((25 * 365 * day)) FAULT_AFTER=3 faulty copy disk.img k
	exits 5 "trap: a lock of an owner that is alive is not taken when the clock jumps"
	wait $pid
	is $? 0 "it completes its copy"
	ok "identical" same k
fi
# A lock from the future, of a process that is gone.
due first
FAULT_CLOCK=$((9000 * day)) LD_PRELOAD=$work/faults.so "$UNRACK" -q copy disk.img k --rate 4M >/dev/null 2>&1 &
pid=$!
sleep 1
kill -9 $pid
wait $pid 2>/dev/null
begun=$SECONDS
unrack copy disk.img k
exits 0 "a lock that is dated years ahead"
ok "is judged by its process, not by time" test $((SECONDS - begun)) -lt 8
ok "identical" same k

# --- Locks of a file server that does not answer ----------------------------------------------------
due first
begun=$SECONDS
FAULT_FILE=disk.img FAULT_LOCK=1 faulty copy disk.img k
exits 0 "trap: whether a virtual machine has locked the source is not told, on an NFS whose lock service is away"
ok "nobody waits for ever" test $((SECONDS - begun)) -lt 30
ok "identical" same k

# --- Other disks of the same size -----------------------------------------------------------------
due delta
cp -a k was
cp first.img other.img
sfdisk -q --disk-id other.img 0x12345678 2>/dev/null
unrack copy other.img k
exits 5 "another disk of the same size is refused"
like "$err" "mbr is 12345678, was 0badcafe" "by its partition table"
cp first.img other.img
tune2fs -U 99999999-2222-3333-4444-555555555555 "other.img?offset=1048576" >/dev/null 2>&1
unrack copy other.img k
exits 5 "one with another filesystem too"
like "$err" "1.ext4 is 99999999.*, was 11111111" "by its UUID"
truncate -s $((96 << 20)) blank.img
unrack copy blank.img k
exits 5 "so is one without anything"
rm -rf k/unrack/lock*
ok "nothing was written" diff -r was k
rm -rf was

# --- Images that something else has changed ---------------------------------------------------------
unrack copy disk.img k
printf 'by a virtual machine' | dd of=k/k-flat.vmdk bs=1 seek=61000000 conv=notrunc status=none
cp k/k-flat.vmdk was
for how in near push pull; do
	$how k
	unrack copy "${args[@]}"
	exits 5 "an image that something else changed between passes is refused, $how"
	like "$err" "k-flat.vmdk changed since unrack wrote it; it may have run" "with the reason"
done
ok "it is not written to" cmp was k/k-flat.vmdk
unrack copy disk.img k --discard-changes
exits 0 "--discard-changes goes on"
ok "identical" same k
touch k/k-flat.vmdk
disk_change disk.img 4
unrack copy disk.img k
exits 0 "an image that was only touched is compared, and takes a pass"
ok "identical" same k
for trace in k.nvram vmware.log vmware-1.log k-000001.vmdk k-Snapshot1.vmsn .lck-1234567890abcdef k.vmdk.lck k-0a1b2c3d.vswp; do
	touch "k/$trace"
	unrack copy disk.img k
	exits 5 "trap: $trace is left by ESX: the machine may have run"
	rm "k/$trace"
done

# --- Sources that change, and change back ------------------------------------------------------------
# A, then B over it in a pass that is killed, then A again, and then C.
due first
"$UNRACK" -q copy disk.img k
cp disk.img A.img
for i in 5 6 7; do disk_change disk.img $i; done
disk_fill disk.img
cp disk.img B.img
for at in 1 2 3; do
	cp B.img disk.img
	"$UNRACK" -q copy disk.img k --rate 3M >/dev/null 2>&1 &
	pid=$!
	sleep $at.$((RANDOM % 10))
	kill -9 $pid
	wait $pid 2>/dev/null
	cp A.img disk.img
	unrack copy disk.img k
	exits 0 "A, B for $at s, and A again"
	ok "identical" same k
	unrack verify k
	exits 0 "and verified"
done
# What is deleted becomes zeros again.
debugfs -w -R "rm new5" "disk.img?offset=1048576" >/dev/null 2>&1
debugfs -w -R "rm text" "disk.img?offset=1048576" >/dev/null 2>&1
before=$(du -k k/k-flat.vmdk | cut -f1)
unrack copy disk.img k
exits 0 "files are deleted"
ok "identical: their blocks are zeros" same k
ok "and holes ($before KiB before)" test "$(du -k k/k-flat.vmdk | cut -f1)" -lt "$before"
# A mounted source between an interrupted first pass and its resume.
if [ "$(id -u)" = 0 ]; then
	due first
	rm -f json
	"$UNRACK" -q --json copy disk.img k --rate 4M >json 2>/dev/null &
	pid=$!
	has_come_to 20000000 $pid
	kill -9 $pid
	wait $pid 2>/dev/null
	mkdir -p mnt
	if mount -o loop,offset=1048576,sizelimit=$((48 << 20)) disk.img mnt 2>/dev/null; then
		rm -f mnt/file[1-4] # of which earlier changes may have taken some
		seq 300000 >mnt/written
		umount mnt
		unrack copy disk.img k
		exits 0 "a source that was mounted and written to behind an interrupted first pass"
		ok "identical to what it is now" same k
		mount -o loop,offset=1048576,sizelimit=$((48 << 20)) disk.img mnt
		umount mnt
		unrack copy disk.img k
		exits 0 "one that was only mounted"
		ok "identical" same k
	fi
fi
done_testing
