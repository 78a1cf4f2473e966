#!/bin/bash
# Sender and receiver killed at 50 random moments each: pushes, pulls and local copies, first passes and delta
# passes, each format, one connection or three; while the source changes between runs, and changes back.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/faults.sh"
needs sfdisk mke2fs debugfs dumpe2fs jq perl qemu-img
kills=${KILLS:-50}

complain() { printf '# %s: %s\n' "$set" "$*"; tail -5 err | sed 's/^/#   /'; exit 1; }
check() { # what is complete is the source as it is now
	same "$name" >same.out 2>&1 || complain "not identical: $(<same.out)"
	"$UNRACK" verify "$name" >err 2>&1 || complain "verify says no"
}
# Onto a complete folder, so that what is killed is a delta pass. What can't get one begins anew.
begin() {
	checked=0
	if [ "$pass" = first ]; then
		rm -rf "$name"
		return
	fi
	[ -e "$name" ] || "$UNRACK" -q copy "${args[@]}" --format "$format" 2>err || complain "the copy before fails"
	disk_change $disk $((++seed))
	disk_fill $disk # so that the pass takes its time
}
# Between two runs the source may change, or be again what it was.
turn() {
	case $((RANDOM % 8)) in
	0) disk_change $disk $((++seed)) ;;
	1) cp --sparse=always $disk other && cp --sparse=always kept $disk && mv other kept ;;
	esac
}
killed() { # SET WAY WHO PASS FORMAT STREAMS: in a folder of its own
	local set=$1 way=$2 who=$3 pass=$4 format=$5 streams=$6
	local done=0 early=0 left seed=1 name=web01 disk=disk.img args pid checked
	mkdir "$work/$set"
	cd "$work/$set" || exit 1
	# A far side of its own, which nobody else's kill finds.
	far_unrack=$PWD/far-unrack
	ln -s "$UNRACK" "$far_unrack"
	far=(--rsh "$support/rsh.sh" --remote-unrack "$far_unrack")
	work=$PWD
	cp --sparse=always ../disk.img $disk
	cp --sparse=always $disk kept
	"$way" $name
	[ "$way" = near ] || args+=(--streams "$streams")
	begin
	while [ $done -lt "$kills" ]; do
		"$UNRACK" -q copy "${args[@]}" --rate 5M --format "$format" >out 2>err &
		pid=$!
		while kill -0 $pid 2>/dev/null && [ $done -lt "$kills" ]; do
			# Whoever loses the far side again before anything is safe waits longer each time.
			[ "$who" = near ] && sleep "$((RANDOM % 3)).$((RANDOM % 10))" || sleep "$((RANDOM % 4)).$((RANDOM % 10))"
			if [ "$who" = near ]; then
				kill -9 $pid 2>/dev/null && done=$((done + 1))
				wait $pid 2>/dev/null
				[ $? = 0 ] && checked=1
				break
			fi
			# shellcheck disable=SC2046
			kill -9 $(far_serves) 2>/dev/null && done=$((done + 1))
		done
		if [ "$who" = far ]; then
			wait $pid
			case $? in
			0) checked=1 ;;
			4) early=$((early + 1)) ;; # before it was there for the first time
			*) complain "its client ends with $?" ;;
			esac
		fi
		if [ $checked = 1 ]; then
			check
			begin
		elif [ "$who" = near ]; then
			turn
		fi
	done
	[ $early -lt $((kills / 4 + 1)) ] || complain "$early clients gave up"
	"$UNRACK" copy "${args[@]}" --format "$format" >out 2>err || complain "the last run ends with $?"
	check
	for _ in $(seq 50); do
		[ -z "$(far_serves)" ] && break
		sleep 0.1
	done
	[ -z "$(far_serves)" ] || complain "a far side is left"
	left=$(find $name/unrack -name '*.new' -o -name '*lock*')
	[ -z "$left" ] || complain "left: $left"
	exit 0
}

disk_make disk.img
cp disk.img kept
pids=()
names=()
while read -r way who pass format streams; do
	set=$way-$who-$pass-$format-$streams
	(killed "$set" "$way" "$who" "$pass" "$format" "$streams") >"$set.out" 2>&1 &
	pids+=($!)
	names+=("$set")
done <<END
near near first flat 1
near near delta flat 1
push near first flat 1
push near delta flat 1
push far first flat 1
push far delta flat 1
pull near first flat 1
pull near delta flat 1
pull far first flat 1
pull far delta flat 1
push near first stream 1
push far first stream 1
pull near first stream 1
push near delta sparse 1
push far delta sparse 1
push near first flat 3
push far delta flat 3
pull near delta flat 3
pull far first stream 3
END
for i in "${!pids[@]}"; do
	wait "${pids[$i]}"
	result $? "${names[$i]}: killed $kills times, identical each time" || cat "${names[$i]}.out" >&2
done
done_testing
