#!/bin/bash
# A line that flips, drops, repeats, inserts, exchanges or delays bytes, hangs, or is cut, anywhere, in both
# directions, of pushes and pulls, first passes and delta passes. What it damages is noticed, and the image is identical.
. "$(dirname "$0")/../support/lib.sh"
. "$fixtures/../support/faults.sh"
needs sfdisk mke2fs debugfs dumpe2fs jq perl
disk=disk.img
disk_make disk.img 64
rounds=${ROUNDS:-3}

kind() { # KIND: in a folder of its own
	local kind=$1 how way pass round reached codes most seed=0 good
	mkdir "$work/$kind"
	cd "$work/$kind" || exit 1
	far_unrack=$PWD/far-unrack
	ln -s "$UNRACK" "$far_unrack"
	far=(--rsh "$support/bad_line.pl" --remote-unrack "$far_unrack" --timeout 3)
	work=$PWD
	export LINE_DONE=$PWD/hit
	cp --sparse=always ../disk.img $disk
	for how in push pull; do for way in there back; do for pass in first delta; do
		reached=0 codes=
		for round in $(seq "$rounds"); do
			if [ $pass = first ]; then
				rm -rf k
				most=9000000
			else
				[ -e k ] || "$UNRACK" -q copy $disk k
				disk_fill $disk
				disk_change $disk $((++seed))
				most=6000000
			fi
			$how k
			# What goes against the data is less; and the beginning has its turn.
			[ "$how-$way" = push-back ] || [ "$how-$way" = pull-there ] && most=400
			[ "$round" = 2 ] && most=200
			rm -f hit
			export LINE_KIND=$kind LINE_WAY=$way LINE_AT=$((RANDOM * 32768 % most + RANDOM % 100))
			unrack copy "${args[@]}"
			codes+=" $rc"
			[ -e hit ] && reached=$((reached + 1))
			touch hit
			good=1
			[ "$rc" = 4 ] || [ "$rc" = 6 ] && unrack copy "${args[@]}"
			[ "$rc" = 0 ] && same k >same.out 2>&1 && "$UNRACK" verify k >same.out 2>&1 && good=0
			[ $good = 0 ] || {
				echo "# $kind $way at byte $LINE_AT, $how, $pass pass"
				{ echo "$err"; cat same.out; } | tail -5 | sed 's/^/# /'
				echo "bad"
				rm -rf k
			}
		done
		echo "# $kind $way, $how, $pass pass: $reached of $rounds were reached; ended with$codes"
		echo "reached $reached"
	done; done; done
	[ -z "$(far_serves)" ] || echo "bad: a far side is left"
}

kinds=(flip drop repeat insert swap cut delay hang)
pids=()
for k in "${kinds[@]}"; do
	(kind "$k") >"$k.out" 2>&1 &
	pids+=($!)
done
for i in "${!kinds[@]}"; do
	wait "${pids[$i]}"
	grep '^#' "${kinds[$i]}.out"
	nok "${kinds[$i]}: each copy ends identical" grep -q '^bad' "${kinds[$i]}.out"
	is "$(grep -c '^reached [1-9]' "${kinds[$i]}.out")" 8 "each way and pass was hit"
done
done_testing
