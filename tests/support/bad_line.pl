#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# For --rsh: runs the far command here, behind a line that does something once to what it carries. From the environment:
#
#   LINE_KIND   flip a bit | drop, repeat or insert some bytes | swap two pieces | cut | delay some seconds | hang
#   LINE_WAY    there | back
#   LINE_AT     behind so many bytes of that way
#   LINE_DONE   a file that is made when it was done; while it exists, the line is a good one
use strict;
use warnings;
use IO::Select;
use IPC::Open2;

use constant PIECE => 5000;

shift @ARGV if @ARGV && $ARGV[0] eq '-p' && shift @ARGV; # a port
shift @ARGV;                                             # the host
my ($kind, $way, $at, $done) = map { $ENV{"LINE_$_"} // '' } qw(KIND WAY AT DONE);
my $pid = open2(my $from, my $to, '/bin/sh', '-c', "@ARGV");
my %other = (there => $to, back => \*STDOUT);
my %name = (fileno(STDIN) => 'there', fileno($from) => 'back');
my %bytes = (there => 0, back => 0);
my $select = IO::Select->new(\*STDIN, $from);

binmode $_, ':raw' for \*STDIN, \*STDOUT, $to, $from;
$SIG{PIPE} = 'IGNORE';

sub put {
	my ($where, $data) = @_;

	while (length $data) {
		my $n = syswrite $other{$where}, $data;

		return if !defined $n;
		substr $data, 0, $n, '';
	}
}

sub finish { kill 'TERM', $pid if $_[0]; exit 0 }

# DATA, which has the place at OFF.
sub harm {
	my ($data, $off) = @_;
	my $piece = int((length($data) - $off) / 2);

	$piece = PIECE if $piece > PIECE;
	open my $f, '>', $done or die;
	if ($kind eq 'flip') { substr($data, $off, 1) ^= "\x20" }
	elsif ($kind eq 'drop') { substr $data, $off, PIECE, '' }
	elsif ($kind eq 'repeat') { substr $data, $off, 0, substr $data, $off, PIECE }
	elsif ($kind eq 'insert') { substr $data, $off, 0, join '', map { chr int rand 256 } 1 .. 100 }
	elsif ($kind eq 'swap') { substr $data, $off, 2 * $piece, substr($data, $off + $piece, $piece) . substr($data, $off, $piece) }
	elsif ($kind eq 'cut') { put($way, substr $data, 0, $off); finish(1) }
	elsif ($kind eq 'delay') { sleep 2 }
	elsif ($kind eq 'hang') { sleep 3600 }
	return $data;
}

while ($select->count) {
	for my $h ($select->can_read) {
		my $where = $name{fileno $h};
		my $n = sysread $h, my $data, 65536;

		if (!$n) {
			$where eq 'there' ? close $to : finish(0);
			$select->remove($h);
			next;
		}
		if ($where eq $way) {
			$bytes{$way} += $n;
			$data = harm($data, $at - $bytes{$way} + $n) if $kind && !-e $done && $bytes{$way} > $at;
		}
		put($where, $data);
	}
}
