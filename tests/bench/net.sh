#!/bin/bash
# A copy over the network against what an administrator does today, in turn in one run: two
# network namespaces, a cable of 1 Gbit/s between them or one without a limit, and each way ends with
# its result on stable storage on the far side (`sync FILE`, which counts). Needs root.
#
#   net.sh [-n ROUNDS] [CASE...]      3 rounds of each case
#     gigabit    the reference disk (disk.sh), 1 Gbit/s
#     fast       the reference disk, no limit
#     random     1 GiB that can't be compressed, 1 Gbit/s
#     fastrandom the same, no limit
#
# Prints seconds, and how many times longer than the push the others took: these ratios
# are what counts. Then what unrack used: the largest memory of each side (VmHWM) and the
# processor seconds of both, without ssh's. Other load on the machine makes it all worthless.
#
# Where the time goes, by perf(1) on two processors with AVX2. At 1 Gbit/s it is the wire's: the used blocks of the
# reference disk deflate to 544 MiB, which take it 4.6 of 5.0 s; only a tighter deflate would move that, and the
# processors have a third of their time left for one. Without a limit it is the processors'. The near side: 76 %
# deflate (ISA-L), 16 % the kernel (a third of it copying out of the page cache), 3 % AES-GCM, 2.5 % XXH3. The far
# side: 82 % inflate (libdeflate), 14 % writing; with --format stream, 82 % the kernel, which reads sshd's pipe and
# writes, 13 % copying, and altogether a tenth of the near side's. More processors move that, or a quicker level of
# deflate, which costs the wire (ISA-L's level 0: 14 % more bytes). Random bytes: 70 % the kernel, most of it copying
# out of the page cache, 12 % trying to deflate, 9 % AES-GCM.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/netns.sh"
UNRACK=${UNRACK:-$here/../../build/unrack}
SSH_PORT=2222 NC_PORT=5000
rounds=3
if [ "${1:-}" = -n ]; then
	rounds=$2
	shift 2
fi
[ $# -gt 0 ] || set -- gigabit fast random fastrandom

netns_available || {
	echo "${0##*/}: $netns_why" >&2
	exit 3
}
for tool in nc zstd sshd ssh-keygen; do
	command -v $tool >/dev/null || {
		echo "${0##*/}: $tool is not installed; \`make deps\` does that" >&2
		exit 3
	}
done
UNRACK=$(realpath "$UNRACK")
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/unrack-bench-XXXXXX")
trap 'netns_down; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

# --- A real sshd in the far namespace. Its shell sees a home folder without a .bashrc, which may take long ---
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f id
cat >sshd_config <<END
Port $SSH_PORT
HostKey $dir/host
AuthorizedKeysFile $dir/id.pub
StrictModes no
PidFile none
UsePAM no
SetEnv HOME=$dir
PermitRootLogin yes
END
echo "[$far_ip]:$SSH_PORT $(cut -d' ' -f1,2 host.pub)" >known_hosts
mkdir -p /run/sshd
: >sshd.log

# The program under a watch: SIDE.used gets its largest memory in KiB and its processor seconds.
cat >watched <<'END'
#!/usr/bin/perl
# watched FILE COMMAND...
use strict;
my $file = shift;
my $pid = fork() // die;
if (!$pid) { exec(@ARGV) or die }
my $peak = 0;
while (waitpid($pid, 1) == 0) {
	if (open(my $f, "<", "/proc/$pid/status")) {
		while (<$f>) { $peak = $1 if /^VmHWM:\s+(\d+)/ && $1 > $peak }
	}
	select(undef, undef, undef, 0.1);
}
my $status = $?;
my (undef, undef, $user, $system) = times;
open(my $f, ">", $file);
printf $f "%d %.2f\n", $peak, $user + $system;
exit($status >> 8);
END
chmod +x watched

watched_copy() { # SOURCE DEST OPTION...
	near ./watched "$dir/near.used" "$UNRACK" -q copy "$@" --ssh-config none --identity "$dir/id" \
		--known-hosts "$dir/known_hosts" --remote-unrack "$dir/watched $dir/far.used $UNRACK"
}

# --- The ways. Each leaves the disk's content in ./out, on stable storage ---
way_push() { watched_copy "$disk" "ssh://root@$far_ip:$SSH_PORT$dir/out"; }
way_stream() { watched_copy "$disk" "ssh://root@$far_ip:$SSH_PORT$dir/out" --format stream; }
way_pull() { watched_copy "ssh://root@$far_ip:$SSH_PORT$disk" out; }
listen() { # COMMAND that reads what comes and writes ./out
	far sh -c "nc -d -l -p $NC_PORT | $1 >out && sync out" &
	listener=$!
	sleep 0.2
}
way_dd() {
	near sh -c "dd if=$disk bs=1M status=none | nc -N $far_ip $NC_PORT"
	wait "$listener"
}
way_zstd() {
	near sh -c "dd if=$disk bs=1M status=none | zstd -q -1 -T0 | nc -N $far_ip $NC_PORT"
	wait "$listener"
}

# The same start for all: nothing to be written back, the source in the page cache. The pause is for
# virtual machines whose freed memory goes back to the host, which takes a while.
prepare() {
	rm -rf out
	sync
	cat "$disk" >/dev/null
	sleep 3
}

run_way() { # NAME: sets $took
	local from to
	prepare
	case $1 in
	dd) listen cat ;;
	zstd) listen 'zstd -q -d' ;;
	esac
	from=$(date +%s%N)
	"way_$1"
	to=$(date +%s%N)
	took=$(awk -v a="$from" -v b="$to" 'BEGIN { printf "%.2f", (b - a) / 1e9 }')
}

same() { # the copy is the disk; that of unrack, with what the map left out being zeros
	local image=out want=$disk
	if [ -d out ]; then
		"$here/../support/map_oracle.pl" "$disk" out/unrack/disk0.map want
		image=out/out-flat.vmdk want=want
		if [ ! -e $image ]; then
			qemu-img convert -O raw out/out.vmdk flat
			image=flat
			truncate -s "$(stat -c %s want)" flat # a VMDK ends with a whole grain
		fi
	fi
	"$here/../support/sparse_cmp.pl" "$want" "$image" || {
		echo "the copy by $1 is not the disk" >&2
		exit 1
	}
	rm -f want flat
}

run_case() { # NAME DISK RATE
	local round way row used
	disk=$("$here/disk.sh" "$2")
	netns_rate "$3"
	echo
	echo "$1: $(cat "${disk%/*}/about"); rate: $3"
	printf '%10s %8s %8s %8s %8s   %s\n' 'dd|nc' 'zstd' push stream pull 'ratios to the push; unrack: near MiB, far MiB, CPU s'
	for round in $(seq "$rounds"); do
		row=() used=
		for way in dd zstd push stream pull; do
			run_way $way
			[ "$round" != 1 ] || same $way
			row+=("$took")
			case $way in push | stream | pull)
				used+=" $way $(cat near.used far.used | tr '\n' ' ' |
					awk '{ printf "%.0f %.0f %.1f", $1 / 1024, $3 / 1024, $2 + $4 }')"
				;;
			esac
		done
		printf '%10s %8s %8s %8s %8s   %s;%s\n' "${row[@]}" "$(awk -v r="${row[*]}" 'BEGIN {
			split(r, t, " "); printf "dd|nc %.2f zstd %.2f (stream: %.2f) pull %.2f", t[1] / t[3], t[2] / t[3],
				t[2] / t[4], t[5] / t[3] }')" \
			"$used"
	done
}

netns_up none
far "$(command -v sshd)" -D -e -f "$dir/sshd_config" 2>sshd.log &
for _ in $(seq 100); do
	grep -q 'Server listening' sshd.log && break
	sleep 0.05
done
for case in "$@"; do
	case $case in
	gigabit) run_case gigabit reference 1gbit ;;
	fast) run_case fast reference none ;;
	random) run_case random random 1gbit ;;
	fastrandom) run_case fastrandom random none ;;
	*)
		echo "there is no case \"$case\"" >&2
		exit 2
		;;
	esac
done
