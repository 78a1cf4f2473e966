#!/bin/bash
# migrate: everything in one command, killed on the way, continued by the same command.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64
source=$("$fixtures/el5-server.sh") || skip_all "the fixture can't be built here"
cp --sparse=always "$source" server.img

unrack migrate server.img web
exits 2 "without --esx it does not begin"
nok "and makes no folder" test -e web
# The step during which the first run is killed, told by its events.
"$UNRACK" --json migrate server.img web --esx 6.7 >events 2>/dev/null &
pid=$!
begun "it fixes" -p $pid grep '"event":"step".*"name":"fix"' events
sleep 4 # nothing of that depends on when
ok "and is killed" kill -9 $pid
wait $pid 2>/dev/null
unrack --json migrate server.img web --esx 6.7
exits 0 "the same command continues to the end"
is "$(jq -rs '[.[] | select(.event == "step" and .state == "done") | .name] | join(" ")' <<<"$out")" \
	"copy fix vm boot" "through all its steps"
is "$(jq -rs 'last | "\(.command) \(.result) \(.exit) \(.up)"' <<<"$out")" "migrate ok 0 true" "to a VM that came up"
documented "all that it writes is documented"
is "$(jq -r '[.steps[] | select(.state == "done") | .name] | join(" ")' web/unrack/manifest.json)" "copy fix vm boot" \
	"the manifest has its steps"

# Another machine's disk.
"$fixtures/el5-server.sh" --hostname other --out other.img >/dev/null
printf '\x11\x22\x33\x44' | dd of=other.img bs=1 seek=440 conv=notrunc status=none
unrack migrate other.img web --esx 6.7
exits 5 "another machine into the same folder is refused"
like "$err" "another machine|another disk" "and told so"
# The old box is gone; its copy is all there is.
rm server.img
unrack migrate server.img web --esx 6.7
exits 0 "without the source, a fixed machine can still be finished"
done_testing
