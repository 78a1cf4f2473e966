#!/bin/bash
# Copies killed at 50 random moments, with checkpoints in between: each one that comes to its
# end is identical, and what was durable is not copied again.
. "$(dirname "$0")/../support/lib.sh"
needs sfdisk jq cmp
truncate -s 3G source.img
printf 'label-id: 0x0badcafe\n2048,,83\n' | sfdisk -q source.img
for at in $(seq 10 25 2900); do
	head -c 20M /dev/urandom | dd of=source.img bs=1M seek="$at" conv=notrunc status=none
done
kills=0 last=0 forward=0
for _ in $(seq 400); do
	"$UNRACK" -q --json copy source.img killed >events 2>/dev/null &
	pid=$!
	sleep "$((RANDOM % 3)).$((RANDOM % 10))"
	kill -9 $pid 2>/dev/null && kills=$((kills + 1))
	wait $pid 2>/dev/null
	done=$(jq -s '[.[] | select(.event == "progress") | .done] | max // 0' <events 2>/dev/null || echo 0)
	[ "${done:-0}" -gt 0 ] && [ "$done" -lt "$last" ] && forward=1
	[ "${done:-0}" -gt "$last" ] && last=$done
	[ $kills -ge 50 ] && break
	# Finished before fifty: once more from the beginning.
	if [ "$(jq -r .state killed/unrack/manifest.json 2>/dev/null)" = copied ]; then
		ok "a copy that was killed on its way is identical" cmp source.img killed/killed-flat.vmdk
		rm -rf killed
		last=0
	fi
done
is "$kills" 50 "fifty copies were killed"
result $forward "durable progress never went back"
unrack copy source.img killed
exits 0 "the next one finishes"
ok "and is identical" cmp source.img killed/killed-flat.vmdk
unrack verify killed source.img
exits 0 "as the digests say too"
done_testing
