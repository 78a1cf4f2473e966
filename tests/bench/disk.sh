#!/bin/bash
# The disks of the benchmark, made without root and without mounting, and kept in the cache
# (tests/fixtures/cache.sh). Prints the image's path; `about` beside it says what is in it.
#
#   disk.sh reference     4 GiB, about 2.4 allocated: DOS label; partition 1, 512 MiB, an empty ext4;
#                         partition 2, ext4 with 1.5 GiB of files of /usr, and 0.8 GiB (300 MiB random,
#                         the rest a tar of programs) written and deleted again; the rest never written
#   disk.sh random        1 GiB that can't be compressed
#   disk.sh large         8 TiB, with a GPT and one ext4 that has the 1.5 GiB of files of the reference disk
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../fixtures/cache.sh
. "$here/../fixtures/cache.sh"
export LC_ALL=C E2FSPROGS_FAKE_TIME=1000000000
PATH=$PATH:/usr/sbin:/sbin

MIB=1048576
LIVE_MIB=1536 RANDOM_MIB=300 TAR_MIB=519
P1_START=1 P1_MIB=512
P2_START=$((P1_START + P1_MIB)) P2_MIB=$((4096 - 1 - 512))

# The same bytes at every call.
random_bytes() { # MIB NUMBER
	head -c "$1"M /dev/zero |
		openssl enc -aes-128-ctr -nosalt -K 000102030405060708090a0b0c0d0e0f -iv "$(printf %032x "$2")"
}

# Files in the order headers, compilers, libraries, programs, all else, as far as MIB go.
list_files() { # MIB
	local d
	for d in include lib/gcc libexec lib/x86_64-linux-gnu lib/llvm-14 sbin bin share lib src; do
		[ -d "/usr/$d" ] || continue
		find "/usr/$d" -xdev -type f -readable -size -64M -printf '%s %p\n' 2>/dev/null | sort -k2
	done | awk -v left="$(($1 * MIB))" '
		{ size = $1; sub(/^[0-9]+ \//, "") }
		size > 0 && !seen[$0]++ && left >= size {
			left -= int((size + 4095) / 4096) * 4096
			print
		}'
}

folder_mib() { du -sm "$1" | cut -f1; }

# Where /usr is too small, its files come again with other letters.
fill_live() { # FOLDER LIST
	local left turn=0 f
	tar -C / -c --hard-dereference --mode=u+rw -T "$2" 2>/dev/null | tar -C "$1" -x --no-same-owner
	left=$((LIVE_MIB - $(folder_mib "$1")))
	while [ "$left" -gt 16 ]; do
		turn=$((turn + 1))
		[ "$turn" -le 8 ] || die "/usr has too few files to fill a disk with"
		while read -r f && [ "$left" -gt 16 ]; do
			mkdir -p "$1/turn$turn/${f%/*}"
			tr a-zA-Z b-zaB-ZA <"/$f" >"$1/turn$turn/$f"
			left=$((left - 1 - $(stat -c %s "/$f") / MIB))
		done <"$2"
		left=$((LIVE_MIB - $(folder_mib "$1")))
	done
}

programs_tar() { # MIB
	set +o pipefail
	while tar -C / -c --hard-dereference --sort=name usr/bin usr/sbin usr/libexec 2>/dev/null; do
		:
	done | head -c "$1"M
}

make_reference() { # FOLDER
	local dir=$1 stage=$1/stage live
	mkdir -p "$stage/usr" "$stage/gone"
	list_files "$LIVE_MIB" >"$dir/list"
	fill_live "$stage" "$dir/list"
	live=$(folder_mib "$stage/usr")
	find "$stage/usr" -type f -print0 | sort -z | xargs -0 cat | tee >(wc -c >"$dir/size") |
		gzip -1 | wc -c >"$dir/deflated"
	random_bytes $RANDOM_MIB 0 >"$stage/gone/random"
	programs_tar $TAR_MIB >"$stage/gone/programs.tar"

	truncate -s 4G "$dir/disk.img"
	printf 'label: dos\nlabel-id: 0x0b5e55ed\nstart=%s,size=%s,type=83,bootable\nstart=%s,size=%s,type=83\n' \
		$((P1_START * 2048)) $((P1_MIB * 2048)) $((P2_START * 2048)) $((P2_MIB * 2048)) |
		sfdisk -q "$dir/disk.img"
	mke2fs -q -F -t ext4 -U 11111111-1111-4111-8111-111111111111 -E "offset=$((P1_START * MIB))" \
		"$dir/disk.img" ${P1_MIB}M
	mke2fs -q -F -t ext4 -U 22222222-2222-4222-8222-222222222222 -E "offset=$((P2_START * MIB))" \
		-d "$stage" "$dir/disk.img" ${P2_MIB}M
	debugfs -w -f /dev/stdin "$dir/disk.img?offset=$((P2_START * MIB))" <<-END >/dev/null 2>&1
		rm /gone/random
		rm /gone/programs.tar
	END
	{
		echo "reference disk: 4096 MiB, $(du -m "$dir/disk.img" | cut -f1) allocated;" \
			"$(wc -l <"$dir/list") files of /usr, $live MiB, and $((RANDOM_MIB + TAR_MIB)) MiB deleted"
		echo "zlib level 1 makes $(awk -v n="$(<"$dir/size")" '{ printf "%.3f", $1 / n }' "$dir/deflated")" \
			"of these files"
	} >"$dir/about"
	rm -rf "$stage" "$dir/size" "$dir/deflated" "$dir/list"
}

make_large() { # FOLDER
	local dir=$1 stage=$1/stage
	mkdir -p "$stage/usr"
	list_files "$LIVE_MIB" >"$dir/list"
	fill_live "$stage" "$dir/list"
	truncate -s 8T "$dir/disk.img"
	echo 'label: gpt
		start=2048, type=L' | sfdisk -q "$dir/disk.img"
	mke2fs -q -F -t ext4 -U 33333333-3333-4333-8333-333333333333 -m 0 -T largefile4 \
		-E "offset=$MIB,lazy_itable_init=1,lazy_journal_init=1,nodiscard" -d "$stage" \
		"$dir/disk.img" $((8 * 1024 * 1024 - 2))M
	echo "large disk: 8 TiB, $(du -m "$dir/disk.img" | cut -f1) MiB allocated;" \
		"$(folder_mib "$stage/usr") MiB of files of /usr" >"$dir/about"
	rm -rf "$stage" "$dir/list"
}

make_random() { # FOLDER
	random_bytes 1024 1 >"$1/disk.img"
	echo "incompressible disk: 1024 MiB of random bytes" >"$1/about"
}

case ${1:-reference} in
reference | random | large) ;;
*) die "there is no disk \"$1\", only reference, random and large" ;;
esac
for tool in mke2fs debugfs sfdisk openssl; do
	command -v $tool >/dev/null || die "$tool is not installed"
done
dir=$(cached "bench/$1-$(content_key "$here/disk.sh")" "make_$1")
echo "$dir/disk.img"
