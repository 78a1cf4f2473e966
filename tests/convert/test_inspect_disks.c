/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which old name is which of two disks. */
#include "el5.h"

static struct unrack_error err;
static struct guest_facts f;

static const char *image_of(const char *name)
{
	static char text[64];
	unsigned partition;
	int image;

	if (!devname_locate(&f.names, name, &image, &partition))
		return "unknown";
	snprintf(text, sizeof text, "disk %d, partition %u", image, partition);
	return text;
}

/* Two disks; / is partition 3 of DISK. */
static void inspect(int disk)
{
	struct guest *g = el5_open(false);

	facts_free(&f);
	g->disks = 2;
	g->disk_heads = NULL;
	g->mounts[0].disk = disk;
	is_int(inspect_guest(g, &f, &err), 0, "inspected");
	guest_close(g);
}

int main(void)
{
	el5_make();
	el5_put("/etc/fstab", "/dev/cciss/c0d0p3 / ext3 defaults 1 1\n/dev/cciss/c0d1p1 /data ext3 defaults 1 2\n"
		"/dev/hdc /media/cdrom iso9660 noauto,ro 0 0\n");
	inspect(0);
	is_str(image_of("/dev/cciss/c0d0p3"), "disk 0, partition 3", "the root tells the first");
	is_str(image_of("/dev/cciss/c0d1p1"), "disk 1, partition 1", "order the second");
	is_str(image_of("/dev/hdc"), "unknown", "a CD is no disk");
	ok(!f.efi, "a folder of files boots by BIOS");

	el5_put("/boot/grub/device.map", "(hd0) /dev/cciss/c0d1\n(hd1) /dev/cciss/c0d0\n");
	inspect(1);
	is_str(image_of("/dev/cciss/c0d0p3"), "disk 1, partition 3", "root on the second disk of the BIOS");
	is_str(image_of("/dev/cciss/c0d1p1"), "disk 0, partition 1", "and device.map tells the other");

	el5_put("/boot/grub/device.map", "(hd0) /dev/cciss/c0d1\n");
	inspect(0);
	is_str(image_of("/dev/cciss/c0d0p3"), "disk 0, partition 3", "where the root is counts more than device.map");

	el5_put("/etc/fstab", "LABEL=/ / ext3 defaults 1 1\n/dev/sdb1 /data ext3 defaults 1 2\n");
	el5_put("/boot/grub/grub.conf", "title a\nroot (hd0,0)\nkernel /vmlinuz-" EL5 " root=LABEL=/\n");
	el5_remove("/boot/grub/device.map");
	inspect(0);
	is_str(image_of("/dev/sdb1"), "unknown", "one name for two disks is not guessed");
	is_int(f.names.at[0].image, -2, "but told");

	el5_put("/boot/efi/EFI/redhat/grub.efi", "");
	inspect(0);
	ok(f.efi, "an EFI loader, and no boot sector to be seen");
	facts_free(&f);
	el5_clean();
	return tap_done();
}
