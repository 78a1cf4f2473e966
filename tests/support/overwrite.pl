#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# Overwrites what a map leaves out of an image: overwrite.pl IMAGE, and lines "BYTE BYTES" on standard input.
use strict;
use warnings;

open my $f, '+<:raw', $ARGV[0] or die "$ARGV[0]: $!\n";
while (<STDIN>) {
	my ($off, $left) = split;

	seek $f, $off, 0;
	while ($left > 0) {
		my $n = $left < 65536 ? $left : 65536;

		print $f "\xa5" x $n or die "$ARGV[0]: $!\n";
		$left -= $n;
	}
}
close $f or die "$ARGV[0]: $!\n";
