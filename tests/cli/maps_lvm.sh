#!/bin/bash
# Volume groups made by LVM's own tools through loop devices, without device mapper: what pvs calls free is
# unused, byte by byte, whatever happened to the group before; what a filesystem on a volume has free is unused
# where lvs says that the volume lies. What the tools can't make here is written as a text that they
# accept (vgcfgrestore).
. "$(dirname "$0")/../support/lib.sh"
PATH=$PATH:/sbin:/usr/sbin
map=$(dirname "$UNRACK")/used_map
[ -x "$map" ] || skip_all "used_map is not built; make $map"
needs lvm losetup sfdisk mke2fs dumpe2fs perl
[ "$(id -u)" = 0 ] || skip_all "root is needed for loop devices"
losetup -f >/dev/null 2>&1 || skip_all "there are no loop devices"

images=() loops=() starts=()
trap '[ ${#loops[@]} = 0 ] || losetup -d "${loops[@]}"; rm -rf "$work"' EXIT
export LVM_SYSTEM_DIR=$work/lvm LVM_SUPPRESS_FD_WARNINGS=1
mkdir lvm

# LVM sees nothing of this machine but our loop devices.
configure() {
	cat >lvm/lvm.conf <<-C
		global { activation = 0 use_lvmpolld = 0 use_lvmlockd = 0 locking_dir = "$work/lvm" system_id_source = "none" }
		devices { use_devicesfile = 0 scan_lvs = 0 hints = "none" global_filter = [ $(printf '"a|^%s$|", ' "${loops[@]}") "r|.*|" ] }
		backup { backup = 0 archive = 0 }
		activation { monitoring = 0 }
	C
}

new_disks() { # MIB...: each with one partition, but the second one
	local mib loop start
	[ ${#loops[@]} = 0 ] || losetup -d "${loops[@]}"
	rm -f disk*.img
	images=() loops=() starts=()
	for mib; do
		images+=("disk${#images[@]}.img")
		start=$([ ${#loops[@]} = 1 ] && echo 0 || echo 1048576)
		truncate -s "${mib}M" "${images[-1]}"
		[ "$start" = 0 ] || echo "start=2048, type=8e" | sfdisk -q --no-tell-kernel "${images[-1]}" || return
		loop=$(losetup -f --show -o "$start" "${images[-1]}") || return
		loops+=("$loop")
		starts+=("$start")
	done
	configure
}

lv() { # ARGS...: a command of LVM, which is said when it fails
	lvm "$@" >lvm.out 2>&1 || { sed "s/^/# lvm $1: /" lvm.out; return 1; }
}

create() { # NAME ARGS...: a volume
	local name=$1
	shift
	lv lvcreate -y -an -Zn -Wn -n "$name" "$@" vg0
}

# "unused DISK BYTE BYTES" of all that pvs calls free, joined.
free_of_pvs() {
	local i
	for i in "${!loops[@]}"; do
		echo "disk ${loops[i]} $i ${starts[i]}"
	done >where
	lvm pvs --segments --noheadings --nosuffix --units b --separator ' ' \
		-o pv_name,pe_start,vg_extent_size,pvseg_start,pvseg_size,segtype 2>/dev/null | cat where - | perl -ane '
		if ($F[0] eq "disk") { $disk{$F[1]} = [ @F[2, 3] ]; next }
		next unless defined $disk{$F[0]} and $F[5] eq "free" and $F[4];
		my ($n, $start) = @{ $disk{$F[0]} };
		push @all, [ $n, $start + $F[1] + $F[3] * $F[2], $F[4] * $F[2] ];
		END {
			for (sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @all) {
				if (@out && $out[-1][0] == $_->[0] && $out[-1][1] + $out[-1][2] == $_->[1]) { $out[-1][2] += $_->[2] }
				else { push @out, [ @$_ ] }
			}
			print "unused @$_\n" for @out;
		}'
}

same() { # NAME
	sync "${images[@]}"
	free_of_pvs >theirs
	"$map" "${images[@]}" 2>&1 | tee ours.all | grep '^unused' >ours
	ok "$1: what pvs calls free is unused, and nothing else" diff theirs ours
}

volume() { # NAME: its line
	grep -F "\"$1\"" ours.all
}

whole() { # REGEX NAME: nothing is unused, and why
	sync "${images[@]}"
	"$map" "${images[@]}" >ours.all 2>&1
	is "$(grep -c '^unused' ours.all)" 0 "$2: nothing is unused"
	like "$(grep '^volume' ours.all)" "$1" "$2: and why"
}

# --- Groups in use --------------------------------------------------------------------------
new_disks 400 260 300
ok "three physical volumes, with two, one and no metadata areas" eval 'lv pvcreate --pvmetadatacopies 2 "${loops[0]}" &&
	lv pvcreate "${loops[1]}" && lv pvcreate --pvmetadatacopies 0 "${loops[2]}" && lv vgcreate -s 1M vg0 "${loops[@]}"'
same "an empty group"
ok "a volume over two of them" create root -l 500
same "a volume over two disks"
ok "a striped one" create fast -l 40 -i 2 -I 64
same "a striped volume"
is "$(volume vg0/fast | cut -d' ' -f3,4)" "41943040 41943040" "its size"

# Changes by chance, until the text has gone around its ring and once lain around its end.
ring() { # of the second disk: where the text is, its bytes, the ring's bytes
	dd if=disk1.img bs=1 skip=$((4096 + 40)) count=16 status=none | od -An -tu8
	dd if=disk1.img bs=1 skip=$((4096 + 32)) count=8 status=none | od -An -tu8
}

some_lv() {
	lvm lvs --noheadings -o lv_name vg0 2>/dev/null | shuf -n 1 --random-source=<(yes "$1") | tr -d ' '
}

change() { # NUMBER
	local name
	case $((RANDOM % 4)) in
	0 | 1) create "v$1" -l $((RANDOM % 60 + 1)) $([ $((RANDOM % 3)) = 0 ] && echo -i 2 -I 64) ;;
	2) name=$(some_lv "$1") && [ -n "$name" ] && lv lvremove -f "vg0/$name" ;;
	3) name=$(some_lv "$1") && [ -n "$name" ] && lv lvextend -l +$((RANDOM % 9 + 2)) "vg0/$name" ;;
	esac >/dev/null
}

new_disks 400 260
ok "small metadata areas" eval 'lv pvcreate --metadatasize 60k --dataalignment 64k "${loops[0]}" &&
	lv pvcreate --metadatasize 60k --dataalignment 64k --pvmetadatacopies 2 "${loops[1]}" && lv vgcreate -s 512k vg0 "${loops[@]}"'
RANDOM=20
made=0 around=0
for i in $(seq 200); do # now and then a round goes by without a text just there
	change "$i" && made=$((made + 1))
	read -r -d '' at n bytes <<<"$(ring)"
	if [ $((at + n)) -gt "$bytes" ]; then
		around=$((around + 1))
		same "metadata in a circular buffer that wraps, at byte $at of $bytes"
	elif [ $((i % 20)) = 0 ]; then
		same "after $i changes by chance"
	fi
	[ $around = 0 ] || [ "$i" -lt 40 ] || break
done
ok "most changes were made ($made of $i)" test $made -gt $((i / 2))
ok "the text lay around its ring's end ($around times)" test $around -gt 0

# --- A filesystem through the mapping -------------------------------------------------------
# put VOLUME FILE: writes the file to where lvs says that the volume lies, stripe by stripe.
put() {
	local i
	for i in "${!loops[@]}"; do
		echo "disk ${loops[i]} ${images[i]} ${starts[i]} $(lvm pvs --noheadings --nosuffix --units b -o pe_start "${loops[i]}" 2>/dev/null)"
	done >where
	lvm lvs --segments --noheadings --nosuffix --units b --separator '|' \
		-o seg_start,seg_size,stripes,stripe_size,vg_extent_size,seg_pe_ranges "vg0/$1" 2>/dev/null >>where
	perl -e '
		my ($from, %disk) = @ARGV;
		open my $in, "<:raw", $from or die;
		open my $where, "<", "where" or die;
		while (<$where>) {
			if (/^disk (\S+) (\S+) (\d+) +(\d+)/) {
				open my $f, "+<:raw", $2 or die;
				$disk{$1} = [ $f, $3 + $4 ];
				next;
			}
			s/^\s+|\s+$//g;
			my ($at, $size, $n, $stripe, $extent, $ranges) = split /\|/;
			my @parts = map { /^(\S+):(\d+)-\d+$/ or die $_; [ $disk{$1}[0], $disk{$1}[1] + $2 * $extent ] } split " ", $ranges;
			$stripe = $size if $n == 1;
			for (my ($done, $k) = (0, 0); $done < $size; $done += $stripe, $k++) {
				my ($f, $start) = @{ $parts[$k % $n] };
				seek $in, $at + $done, 0;
				read $in, my $data, $stripe;
				seek $f, $start + int($k / $n) * $stripe, 0;
				print $f $data;
				print STDOUT join(" ", $at + $done, $stripe, fileno $f, $start + int($k / $n) * $stripe), "\n";
			}
		}' "$2" >pieces
}

# Free blocks as dumpe2fs lists them: "BYTE BYTES" of the filesystem.
free_blocks() { # FILE
	dumpe2fs "$1" 2>/dev/null | perl -ne '
		$size = $1 if /^Block size:\s+(\d+)/;
		next unless s/^  Free blocks: //;
		print $1 * $size, " ", (($2 // $1) - $1 + 1) * $size, "\n" while /(\d+)(?:-(\d+))?/g;'
}

new_disks 200 200
ok "two disks" lv vgcreate -s 4M vg0 "${loops[@]}"
for args in "-l 60" "-l 40 -i 2 -I 64" "-l 20 -i 2 -I 256"; do
	# shellcheck disable=SC2086 # several words
	create fs $args >/dev/null
	size=$(lvm lvs --noheadings --nosuffix --units b -o lv_size vg0/fs 2>/dev/null)
	rm -f fs
	truncate -s "${size// /}" fs
	mke2fs -q -F -t ext4 -b 4096 fs
	for i in 1 3; do
		head -c ${i}00000 /dev/urandom >f$i
		echo "write f$i f$i"
	done | debugfs -w -f - fs >/dev/null 2>&1
	put fs fs
	same_free=$(free_blocks fs | awk '{n += $2} END {print n}')
	sync "${images[@]}"
	"$map" "${images[@]}" >ours.all
	read -r _ _ bytes used how kind _ <<<"$(volume vg0/fs)"
	is "$how $kind" "partly ext4" "ext4 in a volume by lvcreate $args"
	is $((bytes - used)) "$same_free" "as many bytes are unused as dumpe2fs calls free"
	grep '^unused' ours.all >ours
	# No used block of the filesystem lies in what is unused: all of them are the same with it zeroed.
	for i in 0 1; do
		cp --sparse=always "disk$i.img" "zeroed$i.img"
	done
	while read -r _ disk at n; do
		fallocate -p -o "$at" -l "$n" "zeroed$disk.img"
	done <ours
	perl -e '
		open my $p, "<", "pieces" or die;
		my (%fd, @f);
		open $f[$_], "<:raw", "zeroed$_.img" or die for 0, 1;
		open my $out, ">:raw", "back" or die;
		while (<$p>) {
			my ($at, $n, $fd, $from) = split;
			$fd{$fd} //= keys %fd;
			push @all, [ $at, $n, $fd, $from ];
		}
		my @fds = sort { $a <=> $b } keys %fd;
		my %disk = map { $fds[$_] => $_ } 0 .. $#fds;
		for (@all) {
			my ($at, $n, $fd, $from) = @$_;
			seek $f[$disk{$fd}], $from, 0;
			read $f[$disk{$fd}], my $data, $n;
			seek $out, $at, 0;
			print $out $data;
		}'
	ok "with it zeroed, the filesystem is whole" e2fsck -fn back
	for i in 1 3; do
		ok "file $i is the same" eval "debugfs -R 'cat f$i' back 2>/dev/null | cmp - f$i"
	done
	lv lvremove -f vg0/fs >/dev/null
done

# --- Metadata that do not agree -------------------------------------------------------------
create root -l 10 >/dev/null
cp --sparse=always disk1.img before.img
create later -l 10 >/dev/null
same "two volumes"
cp disk1.img after.img
dd if=before.img of=disk1.img bs=1M count=1 conv=notrunc status=none
whole "of different changes" "a disk as it was one change before"
cp after.img disk1.img
same "as it was again"
whole_images=("${images[@]}")
images=(disk0.img)
whole "a physical volume of its group vg0 is not there" "one disk of two"
cp disk1.img disk2.img
images=("${whole_images[@]}" disk2.img)
whole "have the same UUID: one is a copy of the other" "a disk and its copy"
like "$(grep -c '^volume .* trouble ' ours.all)" "^[1-9]" "which is trouble"
images=("${whole_images[@]}")
rm disk2.img
lv vgchange -an vg0 >/dev/null
lv vgexport vg0 >/dev/null
whole "its group is EXPORTED" "an exported group"
lv vgimport vg0 >/dev/null
same "imported again"
lv vgchange -y --systemid other vg0 >/dev/null || lv vgchange -y --config 'global/system_id_source="none" local/extra_system_ids=["other"]' --systemid other vg0
whole "only for the host other" "a group of another host"

# --- Kinds that the tools can't make without device mapper -----------------------------------
# restore BODY: the group with other logical volumes; %0 and %1 are extents of both disks.
restore() {
	lvm vgcfgbackup -f backup vg0 >/dev/null 2>&1 &&
		perl -0pe 'BEGIN { $body = shift } s/\n\tlogical_volumes \{.*?\n\t\}\n/\n\tlogical_volumes {\n$body\n\t}\n/s
			or s/(\n\tphysical_volumes \{.*?\n\t\}\n)/$1\n\tlogical_volumes {\n$body\n\t}\n/s' "$1" backup >new &&
		lv vgcfgrestore --force -y -f new vg0
}
n=0
define() { # NAME STATUS EXTENTS SEGMENT
	n=$((n + 1))
	printf '%s {\nid = "%06d-aaaa-bbbb-cccc-dddd-eeee-ffffff"\nstatus = [%s]\nflags = []\nsegment_count = 1\nsegment1 {\nstart_extent = 0\nextent_count = %s\n%s\n}\n}\n' \
		"$1" $n "$2" "$3" "$4"
}
plain() { # PV FIRST
	printf 'type = "striped"\nstripe_count = 1\nstripes = [ "%s", %s ]' "$1" "$2"
}
seen='"READ", "WRITE", "VISIBLE"' hidden='"READ", "WRITE"'
new_disks 200 200
lv vgcreate -s 4M vg0 "${loops[@]}" >/dev/null

ok "a snapshot" restore "$(define root "$seen" 5 "$(plain pv0 0)"
	define cow "$seen" 2 "$(plain pv1 3)"
	define snapshot0 "$hidden" 5 'type = "snapshot"
chunk_size = 8
origin = "root"
cow_store = "cow"')"
same "snapshot"
like "$(volume vg0/root)" "whole .* part of snapshot0" "its origin is copied whole"
like "$(volume vg0/cow)" "whole .* part of snapshot0" "and it too"

ok "a mirror that is being moved" restore "$(define root "$seen, \"LOCKED\"" 5 'type = "striped"
stripe_count = 1
stripes = [ "pvmove0", 0 ]'
	define pvmove0 '"READ", "WRITE", "PVMOVE", "LOCKED"' 5 'type = "mirror"
mirror_count = 2
region_size = 1024
extents_moved = 1
mirrors = [ "pv0", 2, "pv1", 7 ]')"
same "pvmove"
like "$(volume vg0/pvmove0)" "whole .* its status is" "both places are copied whole"

ok "raid1" restore "$(define safe "$seen" 5 'type = "raid1"
device_count = 2
region_size = 1024
raids = [ "safe_rmeta_0", "safe_rimage_0", "safe_rmeta_1", "safe_rimage_1" ]'
	for i in 0 1; do
		define safe_rmeta_$i "$hidden" 1 "$(plain pv$i 0)"
		define safe_rimage_$i "$hidden" 5 "$(plain pv$i 1)"
	done)"
same "raid1"
like "$(volume vg0/safe_rimage_1)" "whole .* part of safe" "its images are copied whole"

ok "a thin pool" restore "$(define pool "$seen" 5 'type = "thin-pool"
metadata = "pool_tmeta"
pool = "pool_tdata"
transaction_id = 1
chunk_size = 128
discards = "passdown"
zero_new_blocks = 1'
	define thin "$seen" 50 'type = "thin"
thin_pool = "pool"
transaction_id = 0
device_id = 1'
	define pool_tmeta "$hidden" 1 "$(plain pv0 0)"
	define pool_tdata "$hidden" 5 "$(plain pv1 0)"
	define lvol0_pmspare "$hidden" 1 "$(plain pv0 1)")"
same "thin"
like "$(volume vg0/pool_tdata)" "whole .* part of pool" "its data are copied whole"

ok "a cached volume" restore "$(define root "$seen" 5 'type = "cache"
cache_pool = "fast"
origin = "root_corig"'
	define root_corig "$hidden" 5 "$(plain pv0 0)"
	define fast "$hidden" 2 'type = "cache-pool"
data = "fast_cdata"
metadata = "fast_cmeta"
metadata_format = 2
chunk_size = 128
cache_mode = "writeback"
policy = "smq"'
	define fast_cdata "$hidden" 2 "$(plain pv1 0)"
	define fast_cmeta "$hidden" 1 "$(plain pv1 2)")"
same "cache"
like "$(volume vg0/root_corig)" "whole .* part of root" "its origin is copied whole"

mirror=$(define safe "$seen" 5 'type = "mirror"
mirror_count = 2
mirror_log = "safe_mlog"
region_size = 1024
mirrors = [ "safe_mimage_0", 0, "safe_mimage_1", 0 ]'
	for i in 0 1; do define safe_mimage_$i "$hidden" 5 "$(plain pv$i 0)"; done
	define safe_mlog "$hidden" 1 "$(plain pv1 9)")
ok "a mirror" restore "$mirror"
same "mirror"
like "$(volume vg0/safe_mimage_0)" "whole .* not known that the legs of safe are alike" "without its log, whole"
rm -f fs
truncate -s 20M fs
mke2fs -q -F -t ext3 fs
for i in 0 1; do # extents begin 1 MiB behind the beginning of a physical volume
	dd if=fs of=disk$i.img bs=1M seek=$((1 + starts[i] / 1048576)) conv=notrunc status=none
done
# 40 regions of 512 KiB, all alike.
perl -e 'print pack "VVQ<x1008", 0x4d695272, 2, 40; print "\xff" x 5' |
	dd of=disk1.img bs=1M seek=37 conv=notrunc status=none
sync disk0.img disk1.img
"$map" "${images[@]}" >ours.all
free=$(free_blocks fs | awk '{n += $2} END {print n}')
for i in 0 1; do
	read -r _ _ bytes used how kind _ <<<"$(volume vg0/safe_mimage_$i)"
	is "$how $kind $((bytes - used))" "partly ext3 $free" "leg $i of a mirror whose log says that its legs are alike"
done
done_testing
