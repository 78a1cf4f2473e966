#!/bin/bash
# Sources in use: passes that follow one another, a folder that nothing is made of until a quiet pass, and in the
# end an identical image.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/faults.sh"
needs sfdisk mke2fs debugfs dumpe2fs jq perl
disk=disk.img
disk_make disk.img 96 # of which more than 16 MiB have data, so that a second pass follows

unrack --json copy disk.img web01 --live
exits 0 "a copy of a source in use"
is "$(state_of web01)" live "makes a folder that is live"
is "$(jq 'select(.result).passes' <<<"$out")" 2 "after a second pass, in which little had changed"
ok "all blocks of it are there, since no filesystem can be trusted" cmp disk.img web01/web01-flat.vmdk
while read -r command; do
	# shellcheck disable=SC2086
	unrack $command
	exits 5 "a live folder: ${command%% *} is refused"
	like "$err" "web01 was copied from a source in use" "with the reason"
done <<'END'
fix web01 --esx 6.7
vm web01 --esx 6.7
boot web01 --esx 6.7
export web01 -o out.vmdk --format stream
END
is "$(state_of web01)" live "it stays live"
disk_change disk.img 1
unrack copy disk.img web01
exits 0 "a quiet pass"
is "$(state_of web01)" copied "completes it"
ok "identical" same web01
unrack verify web01 disk.img
exits 0 "and verified"

disk_change disk.img 2
rm -f json
"$UNRACK" --json copy disk.img web02 --live --rate 300K >json 2>/dev/null & # a minute
pid=$!
begun "(a live pass has a checkpoint)" -p $pid is_durable 1
kill -9 $pid
wait $pid 2>/dev/null
is "$(state_of web02)" copying "a live pass that is killed"
disk_change disk.img 3
unrack copy disk.img web02
exits 0 "followed by a quiet one"
like "$err" "compared from its beginning on: the source was in use" "which takes nothing for granted"
ok "identical" same web02

unrack copy disk.img web02 --live
disk_change disk.img 4
disk_fill disk.img
rm -f json
"$UNRACK" --json copy disk.img web02 --rate 200K >json 2>/dev/null & # a minute
pid=$!
begun "(a quiet pass has one)" -p $pid is_durable 1
kill -9 $pid
wait $pid 2>/dev/null
unrack fix web02 --esx 6.7
exits 5 "a quiet pass that is killed leaves a folder that can't be fixed either"
unrack copy disk.img web02
exits 0 "the same again"
is "$(state_of web02)" copied "completes it"
ok "identical" same web02

unrack copy disk.img web03 --live --format stream
exits 2 "a format that can't be changed is refused before anything is copied"
like "$err" "use unrack export --format stream" "with what to do"
nok "nothing was" test -e web03

# A filesystem that is mounted and written to all the time.
if [ "$(id -u)" = 0 ] && loop=$(losetup -f --show -o 1048576 --sizelimit $((48 << 20)) disk.img 2>/dev/null); then
	trap 'umount "$work/mnt" 2>/dev/null; losetup -d "$loop" 2>/dev/null; rm -rf "$work"' EXIT
	mkdir mnt
	ok "(mounted)" mount "$loop" mnt
	unrack copy "$loop" web04
	exits 5 "a mounted device"
	(while [ ! -e stop ]; do head -c 700000 /dev/urandom >"mnt/w$((RANDOM % 8))"; done) &
	writer=$!
	unrack copy "$loop" web04 --live
	exits 0 "is copied live while files are written on it"
	unrack copy "$loop" web04 --live
	exits 0 "and once more"
	touch stop
	wait $writer
	echo 'the last word' >mnt/last
	umount mnt
	unrack copy "$loop" web04
	exits 0 "unmounted, a quiet pass completes it"
	dd if="$loop" of=part.img bs=1M status=none
	losetup -d "$loop"
	ok "identical" perl "$support/same_by_map.pl" web04/web04-flat.vmdk part.img web04/unrack/disk0.map
	ok "a clean filesystem" e2fsck -fn web04/web04-flat.vmdk
	is "$(debugfs -R 'cat /last' web04/web04-flat.vmdk 2>/dev/null)" 'the last word' "with what was written last"
fi
done_testing
