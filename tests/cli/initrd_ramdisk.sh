#!/bin/bash
# unrack initrd and images that are a filesystem, as mkinitrd of RHEL 2.1 and 3 made them: by mke2fs here, with the
# modules of a kernel that is not theirs.
. "$(dirname "$0")/../support/lib.sh"
needs mke2fs debugfs e2fsck gzip jq perl kmod
set +e

cat >make.sh <<'END'
set -euo pipefail
for part in cache kernel; do . "$FIXTURES/$part.sh"; done
tree=$(kernel_tree)
kver=$(kernel_version "$tree")
copy_modules "$tree" "$kver" "$PWD/root" vmw_pvscsi sd_mod ahci mptspi xfs
mkdir -p rd/{bin,lib,dev,proc,etc,sysroot}
head -c 300000 /dev/urandom >rd/bin/nash
chmod 755 rd/bin/nash
ln rd/bin/nash rd/bin/insmod
ln -s bin rd/sbin
mapfile -t kos < <(module_closure root "$kver" sd_mod)
cp "${kos[@]}" rd/lib/
{
	printf '#!/bin/nash\n\nmount -t proc /proc /proc\nsetquiet\necho Mounted /proc filesystem\n'
	for ko in "${kos[@]}"; do
		printf 'echo "Loading %s module"\ninsmod /lib/%s\n' "${ko##*/}" "${ko##*/}"
	done
	printf 'echo Creating block devices\nmkdevices /dev\necho Creating root device\nmkrootdev /dev/root\n'
	printf 'echo 0x0100 > /proc/sys/kernel/real-root-dev\necho Mounting root filesystem\n'
	printf 'mount -o defaults --ro -t ext3 /dev/root /sysroot\npivot_root /sysroot /sysroot/initrd\numount /initrd/proc\n'
} >rd/linuxrc
chmod 755 rd/linuxrc
mke2fs -q -F -O none -b 1024 -d rd rd.ext2 3M 2>&1
printf 'cd dev\nmknod console c 5 1\nsif console mode 020600\n' >commands
debugfs -w -f commands rd.ext2
gzip -9nc rd.ext2 >initrd.img
echo "$kver" >kver
END
FIXTURES=$fixtures bash make.sh >make.log 2>&1 || {
	result 1 "a ramdisk is made"
	sed 's/^/# /' make.log
	done_testing
}
kver=$(<kver)

unrack initrd list initrd.img
exits 0 "list"
like "$out" "^initrd.img: gzip ext2 by mkinitrd \(nash\), kernel $kver, [0-9]+ members" "says what it is"
like "$out" $'\n - crw-------   1     0     0     5,   1 [0-9: -]* dev/console\n' "a device"
like "$out" $'\n - -rwxr-xr-x   2 [ 0-9]* 300000 [0-9: -]* bin/insmod\n' "a file with two names"
unrack --json initrd list initrd.img
documented "as JSON is documented"
is "$(jq -c '.image.segments, .members[0].segment' <<<"$out")" $'[]\nnull' "it has no archives"
unrack initrd show initrd.img
like "$out" $'\nroot is     ext3\n' "show says what its root is"
like "$out" $'\nlinuxrc:\n#!/bin/nash\n' "and has its script"
unrack --json initrd check initrd.img -m root --scsi pvscsi
exits 1 "check"
documented "as JSON is documented"
is "$(jq -rs 'last | .answer | "\(.missing_link) \(.ramdisk_kib)"' <<<"$out")" "driver 3072" "the missing link, and how large the RAM disk is"

unrack initrd add initrd.img -m root --scsi pvscsi -o new.img
exits 0 "add"
gzip -dc new.img >new.ext2
ok "e2fsck has nothing to say" e2fsck -fn new.ext2
debugfs -R "dump /lib/vmw_pvscsi.ko dumped" new.ext2 2>/dev/null
ok "debugfs finds the module" cmp dumped "root/lib/modules/$kver/kernel/drivers/scsi/vmw_pvscsi.ko"
unrack initrd check new.img -m root --scsi pvscsi
exits 0 "check says yes"
unrack initrd add new.img -m root --scsi pvscsi
like "$out" "nothing to do" "a second time there is nothing to do"
unrack initrd diff initrd.img new.img
exits 1 "diff"
like "$out" $'^added   lib/vmw_pvscsi.ko, -rw-r--r-- 0:0, ' "shows it"

unrack initrd add initrd.img -m root --driver xfs --ramdisk-size 3072 -o no.img
exits 4 "more than the kernel's RAM disk takes"
like "$err" "needs a ramdisk of ([0-9]+) KiB .* put ramdisk_size=([0-9]+) on the kernel's command line" "is refused with what it takes"
size=${BASH_REMATCH[1]}
ok "nothing is written" test ! -e no.img
unrack initrd add initrd.img -m root --driver xfs --ramdisk-size "$size" -o larger.img
exits 0 "with that"
like "$err" "the kernel's RAM disk must have $size KiB for it" "it is told once more"
unrack initrd check larger.img -m root --driver xfs
like "$out" $'\nramdisk     '"$size"$' KiB\n' "and later"
done_testing
