#!/bin/bash
# verify: images and sources against the digests, through the map of what was left out; and sums for others.
. "$(dirname "$0")/../support/lib.sh"
needs mke2fs cmp sha256sum jq perl
PATH=$PATH:/usr/sbin:/sbin

mkdir files
head -c 3M /dev/urandom >files/data
mke2fs -q -t ext4 -d files disk.img 24M
# What a deleted file leaves in free blocks.
blocks=$(dumpe2fs disk.img 2>/dev/null | sed -n 's/^Block size: *//p')
free=$(dumpe2fs disk.img 2>/dev/null | sed -n 's/^  Free blocks: //p' | tr ', ' '\n\n' |
	awk -F- '$2 - $1 > 600 { print $1 + 400; exit }')
like "$free" '^[0-9]+$' "the filesystem has free blocks"
dd if=/dev/urandom of=disk.img bs="$blocks" seek="$free" count=64 conv=notrunc status=none

unrack copy disk.img web01
exits 0 "copied"
nok "what the filesystem does not use is not in the image" cmp disk.img web01/web01-flat.vmdk
unrack verify web01 disk.img
exits 0 "the source agrees, as the map has it"
dd if=/dev/urandom of=disk.img bs="$blocks" seek="$free" count=64 conv=notrunc status=none
unrack verify web01 disk.img
exits 0 "also when free blocks have changed"
inode=$(debugfs -R 'blocks /data' disk.img 2>/dev/null | awk '{ print $10 }')
flip disk.img $((inode * blocks + 5))
unrack verify web01 disk.img --json
exits 1 "not when a file has"
is "$(jq 'select(.result).different_grains' <<<"$out")" 1 "in one grain"

mv web01/unrack/disk0.map map
unrack verify web01 disk.img
exits 6 "without the map there is no answer"
like "$err" "unrack: web01/unrack/disk0.map is missing; run the copy again" "but what makes one"
mv map web01/unrack/disk0.map

for gone in web01-flat.vmdk unrack/disk0.journal; do
	mv "web01/$gone" gone
	for command in "verify web01" "export web01 -o out" "inspect web01"; do
		# shellcheck disable=SC2086
		unrack $command
		exits 5 "$command without $gone"
		like "$err" "unrack: web01/$gone is missing, though its copy was complete; put it back, or copy" "says what to do"
	done
	mv gone "web01/$gone"
done

unrack verify web01 --sha256sum sums
exits 0 "the image agrees, and its sums are written"
ok "sha256sum checks them" sh -c "cd web01 && sha256sum -c ../sums"
is "$(wc -l <sums)" 2 "of descriptor and image"
unrack verify web01 disk.img --sha256sum sums
exits 2 "not together with sources"
flip web01/web01-flat.vmdk $((inode * blocks + 9))
rm sums
unrack verify web01 --sha256sum sums
exits 1 "an image that was changed"
nok "gets no sums" test -e sums

# A pass that comes while an image is compared: what was read is of two moments.
cat >stop.pl <<'END'
# stop.pl PID FILE: stops the process while it has FILE open; 1: it never had, or has closed it by then
my ($pid, $file) = @ARGV;
sub has { grep { (readlink $_ // "") eq $file } glob "/proc/$pid/fd/*" }
sub state { open my $f, "<", "/proc/$pid/stat" or return "Z"; (split / /, <$f>)[2] }
until (has) { exit 1 if state() =~ /Z/ }
kill STOP => $pid;
select undef, undef, undef, 0.005 until state() =~ /[TZ]/;
exit 0 if has;
kill CONT => $pid;
exit 1;
END
unrack copy disk.img web02
exits 0 "another copy"
# With sums the image is read twice, and it may be the second time.
for sums in "" "--sha256sum sums"; do
	stopped=
	for _ in $(seq 200); do
		# shellcheck disable=SC2086 # two words
		"$UNRACK" verify web02 $sums >verify.out 2>verify.err &
		pid=$!
		perl stop.pl $pid "$(realpath web02/web02-flat.vmdk)" && stopped=1 && break
		wait $pid
	done
	is "$stopped" 1 "it is stopped while its image is read"
	flip disk.img $((inode * blocks + 5))
	rm -f sums
	unrack copy disk.img web02
	exits 0 "a pass changes the image"
	kill -CONT $pid
	wait $pid
	is $? 5 "no difference is told"
	like "$(<verify.err)" "another unrack has begun to change web02 since this one looked at it; run the same command again" "but why"
	[ "$sums" ] || is "$(<verify.out)" "" "nor that there is none"
	nok "and there are no sums" test -e sums
done
unrack verify web02
exits 0 "the same command again"

for format in stream sparse; do
	unrack copy disk.img $format --format $format
	unrack verify $format --sha256sum sums
	exits 0 "$format"
	ok "has sums" sh -c "cd $format && sha256sum -c ../sums"
	unrack verify $format disk.img
	exits 0 "and agrees with its source"
done
done_testing
