#!/bin/bash
# Initrds that mean harm: whatever comes in, unrack ends, with a sentence, in time, and
# with less than 256 MiB.
. "$(dirname "$0")/../support/lib.sh"
needs cpio gzip xz zstd lz4 perl
[ "$(uname -m)" = x86_64 ] || skip_all "how a system call is numbered is known for x86_64 only"
set +e
# shellcheck source=../support/initrd_bounds.sh
. "$fixtures/../support/initrd_bounds.sh"

# --- Bombs --------------------------------------------------------------------------------------
for how in "gzip -1" "zstd -q -1" "xz -0 --check=crc32" "lz4 -l -q"; do
	head -c 600M /dev/zero | $how >bomb.img
	refused bomb.img 'unpacks to more than the 512 MiB left for it; no initrd is that large' "${how%% *}: zeros, 600 MiB of them"
done
{ newc x 100644 '' 6=fffffff0; head -c 600M /dev/zero; } | zstd -q -1 >bomb.img
refused bomb.img 'unpacks to more than the 512 MiB' "a member of 4 GiB, of which 600 MiB are there"
head -c 100M /dev/zero | zstd -q -1 >part.img
for _ in 1 2 3 4 5 6; do newc x 100644 '' && trailer; done | cat - part.img part.img part.img part.img part.img part.img >bomb.img
refused bomb.img '512|MiB left for it' "six streams that are too much together"
head -c 30M /dev/zero | gzip -9 | gzip -9 | gzip -9 >bomb.img
refused bomb.img 'packed more than once' "packed three times"
head -c 600M /dev/zero >zeros.img
refused zeros.img 'more than 512 MiB' "a file of 600 MiB"
truncate -s 100M zeros.img
refused zeros.img 'is empty' "zeros that are not packed"
for _ in $(seq 300); do trailer; done >many.img
refused many.img 'more than 256 archives' "many archives"
perl -e 'for (1 .. 40000) { my $n = sprintf "%08x", $_; printf "070701%08X%s%08X%s%s\0\0", $_, "0" x 80, 9, "0" x 8, $n }' >many.img
refused many.img 'more than 32768 files' "many files"
perl -e 'for (1 .. 30000) { my $n = sprintf "%08x%s", $_, "x" x 991; printf "070701%08X%08X%s%08X%s%s\0", $_, 0100644, "0" x 72, 1000, "0" x 8, $n;
	print "\0" x (-(110 + 1000) % 4) }' | zstd -q >many.img
refused many.img 'names of more than 2 MiB' "long names"
{ newc l 120777 "$(printf '%05000d' 0)"; trailer; } | gzip >many.img
refused many.img 'the link l has a target of 5000 bytes; a path has less than 4096' "a long link"
perl -e 'for (1 .. 1100) { printf "070701%08X%08X%s%08X%s%08X%sl\0%s", $_, 0120777, "0" x 32, 4000, "0" x 32, 2, "0" x 8, "x" x 4000 }' >many.img
trailer >>many.img
refused many.img 'links with targets of more than 2 MiB' "long links"
for limit in "xz -0 --check=crc32 --lzma2=dict=1GiB" "zstd -q --long=30"; do
	trailer | $limit >dictionary.img
	refused dictionary.img 'needs a dictionary of more than 128 MiB' "${limit%% *}: a dictionary of 1 GiB"
done

# --- Sizes, names, links ------------------------------------------------------------------------
for size in ffffffff fffffffd 80000000 7fffffff; do
	{ newc x 100644 abc "6=$size"; trailer; } >size.img
	refused size.img "says it has [0-9]+ bytes, but the archive ends before" "a file of $size bytes"
	{ newc x 100644 abc "11=$size"; trailer; } | gzip >size.img
	refused size.img "says its name has [0-9]+ bytes; 1 to 4096 are possible" "a name of $size bytes"
done
{ newc x 100644 abc 11=0; trailer; } >size.img
refused size.img "says its name has 0 bytes" "a name of no bytes"

{
	newc /etc/passwd 100644 'root::0:0::/:/bin/sh'
	newc ../../outside 100644 'x'
	newc ../../../../../../../../tmp/unrack-outside 100644 'x'
	newc a 120777 b
	newc b 120777 a
	newc a/c 100644 x
	newc loop 120777 loop/loop
	newc lib 120777 ../../..
	newc lib/modules 40755 ''
	newc usr/lib/dracut/modules.txt 120777 loop
	newc init 120777 loop
	newc "$(printf 'x\033]0;title\a\r\ny')" 100644 x
	trailer
} >names.img
mkdir inside
cd inside || exit 1
taken ../names.img "names that lead outside, links in circles"
unlike "$(<"$work/.out")" $'[\001-\010\013-\037]' "nothing that a terminal would obey is printed"
cd .. || exit 1
is "$(find inside outside 2>/dev/null)" inside "nothing is written"
nok "nor anywhere else" test -e /tmp/unrack-outside
bounded initrd add --driver ahci --kver 5.14.0-1.el9.x86_64 --modules inside names.img
is "$over" "" "a change is refused in time"
[ $rc -ge 2 ]
result $? "with a reason"

# --- Much to look through -----------------------------------------------------------------------
# What an image by dracut has, and N members besides, which are names of one file, or in turn of the few of which
# these are the contents.
cat >many.pl <<'END'
my ($contents, $format, $n) = @ARGV;
my $ino = 1000;
sub member {
	my ($name, $mode, $text, $ino, $links) = @_;
	my $out = sprintf '070701' . '%08X' x 13 . "%s\0", $ino, $mode, 0, 0, $links, 1, length $text, 8, 1, 0, 0, 1 + length $name, 0, $name;
	$out .= "\0" x (-length($out) % 4) . $text;
	print $out . "\0" x (-length($out) % 4);
}
member($_->[0], 0100755, $_->[1], $ino++, 1) for ['init', "#!/bin/sh\n"], ['usr/lib/dracut-lib.sh', "/etc/cmdline.d\n"],
	['usr/lib/dracut/modules.txt', "bash\n"], ['usr/sbin/mdadm', 'x'], ['usr/sbin/lvm', 'x'], ['usr/sbin/modprobe', 'x'];
my @c = eval $contents;
member(sprintf($format, $_), 0100644, $_ < @c ? $c[$_] : '', 9 + $_ % @c, $n) for 0 .. $n - 1;
member('TRAILER!!!', 0, '', 0, 1);
END
looked_through() { # CONTENTS FORMAT N NAME
	perl many.pl "$1" "$2" "$3" | gzip -1 >many.img
	bounded initrd show many.img
	is "$rc $over" "0 " "$4"
}
looked_through '"x" x (1 << 20)' usr/lib/udev/rules.d/%d.rules 32000 "rules of udev: 32000 names of 1 MiB"
looked_through 'join("", map { sprintf "rd.lvm.lv=%x ", $_ } 1 .. 65000)' etc/cmdline.d/%d.conf 1 "65000 volumes"
looked_through 'join("", map { sprintf "ARRAY /dev/%x\n", $_ } 1 .. 1000000)' etc/mdadm.conf 1 "a million arrays"
looked_through 'map { my $from = 400 * $_; join "", map { sprintf "\"/dev/%03x\"", $from + $_ } 1 .. 400 } 0 .. 9' \
	usr/lib/dracut/hooks/initqueue/finished/devexists-%d 30000 "30000 lists of devices to wait for"
perl many.pl 'join("", map { "line $_\n" } 1 .. 20000)' a/%d 30000 | gzip -1 >many.img
perl many.pl 'join("", map { "line $_\n" } 1 .. 9000, 0, 9001 .. 20000)' a/%d 30000 | gzip -1 >other.img
bounded initrd diff many.img other.img
is "$rc $over" "1 " "30000 texts that differ"
like "$(tail -n 1 "$work/.out")" "left out, after 64 MiB of texts" "are not all compared line by line"
perl many.pl '("x" x ((64 << 20) - 120)) x 2' a/%05d 20000 | gzip -1 >many.img
bounded initrd diff many.img many.img
is "$rc $over" "0 " "20000 names that are one of two files of 64 MiB in turn"

# --- Cut short ----------------------------------------------------------------------------------
{ newc init 100755 '#!/bin/nash'; newc lib/x.ko 100644 x; trailer; } >whole.cpio
for how in cat "gzip -9n" "xz --check=crc32" "zstd -q" bzip2; do
	$how <whole.cpio >whole.img
	bad=
	size=$(stat -c %s whole.img)
	for ((n = 0; n < size; n += 1 + size / 60)); do
		head -c $n whole.img >cut.img
		"$UNRACK" initrd list cut.img >/dev/null 2>&1
		[ $? = 6 ] || bad+=" $n"
	done
	is "$bad" "" "${how%% *}: cut short anywhere, it is refused"
done

done_testing
