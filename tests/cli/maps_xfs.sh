#!/bin/bash
# What is unused in an XFS is what xfs_db lists as free, for all kinds that mkfs.xfs makes.
. "$(dirname "$0")/../support/lib.sh"
PATH=$PATH:/sbin:/usr/sbin
map=$(dirname "$UNRACK")/used_map free=$fixtures/../support/xfs_free.pl
[ -x "$map" ] || skip_all "used_map is not built; make $map"
command -v mkfs.xfs xfs_db >/dev/null || skip_all "xfsprogs is not installed"
# mkfs.xfs makes filesystems of less than 300 MB only for its own tests.
export TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1

made() { # NAME SIZE MKFS-OPTIONS...: a new image
	local name=$1 size=$2
	shift 2
	rm -f img && truncate -s "$size" img
	mkfs.xfs -q -f "$@" img >mkfs.out 2>&1 || {
		ok "$name # SKIP $(head -1 mkfs.out)" true
		return 1
	}
}

same() { # NAME: our map of img is what xfs_db says
	"$map" --xfs img >ours 2>&1
	like "$(head -1 ours)" "^verdict partly xfs" "$1: trusted"
	perl "$free" img >theirs 2>&1
	ok "$1: what xfs_db lists is unused, and nothing else" diff theirs <(sed 1d ours)
}

kind() { # SIZE MKFS-OPTIONS...
	local size=$1
	shift
	! made "$*" "$size" "$@" || same "$size $*"
}

for crc in 0 1; do
	for b in 512 1024 2048 4096 16384 32768 65536; do
		[ $crc$b = 1512 ] || kind 400M -m crc=$crc -b size=$b
	done
	for s in 512 1024 2048 4096; do
		kind 100M -m crc=$crc -b size=4096 -s size=$s
	done
	kind 1G -m crc=$crc -b size=32768 -s size=32768
	for l in sunit=64 su=32k su=256k size=20m agnum=0; do
		kind 200M -m crc=$crc -l $l
	done
	for d in agcount=1 agcount=23; do
		kind 400M -m crc=$crc -d $d
	done
	kind 900M -m crc=$crc -d sunit=128,swidth=512
done
kind 100M -m crc=0 -l version=1
kind 100M -m crc=0 -l lazy-count=0 -i attr=1
kind 100M -m crc=0 -i projid32bit=0 -n ftype=0
for m in finobt=0 reflink=0 rmapbt=1 rmapbt=1,reflink=0 inobtcount=0 bigtime=0; do
	kind 100M -m $m
done
kind 100M -i sparse=0
kind 100M -i nrext64=1
kind 100M -i size=2048
kind 8T -m crc=1
kind 8T -m crc=0

# Counters and records that do not agree, also where no checksum tells it: -d puts it right.
flag=("" -d)
for crc in 0 1; do
	for change in "sb 0:fdblocks 5:free blocks, its allocation groups" \
		"agf 1:freeblks 5:free blocks, but lists" "agf 1:longest 5:free blocks, but lists" \
		"agf 1:btreeblks 5:blocks of its trees" "agf 1:flcount 3:the free list" \
		"agf 1:length 100:the header of free space" "agi 1:seqno 0:the header of inodes" \
		"sb 0:icount 128:count different inodes" "sb 0:inprogress 1:not finished"; do
		IFS=: read -r where what why <<<"$change"
		made "$change" 100M -m crc=$crc || continue
		xfs_db -x -c "$where" -c "write ${flag[crc]} $what" img >db.out 2>&1
		like "$("$map" --xfs img)" "^verdict whole xfs .*$why" "crc=$crc: $where: $what: whole, and why"
	done
done

# A label and a UUID given later; a log that was zeroed, and written anew, in a later cycle.
for crc in 0 1; do
	made "crc=$crc: changed later" 100M -m crc=$crc || continue
	xfs_admin -L later -U generate img >admin.out 2>&1
	# Of such a log in version 5 not all is written, until the next mount.
	[ $crc = 1 ] || same "crc=$crc: after xfs_admin -U"
	xfs_repair -L img >repair.out 2>&1
	[ $crc = 0 ] || like "$(xfs_db -r -c version img)" META_UUID "(metadata with another UUID)"
	same "crc=$crc: after xfs_repair -L"
	xfs_db -x -c "logformat -c 1000 -s 8" img >db.out 2>&1
	[ $crc = 1 ] || same "crc=$crc: with a log of cycle 1000"
done

made "cut off" 100M && truncate -s 99M img
like "$("$map" --xfs img)" "^verdict whole xfs it is larger than its volume" "an image cut off is whole"
made "something behind it" 100M -d size=90m && same "a volume larger than its filesystem"
ok "what lies behind it is used" awk '$1 == "unused" && $3 + $4 > 90 * 1048576 { exit 1 }' ours
done_testing
