/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `unrack initrd` makes of words: names of files, renamings, roots, names for a terminal. */
#include <sys/stat.h>

#include "../../p2v/cmd/initrd_guest.h"
#include "../../p2v/cmd/initrd_modules.h"
#include "../../p2v/cmd/initrd_rename.h"
#include "../../p2v/cmd/initrd_root.h"
#include "../../p2v/cmd/initrd_text.h"
#include "../support/tap.h"

static struct unrack_error err;

static void test_kernels_of_names(void)
{
	static const char *const names[][2] = {
		{ "/boot/initrd-2.6.18-398.el5.img", "2.6.18-398.el5" },
		{ "initramfs-5.14.0-70.13.1.el9_0.x86_64.img", "5.14.0-70.13.1.el9_0.x86_64" },
		{ "initrd-2.4.21-4.ELsmp.img", "2.4.21-4.ELsmp" },
		{ "initrd-2.6.9-5.EL-phys.img", "2.6.9-5.EL" },
		{ "/mnt/initrd.img-6.1.0-9-amd64", "6.1.0-9-amd64" },
		{ "initrd-2.6.18-398.el5", "2.6.18-398.el5" },
		{ "initramfs-0-rescue-0123456789abcdef.img", "0-rescue-0123456789abcdef" },
		{ "/initrd-1.img/initrd", "" },
		{ "initrd.img", "" },
		{ "initrd-plymouth.img", "" },
		{ "vmlinuz-2.6.18", "" },
		{ "", "" },
		{ "initrd-2.6.18-398.el5-and-a-name-that-is-longer-than-what-there-is-room-for.img", "" },
	};
	char out[40];

	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		initrd_modules_of_name(names[k][0], out, sizeof out);
		is_str(out, names[k][1], "the kernel of %s", names[k][0]);
	}
}

static void test_releases(void)
{
	static const struct { const char *kver; int release; } kernels[] = {
		{ "2.4.9-e.72smp", 2 }, { "2.4.21-47.ELsmp", 3 }, { "2.6.9-89.EL", 4 }, { "2.6.18-398.el5", 5 },
		{ "2.6.32-754.el6.x86_64", 0 }, { "3.10.0-1160.el7.x86_64", 0 }, { "2.2.14-5.0", 0 }, { "nonsense", 0 }, { "", 0 },
	};

	for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++)
		is_int(initrd_guest_release(kernels[k].kver), kernels[k].release, "the release of kernel \"%s\"", kernels[k].kver);
}

static void test_renames(void)
{
	struct option_list list = { .n = 4, .at = { "/dev/cciss/c0d0p2=/dev/sda2", "/dev/hda3=", "LABEL=/=UUID=1-2",
						    "UUID=5=/dev/sdb=x" } };
	static const char *const bad[] = { "", "/dev/sda", "=/dev/sda", "LABEL=/", "LABEL==/dev/sda" };
	struct initrd_answer a = { .root = "/dev/cciss/c0d0p2", .resume = "/dev/hda3" };
	struct initrd_renames r;

	is_int(initrd_rename_parse(&list, &r, &err), 0, "renamings");
	is_int(r.n, 4, "all of them");
	is_str(r.pairs[0][0], "/dev/cciss/c0d0p2", "the old name");
	is_str(r.pairs[0][1], "/dev/sda2", "the new name");
	is_str(r.pairs[1][0], "/dev/hda3", "one that goes");
	ok(!r.pairs[1][1], "has no new name");
	is_str(r.pairs[2][0], "LABEL=/", "a label");
	is_str(r.pairs[2][1], "UUID=1-2", "that becomes a UUID");
	is_str(r.pairs[3][0], "UUID=5", "a UUID");
	is_str(r.pairs[3][1], "/dev/sdb=x", "and an = in the new name");
	initrd_rename_free(&r);
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		list = (struct option_list){ .n = 1, .at = { bad[k] } };
		is_int(initrd_rename_parse(&list, &r, &err), UNRACK_USAGE, "\"%s\" is none", bad[k]);
		has_str(err.text, "--rename takes OLD=NEW", "which is said");
		initrd_rename_free(&r);
	}
	list = (struct option_list){ .n = 2, .at = { "/dev/a=/dev/b", "/dev/a=/dev/c" } };
	is_int(initrd_rename_parse(&list, &r, &err), UNRACK_USAGE, "one name twice");
	has_str(err.text, "gives /dev/a two new names", "is said");
	initrd_rename_free(&r);

	ok(initrd_rename_mentioned(&a, "/dev/cciss/c0d0p2") && initrd_rename_mentioned(&a, "/dev/hda3"), "root and resume");
	ok(!initrd_rename_mentioned(&a, "/dev/md0"), "are all that is mentioned");
	buf_puts(&a.mentions, "/dev/md01\n/dev/md0\n");
	ok(initrd_rename_mentioned(&a, "/dev/md0") && !initrd_rename_mentioned(&a, "/dev/md"), "others are whole names, too");
	buf_free(&a.mentions);
}

static void test_roots(void)
{
	static const struct { const char *device, *volume; bool md; } roots[] = {
		{ "/dev/mapper/rhel-root", "rhel/root", false },
		{ "/dev/mapper/my--vg-lv--1", "my-vg/lv-1", false },
		{ "/dev/VolGroup00/LogVol00", "VolGroup00/LogVol00", false },
		{ "/dev/mapper/mpatha2", NULL, false }, { "/dev/mapper/luks-root", NULL, false },
		{ "/dev/mapper/mpatha-part2", NULL, false }, { "/dev/mapper/mpathvg-root", "mpathvg/root", false },
		{ "/dev/emcpowervg/root", "emcpowervg/root", false }, { "/dev/emcpowera2", NULL, false },
		{ "/dev/mapper/control", NULL, false },
		{ "/dev/mapper/-root", NULL, false },
		{ "/dev/mapper/a-", NULL, false },
		{ "/dev/mapper/a-b-c", NULL, false },
		{ "/dev/cciss/c0d0p2", NULL, false },
		{ "/dev/disk/by-label", NULL, false },
		{ "/dev/a/b/c", NULL, false },
		{ "/dev/sda2", NULL, false },
		{ "LABEL=/", NULL, false },
		{ "/dev/md0", NULL, true },
		{ "/dev/md/root", NULL, true },
		{ "/dev/mdx", NULL, false },
	};
	static const struct {
		const char *args;
		bool md;
	} arrays[] = {
		{ "root=UUID=aa rd.md.uuid=1:2:3:4", true },
		{ "root=LABEL=/ rd_MD_UUID=1:2:3:4", true },
		{ "rd.md.uuid=1:2:3:4", true },
		{ "root=/dev/mapper/vg-root rd.md.uuid=1:2:3:4", true },
		{ "root=/dev/disk/by-uuid/aa rd.md.uuid=1:2:3:4", true },
		{ "root=/dev/sda2 rd.md.uuid=1:2:3:4", false },
		{ "root=UUID=aa rd.md.uuid=", false },
		{ "root=UUID=aa rd.md=1", false },
	};
	struct initrd_root r;
	char name[300];

	for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) {
		is_int(initrd_root_parse(NULL, NULL, arrays[k].args, &r, &err), 0, "%s", arrays[k].args);
		ok(r.needs.root_on_md == arrays[k].md, "whether root is on md");
	}
	for (size_t k = 0; k < sizeof roots / sizeof *roots; k++) {
		is_int(initrd_root_parse(roots[k].device, NULL, NULL, &r, &err), 0, "root on %s", roots[k].device);
		ok(r.known && r.needs.root_on_lvm == (roots[k].volume != NULL) && r.needs.root_on_md == roots[k].md, "what that is");
		if (roots[k].volume)
			is_str(r.needs.root_volume, roots[k].volume, "its volume");
	}
	is_int(initrd_root_parse(NULL, NULL, " ro root=/dev/sda1 rootfstype=ext3\troot=/dev/vg/lv quiet", &r, &err), 0, "arguments");
	is_str(r.needs.root_volume, "vg/lv", "the last root= counts");
	is_str(r.needs.root_fs, "ext3", "and the kind");
	is_int(initrd_root_parse("/dev/md1", "xfs", "root=/dev/vg/lv rootfstype=ext3", &r, &err), 0, "all of them");
	ok(r.needs.root_on_md && !r.needs.root_on_lvm && !strcmp(r.needs.root_fs, "xfs"), "options come before arguments");
	is_int(initrd_root_parse(NULL, NULL, NULL, &r, &err), 0, "nothing");
	ok(!r.known && !r.needs.root_fs && !r.needs.root_volume && !r.needs.arguments, "is nothing");
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	is_int(initrd_root_parse(name, NULL, NULL, &r, &err), UNRACK_USAGE, "a name that is too long");
	is_int(initrd_root_parse(NULL, name, NULL, &r, &err), UNRACK_USAGE, "a kind, too");
}

/* Names that no disk behind a controller has. */
static void test_strange_roots(void)
{
	static const struct { const char *root; bool scsi, ide, nvme; } rows[] = {
		{ "/dev/sda2", false, false, true }, { "/dev/hda2", true, false, true }, { "/dev/nvme0n1p2", true, true, false },
		{ "/dev/cciss/c0d0p2", true, true, true }, { "/dev/ida/c0d0p2", true, true, true }, { "/dev/vda2", true, true, true },
		{ "/dev/xvda2", true, true, true }, { "/dev/mapper/mpath0p2", true, true, true },
		{ "/dev/disk/by-path/pci-0000:03:00.0-part2", true, true, true }, { "/dev/disk/by-id/dm-uuid-LVM-x", false, false, false },
		{ "/dev/disk/by-id/scsi-36000c291f9a5e2d4-part2", false, false, false }, { "/dev/mapper/mpathvg-root", false, false, false },
		{ "/dev/disk/by-id/scsi-3600508b1001c-part2", true, true, true },
		{ "/dev/mapper/vg-root", false, false, false }, { "/dev/vg/root", false, false, false }, { "/dev/md0", false, false, false },
		{ "LABEL=/", false, false, false }, { "UUID=x", false, false, false }, { "", false, false, false },
		{ "cciss/c0d0p2", false, false, false },
	};
	char text[200];

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		is_int(initrd_root_strange(rows[k].root, disk_device_find(SCSI_PVSCSI)), rows[k].scsi, "%s behind SCSI", rows[k].root);
		is_int(initrd_root_strange(rows[k].root, disk_device_find(SCSI_IDE)), rows[k].ide, "behind IDE");
		is_int(initrd_root_strange(rows[k].root, disk_device_find(SCSI_NVME)), rows[k].nvme, "behind NVMe");
		ok(!initrd_root_strange(rows[k].root, NULL), "behind something");
	}
	initrd_root_say_strange("/dev/hda2", disk_device_find(SCSI_PVSCSI), text, sizeof text);
	is_str(text, "root is /dev/hda2, and no disk behind pvscsi is called that; name root by its label or UUID, or as it is "
	       "called there", "what is said of it");
}

static void test_modes(void)
{
	static const struct { uint32_t mode; const char *text; } modes[] = {
		{ S_IFREG | 0644, "-rw-r--r--" }, { S_IFDIR | 01777, "drwxrwxrwt" }, { S_IFDIR | 01776, "drwxrwxrwT" },
		{ S_IFLNK | 0777, "lrwxrwxrwx" }, { S_IFCHR | 0600, "crw-------" }, { S_IFBLK | 0660, "brw-rw----" },
		{ S_IFIFO | 0, "p---------" }, { S_IFSOCK | 0755, "srwxr-xr-x" }, { S_IFREG | 06755, "-rwsr-sr-x" },
		{ S_IFREG | 06644, "-rwSr-Sr--" }, { 0100, "?--x------" },
	};
	struct buf b CLEANUP_BUF = { 0 };
	char out[11];

	for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
		initrd_text_mode(modes[k].mode, out);
		is_str(out, modes[k].text, "mode %o", modes[k].mode);
	}
	initrd_text_name(&b, "a\033[2J\n\\\177\303\266", 10);
	is_str(buf_str(&b), "a\\033[2J\\012\\134\\177\303\266", "nothing that a terminal would obey");
}

int main(void)
{
	test_kernels_of_names();
	test_releases();
	test_renames();
	test_roots();
	test_strange_roots();
	test_modes();
	return tap_done();
}
