#!/bin/bash
# What `unrack serve --root DIR --receive-only` lets somebody do who may only send disks, and is
# trusted with nothing. It is driven as a forced command is: whatever the client asks for, it
# runs, and finds what was asked in SSH_ORIGINAL_COMMAND.
. "$(dirname "$0")/../support/lib.sh"
needs cmp perl mkfifo mke2fs debugfs
PATH=$PATH:/usr/sbin:/sbin
peer=$fixtures/../support/wire_peer.pl
mkdir root outside
root=$work/root
echo "what nobody may read or change" >outside/canary
cp -a outside/canary canary.was
cat >gate <<END
#!/bin/bash
export SSH_ORIGINAL_COMMAND="touch $work/outside/owned; unrack serve"
exec "$UNRACK" serve --root "$root" --receive-only \$QUOTA
END
chmod +x gate

head -c 500000 /dev/urandom >disk.img
truncate -s 2000100 disk.img
head -c 100000 /dev/urandom >>disk.img
head -c 700000 /dev/urandom >other.img
same() { cmp -n "$(stat -c %s "${2:-disk.img}")" "${2:-disk.img}" "root/$1/${1##*/}-flat.vmdk"; }
untouched() { # nothing outside was made or changed
	[ "$(stat -c '%n %i %s %a %y' outside outside/*)" = "$was" ] && cmp canary.was outside/canary
}
was=$(stat -c '%n %i %s %a %y' outside outside/*)

push() { # PATH SOURCE... [OPTION...]: by the real client
	local path=$1
	shift
	unrack copy "$@" "ssh://x/$path" --rsh "$work/gate" --reconnect 0
}
wire() { # ARGS...: by a client that refuses nothing; its status in $rc, what the server said in $out
	rc=0
	out=$(timeout 300 perl "$peer" "$@" ./gate 2>"$work/.err") || rc=$?
	err=$out$(<"$work/.err")
}
partial() { # NAME: a copy that was stopped
	rm -rf "root/$1"
	wire push --stop 4 disk.img "$1"
}
again() { # NAME WHAT: a sender that continues it is refused, and nothing happens outside
	wire push disk.img "$1"
	like "$out" '^error 6 |error 6 ' "$2 is refused"
	ok "nothing happened outside" untouched
}
state_of() { # all files of a folder, with their content and time stamps
	find "$1" -printf '%p %y %s %i %T@ %C@ %l\n' | sort
	find "$1" -type f -exec sha256sum {} + | sort
}

# --- What it is for ------------------------------------------------------------------------
push web01 disk.img
exits 0 "a machine folder is made"
ok "identical" same web01
ok "what the client asked for was not run" untouched
push web01 disk.img
exits 0 "the same again"
like "$err" 'nothing to do' "is nothing to do"
mkdir root/group
push group/web02 disk.img
exits 0 "a folder in one that the owner of the root has made"
ok "identical" same group/web02
push nogroup/web02 disk.img
exits 2 "senders don't make these themselves"
partial web03
push web03 other.img
exits 5 "another disk is not taken for it"
unlike "$err" "head|2000" "and nothing is said about the one that is there"
wire push disk.img web03
is "$rc" 0 "who began a copy continues it"
like "$out" 'accept number 0 complete 0 next [1-9]' "where it stopped"
ok "identical" same web03

# --- Other people's streams ----------------------------------------------------------------
cp disk.img fake.img # the same size and signatures
printf 'not that disk' | dd of=fake.img bs=1 seek=100000 conv=notrunc status=none
size=$(stat -c %s disk.img)
partial web07
for how in --offer --open; do
	wire push $how stream=head fake.img web07
	is "$rc" 1 "whoever says that it has a stream ($how)"
	like "$out" '^error 7 .*no stream is copied over the network' "does not get at the copy of a disk"
done
wire push disk.img web07
is "$rc" 0 "whose owner continues it"
ok "identical" same web07
unrack copy - root/web08 --size "$size" < <(head -c 1500000 disk.img)
exits 4 "what came as a stream"
wire push fake.img web08
is "$rc" 1 "is not continued by somebody who knows its signatures"
like "$out" '^error 6 web08 holds a copy that came as a stream, and is not continued like this; choose another folder' "the sentence"
push web08 disk.img
exits 5 "nor by the disk's owner, since nobody can know"
unrack copy - root/web08 --size "$size" <disk.img
exits 0 "but as a stream"
ok "identical" same web08
before=$(state_of root/web08)
push web08 disk.img
exits 5 "when it is complete it is not called so to everybody"
like "$err" "web08 is complete, and nothing more is copied into it; choose another folder" "the sentence"
is "$(state_of root/web08)" "$before" "and not a bit of it has changed"
rm -r root/web07 root/web08

# --- Ways out ------------------------------------------------------------------------------
long=$(printf 'a%.0s' {1..300})
longer=$(printf 'a/%.0s' {1..2040})
before=$(ls -A root)
# shellcheck disable=SC2088 # nobody shall expand these
for path in .. ../evil /../evil ../../outside/evil web01/../../outside/evil "$work/outside/evil" /etc/unrack-evil \
	'~' '~/evil' '%2e%2e/evil' . '' / // .ssh .ssh/evil unrack root/unrack 'two words' '$(touch owned)' \
	'`touch owned`' ';evil' $'two\nlines' $'esc\e[2J' '*' 'web01/evil' web01/unrack/evil web01/web01.nvram \
	"$long" "$longer" 'a\b' $'caf\xc3\xa9'; do
	wire push disk.img "$path"
	like "$out$err" 'error [267] |error [267]|closed' "PATH \"$(tr -dc '!-~' <<<"${path:0:40}")\" is refused"
done
ok "nothing happened outside" untouched
is "$(ls -A root)" "$before" "nor inside"
# shellcheck disable=SC2088
for path in ../evil /a/../../evil /etc/unrack-evil '~/../evil' %2e%2e/evil .ssh '' ; do
	push "$path" disk.img
	like "$rc" '^[25]$' "ssh://x/$path is refused"
done
ok "nothing happened outside" untouched
is "$(ls -A root)" "$before" "nor inside"

# --- Links and pipes -----------------------------------------------------------------------
ln -s ../outside root/link
again link "a machine folder that is a link"
again link/evil "one in a link"
ln -s ../outside/evil root/dangling
again dangling "one that is a link to nothing"
ln -s web01 root/alias
again alias "even one that stays inside"
rm root/link root/dangling root/alias

mkdir root/planted
ln -s ../../outside/canary root/planted/planted-flat.vmdk
again planted "an image that is there before the copy"
rm -r root/planted

for what in web-flat.vmdk unrack/disk0.journal unrack/disk0.digests unrack/manifest.json; do
	for how in symlink dangling hardlink fifo folder; do
		partial web
		rm "root/web/$what"
		case $how in
		symlink) ln -s "$work/outside/canary" "root/web/$what" ;;
		dangling) ln -s "$work/outside/evil" "root/web/$what" ;;
		hardlink) ln outside/canary "root/web/$what" ;;
		fifo) mkfifo "root/web/$what" ;;
		folder) mkdir "root/web/$what" ;;
		esac
		wire push disk.img web
		[ "$rc" != 0 ] && [[ $out =~ error ]]
		result $? "$what as a $how is refused"
		unlike "$out" "what nobody may" "without a word of what is in it"
		rm -rf root/web
		ok "and nothing happened outside" untouched
	done
done
partial web
mv root/web/unrack root/aside
ln -s ../aside root/web/unrack
again web "unrack/ as a link"
rm root/web/unrack
ln -s "$work/outside" root/web/unrack
again web "unrack/ as a link out of the root"
rm -r root/aside

# Names that are replaced as they are, without being followed.
for how in symlink dangling hardlink fifo; do
	partial web
	for what in unrack/lock web.vmdk; do
		case $how in
		symlink) ln -s "$work/outside/canary" "root/web/$what" ;;
		dangling) ln -s "$work/outside/evil" "root/web/$what" ;;
		hardlink) ln outside/canary "root/web/$what" ;;
		fifo) mkfifo "root/web/$what" ;;
		esac
	done
	wire push disk.img web
	is "$rc" 0 "a lock and a descriptor that stand there as a $how are replaced"
	ok "by a file" test -f root/web/web.vmdk -a ! -L root/web/web.vmdk
	ok "and nothing happened outside" untouched
done
for what in web.vmdk.new unrack/manifest.json.new; do
	partial web
	ln -s "$work/outside/evil" "root/web/$what"
	again web "$what as a link"
done

# Somebody keeps swapping folder, files and links, as fast as possible.
partial race
"$BASH" -c 'cd root; while [ ! -e ../enough ]; do
	mv race aside; ln -s ../outside race; rm race; mv aside race
	mv race/unrack race/u; ln -s ../../outside race/unrack; rm race/unrack; mv race/u race/unrack
	ln -f -s ../../outside/canary race/race-flat.vmdk.l; mv race/race-flat.vmdk race/i
	mv race/race-flat.vmdk.l race/race-flat.vmdk; mv race/i race/race-flat.vmdk
	ln -s ../../outside/evil race/race.vmdk.new; rm race/race.vmdk.new
done' 2>/dev/null &
swapper=$!
refused=0
for _ in $(seq 25); do
	wire push --stop 6 disk.img race
	[ "$rc" = 0 ] || refused=$((refused + 1))
done
touch enough
wait $swapper
ok "a race is lost by one or the other ($refused of 25 refused)" test $refused -gt 0
ok "but nothing happened outside" untouched
rm -rf root/race root/aside

# --- No reading back -----------------------------------------------------------------------
unrack copy "ssh://x/web01/web01-flat.vmdk" pulled --rsh "$work/gate" --reconnect 0
exits 5 "nothing is sent"
like "$err" "only takes machine folders" "as the server says"
nok "not even to a folder" test -e pulled
wire pull "$work/outside/canary" pulled.img
like "$out" "^error 6 " "also to a client of another kind"
wire scan
like "$out" "^error 6 " "and nothing is shown"
unlike "$out" '"disks"' "really nothing"

# --- Finished is finished ------------------------------------------------------------------
before=$(state_of root/web01)
finished() { # WANT WHAT: the last push ended so, and the machine is as it was
	is "$rc" "$1" "$2"
	is "$(state_of root/web01)" "$before" "and not a bit of it has changed"
}
push web01 disk.img
finished 0 "the same disk is complete"
push web01 other.img
finished 5 "another disk is refused"
like "$err" "web01 holds another machine, or disks that can't be told apart" "the sentence"
push web01 disk.img other.img
finished 5 "one disk more is refused"
like "$err" "stays as it is.*or other disks come with it; copy into another folder" "the sentence"
mke2fs -q -F disk2.img 2M && push web12 disk2.img
exits 0 "a disk with a filesystem"
debugfs -w -R "mkdir new" disk2.img 2>/dev/null
push web12 disk2.img
exits 5 "once it has changed, its copy is not called complete"
like "$err" "the copy of disk 0 is complete and stays as it is, but, as far as can be told, the source has changed since; copy into another folder" "the sentence"
rm -r root/web12
push web01 disk.img --disk 1=other.img
finished 5 "by number, too"
push web01 other.img --same-disk
finished 5 "--same-disk"
like "$err" "--same-disk is not for senders here" "the sentence"
push web01 disk.img --discard-changes
finished 5 "--discard-changes"
rm root/web01/web01.vmdk
flip root/web01/web01-flat.vmdk 9999
before=$(state_of root/web01)
push web01 disk.img
finished 0 "a machine that went its way since is complete as well"
push web01 disk.img --discard-changes
finished 5 "but is not copied again"
chmod 0 root/web01/unrack/lock 2>/dev/null
nok "it holds no lock" test -e root/web01/unrack/lock

# --- A quota -------------------------------------------------------------------------------
head -c 5M /dev/urandom >big.img
wire push --stop 20 big.img web04
like "$out" 'left at [1-9]' "a copy that was stopped in between"
used=$(($(find root -printf '%b\n' | awk '{ n += $1 < 8 ? 8 : $1 } END { print n }') / 2)) # KiB
export QUOTA="--quota $((used + 1500))K"
wire push big.img web04
like "$out" '^accept .* next [1-9]' "continues"
nok "and does not fit into the quota" test "$rc" = 0
ok "it keeps to it" test "$(du -sk root | cut -f1)" -le $((used + 2524))
QUOTA="--quota $((used + 3500))K"
push web05 other.img big.img
exits 4 "nor does another machine"
like "$err" "the quota is [0-9.]* MiB, of which [0-9.]* MiB are taken: have it raised.*up to [1-5] MiB are missing.*run the same command again" \
	"the sentence"
QUOTA="--quota $((used + 500))K"
push web05 other.img big.img
exits 4 "with an even smaller one it does not begin"
like "$err" "the quota is [0-9.]* MiB, of which [0-9.]* MiB are taken" "the sentence"
push web01 disk.img
exits 0 "what is complete stays complete"
QUOTA="--quota $((used + 12000))K"
wire push big.img web04
is "$rc" 0 "with a larger quota the same command completes"
like "$out" '^accept .* next [1-9]' "from where it stopped"
ok "identical" same web04 big.img
push web05 other.img big.img
exits 0 "so does the other one"
ok "identical" same web05 other.img
QUOTA="--quota 1K"
push web06 disk.img
exits 4 "below what is there nothing is begun"
like "$err" "the quota is 0.0 MiB" "the sentence"
nok "no folder either" test -e root/web06
rm -rf root/web04
QUOTA="--quota $((used + 12000))K"
push web06 other.img
exits 0 "what is removed makes room"
unset QUOTA
ok "nothing happened outside" untouched
is "$(ls root | tr '\n' ' ')" "group web web01 web03 web05 web06 " "and nothing is left but what was made"
done_testing
