#!/bin/bash
# Images as streamOptimized and monolithicSparse VMDKs: of any size, killed and resumed, with qemu-img
# as the judge of what they hold.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img cmp sfdisk

# The disk in VMDK is SOURCE, continued with zeros to a whole sector.
same() { # VMDK SOURCE
	local size
	size=$(($(stat -c %s "$2") + 511))
	rm -f back.raw
	qemu-img convert -f vmdk -O raw "$1" back.raw &&
		[ "$(stat -c %s back.raw)" = $((size / 512 * 512)) ] &&
		cmp -n "$(stat -c %s "$2")" "$2" back.raw && qemu-img check -q "$1"
}

# Every 3rd MiB or so has data, of one kind or another.
disk() { # FILE BYTES
	local at size
	truncate -s "$2" "$1"
	for ((at = 0; at < $2; at += 3 * 1048576 + 65536)); do
		size=$(($2 - at < 1048576 ? $2 - at : 1048576))
		{ head -c $((size / 2)) /dev/urandom; yes "text at $at" | head -c $((size - size / 2)); } |
			dd of="$1" bs=64K seek=$((at / 65536)) conv=notrunc status=none
	done
}

# --- Sizes ------------------------------------------------------------------------------------
for size in 512 1000000 1048576 33554432 33554944 $((70 * 1048576 + 65536 + 1)); do
	disk s.img "$size"
	for format in flat stream sparse; do
		unrack copy --format $format s.img "$format"
		exits 0 "a disk of $size bytes as $format"
		ok "which qemu-img reads back, with whole sectors only" same "$format/$format.vmdk" s.img
		unrack verify "$format"
		exits 0 "and verify finds whole"
		rm -rf "$format"
	done
done
ok "a disk of zeros has nothing in its stream" bash -c "truncate -s 64M z.img && '$UNRACK' -q copy --format stream z.img z &&
	[ \$(stat -c %s z/z.vmdk) -lt 70000 ] && qemu-img compare -f raw -F vmdk z.img z/z.vmdk"

# --- What tools of VMware's look at -------------------------------------------------------------
disk big.img 150000000
unrack --json copy --format stream big.img stream
exits 0 "a stream"
v=stream/stream.vmdk
number() { od -An -v -j "$2" -N "$3" -t "u$3" --endian=little "$1" | tr -d ' '; }
is "$(head -c 4 $v)" KDMV "begins with the magic"
is "$(number $v 4 4)" 3 "has version 3"
is "$(number $v 8 4)" $((0x30001)) "says that it is compressed, with markers"
is "$(number $v 12 8)" $(((150000000 + 511) / 512)) "has the disk's sectors as its capacity"
is "$(number $v 20 8) $(number $v 44 4) $(number $v 77 2)" "128 512 1" "grains of 64 KiB, tables of 512, deflate"
is "$(od -An -v -j 56 -N 8 -t x8 $v | tr -d ' ')" ffffffffffffffff "its directory at the end"
end=$(stat -c %s $v)
is "$((end % 512)) $(number $v $((end - 512)) 8) $(number $v $((end - 504)) 4)" "0 0 0" "ends with the end-of-stream marker"
is "$(dd if=$v bs=1 skip=$((end - 1024)) count=4 status=none)" KDMV "behind the footer"
like "$(dd if=$v bs=512 skip=1 count=20 status=none | tr -d '\0')" 'createType="streamOptimized".*RDONLY 292969 SPARSE "stream.vmdk".*ddb.adapterType = "lsilogic"' \
	"has a descriptor in it"
# Each grain and marker, as who reads it as a stream sees them.
walk() {
	perl -e 'open F, "<:raw", $ARGV[0]; my ($last, $at) = (-1, 65536);
		for (;;) {
			seek F, $at, 0; read F, my $b, 512; my ($v, $n, $t) = unpack "Q<VV", $b;
			if ($n) { die "order at $at" if $v <= $last || $v % 128; $last = $v; die "zlib" if (unpack "x12n", $b) % 31;
				  $grains++; $at += int((12 + $n + 511) / 512) * 512; next }
			last if $t == 0; $at += 512 + 512 * $v; $seen .= $t }
		print "$grains $seen", $at + 512 == -s F ? "" : " not at the end";' "$1"
}
grains=$(perl -e 'open F, "<:raw", "big.img"; while (read F, my $b, 65536) { $n++ if $b =~ /[^\0]/ } print $n')
is "$(walk $v)" "$grains 1111123" "its markers: grains in order, 5 tables, directory, footer"
unrack copy --format sparse big.img sparse
ok "a sparse image can be written by qemu" qemu-io -f vmdk -c 'write -P 7 1M 64k' -c 'write -P 7 140M 64k' sparse/sparse.vmdk
ok "and is whole then" qemu-img check sparse/sparse.vmdk
unrack verify sparse
exits 1 "which verify sees"

# --- The folder ----------------------------------------------------------------------------------
unrack copy --format sparse big.img stream
exits 2 "another format for a disk of the folder is refused"
like "$err" "is a copy in the format stream; leave --format out" "with what to do"
unrack copy --format qcow2 big.img x
exits 2 "so is one that there is not"
like "$err" "flat, stream or sparse" "which names those that there are"
unrack copy --disk 1=z.img stream
exits 0 "a second disk without --format"
is "$(jq -r '[.disks[].format] | join(" ")' stream/unrack/manifest.json)" "stream stream" "is as the first"
ok "and whole" same stream/stream_1.vmdk z.img
unrack migrate --format stream big.img x --esx 6.7
exits 2 "migrate of a format that can't be repaired is refused at once"

# --- Over a line, in both directions -------------------------------------------------------------
for format in stream sparse; do
	unrack -q copy --format $format --rsh "$fixtures/../support/rsh.sh" --remote-unrack "$UNRACK" big.img "ssh://far$work/push-$format"
	exits 0 "$format pushed"
	ok "is whole" same "push-$format/push-$format.vmdk" big.img
	unrack -q copy --format $format --rsh "$fixtures/../support/rsh.sh" --remote-unrack "$UNRACK" "ssh://far$work/big.img" "pull-$format"
	exits 0 "$format pulled"
	ok "is whole" same "pull-$format/pull-$format.vmdk" big.img
done
large=$(stat -c %s $v)
for f in push-stream pull-stream; do
	ok "what came over a fast line is compressed all the same" test "$(stat -c %s $f/$f.vmdk)" -le $((large + 65536))
done

# --- Again ------------------------------------------------------------------------------------------
cp big.img again.img
unrack -q copy --format sparse again.img again
head -c 300000 /dev/urandom | dd of=again.img bs=64K seek=20 conv=notrunc status=none
dd if=/dev/zero of=again.img bs=64K seek=49 count=10 conv=notrunc status=none
before=$(stat -c %s again/again.vmdk)
unrack copy again.img again
exits 0 "a sparse image takes another pass"
ok "and is the disk as it is now" same again/again.vmdk again.img
ok "in its place, but for what is new" test "$(stat -c %s again/again.vmdk)" -le $((before + 5 * 65536))

# --- Too large -----------------------------------------------------------------------------------
truncate -s 8T 8t.img
for format in stream sparse; do
	unrack copy --format $format 8t.img "8t$format"
	exits 6 "8 TiB as $format are refused before anything is written"
	like "$err" "2 TiB.*--format flat" "with what to do"
	nok "and nothing is left" test -e 8t$format/8t$format.vmdk
done
truncate -s $(((2 << 40) - 65536)) 2t.img
printf 'label-id: 0x0badcafe\n2048,40960,83\n' | sfdisk -q 2t.img
printf 'the end' | dd of=2t.img bs=1 seek=$(((2 << 40) - 65536 - 7)) conv=notrunc status=none
unrack copy --format stream 2t.img 2t
exits 6 "a disk just below 2 TiB could grow to more as a stream"
truncate -s 1900G 1t.img
printf 'label-id: 0x0badcafe\n2048,40960,83\n' | sfdisk -q 1t.img
printf 'the end' | dd of=1t.img bs=1 seek=$(((1900 << 30) - 7)) conv=notrunc status=none
for format in stream sparse; do
	unrack copy --format $format 1t.img 1t$format
	exits 0 "1900 GiB as $format are copied"
	is "$(qemu-img info --output json "1t$format/1t$format.vmdk" | jq '."virtual-size"')" $((1900 << 30)) "and has its size"
	ok "and its last bytes" bash -c "qemu-io -r -f vmdk -c 'read -v $(((1900 << 30) - 16)) 16' 1t$format/1t$format.vmdk | grep -q 'the.end'"
done

# --- Killed ---------------------------------------------------------------------------------------
unrack copy --format stream big.img whole
for format in stream sparse; do
	kills=0
	for _ in $(seq 200); do
		"$UNRACK" -q copy --rate 20M --format $format big.img "k$format" >/dev/null 2>&1 &
		pid=$!
		begins() { [ -e "k$format/k$format.vmdk" ]; }
		[ $kills != 0 ] || wait_for -p $pid 120 begins
		sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
		kill -9 $pid 2>/dev/null && kills=$((kills + 1))
		wait $pid 2>/dev/null
		[ $kills = 6 ] && break
	done
	unrack copy big.img "k$format"
	exits 0 "killed $kills times, $format is completed by the same command"
	ok "and the image is whole" same "k$format/k$format.vmdk" big.img
	unrack verify "k$format"
	exits 0 "for verify, too"
done
# Once in a hundred copies a grain takes two bytes more or less, so that they are not compared as bytes.
is "$(walk kstream/kstream.vmdk)" "$(walk whole/whole.vmdk)" "a stream that was continued has the grains and markers of one that was not"

# --- Damaged ----------------------------------------------------------------------------------------
cp whole/whole.vmdk kept
truncate -s -512 whole/whole.vmdk
unrack verify whole
exits 6 "a stream that is cut off is not read"
like "$err" "has no footer" "with the reason"
for at in 70000 65545 65540; do
	cp kept whole/whole.vmdk
	flip whole/whole.vmdk $at
	unrack verify whole
	ok "a changed byte $at is found by verify ($rc)" test $rc = 6 -o $rc = 1
done
done_testing
