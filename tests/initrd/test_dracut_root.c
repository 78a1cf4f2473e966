/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the disks to the filesystem on them: md, LVM, filesystems, by images of dracut. */
#include "made_guest.h"

static const char root_dep[] =
	"kernel/drivers/scsi/scsi_mod.ko.xz:\n"
	"kernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/scsi/vmw_pvscsi.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n"
	"kernel/drivers/md/dm-mod.ko.xz:\n"
	"kernel/drivers/md/raid1.ko.xz:\n"
	"kernel/drivers/md/raid0.ko.xz:\n"
	"kernel/lib/libcrc32c.ko.xz:\n"
	"kernel/fs/ext4/ext4.ko.xz:\n"
	"kernel/fs/xfs/xfs.ko.xz: kernel/lib/libcrc32c.ko.xz\n";

struct image {
	bool lvm, md;
	const char *without;   /* a member */
	const char *extra[2];  /* one more */
	bool el6;
};

/* All that root may need but what is left out. */
static struct initrd *image_of(struct buf *b, const struct image *s)
{
	static const char *const files[][2] = {
		{ "usr/sbin/lvm", "\177ELF lvm" },
		{ "usr/sbin/lvm_scan", "#!/bin/sh\n" },
		{ "usr/lib/udev/rules.d/64-lvm.rules", "RUN+=\"/sbin/initqueue --settled --onetime /sbin/lvm_scan\"\n" },
		{ "usr/sbin/mdadm", "\177ELF mdadm" },
		{ "usr/lib/udev/rules.d/65-md-incremental-imsm.rules", "RUN+=\"/sbin/mdadm -I $env{DEVNAME}\"\n" },
	};
	CLEANUP_BUF struct buf dep = { 0 };
	const char *gate = s->el6 ? "getarg rd_NO_LVM\n" : "getargbool 0 rd.auto\n";

	made_el7(b);
	for (const char *p = root_dep; *p; p = strchr(p, '\n') + 1)
		if (!s->without || strncmp(p, s->without, strlen(s->without)) != 0)
			buf_append(&dep, p, (size_t)(strchr(p, '\n') + 1 - p));
	made_modules(b, EL7_DIR, buf_str(&dep));
	made_indexes(b, EL7_DIR, buf_str(&dep), made_alias);
	for (size_t k = 0; k < 5; k++)
		if ((k < 3 ? s->lvm : s->md) && !(s->without && !strcmp(s->without, files[k][0])))
			made_text(b, files[k][0], files[k][1]);
	made_text(b, "usr/lib/dracut/hooks/cmdline/30-parse-lvm.sh", gate);
	made_text(b, "usr/lib/dracut/hooks/pre-trigger/30-parse-md.sh", gate);
	if (s->extra[0])
		made_text(b, s->extra[0], s->extra[1]);
	return made_close(b);
}

static void check(const struct image *s, const struct initrd_needs *needs, enum initrd_link link, const char *text)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i = image_of(&b, s);
	struct initrd_answer a;
	const char *wanted = "vmw_pvscsi";

	err = (struct unrack_error)UNRACK_ERROR_INIT;
	is_int(initrd_check_needs(i, tree, &wanted, 1, needs, &a, &err), 0, "checks");
	is_str(initrd_link_name(a.missing_link), initrd_link_name(link), "the link");
	ok(a.loads, "which is not the driver");
	if (text)
		is_str(a.text, text, "in words");
	is_int(a.missing.len == 0, link == INITRD_LINK_NONE, "with a reason");
	initrd_answer_free(&a);
	initrd_close(i);
}

static void volumes(void)
{
	const struct initrd_needs lvm = { .root_on_lvm = true };
	struct initrd_needs n = lvm;
	struct image all = { .lvm = true }, none = { 0 }, s = { .lvm = true };

	check(&none, NULL, INITRD_LINK_NONE, "it holds vmw_pvscsi and all that it needs");
	check(&none, &(struct initrd_needs){ 0 }, INITRD_LINK_NONE, NULL);
	check(&all, &lvm, INITRD_LINK_NONE, NULL);
	check(&none, &lvm, INITRD_LINK_VOLUME, "root is on LVM, and lvm is not in it");
	s.without = "usr/lib/udev/rules.d/64-lvm.rules";
	check(&s, &lvm, INITRD_LINK_VOLUME, "root is on LVM, and no rule of udev in it activates volumes");
	s.without = "usr/sbin/lvm_scan";
	check(&s, &lvm, INITRD_LINK_VOLUME, "root is on LVM, and lvm_scan, which its rules of udev run, is not in it");
	s.without = "kernel/drivers/md/dm-mod";
	check(&s, &lvm, INITRD_LINK_VOLUME, "root is on LVM, and dm_mod is not in it");
	/* what the arguments say */
	n.arguments = "ro root=/dev/mapper/vg-root rd.lvm.lv=vg/root rd.lvm.lv=vg/swap";
	n.root_volume = "vg/root";
	check(&all, &n, INITRD_LINK_NONE, NULL);
	n.root_volume = "vg/other";
	check(&all, &n, INITRD_LINK_VOLUME, "root is on the volume vg/other, and the kernel's arguments name only others for it "
	      "to activate");
	n.arguments = "rd.lvm.vg=vg";
	check(&all, &n, INITRD_LINK_NONE, NULL);
	n.arguments = "ro";
	check(&all, &n, INITRD_LINK_VOLUME, "root is on LVM, and no rd.lvm.lv= is among the kernel's arguments; it activates "
	      "only volumes that are named so");
	n.arguments = "rd.auto=0 rd.auto";
	check(&all, &n, INITRD_LINK_NONE, NULL);
	n.arguments = "rd.lvm.lv=vg/other rd.lvm=0";
	check(&all, &n, INITRD_LINK_VOLUME, "root is on LVM, which the kernel's arguments turn off");
	n.arguments = "ro";
	s = (struct image){ .lvm = true, .extra = { "etc/cmdline.d/90lvm.conf", "rd.lvm.lv=vg/other\n" } };
	check(&s, &n, INITRD_LINK_NONE, NULL);
	/* dracut 004 activates all of them */
	s = (struct image){ .lvm = true, .el6 = true };
	check(&s, &n, INITRD_LINK_NONE, NULL);
	n.arguments = "rd_NO_LVM";
	check(&s, &n, INITRD_LINK_VOLUME, "root is on LVM, which the kernel's arguments turn off");
	n.arguments = "rd_LVM_LV=vg/x";
	check(&s, &n, INITRD_LINK_VOLUME, NULL);
}

static void arrays(void)
{
	struct initrd_needs md = { .root_on_md = true };
	struct image all = { .md = true }, none = { 0 }, s = { .md = true };

	check(&all, &md, INITRD_LINK_NONE, NULL);
	check(&none, &md, INITRD_LINK_ARRAY, "root is on md, and mdadm is not in it");
	s.without = "usr/lib/udev/rules.d/65-md-incremental-imsm.rules";
	check(&s, &md, INITRD_LINK_ARRAY, "root is on md, and no rule of udev in it runs mdadm");
	s.without = "kernel/drivers/md/raid";
	check(&s, &md, INITRD_LINK_ARRAY, "root is on md, and the modules of RAID are not in it");
	md.arguments = "ro";
	check(&all, &md, INITRD_LINK_ARRAY, "root is on md, and no rd.md.uuid= is among the kernel's arguments; it starts only "
	      "arrays that are named so");
	md.arguments = "rd.md.uuid=1:2:3:4";
	check(&all, &md, INITRD_LINK_NONE, NULL);
	md.arguments = "rd.md.uuid=1:2:3:4 rd.md=no";
	check(&all, &md, INITRD_LINK_ARRAY, "root is on md, which the kernel's arguments turn off");
	/* the first link that is missing is told of several */
	md.root_on_lvm = true;
	check(&none, &md, INITRD_LINK_ARRAY, "root is on md, and mdadm is not in it (and 1 more)");
}

static void filesystems(void)
{
	struct initrd_needs n = { .root_fs = "xfs" };
	struct image s = { 0 };

	check(&s, &n, INITRD_LINK_NONE, NULL);
	s.without = "kernel/fs/xfs";
	check(&s, &n, INITRD_LINK_FILESYSTEM, "root is xfs, and xfs is not in it");
	n.root_fs = "ext3";
	check(&s, &n, INITRD_LINK_NONE, NULL);
	s.without = "kernel/fs/ext4";
	check(&s, &n, INITRD_LINK_FILESYSTEM, "root is ext3, and ext4 is not in it");
	n.root_fs = "jfs"; /* the kernel has no such module: it is in the kernel, or nowhere */
	check(&s, &n, INITRD_LINK_NONE, NULL);
	n.root_fs = "xfs";
	s = (struct image){ .extra = { EL7_DIR "kernel/lib/libcrc32c.ko.xz", "" } };
	check(&s, &n, INITRD_LINK_FILESYSTEM, "xfs is in it, but not all that its modules.dep.bin says it needs");
}

/* What is told without being asked for. */
static void told(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct image s = { .lvm = true, .md = true, .extra = { "etc/mdadm.conf",
		"DEVICE partitions\nARRAY /dev/md0 level=raid1 UUID=1:2:3:4\n# ARRAY none\narray /dev/md/root UUID=5\n" } };
	const struct initrd_needs n = { .arguments = "rd.md.uuid=1:2:3:4 rd.lvm.lv=vg/root rd.lvm.vg=data rd.lvm.lv=vg/root" };
	const char *wanted = "vmw_pvscsi";
	struct initrd_answer a;
	struct initrd *i = image_of(&b, &s);

	is_int(initrd_check(i, tree, &wanted, 1, &a, &err), 0, "checks");
	is_str(buf_str(&a.arrays), "/dev/md0\n/dev/md/root\n", "arrays of mdadm.conf");
	is_str(buf_str(&a.volumes), "", "volumes: none is named");
	is_str(buf_str(&a.filesystems), "ext4\nxfs\n", "filesystems that it holds");
	is_str(buf_str(&a.files), EL7_DIR "kernel/drivers/scsi/scsi_mod.ko.xz\n" EL7_DIR "kernel/drivers/scsi/sd_mod.ko.xz\n"
	       EL7_DIR "kernel/drivers/scsi/vmw_pvscsi.ko.xz\n", "where modules are");
	initrd_answer_free(&a);
	is_int(initrd_check_needs(i, tree, &wanted, 1, &n, &a, &err), 0, "with the loader's arguments");
	is_str(buf_str(&a.arrays), "1:2:3:4\n", "arrays that they name");
	is_str(buf_str(&a.volumes), "vg/root\ndata\n", "volumes and groups");
	initrd_answer_free(&a);
	initrd_close(i);
	is_str(initrd_link_name(INITRD_LINK_OLD_DISKS), "old-disks", "links have names");
}

/* The repair puts in what the kernel has for root. */
static void repaired(void)
{
	const struct initrd_needs n = { .root_fs = "xfs", .root_on_lvm = true, .root_on_md = true };
	struct image s = { .md = true, .without = "kernel/" };
	struct fixture f;
	struct initrd *i;

	set_up(&f, "vmw_pvscsi");
	guest_free(&f.g);
	guest_new(&f.g, root_dep, made_alias);
	f.c.needs = &n;
	i = image_of(&f.base, &s);
	initrd_write(i, &f.base, &err);
	initrd_close(i);
	is_int(change(&f), UNRACK_UNSUPPORTED, "LVM without lvm");
	is_str(err.text, "initrd.img: cannot be repaired: root is on LVM, and lvm is not in it", "is refused");
	s.lvm = true;
	buf_clear(&f.base);
	i = image_of(&f.base, &s);
	initrd_write(i, &f.base, &err);
	initrd_close(i);
	is_int(change(&f), 0, "modules that are missing: %s", err.text);
	i = made_open(&f.out);
	ok(initrd_find(i, EL7_DIR "kernel/fs/xfs/xfs.ko.xz") && initrd_find(i, EL7_DIR "kernel/lib/libcrc32c.ko.xz"),
	   "the filesystem's come, with what it needs");
	ok(initrd_find(i, EL7_DIR "kernel/drivers/md/dm-mod.ko.xz") && initrd_find(i, EL7_DIR "kernel/drivers/md/raid1.ko.xz"),
	   "and those of LVM and RAID");
	ok(!initrd_find(i, EL7_DIR "kernel/fs/ext4/ext4.ko.xz"), "no others");
	initrd_close(i);
	again(&f);
	tear_down(&f);
}

int main(void)
{
	tree = made_tree(EL7, root_dep);
	volumes();
	arrays();
	filesystems();
	told();
	repaired();
	module_tree_free(tree);
	return tap_done();
}
