/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "made.h"

static struct unrack_error err;
static struct module_tree *tree;

/* SCRIPT: the name of a file in data/, or the text itself. */
static struct initrd *image(const char *script, const char *modules)
{
	struct buf text = { 0 }, b = { 0 };
	struct initrd *i;
	char path[100];

	snprintf(path, sizeof path, "tests/initrd/data/%s", script);
	if (script[0] == '#')
		buf_puts(&text, script);
	else
		made_file(&text, script, path);
	made_initrd(&b, buf_str(&text), modules);
	i = made_open(&b);
	buf_free(&text);
	buf_free(&b);
	return i;
}

static void check(const struct initrd *i, const char *wanted, struct initrd_answer *a)
{
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	is_int(initrd_check(i, tree, &wanted, 1, a, &err), 0, "checks for %s", wanted);
}

#define EL5_MODULES "ehci-hcd ohci-hcd uhci-hcd jbd ext3 scsi_mod sd_mod "

static void good(void)
{
	struct initrd *i = image("el5-scsi.init", EL5_MODULES "scsi_transport_spi aic79xx");
	struct initrd_answer a;

	check(i, "aic79xx", &a);
	ok(a.loads, "an image loads the driver that it was made for");
	is_int(a.kind, INITRD_NASH, "its kind");
	is_str(a.text, "/init loads scsi_mod, sd_mod, scsi_transport_spi, aic79xx before it looks for root", "how");
	is_str(buf_str(&a.missing), "", "nothing is missing");
	is_str(buf_str(&a.order), "ehci-hcd\nohci-hcd\nuhci-hcd\njbd\next3\nscsi_mod\nsd_mod\nscsi_transport_spi\n"
	       "aic79xx\n", "all modules in load order");
	is_str(a.root, "LABEL=/", "the root device that is baked in");
	is_str(a.root_fs, "ext3", "its filesystem");
	is_str(a.resume, "LABEL=SWAP-sda3", "the device to resume from");
	is_str(buf_str(&a.filesystems), "ext3\n", "the modules of filesystems");
	has_str(buf_str(&a.files), "lib/sd_mod.ko\nlib/scsi_transport_spi.ko\nlib/aic79xx.ko\n", "from where they come");
	is_str(initrd_link_name(a.missing_link), "none", "no link is missing");
	is_str(buf_str(&a.mentions), "", "no other devices");
	initrd_answer_free(&a);

	check(i, "mptspi", &a);
	ok(!a.loads, "but not another one");
	is_str(a.text, "/init never loads mptbase and lib/mptbase.ko is not in the image (and 2 more)", "the first reason");
	is_str(buf_str(&a.missing),
	       "mptbase: /init never loads mptbase and lib/mptbase.ko is not in the image\n"
	       "mptscsih: /init never loads mptscsih and lib/mptscsih.ko is not in the image\n"
	       "mptspi: /init never loads mptspi and lib/mptspi.ko is not in the image\n", "and all of them");
	initrd_answer_free(&a);
	initrd_close(i);
}

static void names(void)
{
	struct initrd *i = image("el5-lvm.init", EL5_MODULES "libata ahci");
	struct initrd_answer a;

	check(i, "ahci", &a);
	ok(a.loads, "LVM: loaded before vgscan");
	is_str(a.root, "/dev/VolGroup00/LogVol00", "root is a logical volume");
	is_str(a.resume, "/dev/VolGroup00/LogVol01", "so is swap");
	is_str(buf_str(&a.volumes), "VolGroup00\n", "its group is activated");
	initrd_answer_free(&a);
	initrd_close(i);

	i = image("el5-dmraid.init", EL5_MODULES "libata ahci");
	check(i, "ahci", &a);
	is_str(a.text, "/init never loads ahci, though lib/ahci.ko is in the image (and 4 more)", "a file alone is not enough");
	has_str(buf_str(&a.missing), "rmparts: /init runs \"rmparts sda\", which takes the partitions of a disk away\n",
		"rmparts is a reason");
	has_str(buf_str(&a.missing), "dm: /init runs \"dm partadd isw_bhdjcdgafc_Volume0\", which takes disks as "
		"they were in another machine\n", "so are baked tables");
	is_str(a.root, "/dev/mapper/isw_bhdjcdgafc_Volume0p2", "root on a fake RAID");
	initrd_answer_free(&a);
	initrd_close(i);

	i = image("el4-lvm.init", "scsi_mod sd_mod cciss dm-mod dm-mirror dm-zero dm-snapshot jbd ext3");
	check(i, "cciss", &a);
	ok(a.loads, "RHEL 4: udevstart stands for mkblkdevs, and nothing waits");
	is_str(a.root, "", "RHEL 4: root comes from the kernel's command line");
	is_str(a.root_fs, "ext3", "but its filesystem is baked in");
	initrd_answer_free(&a);
	initrd_close(i);

	i = image("#!/bin/nash\ninsmod /lib/sd_mod.ko\ninsmod /lib/scsi_mod.ko\nstabilized --hash /proc/scsi/scsi\n"
		  "mkblkdevs\nraidautorun /dev/md0\nresume /dev/hda3\nmount -o ro --ro -t ext2 /dev/md0 /sysroot\n"
		  "mkrootdev -t ext2 /dev/hda2\nmount -t vfat /dev/hdb1 /tmp\nlosetup /dev/loop0 /tmp/x\n"
		  "mount -t ext3 /dev/hdb1 /sysroot/boot\nswitchroot\n", "scsi_mod sd_mod");
	check(i, "sd_mod", &a);
	is_str(a.text, "/init loads sd_mod before scsi_mod, which it needs", "a wrong order");
	is_str(buf_str(&a.mentions), "/dev/md0\n/dev/hdb1\n", "other devices, each once");
	is_str(buf_str(&a.arrays), "/dev/md0\n", "arrays");
	is_str(a.resume, "/dev/hda3", "resume");
	initrd_answer_free(&a);
	initrd_close(i);
}

/* One sentence for each way not to load a driver. */
static void why(const char *rest, const char *modules, const char *want)
{
	struct initrd_answer a;
	struct initrd *i;
	char script[600];

	snprintf(script, sizeof script, "#!/bin/nash\nmkblkdevs\n%s", rest);
	i = image(script, modules);
	check(i, "ahci", &a);
	if (*want)
		is_str(a.text, want, "why not");
	is_int(a.loads, !*want, "the verdict");
	initrd_answer_free(&a);
	initrd_close(i);
}

#define FOUR "insmod /lib/scsi_mod.ko\ninsmod /lib/sd_mod.ko\ninsmod /lib/libata.ko\ninsmod /lib/ahci.ko\n"
#define WAIT "stabilized --hash --interval 1000 /proc/scsi/scsi\nmkblkdevs\n"
#define ROOT "mkrootdev -t ext2 -o defaults,ro /dev/sda2\nmount /sysroot\nswitchroot\n"
#define ALL "scsi_mod sd_mod libata ahci"

static void empty_file(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd_answer a;
	struct initrd *i;

	made_member(&b, "lib/scsi_mod.ko", S_IFREG | 0644, "");
	made_member(&b, "lib/sd_mod.ko", S_IFLNK | 0777, "/lib/x.ko");
	made_member(&b, "init", S_IFREG | 0755, "#!/bin/nash\n" FOUR ROOT);
	made_end(&b);
	i = made_open(&b);
	check(i, "sd_mod", &a);
	is_str(buf_str(&a.missing), "nash: /init is not started: bin/nash, which runs it, is not in the image\n"
	       "insmod: /init loads nothing: bin/insmod is not in the image\n"
	       "scsi_mod: /init loads scsi_mod, but lib/scsi_mod.ko is not in the image\n"
	       "sd_mod: /init loads sd_mod, but lib/sd_mod.ko is not in the image\n",
	       "neither an empty file nor a link is a module, and without insmod there is none");
	initrd_answer_free(&a);
	initrd_close(i);
}

static void reasons(void)
{
	why(FOUR WAIT ROOT, ALL, "");
	why(FOUR WAIT ROOT, "scsi_mod sd_mod libata", "/init loads ahci, but lib/ahci.ko is not in the image");
	why("insmod /lib/scsi_mod.ko\ninsmod /lib/sd_mod.ko\ninsmod /lib/ahci.ko\ninsmod /lib/libata.ko\n" WAIT ROOT,
	    ALL, "/init loads ahci before libata, which it needs");
	why("insmod /lib/scsi_mod.ko\ninsmod /lib/sd_mod.ko\ninsmod /lib/libata.ko\n" WAIT ROOT "insmod /lib/ahci.ko\n",
	    ALL, "/init loads ahci only after it looked for root");
	why("insmod /lib/scsi_mod.ko\ninsmod /lib/sd_mod.ko\ninsmod /lib/libata.ko\n" WAIT "lvm vgscan\n"
	    "insmod /lib/ahci.ko\n" ROOT, ALL, "/init loads ahci only after it looked for root");
	why("insmod /lib/scsi_mod.ko\ninsmod /lib/libata.ko\ninsmod /lib/ahci.ko\n" WAIT ROOT, ALL,
	    "/init never loads sd_mod, though lib/sd_mod.ko is in the image");
	why("#" FOUR WAIT ROOT, ALL, "/init never loads scsi_mod, though lib/scsi_mod.ko is in the image");
	why(FOUR "mkblkdevs\n" ROOT, ALL, "/init does not wait for the disks of ahci: there is no "
	    "\"stabilized /proc/scsi/scsi\" behind it");
	why(WAIT FOUR ROOT, ALL, "/init does not wait for the disks of ahci: there is no "
	    "\"stabilized /proc/scsi/scsi\" behind it");
	why(FOUR "stabilized /proc/scsi/scsi\n" ROOT, ALL,
	    "/init does not make the nodes of the disks of ahci before it looks for root");
	why(FOUR WAIT, ALL, "/init never looks for a root filesystem");
	why(FOUR WAIT "rmparts sda\n" ROOT, ALL, "/init runs \"rmparts sda\", which takes the partitions of a disk away");
	why(FOUR WAIT "mkrootdev -t ext3 -o ro /dev/sda2", ALL, "/init never looks for a root filesystem");
	why(FOUR WAIT "# these run\n# both\n \tmkblkdevs\n" ROOT, ALL, "");
	why("# off\n\tinsmod /lib/scsi_mod.ko\n" FOUR WAIT ROOT, ALL, "");
	why("insmod /lib/scsi_mod.ko\ninsmod /lib/sd_mod.ko\ninsmod /lib/libata.ko\n# ours\n\tinsmod /lib/ahci.ko\n" WAIT ROOT,
	    ALL, "/init never loads ahci, though lib/ahci.ko is in the image");
}

#define EXT3 "mkrootdev -t ext3 -o defaults,ro /dev/sda2\nmount /sysroot\nswitchroot\n"
#define ON(what) "mkrootdev -t ext2 -o defaults,ro " what "\nmount /sysroot\nswitchroot\n"

/* The link that is missing, and its sentence. */
static void link_of(const char *rest, const char *modules, const char *name, const char *text)
{
	struct initrd_answer a;
	struct initrd *i;
	char script[600];

	snprintf(script, sizeof script, "#!/bin/nash\nmkblkdevs\n%s", rest);
	i = image(script, modules);
	check(i, "ahci", &a);
	is_str(initrd_link_name(a.missing_link), name, "the link is %s", name);
	is_str(a.text, text, "and said so");
	is_int(a.loads, strchr("avfn", name[0]) != NULL, "whether the drivers are loaded");
	initrd_answer_free(&a);
	initrd_close(i);
}

static void links(void)
{
	link_of(WAIT ROOT, "", "driver", "/init never loads scsi_mod and lib/scsi_mod.ko is not in the image (and 3 more)");
	link_of(FOUR ROOT, ALL, "wait", "/init does not wait for the disks of ahci: there is no "
		"\"stabilized /proc/scsi/scsi\" behind it");
	link_of(FOUR WAIT "dmraid -ay -i -p isw_a\n" ROOT, ALL, "old-disks",
		"/init runs \"dmraid -ay -i -p isw_a\", which takes disks as they were in another machine");
	link_of(FOUR WAIT ON("/dev/md1"), ALL, "array",
		"root is on md, and /init starts no array: there is no \"raidautorun\"");
	link_of(FOUR WAIT "raidautorun /dev/md0\n" ON("/dev/md1"), ALL, "none",
		"/init loads scsi_mod, sd_mod, libata, ahci before it looks for root");
	link_of(FOUR WAIT ON("/dev/vg/root"), ALL, "volume", "root is on LVM, and /init activates no volume group");
	link_of(FOUR WAIT "lvm vgchange -ay --ignorelockingfailure other\n" ON("/dev/mapper/v--g-root"), ALL, "volume",
		"root is on the volume group v-g, and /init activates only others");
	link_of(FOUR WAIT "lvm lvchange -a y vg\n" ON("/dev/vg/root"), ALL, "volume",
		"root is on LVM, and bin/lvm is not in the image");
	link_of(FOUR WAIT EXT3, ALL " jbd", "filesystem",
		"root is ext3, and /init never loads jbd, though lib/jbd.ko is in the image");
	link_of(FOUR "insmod /lib/jbd.ko\ninsmod /lib/ext3.ko\n" WAIT EXT3, ALL " jbd", "filesystem",
		"root is ext3, and /init does not load ext3: lib/ext3.ko is not in the image");
	link_of(FOUR WAIT, ALL, "root", "/init never looks for a root filesystem");
	link_of(FOUR WAIT "mkrootdev -t ext2 -o defaults,ro /dev/sda2\nswitchroot\n", ALL, "root",
		"/init never mounts root: there is no \"mount\" on /sysroot");
	link_of(FOUR WAIT "resume /dev/sda3\nmount /sysroot\nswitchroot\n", ALL, "root",
		"/init mounts root without a \"mkrootdev\" before, which says what that is");
	link_of(FOUR WAIT "# root\n  mkrootdev -t ext2 -o ro /dev/sda2\nmount /sysroot\nswitchroot\n", ALL, "root",
		"/init mounts root without a \"mkrootdev\" before, which says what that is");
	link_of(FOUR WAIT "mkrootdev -t ext2 -o defaults,ro /dev/sda2\nmount /sysroot\nswitchroot", ALL, "root",
		"/init mounts root, and never goes there: there is no \"switchroot\" behind it");
	link_of(FOUR WAIT "mknod /dev/root b 8 2\nmount -o ro -t ext2 /dev/root /sysroot\nswitchroot\n", ALL, "none",
		"/init loads scsi_mod, sd_mod, libata, ahci before it looks for root");
	link_of(FOUR WAIT "mkdir /dev/root\nmount -o ro -t ext2 /dev/root /sysroot\nswitchroot\n", ALL, "root",
		"/init mounts root without a \"mkrootdev\" before, which says what that is");
	link_of(FOUR WAIT "dmraid.static -ay isw_a\n" ROOT, ALL, "old-disks",
		"/init runs \"dmraid.static -ay isw_a\", which takes disks as they were in another machine");
	link_of(FOUR WAIT "rmparts sda\n" EXT3, ALL, "old-disks",
		"/init runs \"rmparts sda\", which takes the partitions of a disk away (and 1 more)");
}

/* Modules that are loaded when arrays and volumes were looked for already. */
static void in_time(void)
{
	CLEANUP_BUF struct buf dep = { 0 };
	struct module_tree *usual = tree;

	buf_printf(&dep, "%s" EL5_K "drivers/md/raid1.ko:\n" EL5_K "drivers/md/dm-mod.ko:\n", made_el5_dep);
	tree = made_tree(EL5, buf_str(&dep));
	link_of(FOUR "insmod /lib/raid1.ko\n" WAIT "raidautorun /dev/md0\n" ON("/dev/md0"), ALL " raid1", "none",
		"/init loads scsi_mod, sd_mod, libata, ahci before it looks for root");
	link_of(FOUR WAIT "raidautorun /dev/md0\ninsmod /lib/raid1.ko\n" ON("/dev/md0"), ALL " raid1", "array",
		"root is on md, and /init loads no module of RAID before \"raidautorun\"");
	link_of(FOUR "insmod /lib/dm-mod.ko\n" WAIT "lvm vgscan\nlvm vgchange -ay vg\n" ON("/dev/vg/root"), ALL " dm-mod",
		"none", "/init loads scsi_mod, sd_mod, libata, ahci before it looks for root");
	link_of(FOUR WAIT "lvm vgscan\nlvm vgchange -ay vg\ninsmod /lib/dm-mod.ko\n" ON("/dev/vg/root"), ALL " dm-mod",
		"volume", "root is on LVM, and /init does not load dm-mod before it activates volumes");
	module_tree_free(tree);
	tree = usual;
}

/* Whether a kernel starts the script at all. */
static void starts_mode(const char *script, uint32_t mode, const char *nash, uint32_t nash_mode, const char *text)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd_answer a;
	struct initrd *i;

	made_member(&b, nash, S_IFREG | nash_mode, "\177ELF nash");
	made_member(&b, "bin/insmod", S_IFREG | 0755, "\177ELF insmod");
	made_member(&b, "init", S_IFREG | mode, script);
	made_end(&b);
	i = made_open(&b);
	is_int(initrd_check(i, tree, NULL, 0, &a, &err), 0, "a check without drivers");
	is_str(initrd_link_name(a.missing_link), *text ? "driver" : "none", "the link");
	if (*text)
		has_str(a.text, text, "why it is not started");
	initrd_answer_free(&a);
	initrd_close(i);
}

static void starts(const char *script, uint32_t mode, const char *nash, const char *text)
{
	starts_mode(script, mode, nash, 0755, text);
}

static void insmod_of_mode(uint32_t mode, const char *text)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd_answer a;
	struct initrd *i;

	made_member(&b, "bin/nash", S_IFREG | 0755, "\177ELF nash");
	if (mode)
		made_member(&b, "bin/insmod", S_IFREG | mode, "\177ELF insmod");
	made_member(&b, "lib/jbd.ko", S_IFREG | 0644, "\177ELF jbd");
	made_member(&b, "init", S_IFREG | 0755, "#!/bin/nash\nmkblkdevs\ninsmod /lib/jbd.ko\nmkblkdevs\n" ROOT);
	made_end(&b);
	i = made_open(&b);
	check(i, "jbd", &a);
	is_str(a.text, text, "insmod");
	initrd_answer_free(&a);
	initrd_close(i);
}

static void starting(void)
{
	CLEANUP_BUF struct buf script = { 0 };

	starts("#!/bin/nash\n" ROOT, 0755, "bin/nash", "");
	starts("#! /sbin/nash --force \n" ROOT, 0700, "sbin/nash", "");
	starts("#!/bin/nash\n" ROOT, 0644, "bin/nash", "/init is not started: its mode 644 does not let it be executed");
	starts("#!/bin/nash\n" ROOT, 0755, "sbin/nash", "/init is not started: bin/nash, which runs it, is not in the image");
	starts("#!/bin/nash\r\n" ROOT, 0755, "bin/nash", "/init is not started: its first line ends with a carriage return, "
	       "which a kernel takes for a part of the name /bin/nash");
	starts_mode("#!/bin/nash\n" ROOT, 0755, "bin/nash", 0644, "/init is not started: the mode 644 of bin/nash, which runs it, "
		    "does not let it be executed");
	insmod_of_mode(0755, "/init loads jbd before it looks for root");
	insmod_of_mode(0644, "/init loads nothing: the mode of bin/insmod does not let it be executed");
	insmod_of_mode(0, "/init loads nothing: bin/insmod is not in the image");
	made(buf_puts(&script, "#!/bin/nash\n/sbin/udevstart\n") == 0, "a script");
	while (script.len <= 32766)
		made(buf_puts(&script, "# a comment\n") == 0, "a long script");
	made(buf_puts(&script, "/sbin/udevstart\nmkrootdev /dev/root\nmount -o defaults --ro -t ext3 /dev/root /sysroot\n"
		      "switchroot /sysroot\n") == 0, "a long script");
	starts(buf_str(&script), 0755, "bin/nash", "/init is not run: it has 32882 bytes, and this nash reads only 32766");
}

/* As mkinitrd 5 writes it for LABEL= and UUID=. */
static void bare_root(void)
{
	struct initrd *i = image("#!/bin/nash\nmkblkdevs\n" FOUR WAIT ON("cciss!c0d0p2"), ALL);
	struct initrd_answer a;

	check(i, "ahci", &a);
	is_str(a.root, "/dev/cciss/c0d0p2", "a name of sysfs is told as the node that it is");
	initrd_answer_free(&a);
	initrd_close(i);
}

/* Only modules that find disks have to be there before those are waited for. */
static void behind_the_wait(void)
{
	static const char *const wanted[] = { "ahci", "ext3" };
	struct initrd *i = image("#!/bin/nash\nmkblkdevs\n" FOUR WAIT "insmod /lib/jbd.ko\ninsmod /lib/ext3.ko\n" ROOT,
				 ALL " jbd ext3");
	struct initrd_answer a;

	is_int(initrd_check(i, tree, wanted, 2, &a, &err), 0, "checks");
	is_str(a.text, "/init loads scsi_mod, sd_mod, libata, ahci, jbd, ext3 before it looks for root",
	       "a filesystem may be loaded behind");
	initrd_answer_free(&a);
	initrd_close(i);
	i = image("#!/bin/nash\nmkblkdevs\n" FOUR "insmod /lib/jbd.ko\ninsmod /lib/ext3.ko\nmkblkdevs\n" ROOT, ALL " jbd ext3");
	is_int(initrd_check(i, tree, wanted, 2, &a, &err), 0, "checks");
	is_str(a.text, "/init does not wait for the disks of ahci: there is no \"stabilized /proc/scsi/scsi\" behind it",
	       "it is the driver whose disks are missing");
	initrd_answer_free(&a);
	initrd_close(i);
}

/* Disks of others than SCSI are there when their driver is. */
static void without_scsi(void)
{
	struct initrd *i = image("#!/bin/nash\nmkblkdevs\ninsmod /lib/jbd.ko\ninsmod /lib/ext3.ko\nmkblkdevs\n" ROOT,
				 "jbd ext3");
	struct initrd_answer a;

	check(i, "ext3", &a);
	is_str(a.text, "/init loads jbd, ext3 before it looks for root", "nothing waits for disks that are not SCSI's");
	initrd_answer_free(&a);
	initrd_close(i);
}

/* What the caller knows counts where the script does not tell. */
static void needs(void)
{
	static const struct initrd_needs md = { .root_on_md = true }, lvm = { .root_on_lvm = true, .root_volume = "a/b" };
	static const struct initrd_needs root = { .arguments = "ro root=LABEL=/1 quiet root=/dev/vg/x" };
	static const struct initrd_needs *const all[] = { &md, &lvm, &root };
	static const char *const want[] = { "array", "volume", "none" };
	struct initrd *i = image("#!/bin/nash\nmkblkdevs\n" FOUR WAIT "lvm vgchange -ay vg\n" ON("/dev/vh/root"), ALL);
	const char *wanted = "ahci";

	for (int k = 0; k < 3; k++) {
		struct initrd_answer a;

		is_int(initrd_check_needs(i, tree, &wanted, 1, all[k], &a, &err), 0, "checks for %s", want[k]);
		ok(a.loads, "the drivers are loaded");
		is_str(initrd_link_name(a.missing_link), want[k], "and what is missing is told");
		initrd_answer_free(&a);
	}
	initrd_close(i);
}

/* The script mounts root as ext3, and the caller knows what it is. */
static void kinds(void)
{
	static const struct {
		const char *is, *text;
	} rows[] = {
		{ NULL, "none" }, { "ext3", "none" }, { "ext4", "none" }, { "auto", "none" }, { "", "none" },
		{ "xfs", "root is xfs, and /init mounts it as ext3" },
	};
	struct initrd *i = image("#!/bin/nash\nmkblkdevs\n" FOUR WAIT "insmod /lib/jbd.ko\ninsmod /lib/ext3.ko\n"
				 "mkrootdev -t ext3 -o defaults,ro LABEL=/\nmount /sysroot\nswitchroot\n", ALL " jbd ext3");
	const char *wanted = "ahci";

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		const struct initrd_needs n = { .root_fs = rows[k].is };
		struct initrd_answer a;

		is_int(initrd_check_needs(i, tree, &wanted, 1, &n, &a, &err), 0, "checks");
		is_str(a.missing_link == INITRD_LINK_NONE ? "none" : a.text, rows[k].text, "of %s", rows[k].is ? rows[k].is : "what it is");
		is_int(a.missing_link, strcmp(rows[k].text, "none") ? INITRD_LINK_FILESYSTEM : INITRD_LINK_NONE, "the link");
		initrd_answer_free(&a);
	}
	initrd_close(i);
}

/* Root on NFS, with and without a network. */
static void network(void)
{
	static const char *const texts[2] = { "root is on NFS, and /init brings up no network before it mounts it", "none" };
	static const char *const lines[2] = { "", "network --device eth0 --bootproto dhcp\n" };
	const char *wanted = "ahci";

	for (int k = 0; k < 2; k++) {
		CLEANUP_BUF struct buf script = { 0 };
		struct initrd_answer a;
		struct initrd *i;

		buf_printf(&script, "#!/bin/nash\nmkblkdevs\n" FOUR WAIT "%smkrootdev -t nfs -o ro server:/root\nmount /sysroot\n"
			   "switchroot\n", lines[k]);
		i = image(buf_str(&script), ALL);
		is_int(initrd_check(i, tree, &wanted, 1, &a, &err), 0, "checks");
		is_str(a.missing_link == INITRD_LINK_NONE ? "none" : a.text, texts[k], "root on NFS");
		initrd_answer_free(&a);
		initrd_close(i);
	}
}

static void others(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	const char *wanted = "ahci";
	struct initrd_answer a;
	struct module_tree *t;
	struct initrd *i;

	buf_puts(&b, "-rom1fs-....");
	i = made_open(&b);
	is_int(initrd_check(i, tree, &wanted, 1, &a, &err), UNRACK_UNSUPPORTED, "a romfs image is not checked");
	initrd_close(i);

	i = image("#!/bin/sh\n", "ahci");
	is_int(initrd_check(i, tree, &wanted, 1, &a, &err), UNRACK_UNSUPPORTED, "nor is a foreign one");
	has_str(err.text, "is an image of the form gzip newc cpio, of which what it loads cannot be told: ", "and said so");
	initrd_close(i);

	i = image("el5-scsi.init", "scsi_mod sd_mod jbd ext3");
	wanted = "vmw_pvscsi";
	is_int(initrd_check(i, tree, &wanted, 1, &a, &err), UNRACK_MISSING, "a module that the kernel has not");
	has_str(err.text, "kernel " EL5 " has no module vmw_pvscsi", "is told");
	is_int(initrd_check(i, tree, NULL, 0, &a, &err), 0, "nothing wanted");
	ok(a.loads, "is loaded");
	is_str(a.text, "every driver is built into the kernel", "and said so");
	initrd_answer_free(&a);

	made(module_tree_new(EL5, "kernel/sd_mod.ko", 17, NULL, NULL, &t, &err) == 0, "a tree");
	wanted = "sd_mod";
	is_int(initrd_check(i, t, &wanted, 1, &a, &err), 0, "without modules.dep");
	is_str(a.text, "/init loads sd_mod before it looks for root; modules.dep of kernel " EL5
	       " is missing, so what they need is not known", "the answer says how far it goes");
	initrd_answer_free(&a);
	module_tree_free(t);
	initrd_close(i);
}

int main(void)
{
	tree = made_tree(EL5, made_el5_dep);
	good();
	names();
	reasons();
	links();
	in_time();
	starting();
	bare_root();
	behind_the_wait();
	without_scsi();
	needs();
	empty_file();
	kinds();
	network();
	others();
	module_tree_free(tree);
	return tap_done();
}
