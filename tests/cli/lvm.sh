#!/bin/bash
# The other half of servers: a root on LVM over two disks, GRUB 2, systemd, a host-only image by
# dracut. check says no and why, fix makes it right, the VM boots with network. All releases and
# devices: tests/vm/family2.sh.
. "$(dirname "$0")/../support/lib.sh"
needs qemu-img qemu-system-x86_64 losetup unshare sha256sum
[ "$(id -u)" = 0 ] || skip_all "root is needed to make this server"
losetup -f >/dev/null 2>&1 || skip_all "there are no loop devices, with which its volumes are made"
mapfile -t disks < <("$fixtures/el7-server.sh" --disks 2 2>build.log)
if [ ${#disks[@]} != 2 ]; then
	result 1 "the server with two disks is built"
	sed 's/^/# /' build.log
	done_testing
fi

unrack copy "${disks[@]}" web
exits 0 "two disks are copied"
unrack --json check web --esx 6.7 --scsi pvscsi --nic vmxnet3
exits 1 "check says no before the fix"
documented "its JSON is documented"
link() { # NAME: state and reason of that link of the check
	jq -rs "last.verdict.links[] | select(.name == \"$1\") | \"\(.state) \(.evidence): \(.reason)\"" <<<"$out"
}
like "$(link driver)" "^bad .*vmw_pvscsi.*the initrd does not load it before it looks for root" "for want of the driver"
like "$(link root)" "^ok .*/dev/mapper/rhel-root, which is /dev/rhel/root" "the root is found, over both disks"

unrack fix web --esx 6.7
exits 0 "fix, devices chosen by itself"
like "$out" "write /boot/initramfs-" "the image gets what it lacks"
like "$out" "write /etc/dracut.conf.d/90-unrack.conf" "and so will later ones"
is "$(grep -c "starting the appliance" <<<"$err")" 1 "by one start of the appliance"
unrack vm web --connect
exits 0 "vm"
like "$(<web/web.vmx)" 'scsi0:1.fileName = "web_1.vmdk"' "the .vmx has the second disk"
unrack check web
exits 0 "check says yes"
unrack --json boot web --require-proof
exits 0 "it boots on pvscsi and vmxnet3"
documented "its JSON is documented"
is "$(jq -rs 'last | "\(.up) \(.dhcp) \(.proof)"' <<<"$out")" "true true boot" "with network"
like "$(jq -rs 'last.ssh' <<<"$out")" "^SSH-2.0-OpenSSH" "and ssh"

unrack fix web --undo
exits 0 "undo"
ok "gives back the first disk" cmp "${disks[0]}" web/web-flat.vmdk
ok "and the second" cmp "${disks[1]}" web/web_1-flat.vmdk
# One disk of two is not enough, and nothing is guessed.
unrack check "${disks[0]}" --esx 6.7 --scsi pvscsi --nic vmxnet3
exits 6 "one of the disks alone has no system"
like "$err" "its volume group is not complete; give all disks of the machine" "the reason is said"
done_testing
