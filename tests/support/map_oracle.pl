#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# map_oracle.pl SOURCE MAP IMAGE: makes IMAGE what a copy of SOURCE with the map file MAP has to be: SOURCE, with the
# ranges of the map (unrack-journal(5)) being holes. For tests that compare copies without unrack's own reader.
use strict;
use warnings;

use constant { SEEK_DATA => 3, SEEK_HOLE => 4, PART => 1 << 20, GRAIN => 65536 };

die "usage: map_oracle.pl SOURCE MAP IMAGE\n" unless @ARGV == 3;
my ($source, $map, $image) = @ARGV;
open my $in, '<:raw', $source or die "$source: $!\n";
open my $out, '>:raw', $image or die "$image: $!\n";
my $size = -s $in;
open my $m, '<:raw', $map or die "$map: $!\n";
my $bytes = do { local $/; <$m> };
my ($magic, $version, $zero, $sum, $disk, $pass, $state, $n) = unpack 'a8VVQ<Q<Q<a16Q<', $bytes;
$magic eq 'UNRACKMP' && $version == 1 or die "$map is no map\n";
$disk == $size or die "$map is of a disk of $disk bytes\n";
my @unused = map { [unpack 'Q<Q<', substr $bytes, 64 + 16 * $_, 16] } 0 .. $n - 1;

truncate $out, int(($size + 511) / 512) * 512;
my $at = 0;
while ($at < $size) {
	my $data = sysseek $in, $at, SEEK_DATA;

	last unless defined $data;
	my $end = sysseek $in, $data + 0, SEEK_HOLE or die "$source: $!\n";
	$at = $data + 0;
	while ($at < $end) {
		shift @unused while @unused && ($unused[0][0] + $unused[0][1]) * GRAIN <= $at;
		if (@unused && $unused[0][0] * GRAIN <= $at) {
			$at = ($unused[0][0] + $unused[0][1]) * GRAIN;
			next;
		}
		my $n = $end - $at < PART ? $end - $at : PART;

		$n = $unused[0][0] * GRAIN - $at if @unused && $unused[0][0] * GRAIN - $at < $n;
		sysseek $in, $at, 0;
		sysread($in, my $part, $n) == $n or die "$source: $!\n";
		if ($part =~ tr/\0//c) {
			sysseek $out, $at, 0;
			syswrite($out, $part) == $n or die "$image: $!\n";
		}
		$at += $n;
	}
}
close $out or die "$image: $!\n";
