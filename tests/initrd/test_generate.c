/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "../../initrd/image.h"
#include "../../initrd/nash_grammar.h"
#include "base/bytes.h"
#include "made.h"

static struct unrack_error err;

/* The guest's files. */
struct guest_file {
	const char *path, *text; /* "elf": a static program; "dynamic": one that is not */
};

static const struct guest_file *guest;

static int read_file(void *ctx, const char *path, struct buf *out, struct unrack_error *e)
{
	uint8_t elf[64] = "\177ELF\2\1\1";

	(void)ctx;
	put_le16(elf + 16, 2);
	put_le16(elf + 18, 62);
	for (const struct guest_file *f = guest; f->path; f++) {
		if (strcmp(f->path, path) != 0)
			continue;
		if (!strcmp(f->text, "cut"))
			put_le16(elf + 56, 1), elf[32] = 100;
		if (!strcmp(f->text, "dynamic"))
			made_file(out, path, "/proc/self/exe");
		else if (!strcmp(f->text, "elf") || !strcmp(f->text, "cut"))
			made(buf_append(out, elf, sizeof elf) == 0 && buf_puts(out, path) == 0, path);
		else if (!strcmp(f->text, "unreadable"))
			return error_set(e, UNRACK_IO, "%s: cannot be read", path);
		else
			made(buf_puts(out, f->text) == 0, path);
		return 0;
	}
	error_set(e, UNRACK_MISSING, "%s is not there", path);
	e->sys_errno = ENOENT;
	return e->code;
}

static const struct guest_file el5[] = {
	{ "/sbin/nash", "elf" }, { "/sbin/insmod.static", "elf" }, { "/sbin/lvm.static", "elf" },
	{ "/sbin/insmod", "dynamic" }, { "/etc/lvm/lvm.conf", "filter=[]\n" },
	{ "/etc/modprobe.conf", "alias eth0 e1000\noptions mptbase mpt_msi=1\n" }, { 0 },
};
static const struct guest_file el4[] = {
	{ "/sbin/nash", "elf" }, { "/sbin/insmod.static", "elf" }, { "/usr/sbin/lvm.static", "elf" },
	{ "/sbin/udev.static", "elf" }, { "/etc/udev/udev.conf", "udev_root=/dev\n" },
	{ "/etc/lvm/lvm.conf", "filter=[]\n" }, { 0 },
};
static const struct guest_file el3[] = {
	{ "/sbin/nash", "elf" }, { "/sbin/insmod.static", "elf" }, { "/sbin/vgwrapper", "elf" },
	{ "/etc/conf.modules", "options BusLogic a=1\n" }, { 0 },
};

struct fixture {
	struct initrd_recipe r;
	struct buf out, summary;
	struct initrd *i;
	const char *wanted[2];
};

static struct module_tree *tree;

static void set_up(struct fixture *f, int release, const char *root, const char *driver)
{
	*f = (struct fixture){ .wanted = { driver } };
	f->r = (struct initrd_recipe){
		.name = "initrd.img", .release = release, .tree = tree, .wanted = f->wanted, .n_wanted = driver != NULL,
		.read_module = made_read, .read_file = read_file, .root = root, .root_fs = "ext3", .mtime = 1000,
	};
}

static int make(struct fixture *f)
{
	int r;

	f->r.wanted = f->wanted;
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	buf_clear(&f->summary);
	initrd_close(f->i);
	f->i = NULL;
	r = initrd_make(&f->r, &f->out, &f->summary, &err);
	if (r == 0)
		f->i = made_open(&f->out);
	return r;
}

static void tear_down(struct fixture *f)
{
	initrd_close(f->i);
	buf_free(&f->out);
	buf_free(&f->summary);
}

static const char *script(const struct fixture *f)
{
	static char text[8192];
	const struct initrd_member *m = f->i ? initrd_find(f->i, initrd_script(f->i)) : NULL;

	snprintf(text, sizeof text, "%.*s", m ? (int)m->size : 0, m ? (const char *)m->data : "");
	return text;
}

/* The script is what mkinitrd writes for the same system: that in data/, but for its modules. */
static void is_like(const struct fixture *f, const char *name)
{
	CLEANUP_BUF struct buf want = { 0 };
	static char a[8192], b[8192];
	const char *const texts[] = { script(f), NULL };
	char *const outs[] = { a, b };
	char path[100];

	snprintf(path, sizeof path, "tests/initrd/data/%s", name);
	made_file(&want, name, path);
	for (int k = 0; k < 2; k++) {
		outs[k][0] = '\0';
		for (const char *p = k ? buf_str(&want) : texts[0]; *p; p += strcspn(p, "\n") + 1) {
			int n = (int)strcspn(p, "\n");

			while (n && p[n - 1] == ' ')
				n--;
			if (strncmp(p, "insmod", 6) && strncmp(p, "echo \"Loading", 13) && strncmp(p, "mount -t usbfs", 14))
				snprintf(outs[k] + strlen(outs[k]), 8192 - strlen(outs[k]), "%.*s\n", n, p);
		}
	}
	is_str(a, b, "its script is that of %s", name);
}

static void member(const struct fixture *f, const char *name, uint32_t mode, unsigned major, unsigned minor)
{
	const struct initrd_member *m = f->i ? initrd_find(f->i, name) : NULL;

	ok(m && m->mode == mode && m->rdev_major == major && m->rdev_minor == minor && m->uid == 0 && m->mtime == 1000,
	   "%s is %o", name, mode);
}

static void loads(const struct fixture *f, const char *order)
{
	struct initrd_answer a;

	is_int(initrd_check(f->i, tree, f->wanted, f->r.n_wanted, &a, &err), 0, "it is checked");
	ok(a.loads && a.missing_link == INITRD_LINK_NONE, "and boots: %s", a.text);
	is_str(buf_str(&a.order), order, "in this order");
	initrd_answer_free(&a);
}

static void release5(void)
{
	static const char *const groups[] = { "VolGroup00" }, *const arrays[] = { "/dev/md0", "/dev/md1" };
	CLEANUP_BUF struct buf first = { 0 };
	struct fixture f;

	guest = el5;
	tree = made_tree(EL5, made_el5_dep);
	set_up(&f, 5, "LABEL=/", "aic79xx");
	f.r.resume = "LABEL=SWAP-sda3";
	is_int(make(&f), 0, "RHEL 5, root on a disk: %s", err.text);
	is_like(&f, "el5-scsi.init");
	loads(&f, "ehci-hcd\njbd\next3\nscsi_mod\nsd_mod\nscsi_transport_spi\naic79xx\n");
	has_str(script(&f), "insmod /lib/ehci-hcd.ko \nmount -t usbfs /proc/bus/usb /proc/bus/usb\necho \"Loading jbd.ko module\"\n",
		"usbfs comes behind USB's controllers");
	is_str(initrd_container(f.i), "gzip newc cpio", "a cpio archive");
	is_str(initrd_at(f.i, 0)->name, ".", "from its top");
	member(&f, ".", S_IFDIR | 0700, 0, 0);
	member(&f, "bin/nash", S_IFREG | 0700, 0, 0);
	member(&f, "bin/modprobe", S_IFLNK | 0777, 0, 0);
	member(&f, "sbin", S_IFLNK | 0777, 0, 0);
	member(&f, "dev/console", S_IFCHR | 0600, 5, 1);
	member(&f, "dev/ttyS3", S_IFCHR | 0600, 4, 67);
	member(&f, "dev/ram1", S_IFBLK | 0600, 1, 1);
	member(&f, "dev/mapper", S_IFDIR | 0700, 0, 0);
	member(&f, "lib/aic79xx.ko", S_IFREG | 0600, 0, 0);
	member(&f, "init", S_IFREG | 0700, 0, 0);
	ok(!initrd_find(f.i, "bin/lvm") && !initrd_find(f.i, "linuxrc"), "and nothing that is not needed");
	has_str(buf_str(&f.summary), "added   lib/sd_mod.ko, ", "the summary has its members");
	has_str(buf_str(&f.summary), "+mkrootdev -t ext3 -o defaults,ro LABEL=/\n", "and its script");
	buf_append(&first, f.out.data, f.out.len);
	make(&f);
	ok(first.len == f.out.len && !memcmp(first.data, f.out.data, first.len), "again, with the same bytes");
	f.r.root_options = "rw,_netdev,acl,ro,usrquota";
	is_int(make(&f), 0, "with options of fstab");
	has_str(script(&f), "mkrootdev -t ext3 -o acl,usrquota,ro LABEL=/\n", "which end with ro");
	f.r.root_options = "rw";
	make(&f);
	has_str(script(&f), "mkrootdev -t ext3 -o defaults,ro LABEL=/\n", "or are none");
	tear_down(&f);

	set_up(&f, 5, "/dev/VolGroup00/LogVol00", "mptspi");
	f.r.resume = "/dev/VolGroup00/LogVol01";
	f.r.groups = groups;
	f.r.n_groups = 1;
	is_int(make(&f), 0, "RHEL 5, root on LVM: %s", err.text);
	loads(&f, "ehci-hcd\njbd\next3\nscsi_mod\nsd_mod\nscsi_transport_spi\nmptbase\nmptscsih\nmptspi\n");
	has_str(script(&f), "mkdmnod\nmkblkdevs\necho Scanning logical volumes\nlvm vgscan --ignorelockingfailure\n"
		"echo Activating logical volumes\nlvm vgchange -ay --ignorelockingfailure VolGroup00\n"
		"resume /dev/VolGroup00/LogVol01\n", "it activates its group");
	has_str(script(&f), "insmod /lib/mptbase.ko mpt_msi=1\n", "modules get their options");
	member(&f, "bin/lvm", S_IFREG | 0700, 0, 0);
	member(&f, "etc/lvm/lvm.conf", S_IFREG | 0600, 0, 0);
	f.r.arrays = arrays;
	f.r.n_arrays = 2;
	is_int(make(&f), 0, "on arrays");
	has_str(script(&f), "mkblkdevs\nraidautorun /dev/md0\nraidautorun /dev/md1\necho Scanning", "which come first");
	member(&f, "dev/md1", S_IFBLK | 0600, 9, 1);
	tear_down(&f);

	set_up(&f, 5, "/dev/sda1", NULL);
	is_int(make(&f), 0, "RHEL 5 with a driver that is built in: %s", err.text);
	ok(!strstr(script(&f), "stabilized") && !strstr(script(&f), "scsi_mod"), "needs no SCSI");
	tear_down(&f);
	module_tree_free(tree);
}

static void release4(void)
{
	static const struct guest_file no_udev[] = {
		{ "/sbin/nash", "elf" }, { "/sbin/insmod", "elf" }, { 0 },
	};
	static const char *const groups[] = { "VolGroup00" }, *const arrays[] = { "/dev/md0", "/dev/md1" };
	struct fixture f;

	guest = el4;
	tree = made_tree(EL4, made_el4_dep);
	set_up(&f, 4, "/dev/VolGroup00/LogVol00", "mptspi");
	f.r.groups = groups;
	f.r.n_groups = 1;
	is_int(make(&f), 0, "RHEL 4, root on LVM: %s", err.text);
	is_like(&f, "el4-lvm.init");
	loads(&f, "scsi_mod\nsd_mod\nmptbase\nmptscsi\nmptspi\ndm-mod\njbd\next3\ndm-mirror\ndm-zero\ndm-snapshot\n");
	member(&f, "bin/nash", S_IFREG | 0755, 0, 0);
	member(&f, "bin/udev", S_IFREG | 0755, 0, 0);
	member(&f, "bin/udevstart", S_IFLNK | 0777, 0, 0);
	member(&f, "etc/udev/udev.conf", S_IFREG | 0644, 0, 0);
	member(&f, "dev/tty4", S_IFCHR | 0644, 4, 4);
	member(&f, "loopfs", S_IFDIR | 0755, 0, 0);
	tear_down(&f);

	set_up(&f, 4, "LABEL=/", "mptspi");
	is_int(make(&f), 0, "RHEL 4, root on a disk: %s", err.text);
	is_like(&f, "el4-scsi.init");
	f.r.arrays = arrays;
	f.r.n_arrays = 2;
	f.r.root = "/dev/md1";
	is_int(make(&f), 0, "RHEL 4, root on md: %s", err.text);
	is_like(&f, "el4-md.init");
	loads(&f, "scsi_mod\nsd_mod\nmptbase\nmptscsi\nmptspi\nraid1\njbd\next3\n");
	guest = no_udev;
	is_int(make(&f), 0, "RHEL 4 without udev, and with a static insmod: %s", err.text);
	has_str(script(&f), "raidautorun /dev/md1\necho Creating block devices\nmkdevices /dev\necho Creating root device\n",
		"lets nash make the nodes");
	ok(!strstr(script(&f), "udev") && !strstr(script(&f), "/initrd/dev"), "and nobody else");
	tear_down(&f);
	module_tree_free(tree);
}

static void ramdisks(void)
{
	static const char *const groups[] = { "Volume00" }, *const arrays[] = { "/dev/md0", "/dev/md1" };
	struct fixture f;

	guest = el3;
	tree = made_tree(EL3, made_el3_dep);
	set_up(&f, 3, "LABEL=/", "BusLogic");
	is_int(make(&f), 0, "RHEL 3, root on a disk: %s", err.text);
	is_like(&f, "el3-scsi.linuxrc");
	loads(&f, "scsi_mod\nsd_mod\nBusLogic\njbd\next3\n");
	is_str(initrd_container(f.i), "gzip ext2", "a ramdisk");
	has_str(script(&f), "insmod /lib/BusLogic.o a=1\n", "with the options of conf.modules");
	member(&f, "dev/console", S_IFCHR | 0644, 5, 1);
	member(&f, "linuxrc", S_IFREG | 0755, 0, 0);
	f.r.groups = groups;
	f.r.n_groups = 1;
	f.r.root = "/dev/Volume00/LogVol00";
	is_int(make(&f), 0, "RHEL 3, root on LVM: %s", err.text);
	is_like(&f, "el3-lvm.linuxrc");
	loads(&f, "scsi_mod\nsd_mod\nBusLogic\nlvm-mod\njbd\next3\n");
	ok(initrd_find(f.i, "bin/vgchange")->ino == initrd_find(f.i, "bin/vgwrapper")->ino, "LVM 1 is one program");
	member(&f, "dev/lvm", S_IFBLK | 0644, 109, 0);
	f.r.n_groups = 0;
	f.r.root = "/dev/md1";
	f.r.arrays = arrays;
	f.r.n_arrays = 2;
	is_int(make(&f), 0, "RHEL 3, root on md: %s", err.text);
	is_like(&f, "el3-md.linuxrc");
	loads(&f, "scsi_mod\nsd_mod\nBusLogic\nmd\nraid1\nxor\njbd\next3\n");
	f.r.n_arrays = 1;
	f.r.root = "/dev/md0";
	f.r.release = 2;
	is_int(make(&f), 0, "RHEL 2.1, root on md: %s", err.text);
	is_like(&f, "el21-md.linuxrc");
	has_str(script(&f), "#!/bin/nash\n\necho \"Loading scsi_mod module\"\ninsmod /lib/scsi_mod.o \n", "in its words");
	member(&f, "sbin", S_IFDIR | 0755, 0, 0);
	member(&f, "sbin/bin", S_IFLNK | 0777, 0, 0);
	member(&f, "sbin/modprobe", S_IFLNK | 0777, 0, 0);
	f.r.n_arrays = 0;
	f.r.root = "/dev/hda2";
	is_int(make(&f), 0, "RHEL 2.1, root on a disk: %s", err.text);
	is_like(&f, "el21-scsi.linuxrc");
	f.r.ramdisk_max = 16 << 10;
	is_int(make(&f), UNRACK_NOSPACE, "more than the ramdisk holds");
	tear_down(&f);
	module_tree_free(tree);
}

static void refused(struct fixture *f, int code, const char *text)
{
	is_int(make(f), code, "refused");
	has_str(err.text, text, "with the reason");
	is_int(f->out.len, 0, "and nothing is handed out");
}

static void refusals(void)
{
	static const struct guest_file none[] = { { 0 } };
	static const struct guest_file dynamic[] = { { "/sbin/nash", "elf" }, { "/sbin/insmod", "dynamic" }, { 0 } };
	static const struct guest_file no_program[] = { { "/sbin/nash", "#!/bin/sh\n" }, { 0 } };
	static const struct guest_file cut_short[] = { { "/sbin/nash", "cut" }, { 0 } };
	static const struct guest_file broken[] = { { "/sbin/nash", "elf" }, { "/sbin/insmod.static", "elf" },
						    { "/etc/modprobe.conf", "unreadable" }, { 0 } };
	static const struct guest_file odd[] = { { "/sbin/nash", "elf" }, { "/sbin/insmod.static", "elf" },
						 { "/etc/modprobe.conf", "options ahci \"open\n" }, { 0 } };
	static const char *const arrays[] = { "/dev/md_d0" }, *const groups[] = { "vg" };
	struct fixture f;

	tree = made_tree(EL5, made_el5_dep);
	set_up(&f, 5, "/dev/sda2", "ahci");
	guest = none;
	refused(&f, UNRACK_MISSING, "there is no /sbin/nash in the guest, which an initrd needs");
	guest = dynamic;
	refused(&f, UNRACK_UNSUPPORTED, "/sbin/insmod needs shared libraries, and there is no /sbin/insmod.static in the guest");
	guest = cut_short;
	refused(&f, UNRACK_DAMAGED, "/sbin/nash: is cut short");
	guest = no_program;
	refused(&f, UNRACK_UNSUPPORTED, "/sbin/nash: is no program; install the package that it is of again");
	guest = broken;
	refused(&f, UNRACK_IO, "/etc/modprobe.conf: cannot be read");
	guest = odd;
	refused(&f, UNRACK_UNSUPPORTED, "initrd.img: a /init for it would not be run by nash: line 5");
	guest = el5;
	f.wanted[0] = "vmw_pvscsi";
	refused(&f, UNRACK_MISSING, "vmw_pvscsi");
	f.wanted[0] = "ahci";
	f.r.root_fs = "";
	refused(&f, UNRACK_USAGE, "needs to know root's device and filesystem");
	f.r.root_fs = "ext3";
	f.r.root = "/dev/vg/root";
	refused(&f, UNRACK_USAGE, "root is on the volume group vg, which is not among those to be activated");
	f.r.groups = groups;
	f.r.n_groups = 1;
	f.r.release = 2;
	refused(&f, UNRACK_UNSUPPORTED, "mkinitrd of RHEL 2.1 cannot start from LVM");
	f.r.release = 6;
	refused(&f, UNRACK_UNSUPPORTED, "release 6 is not made by mkinitrd");
	f.r.release = 5;
	f.r.root = "/dev/md1";
	f.r.n_groups = 0;
	refused(&f, UNRACK_USAGE, "root is on the array /dev/md1, and none is to be started");
	f.r.arrays = arrays;
	f.r.n_arrays = 1;
	refused(&f, UNRACK_UNSUPPORTED, "/dev/md_d0 is not called /dev/md and a number");
	f.r.n_arrays = 0;
	f.r.root = "/dev/sda 2";
	refused(&f, UNRACK_UNSUPPORTED, "mkrootdev: has 2 arguments where 1 are the most");
	tear_down(&f);
	module_tree_free(tree);
}

int main(void)
{
	release5();
	release4();
	ramdisks();
	refusals();
	return tap_done();
}
