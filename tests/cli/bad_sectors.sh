#!/bin/bash
# Sources with sectors that can't be read: what is lost, what is said of it, and when nothing is copied at all.
. "$(dirname "$0")/../support/lib.sh"
needs gcc mke2fs debugfs cmp jq
PATH=$PATH:/usr/sbin:/sbin
gcc -shared -fPIC -o bad.so "$fixtures/../support/bad_sectors.c" -ldl 2>build.log || skip_all "no shared library can be built: $(<build.log)"

mkdir -p files/var/log
head -c 2M /dev/urandom >files/var/log/messages
head -c 2M /dev/urandom >files/payroll
mke2fs -q -F -t ext3 -b 4096 -d files disk.img 24M
block_of() { debugfs -R "blocks $1" disk.img 2>/dev/null | awk '{ print $40 }'; }
at=$(($(block_of /var/log/messages) * 4096 + 1024))
bad() { # VARIABLES... -- ARGS: unrack with a bad disk.img
	local vars=()
	while [ "$1" != -- ]; do
		vars+=("$1")
		shift
	done
	shift
	rc=0
	env "${vars[@]}" BAD_FILE="$work/disk.img" LD_PRELOAD="$work/bad.so" "$UNRACK" "$@" >"$work/.out" 2>"$work/.err" || rc=$?
	out=$(<"$work/.out") err=$(<"$work/.err")
}
lost_image() { # what the copy has to be: the source with zeros at OFFSET, LENGTH...
	cp --sparse=always disk.img want
	while [ $# -gt 0 ]; do
		dd if=/dev/zero of=want bs=512 seek=$(($1 / 512)) count=$(($2 / 512)) conv=notrunc status=none
		shift 2
	done
}

bad BAD_RANGES="$at+1024" -- copy disk.img web01 --all-blocks --json
exits 1 "two sectors of a file can't be read"
like "$err" 'disk.img: 1024 bytes at sector [0-9]+ can.t be read and are filled with zeros: /var/log/messages on the whole disk' \
	"which file that is, is told"
is "$(jq 'select(.result).lost_bytes' <<<"$out")" 1024 "how much, too"
like "$(jq -r 'select(.result).error' <<<"$out")" 'is complete, but 1024 bytes in 1 places could not be read' "the copy is complete"
lost_image "$at" 1024
ok "and right, but for these sectors" cmp want web01/web01-flat.vmdk
like "$(<web01/unrack/disk0.bad)" "$(printf '# at 0x%08X: /var/log/messages on the whole disk' "$at")" "a mapfile says so"
like "$(<web01/unrack/disk0.bad)" "$(printf '0x%08X  0x00000400  -' "$at")" "as ddrescue does"
bad BAD_RANGES="$at+1024" -- copy disk.img web01 --all-blocks
exits 1 "the same again is the same"
nok "no earlier pass had more" test -e web01/unrack/disk0.kept
unrack copy disk.img web01 --all-blocks
exits 0 "once they can be read"
ok "the copy is identical" cmp disk.img web01/web01-flat.vmdk
nok "and no mapfile is left" test -e web01/unrack/disk0.bad

# Trap: what a first pass has read is not to be lost when the next one can't any more.
sectors() { dd if="$1" bs=512 skip=$((at / 512)) count=2 status=none | sha256sum; }
for format in flat sparse; do
	unrack copy disk.img twice-$format --format $format
	for pass in second third; do
		bad BAD_RANGES="$at+1024" -- copy disk.img twice-$format
		exits 1 "$format: a $pass pass that can't read what the first one could"
		is "$(sectors twice-$format/unrack/disk0.kept)" "$(sectors disk.img)" "keeps what that read"
		like "$(<twice-$format/unrack/disk0.bad)" "/var/log/messages on the whole disk; disk0.kept has" "and says so"
	done
	unrack copy disk.img twice-$format
	exits 0 "once it can be read"
	nok "nothing is kept any more" test -e twice-$format/unrack/disk0.kept
done

bad BAD_RANGES="$at+512" BAD_TIMES=3 -- copy disk.img web02 --all-blocks
exits 0 "a sector that can be read in the end"
ok "identical" cmp disk.img web02/web02-flat.vmdk

bad BAD_RANGES="$at+4096" BAD_CACHED=1 -- copy disk.img web13 --all-blocks
if dd if=disk.img of=direct bs=4096 count=1 iflag=direct status=none 2>/dev/null; then
	exits 0 "trap: an error that only the page cache has: it is read again past that"
	ok "identical" cmp disk.img web13/web13-flat.vmdk
fi

bad BAD_RANGES="$at+512" -- copy disk.img web03 --on-read-error stop
exits 4 "--on-read-error stop"
like "$err" "disk.img can't be read at sector $((at / 512)) .*it was asked to stop there" "stops, and says where"
unrack copy disk.img web03 --all-blocks
exits 0 "which is continued when it can be read"
ok "identical" cmp disk.img web03/web03-flat.vmdk

group=$(dumpe2fs disk.img 2>/dev/null | sed -n 's/.*Inode table at \([0-9]*\)-.*/\1/p' | head -1)
bad BAD_RANGES="$((group * 4096))+512" -- copy disk.img web04
exits 4 "a filesystem's table is not made zeros"
like "$err" "what lies there \(inode table on the whole disk\) can't be done without: copy the disk with ddrescue first" "what it is, is told"
bad BAD_RANGES="$at+2097152" -- copy disk.img web05
exits 4 "a large part of the disk"
like "$err" 'has more bad spots than may be filled with zeros.*--max-bad' "is too much"
bad BAD_RANGES="$at+1048576" BAD_ERRNO=6 -- copy disk.img web06
exits 4 "a device that has gone (ENXIO)"
like "$err" 'No such device' "is no bad spot"
bad BAD_RANGES="0+100000000" -- copy disk.img web07
exits 4 "a disk that can't be read at all"
like "$err" "^unrack: disk.img can't be copied as it is, .*another path .*ddrescue first" "is told with what to do"
bad BAD_RANGES="1024+512" -- copy disk.img web07
exits 4 "one without its first superblock"
like "$err" "^unrack: disk.img: its first sectors, .*copy it with ddrescue first" "also"

bad BAD_RANGES="$at+512" BAD_ERRNO=19 -- copy disk.img web08 --all-blocks
exits 4 "an adapter that goes away on the way (ENODEV)"
unrack copy disk.img web08 --all-blocks
exits 0 "what was copied before is continued"
ok "identical" cmp disk.img web08/web08-flat.vmdk

far=(--rsh "$fixtures/../support/rsh.sh" --remote-unrack "$UNRACK")
bad BAD_RANGES="$at+1024" -- copy disk.img "ssh://far$work/web09" --all-blocks "${far[@]}"
exits 1 "a push"
ok "is right, but for these sectors" cmp want web09/web09-flat.vmdk
like "$(<web09/unrack/disk0.bad)" '/var/log/messages' "the far folder knows which"
bad BAD_RANGES="$at+1024" -- copy "ssh://far$work/disk.img" web10 --all-blocks "${far[@]}"
exits 1 "a pull"
ok "is right, but for these sectors" cmp want web10/web10-flat.vmdk
like "$(<web10/unrack/disk0.bad)" '/var/log/messages' "and knows which, too"
bad BAD_RANGES="$at+1024" -- copy "ssh://far$work/disk.img" web11 --on-read-error stop "${far[@]}"
exits 4 "a pull hears of --on-read-error stop"
unrack copy disk.img web12 --on-read-error maybe
exits 2 "zero or stop"
like "$err" 'is zero or stop, not "maybe"' "nothing else"

last=$((24 * 1048576 - 512))
unrack copy disk.img web14 --all-blocks
exits 0 "a disk that is as it should be"
bad BAD_RANGES="$last+512" -- copy disk.img web14 --all-blocks
exits 1 "its last sector, where a RAID would have its mark, goes bad: it is still known as the same disk"
lost_image "$last" 512
ok "and right, but for that" cmp want web14/web14-flat.vmdk
bad BAD_RANGES="$last+512" -- copy disk.img web15 --all-blocks
exits 1 "one with that from the beginning on"
unrack copy disk.img web15 --all-blocks
exits 0 "is the same disk when it can be read"
ok "identical" cmp disk.img web15/web15-flat.vmdk
done_testing
