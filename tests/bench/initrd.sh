#!/bin/bash
# unrack initrd add on a 60 MiB initramfs by dracut, to which an archive is appended, and on a 5 MiB initrd by
# mkinitrd, which is written anew; against what a person types instead: cpio and gzip; and against dracut, if it is
# installed. In turn in one run, each ending with the file on stable storage. Prints seconds and KiB of memory.
# The aim is less than a second for each of ours. Other load on the machine makes the seconds worthless; processor
# seconds stay right.
#
#   initrd.sh [ROUNDS]      ROUNDS of each (default 3)
set -euo pipefail
FIXTURES=$(cd "$(dirname "$0")/../fixtures" && pwd)
UNRACK=$(realpath "${UNRACK:-$FIXTURES/../../build/unrack}")
rounds=${1:-3}
for part in cache kernel el5-initrd; do
	# shellcheck source=/dev/null
	. "$FIXTURES/$part.sh"
done
used=$(realpath "$(dirname "$0")/../support/used.pl")
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/unrack-bench-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export TZ=UTC EL5_INSTALLED=2014-09-16T12:00:00

tree=$(kernel_tree)
kver=$(kernel_version "$tree")
modules=$tree/lib/modules/$kver

# --- The images ---------------------------------------------------------------------------
: >conf
el5_initrd nash.img "$tree" "$kver" conf ahci /dev/sda /dev/sda3 /dev/sda2 ahci ata_piix mptsas megaraid_sas hpsa aacraid \
	aic7xxx aic79xx qla2xxx xfs nfs e1000e dm-mirror dm-snapshot raid456

# dracut's marks, kmod, and as much of this machine's programs as an image for any machine has firmware and drivers.
mkdir -p big/usr/{bin,sbin} "big/usr/lib/modules/$kver" big/usr/lib/{dracut,systemd,udev/rules.d} big/etc/cmdline.d big/dev
for name in bin sbin lib; do ln -s usr/$name big/$name; done
ln -s usr/lib/systemd/systemd big/init
for program in systemd/systemd systemd/systemd-modules-load systemd/systemd-udevd; do
	[ ! -e /usr/lib/$program ] || cp /usr/lib/$program big/usr/lib/systemd/
done
: >>big/usr/lib/systemd/systemd
cp "$(command -v kmod)" big/usr/bin/kmod
ln -s ../bin/kmod big/usr/sbin/modprobe
printf 'base\nkernel-modules\nudev-rules\n' >big/usr/lib/dracut/modules.txt
echo 'for conf in /etc/cmdline.d/*.conf; do :; done' >big/usr/lib/dracut-lib.sh
echo 'ENV{MODALIAS}=="?*", RUN{builtin}+="kmod load '"'"'$env{MODALIAS}'"'"'"' >big/usr/lib/udev/rules.d/80-drivers.rules
module_closure "$tree" "$kver" ahci sd_mod ext4 dm-mod | sed "s|^.*/lib/modules/|lib/modules/|" |
	(cd "$tree" && xargs cp --parents -t "$dir/big/usr/")
cp "$modules"/modules.{order,builtin} "big/usr/lib/modules/$kver/"
depmod -b big "$kver" 2>/dev/null
(cd / && find usr/lib usr/bin -xdev -type f -size +20k -size -4M -print0 2>/dev/null | head -z -n 4000 |
	tar -c --null -T - 2>/dev/null | head -c 150M | tar -x -C "$dir/big" 2>/dev/null) || true
packed=$(cd big && find . | LC_ALL=C sort | cpio --quiet -o -H newc --owner=0:0 | gzip -6 | tee ../dracut.img | wc -c)
[ "$packed" -ge $((60 << 20)) ] || {
	mkdir filler
	head -c $(((60 << 20) - packed)) /dev/urandom >filler/firmware
	(cd filler && echo firmware | cpio --quiet -o -H newc | gzip) >>dracut.img
}
rm -rf big filler
sync

# --- What is compared -----------------------------------------------------------------------
quiet_used() { # FILE COMMAND...: what it says is shown when it fails
	"$used" "$@" >said 2>&1 || { local rc=$?; cat said >&2; echo "initrd.sh: ${*:2} failed ($rc)" >&2; return $rc; }
}
of() { cut -d' ' -f"$2" "$1"; }

ours() { # IMAGE
	quiet_used took "$UNRACK" initrd add "$1" -m "$tree" -k "$kver" --driver vmw_pvscsi -o out.img
}

# What a person does: unpack, a module, two lines or an index, pack.
cat >by_hand_nash <<END
set -e
rm -rf hand && mkdir hand && cd hand
gzip -dc ../nash.img | cpio --quiet -id
cp $modules/kernel/drivers/scsi/vmw_pvscsi.ko lib/
sed -i 's|^insmod /lib/sd_mod.ko.*|&\necho "Loading vmw_pvscsi.ko module"\ninsmod /lib/vmw_pvscsi.ko|' init
find . -mindepth 1 -printf '%P\n' | cpio --quiet -o -H newc --owner=0:0 | gzip -9 >../out.img
sync ../out.img
END
cat >by_hand_dracut <<END
set -e
rm -rf hand && mkdir hand && cd hand
gzip -dc ../dracut.img | cpio --quiet -id 2>/dev/null
cp $modules/kernel/drivers/scsi/vmw_pvscsi.ko usr/lib/modules/$kver/kernel/drivers/scsi/
depmod -b . $kver
find . -mindepth 1 -printf '%P\n' | cpio --quiet -o -H newc --owner=0:0 | gzip >../out.img
sync ../out.img
END

compare() { # NAME IMAGE
	echo "$1: $(($(stat -c %s "$2") >> 10)) KiB, $(nproc) processors"
	printf '%10s %10s %10s %10s %8s %10s\n' unrack processor KiB "by hand" ratio "new KiB"
	for _ in $(seq "$rounds"); do
		rm -rf out.img hand
		cat "$2" >/dev/null
		ours "$2"
		local size=$(($(stat -c %s out.img) >> 10)) a p k
		a=$(of took 1) p=$(of took 2) k=$(of took 3)
		rm -rf out.img hand
		quiet_used took bash "by_hand_${2%.img}"
		awk -v a="$a" -v p="$p" -v k="$k" -v b="$(of took 1)" -v n="$size" \
			'BEGIN { printf "%10.2f %10.2f %10d %10.2f %8.1f %10d%s\n", a, p, k, b, b / a, n, a < 1 ? "" : "   not under a second" }'
	done
}
compare "an initramfs by dracut, appended to" dracut.img
echo
compare "an initrd by mkinitrd, written anew" nash.img
if command -v dracut >/dev/null && [ -d "/lib/modules/$(uname -r)" ]; then
	quiet_used took dracut --force --add-drivers vmw_pvscsi out.img "$(uname -r)"
	echo
	echo "dracut, of this machine: $(of took 1) seconds"
fi
