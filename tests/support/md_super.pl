#!/usr/bin/perl
# usage: md_super.pl IMAGE VERSION SLOT EVENTS CLEAN LEVEL ARRAY-BYTES [START BYTES [UUID]]
#
# Writes the superblock of a member of an md array of two, by the kernel's md_p.h: nothing here can make an array. The
# member is the partition of BYTES at START of the image, in bytes (by default 64 MiB at 1 MiB); VERSION is 0.90 (0.90b:
# of a machine of another byte order), 1.0, 1.1 or 1.2; UUID has 32 hexadecimal digits. Prints where in the image the
# array's data begins.
use strict;
use warnings;

my ($image, $version, $slot, $events, $clean, $level, $bytes, $base, $part, $uuid) = @ARGV;
$base //= 1 << 20;
$part //= 64 << 20;
$uuid //= '0102030405060708090a0b0c0d0e0f00';
my ($at, $start, $b) = (0, 0, '');
my $sum = sub { my ($n, $t) = (shift, 0); $t += $_ for unpack "$n*", shift; ($t & 0xffffffff) + ($t >> 32) };

if ($version =~ /^0.90(b?)$/) {
	my $w = $1 ? 'N' : 'V';
	my @w = (0) x 1024;

	$at = ($part & ~65535) - 65536;
	@w[0, 2, 6, 7, 8, 9, 10] = (0xa92b4efc, 90, 1e9, $level, $bytes / 1024, 2, 2);
	@w[5, 13, 14, 15] = unpack 'N4', pack 'H32', $uuid;
	@w[32 .. 37] = (1e9, $clean, 2, 2, 0, 0);
	@w[$1 ? (40, 39) : (39, 40)] = ($events, 0);
	@w[128 + 32 * $_ .. 132 + 32 * $_] = ($_, 8, 16 * $_ + 1, $_, 6) for 0, 1;
	@w[992 .. 996] = ($slot, 8, 16 * $slot + 1, $slot, 6);
	$w[38] = $sum->($w, pack "$w*", @w);
	$b = pack "$w*", @w;
} else {
	$at = { '1.0' => ($part / 512 - 16 & ~7) * 512, '1.1' => 0, '1.2' => 4096 }->{$version};
	$start = $version eq '1.0' ? 0 : 1 << 20;
	for my $check (0, 1) {
		$b = pack 'V4H32a32Q<VVQ<VVVVQ<V4Q<4VVa16a8Q<3VVx32v*', 0xa92b4efc, 1, 0, 0, $uuid, 'rhel:0',
			1e9, $level, 0, $bytes / 512, 0, 2, 0, 0, 0, 0, 0, 0, 0, $start / 512, ($part - $start) / 512 - 8, $at / 512, 0, $slot, 0, "d$slot" x 8, '',
			1e9, $events, $clean ? ~0 : 0, $check ? $sum->('V', $b) : 0, 4, 0, 1, 0xffff, 0xffff;
	}
}
open my $f, '+<:raw', $image or die "$image: $!";
seek $f, $base + $at, 0;
print $f $b;
close $f or die "$image: $!";
print $base + $start, "\n";
