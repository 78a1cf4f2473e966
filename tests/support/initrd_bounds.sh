# shellcheck shell=bash
# For tests of initrds that mean harm or are large: members by hand, and bounds for what is done with them.
# Seconds are those of a processor, since the machine may be busy with something else; one that waits for ever is
# ended all the same.
LIMIT_KIB=262144 LIMIT_SECONDS=20

# newc NAME MODE CONTENT [FIELD=VALUE]... : a member; numbers are those of the header, from 0 (inode).
cat >newc.pl <<'END'
my ($name, $mode, $content, @fields) = @ARGV;
my @n = (1, oct $mode, 0, 0, 1, 1, length $content, 8, 1, 0, 0, 1 + length $name, 0);
/(\d+)=(.*)/ and $n[$1] = hex $2 for @fields;
my $out = '070701' . join('', map { sprintf '%08X', $_ } @n) . "$name\0";
$out .= "\0" x (-length($out) % 4) . $content;
print $out . "\0" x (-length($out) % 4);
END
newc() { perl newc.pl "$@"; }
trailer() { newc 'TRAILER!!!' 0 ''; }

# Runs unrack, and gives what it did not hold to in $over: the most memory that it and its children had, and its time.
cat >measure.pl <<'END'
my ($kib, $seconds, @command) = @ARGV;
my $pid = fork;
if (!$pid) { alarm 60 * $seconds; exec 'sh', '-c', 'ulimit -S -t $0 && exec "$@"', $seconds, @command; }
waitpid $pid, 0;
my ($status, $usage) = ($?, "\0" x 144);
syscall 98, -1, $usage; # getrusage of the children
my $most = unpack 'x32 q', $usage;
print STDERR "MEMORY: $most KiB are more than $kib\n" if $most > $kib;
print STDERR "TIME: more than $seconds s\n" if ($status & 127) == 14 || ($status & 127) == 24; # SIGALRM, SIGXCPU
exit($status & 127 ? 128 + ($status & 127) : $status >> 8);
END
bounded() {
	rc=0
	perl "$work/measure.pl" $LIMIT_KIB $LIMIT_SECONDS "$UNRACK" "$@" >"$work/.out" 2>"$work/.err" || rc=$?
	err=$(<"$work/.err")
	over=$(grep -E '^(MEMORY|TIME):' "$work/.err")
}

refused() { # FILE REGEX NAME
	local r=0
	bounded initrd list "$1"
	[ $rc = 6 ] && [[ $err =~ $2 ]] && [ -z "$over" ] || r=1
	result $r "$3" || printf 'status %s\n%s\n' $rc "$err" | sed 's/^/# /'
}

taken() { # FILE NAME
	local action
	for action in "list --json" show "diff $1"; do
		# shellcheck disable=SC2086 # two words
		bounded initrd $action "$1"
		[ $rc = 0 ] && [ -z "$over" ] && continue
		result 1 "$2"
		printf '%s: status %s\n%s\n' "$action" $rc "$err" | sed 's/^/# /'
		return
	done
	result 0 "$2"
}
