#!/bin/bash
# Mirrors of md: superblocks of all versions, written by md_super.pl, since nothing here can make an
# array; mdadm reads them and says what they are. What a filesystem on a leg has free is unused, and nothing else.
. "$(dirname "$0")/../support/lib.sh"
PATH=$PATH:/sbin:/usr/sbin
map=$(dirname "$UNRACK")/used_map
[ -x "$map" ] || skip_all "used_map is not built; make $map"
needs mdadm mke2fs dumpe2fs debugfs sfdisk perl

part=$((64 << 20)) # bytes of the partition, at 1 MiB of each disk
super=$(realpath "$fixtures/../support/md_super.pl")

# A filesystem of the array's size, less 1 MiB, with something in it and something deleted.
truncate -s 60M fs
mke2fs -q -F -t ext4 -b 4096 fs
for i in 1 2 3 4; do
	head -c ${i}000000 /dev/urandom >f$i
	echo "write f$i f$i"
done | debugfs -w -f - fs >/dev/null 2>&1
debugfs -w -R "rm f2" fs >/dev/null 2>&1
dumpe2fs fs 2>/dev/null | perl -ne '
	s/^  Free blocks: // or next;
	print $1 * 4096, " ", (($2 // $1) - $1 + 1) * 4096, "\n" while /(\d+)(?:-(\d+))?/g' >free

array=$((61 << 20)) content=fs
leg() { # DISK VERSION EVENTS CLEAN [LEVEL [BYTES]]
	local start
	[ -f "$1.img" ] || {
		truncate -s $((part + (2 << 20))) "$1.img"
		echo "start=2048, size=$((part / 512)), type=fd" | sfdisk -q --no-tell-kernel "$1.img"
	}
	start=$("$super" "$1.img" "$2" "$1" "$3" "$4" "${5:-1}" "${6:-$array}")
	dd if="$content" of="$1.img" bs=1M seek=$((start >> 20)) conv=notrunc,sparse status=none
	echo "$start" >"$1.start"
}

look() {
	"$map" 0.img 1.img >ours 2>&1
}

line() { # DISK: the leg's
	grep "^volume $1 " ours
}

# What mdadm says of the partition of DISK.
examine() {
	dd if="$1.img" of=member bs=1M skip=1 count=$((part >> 20)) conv=sparse status=none
	mdadm --examine ${2-} member 2>&1
}

# The whole grains of what dumpe2fs calls free, on DISK.
theirs() {
	perl -ane '
		BEGIN { $start = shift; $disk = shift }
		my ($from, $end) = (int(($start + $F[0] + 65535) / 65536), int(($start + $F[0] + $F[1]) / 65536));
		print "unused $disk ", $from * 65536, " ", ($end - $from) * 65536, "\n" if $end > $from' "$(<"$1.start")" "$1" free
}

for version in 0.90 1.0 1.1 1.2; do
	rm -f ?.img
	leg 0 $version 20 1
	leg 1 $version 20 1
	look
	for i in 0 1; do
		said=$(examine $i)
		like "$said" "Raid Level : raid1" "md $version, leg $i: mdadm knows it"
		like "$said" "Checksum : [0-9a-f]+ - correct" "its checksum"
		like "$said" "State : clean" "and that it is clean"
		like "$said" "Events : (0[.])?20" "with its events"
		like "$said" "Array Size : $((array / 1024)) " "and its size"
		read -r _ _ bytes used how kind _ <<<"$(line $i)"
		is "$how $kind $bytes" "partly ext4 $array" "a leg is looked into, and is as large as its array"
		is $((bytes - used)) "$(awk '{n += $2} END {print n}' free)" "as much of it is unused as dumpe2fs calls free"
		theirs $i >theirs
		ok "and on disk the same places" diff theirs <(grep "^unused $i " ours)
	done
done

rm -f ?.img
leg 0 0.90 20 1
leg 1 0.90 18 1
look
like "$(line 1)" "trouble .* a stale leg: partition 1 of [^ ]+ is newer .event 20, this one 18." "a stale leg, with fewer events"
is "$(grep -c '^unused 1 ' ours)" 0 "is copied whole"
like "$(line 0)" "partly ext4" "the newer one is not"
leg 1 0.90 20 0
look
like "$(examine 1)" "State : active" "a leg that was in use, for mdadm too"
is "$(grep -c '^unused' ours)" 0 "both are copied whole"
leg 0 0.90 20 1 5
leg 1 0.90 20 1 5
look
like "$(line 0)" "whole raid5 .*copied as they are" "raid5"
is "$(grep -c '^unused' ours)" 0 "is copied whole"
leg 0 1.2 20 1
look
like "$(line 0)" "whole .*md" "superblocks of two versions in one member"
is "$(grep -c '^unused 0 ' ours)" 0 "are trusted neither"
rm -f ?.img
leg 0 0.90b 20 1
leg 1 0.90b 20 1
look
like "$(examine 0 --metadata=0.swap)" "Raid Level : raid1" "a mirror of a machine of another byte order, for mdadm"
is "$(grep -c '^unused' ours)" 0 "is copied whole"

# --- A volume group on a mirror -------------------------------------------------------------
trap '[ -z "${loop-}" ] || losetup -d "$loop"; rm -rf "$work"' EXIT
make_group() { # a volume of 20 MiB with an ext3, in a group of 60
	mkdir lvm
	truncate -s $array pv
	loop=$(losetup -f --show pv) || return
	cat >lvm/lvm.conf <<-C
		global { activation = 0 use_lvmpolld = 0 use_lvmlockd = 0 locking_dir = "$work/lvm" }
		devices { use_devicesfile = 0 scan_lvs = 0 hints = "none" global_filter = [ "a|^$loop$|", "r|.*|" ] }
		backup { backup = 0 archive = 0 }
	C
	LVM_SYSTEM_DIR=$work/lvm vgcreate -s 1M vg0 "$loop" && LVM_SYSTEM_DIR=$work/lvm lvcreate -y -an -Zn -Wn -n root -l 20 vg0 || return
	losetup -d "$loop"
	loop=
	truncate -s 20M root
	mke2fs -q -F -t ext3 root && dd if=root of=pv bs=1M seek=1 conv=notrunc
}
if [ "$(id -u)" = 0 ] && command -v vgcreate >/dev/null && losetup -f >/dev/null 2>&1; then
	ok "a group with a volume" make_group
	rm -f ?.img
	content=pv
	leg 0 1.0 20 1
	leg 1 1.0 20 1
	look
	for i in 0 1; do
		like "$(line $i | grep root)" "partly ext3 \"vg0/root .leg $((i + 1))." "its volume is looked into on leg $((i + 1))"
		# 40 of 60 extents, behind those of the volume, whose filesystem may end with free blocks.
		ok "its free extents are unused there" eval "grep '^unused $i ' ours | tail -1 |
			awk '{exit !(\$3 <= 22 * 1048576 && \$3 + \$4 == 62 * 1048576)}'"
	done
	leg 1 1.0 18 1
	look
	like "$(line 1)" "trouble raid1 .* a stale leg" "with a stale leg,"
	is "$(grep -c '^unused 1 ' ours)" 0 "that one is copied whole"
	like "$(line 0)" "partly ext3 \"vg0/root\"" "the other one is not"
else
	echo "# no volume group on a mirror: root, LVM or loop devices are missing"
fi
done_testing
