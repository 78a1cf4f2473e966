#!/bin/bash
# export: images in each format from images in each format, with qemu-img as the judge.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img cmp

# 40 MB and an odd last sector; some text, some noise, much nothing.
truncate -s 40000123 source.img
for at in 0 5 17 30; do
	{ head -c 700000 /dev/urandom; yes "text at $at" | head -c 700000; } |
		dd of=source.img bs=1M seek=$at conv=notrunc status=none
done
printf 'the end' | dd of=source.img bs=1 seek=40000116 conv=notrunc status=none
truncate -s 3M second.img
printf 'second' | dd of=second.img bs=1M seek=2 conv=notrunc status=none
cp source.img padded.img && truncate -s 40000512 padded.img

for from in flat stream sparse; do
	unrack -q copy --format $from source.img "web-$from"
	for to in flat stream sparse; do
		unrack --json export "web-$from" -o out --format $to
		exits 0 "from $from to $to"
		documented "its JSON is documented"
		jq -rs last .out >last.json
		is "$(jq -r '.files[0] + " " + .format' last.json)" "out/web-$from.vmdk $to" "which says what was made"
		ok "an identical disk" qemu-img compare -f raw -F vmdk padded.img "out/web-$from.vmdk"
		ok "that qemu-img finds whole" qemu-img check "out/web-$from.vmdk"
		is "$(qemu-img info --output json "out/web-$from.vmdk" | jq -r '."format-specific".data."create-type"')" \
			"$(case $to in flat) echo vmfs ;; stream) echo streamOptimized ;; sparse) echo monolithicSparse ;; esac)" \
			"of its type"
		if [ $to = stream ]; then
			is "$(jq '.compressed_bytes > 0' last.json)" "$([ $from = stream ] && echo false || echo true)" \
				"compressed where it was not before"
		else
			is "$(jq .compressed_bytes last.json)" 0 "nothing was compressed"
		fi
		rm -r out
	done
done
ok "a stream of a stream has the same grains" bash -c "'$UNRACK' -q export web-stream -o s.vmdk &&
	cmp <(tail -c +65537 s.vmdk) <(tail -c +65537 web-stream/web-stream.vmdk)"

# --- Places -------------------------------------------------------------------------------------
unrack -q copy --disk 1=second.img web-flat
unrack export web-flat -o two
exits 0 "two disks, by default as streams"
ok "the second, too" qemu-img compare -f raw -F vmdk second.img two/web-flat_1.vmdk
before=$(stat -c %Y.%i two/web-flat.vmdk two/web-flat_1.vmdk)
rm two/web-flat_1.vmdk
unrack export web-flat -o two
exits 0 "the same command again"
is "$(stat -c %Y.%i two/web-flat.vmdk)" "$(head -1 <<<"$before")" "leaves what is there"
ok "and makes what is not" qemu-img compare -f raw -F vmdk second.img two/web-flat_1.vmdk
unrack export web-flat -o two
exits 0 "and once more"
like "$err" "nothing to do" "has nothing to do"
unrack export web-flat -o two --format sparse
exits 5 "files of another format are in the way"
like "$err" "two/web-flat.vmdk is in the way" "and named"
flip two/web-flat.vmdk 70000
unrack export web-flat -o two
exits 5 "so are damaged ones"
unrack export web-flat -o one.vmdk --format flat
exits 0 "into named files"
ok "with their extents" qemu-img compare -f raw -F vmdk padded.img one.vmdk
ok "of both disks" qemu-img compare -f raw -F vmdk second.img one_1.vmdk
unrack export web-flat
exits 2 "without -o"
for name in x.ova x/y.ovf; do
	unrack export web-flat -o $name
	exits 2 "$name can't be made"
	like "$err" "not written yet by this version.*export --format stream" "with what can"
done
unrack export web-flat -o missing/x
exits 4 "a folder whose parent is missing"
unrack export web-flat -o web-flat
exits 5 "into the folder itself"

# --- What is refused ------------------------------------------------------------------------------
flip web-flat/web-flat-flat.vmdk 70000
unrack export web-flat -o changed
exits 5 "an image that changed"
like "$err" "web-flat-flat.vmdk changed at byte 65536 of the disk since unrack wrote it" "with the place"
ok "leaves nothing behind" test -z "$(ls changed)"
"$UNRACK" -q copy --rate 100K source.img half 2>/dev/null & # a minute
pid=$!
begun "(a copy has begun)" -p $pid test -e half/half-flat.vmdk
kill -9 $pid
wait $pid 2>/dev/null
unrack export half -o x
exits 5 "a copy that is not complete"
like "$err" "run unrack copy again first" "with what to do"

# --- Killed ---------------------------------------------------------------------------------------
head -c 80M /dev/urandom >noise.img
unrack -q copy noise.img noise
for _ in 1 2 3 4 5; do
	"$UNRACK" -q export noise -o killed 2>/dev/null &
	pid=$!
	sleep "0.$((RANDOM % 2))$((RANDOM % 10))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
done
nok "a file has its name only when it is whole" bash -c 'test -e killed/noise.vmdk && ! qemu-img compare -f raw -F vmdk noise.img killed/noise.vmdk'
unrack export noise -o killed
exits 0 "after kills the same command"
ok "makes it" qemu-img compare -f raw -F vmdk noise.img killed/noise.vmdk
is "$(ls killed)" noise.vmdk "and leaves nothing else"
done_testing
