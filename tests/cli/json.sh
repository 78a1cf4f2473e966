#!/bin/bash
# What is written with --json is what unrack(1) says: events, members, types, and the result at the end of
# every run. First that a difference is seen, then the runs that are cheap.
. "$(dirname "$0")/../support/lib.sh"
needs perl sfdisk mke2fs
checker=$fixtures/../support/json_events.pl
manual=$fixtures/../../man/unrack.1

{
	head -c 3M /dev/urandom
	head -c 20M /dev/zero
} >disk.img
printf 'label-id: 0x0badcafe\n1M,12M,83,*\n,8M,82\n' | sfdisk -q disk.img
mke2fs -q -F -L root -E offset=1048576 -U 11111111-2222-3333-4444-555555555555 disk.img 12M 2>/dev/null

# --- The checker ---------------------------------------------------------------------------
unrack --json copy disk.img web01
exits 0 "a copy"
documented "is documented"
cp .out copy.json
unrack --json scan disk.img missing.img
documented "so is a scan"
cp .out scan.json

refused() { # FILE NAME SAYS SED-SCRIPT
	sed "$4" "$1" >bad.json
	ok "($2: the line is changed)" test "$(cksum <"$1")" != "$(cksum <bad.json)"
	said=$(perl "$checker" --exit 0 bad.json) && rc=0 || rc=$?
	is "$rc" 1 "$2"
	like "$said" "$3" "is told"
}
refused copy.json "an event that the manual does not have" 'the event news is not documented' 's/"event":"message"/"event":"news"/'
refused copy.json "a member of the result that it does not have" 'not documented: speed' 's/"exit":0/"exit":0,"speed":7/'
refused copy.json "one of an event" 'not documented: speed' 's/"step":"copy"/&,"speed":7/'
refused copy.json "one that is another command's" 'not documented: vmx' 's/"exit":0/&,"vmx":"a"/'
refused scan.json "one deep in the result" 'partitions\[1\] has a member that is not documented: speed' 's/"number":2/&,"speed":7/'
refused copy.json "one that is missing in the result" 'the result has no sent_bytes' 's/"sent_bytes":[0-9]*,//'
refused copy.json "in an event" 'progress has no unit' 's/"unit":"bytes",//'
refused scan.json "in a disk" 'disks\[0\] has no identity' 's/"identity":"[^"]*",//'
refused copy.json "a string for a number" 'total is a string' 's/"total":\([0-9]*\)/"total":"\1"/'
refused copy.json "a number for a string" 'folder is a integer' 's/"folder":"web01"/"folder":1/'
refused copy.json "a fraction for an integer" 'disk_count is a number' 's/"disk_count":1/"disk_count":1.5/'
refused scan.json "a number for a boolean" 'trouble is a integer' 's/"trouble":false/"trouble":0/'
refused scan.json "null where it can't be" 'path is a null' 's/"path":"disk.img"/"path":null/'
refused scan.json "an object for a list" 'holders is a object' 's/"holders":\[\]/"holders":{}/'
refused copy.json "a word that is none of those" 'is "seconds", which is no unit' 's/"unit":"bytes"/"unit":"seconds"/'
refused copy.json "an error where there is none" 'has error, which the manual excludes' 's/"exit":0/&,"error":"a"/'
refused copy.json "another exit status" 'says exit 4, but it was 0' 's/"result":"ok","exit":0/"result":"io","exit":4,"error":"a"/'
refused copy.json "one that is not that of the result" 'exit is not that of ok' 's/"exit":0/"exit":4/'
refused copy.json "text" 'is no JSON object' '1i hello'
refused copy.json "JSON that is no object" 'is no JSON object' '1i []'
refused copy.json "an empty line" 'is no JSON object' '1i \\'
refused copy.json "no result" 'there is no result' '$d'
refused copy.json "something after the result" 'comes after the result' '$p'
refused copy.json "a result in between" 'comes after the result' '1h;1d;$G'
head -c -1 copy.json >bad.json
nok "a last line without its end" perl "$checker" bad.json
: >bad.json
nok "no output at all" perl "$checker" bad.json
ok "without a change it is right" perl "$checker" --exit 0 copy.json

# Every row counts: without it, the same run is not documented.
for member in level text step 'done' total unit folder disk_count bytes sent_bytes lost_connections exit command; do
	sed "/^\.It $member Ta /d" "$manual" >less.1
	ok "(a row of $member is dropped)" test "$(cksum <"$manual")" != "$(cksum <less.1)"
	nok "the checker knows $member from the manual only" perl "$checker" --manual less.1 copy.json
done
sed 's/^\.It sent_bytes Ta integer/.It sent_bytes Ta string/' "$manual" >other.1
nok "and its type" perl "$checker" --manual other.1 copy.json
sed 's/^\.It sent_bytes Ta integer/.It sent_bytes Ta amount/' "$manual" >other.1
perl "$checker" --manual other.1 copy.json >said && rc=0 || rc=$?
is "$rc" 2 "a type that the manual does not explain"
like "$(<said)" 'sent_bytes is of a type that is not told, amount' "is told"

# --- Runs ------------------------------------------------------------------------------------
unrack --json copy disk.img web01
documented "a copy that is complete"
unrack --json verify web01
exits 0 "verify"
documented "is documented"
flip web01/web01-flat.vmdk 70000
unrack --json verify web01
exits 1 "a difference"
documented "is documented"
unrack -v --json copy disk.img web01
exits 5 "a refused copy"
documented "is documented"
unrack --json copy missing.img web02
exits 4 "a source that is not there"
documented "is documented"
# A port that nobody else can take, and at which nobody answers.
perl -MIO::Socket::INET -e '$| = 1; my $s = IO::Socket::INET->new(Proto => "tcp", LocalAddr => "127.0.0.1") or die;
	print $s->sockport, "\n"; sleep' >port &
nobody=$!
trap 'kill $nobody; rm -rf "$work"' EXIT
begun "(a port is bound)" -p $nobody test -s port
unrack --json copy disk.img "ssh://127.0.0.1:$(<port)$work/web02" --known-hosts /dev/null --ssh-config none
exits 4 "a machine that is not reached"
documented "is documented"
like "$out" '"continue":"[^"]*ssh://127' "with the command that continues"
unrack --json copy "ssh://far$work/disk.img" web03 --rsh "$fixtures/../support/rsh.sh" --remote-unrack "$UNRACK"
exits 0 "a copy from another machine"
documented "is documented"
rm .out
"$UNRACK" --json copy disk.img web04 --rate 200K >.out 2>/dev/null &
pid=$!
begun "(a copy is under way)" -p $pid grep -q '"event":"progress"' .out
kill -TERM $pid
wait $pid && rc=0 || rc=$?
is "$rc" 130 "a copy that is stopped"
documented "is documented"

unrack --json copy disk.img web06 --live
exits 0 "a copy of a disk in use"
documented "is documented"
unrack --json copy disk.img web06
exits 0 "finished"
documented "is documented"
unrack --json export web06 -o web07
exits 0 "an export"
documented "is documented"

truncate -s 1M twin.img none.img
cp --sparse=always disk.img twin.img
unrack --json scan disk.img twin.img none.img
documented "twins, and a disk without a table"
: >empty.img
unrack --json scan empty.img
exits 2 "an empty file"
documented "is documented"
unrack --json scan
documented "this machine, whatever it has"

for command in inspect check fix vm boot migrate export; do
	args=(missing.img)
	case $command in
	migrate) args=(missing.img web05 --esx 6.7) ;;
	export) args=(missing.img -o web05) ;;
	inspect) ;;
	*) args+=(--esx 6.7) ;;
	esac
	unrack --json $command "${args[@]}"
	ok "$command of something that is not there" test "$rc" -gt 1
	documented "is documented"
done
unrack --json check none.img
exits 2 "a target that is not told"
documented "is documented"
unrack --json copy
exits 2 "operands that are missing"
documented "is documented"
unrack copy --json --no-such-option a b
exits 2 "an unknown option"
documented "is documented"
unrack --json frobnicate
exits 2 "an unknown command"
documented "is documented"
unrack --json
exits 2 "no command"
documented "is documented"
unrack --json --log /dev/full/no copy a b
ok "a log that can't be opened" test "$rc" -gt 1
documented "is documented"

# What these runs can show, they have shown.
ok "no member of them is documented in vain" \
	perl "$checker" --unseen .seen event message progress result scan copy verify export
sed '/^\.It sent_bytes Ta/a .It saved_bytes Ta integer Ta maybe Ta' "$manual" >more.1
perl "$checker" --manual more.1 --unseen .seen copy >said && rc=0 || rc=$?
is "$rc" 1 "one that no command writes"
like "$(<said)" "never seen: result copy: saved_bytes" "is found"
done_testing
