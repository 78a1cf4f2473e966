#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# Ages the filesystem at a folder: files of all sizes come, every other one goes, some grow, some are cut off,
# and others fill the gaps. age.pl FOLDER BYTES [SEED]
use strict;
use warnings;

my ($dir, $bytes, $seed) = @ARGV;
srand($seed // 1);
my $n = 0;

sub content { my $name = shift; substr(("$name\n" x (1 + 4096 / (1 + length $name))), 0, 4096) }

sub add {
	my ($name, $size, $mode) = @_;
	my $piece = content($name);

	my $good = open my $f, $mode, "$dir/$name";
	for (my $left = $size; $good && $left > 0; $left -= 4096) {
		$good = print $f substr($piece, 0, $left < 4096 ? $left : 4096);
	}
	return $f && close($f) && $good; # a full disk may say so at the end
}

sub fill {
	my ($part) = @_;

	for (my $left = $bytes * $part; $left > 0;) {
		my $size = int(rand(4) < 3 ? rand 20000 : rand 600000);
		my $in = 'd' . int rand 30;

		mkdir "$dir/$in";
		add("$in/f" . $n++, $size, '>') or return; # full is full
		$left -= $size;
	}
}

fill(0.8);
my @all = sort glob "$dir/d*/f*";
for my $i (0 .. $#all) {
	if ($i % 2) { unlink $all[$i] }
	elsif ($i % 7 == 0) { truncate $all[$i], int((-s $all[$i]) / 3) }
	elsif ($i % 5 == 0) { add(substr($all[$i], 1 + length $dir), 70000, '>>') }
}
fill(0.3);
# A sparse file, a folder of many names, a long link.
if (open my $f, '>', "$dir/sparse") {
	for (1 .. 40) { seek $f, $_ * 300000, 0; print $f "sparse $_" }
	close $f;
}
mkdir "$dir/many";
add("many/with-a-long-name-$_", 0, '>') for 1 .. 800;
unlink glob "$dir/many/*7*";
symlink 'x' x 200, "$dir/long";
