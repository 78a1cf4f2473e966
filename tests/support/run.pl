#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# What prove starts for every test: C programs as they are, scripts by bash, each in a session of its own, without a
# terminal. One that hangs is ended after UNRACK_TEST_LIMIT seconds, and shown with its processes: nobody watches a gate.
# What a test left behind in its group is ended with it, since prove waits for all that have its output open.
use strict;
use warnings;
use POSIX qw(setsid WNOHANG);

my $limit = $ENV{UNRACK_TEST_LIMIT} // 1800;
my @command = $ARGV[0] =~ /\.sh$/ ? ('bash', @ARGV) : @ARGV;

open STDIN, '<', '/dev/null' or die "can't open /dev/null: $!\n";
my $pid = fork // die "can't fork: $!\n";
if ($pid == 0) {
	setsid;
	exec { $command[0] } @command or die "can't run $command[0]: $!\n";
}

# TERM first: scripts remove their files.
sub end_it {
	kill TERM => -$pid;
	for (1 .. 300) {
		last if waitpid($pid, WNOHANG) == $pid;
		select undef, undef, undef, 0.1;
	}
	kill KILL => -$pid;
}

for my $signal (qw(INT TERM HUP)) {
	$SIG{$signal} = sub { end_it; $SIG{$signal} = 'DEFAULT'; kill $signal => $$ };
}
$SIG{ALRM} = sub {
	print STDERR "# @ARGV: it has not ended after $limit seconds, and is ended. Its processes:\n";
	print STDERR map { "# $_" } qx(ps -o pid,ppid,stat,etime,wchan:24,args -s $pid);
	end_it;
	exit 124;
};
alarm $limit;
waitpid $pid, 0;
my $status = $?;
alarm 0;
kill KILL => -$pid;
exit($status & 127 ? 128 + ($status & 127) : $status >> 8);
