#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is free in the XFS of an image, by xfs_db: `unused 0 BYTE BYTES` of each run, as used_map prints
# it. xfs_db counts the blocks of the free lists as free, but they are in use: they are left out.
use strict;
use warnings;

my $image = shift // die "usage: xfs_free.pl IMAGE\n";

sub db {
	my @args = map { ('-c', $_) } @_;

	open my $f, '-|', 'xfs_db', '-r', @args, $image or die "xfs_db: $!\n";
	my @lines = <$f>;
	close $f or die "xfs_db fails on $image\n";
	return @lines;
}

my %sb = map { /^(\w+) = (\S+)/ ? ($1, $2) : () } db('sb 0', 'print blocksize agblocks agcount');
my $last = $sb{agcount} - 1;

# The list is an array of which COUNT are valid from FIRST on, around its end.
my %listed;
my ($ag, %agf) = (-1);
for (db(map { ("agf $_", 'print flfirst flcount', "agfl $_", 'print bno') } 0 .. $last)) {
	if (/^fl(first|count) = (\d+)/) {
		$ag++ if $1 eq 'first';
		$agf{$1} = $2;
	} elsif (s/^bno\[0-(\d+)\] = //) {
		my ($size, %at) = ($1 + 1, map { split /:/ } split);
		$listed{"$ag $at{($agf{first} + $_) % $size}"} = 1 for 0 .. $agf{count} - 1;
	}
}

my @runs;
for (db('freesp -d')) {
	my ($of, $block, $len) = /^\s+(\d+)\s+(\d+)\s+(\d+)\s*$/ or next;
	next if $len == 1 && delete $listed{"$of $block"};
	push @runs, [ map { $_ * $sb{blocksize} } $of * $sb{agblocks} + $block, $len ];
}
die 'xfs_db does not list these of free lists: ', join(', ', keys %listed), "\n" if %listed;

my @merged;
for (sort { $a->[0] <=> $b->[0] } @runs) {
	if (@merged && $merged[-1][0] + $merged[-1][1] == $_->[0]) {
		$merged[-1][1] += $_->[1];
	} else {
		push @merged, $_;
	}
}
print "unused 0 @$_\n" for @merged;
