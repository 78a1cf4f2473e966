#!/bin/bash
# A local image to streamOptimized, all blocks, against qemu-img, in turn in one run, each ending with the
# file on stable storage. Then a stream over a pipe: what the receiving half costs, as a share of the
# sending half, and the largest memory of each; and export from and to each format.
#
#   formats.sh [ROUNDS]      ROUNDS of the first (default 3); the disk is the reference disk (disk.sh)
#
# Where the time of the first goes, by perf(1) on two processors with AVX2: 77 % deflate (ISA-L: finding matches 55,
# Huffman tables 9, writing them 8, Adler-32 3.5), 6 % reading from the page cache, 5 % the socket between the
# halves and waking threads, 4 % XXH3 of grains and frames, 1 % putting grains into the file's buffer. So only
# another deflate would move it: level 1 takes 5 % less time there for a file 0.75 % larger, level 0 10 % less for
# one that is 10 % larger, level 3 60 % more for one that is 1 % smaller.
#
# Other load on the machine makes the times worthless; sizes, shares and memory stay right.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
UNRACK=$(realpath "${UNRACK:-$here/../../build/unrack}")
rounds=${1:-3}
disk=$("$here/disk.sh" reference)
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/unrack-bench-XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir"

ln -s "$here/../support/used.pl" used

prepare() {
	rm -rf out out.vmdk
	sync
	cat "$disk" >/dev/null
}
of() { cut -d' ' -f"$2" "$1"; }

echo "local image to streamOptimized, all blocks, $(nproc) processors"
printf '%10s %10s %8s %12s %12s %8s %8s\n' unrack qemu-img ratio bytes "qemu's" larger KiB
for _ in $(seq "$rounds"); do
	prepare
	./used ours "$UNRACK" -q copy --all-blocks --format stream "$disk" out
	ours=$(stat -c %s out/out.vmdk)
	prepare
	./used theirs sh -c "qemu-img convert -f raw -O vmdk -o subformat=streamOptimized '$disk' out.vmdk && sync out.vmdk"
	theirs=$(stat -c %s out.vmdk)
	awk -v a="$(of ours 1)" -v b="$(of theirs 1)" -v n="$ours" -v m="$theirs" -v k="$(of ours 3)" \
		'BEGIN { printf "%10.2f %10.2f %8.1f %12d %12d %7.1f%% %8d\n", a, b, b / a, n, m, (n / m - 1) * 100, k }'
done

echo
echo "a stream over a pipe: processor seconds and KiB of each half"
printf '%10s %10s %8s %10s %10s\n' sender receiver share "KiB" "KiB"
cat >rsh <<END
#!/bin/sh
exec "$dir/used" "$dir/far" "$UNRACK" serve
END
chmod +x rsh
prepare
./used near "$UNRACK" -q copy --all-blocks --format stream --rsh "$dir/rsh" "$disk" "ssh://here$dir/out"
awk -v a="$(of near 2)" -v b="$(of far 2)" -v k="$(of near 3)" -v l="$(of far 3)" \
	'BEGIN { printf "%10.2f %10.2f %7.1f%% %10d %10d\n", a, b, b / a * 100, k, l }'

echo
echo "export: seconds, processor seconds, KiB"
for from in flat stream sparse; do
	rm -rf from
	"$UNRACK" -q copy --all-blocks --format $from "$disk" from
	for to in flat stream sparse; do
		rm -rf to
		sync
		./used took "$UNRACK" -q export from -o to --format $to
		printf '%-18s %s\n' "$from to $to" "$(cat took)"
	done
done
