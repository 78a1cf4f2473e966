#!/bin/bash
# Copies within this machine: what a disk's size costs when what is on it stays the same, and what a
# second pass costs when nothing has changed.
#
#   passes.sh [ROUNDS]      (default 3)
#
# Seconds and largest memory (VmHWM, of both halves, which are one process here) for the reference disk
# (disk.sh) and for one of 8 TiB with the same files; then seconds of a second pass against those of
# reading what is used with cat. The ratios are what counts.
#
# Where the time goes, by perf(1): of the disk of 8 TiB, which has the same files and in 4096 places a bitmap of one
# block, 60 % in the kernel (13 % copying out of the page cache, 20 % handing each of some 8000 small pieces from thread
# to thread, 5 % the socket between the halves), 11 % XXH3 of grains and frames, 5 % copying, 3 % reading the bitmaps.
# Pieces that take in neighbours of other places would move it further. Of the second pass, 60 % reading (the kernel),
# 10 % XXH3 of what was read, 10 % waking threads: memory's speed is its limit.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
UNRACK=$(realpath "${UNRACK:-$here/../../build/unrack}")
rounds=${1:-3}
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/unrack-bench-XXXXXX")
trap 'rm -rf "$dir"' EXIT
small=$("$here/disk.sh" reference)
large=$("$here/disk.sh" large)
cd "$dir"

seconds() { # COMMAND...: wall seconds in $took
	local from to
	from=$(date +%s%N)
	"$@"
	to=$(date +%s%N)
	took=$(awk -v a="$from" -v b="$to" 'BEGIN { printf "%.2f", (b - a) / 1e9 }')
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
copy() { # SOURCE FOLDER: also its peak in $peak, MiB
	perl -e 'my $p = fork; if (!$p) { exec @ARGV } my $m = 0; while (waitpid($p, 1) == 0) {
		if (open my $f, "<", "/proc/$p/status") { while (<$f>) { $m = $1 if /^VmHWM:\s+(\d+)/ && $1 > $m } }
		select undef, undef, undef, 0.02 } open my $f, ">", "peak"; printf $f "%.0f\n", $m / 1024; exit($? >> 8)' \
		"$UNRACK" -q copy "$1" "$2"
	peak=$(<peak)
}
read_data() { # FILE: its data, without its holes
	perl -e 'open my $f, "<:raw", $ARGV[0]; my $at = 0; while (defined(my $d = sysseek $f, $at, 3)) {
		$at = sysseek $f, $d + 0, 4; sysseek $f, $d + 0, 0; my $left = $at - $d;
		while ($left > 0) { my $n = sysread $f, my $b, $left < 1048576 ? $left : 1048576 or last; print $b; $left -= $n } }' \
		"$1" | cat >/dev/null
}

# The used blocks of the reference disk as a file, so that cat reads nothing else.
"$UNRACK" -q copy "$small" used

printf '%8s %8s %8s   %s\n' '4 GiB' '8 TiB' ratio 'MiB, MiB'
for _ in $(seq "$rounds"); do
	read_data "$small"
	sync
	seconds copy "$small" small
	a=$took m=$peak
	read_data "$large"
	sync
	seconds copy "$large" large
	printf '%8s %8s %8s   %s, %s\n' "$a" "$took" "$(ratio "$took" "$a")" "$m" "$peak"
	rm -rf small large
done

data=$(du -m used/used-flat.vmdk | cut -f1)
echo
printf '%8s %8s %8s   %s\n' cat pass ratio "of $data MiB, nothing changed"
for _ in $(seq "$rounds"); do
	cat "$small" used/used-flat.vmdk >/dev/null
	seconds read_data used/used-flat.vmdk
	a=$took
	seconds "$UNRACK" -q copy "$small" used
	printf '%8s %8s %8s\n' "$a" "$took" "$(ratio "$took" "$a")"
done
