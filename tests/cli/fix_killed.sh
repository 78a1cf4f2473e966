#!/bin/bash
# A fix that is killed: while it edits, while it saves, while it commits, while it undoes.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/faults.sh"
needs qemu-img qemu-system-x86_64 sha256sum jq
needs_faults
source=$("$fixtures/el5-server.sh") || skip_all "the fixture can't be built here"
sum() { sha256sum <"$1" | cut -c1-64; }
cp --sparse=always "$source" disk.img
state=disk.img.unrack/fix/state
original=$(sum disk.img)

# Runs `unrack ARGS`, which is killed when its state file has come to PHASE.
kill_at() { # PHASE ARGS...
	FAULT_FILE=/${state#*/} FAULT_KILL="\"$1\"" faulty -q "${@:2}" 2>/dev/null
	is $rc 137 "killed when it was $1"
	like "$(<$state)" "\"phase\": \"$1\"" "and not later"
}

"$UNRACK" -q fix disk.img --esx 6.7 >/dev/null 2>&1 &
pid=$!
begun "(a fix has begun)" -p $pid test -e disk.img.unrack/fix/overlay-disk0
kill -9 $pid
wait $pid 2>/dev/null
is "$(sum disk.img)" "$original" "killed while it worked on the overlays: the image is untouched"
for phase in edited saved committing committed; do
	kill_at $phase fix disk.img --esx 6.7
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
kill_at undoing fix disk.img --undo
unrack fix disk.img --undo
exits 0 "the same command again"
is "$(sum disk.img)" "$original" "gives the original back bit for bit"

# What somebody had begun to undo by hand, a copy does not make again.
unrack copy "$source" web
exits 0 "a copy"
unrack fix web --esx 6.7
exits 0 "which is repaired"
state=web/unrack/fix/state
kill_at undoing fix web --undo
unrack copy "$source" web
exits 0 "a copy over what was to be undone"
like "$err" "undoing the repair of web was interrupted, and goes on" "completes that"
is "$(jq -r .state web/unrack/manifest.json)" copied "and leaves it so"
is "$(sum web/web-flat.vmdk)" "$original" "as it was copied"
done_testing
