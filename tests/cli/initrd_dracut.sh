#!/bin/bash
# unrack initrd and images by the real dracut: checked, changed without a guest, in each compression, with early
# microcode in front, and made anew for a kernel that has none.
. "$(dirname "$0")/../support/lib.sh"
needs cpio gzip xz zstd jq perl kmod debugfs losetup unshare
[ "$(id -u)" = 0 ] || skip_all "root is needed to make this server"
losetup -f >/dev/null 2>&1 || skip_all "there are no loop devices, with which its volumes are made"
set +e

cat >make.sh <<'END'
set -euo pipefail
for part in cache kernel dracut; do . "$FIXTURES/$part.sh"; done
disk=$("$FIXTURES/el7-server.sh" --disks 2 | sed -n 1p)
tree=$(kernel_tree)
kver=$(kernel_version "$tree")
debugfs -R "dump /initramfs-$kver.img initramfs-$kver.img" "$disk?offset=1048576"
[ -s "initramfs-$kver.img" ] || die "there is no initramfs in $disk"
copy_modules "$tree" "$kver" "$PWD/root" sd_mod ext4 xfs dm-mod dm-snapshot ahci vmw_pvscsi nvme vmxnet3
find root -name '*.ko' -exec xz -0 --check=crc32 {} +
depmod -b root "$kver"
# The same modules once more, as another kernel's.
mkdir -p other/lib/modules
cp -r "root/lib/modules/$kver" other/lib/modules/6.1.0-99-amd64
depmod -b other 6.1.0-99-amd64
cp "initramfs-$kver.img" early.img
early_microcode early.img
echo "$kver" >kver
END
FIXTURES=$fixtures bash make.sh >make.log 2>&1 || {
	result 1 "an image by dracut is made"
	sed 's/^/# /' make.log
	done_testing
}
kver=$(<kver)
image=initramfs-$kver.img
args="root=/dev/mapper/rhel-root ro rd.lvm.lv=rhel/root"
modules=usr/lib/modules/$kver

unrack initrd show "$image"
exits 0 "show"
like "$out" "^$image: gzip newc cpio by dracut, kernel $kver, [0-9]+ members" "says what it is"
like "$out" $'\nfilesystems [^\n]*ext4' "and which filesystems it has"
unrack initrd check "$image" -m root --scsi pvscsi --args "$args"
exits 1 "it does not have the driver of pvscsi"
like "$out" $'\nvolumes     rhel/root\n' "root's volume"
like "$err" "vmw_pvscsi is not in it" "the driver is named"
unrack initrd check "$image" -m root -d ahci --args "$args" --root-fs ext4
exits 0 "what it has"
unrack initrd check "$image" -m root -d ahci --args "$args" --root-fs xfs
exits 1 "a filesystem that it has not"
like "$out" "no: the missing link is filesystem" "is the missing link"
unrack initrd check "$image" -m root -d ahci --args "root=/dev/rhel/root"
exits 1 "a volume that nothing activates"
like "$out" "no: the missing link is volume" "is the missing link"
unrack initrd check "$image" -m root -d ahci --root /dev/md0
exits 1 "an array"
like "$out" "no: the missing link is array" "is the missing link"
unrack --json initrd check "$image" -m root --esx 6.7 --args "$args"
documented "check as JSON is documented"
is "$(jq -rs 'last | .drivers[0] | "\(.name) \(.device) \(.claims)"' <<<"$out")" "vmw_pvscsi pvscsi yes" "the driver claims the device"

cp "$image" work.img
unrack initrd add work.img -m root --esx 6.7 --args "$args"
exits 0 "add"
like "$out" "appended a segment of [0-9]+ KiB" "puts an archive behind it"
ok "the old image is the beginning of the new one, byte by byte" cmp -n "$(stat -c %s "$image")" "$image" work.img
ok "and is kept" cmp "$image" work-phys.img
unrack initrd check work.img -m root --esx 6.7 --args "$args"
exits 0 "which has all now"
cp work.img once.img
unrack initrd add work.img -m root --esx 6.7 --args "$args"
like "$out" "nothing to do" "a second time there is nothing to do"
ok "nothing is written" cmp once.img work.img
unrack initrd list work.img
like "$out" $'\nsegment 2: gzip newc cpio, ' "the archive is listed"
is "$(grep -c "^ 2 -rw-r--r-- .* $modules/kernel/drivers/scsi/vmw_pvscsi.ko.xz$" <<<"$out")" 1 "and the module in it"
"$UNRACK" initrd show work.img "$modules/kernel/drivers/scsi/vmw_pvscsi.ko.xz" |
	cmp - "root/lib/modules/$kver/kernel/drivers/scsi/vmw_pvscsi.ko.xz"
result $? "which is the kernel's, as it is"
"$UNRACK" initrd show work.img "lib/modules/$kver/modules.alias" | grep -q 'pci:v000015ADd000007C0.*vmw_pvscsi'
result $? "a member by a path through links"
unrack initrd diff "$image" work.img
exits 1 "diff"
is "$(grep -c "^added   $modules/kernel/drivers/scsi/vmw_pvscsi.ko.xz, " <<<"$out")" 1 "shows it"
unlike "$out" '@@' "without the lines of indexes"

early=$(($(LC_ALL=C grep -obUaPm1 '\x1f\x8b\x08' early.img | head -1 | cut -d: -f1)))
for pack in "xz -0 --check=crc32" "zstd -q"; do
	head -c "$early" early.img >packed.img
	gzip -dc "$image" | $pack -c >>packed.img
	unrack initrd check packed.img -m root --scsi nvme
	exits 1 "early microcode and ${pack%% *}: without nvme"
	unrack initrd add packed.img -m root --scsi nvme -o "packed-new.img"
	exits 0 "add"
	unrack initrd check packed-new.img -m root --scsi nvme
	exits 0 "with nvme"
	unrack initrd diff early.img packed.img
	exits 0 "the same files as in gzip"
	rm packed-new.img
done

# For a kernel without an image.
new=initramfs-6.1.0-99-amd64.img
unrack initrd add $new -m other --esx 6.7 --args "$args"
exits 4 "no image at all"
unrack initrd add $new --base "$image" -m other --esx 6.7 --args "$args"
exits 0 "made anew of another kernel's"
unrack initrd check $new -m other --esx 6.7 --args "$args"
exits 0 "it is right"
like "$out" "^$new: .* by dracut, kernel 6.1.0-99-amd64, " "and only for its kernel"
ok "there was nothing to keep" test ! -e "${new%.img}-phys.img"
unrack initrd add $new --base "$image" -m other --esx 6.7 --args "$args"
exits 0 "once more"
like "$out" "nothing to do: .*$new is that already" "is nothing to do"
head -c 100 "$image" >broken-6.1.0-99-amd64.img
unrack initrd add broken-6.1.0-99-amd64.img --base "$image" -m other --esx 6.7 --args "$args"
exits 0 "in place of one that is damaged"
ok "is the same" cmp $new broken-6.1.0-99-amd64.img
is "$(stat -c %s broken-6.1.0-99-amd64-phys.img)" 100 "the damaged one is kept"
unrack initrd check "$image" -m other -k 6.1.0-99-amd64 --scsi pvscsi
exits 1 "the other kernel's as it is"
unrack initrd add "$image" -m other -k 6.1.0-99-amd64 --scsi pvscsi -o no.img
exits 6 "is not changed for this one"
cp -r other foreign
find foreign -name "*.ko.xz" -exec unxz {} +
find foreign -name '*.ko' | while read -r file; do
	printf '\3' | dd of="$file" bs=1 seek=18 conv=notrunc status=none # EM_386
done
unrack initrd add no.img --base "$image" -m foreign -k 6.1.0-99-amd64 --scsi pvscsi
exits 6 "nor made anew for another machine's kernel"
like "$err" "$image is of another machine .*\.ko.xz is for x86_64, the kernel.s own modules are for i386\); name an image of" "the reason"
ok "nothing was written" test ! -e no.img
unrack --json initrd add x.img --base "$image" -m other --esx 6.7 -o x.img
documented "a new image as JSON is documented"
done_testing
