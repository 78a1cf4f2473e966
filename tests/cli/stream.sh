#!/bin/bash
# A disk that comes as a plain stream: dd, nc, ends in the middle, and what continues it.
. "$(dirname "$0")/../support/lib.sh"
needs sfdisk mke2fs cmp jq perl

# 64 MiB + 1000 bytes: neither whole sectors nor whole grains. Data, with holes in between.
truncate -s $((64 * 1048576 + 1000)) disk.img
printf 'label-id: 0x0badcafe\n63,102400,83\n' | sfdisk -q disk.img
mke2fs -q -F -E offset=32256 -U 11111111-2222-3333-4444-555555555555 disk.img 40M 2>/dev/null
for at in 3 12 20 28 45 60; do
	head -c 3000000 /dev/urandom | dd of=disk.img bs=1M seek=$at conv=notrunc status=none
done
printf 'the end' | dd of=disk.img bs=1 seek=$((64 * 1048576 + 993)) conv=notrunc status=none
size=$(stat -c %s disk.img)

same() { # FOLDER [DISK]: identical, rounded up to whole sectors
	local image disk=${2:-disk.img} n
	image=$1/$(basename "$1")-flat.vmdk
	n=$(stat -c %s "$disk")
	[ "$(stat -c %s "$image")" = $(((n + 511) / 512 * 512)) ] && cmp -n "$n" "$disk" "$image"
}

# What the last run told to do: $skip and $offset, "" without.
told() { # TEXT
	skip=$(sed -n 's/.* skip=\([0-9]*\) .*/\1/p' <<<"$1")
	offset=$(sed -n 's/.* --offset \([0-9]*\).*/\1/p' <<<"$1")
}

# A machine far away that is this one.
printf '#!/bin/sh\nexec "%s" serve\n' "$UNRACK" >far
chmod +x far
far() { # SOURCE DEST: as copy
	unrack copy "$@" --rsh "$work/far" --reconnect 0
}

# Whether so much of a copy into FOLDER is safe, by the last record of its journal.
durable() { # FOLDER BYTES
	perl -e 'open my $f, "<:raw", "$ARGV[0]/unrack/disk0.journal" or exit 1; local $/; my $j = <$f>;
		my $head = unpack "x12 V", $j; my $n = int((length($j) - $head) / 64);
		exit($n < 1 || unpack("Q<", substr $j, $head + 64 * $n - 56, 8) * 65536 < $ARGV[1])' "$1" "$2"
}

unrack copy - whole --size "$size" < <(dd if=disk.img bs=1M status=none)
exits 0 "a disk from dd"
ok "is identical" same whole
unrack verify whole
exits 0 "its digests agree"
unrack verify whole disk.img
exits 0 "the disk itself is recognised as the one that was streamed"
unrack copy disk.img whole
exits 0 "also by a copy of it"
like "$err" "nothing to do" "which has nothing to do"
unrack copy - file --size "$((size - 1000))s" </dev/null
exits 4 "an empty stream"
like "$err" "ended at byte 0 of the disk, which was said to have $(((size - 1000) * 512))" "is told, and the size in sectors"
unrack copy - file --size "$size" <disk.img
exits 0 "a disk from a file"
ok "is identical too" same file

# Clones of one golden image: the same table and filesystem, and one of them differs in the middle.
cp disk.img early.img
head -c 100 /dev/urandom | dd of=early.img bs=1M seek=4 conv=notrunc status=none
cp disk.img late.img
head -c 100 /dev/urandom | dd of=late.img bs=1M seek=46 conv=notrunc status=none

# Complete: then all of the stream is compared.
mkfifo pipe
unrack copy - whole --size "$size" <disk.img
exits 0 "a stream of a disk that is complete"
like "$err" "agrees with disk 0 up to byte $size" "is compared to its end"
like "$err" "nothing to do" "and there is nothing to do"
unrack copy - whole --size "$size" <late.img
exits 5 "one of a clone"
like "$err" "standard input is not what disk 0 of whole was copied from: the 64 KiB from byte 48234496 on differ" "is told apart"
unrack copy - whole --size "$size" < <(head -c 30M disk.img)
exits 4 "one that ends before"
like "$err" "ended at byte 31457280 of the disk" "is not taken for all of it"
unlike "$out" "to continue" "nor to be continued"
unrack copy - whole --size "$size" --offset 1M < <(tail -c +1048577 disk.img)
exits 2 "the rest of one"
like "$err" "disk 0 of whole is complete; leave --offset away" "shows less than is needed"
unrack copy late.img whole
exits 5 "a clone itself"
like "$err" "late.img is not what disk 0 of whole was copied from: the 64 KiB from byte 48234496 on differ; copy into another folder, or .*--disk" \
	"is told apart, too"
for from in "disk.img ssh://x$work/whole" "ssh://x$work/disk.img whole"; do
	# shellcheck disable=SC2086
	far $from
	exits 5 "over the network, from ${from% *}, nothing tells"
	like "$err" "disk 0 of .*whole came as a stream, and only its bytes could tell whether .*disk.img is that disk: compare them with unrack verify .*whole SOURCE" \
		"which is told"
done
ok "the copy is as it was" same whole
unrack verify whole disk.img
exits 0 "and verified"
head -c 1M disk.img | tr '\312' '\313' >other.img # another id in the table
truncate -s $size other.img
unrack copy - whole --size "$size" <other.img
exits 5 "another disk's is refused"
like "$err" "mbr is 0badc[a-f0-9]*, was 0badcafe" "by its partition table"

# The same copy when its repair has begun, by a manifest that says so.
cp -r whole fixed
perl -I "$fixtures/../support" -MXXH3 -0777 -i -pe '
	s/"machine": "whole"/"machine": "fixed"/; s/"state": "copied"/"state": "fixed"/;
	my ($first, $rest) = split /\n/, $_, 2;
	my $sum = unpack "H*", scalar reverse xxh3_64($rest);
	$first =~ s/(checksum":")\w+/$1$sum/;
	$_ = "$first\n$rest"' fixed/unrack/manifest.json
unrack migrate late.img fixed --esx 6.7
exits 5 "a clone is not migrated by the repair of a stream's copy"
like "$err" "late.img is not what disk 0 of fixed was copied from" "since it is compared"
unrack migrate "ssh://x$work/disk.img" fixed --esx 6.7 --rsh "$work/far" --reconnect 0
exits 5 "nor a disk that can't be"
like "$err" "disk 0 of fixed came as a stream" "as is told"
rm -r fixed

# Cut, and continued as the last line says.
unrack copy - cut --size "$size" < <(head -c 34000000 disk.img)
exits 4 "a stream that ends in the middle"
like "$err" "ended at byte 34000000 of the disk, which was said to have $size" "is told"
told "$out"
like "$out" "^to continue: on the far side .dd if=DISK bs=1M skip=$skip \| nc ...., here .unrack copy - cut --size $size --offset $offset. \(" \
	"how to go on is told"
is "$offset" $((skip * 1048576)) "with dd's count being the offset"
ok "not far before where it ended" test "$offset" -gt 25000000
unrack copy - cut --size "$size" </dev/null
told "$out"
is "$skip" "$((offset / 1048576))" "a stream without a byte tells it again"
unrack copy - cut --size "$size" --offset 60M < <(dd if=disk.img bs=1M skip=60 status=none)
exits 2 "a stream that begins too far"
like "$err" "only [0-9]+ bytes of disk 0 in cut are safe; continue on the far side .dd if=DISK bs=1M skip=$skip " "is told where"
cp disk.img wrong.img
head -c 100 /dev/urandom | dd of=wrong.img bs=1 seek=$((offset + 3000000)) conv=notrunc status=none
unrack copy - cut --size "$size" --offset "$offset" < <(dd if=wrong.img bs=1M skip="$skip" status=none)
exits 5 "the rest of another disk is refused"
like "$err" "is not the disk that cut was begun with: the 64 KiB from byte $(((offset + 3000000) / 65536 * 65536)) on differ" \
	"at the byte where it differs"
unlike "$out$err" "to continue|command continues" "and is not to be continued"
unrack copy - cut --size "$size" --offset "$offset" < <(dd if=disk.img bs=1M skip=$((skip + 1)) status=none)
exits 5 "so is the disk from another byte"
unrack copy - cut --size "$size" <wrong.img
exits 5 "so is all of the other disk"
unrack copy - cut --size "$size" --offset "$offset" < <(dd if=disk.img bs=1M skip="$skip" count=10 status=none)
exits 4 "a second part"
told "$out"
unrack copy - cut --size "$size" --offset 12345678 < <(tail -c +12345679 disk.img | head -c 40000000)
exits 4 "a third, from any byte before"
told "$out"
unrack copy - cut --size "$size" --offset "${skip}M" < <(dd if=disk.img bs=1M skip="$skip" status=none)
exits 0 "and the rest"
like "$err" "the stream agrees with disk 0 up to byte [0-9]+, and goes on from there" "which was compared"
ok "make an identical image" same cut
unrack verify cut disk.img
exits 0 "whose digests agree with the disk"

# All of it again.
unrack copy - again --size "$size" < <(head -c 50000000 disk.img)
unrack copy - again --size "$size" <disk.img
exits 0 "a stream sent again from its beginning"
like "$err" "agrees with disk 0 up to byte" "is compared"
ok "and completes the image" same again

# The disk itself goes on where the stream ended, and the other way round.
unrack copy - mixed --size "$size" < <(head -c 50000000 disk.img)
cp mixed/mixed-flat.vmdk mixed.was
for clone in early late; do
	unrack copy $clone.img mixed
	exits 5 "a clone does not go on where a stream ended"
	like "$err" "$clone.img is not what disk 0 of mixed was copied from: the 64 KiB from byte [0-9]+ on differ" "$clone differs"
done
far early.img "ssh://x$work/mixed"
exits 5 "pushed, it does not either"
like "$err" "disk 0 of .*/mixed began as a stream, and only its bytes could tell whether .*early.img is that disk: continue it as a stream" \
	"which is told"
far "ssh://x$work/disk.img" mixed
exits 5 "nor pulled, even if it is the disk"
ok "nothing is written" cmp mixed.was mixed/mixed-flat.vmdk
unrack copy disk.img mixed
exits 0 "the disk itself goes on where a stream ended"
like "$err" "disk.img is compared with the [0-9]* bytes that are there of disk 0" "once it was compared"
like "$err" "continued from the last checkpoint" "where it ended"
ok "to an identical image" same mixed
"$UNRACK" copy disk.img half --all-blocks --rate 1M >/dev/null 2>&1 &
pid=$!
# Behind where one clone differs, and well before where the other one does.
begun "(a checkpoint)" -p $pid durable half 5000000
kill -INT $pid
wait $pid
unrack copy - half --size "$size" <early.img
exits 5 "a clone's stream does not go on where a disk ended"
unrack copy - half --size "$size" < <(head -c 50000000 late.img)
exits 4 "one does that is not told apart yet"
unrack copy disk.img half
exits 5 "then the disk does not"
like "$err" "the 64 KiB from byte 48234496 on differ" "since something else is there"
unrack copy late.img half
exits 0 "only that which was streamed does"
ok "to an image of that" same half late.img

# A disk of which only a part was copied, since nothing uses the rest: the stream has that rest, too.
cp disk.img rest.img
head -c 3000000 /dev/urandom | dd of=rest.img bs=1M seek=61 conv=notrunc status=none
"$UNRACK" copy rest.img part --rate 200k >/dev/null 2>&1 &
pid=$!
begun "(a checkpoint)" -p $pid durable part 1
kill -INT $pid
wait $pid
unrack copy - part --size "$size" <rest.img
exits 0 "a stream goes on where a copy of used blocks ended"
like "$err" "the stream agrees with disk 0 up to byte" "compared as far as that was copied"
unrack verify part rest.img
exits 0 "to an image that is whole but for what nothing used"
unrack copy - part --size "$size" <rest.img
exits 0 "and is known again"

# A size that is wrong.
unrack copy - small --size 40M <disk.img
exits 2 "a stream that goes on behind the size"
like "$err" "goes on behind byte 41943040, so the disk is larger than was said" "is told"
unlike "$out$err" "to continue|command continues" "and what to do is not the same again"
unrack copy - large --size 80M <disk.img
exits 4 "one that ends before"
like "$err" "ended at byte $size of the disk, which was said to have 83886080: its far side stopped, or the size is wrong" \
	"may have been told a wrong size"
unrack copy - none <disk.img
exits 2 "no size"
unrack copy - none --size 64M --offset 64M <disk.img
exits 2 "an offset at the end"
unrack copy - none --size 64M --offset 1M <disk.img
exits 2 "the rest of a disk that has no beginning"
like "$err" "no copy of a disk of 67108864 bytes has begun in none" "is told"
unrack copy - none --size 100T <disk.img
exits 2 "a size that no virtual disk has"
unrack copy - none --size 12x <disk.img
exits 2 "a size that is none"
nok "none of them leaves a folder behind" test -e none
unrack copy - whole --size "$size" <whole/whole-flat.vmdk
exits 5 "the folder's own image is no source"
if command -v qemu-img >/dev/null; then
	qemu-img create -q -f qcow2 q.img 1M
	unrack copy - none --size "$(stat -c %s q.img)" <q.img
	exits 6 "nor is a container of a disk"
fi

# Small disks.
head -c 70001 /dev/urandom >tiny.img
unrack copy - tiny --size 70001 < <(head -c 66000 tiny.img)
exits 4 "a small disk that ends early"
unrack copy - tiny --size 70001 < <(cat tiny.img)
exits 0 "and then comes whole"
ok "is identical" same tiny tiny.img
head -c 512 disk.img >sector.img
unrack copy - sector --size 1s <sector.img
exits 0 "a disk of one sector"
ok "is identical to it" same sector sector.img

# Two disks of one machine.
unrack copy - whole --size 70001 <tiny.img
exits 5 "a second disk is not mistaken for the first"
unrack copy - whole --size 70001 --disk 1=- <tiny.img
exits 0 "with its number it is added"
ok "beside the first one" cmp -n 70001 tiny.img whole/whole_1-flat.vmdk
ok "which is as it was" same whole

# Killed, and interrupted.
{ head -c 30000000 disk.img; exec sleep 600; } >pipe &
feeder=$!
"$UNRACK" -q copy - killed --size "$size" <pipe >/dev/null 2>&1 &
pid=$!
begun "(a checkpoint)" -p $pid durable killed 25000000
kill -9 $pid $feeder
wait $pid $feeder 2>/dev/null
unrack copy - killed --size "$size" </dev/null
told "$out"
ok "after a kill there is something to continue" test "${offset:-0}" -gt 1000000
unrack copy - killed --size "$size" --offset "$offset" < <(dd if=disk.img bs=1M skip="$skip" status=none)
exits 0 "from where it was safe"
ok "to an identical image" same killed
{ head -c 30000000 disk.img; exec sleep 600; } >pipe &
feeder=$!
"$UNRACK" copy - stopped --size "$size" <pipe >stop.out 2>stop.err &
pid=$!
begun "(another checkpoint)" -p $pid durable stopped 25000000
kill -INT $pid
wait $pid
is $? 130 "a copy that is interrupted while it waits"
kill $feeder && wait $feeder 2>/dev/null
told "$(<stop.out)"
is "$(grep -c 'to continue' stop.out)" 1 "says once how to go on"
ok "(where it was)" test "$offset" -gt 20000000
unrack copy - stopped --size "$size" --offset "$offset" < <(dd if=disk.img bs=1M skip="$skip" status=none)
exits 0 "and goes on so"
ok "to an identical image too" same stopped

# What comes again is zeros only: so it goes back further, or says that it can't tell.
truncate -s 300M holes.img
head -c 2M /dev/urandom | dd of=holes.img conv=notrunc status=none
printf 'data' | dd of=holes.img bs=1M seek=299 conv=notrunc status=none
unrack copy - holes --size 300M < <(head -c 200M holes.img)
told "$out"
is "$skip" "" "a stream whose last part was zeros begins again where there is data"
unrack copy - holes --size 300M --offset 199M < <(dd if=holes.img bs=1M skip=199 status=none)
exits 0 "one that brings only zeros again is taken"
like "$err" "warning: what the stream repeats of disk 0 is zeros only" "with a warning"
unrack copy - exact --size 300M < <(head -c 200M holes.img)
for at in 209715200 209715199 209649665; do
	unrack copy - exact --size 300M --offset $at < <(tail -c +$((at + 1)) holes.img)
	exits 5 "one that begins at byte $at, and repeats no whole grain, is refused"
	like "$err" "would repeat no whole 64 KiB of the 209715200 bytes of disk 0 in exact that are safe.* continue on the far side .dd if=DISK bs=1M \| nc ...., here .unrack copy - exact --size 314572800." \
		"and told where to begin"
done
unrack copy - exact --size 300M --offset 209649664 < <(tail -c +209649665 holes.img)
exits 0 "one that repeats a grain is taken"
ok "to an identical image" same exact holes.img

# For machines.
unrack --json copy - json --size "$size" < <(head -c 34000000 disk.img)
is "$(jq -rs 'last | "\(.command) \(.result) \(.exit)"' <<<"$out")" "copy io 4" "the result as JSON"
like "$(jq -rs 'last | .continue' <<<"$out")" "--size $size --offset [0-9]+" "says how to go on"
told "$(jq -rs 'last | .continue' <<<"$out")"
unrack --json copy - json --size "$size" --offset "$offset" < <(dd if=disk.img bs=1M skip="$skip" status=none)
is "$(jq -rs 'last | "\(.result) \(.exit) \(.resumed_bytes > 20000000)"' <<<"$out")" "ok 0 true" "then it is whole"
ok "the comparison was an event" jq -es 'map(select(.event == "progress" and .step == "verify")) | length > 0' <<<"$out"
ok "and the image is identical" same json

# Through nc.
listen() { # COMMAND...: what comes to $port, for COMMAND
	rm -f pipe listens && mkfifo pipe # what the last one said is another port
	nc -lvn 127.0.0.1 0 >pipe 2>listens &
	nc=$!
	"$@" <pipe >nc.out 2>nc.err &
	pid=$!
	wait_for -p $nc 120 grep -q "^Listening on " listens && port=$(sed -n "s|^Listening on [^ ]* ||p" listens)
}
if nc -h 2>&1 | grep -q OpenBSD; then
	listen "$UNRACK" copy - net --size "$size"
	head -c 30000000 disk.img | nc -N 127.0.0.1 "$port"
	wait $pid
	is $? 4 "a connection that is cut"
	wait $nc
	told "$(<nc.out)"
	listen "$UNRACK" copy - net --size "$size" --offset "$offset"
	# Without -N it stays open at the end.
	dd if=disk.img bs=1M skip="$skip" status=none | nc 127.0.0.1 "$port" >/dev/null &
	sender=$!
	wait $pid
	is $? 0 "is continued, by an nc that does not hang up"
	kill $nc $sender 2>/dev/null
	wait 2>/dev/null
	ok "to an identical image over the net" same net
fi

# A disk that fills up, then has room again.
if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=12M none full 2>/dev/null; then
	trap 'umount "$work/full"; rm -rf "$work"' EXIT
	unrack copy - full/db --size "$size" <disk.img
	exits 4 "a full disk"
	told "$out"
	like "$out" "to continue: .*unrack copy - full/db --size $size" "says how to go on"
	mount -o remount,size=200M full
	unrack copy - full/db --size "$size" --offset "${offset:-0}" < <(dd if=disk.img bs=1M skip="${skip:-0}" status=none)
	exits 0 "and does when there is room"
	ok "to an identical image there" same full/db
fi
# --- How things stand ------------------------------------------------------------------------
head -c 3M /dev/urandom >asked.img
unrack copy - asked --size 3M <asked.img
exits 0 "a disk that is complete"
unrack copy - asked --size 3M </dev/null
exits 4 "an empty stream to its folder is none of it"
like "$err" 'disk 0 of asked is complete already' "but tells that it is complete"
unrack copy - asked --size 4M </dev/null
like "$err" 'asked has no such disk of 4194304 bytes' "or that there is no such disk"
done_testing
