#!/bin/bash
# Initrds in which there is much to read, honest ones and others: unrack takes less than 256 MiB of memory for them.
. "$(dirname "$0")/../support/lib.sh"
needs cpio gzip zstd lz4 perl
[ "$(uname -m)" = x86_64 ] || skip_all "how a system call is numbered is known for x86_64 only"
set +e
# shellcheck source=../support/initrd_bounds.sh
. "$fixtures/../support/initrd_bounds.sh"

# --- Much to read -------------------------------------------------------------------------------
# large NAME MODE BEGIN MIB : a member of so many MiB, which begin so, and have neither line nor NUL.
large() {
	newc "$1" "$2" '' "6=$(printf %x $(($4 << 20)))"
	printf '%s' "$3"
	head -c $((($4 << 20) - ${#3})) /dev/zero | tr '\0' ' '
}
{ large init 100755 '#!' 150; large lib/x.ko 100644 $'\177ELF' 60; large lib/y.ko 100644 $'\177ELF' 90; large usr/lib/dracut/modules.txt 100644 '' 150; trailer; } >big.img
taken big.img "large files that are looked into"
perl -e '
	my $at = 0;
	sub put { my ($name, $mode, $content) = @_; my $h = sprintf "070701%08X%08X%s%08X%s%08X%08X%s\0", ++$at, $mode, "0" x 32, length $content, "0" x 32, 1 + length $name, 0, $name;
		$_ .= "\0" x (-length($_) % 4) for $h, $content; print $h, $content }
	my $gap = "\0" x 30000;
	put "usr/lib/dracut/modules.txt", 0100644, "base\n";
	for (1 .. 6000) { put "l$_", 0120777, "to/$_"; put "gap$_", 0100644, $gap; put "etc/modprobe.d/$_.conf", 0100644, "blacklist x\n";
		put "gup$_", 0100644, $gap }
	put "TRAILER!!!", 0, ""' >big.img
taken big.img "small files, far from each other"
{
	perl -e 'for (1 .. 2000) { my $n = sprintf "lib/%06d.ko", $_; printf "070701%08X%08X%s%08X%s%08X%08X%s\0", 5, 0100644, "0" x 16, 2001, "0" x 48, 14, 0, $n }'
	newc lib/z.ko 100644 '' 0=5 4=7d1 6=3c00000 7=0 8=0
	printf '\177ELF'
	head -c $((0x3c00000 - 4)) /dev/zero
	trailer
} >big.img
taken big.img "a large module with 2000 names"
{ newc usr/lib/dracut/modules.txt 100644 base; newc init 120777 usr/lib/systemd/systemd; for name in lib/systemd/systemd bin/kmod sbin/modprobe lib/systemd/systemd-modules-load; do
	newc usr/$name 100755 x; done; newc "usr/lib/modules-load.d/$(printf '%0200d/' {1..19}).conf" 100644 '' 6=7a120; yes x | head -c $((0x7a120)); trailer; } >big.img
bounded initrd show big.img
is "$rc $over" "6 " "many modules named by a file with a long name are refused"
like "$err" "its configuration files are larger than 1 MiB together, or name more than those of any initrd do" "with the reason"
for n in 1 2; do
	perl -e '
		my ($n, $at) = @ARGV;
		sub put { my ($name, $mode, $content) = @_; my $h = sprintf "070701%08X%08X%s%08X%s%08X%08X%s\0", ++$at, $mode, "0" x 32, length $content, "0" x 32, 1 + length $name, 0, $name;
			$_ .= "\0" x (-length($_) % 4) for $h, $content; print $h, $content }
		put sprintf("%d%06d%s", $n, $_, "\1" x 56), 0120777, "\1" x 63 for 1 .. 32700;
		put "TRAILER!!!", 0, ""' $n >big$n.img
done
taken big1.img "as many names as may be, of what a terminal would obey"
bounded initrd diff --json big1.img big2.img
is "$rc $over" "1 " "and another image without any of them"
for n in 1 2; do
	seq -f "%.0f is a line of $n" 12000 | head -c 200000 >text
	{
		perl -e 'for (1 .. 2000) { my $n = sprintf "text/%06d", $_; printf "070701%08X%08X%s%08X%s%08X%08X%s\0\0\0", 5, 0100644, "0" x 16, 2001, "0" x 48, 12, 0, $n }'
		newc text/z 100644 '' 0=5 4=7d1 6=30d40 7=0 8=0
		cat text
		trailer
	} >big$n.img
done
bounded initrd diff --json big1.img big2.img
is "$rc $over" "1 " "2001 texts that differ in all their lines"
like "$(tail -c 400 .out)" 'the lines of further texts are left out, after 8 MiB of them; .unrack initrd show. shows one' "are not shown all"

# --- Large, but honest --------------------------------------------------------------------------
mkdir large
seq 20000000 >large/a
cp large/a large/b
printf '#!/bin/sh\n' >large/init
(cd large && find . | cpio --quiet -o -H newc) >large.cpio
is "$(($(stat -c %s large.cpio) >> 20))" 322 "an image of 322 MiB"
taken large.cpio "is taken as it is"
{ printf '#!/bin/nash\n'; seq 15000000; } >large/init
(cd large && echo init | cpio --quiet -o -H newc) >script.img
bounded initrd show script.img init
is "$rc $over $(cmp .out large/init)" "0  " "a member of 118 MiB is shown whole"
mkdir -p large/usr/lib/dracut large/etc
sed -i 1s/nash/sh/ large/init
: >large/usr/lib/dracut/modules.txt
mv large/init large/etc/init
ln -s etc/init large/init
(cd large && find init etc usr | cpio --quiet -o -H newc) >script.img
taken script.img "a script of that size"
for how in "gzip -1" "zstd -q -1 --long=27" "lz4 -l -q -1"; do
	$how <large.cpio >large.img
	taken large.img "so it is when packed by ${how%% *}"
done
done_testing
