#!/bin/bash
# A disk without anything that would note its use (a raw database, an encrypted disk), written to between two runs
# and while it is copied: the system that has the disk counts writes.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/faults.sh"
PATH=$PATH:/sbin:/usr/sbin
needs losetup cmp
needs_faults
[ "$(id -u)" = 0 ] || skip_all "loop devices need root"

head -c 24M /dev/urandom >disk.img
loop=$(losetup -f --show disk.img 2>/dev/null) || skip_all "there is no loop device to be had"
trap 'losetup -d "$loop"; rm -rf "$work"' EXIT
stat=/sys/block/${loop#/dev/}/stat
before=$(awk '{ print $5 }' "$stat")

write() { # MIB: a block of the disk
	head -c 4096 /dev/urandom | dd of="$loop" bs=1M seek="$1" conv=notrunc,fsync status=none
}

start() { # the copy, up to its middle
	held "$loop" $((12 << 20)) copy "$loop" web01
	begun "a copy has a checkpoint" -p $pid is_durable 1
}

write 20
[ "$(awk '{ print $5 }' "$stat")" != "$before" ] || skip_all "this system does not count writes of loop devices"
start
ok "and is killed on its way" kill -9 $pid
wait $pid 2>/dev/null
write 1
unrack copy "$loop" web01
exits 0 "a copy that was cut is continued, after somebody wrote to what is copied already"
ok "and has that" cmp "$loop" web01/web01-flat.vmdk

unrack copy "$loop" web01
exits 0 "the same again"
unlike "$err" "changed since" "is no change"
rm -rf web01
start
write 22
release
rc=0
wait $pid || rc=$?
is "$rc" 5 "a write while it is copied"
like "$(<errors)" "was used by somebody while it was copied" "is told, and the copy not called complete"
unrack copy "$loop" web01
exits 0 "the same command"
ok "completes it" cmp "$loop" web01/web01-flat.vmdk
done_testing
