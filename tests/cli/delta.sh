#!/bin/bash
# A second copy sends what has changed; a source that changes between two runs is never mixed.
. "$(dirname "$0")/../support/lib.sh"
needs mke2fs debugfs e2image sfdisk cmp perl jq
result_of() { jq -c 'select(.result)' <<<"$out"; }

# A partition with an ext4 filesystem, and a raw one behind it.
truncate -s $((96 << 20)) disk.img
printf '2048,131072,83\n133120,,da\n' | sfdisk -q disk.img
mke2fs -q -F -t ext4 -E offset=$((2048 * 512)) -U 11111111-2222-3333-4444-555555555555 disk.img 64M 2>/dev/null
fs() { # COMMANDS...: done to the filesystem
	printf '%s\n' "$@" | debugfs -w "disk.img?offset=$((2048 * 512))" >/dev/null 2>&1
}
put() { # NAME MiB: a file of noise
	head -c $(($2 << 20)) /dev/urandom >"$work/content"
	fs "write $work/content $1"
}
raw() { # MiB: noise in the raw partition
	head -c 1000000 /dev/urandom | dd of=disk.img bs=1M seek="$1" conv=notrunc status=none
}
# What the copy must be: the disk, with the filesystem as e2image, which knows what is used, copies it.
same() { # FOLDER
	dd if=disk.img of=fs.img bs=1M skip=1 count=64 status=none
	rm -f used.img
	e2image -ra fs.img used.img 2>/dev/null
	truncate -s 64M used.img
	cp disk.img want.img
	dd if=used.img of=want.img bs=1M seek=1 conv=notrunc status=none
	# Whole 64 KiB that nothing uses are zeros, smaller gaps as they are.
	perl -e '
		my ($want, $disk, $is) = map { open my $f, "<:raw", $_ or die; $f } @ARGV;
		for (my $g = 0; read($want, my $w, 65536); $g++) {
			read $disk, my $d, 65536;
			read $is, my $i, 65536;
			next if $i eq $d || ($i !~ /[^\0]/ && $w !~ /[^\0]/);
			die "grain $g differs\n";
		}' want.img disk.img "$1/$1-flat.vmdk"
}

put a 8
put b 8
raw 70
unrack copy disk.img web01
exits 0 "a copy"
ok "has all that is used" same web01
unrack copy disk.img web01 --json
exits 0 "the same again"
is "$(result_of | jq .changed_bytes)" 0 "finds nothing changed"
was=$(stat -c %Y.%y web01/web01-flat.vmdk)
unrack copy disk.img web01
like "$err" "compared 1 disk with the copy in web01 in .* s: 0.0 of 96.0 MiB had changed" "and says so"
is "$(stat -c %Y.%y web01/web01-flat.vmdk)" "$was" "nothing is written then"

fs "rm a"
put c 3
raw 80
unrack copy disk.img web01 --json
exits 0 "files have come and gone"
ok "the copy is what the disk is now" same web01
sent=$(result_of | jq .data_bytes)
ok "only what is new was sent ($sent bytes)" test "$sent" -gt 4000000 -a "$sent" -lt 8000000
unrack verify web01 disk.img
exits 0 "verify agrees"
unrack copy disk.img web01 --all-blocks
exits 0 "all blocks over that"
ok "are all there" cmp disk.img web01/web01-flat.vmdk
unrack copy disk.img web01
exits 0 "and gone again without"
ok "what nothing uses is zeros" same web01

# --- Between two runs ----------------------------------------------------------------------
start() { # FOLDER: a copy up to its first checkpoint; the whole of it would take a minute
	rm -f json # what the last one said
	"$UNRACK" --json copy disk.img "$1" --rate 200K >json 2>/dev/null &
	pid=$!
	begun "(a checkpoint)" -p $pid grep -q '"event":"progress".*"done":[1-9]' json
}
start web02
kill -9 $pid
wait $pid 2>/dev/null
fs "rm b"
put d 6
unrack copy disk.img web02
exits 0 "a source that was mounted between two runs"
like "$err" "disk 0 is not continued at byte [0-9]+, but compared from its beginning on: the source has changed since" \
	"is not continued"
ok "the copy is of the disk as it is now" same web02
unrack verify web02 disk.img
exits 0 "verify agrees"

# What no filesystem notes: the image's time stamp does.
start web05
kill -9 $pid
wait $pid 2>/dev/null
printf 'not by a filesystem' | dd of=disk.img bs=1 seek=5000 conv=notrunc status=none
unrack copy disk.img web05
exits 0 "an image that was written to between two runs"
like "$err" "compared from its beginning on: the source has changed since" "is not continued either"
ok "the copy is of the disk as it is now" same web05

# A pass that is killed, and a source that goes back to what it was.
cp disk.img old.img
put e 10
start web02
kill -9 $pid
wait $pid 2>/dev/null
cp old.img disk.img
unrack copy disk.img web02
exits 0 "a pass that was killed, over a source that is what it was before"
ok "the copy is, too" same web02
unrack verify web02 disk.img
exits 0 "verify agrees"

# --- What is not done ----------------------------------------------------------------------
flip web02/web02-flat.vmdk 40000000
unrack copy disk.img web02
exits 5 "an image that something else has changed"
like "$err" "web02-flat.vmdk changed since unrack wrote it; it may have run" "takes no pass"
unrack copy disk.img web03 --format stream
exits 0 "a copy in the format stream"
put f 2
unrack copy disk.img web03
exits 6 "can't be changed"
like "$err" "web03.vmdk is in the format stream and complete, and can't be changed any more; copy into another folder" \
	"with what to do"
unrack verify web03
exits 0 "and stays as it is"

# --- Both ways of a line -------------------------------------------------------------------
far=(--rsh "$fixtures/../support/rsh.sh" --remote-unrack "$UNRACK")
unrack copy disk.img "ssh://far$work/web04" "${far[@]}"
exits 0 "pushed"
ok "it is the same" same web04
put g 1
unrack copy disk.img "ssh://far$work/web04" "${far[@]}"
exits 0 "pushed again"
ok "it is what the disk is now" same web04
put h 1
unrack copy "ssh://far$work/disk.img" web04 "${far[@]}"
exits 0 "pulled over that"
ok "the same" same web04
like "$err" "compared 1 disk with the copy in web04 in .* s: [1-9][.0-9]* of 96.0 MiB had changed" "with what had changed"
done_testing
