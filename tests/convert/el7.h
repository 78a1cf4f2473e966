/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small RHEL 6 to 10 servers as a directory, with a root on LVM: the loader of each release,
 * dracut's image for the physical machine, one card that is named after its place. Uses el5.h
 * for files; el7_open tells what libguestfs would have told. */
#ifndef TESTS_CONVERT_EL7_H
#define TESTS_CONVERT_EL7_H

#include "el5.h"

#define KVER7 "3.10.0-1160.el7.x86_64"
#define KVER7_OLD "3.10.0-123.el7.x86_64"
#define MACHINE_ID "5e1f70000000400080000000000000a1"
#define BOOT_UUID7 "5e1f0000-0000-4000-8000-0000000000b1"
#define ROOT_UUID7 "5e1f0000-0000-4000-8000-0000000000a1"
#define SWAP_UUID7 "5e1f0000-0000-4000-8000-0000000000c1"
#define MAC7 "00:1a:4b:11:22:33"
#define ARGS7 "root=/dev/mapper/rhel-root ro crashkernel=auto rd.lvm.lv=rhel/root rd.lvm.lv=rhel/swap resume=/dev/cciss/c0d0p3 rhgb quiet"
#define SCRIPTS7 "/etc/sysconfig/network-scripts/"
#define KEYFILES7 "/etc/NetworkManager/system-connections/"

#define EL7_ENTRY(title, kver, id)                                                                 \
	"menuentry '" title "' --class red --unrestricted $menuentry_id_option '" id "' {\n"      \
	"\tset root='hd0,msdos1'\n"                                                               \
	"\tsearch --no-floppy --fs-uuid --set=root --hint='hd0,msdos1'  " BOOT_UUID7 "\n"         \
	"\tlinux16 /vmlinuz-" kver " " ARGS7 "\n\tinitrd16 /initramfs-" kver ".img\n}\n"
#define EL7_TITLE "Red Hat Enterprise Linux Server (" KVER7 ") 7.9 (Maipo)"
#define EL7_HEADER                                                                                \
	"if [ -s $prefix/grubenv ]; then\n  load_env\nfi\nif [ \"${next_entry}\" ] ; then\n"      \
	"   set default=\"${next_entry}\"\nelse\n   set default=\"${saved_entry}\"\nfi\n"

static const char el7_dep[] =
	"kernel/drivers/scsi/scsi_mod.ko:\n"
	"kernel/drivers/scsi/sd_mod.ko: kernel/drivers/scsi/scsi_mod.ko\n"
	"kernel/drivers/scsi/vmw_pvscsi.ko: kernel/drivers/scsi/scsi_mod.ko\n"
	"kernel/drivers/scsi/hpsa.ko: kernel/drivers/scsi/scsi_mod.ko\n"
	"kernel/drivers/md/dm-mod.ko:\n"
	"kernel/fs/ext4/ext4.ko:\n"
	"kernel/drivers/net/vmxnet3/vmxnet3.ko:\n";
static const char el7_alias[] =
	"alias scsi:t-0x00* sd_mod\nalias pci:v000015ADd000007C0sv*sd*bc*sc*i* vmw_pvscsi\n"
	"alias pci:v0000103Cd*sv*sd*bc*sc*i* hpsa\nalias fs-ext4 ext4\nalias devname:mapper/control dm_mod\n";

/* GRUB's environment block of these lines. */
MADE void el7_put_grubenv(const char *lines)
{
	char block[1024];

	memset(block, '#', sizeof block);
	memcpy(block, "# GRUB Environment Block\n", 25);
	memcpy(block + 25, lines, strlen(lines));
	el5_put_bytes("/boot/grub2/grubenv", block, sizeof block);
}

MADE void el7_put_modules(const char *kver)
{
	char path[160];

	snprintf(path, sizeof path, "/lib/modules/%s/modules.dep", kver);
	el5_put(path, el7_dep);
	snprintf(path, sizeof path, "/lib/modules/%s/modules.alias", kver);
	el5_put(path, el7_alias);
	for (const char *p = el7_dep; *p; p = strchr(p, '\n') + 1) {
		snprintf(path, sizeof path, "%.*s", (int)strcspn(p, ":"), p);
		el5_put_module(kver, path);
	}
}

MADE void el7_put_bls(const char *kver, const char *options)
{
	char path[256], text[1024];

	snprintf(path, sizeof path, "/boot/loader/entries/" MACHINE_ID "-%s.conf", kver);
	snprintf(text, sizeof text,
		 "title Red Hat Enterprise Linux (%s) 8.10 (Ootpa)\nversion %s\nlinux /vmlinuz-%s\n"
		 "initrd /initramfs-%s.img $tuned_initrd\noptions %s\nid rhel-%s\ngrub_class kernel\n", kver, kver, kver,
		 kver, options, kver);
	el5_put(path, text);
}

MADE void el7_put_loader(int release)
{
	switch (release) {
	case 6:
		el5_put("/boot/grub/grub.conf",
			"#boot=/dev/cciss/c0d0\ndefault=0\ntimeout=5\ntitle Red Hat Enterprise Linux 6\n\troot (hd0,0)\n"
			"\tkernel /vmlinuz-" KVER7 " ro root=/dev/mapper/rhel-root rd_LVM_LV=rhel/root rd_LVM_LV=rhel/swap rd_NO_MD quiet\n"
			"\tinitrd /initramfs-" KVER7 ".img\n");
		el5_put("/boot/grub/device.map", "(hd0) /dev/cciss/c0d0\n");
		break;
	case 7:
		el5_put("/boot/grub2/grub.cfg",
			EL7_HEADER EL7_ENTRY("Old one", KVER7_OLD, "gnulinux-old") EL7_ENTRY(EL7_TITLE, KVER7, "gnulinux-new")
			EL7_ENTRY("Rescue", "0-rescue-" MACHINE_ID, "gnulinux-rescue"));
		el7_put_grubenv("saved_entry=" EL7_TITLE "\n");
		break;
	default:
		el5_put("/boot/grub2/grub.cfg",
			EL7_HEADER "search --no-floppy --fs-uuid --set=root " BOOT_UUID7 "\nif [ -z \"${kernelopts}\" ]; then\n"
			"  set kernelopts=\"" ARGS7 " \"\nfi\ninsmod blscfg\nblscfg\n");
		el7_put_bls(KVER7, release == 8 ? "$kernelopts $tuned_params" : ARGS7);
		el7_put_bls(KVER7_OLD, release == 8 ? "$kernelopts $tuned_params" : ARGS7);
		el7_put_grubenv(release == 8 ? "saved_entry=" MACHINE_ID "-" KVER7 "\nkernelopts=" ARGS7 " \nboot_success=0\n" :
					       "saved_entry=" MACHINE_ID "-" KVER7 "\nboot_success=0\n");
		el5_put("/etc/kernel/cmdline", ARGS7 "\n");
	}
	if (release > 6)
		el5_put("/etc/default/grub",
			"GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX=\"rd.lvm.lv=rhel/root rd.lvm.lv=rhel/swap resume=/dev/cciss/c0d0p3 rhgb quiet\"\n"
			"GRUB_ENABLE_BLSCFG=true\n");
}

MADE void el7_put_network(int release)
{
	static const char ifcfg[] = "TYPE=Ethernet\nBOOTPROTO=none\nIPADDR=10.0.0.2\nDEVICE=%s\nONBOOT=yes\nHWADDR=00:1A:4B:11:22:33\n";
	const char *name = release == 6 ? "eth0" : "enp3s0";
	char text[256], path[128];

	if (release < 9) {
		snprintf(text, sizeof text, ifcfg, name);
		snprintf(path, sizeof path, SCRIPTS7 "ifcfg-%s", name);
		el5_put(path, text);
		el5_put(SCRIPTS7 "ifcfg-lo", "DEVICE=lo\nONBOOT=yes\n");
	} else {
		el5_put(KEYFILES7 "enp3s0.nmconnection",
			"[connection]\nid=enp3s0\ntype=ethernet\ninterface-name=enp3s0\n\n[ethernet]\nmac-address=00:1A:4B:11:22:33\n\n"
			"[ipv4]\nmethod=manual\n");
	}
	el5_put("/etc/udev/rules.d/60-other.rules", "KERNEL==\"sd*\", MODE=\"0660\"\n");
	if (release == 6)
		el5_put("/etc/udev/rules.d/70-persistent-net.rules",
			"# PCI device 0x14e4:0x1639 (bnx2)\nSUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", "
			"ATTR{address}==\"" MAC7 "\", ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"eth0\"\n");
}

/* What INITRAMFS, an image of the kernel KVER, holds is up to EL7_IMAGE. */
MADE void el7_put_image(const char *kver, void (*image)(struct buf *b, int release, const char *kver), int release)
{
	struct buf b = { 0 };
	char path[256];

	image(&b, release, kver);
	snprintf(path, sizeof path, "/boot/initramfs-%s.img", kver);
	el5_put_bytes(path, b.data, b.len);
	buf_free(&b);
}

/* Just enough to be known as dracut's, without any module. */
MADE void el7_bare_image(struct buf *b, int release, const char *kver)
{
	(void)release, (void)kver;
	made_member(b, "usr", S_IFDIR | 0755, "");
	made_member(b, "usr/lib", S_IFDIR | 0755, "");
	made_member(b, "usr/lib/dracut-lib.sh", S_IFREG | 0644, "#!/bin/sh\n");
	made_member(b, "init", S_IFREG | 0755, "#!/bin/sh\n");
	made_end(b);
	made_gzip(b);
}

MADE void el7_make(int release, void (*image)(struct buf *b, int release, const char *kver))
{
	static const char *const releases[] = {
		"CentOS release 6.10 (Final)\n", "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n",
		"Red Hat Enterprise Linux release 8.10 (Ootpa)\n", "Rocky Linux release 9.4 (Blue Onyx)\n",
		"Red Hat Enterprise Linux release 10.0 (Coughlan)\n",
	};

	tap_folder(el5_top, sizeof el5_top, "el7");
	el5_put("/etc/redhat-release", releases[release - 6]);
	el5_need_openat2();
	el5_put("/etc/fstab", "/dev/mapper/rhel-root / ext4 defaults 1 1\n/dev/cciss/c0d0p1 /boot ext4 defaults 1 2\n"
			      "/dev/cciss/c0d0p3 swap swap defaults 0 0\n");
	el5_put("/etc/hostname", "# name\nweb07.example.com\n");
	el5_put("/etc/machine-id", MACHINE_ID "\n");
	el5_put("/etc/dracut.conf.d/x", "");
	el5_remove("/etc/dracut.conf.d/x");
	el5_put("/etc/lvm/lvm.conf", "devices {\n\tfilter = [ \"a|^/dev/cciss/|\", \"r|.*|\" ]\n}\n");
	el7_put_loader(release);
	el7_put_network(release);
	el5_put_kernel(KVER7);
	el7_put_modules(KVER7);
	el7_put_image(KVER7, image, release);
	if (release > 6) {
		el5_put_kernel(KVER7_OLD);
		el7_put_modules(KVER7_OLD);
		el7_put_image(KVER7_OLD, image, release);
		el5_put_kernel("0-rescue-" MACHINE_ID);
		el5_put("/boot/initramfs-0-rescue-" MACHINE_ID ".img", "left alone");
	}
	el5_put("/boot/initramfs-" KVER7 "kdump.img", "left alone");
}

MADE void el7_add(struct guest *g, const char *device, int partition, const char *fstype, const char *uuid)
{
	el5_add_part(g, device, partition, fstype, "");
	if (partition == 0)
		g->parts[g->n_parts - 1].disk = -1;
	free(g->parts[g->n_parts - 1].uuid);
	g->parts[g->n_parts - 1].uuid = strdup(uuid);
}

MADE void el7_mount(struct guest_mount *m, const char *device, int disk, int partition, const char *uuid)
{
	free(m->device);
	free(m->fstype);
	free(m->uuid);
	m->device = strdup(device);
	m->fstype = strdup("ext4");
	m->uuid = strdup(uuid);
	m->disk = disk;
	m->partition = partition;
}

/* /boot, the physical volume with root and swap, a swap partition; GRUB's boot sector. */
MADE struct guest *el7_open(int release, bool writable)
{
	struct guest *g = el5_open(writable);

	if (release > 6)
		memcpy(el5_head + 0x3e, "\0\0", 2);
	el5_head[0x64] = 0xff;
	for (unsigned i = 0; i < g->n_parts; i++) {
		free(g->parts[i].device);
		free(g->parts[i].fstype);
		free(g->parts[i].label);
		free(g->parts[i].uuid);
	}
	g->n_parts = 0;
	el7_add(g, "/dev/sda1", 1, "ext4", BOOT_UUID7);
	el7_add(g, "/dev/sda2", 2, "LVM2_member", "pv");
	el7_add(g, "/dev/sda3", 3, "swap", SWAP_UUID7);
	el7_add(g, "/dev/rhel/root", 0, "ext4", ROOT_UUID7);
	el7_add(g, "/dev/rhel/swap", 0, "swap", "5e1f-0");
	el7_mount(&g->mounts[0], "/dev/rhel/root", -1, 0, ROOT_UUID7);
	el7_mount(&g->mounts[1], "/dev/sda1", 0, 1, BOOT_UUID7);
	return g;
}

#endif
