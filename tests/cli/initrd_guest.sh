#!/bin/bash
# unrack initrd add --guest: images made from nothing but a guest's files, for root on a disk, on LVM and on md.
# The programs are a static one of another name, the modules those of Debian's kernel.
. "$(dirname "$0")/../support/lib.sh"
needs gzip cpio jq perl kmod e2fsck
set +e

cat >make.sh <<'END'
set -euo pipefail
for part in cache kernel; do . "$FIXTURES/$part.sh"; done
tree=$(kernel_tree)
kver=$(kernel_version "$tree")
busybox=$(package busybox-static)
copy_modules "$tree" "$kver" "$PWD/root" vmw_pvscsi sd_mod ext4 dm-mod dm-mirror dm-zero dm-snapshot raid0 raid1 raid456
mkdir -p root/{sbin,etc/lvm,boot}
for program in nash insmod.static lvm.static udev.static; do cp "$busybox/bin/busybox" root/sbin/$program; done
echo 'devices { filter = [ "a/.*/" ] }' >root/etc/lvm/lvm.conf
echo 'Red Hat Enterprise Linux Server release 5.11 (Tikanga)' >root/etc/redhat-release
echo 'options vmw_pvscsi ring_pages=8' >root/etc/modprobe.conf
echo "$kver" >kver
END
FIXTURES=$fixtures bash make.sh >make.log 2>&1 || {
	result 1 "a guest's files are there"
	sed 's/^/# /' make.log
	done_testing
}
kver=$(<kver)
image=root/boot/initrd-$kver.img

fstab() { printf '%s\n' "$@" >root/etc/fstab && touch -d @1234567890 root/etc/fstab; }
fstab '/dev/sda2 / ext4 defaults 1 1' '/dev/sda3 swap swap defaults 0 0'
unrack initrd add "$image" --guest root --scsi pvscsi -n
exits 0 "a dry run"
like "$out" $'\n\\+insmod /lib/vmw_pvscsi.ko ring_pages=8\n' "shows the script"
ok "writes nothing" test ! -e "$image"
unrack initrd add "$image" --guest root --scsi pvscsi
exits 0 "root on a disk"
unrack initrd check "$image" -m root --scsi pvscsi --root /dev/sda2 --root-fs ext4
exits 0 "the image is right"
like "$out" $'\nroot        /dev/sda2\nroot is     ext4\nresume      /dev/sda3\n' "with the root of fstab"
unrack initrd list "$image"
like "$out" "^$image: gzip newc cpio by mkinitrd \(nash\), kernel $kver" "as RHEL 5 has them"
ok "only root may read it" test "$(stat -c %a "$image")" = 600
unrack initrd add "$image" --guest root --scsi pvscsi
exits 0 "once more"
like "$out" "nothing to do: .*initrd-$kver.img is that already" "is nothing to do"

fstab '/dev/VolGroup00/LogVol00 / ext4 defaults 1 1' '/dev/vg1/swap swap swap defaults 0 0'
echo 'ARRAY /dev/md0 level=raid1 num-devices=2' >root/etc/mdadm.conf
unrack initrd add "$image" --guest root --scsi pvscsi
exits 0 "root on LVM"
ok "the first image is kept" test -e "${image%.img}-phys.img"
unrack initrd check "$image" -m root --scsi pvscsi --root /dev/VolGroup00/LogVol00
exits 0 "the image is right"
like "$out" $'\nvolumes     [^\n]*VolGroup00' "it activates the group"
like "$out" $'\nvolumes     [^\n]*vg1' "also that of swap"
like "$out" $'\narrays      /dev/md0\n' "and starts the array it may be on"

fstab '/dev/cciss/c0d0p2 / ext4 defaults 1 1'
unrack initrd add "$image" --guest root --scsi pvscsi -n
exits 0 "a root that has another name on the target"
like "$err" "without root= among the kernel's arguments, root is /dev/cciss/c0d0p2, and no disk behind pvscsi is called that" "is told"
fstab 'LABEL=/ / ext4 defaults 1 1'
rm root/etc/mdadm.conf
unrack --json initrd add md.img -k "$kver" --guest root --scsi pvscsi --root /dev/md1
exits 0 "root on md, by option"
documented "is documented"
is "$(jq -rs 'last | "\(.image.file) \(.image.kind) \(.changed) \(.written)"' <<<"$out")" "md.img nash true true" "the new image is told of"
unrack initrd check md.img -m root --scsi pvscsi --root /dev/md1
exits 0 "the image is right"
like "$out" $'\narrays      /dev/md1\n' "it starts the array"

echo 'Red Hat Enterprise Linux ES release 3 (Taroon Update 9)' >root/etc/redhat-release
mv root/etc/modprobe.conf root/etc/modules.conf
unrack initrd add el3.img -k "$kver" --guest root --scsi pvscsi --root /dev/sda2 --ramdisk-size 16384
exits 0 "RHEL 3"
gzip -dc el3.img >el3.ext2
ok "has a filesystem" e2fsck -fn el3.ext2
unrack initrd show el3.img linuxrc
like "$out" $'\ninsmod /lib/vmw_pvscsi.ko' "and a linuxrc"

# --- What can't be -------------------------------------------------------------------------------
rm root/etc/fstab
unrack initrd add no.img -k "$kver" --guest root --scsi pvscsi
exits 2 "no root is known"
like "$err" "does not tell its root; say it with --root and --root-fs" "is said"
echo 'Red Hat Enterprise Linux release 8.10 (Ootpa)' >root/etc/redhat-release
unrack initrd add no.img -k "$kver" --guest root --scsi pvscsi --root /dev/sda1 --root-fs xfs
exits 6 "a release with dracut"
like "$err" "made by dracut, and not from nothing; take .* with --base" "has another way"
rm root/etc/redhat-release
unrack initrd add no.img -k "$kver" --guest root --scsi pvscsi --root /dev/sda1 --root-fs xfs
exits 6 "the kernel tells, too"
echo 'release 5' >root/etc/redhat-release
rm root/sbin/nash
unrack initrd add no.img -k "$kver" --guest root --scsi pvscsi --root /dev/sda1 --root-fs ext4
ok "no nash" test "$rc" -ge 3
like "$err" "nash" "is named"
unrack initrd add no.img --guest root --base md.img --scsi pvscsi
exits 2 "--guest and --base"
unrack initrd add no.img --guest root
exits 2 "no driver"
unrack initrd add no.img --guest missing --scsi pvscsi
exits 2 "no such folder"
ok "none of these wrote anything" test ! -e no.img
done_testing
