#!/bin/bash
# Images by the real dracut and initramfs-tools with all their modules, in every compression that those have: read as
# cpio reads them, and after they were written the same members come out, in less than 256 MiB of memory.
. "$(dirname "$0")/../support/lib.sh"
needs cpio gzip xz zstd lz4 bzip2 jq dracut mkinitramfs
twice=$(dirname "$UNRACK")/initrd_twice
[ -x "$twice" ] || skip_all "initrd_twice is not built; make $twice"
kver=$(find /lib/modules -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | LC_ALL=C sort | head -1)
[ "$kver" ] || skip_all "there is no kernel in /lib/modules"
set +e
LIMIT_KIB=262144

unpack() { # HOW FILE
	case $1 in
	gzip) gzip -dc <"$2" ;;
	bzip2) bzip2 -dc <"$2" ;;
	lzma) xz --format=lzma -dc <"$2" ;;
	xz) xz -dc <"$2" ;;
	lz4) lz4 -dcq <"$2" ;;
	zstd) zstd -dcq --long=27 <"$2" ;;
	esac
}

same() { # KIND HOW FILE
	local peak
	unrack initrd list --json "$3"
	exits 0 "$3: is read"
	is "$(tail -1 .out | jq -r '.image.kind + ", " + .image.container')" "$1, $2 newc cpio" "$3: what it is"
	unpack "$2" "$3" | cpio --quiet -t >want
	tail -1 .out | jq -r '.members[].name' >got
	ok "$3: the members are those that cpio lists" diff want got
	peak=$("$twice" "$3")
	result $? "$3: the same members after it was written"
	peak=${peak##*; }
	[ "${peak:-999999}" -lt $LIMIT_KIB ]
	result $? "$3: in less than 256 MiB ($peak KiB)"
}

cp -r /etc/initramfs-tools conf
for how in gzip bzip2 lzma xz lz4 zstd; do
	mkinitramfs -d "$PWD/conf" -c $how -o "debian-$how.img" "$kver" >made.log 2>&1
	same other $how "debian-$how.img"
	dracut --force --no-hostonly --$how --reproducible -o "plymouth" "dracut-$how.img" "$kver" >made.log 2>&1
	same dracut $how "dracut-$how.img"
	rm -f ./*-$how.img
done
done_testing
