#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# same_by_map.pl IMAGE SOURCE MAP [FREE]: whether a raw image is its source with what the map leaves out zeroed, and
# the padding to a whole sector zeros. Reads unrack-journal(5)'s map by itself. MAP "-": nothing is left out.
# FREE: a file of lines "BYTE BYTES", in order: all that the map leaves out must lie in them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use XXH3;

use constant GRAIN => 65536;

my ($image, $source, $map, $free) = @ARGV;
defined $map or die "usage: same_by_map.pl IMAGE SOURCE MAP [FREE]\n";

sub runs {
	my ($bytes) = @_;
	open my $f, '<:raw', $map or die "$map: $!\n";
	local $/;
	my $m = <$f>;
	my ($magic, $version, undef, $sum, $size, $pass) = unpack 'a8 V V Q< Q< Q<', $m;
	my $n = unpack 'x56 Q<', $m;
	my ($end, @runs) = 0;

	$magic eq 'UNRACKMP' && $version == 1 or die "$map is no map\n";
	substr $m, 16, 8, "\0" x 8;
	$sum == unpack 'Q<', XXH3::xxh3_64($m) or die "$map: its checksum is wrong\n";
	$size == $bytes or die "$map is of a disk of $size bytes, not $bytes\n";
	length $m == 64 + 16 * $n or die "$map has not $n runs\n";
	for my $i (0 .. $n - 1) {
		my ($first, $count) = unpack 'Q< Q<', substr $m, 64 + 16 * $i, 16;

		$count > 0 && ($i == 0 || $first > $end) or die "$map: run $i is not in order\n";
		$end = $first + $count;
		push @runs, [$first, $end];
	}
	return @runs;
}

# Each byte of the runs lies in one of the free ranges.
sub check_free {
	my ($bytes, @runs) = @_;
	open my $f, '<', $free or die "$free: $!\n";
	my @free = map { my ($off, $n) = split; [$off, $off + $n] } <$f>;

	for my $run (@runs) {
		my ($at, $end) = map { $_ * GRAIN } @$run;

		$end = $bytes if $end > $bytes;
		for my $r (@free) { $at = $r->[1] if $r->[0] <= $at && $at < $r->[1] }
		$at >= $end or die "$map leaves out byte $at, which is in use\n";
	}
}

my $bytes = -s $source;
my @runs = $map eq '-' ? () : runs($bytes);
check_free($bytes, @runs) if defined $free;
open my $a, '<:raw', $image or die "$image: $!\n";
open my $b, '<:raw', $source or die "$source: $!\n";
my $want_size = int(($bytes + 511) / 512) * 512;
-s $image == $want_size or die "$image has ", -s $image, " bytes, not $want_size\n";
my $zeros = "\0" x GRAIN;
for (my $g = 0; $g * GRAIN < $bytes; $g++) {
	my ($got, $want) = ('', '');

	read $a, $got, GRAIN;
	read $b, $want, GRAIN;
	$want .= "\0" x (-length($want) % 512);
	shift @runs while @runs && $runs[0][1] <= $g;
	$want = substr $zeros, 0, length $want if @runs && $runs[0][0] <= $g;
	$got eq $want or die "$image differs from $source in grain $g (byte ", $g * GRAIN, ")",
		$got eq substr($zeros, 0, length $got) ? ": it is all zeros" : '', "\n";
}
