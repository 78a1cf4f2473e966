#!/bin/bash
# Passes over a copy that are killed at 50 random moments, while between them the source becomes
# another one, or goes back to what it was: what comes to its end is always identical.
. "$(dirname "$0")/../support/lib.sh"
needs sfdisk cmp pgrep
truncate -s 1G one.img
printf 'label-id: 0x0badcafe\n2048,,da\n' | sfdisk -q one.img
for at in $(seq 10 25 980); do
	head -c 15M /dev/urandom | dd of=one.img bs=1M seek="$at" conv=notrunc status=none
done
cp --sparse=always one.img two.img
for at in $(seq 5 40 980); do
	head -c 3M /dev/urandom | dd of=two.img bs=1M seek="$at" conv=notrunc status=none
	dd if=/dev/zero of=two.img bs=1M seek=$((at + 12)) count=4 conv=notrunc status=none
done
unrack copy one.img web
exits 0 "a copy"
far=(--rsh "$fixtures/../support/rsh.sh" --remote-unrack "$UNRACK" --reconnect 0)

kills=0
for round in $(seq 400); do
	now=$([ $((RANDOM % 2)) = 0 ] && echo one || echo two)
	dest=web
	[ $((RANDOM % 3)) = 0 ] && dest=ssh://far$work/web
	"$UNRACK" -q copy $now.img "$dest" --rate $((RANDOM % 60 + 5))M "${far[@]}" >/dev/null 2>&1 &
	pid=$!
	sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	# The client, or its far side.
	victim=$pid
	[ $((RANDOM % 2)) = 0 ] && victim=$(pgrep -P $pid | head -1)
	kill -9 "${victim:-$pid}" 2>/dev/null && kills=$((kills + 1))
	wait $pid 2>/dev/null
	if [ $((round % 10)) = 0 ]; then
		sleep 1 # a far side that lost its client makes a last checkpoint
		unrack copy $now.img web
		exits 0 "after $kills kills a pass comes to its end"
		ok "the image is identical" cmp $now.img web/web-flat.vmdk
		unrack verify web
		exits 0 "and so are its digests"
	fi
	[ $kills -ge 50 ] && break
done
ok "fifty passes were killed" test "$kills" -ge 50
for now in one two; do
	unrack copy $now.img web
	exits 0 "a last one"
	ok "is identical" cmp $now.img web/web-flat.vmdk
done
done_testing
