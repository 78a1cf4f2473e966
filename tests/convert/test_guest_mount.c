/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding the root and mounting, on an appliance that is a table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../p2v/convert/appliance.h"
#include "../../p2v/convert/guest_parts.h"
#include "../support/tap.h"
#include "base/bytes.h"
#include "unrack/devname.h"

struct file {
	const char *device, *path, *text; /* no text: it can't be read */
};
struct device {
	const char *name, *type, *label;
	bool broken, errors;
};

static const struct device *devices;
static const struct file *files;
static struct {
	char where[64], device[64];
	bool writable;
} mounted[64];
static unsigned n_mounted;
static char warned[2048];
static struct unrack_error err;

/* --- The appliance ------------------------------------------------------------------------- */

static int names(struct buf *out, bool volumes)
{
	buf_clear(out);
	for (const struct device *d = devices; d->name; d++)
		if (!strncmp(d->name, "/dev/sd", 7) == !volumes)
			buf_append(out, d->name, strlen(d->name) + 1);
	return 0;
}

static int fake_partitions(void *ctx, struct buf *out, struct unrack_error *e)
{
	(void)ctx, (void)e;
	return names(out, false);
}

static int fake_volumes(void *ctx, struct buf *out, struct unrack_error *e)
{
	(void)ctx, (void)e;
	return names(out, true);
}

static const struct device *find(const char *name)
{
	for (const struct device *d = devices; d->name; d++)
		if (!strcmp(d->name, name))
			return d;
	abort();
}

static int fake_head(void *ctx, const char *name, uint8_t *head, size_t n, size_t *got, struct unrack_error *e)
{
	const struct device *d = find(name);

	(void)ctx;
	memset(head, 0, n);
	*got = n;
	if (!strcmp(d->type, "inactive"))
		return error_errno(e, ENOENT, "can't read the guest's %s", name);
	if (!strcmp(d->type, "ext3")) {
		put_le16(head + 1024 + 0x38, 0xef53);
		put_le16(head + 1024 + 0x3a, d->errors ? 2 : 1);
		put_le32(head + 1024 + 0x5c, 4);
		memset(head + 1024 + 0x68, name[strlen(name) - 1], 16);
		strncpy((char *)head + 1024 + 0x78, d->label, 16);
	} else if (!strcmp(d->type, "swap")) {
		memcpy(head + 4086, "SWAPSPACE2", 10);
	} else if (!strcmp(d->type, "pv")) {
		memcpy(head + 512, "LABELONE", 8);
		memcpy(head + 536, "LVM2 001", 8);
		put_le32(head + 512 + 20, 32);
		memcpy(head + 512 + 32, d->label, strlen(d->label));
	} else if (!strcmp(d->type, "ntfs")) {
		memcpy(head + 3, "NTFS    ", 8);
	}
	return 0;
}

static int fake_mkmountpoint(void *ctx, const char *path, struct unrack_error *e)
{
	(void)ctx, (void)path, (void)e;
	return 0;
}

static int fake_mount(void *ctx, const char *device, const char *fstype, bool writable, const char *where,
		      struct unrack_error *e)
{
	(void)ctx, (void)fstype;
	if (find(device)->broken)
		return error_set(e, UNRACK_DAMAGED, "mount: bad superblock");
	snprintf(mounted[n_mounted].where, 64, "%s", where);
	snprintf(mounted[n_mounted].device, 64, "%s", device);
	mounted[n_mounted++].writable = writable;
	return 0;
}

static int fake_umount_all(void *ctx, struct unrack_error *e)
{
	(void)ctx, (void)e;
	n_mounted = 0;
	return 0;
}

static int fake_space(void *ctx, const char *where, uint64_t *bytes, uint64_t *inodes, struct unrack_error *e)
{
	(void)ctx, (void)where, (void)e;
	*bytes = 1000;
	*inodes = 10;
	return 0;
}

static const struct appliance_ops app_ops = { fake_partitions, fake_volumes, fake_head, fake_mkmountpoint,
					      fake_mount, fake_umount_all, fake_space };
static const struct appliance app = { &app_ops, NULL };

/* --- Its files ----------------------------------------------------------------------------- */

static int fake_read(struct guest *g, const char *path, uint64_t limit, struct buf *out, struct unrack_error *e)
{
	size_t best = 0;
	const char *device = NULL;

	(void)g, (void)limit;
	buf_clear(out);
	for (unsigned i = 0; i < n_mounted; i++) {
		size_t n = strcmp(mounted[i].where, "/") ? strlen(mounted[i].where) : 0;

		if (!strncmp(path, mounted[i].where, n) && path[n] == '/' && n >= best) {
			best = n;
			device = mounted[i].device;
		}
	}
	for (const struct file *f = files; device && f->device; f++)
		if (!strcmp(f->device, device) && !strcmp(f->path, path + best)) {
			if (f->text)
				return buf_puts(out, f->text);
			error_errno(e, EUCLEAN, "can't look at the guest's %s: its filesystem is damaged", path);
			return e->code = UNRACK_DAMAGED;
		}
	return error_errno(e, ENOENT, "can't open the guest's %s", path);
}

static void fake_close(struct guest *g)
{
	free(g);
}

static const struct guest_ops guest_ops = { .read = fake_read, .close = fake_close };

static void on_message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	if (level == LOG_WARN)
		snprintf(warned + strlen(warned), sizeof warned - strlen(warned), "%s\n", text);
}

static uint8_t sector[512];
static const uint8_t *const heads[] = { sector, sector };

static struct guest *mount_all(const struct device *d, const struct file *f, bool writable, int *r)
{
	static const struct log_ops ops = { .message = on_message };
	const struct log log = { .ops = &ops };
	struct guest *g = calloc(1, sizeof *g);

	devices = d;
	files = f;
	n_mounted = 0;
	warned[0] = '\0';
	memset(sector, 0, sizeof sector);
	put_le16(sector + 510, 0xaa55);
	sector[446] = 0x80;
	g->ops = &guest_ops;
	g->disks = 2;
	g->disk_heads = heads;
	g->writable = writable;
	*r = guest_mount_all(g, &app, &log, &err);
	return g;
}

static bool is_mounted(const struct guest *g, unsigned i, const char *where, const char *device, bool writable)
{
	if (i >= g->n_mounts || strcmp(g->mounts[i].where, where) || strcmp(g->mounts[i].device, device))
		return false;
	for (unsigned k = 0; k < n_mounted; k++)
		if (!strcmp(mounted[k].where, where))
			return mounted[k].writable == writable;
	return false;
}

static const char redhat[] = "Red Hat Enterprise Linux Server release 5.11 (Tikanga)\n";

/* A server with cciss names, on two disks. */
static void test_server(void)
{
	static const struct device d[] = {
		{ "/dev/sda1", "ext3", "/boot", false, false }, { "/dev/sda2", "swap", "", false, false },
		{ "/dev/sda3", "ext3", "/", false, false },	{ "/dev/sda4", "", "", false, false },
		{ "/dev/sda5", "ext3", "", false, false },	{ "/dev/sdb1", "ext3", "my data", false, false },
		{ "/dev/sdb2", "ext3", "spare", true, false },	{ NULL, NULL, NULL, false, false },
	};
	static const struct file f[] = {
		{ "/dev/sda3", "/etc/redhat-release", redhat },
		{ "/dev/sda3", "/etc/fstab",
		  "/dev/cciss/c0d1p2 /spare ext3 defaults 1 2\n"
		  "LABEL=my\\040data /srv/the\\040data ext3 defaults 1 2\n"
		  "/dev/cciss/c0d0p3 / ext3 defaults 1 1\n"
		  "LABEL=/boot /boot ext3 defaults 1 2\n"
		  "/dev/cciss/c0d0p5 /var ext3 defaults 1 2\n"
		  "/dev/cciss/c0d0p2 swap swap defaults 0 0\n"
		  "proc /proc proc defaults 0 0\n"
		  "filer:/home /home nfs defaults 0 0\n"
		  "LABEL=gone /gone ext3 defaults 1 2\n"
		  "LABEL=later /later ext3 noauto 1 2\n"
		  "/dev/hdc /media/cdrom iso9660 noauto,ro 0 0\n" },
		{ NULL, NULL, NULL },
	};
	int r;
	struct guest *g = mount_all(d, f, true, &r);

	is_int(r, 0, "a server's filesystems are found");
	ok(is_mounted(g, 0, "/", "/dev/sda3", true), "the root first");
	ok(is_mounted(g, 1, "/boot", "/dev/sda1", true), "/boot by its label");
	ok(is_mounted(g, 2, "/srv/the data", "/dev/sdb1", false), "another disk's by its label, with spaces, and not to be written");
	ok(is_mounted(g, 3, "/var", "/dev/sda5", true), "/var by the old controller's name");
	is_int(g->n_mounts, 4, "and no others");
	ok(g->mounts[2].disk == 1 && g->mounts[2].partition == 1 && g->mounts[2].free_bytes == 1000 &&
		   g->mounts[2].free_inodes == 10 && !strcmp(g->mounts[2].label, "my data"),
	   "with disk, partition, label and space");
	has_str(warned, "/spare is left out", "what can't be mounted is said");
	has_str(warned, "bad superblock", "with the reason");
	has_str(warned, "/gone is left out: the guest mounts LABEL=gone at /gone, but no filesystem here is that",
		"what is not there is said");
	ok(!strstr(warned, "later") && !strstr(warned, "filer") && !strstr(warned, "cdrom"),
	   "what is not mounted at boot, or not from a disk, is no matter");
	is_int(g->n_parts, 7, "all partitions are listed");
	ok(!strcmp(g->parts[1].fstype, "swap") && g->parts[1].partition == 2, "swap among them");
	guest_close(g);
}

static void test_boot_missing(void)
{
	static const struct device d[] = { { "/dev/sda3", "ext3", "/", false, false },
					   { "/dev/sda5", "ext3", "x", false, false },
					   { NULL, NULL, NULL, false, false } };
	static const struct device twins[] = { { "/dev/sda1", "ext3", "/boot", false, false },
					       { "/dev/sda3", "ext3", "/", false, false },
					       { "/dev/sdb1", "ext3", "/boot", false, false },
					       { NULL, NULL, NULL, false, false } };
	static const struct device broken[] = { { "/dev/sda1", "ext3", "/boot", true, false },
						{ "/dev/sda3", "ext3", "/", false, false },
						{ NULL, NULL, NULL, false, false } };
	static const struct device errors[] = { { "/dev/sda1", "ext3", "/boot", false, true },
						{ "/dev/sda3", "ext3", "/", false, false },
						{ NULL, NULL, NULL, false, false } };
	static const struct file f[] = {
		{ "/dev/sda3", "/etc/redhat-release", redhat },
		{ "/dev/sda3", "/etc/fstab", "LABEL=/ / ext3 defaults 1 1\nLABEL=/boot /boot ext3 noauto 1 2\n" },
		{ NULL, NULL, NULL },
	};
	int r;

	guest_close(mount_all(d, f, true, &r));
	is_int(r, UNRACK_DAMAGED, "a missing /boot is an error");
	has_str(err.text, "LABEL=/boot at /boot, but no filesystem here is that; give all disks", "that names it");
	guest_close(mount_all(twins, f, true, &r));
	is_int(r, UNRACK_DAMAGED, "so are two of them");
	has_str(err.text, "more than one filesystem", "never taken by chance");
	guest_close(mount_all(broken, f, true, &r));
	is_int(r, UNRACK_DAMAGED, "and one that can't be mounted");
	has_str(err.text, "partition 1 of disk 0 (ext3, label /boot) can't be mounted: mount: bad superblock",
		"by partition");
	guest_close(mount_all(errors, f, true, &r));
	is_int(r, UNRACK_DAMAGED, "a filesystem with its error flag is not written");
	has_str(err.text, "marked as damaged", "and said to be damaged");
	guest_close(mount_all(errors, f, false, &r));
	is_int(r, 0, "but it may be read");
}

static void test_no_system(void)
{
	static const struct device none[] = { { "/dev/sda", "", "", false, false }, { NULL, NULL, NULL, false, false } };
	static const struct device win[] = { { "/dev/sda1", "ntfs", "", false, false },
					     { "/dev/sda2", "ext3", "data", false, false },
					     { NULL, NULL, NULL, false, false } };
	static const struct device bad[] = { { "/dev/sda1", "ext3", "/", true, false }, { NULL, NULL, NULL, false, false } };
	static const struct device one[] = { { "/dev/sda1", "ext3", "/", false, false }, { NULL, NULL, NULL, false, false } };
	static const struct file empty[] = { { NULL, NULL, NULL } };
	static const struct file unread[] = { { "/dev/sda2", "/etc/fstab", NULL }, { NULL, NULL, NULL } };
	static const struct device blank[] = { { "/dev/sda1", "pv", "", false, false },
					       { "/dev/vg/root", "", "", false, false },
					       { NULL, NULL, NULL, false, false } };
	static const struct file debian[] = { { "/dev/sda1", "/etc/fstab", "" },
					      { "/dev/sda1", "/etc/debian_version", "12.11\n" },
					      { NULL, NULL, NULL } };
	static const struct file suse[] = { { "/dev/sda1", "/etc/fstab", "" },
					    { "/dev/sda1", "/etc/os-release", "NAME=x\nPRETTY_NAME=\"SUSE Linux 12\"\n" },
					    { NULL, NULL, NULL } };
	static const struct file md[] = { { "/dev/sda1", "/etc/fstab", "/dev/md0 / ext3 defaults 1 1\n" },
					  { "/dev/sda1", "/etc/redhat-release", redhat },
					  { NULL, NULL, NULL } };
	int r;

	guest_close(mount_all(none, empty, false, &r));
	is_int(r, UNRACK_UNSUPPORTED, "an empty disk has no system");
	has_str(err.text, "no operating system was found", "said so");
	has_str(err.text, "no filesystem that is known", "with what there is");
	guest_close(mount_all(win, empty, false, &r));
	is_int(r, UNRACK_UNSUPPORTED, "nor has a disk of data");
	has_str(err.text, "partition 1 of disk 0 (ntfs), partition 2 of disk 0 (ext3, label data)", "all of it named");
	guest_close(mount_all(bad, empty, false, &r));
	is_int(r, UNRACK_DAMAGED, "a root that can't be mounted is damage");
	has_str(err.text, "bad superblock; check it with fsck", "with what to do");
	has_str(err.text, "partition 1 of disk 0 (ext3, label /) can't be mounted: mount: bad", "and where");
	guest_close(mount_all(win, unread, false, &r));
	is_int(r, UNRACK_DAMAGED, "so is one that can't be read");
	has_str(err.text, "partition 2 of disk 0 (ext3, label data) can't be read: can't look at the guest's "
		"/etc/fstab: its filesystem is damaged: ", "which is said, with the guest's name of the file");
	guest_close(mount_all(blank, empty, false, &r));
	is_int(r, UNRACK_UNSUPPORTED, "a volume without a filesystem has no system");
	has_str(err.text, "(there is partition 1 of disk 0 (LVM2_member), /dev/vg/root with nothing that is known)",
		"but is named");
	guest_close(mount_all(one, debian, false, &r));
	is_int(r, UNRACK_UNSUPPORTED, "another distribution is not for us");
	has_str(err.text, "the system is Debian 12.11; unrack knows Red Hat", "by its name");
	guest_close(mount_all(one, suse, false, &r));
	has_str(err.text, "the system is SUSE Linux 12;", "or by that in os-release");
	guest_close(mount_all(one, md, true, &r));
	is_int(r, UNRACK_UNSUPPORTED, "a leg of an array is not taken for the root");
	has_str(err.text, "/dev/md0", "and the array named");
}

static void test_several_roots(void)
{
	static const struct device d[] = { { "/dev/sda1", "ext3", "/boot", false, false },
					   { "/dev/sda2", "ext3", "/old", false, false },
					   { "/dev/sda3", "ext3", "/new", false, false },
					   { NULL, NULL, NULL, false, false } };
	static const char fstab[] = "/dev/hda3 / ext3 defaults 1 1\n";
	static const char conf[] = "default=1\ntitle old\n\tkernel /vmlinuz ro root=/dev/hda2\n"
				   "title new\n\tkernel /vmlinuz ro root=LABEL=/new\n";
	static const struct file named[] = { { "/dev/sda1", "/grub/grub.conf", conf },
					     { "/dev/sda2", "/etc/fstab", "/dev/hda2 / ext3 defaults 1 1\n" },
					     { "/dev/sda2", "/etc/redhat-release", "Red Hat Linux release 9 (Shrike)\n" },
					     { "/dev/sda3", "/etc/fstab", fstab },
					     { "/dev/sda3", "/etc/redhat-release", redhat },
					     { NULL, NULL, NULL } };
	int r;
	struct guest *g = mount_all(d, named, false, &r);

	is_int(r, 0, "of two systems");
	ok(is_mounted(g, 0, "/", "/dev/sda3", false), "the one that the boot loader's default entry starts is taken");
	guest_close(g);
	guest_close(mount_all(d, named + 1, false, &r));
	is_int(r, UNRACK_UNSUPPORTED, "without a loader that says so, none is");
	has_str(err.text, "partition 2 of disk 0 (ext3, label /old): Red Hat Linux release 9 (Shrike); partition 3",
		"and both are named");
}

static void test_lvm(void)
{
	static const struct device d[] = { { "/dev/sda1", "ext3", "/boot", false, false },
					   { "/dev/sda2", "pv", "", false, false },
					   { "/dev/Vol-Group00/LogVol00", "ext3", "", false, false },
					   { "/dev/Vol-Group00/var", "ext3", "", false, false },
					   { NULL, NULL, NULL, false, false } };
	static const struct file f[] = { { "/dev/Vol-Group00/LogVol00", "/etc/redhat-release", redhat },
					 { "/dev/Vol-Group00/LogVol00", "/etc/fstab",
					   "/dev/Vol-Group00/LogVol00 / ext3 defaults 1 1\n"
					   "/dev/mapper/Vol--Group00-var /var ext3 defaults 1 2\n"
					   "/dev/sda1 /boot ext3 defaults 1 2\n" },
					 { "/dev/sda1", "/grub/device.map", "(hd0) /dev/sda\n" },
					 { NULL, NULL, NULL } };
	int r;
	struct guest *g = mount_all(d, f, true, &r);

	is_int(r, 0, "a system on logical volumes");
	ok(is_mounted(g, 0, "/", "/dev/Vol-Group00/LogVol00", true) && g->mounts[0].disk == -1, "has its root on one");
	ok(is_mounted(g, 1, "/boot", "/dev/sda1", true), "/boot on a partition");
	ok(is_mounted(g, 2, "/var", "/dev/Vol-Group00/var", true), "and a volume by its mapper name");
	guest_close(g);
}

static void test_incomplete_group(void)
{
	static const struct device d[] = { { "/dev/sda1", "ext3", "/boot", false, false },
					   { "/dev/sda2", "pv", "", false, false },
					   { "/dev/VolGroup00/LogVol00", "inactive", "", false, false },
					   { NULL, NULL, NULL, false, false } };
	static const struct file f[] = { { NULL, NULL, NULL } };
	int r;

	guest_close(mount_all(d, f, true, &r));
	is_int(r, UNRACK_UNSUPPORTED, "half a volume group has no system");
	has_str(warned, "/dev/VolGroup00/LogVol00 is left out: its volume group is not complete; give all disks",
		"and the reason is said");
}

static void test_duplicates(void)
{
	static const char uuid[] = "abcdefghijklmnopqrstuvwxyz012345";
	static const struct device twins[] = { { "/dev/sda1", "pv", uuid, false, false },
					       { "/dev/sdb1", "pv", uuid, false, false },
					       { "/dev/vg/root", "ext3", "", false, false },
					       { NULL, NULL, NULL, false, false } };
	static const struct device groups[] = { { "/dev/sda1", "pv", uuid, false, false },
						{ "/dev/sdb1", "pv", "zbcdefghijklmnopqrstuvwxyz012345", false, false },
						{ "/dev/vg/root", "ext3", "", false, false },
						{ "/dev/vg/root", "ext3", "", false, false },
						{ NULL, NULL, NULL, false, false } };
	static const struct file f[] = { { "/dev/vg/root", "/etc/redhat-release", redhat },
					 { "/dev/vg/root", "/etc/fstab", "/dev/vg/root / ext3 defaults 1 1\n" },
					 { NULL, NULL, NULL } };
	struct guest *g;
	int r;

	guest_close(mount_all(twins, f, true, &r));
	is_int(r, UNRACK_UNSAFE, "a physical volume that is there twice");
	has_str(err.text, "partition 1 of disk 0 (LVM2_member) and partition 1 of disk 1 (LVM2_member) are one physical volume of LVM "
		"twice (abcdef-ghij-klmn-opqr-stuv-wxyz-012345)", "is not used by chance");
	guest_close(mount_all(groups, f, true, &r));
	is_int(r, UNRACK_UNSAFE, "nor are two groups of one name");
	has_str(err.text, "there are two volumes /dev/vg/root, in two volume groups of one name", "which is said");
	g = mount_all(twins + 1, f, true, &r);
	is_int(r, 0, "one of them alone is: %s", err.text);
	guest_close(g);
}

static void test_hardware_names(void)
{
	static const struct device d[] = { { "/dev/sda1", "ext3", "", false, false },
					   { "/dev/sda3", "ext3", "", false, false },
					   { NULL, NULL, NULL, false, false } };
	static const struct device two[] = { { "/dev/sda1", "ext3", "", false, false },
					     { "/dev/sda3", "ext3", "", false, false },
					     { "/dev/sdb3", "ext3", "", false, false },
					     { NULL, NULL, NULL, false, false } };
	static const struct file f[] = {
		{ "/dev/sda3", "/etc/redhat-release", redhat },
		{ "/dev/sda3", "/etc/fstab", "/dev/mapper/mpathap3 / ext3 defaults 1 1\n/dev/mapper/mpatha1 /boot ext3 defaults 1 2\n" },
		{ "/dev/sda1", "/grub2/grub.cfg", "" },
		{ NULL, NULL, NULL },
	};
	struct guest *g;
	int r;

	g = mount_all(d, f, true, &r);
	is_int(r, 0, "names of multipath: %s", err.text);
	ok(is_mounted(g, 1, "/boot", "/dev/sda1", true), "on a single disk by the partition's number");
	guest_close(g);
	g = mount_all(two, f, true, &r);
	is_int(r, 0, "on two disks: %s", err.text);
	ok(is_mounted(g, 1, "/boot", "/dev/sda1", true), "/boot by its content");
	guest_close(g);
}

static void test_grub2_roots(void)
{
	static const struct device d[] = { { "/dev/sda1", "ext3", "/boot", false, false },
					   { "/dev/sda2", "ext3", "/old", false, false },
					   { "/dev/sda3", "ext3", "/new", false, false },
					   { NULL, NULL, NULL, false, false } };
	static const char menu[] = "set default=\"1\"\nmenuentry a {\nlinux16 /v root=LABEL=/old\n}\nmenuentry b {\nlinux16 /v root=LABEL=/new\n}\n";
	static char env[1025];
	static const struct file by_menu[] = { { "/dev/sda1", "/grub2/grub.cfg", menu },
					       { "/dev/sda2", "/etc/fstab", "" },
					       { "/dev/sda2", "/etc/redhat-release", redhat },
					       { "/dev/sda3", "/etc/fstab", "LABEL=/new / ext3 defaults 1 1\n" },
					       { "/dev/sda3", "/etc/redhat-release", redhat },
					       { NULL, NULL, NULL } };
	static const struct file by_entry[] = { { "/dev/sda1", "/grub2/grub.cfg", "set default=\"${saved_entry}\"\nblscfg\n" },
						{ "/dev/sda1", "/grub2/grubenv", env },
						{ "/dev/sda1", "/loader/entries/m-5.conf", "linux /v\noptions $kernelopts\n" },
						{ "/dev/sda2", "/etc/fstab", "" },
						{ "/dev/sda2", "/etc/redhat-release", redhat },
						{ "/dev/sda3", "/etc/fstab", "LABEL=/new / ext3 defaults 1 1\n" },
						{ "/dev/sda3", "/etc/redhat-release", redhat },
						{ NULL, NULL, NULL } };
	static const char lines[] = "# GRUB Environment Block\nsaved_entry=m-5\nkernelopts=root=LABEL=/new ro\n";
	struct guest *g;
	int r;

	g = mount_all(d, by_menu, false, &r);
	is_int(r, 0, "of two systems GRUB 2 starts one: %s", err.text);
	ok(is_mounted(g, 0, "/", "/dev/sda3", false), "by its menu");
	guest_close(g);
	memset(env, '#', 1024);
	memcpy(env, lines, sizeof lines - 1);
	g = mount_all(d, by_entry, false, &r);
	is_int(r, 0, "by an entry: %s", err.text);
	ok(is_mounted(g, 0, "/", "/dev/sda3", false), "whose arguments are in grubenv");
	guest_close(g);
	memcpy(env + 25, "saved_entry=m-6", 15);
	guest_close(mount_all(d, by_entry, false, &r));
	is_int(r, UNRACK_UNSUPPORTED, "an entry that is not there");
	has_str(err.text, "there are 2 systems, and the boot loader of the first disk does not say which one starts", "says nothing");
}

static void test_names(void)
{
	static const struct {
		unsigned disk;
		const char *name;
	} disks[] = { { 0, "/dev/sda" }, { 25, "/dev/sdz" }, { 26, "/dev/sdaa" }, { 701, "/dev/sdzz" }, { 702, "/dev/sdaaa" } };
	int disk, partition;

	for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++) {
		char name[16];

		guest_parts_disk_name(disks[i].disk, name);
		is_str(name, disks[i].name, "disk %u", disks[i].disk);
		ok(guest_parts_parse_name(name, &disk, &partition) && disk == (int)disks[i].disk && partition == 0,
		   "and back");
	}
	ok(guest_parts_parse_name("/dev/sdb12", &disk, &partition) && disk == 1 && partition == 12, "a partition");
	ok(!guest_parts_parse_name("/dev/sd", &disk, &partition) &&
		   !guest_parts_parse_name("/dev/sda1x", &disk, &partition) &&
		   !guest_parts_parse_name("/dev/vg/root", &disk, &partition),
	   "other names are none");
}

int main(void)
{
	test_server();
	test_boot_missing();
	test_no_system();
	test_several_roots();
	test_lvm();
	test_incomplete_group();
	test_duplicates();
	test_hardware_names();
	test_grub2_roots();
	test_names();
	return tap_done();
}
