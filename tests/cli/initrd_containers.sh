#!/bin/bash
# Initrds by the programs that make them: cpio with every compressor, with dracut's options; initramfs-tools; dracut.
# Each is read as cpio reads it, and after it was written the same members come out of it.
. "$(dirname "$0")/../support/lib.sh"
needs cpio gzip xz zstd lz4 bzip2 jq
twice=$(dirname "$UNRACK")/initrd_twice
[ -x "$twice" ] || skip_all "initrd_twice is not built; make $twice"
set +e

# read_right FILE CONTAINER ARCHIVE... : the members are those of the archives, in their order.
read_right() {
	local file=$1 container=$2
	shift 2
	unrack initrd list --json "$file"
	exits 0 "$file is read"
	is "$(tail -1 .out | jq -r .image.container)" "$container" "its container"
	for a; do cpio --quiet -t -v -n <"$a"; done | grep -v ' -> ' | sed -E 's/^(\S+) +(\S+) +(\S+) +(\S+) .* /\1 \2 \3 \4 /' >want
	tail -1 .out | jq -r '.members[] | select(.target == null) | "\(.mode) \(.links) \(.uid) \(.gid) \(.name)"' >got
	ok "modes, owners and names are those that cpio gives" diff want got
	ok "written, it has the same members, and always the same bytes" "$twice" "$file"
}

# --- cpio -------------------------------------------------------------------------------------
mkdir -p tree/{bin,lib/modules,etc,dev} early/kernel/x86/microcode
seq 5000 >tree/lib/modules/seq
head -c 70000 /dev/urandom >tree/lib/modules/noise
printf '#!/bin/sh\n' >tree/init
chmod 4755 tree/init
ln tree/init tree/bin/sh
ln tree/init tree/bin/ash
ln -s bin/sh tree/sbin
mkfifo tree/dev/pipe
: >tree/etc/empty
printf 'x' >tree/etc/one
[ "$(id -u)" = 0 ] && mknod tree/dev/console c 5 1 && chown 12:34 tree/etc/one
touch -d @1 tree/etc/one
echo 1 >early/early_cpio
head -c 3000 /dev/zero | tr '\0' '\377' >early/kernel/x86/microcode/AuthenticAMD.bin
(cd tree && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | cpio --quiet -o -H newc) >main.cpio
(cd tree && find etc | cpio --quiet -o -H crc) >second.cpio
(cd early && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | cpio --quiet -o -H newc) >early.cpio

while IFS=: read -r name command; do
	[ "$name" = gzip-pigz ] && ! command -v pigz >/dev/null && continue
	$command <main.cpio >"$name.img"
	read_right "$name.img" "${name%-*} newc cpio" main.cpio
	cat early.cpio "$name.img" >"early-$name.img"
	read_right "early-$name.img" "newc cpio (early), ${name%-*} newc cpio" early.cpio main.cpio
done <<'END'
gzip:gzip -n -9
gzip-pigz:pigz -9 -n -T -R
bzip2:bzip2 -9
lzma:xz --format=lzma -9
xz:xz --check=crc32 --lzma2=dict=1MiB -T0
xz-default:xz --check=crc32
xz-blocks:xz -T2 --block-size=65536 --check=crc32
lz4:lz4 -l -9
zstd:zstd -15 -q -T0
zstd-ultra:zstd --ultra -22 -q
END
cp main.cpio plain.img
read_right plain.img "newc cpio" main.cpio

# Any order, any padding that a kernel skips.
{ cat early.cpio gzip.img; head -c $((-$(cat early.cpio gzip.img | wc -c) & 3)) /dev/zero; cat second.cpio xz.img zstd.img; } >row.img
read_right row.img "newc cpio (early), gzip newc cpio, crc cpio, xz newc cpio and 1 more" early.cpio main.cpio second.cpio \
	main.cpio main.cpio
{ cat lz4.img; head -c 4096 /dev/zero; cat bzip2.img; head -c 513 /dev/zero; cat lzma.img; head -c 3 /dev/zero; } >row.img
read_right row.img "lz4 newc cpio, bzip2 newc cpio, lzma newc cpio" main.cpio main.cpio main.cpio
cat main.cpio second.cpio | gzip >two.img
read_right two.img "gzip newc cpio, gzip crc cpio" main.cpio second.cpio
is "$(tail -1 .out | jq -c '[.image.segments[] | .offset, .packed_bytes]')" "[0,$(stat -c %s two.img),0,$(stat -c %s two.img)]" \
	"two archives in one stream are both there"

# --- What no kernel unpacks --------------------------------------------------------------------
(cd tree && find etc | cpio --quiet -o) >old.img
unrack initrd list old.img
exits 6 "an archive of the old form is refused"
gzip <gzip.img >packed-twice.img
unrack initrd list packed-twice.img
exits 6 "what is packed twice is refused"
like "$err" "packed more than once, which no kernel can undo" "with the reason"
printf '\x89LZO\0\r\n\x1a\n1234567' >lzo.img
unrack initrd list lzo.img
exits 6 "lzo is refused"
like "$err" "is packed with lzo, which unrack can't unpack; pack it anew with gzip" "with the reason"

# --- initramfs-tools and dracut ------------------------------------------------------------------
kver=$(find /lib/modules -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | LC_ALL=C sort | head -1)
if [ "$kver" ] && [ -d /etc/initramfs-tools ] && command -v mkinitramfs >/dev/null; then
	cp -r /etc/initramfs-tools conf
	sed -i 's/^MODULES=.*/MODULES=list/' conf/initramfs.conf
	: >conf/modules
	mkinitramfs -d "$PWD/conf" -c gzip -o debian.img "$kver" >mkinitramfs.log 2>&1
	gzip -dc <debian.img >debian.cpio
	read_right debian.img "gzip newc cpio" debian.cpio
	is "$(tail -1 .out | jq -r '.image.kind + ": " + .image.note')" \
		"other: initramfs-tools of Debian or Ubuntu made it, and not mkinitrd or dracut" "by initramfs-tools: told, and why"
else
	result 0 "an image by initramfs-tools # SKIP mkinitramfs or a kernel is not here"
fi
if command -v dracut >/dev/null; then
	dracut --force --no-kernel --no-hostonly --zstd --reproducible -m "base shutdown" dracut.img 6 >dracut.log 2>&1
	zstd -qdc dracut.img >dracut.cpio
	read_right dracut.img "zstd newc cpio" dracut.cpio
	is "$(tail -1 .out | jq -r .image.kind)" dracut "by dracut: recognised"
else
	result 0 "an image by dracut # SKIP dracut is not installed"
fi
done_testing
