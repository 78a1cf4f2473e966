#!/bin/bash
# A local copy against the tools that an administrator has, in turn in one run, each ending
# with its result on stable storage. Prints seconds and ratios; the ratios are what counts.
#
#   run.sh [ROUNDS]      ROUNDS of each (default 3); the disk is 2 GiB with real files on it
set -eu
here=$(cd "$(dirname "$0")" && pwd)
UNRACK=${UNRACK:-$here/../../build/unrack}
rounds=${1:-3}
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/unrack-bench-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# Libraries and programs as a server has them, then random data, then nothing.
mkdir files
for f in /usr/lib /usr/bin /usr/share; do
	(cd / && find "${f#/}" -xdev -type f -size -20M -print0 2>/dev/null | head -z -n 12000 |
		tar -c --null -T - 2>/dev/null | head -c 400M | tar -x -C "$dir/files" 2>/dev/null) || true
done
head -c 200M /dev/urandom >files/random
truncate -s 2G disk.img
mke2fs -q -F -t ext4 -d files disk.img
rm -rf files
sync
cat disk.img >/dev/null
echo "disk: $(du -m disk.img | cut -f1) MiB of 2048 allocated, $(nproc) processors"

seconds() { # COMMAND...: wall seconds
	local from to
	from=$(date +%s%N)
	"$@" >/dev/null 2>&1
	to=$(date +%s%N)
	echo "$from $to" | awk '{ printf "%.2f", ($2 - $1) / 1e9 }'
}
unrack_copy() { "$UNRACK" -q copy disk.img out; }
dd_copy() { dd if=disk.img of=out.raw bs=1M && sync out.raw; }
cp_copy() { cp --sparse=always disk.img out.raw && sync out.raw; }
qemu_copy() { qemu-img convert -f raw -O raw disk.img out.raw && sync out.raw; }

printf '%8s %8s %8s %8s\n' unrack dd cp qemu-img
for _ in $(seq "$rounds"); do
	row=()
	for c in unrack_copy dd_copy cp_copy qemu_copy; do
		rm -rf out out.raw
		sync
		row+=("$(seconds "$c")")
	done
	printf '%8s %8s %8s %8s   ratios %s\n' "${row[@]}" "$(echo "${row[@]}" |
		awk '{ printf "dd/unrack %.2f  cp/unrack %.2f  qemu-img/unrack %.2f", $2/$1, $3/$1, $4/$1 }')"
done
