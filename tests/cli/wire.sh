#!/bin/bash
# Another implementation of the wire protocol, written from unrack-wire(5) alone, talks to unrack.
. "$(dirname "$0")/../support/lib.sh"
needs perl cmp
peer=$fixtures/../support/wire_peer.pl
page=$fixtures/../../man/unrack-wire.5
perl -MCompress::Raw::Zlib -e 1 2>/dev/null || skip_all "perl has no Compress::Raw::Zlib"

wire() { # ARGS...: the peer; its status in $rc, what it says in $out
	rc=0
	out=$(timeout 300 perl "$peer" "$@" 2>"$work/.err") || rc=$?
	err=$(<"$work/.err")
}
said() { # WHAT: the first line that begins with it
	grep -m1 "^$1" <<<"$out"
}

# The page's examples are those of the implementation that was written from it.
wire examples
for value in $out; do
	ok "unrack-wire(5) has ${value:0:16}" grep -qi "${value:0:16}" <(sed 's/^\.It .* Li//' "$page" | tr -d ' \n')
done

# A disk of 70 grains and a bit: text, noise, zeros, and an odd end.
truncate -s $((70 * 65536 + 1000)) source.img
for at in 0 1 2 20 21 30; do
	yes "grain $at of a disk that is sent by another program" | head -c 65536 |
		dd of=source.img bs=64k seek=$at conv=notrunc status=none
done
head -c 200000 /dev/urandom | dd of=source.img bs=64k seek=40 conv=notrunc status=none
printf 'the end' | dd of=source.img bs=1 seek=$((70 * 65536 + 993)) conv=notrunc status=none
same() { # FOLDER
	[ "$(stat -c %s "$1/$1-flat.vmdk")" = $(((70 * 65536 + 1000 + 511) / 512 * 512)) ] &&
		cmp -n $((70 * 65536 + 1000)) source.img "$1/$1-flat.vmdk"
}

wire push source.img web01 "$UNRACK" serve
is "$rc" 0 "another sender pushes a disk to unrack serve"
is "$(said accept)" "accept number 0 complete 0 next 0 data 0 pass 1" "from its beginning"
ok "the image is identical" same web01
ok "without its zeros" test "$(du -k web01/web01-flat.vmdk | cut -f1)" -lt 1500
unrack verify web01
exits 0 "its digests are those of the page"
unrack verify web01 source.img
exits 0 "and the source's"
wire push source.img web01 "$UNRACK" serve
is "$rc" 0 "the same again"
is "$(said accept)" "accept number 0 complete 0 next 0 data 0 pass 2 delta" "is compared"
is "$(said changed)" "changed 0" "and has not changed"

wire push --stop 33 source.img web02 "$UNRACK" serve
is "$rc" 0 "a sender that stops"
at=$(said left | cut -d' ' -f3)
wire push source.img web02 "$UNRACK" serve
is "$rc" 0 "can continue"
like "$(said accept)" "complete 0 next $at data" "where it asked for the checkpoint"
ok "to an identical image" same web02
unrack verify web02
exits 0 "with its digests"

unrack copy source.img web02
exits 0 "unrack's own copy finds nothing more to do"
like "$err" "0.0 of 4.4 MiB had changed" "and says so"

wire push --cut 33 source.img web03 "$UNRACK" serve
is "$rc" 0 "one that vanishes"
at=$(said left | cut -d' ' -f3)
wire push source.img web03 "$UNRACK" serve
is "$rc" 0 "can continue too"
like "$(said accept)" "complete 0 next $at data" "where the last whole frame ended"
ok "to an identical image" same web03
wire push --stop 50 source.img web04 "$UNRACK" serve
unrack copy source.img web04
exits 0 "unrack itself continues what the other one began"
ok "to an identical image" same web04
unrack verify web04 source.img
exits 0 "with the source's digests"

wire pull "$work/source.img" pulled.img "$UNRACK" serve
is "$rc" 0 "another receiver pulls a disk from unrack serve"
ok "which is identical" cmp source.img pulled.img

# Passes over what is there, by one of the two and by the other.
cp source.img was.img
yes "another text" | head -c 65536 | dd of=source.img bs=64k seek=21 conv=notrunc status=none
dd if=/dev/zero of=source.img bs=64k seek=2 count=1 conv=notrunc status=none
yes "where nothing was" | head -c 131072 | dd of=source.img bs=64k seek=60 conv=notrunc status=none
wire push source.img web01 "$UNRACK" serve
is "$rc" 0 "a changed disk is pushed over its copy"
is "$(said accept)" "accept number 0 complete 0 next 0 data 0 pass 3 delta" "in another pass"
is "$(said changed)" "changed 4" "of which only what differs is sent"
ok "the image is identical" same web01
unrack verify web01 source.img
exits 0 "with the source's digests"
wire pull --delta "$work/source.img" pulled.img "$UNRACK" serve
is "$rc" 0 "the same is pulled"
is "$(said "done")" "done data 12 changed 4" "by who has the older one"
ok "which is identical then" cmp source.img pulled.img
wire push --unused 20+2,40+10 source.img web01 "$UNRACK" serve
is "$rc" 0 "a sender that leaves something out"
dd if=/dev/zero of=mapped.img bs=64k count=71 status=none
cp source.img mapped.img
for run in 20:2 40:10; do
	dd if=/dev/zero of=mapped.img bs=64k seek="${run%:*}" count="${run#*:}" conv=notrunc status=none
done
ok "makes zeros of it" cmp -n $((70 * 65536 + 1000)) mapped.img web01/web01-flat.vmdk
unrack verify web01 source.img
exits 0 "which the map explains"
state=00112233445566778899aabbccddeeff
wire push --state $state --stop 33 was.img web07 "$UNRACK" serve
is "$rc" 0 "a sender that stops"
wire push --state ${state/0011/ffff} source.img web07 "$UNRACK" serve
is "$(said accept)" "accept number 0 complete 0 next 0 data 0 pass 2 delta" "and says that its disk has changed meanwhile"
ok "does not make a mixture" same web07
wire push --state $state --stop 33 source.img web08 "$UNRACK" serve
wire push --state $state --lost 4000000+512:/etc/passwd source.img web08 "$UNRACK" serve
like "$(said accept)" "complete 0 next [1-9]" "one that says that it has not is continued"
ok "also if it can't read all of it" same web08
wire pull "$work/nothing.img" pulled2.img "$UNRACK" serve
is "$rc" 1 "what isn't there"
like "$out" "^error [0-9]+ .*nothing.img" "is an ERROR with a sentence"

wire scan "$UNRACK" serve
if [ $rc = 0 ]; then
	ok "a scan is JSON" perl -MJSON::PP -e 'decode_json($ARGV[0])' "$(sed -n 1p <<<"$out")"
fi

# Streams are not pushed: their identity would fit too many disks.
for how in offer open; do
	wire push --$how stream=head source.img "web06-$how" "$UNRACK" serve
	is "$rc" 1 "an identity of a stream in the $how"
	like "$out" "^error 7 .*no stream is copied over the network" "is refused"
done
wire push --offer a=1 source.img web06 "$UNRACK" serve
is "$rc" 1 "a disk that is not the one that was offered"
like "$out" "^error 7 source 0 is not one of those that were announced" "is refused, too"

# What is not said right.
wire push --zeros 50 source.img web05 "$UNRACK" serve
is "$rc" 1 "zeros that are sent as data"
like "$out" "error 4 .*all zeros" "are refused"
wire push source.img web05 "$UNRACK" serve
is "$rc" 0 "what came before them is kept"
unrack verify web05
exits 0 "and right"
wire say "$(printf 'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n........' | od -An -tx1 | tr -d ' \n')" "$UNRACK" serve
is "$rc" 1 "a client that speaks HTTP"
like "$out" "^error 8 .*does not speak unrack's protocol; it says \"GET / HTTP/1.1" "is told so"
done_testing
