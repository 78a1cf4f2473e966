/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "../../initrd/ext2.h"
#include "made_elf.h"

static struct unrack_error err;
static struct module_tree *tree;

struct fixture {
	struct initrd *i;
	struct initrd_change c;
	const char *wanted;
	struct buf out, summary;
	bool changed;
};

static void set_up(struct fixture *f, const char *script, const char *modules, const char *wanted)
{
	CLEANUP_BUF struct buf text = { 0 }, b = { 0 };
	char path[100];

	*f = (struct fixture){ .wanted = wanted };
	snprintf(path, sizeof path, "tests/initrd/data/%s", script);
	if (script[0] == '#')
		buf_puts(&text, script);
	else
		made_file(&text, script, path);
	made_initrd(&b, buf_str(&text), modules);
	f->i = made_open(&b);
	f->c = (struct initrd_change){ .tree = tree, .n_wanted = 1, .read_module = made_read };
}

static void tear_down(struct fixture *f)
{
	initrd_close(f->i);
	buf_free(&f->out);
	buf_free(&f->summary);
}

static int change(struct fixture *f)
{
	f->c.wanted = &f->wanted;
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	return initrd_change(f->i, &f->c, &f->out, &f->changed, &f->summary, &err);
}

#define EL5_MODULES "ehci-hcd ohci-hcd uhci-hcd jbd ext3 scsi_mod sd_mod "

static void repair(void)
{
	static const char *const names[][2] = {
		{ "/dev/cciss/c0d0p2", "/dev/sda2" }, { "/dev/cciss/c0d0p3", "/dev/sda3" },
	};
	CLEANUP_BUF struct buf first = { 0 };
	const struct initrd_member *m;
	struct initrd_answer a;
	struct initrd *new;
	struct fixture f;
	size_t same = 0;

	set_up(&f, "el5-cciss.init", EL5_MODULES "cciss", "mptspi");
	f.c.devices = names;
	f.c.n_devices = 2;
	is_int(change(&f), 0, "an image for cciss is changed");
	ok(f.changed && f.out.len, "into a new one");
	is_str(buf_str(&f.summary),
	       "changed init, 1787 to 2017 bytes\n"
	       "--- init\n+++ init\n"
	       "@@ -55,14 +55,22 @@\n"
	       " insmod /lib/scsi_mod.ko \n echo \"Loading sd_mod.ko module\"\n insmod /lib/sd_mod.ko \n"
	       "+echo \"Loading scsi_transport_spi.ko module\"\n+insmod /lib/scsi_transport_spi.ko\n"
	       "+echo \"Loading mptbase.ko module\"\n+insmod /lib/mptbase.ko\n"
	       "+echo \"Loading mptscsih.ko module\"\n+insmod /lib/mptscsih.ko\n"
	       "+echo \"Loading mptspi.ko module\"\n+insmod /lib/mptspi.ko\n"
	       " echo \"Loading cciss.ko module\"\n insmod /lib/cciss.ko \n echo Waiting for driver initialization.\n"
	       " stabilized --hash --interval 250 /proc/scsi/scsi\n mkblkdevs\n"
	       "-resume /dev/cciss/c0d0p2\n+resume /dev/sda2\n"
	       " echo Creating root device.\n"
	       "-mkrootdev -t ext3 -o defaults,ro /dev/cciss/c0d0p3\n"
	       "+mkrootdev -t ext3 -o defaults,ro /dev/sda3\n"
	       " echo Mounting root filesystem.\n mount /sysroot\n echo Setting up other filesystems.\n"
	       "added   lib/mptbase.ko, 58 bytes\n"
	       "added   lib/mptscsih.ko, 59 bytes\n"
	       "added   lib/mptspi.ko, 57 bytes\n"
	       "added   lib/scsi_transport_spi.ko, 59 bytes\n", "the summary");
	new = made_open(&f.out);
	is_int(initrd_check(new, tree, &f.wanted, 1, &a, &err), 0, "which is checked");
	ok(a.loads, "and loads the driver");
	is_str(a.root, "/dev/sda3", "root has its new name");
	is_str(a.resume, "/dev/sda2", "and swap");
	initrd_answer_free(&a);
	m = initrd_find(new, "lib/mptspi.ko");
	ok(m && !memcmp(m->data, "\177ELF kernel/drivers/message/fusion/mptspi.ko of the guest", m->size),
	   "the files are the guest's");
	ok(m && m->mtime == 1234567890 && m->mode == (S_IFREG | 0644), "with the time of /init");
	for (size_t k = 0; k < initrd_len(f.i); k++) {
		const struct initrd_member *old = initrd_at(f.i, k), *now = initrd_at(new, k);

		same += !strcmp(old->name, now->name) && old->mode == now->mode && old->ino == now->ino &&
			old->size == now->size && !memcmp(old->data, now->data, old->size);
	}
	is_int(same, (long)initrd_len(f.i) - 1, "all members but /init are as before, in their order");
	is_int(initrd_len(new), (long)initrd_len(f.i) + 4, "and four are new");
	buf_append(&first, f.out.data, f.out.len);
	change(&f);
	ok(f.out.len == first.len && !memcmp(f.out.data, first.data, first.len), "the same image gives the same bytes");

	initrd_close(f.i);
	f.i = new;
	buf_clear(&f.summary);
	is_int(change(&f), 0, "the new one again");
	ok(!f.changed, "is not changed");
	is_int(f.out.len + f.summary.len, 0, "and nothing is said");
	tear_down(&f);
}

/* Every real form of script, and a driver that it does not have. */
static void all_forms(void)
{
	static const char *const scripts[] = {
		"el5-scsi.init", "el5-cciss.init", "el5-lvm.init", "el5-dmraid.init", "el5-ide.init", "el4-lvm.init",
	};

	for (int k = 0; k < 6; k++) {
		struct initrd *new;
		struct fixture f;

		set_up(&f, scripts[k], "scsi_mod", "mptspi");
		is_int(change(&f), 0, "%s: changed", scripts[k]);
		new = made_open(&f.out);
		ok(f.changed && initrd_find(new, "lib/sd_mod.ko") && initrd_find(new, "lib/mptspi.ko"),
		   "files that lines load from are put in");
		initrd_close(f.i);
		f.i = new;
		is_int(change(&f), 0, "%s: a second time", scripts[k]);
		ok(!f.changed, "does nothing");
		tear_down(&f);
	}
}

/* What is in front of the archive with /init stays as it is. */
static void segments(void)
{
	CLEANUP_BUF struct buf early = { 0 }, b = { 0 };
	size_t n_early;
	struct fixture f;

	set_up(&f, "#!/bin/sh\n", "", "ahci");
	initrd_close(f.i);
	made_member(&early, "lib", S_IFDIR | 0755, "");
	made_member(&early, "kernel/x86/microcode/GenuineIntel.bin", S_IFREG | 0644, "microcode");
	made_end(&early);
	n_early = early.len;
	made_initrd(&b, "#!/bin/nash\nmkblkdevs\nmkrootdev -t ext2 -o ro /dev/sda1\nmount /sysroot\nswitchroot\n", "");
	buf_append(&early, b.data, b.len);
	f.i = made_open(&early);
	is_int(change(&f), 0, "an image of two archives");
	ok(f.out.len > n_early && !memcmp(f.out.data, early.data, n_early), "the first one stays");
	tear_down(&f);
}

/* Files of the image get new contents, in the same go or alone. */
static void files(void)
{
	struct initrd_file file[] = {
		{ "etc/lvm/lvm.conf", "filter=[]\n", 10 }, { "etc/lvm/other.conf", "x", 1 },
	};
	CLEANUP_BUF struct buf b = { 0 };
	const struct initrd_member *m;
	struct fixture f = { .wanted = "ahci" };
	struct initrd *new;

	made_member(&b, "bin/nash", S_IFREG | 0755, "\177ELF nash");
	made_member(&b, "bin/insmod", S_IFREG | 0755, "\177ELF insmod");
	made_node(&b, "etc/lvm/lvm.conf", S_IFREG | 0600, 7, 1, 0, 0, "filter=[cciss]\n", 15);
	made_member(&b, "init", S_IFREG | 0755, "#!/bin/nash\nmkblkdevs\nmkrootdev -t ext2 -o ro /dev/sda1\nmount /sysroot\n"
		    "switchroot\n");
	made_end(&b);
	f.i = made_open(&b);
	f.c = (struct initrd_change){ .tree = tree, .n_wanted = 1, .read_module = made_read, .files = file, .n_files = 2 };
	is_int(change(&f), 0, "modules and a file");
	has_str(buf_str(&f.summary), "changed etc/lvm/lvm.conf, 15 to 10 bytes\n", "are both told of");
	new = made_open(&f.out);
	m = initrd_find(new, "etc/lvm/lvm.conf");
	ok(m && m->size == 10 && !memcmp(m->data, "filter=[]\n", 10) && m->mode == (S_IFREG | 0600) && m->ino == 7,
	   "it keeps its rights");
	ok(!initrd_find(new, "etc/lvm/other.conf"), "one that was not there does not come in");
	initrd_close(f.i);
	f.i = new;
	buf_clear(&f.summary);
	is_int(change(&f), 0, "again");
	ok(!f.changed, "nothing is to be done");
	file[0].data = "filter=no\n";
	is_int(change(&f), 0, "the file alone");
	is_str(buf_str(&f.summary), "changed etc/lvm/lvm.conf, 10 to 10 bytes\n", "is changed");
	tear_down(&f);
}

static struct initrd_member made_file_member(const char *name, uint32_t mode, const char *text)
{
	return (struct initrd_member){ .name = name, .mode = S_IFREG | mode, .nlink = 1, .mtime = 5,
				       .data = (const uint8_t *)text, .size = strlen(text) };
}

/* A ramdisk of RHEL 3. */
static void ramdisk(void)
{
	CLEANUP_BUF struct buf script = { 0 }, fs = { 0 };
	struct module_tree *el5 = tree;
	struct initrd_member m[9];
	struct initrd_answer a;
	struct initrd *new;
	struct fixture f = { .wanted = "mptscsih" };

	tree = made_tree(EL3, made_el3_dep);
	made_file(&script, "el3-scsi.linuxrc", "tests/initrd/data/el3-scsi.linuxrc");
	m[0] = made_file_member("bin/insmod", 0755, "\177ELF insmod");
	m[1] = made_file_member("lib/scsi_mod.o", 0644, "scsi_mod");
	m[2] = made_file_member("lib/sd_mod.o", 0644, "sd_mod");
	m[3] = made_file_member("lib/aic7xxx.o", 0644, "aic7xxx");
	m[4] = made_file_member("lib/jbd.o", 0644, "jbd");
	m[5] = made_file_member("lib/ext3.o", 0644, "ext3");
	m[6] = made_file_member("linuxrc", 0755, buf_str(&script));
	m[7] = made_file_member("etc/lvm.conf", 0600, "x");
	m[8] = made_file_member("bin/nash", 0755, "\177ELF nash");
	made(ext2_make(m, 9, 3000, 8192, "ramdisk", &fs, &err) == 0, "a ramdisk");
	made_gzip(&fs);
	f.i = made_open(&fs);
	f.c = (struct initrd_change){ .tree = tree, .n_wanted = 1, .read_module = made_read };
	is_int(initrd_check(f.i, tree, &f.wanted, 1, &a, &err), 0, "a ramdisk is checked");
	is_str(a.text, "/linuxrc never loads mptbase and lib/mptbase.o is not in the image (and 1 more)", "by its linuxrc");
	initrd_answer_free(&a);
	is_int(change(&f), 0, "a ramdisk is changed");
	has_str(buf_str(&f.summary), "--- linuxrc\n+++ linuxrc\n", "its linuxrc");
	has_str(buf_str(&f.summary), "added   lib/mptscsih.o,", "and its modules");
	new = made_open(&f.out);
	is_int(initrd_check(new, tree, &f.wanted, 1, &a, &err), 0, "the new one is checked");
	ok(a.loads && a.missing_link == INITRD_LINK_NONE, "and boots");
	is_str(a.text, "/linuxrc loads scsi_mod, sd_mod, mptbase, mptscsih before it looks for root", "it says how");
	initrd_answer_free(&a);
	initrd_close(f.i);
	f.i = new;
	is_int(change(&f), 0, "once more");
	ok(!f.changed, "does nothing");
	tear_down(&f);
	module_tree_free(tree);
	tree = el5;
}

static int read_packed(void *ctx, const char *path, struct buf *out, struct unrack_error *e)
{
	CLEANUP_BUF struct buf plain = { 0 };
	int r = made_read(ctx, path, &plain, e);

	return r < 0 ? r : gzip_pack(plain.data, plain.len, out, e);
}

static int read_nothing(void *ctx, const char *path, struct buf *out, struct unrack_error *e)
{
	(void)ctx, (void)path, (void)out, (void)e;
	return 0;
}

static int read_fails(void *ctx, const char *path, struct buf *out, struct unrack_error *e)
{
	(void)ctx, (void)out;
	return error_set(e, UNRACK_IO, "%s: cannot be read", path);
}

static void module_files(void)
{
	struct initrd *new;
	struct fixture f;
	const struct initrd_member *m;

	set_up(&f, "el5-scsi.init", EL5_MODULES "scsi_transport_spi aic79xx", "ahci");
	f.c.read_module = read_packed;
	is_int(change(&f), 0, "packed modules");
	new = made_open(&f.out);
	m = initrd_find(new, "lib/ahci.ko");
	ok(m && m->size > 4 && !memcmp(m->data, "\177ELF", 4), "are unpacked, since nash cannot");
	initrd_close(new);
	f.c.read_module = read_nothing;
	is_int(change(&f), UNRACK_DAMAGED, "an empty module");
	is_str(err.text, "kernel/drivers/ata/libata.ko: is empty; install the package of kernel " EL5 " again", "is told");
	ok(!f.changed && !f.out.len, "and nothing is handed out");
	f.c.read_module = read_fails;
	is_int(change(&f), UNRACK_IO, "one that cannot be read");
	is_str(err.text, "kernel/drivers/ata/libata.ko: cannot be read", "is told in the reader's words");
	f.wanted = "vmw_pvscsi";
	is_int(change(&f), UNRACK_MISSING, "a module that the kernel has not");
	tear_down(&f);
}

static void refusals(void)
{
	static const char *const odd[][2] = { { "/dev/hda2", "/dev/sd a2" } };
	CLEANUP_BUF struct buf long_script = { 0 };
	struct fixture f;

	buf_puts(&long_script, "#!/bin/nash\n/sbin/udevstart\n");
	while (long_script.len < 32700)
		buf_puts(&long_script, "echo a line of a very long script\n");
	buf_puts(&long_script, "mount --ro -t ext3 /dev/root /sysroot\n");
	set_up(&f, buf_str(&long_script), "", "ahci");
	is_int(change(&f), UNRACK_UNSUPPORTED, "a script that nash 4 would not read to its end");
	has_str(err.text, "/init would not be run by nash: it has 33054 bytes, and this nash reads only 32766",
		"is told");
	tear_down(&f);

	set_up(&f, "#!/bin/nash\nmkblkdevs\nresume /dev/hda2\nmount /sysroot\n", "", "ahci");
	f.c.devices = odd;
	f.c.n_devices = 1;
	is_int(change(&f), UNRACK_UNSUPPORTED, "a line that nash would not run");
	is_str(err.text, "initrd.img: line 13 of /init would not be run by nash: resume: has 2 arguments where 1 are the most",
	       "is not written");
	tear_down(&f);

	set_up(&f, "#!/bin/nash\nmkblkdevs\n", "", "ahci");
	is_int(change(&f), UNRACK_UNSUPPORTED, "a script without a root");
	is_str(err.text, "initrd.img: cannot be repaired: /init never looks for a root filesystem", "is told");
	ok(!f.changed && !f.out.len, "and nothing is handed out");
	tear_down(&f);

	/* What is not the drivers' fault, with and without something to change. */
	for (int k = 0; k < 2; k++) {
		set_up(&f, "#!/bin/nash\ninsmod /lib/scsi_mod.ko\ninsmod /lib/sd_mod.ko\ninsmod /lib/libata.ko\n"
		       "insmod /lib/ahci.ko\nstabilized --hash /proc/scsi/scsi\nmkblkdevs\n"
		       "mkrootdev -t ext2 -o ro /dev/vg/root\nmount /sysroot\nswitchroot\n",
		       k ? "scsi_mod sd_mod libata ahci" : "scsi_mod sd_mod", "ahci");
		is_int(change(&f), UNRACK_UNSUPPORTED, "LVM that nothing activates");
		is_str(err.text, "initrd.img: cannot be repaired: root is on LVM, and /init activates no volume "
		       "group", "is told, as the check would");
		tear_down(&f);
	}

	set_up(&f, "#!/bin/sh\n", "", "ahci");
	is_int(change(&f), UNRACK_UNSUPPORTED, "an image of another make");
	tear_down(&f);
}

/* An editor of Windows: nash takes the carriage returns for blanks, the kernel does not. */
static void carriage_returns(void)
{
	CLEANUP_BUF struct buf script = { 0 }, text = { 0 };
	struct fixture f;
	struct initrd *new;
	struct initrd_answer a;

	made_file(&script, "el5-scsi.init", "tests/initrd/data/el5-scsi.init");
	for (size_t k = 0; k < script.len; k++)
		if (buf_puts(&text, script.data[k] == '\n' ? "\r" : "") < 0 || buf_append(&text, script.data + k, 1) < 0)
			made(false, "a script");
	set_up(&f, buf_str(&text), EL5_MODULES "scsi_transport_spi aic79xx", "aic79xx");
	is_int(change(&f), 0, "a script with carriage returns");
	has_str(buf_str(&f.summary), "-#!/bin/nash\r\n+#!/bin/nash\n \r\n mount", "is given a first line that a kernel takes");
	new = made_open(&f.out);
	is_int(initrd_check(new, tree, &f.wanted, 1, &a, &err), 0, "is checked");
	is_str(initrd_link_name(a.missing_link), "none", "and boots");
	initrd_answer_free(&a);
	initrd_close(f.i);
	f.i = new;
	is_int(change(&f), 0, "again");
	ok(!f.changed, "nothing is to be done");
	tear_down(&f);
}

/* A script and a tree by an enemy: an answer or a refusal, and never one that does not load. */
static void mutations(void)
{
	CLEANUP_BUF struct buf script = { 0 };
	unsigned seed = 5, good = 0;

	made_file(&script, "el5-dmraid.init", "tests/initrd/data/el5-dmraid.init");
	for (int round = 0; round < 300; round++) {
		CLEANUP_BUF struct buf text = { 0 };
		struct fixture f;
		int r;

		buf_append(&text, script.data, script.len);
		for (unsigned k = made_random(&seed) % 20; k > 0; k--)
			text.data[13 + made_random(&seed) % (text.len - 13)] =
				(uint8_t)"\n\n \"'#/ab\377\r\t"[made_random(&seed) % 12];
		set_up(&f, buf_str(&text), "scsi_mod", "mptspi");
		r = change(&f);
		good += r == 0 ? f.changed : (r == UNRACK_UNSUPPORTED && err.text[0]);
		tear_down(&f);
	}
	is_int(good, 300, "a changed script is repaired or refused");
}

/* 5 MiB packed. */
static void speed(void)
{
	CLEANUP_BUF struct buf b = { 0 }, module = { 0 }, script = { 0 };
	struct timespec t0, t1;
	struct fixture f = { .wanted = "mptspi" };
	size_t n;
	double s;

	made_file(&module, "a program", "/proc/self/exe");
	for (n = module.len; module.len < 12 << 20;) {
		made(buf_reserve(&module, n) == 0, "a big module");
		buf_append(&module, module.data + module.len - n, n);
	}
	made_file(&script, "el5-cciss.init", "tests/initrd/data/el5-cciss.init");
	made_member(&b, "lib", S_IFDIR | 0755, "");
	made_member(&b, "bin/nash", S_IFREG | 0755, "\177ELF nash");
	made_member(&b, "bin/insmod", S_IFREG | 0755, "\177ELF insmod");
	made_node(&b, "lib/big.ko", S_IFREG | 0644, 1, 1, 0, 0, module.data, module.len);
	made_member(&b, "init", S_IFREG | 0755, buf_str(&script));
	made_end(&b);
	made_gzip(&b);
	f.i = made_open(&b);
	f.c = (struct initrd_change){ .tree = tree, .n_wanted = 1, .read_module = made_read };
	clock_gettime(CLOCK_MONOTONIC, &t0);
	is_int(change(&f), 0, "an image of %zu KiB is rewritten", b.len >> 10);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	s = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	printf("# in %.2f s\n", s);
	ok(f.changed && s < 10, "in bounded time, also under a slow checker");
	tear_down(&f);
}

#define MAGIC5 EL5 " SMP mod_unload gcc-4.1"

static void made_sound(struct buf *out, const char *magic)
{
	char text[200];

	snprintf(text, sizeof text, "depends=\nvermagic=%s\n", magic);
	made_module(out, text, NULL);
}

/* The image's own file of a module that is wanted, which has another name, too. */
static void with_file(struct fixture *f, struct made_files *files, const void *data, size_t n)
{
	static const char script[] = "#!/bin/nash\nmkblkdevs\ninsmod /lib/jbd.ko\nmkblkdevs\n"
				     "mkrootdev -t ext2 -o defaults,ro LABEL=/\nmount /sysroot\nswitchroot\n";
	CLEANUP_BUF struct buf b = { 0 };

	*f = (struct fixture){ .wanted = "jbd" };
	made_member(&b, "bin/nash", S_IFREG | 0755, "\177ELF nash");
	made_member(&b, "bin/insmod", S_IFREG | 0755, "\177ELF insmod");
	made_member(&b, "lib", S_IFDIR | 0755, "");
	made_node(&b, "lib/other", S_IFREG | 0644, 7, 2, 0, 0, NULL, 0);
	made_node(&b, "lib/jbd.ko", S_IFREG | 0644, 7, 2, 0, 0, data, n);
	made_member(&b, "init", S_IFREG | 0755, script);
	made_end(&b);
	f->i = made_open(&b);
	f->c = (struct initrd_change){ .tree = made_files_tree(files, EL5, NULL, NULL, NULL), .n_wanted = 1,
				       .read_module = made_files_read, .ctx = files };
}

/* What a kernel would not take is not there, whatever its name; the rest of the image stays. */
static void builds(void)
{
	CLEANUP_BUF struct buf sound = { 0 }, other = { 0 }, machine = { 0 };
	struct made_files files = { .n = 0 };
	struct made_elf e;
	struct fixture f;

	made_sound(made_add(&files, "kernel/drivers/scsi/scsi_mod.ko"), MAGIC5);
	made_sound(made_add(&files, "kernel/fs/jbd/jbd.ko"), MAGIC5);
	made_sound(&sound, MAGIC5);
	made_sound(&other, "2.6.18-8.el5 SMP mod_unload gcc-4.1");
	made_elf_begin(&e, 32, false, EM_386);
	made_modinfo(&e, "depends=\nvermagic=" MAGIC5 "\n");
	made_elf_end(&e, &machine);
	const struct {
		const void *data;
		size_t n;
		const char *why;
	} rows[] = {
		{ sound.data, sound.len, "" },
		{ other.data, other.len, "/init loads jbd, but lib/jbd.ko was built for \"2.6.18-8.el5 SMP mod_unload gcc-4.1\", "
		  "the kernel is \"" MAGIC5 "\"" },
		{ machine.data, machine.len, "/init loads jbd, but lib/jbd.ko is for i386, the kernel's own modules are for x86_64" },
		{ sound.data, sound.len - 70, "/init loads jbd, but it can't be used (lib/jbd.ko: is cut short" },
		{ "text", 4, "/init loads jbd, but it can't be used (lib/jbd.ko: is no ELF object, so it is no module)" },
	};

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		const struct initrd_member *m;
		struct initrd_answer a;
		struct initrd *new;

		with_file(&f, &files, rows[k].data, rows[k].n);
		is_int(initrd_check(f.i, f.c.tree, &f.wanted, 1, &a, &err), 0, "checks");
		has_str(*rows[k].why ? a.text : "", rows[k].why, "why a module of the image is not loaded");
		is_int(a.loads, !*rows[k].why, "and that it is not");
		initrd_answer_free(&a);
		is_int(change(&f), 0, "the image is repaired");
		is_int(f.changed, *rows[k].why != '\0', "if it has to be");
		if (f.changed) {
			new = made_open(&f.out);
			is_int(initrd_check(new, f.c.tree, &f.wanted, 1, &a, &err), 0, "checks");
			ok(a.loads, "the kernel's own file is in it");
			initrd_answer_free(&a);
			m = initrd_find(new, "lib/other");
			ok(m && m->size == rows[k].n && !memcmp(m->data, rows[k].data, m->size), "the other name keeps its content");
			m = initrd_find(new, "lib/jbd.ko");
			ok(m && m->size == sound.len && !memcmp(m->data, sound.data, m->size), "the module's own has the new one");
			initrd_close(new);
		}
		module_tree_free((struct module_tree *)(uintptr_t)f.c.tree);
		tear_down(&f);
	}
	made_files_free(&files);
}

/* What a driver can do without may be anything. */
static void soft(void)
{
	static const char script[] = "#!/bin/nash\nmkblkdevs\ninsmod /lib/mbcache.ko\ninsmod /lib/jbd.ko\nmkblkdevs\n"
				     "mkrootdev -t ext2 -o defaults,ro LABEL=/\nmount /sysroot\nswitchroot\n";
	struct made_files files = { .n = 0 };
	const char *const wanted[] = { "jbd", "mbcache" };
	CLEANUP_BUF struct buf b = { 0 };
	struct module_tree *t;
	struct initrd_answer a;
	struct initrd *i;

	made_sound(made_add(&files, "kernel/fs/mbcache.ko"), MAGIC5);
	made_module(made_add(&files, "kernel/fs/jbd/jbd.ko"), "depends=\nsoftdep=pre: mbcache\nvermagic=" MAGIC5 "\n", NULL);
	t = made_files_tree(&files, EL5, NULL, NULL, NULL);
	made_member(&b, "bin/nash", S_IFREG | 0755, "\177ELF nash");
	made_member(&b, "bin/insmod", S_IFREG | 0755, "\177ELF insmod");
	made_member(&b, "lib/mbcache.ko", S_IFREG | 0644, "text");
	made_node(&b, "lib/jbd.ko", S_IFREG | 0644, 7, 1, 0, 0, files.at[1].data.data, files.at[1].data.len);
	made_member(&b, "init", S_IFREG | 0755, script);
	made_end(&b);
	i = made_open(&b);
	for (size_t n = 1; n <= 2; n++) {
		is_int(initrd_check(i, t, wanted, n, &a, &err), 0, "checks");
		is_str(a.text, n == 1 ? "/init loads mbcache, jbd before it looks for root" : "/init loads mbcache, but it can't be used "
		       "(lib/mbcache.ko: is no ELF object, so it is no module)", "%s", n == 1 ? "without it" : "asked for");
		initrd_answer_free(&a);
	}
	initrd_close(i);
	module_tree_free(t);
	made_files_free(&files);
}

int main(void)
{
	tree = made_tree(EL5, made_el5_dep);
	repair();
	all_forms();
	segments();
	files();
	ramdisk();
	module_files();
	refusals();
	carriage_returns();
	builds();
	soft();
	mutations();
	speed();
	module_tree_free(tree);
	return tap_done();
}
