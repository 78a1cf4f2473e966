#!/bin/bash
# Copies with one half on "another machine", which is a process behind --rsh: push and pull,
# cuts at both ends, and what is refused.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/faults.sh"
needs jq cmp pgrep
needs_faults
rsh=$support/rsh.sh
disk=disk.img

# 24 MiB: random data, zeros, text.
{
	head -c 8M /dev/urandom
	head -c 6M /dev/zero
	yes 'a line of a file that deflates well' | head -c 10M
} >disk.img
cp disk.img second.img
printf 'another disk' | dd of=second.img conv=notrunc status=none

# --- Both directions ---------------------------------------------------------------------
unrack copy disk.img "ssh://far$work/web01" "${far[@]}" --json
exits 0 "a push"
ok "its image is identical" cmp disk.img web01/web01-flat.vmdk
is "$(result_of | jq .lost_connections)" 0 "over one connection"
ok "what deflates is not sent as it is" test "$(result_of | jq .sent_bytes)" -lt $((9 << 20))
unrack copy disk.img "ssh://far$work/web01" "${far[@]}"
exits 0 "again"
like "$err" '0.0 of 24.0 MiB had changed' "finds no difference"
unrack verify web01 disk.img
exits 0 "verify says the same"

unrack copy "ssh://far$work/disk.img" web02 "${far[@]}" --json
exits 0 "a pull"
ok "its image is identical" cmp disk.img web02/web02-flat.vmdk
like "$out" '"event":"progress".*"total":25165824' "it shows progress"
unrack copy "ssh://far$work/disk.img" web02 "${far[@]}"
like "$err" '0.0 of 24.0 MiB had changed' "again finds no difference"

unrack copy disk.img second.img "ssh://far$work/db01" "${far[@]}"
exits 0 "two disks"
unrack copy "ssh://far$work/second.img" "ssh://far$work/disk.img" db01 "${far[@]}"
exits 0 "pulled in another order over the pushed ones"
like "$err" '0.0 of 48.0 MiB had changed' "they are recognised"
ok "each is where it was" cmp second.img db01/db01_1-flat.vmdk
unrack copy "ssh://far$work/disk.img" db02 "${far[@]}" --disk 3="ssh://far$work/disk.img"
exits 0 "a number for a far disk"
ok "is kept" cmp disk.img db02/db02_3-flat.vmdk

# --- The far side's own errors come as they are --------------------------------------------
unrack copy disk.img "ssh://far$work/no/such/web01" "${far[@]}"
exits 2 "a folder without a parent there"
like "$err" 'make the folder that it lies in first' "says so"
unrack copy "ssh://far$work/missing.img" web03 "${far[@]}"
exits 4 "a source that is not there"
like "$err" 'missing.img: No such file' "is named"
nok "no folder is left" test -e web03
unrack copy second.img "ssh://far$work/web01" "${far[@]}"
exits 5 "another disk for a folder that is complete"
flip web01/web01-flat.vmdk 70000
unrack copy disk.img "ssh://far$work/web01" "${far[@]}"
exits 5 "an image that was changed there"
unrack copy disk.img "ssh://far$work/web01" "${far[@]}" --discard-changes
exits 0 "--discard-changes reaches the far side"
ok "and it is identical again" cmp disk.img web01/web01-flat.vmdk
cp disk.img twin.img
unrack copy disk.img twin.img "ssh://far$work/twins" "${far[@]}"
exits 0 "two that can't be told apart"
unrack copy disk.img twin.img "ssh://far$work/twins" "${far[@]}"
exits 5 "which is which has to be said the next time"
like "$err" '--disk 0=SOURCE' "says the far side"
unrack copy disk.img twin.img "ssh://far$work/twins" "${far[@]}" --disk 0=disk.img --disk 1=twin.img
exits 0 "and it hears"

# --- What makes no sense -------------------------------------------------------------------
unrack copy "ssh://a/dev/sda" "ssh://b/srv/web01"
exits 2 "both ends far"
unrack copy "ssh://a/dev/sda" "ssh://b/dev/sda" web04
exits 2 "sources of two machines"
unrack copy "ssh://a/dev/sda" disk.img web04
exits 2 "far and near sources"
unrack migrate disk.img "ssh://far$work/web04" --esx 6.7 "${far[@]}"
exits 2 "migrate into a far folder, before anything is copied"
nok "nothing was" test -e web04
unrack copy "$work/web04"
exits 2 "no source"
unrack copy disk.img "ssh://far$work/bad name" "${far[@]}"
exits 2 "a name that no machine can have"
unrack copy disk.img "ssh://far$work/web05" --rsh "$rsh" --remote-unrack /no/such/unrack
exits 3 "no unrack on the far side"
like "$err" '/no/such/unrack.*--remote-unrack' "says how to name it"
unrack copy disk.img "ssh://far$work/web05" --rsh "$rsh" --remote-unrack 'echo welcome; unrack'
like "$err" 'welcome' "a far side that talks first is quoted"
unrack copy disk.img "ssh://far$work/web05" --rsh "$work/no-such-program"
exits 3 "a --rsh that is not there"

# --- Cuts ----------------------------------------------------------------------------------
under_way() { # NAME: it has a checkpoint, and waits in the middle of the disk
	begun "$1 is under way" -p $pid is_durable 1
}
ends() { # status in $rc, output in $out
	wait $pid && rc=0 || rc=$?
	out=$(<json)
}

for way in push pull; do
	$way cut-$way
	held disk.img 6000000 copy "${args[@]}"
	under_way "a $way"
	kill -9 $(far_serves)
	release
	ends
	is "$rc" 0 "the far side is killed, and the same run completes"
	is "$(result_of | jq .lost_connections)" 1 "over a second connection"
	ok "identical" cmp disk.img cut-$way/cut-$way-flat.vmdk

	$way client-$way
	held disk.img 6000000 copy "${args[@]}"
	under_way "another $way"
	kill -9 $pid
	release
	wait $pid 2>/dev/null
	unrack copy "${args[@]}" --json
	exits 0 "the client is killed, and the same command completes at once"
	ok "from a checkpoint" test "$(result_of | jq .resumed_bytes)" -gt 0
	ok "identical" cmp disk.img client-$way/client-$way-flat.vmdk

	$way stop-$way
	held disk.img 6000000 copy "${args[@]}" --rate 20M
	under_way "a third $way"
	kill -TERM $pid
	release
	ends
	is "$rc" 130 "stopped by a signal"
	like "$(result_of | jq -r .continue)" "copy .*--rate 20M" "it tells the command that continues"
	unrack copy "${args[@]}" --json
	exits 0 "which completes"
	ok "identical" cmp disk.img "stop-$way/stop-$way-flat.vmdk"
done

push gone
held disk.img 6000000 copy "${args[@]}" --reconnect 0
under_way "a push without reconnecting"
kill -9 $(far_serves)
release
ends
is "$rc" 4 "a cut is its end"
like "$(result_of | jq -r .continue)" "copy disk.img ssh://far" "with the command to continue"
unlike "$(<errors)" 'serve --quiet' "the server's own command line is no way to go on"
unrack copy "${args[@]}"
exits 0 "which completes"
ok "identical" cmp disk.img gone/gone-flat.vmdk

cat >rsh <<END
#!/bin/sh
[ -e $work/away ] && : >$work/tried && exit 255
exec $rsh "\$@"
END
chmod +x rsh
held disk.img 6000000 copy disk.img "ssh://far$work/stopped" --rsh "$work/rsh" --remote-unrack "$far_unrack"
under_way "a push"
touch away
kill -9 $(far_serves)
release
begun "it looks for the far side again" -p $pid test -e tried
kill -INT $pid
ends
is "$rc" 130 "stopped while there is no line"
like "$(result_of | jq -r .continue)" "copy disk.img ssh://far" "with the command to continue"
no_server() { [ -z "$(far_serves)" ]; }
ok "no server is left behind" wait_for 60 no_server
done_testing
