#!/usr/bin/perl
# used.pl FILE COMMAND...: seconds, processor seconds and KiB of memory at most (VmHWM) go into FILE;
# ends as COMMAND does.
use strict;
use Time::HiRes 'time';
my $file = shift;
my ($from, $peak) = (time, 0);
my $pid = fork() // die;
if (!$pid) { exec(@ARGV) or die }
while (waitpid($pid, 1) == 0) {
	if (open(my $f, "<", "/proc/$pid/status")) {
		while (<$f>) { $peak = $1 if /^VmHWM:\s+(\d+)/ && $1 > $peak }
	}
	select(undef, undef, undef, 0.01);
}
my (undef, undef, $user, $system) = times;
my $status = $?;
open(my $f, ">", $file);
printf $f "%.2f %.2f %d\n", time - $from, $user + $system, $peak;
exit($status >> 8);
