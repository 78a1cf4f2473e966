#!/bin/bash
# A fix that is killed: while it edits, while it saves, while it commits, while it undoes.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64 sha256sum
source=$("$fixtures/el5-server.sh") || skip_all "the fixture can't be built here"
sum() { sha256sum <"$1" | cut -c1-64; }
cp --sparse=always "$source" disk.img
state=disk.img.unrack/fix/state
original=$(sum disk.img)

# Kills `unrack ARGS` as soon as the state file names PHASE. Fails when it was too fast. The
# loop starts no program, so that it looks often enough.
kill_at() { # PHASE ARGS...
	local phase=$1 pid text hit=1
	shift
	"$UNRACK" -q "$@" >/dev/null 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		text=
		[ -e $state ] && read -r -d '' text 2>/dev/null <$state
		if [[ $text == *"\"$phase\""* ]]; then
			kill -9 $pid 2>/dev/null
			hit=0
			break
		fi
	done
	wait $pid 2>/dev/null
	return $hit
}

"$UNRACK" -q fix disk.img --esx 6.7 >/dev/null 2>&1 &
pid=$!
sleep 6
kill -9 $pid
wait $pid 2>/dev/null
is "$(sum disk.img)" "$original" "killed while it worked on the overlays: the image is untouched"
for phase in edited saved committing; do
	# A phase may be over between two looks; then back to the beginning.
	for try in 1 2 3 4 5; do
		kill_at $phase fix disk.img --esx 6.7 && break
		"$UNRACK" -q fix disk.img --undo >/dev/null 2>&1
	done
	result $((try == 5)) "killed when it was $phase"
done
unrack fix disk.img --esx 6.7
exits 0 "the same command again"
fixed=$(sum disk.img)
ok "completes it" test "$fixed" != "$original"
unrack check disk.img --esx 6.7
exits 0 "the result would boot"
unrack fix disk.img --esx 6.7
exits 0 "and needs nothing more"
is "$(sum disk.img)" "$fixed" "to the byte"
nok "no overlay is left" test -e disk.img.unrack/fix/overlay-disk0
for try in 1 2 3 4 5; do
	kill_at undoing fix disk.img --undo && break
	"$UNRACK" -q fix disk.img --esx 6.7 >/dev/null 2>&1
done
result $((try == 5)) "killed while undoing"
unrack fix disk.img --undo
exits 0 "the same command again"
is "$(sum disk.img)" "$original" "gives the original back bit for bit"
done_testing
