#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# sparse_cmp.pl A B: whether two files have the same bytes, without reading the holes that they have in common. Says
# where the first difference is, and exits with 1.
use strict;
use warnings;

use constant { SEEK_DATA => 3, SEEK_HOLE => 4, PART => 1 << 20 };

die "usage: sparse_cmp.pl A B\n" unless @ARGV == 2;
my @f = map { open my $h, '<:raw', $_ or die "$_: $!\n"; $h } @ARGV;
my ($size, $other) = map { -s } @f;
$size == $other or die "$ARGV[0] has $size bytes, $ARGV[1] $other\n";

# The first data at or after AT in one of them.
sub next_data { my ($h, $at) = @_; my $d = sysseek $h, $at, SEEK_DATA; defined $d ? $d + 0 : $size }

for (my $at = 0; ; ) {
	my ($x, $y) = map { next_data($_, $at) } @f;

	$at = $x < $y ? $x : $y;
	last if $at >= $size;
	my $end = sysseek $f[$x < $y ? 0 : 1], $at, SEEK_HOLE or die "$!\n";
	while ($at < $end) {
		my $n = $end - $at < PART ? $end - $at : PART;
		my @part = map { my $b = ''; sysseek $_, $at, 0; sysread($_, $b, $n) // die "$!\n"; $b } @f;

		if ($part[0] ne $part[1]) {
			my $same = ($part[0] ^ $part[1]) =~ /^(\0*)/ ? length $1 : 0;

			print "@ARGV differ at byte ", $at + $same, "\n";
			exit 1;
		}
		$at += $n;
	}
}
