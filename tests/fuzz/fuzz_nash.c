/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scripts for nash, and recipes of new images: 0:1 the kernel (RHEL 5, 4, 3), 1:1 flags (1: names of disks change;
 * 2: a recipe; 4: changed twice), 2:1 the drivers that are wanted. Then a modules.conf up to the first NUL, and the script; or, of a
 * recipe, the texts root, filesystem, options, resume, volume group and array, each with a NUL. */
#include <sys/stat.h>

#include "fuzz.h"
#include "../../initrd/cpio.h"
#include "../../initrd/nash_grammar.h"
#include "unrack/initrd.h"

#define INPUT_MAX 20000

struct kernel {
	const char *kver, *files; /* paths, separated by blanks */
	struct module_tree *tree;
};

#define SCSI "kernel/drivers/scsi/"
#define FUSION "kernel/drivers/message/fusion/"
static struct kernel kernels[] = {
	{ "2.6.18-398.el5", SCSI "scsi_mod.ko " SCSI "sd_mod.ko " SCSI "scsi_transport_spi.ko " FUSION "mptbase.ko " FUSION
	  "mptscsih.ko " FUSION "mptspi.ko kernel/drivers/ata/ahci.ko kernel/fs/jbd/jbd.ko kernel/fs/ext3/ext3.ko "
	  "kernel/drivers/md/dm-mod.ko kernel/drivers/md/raid1.ko kernel/drivers/usb/host/ehci-hcd.ko", NULL },
	{ "2.6.9-89.EL", SCSI "scsi_mod.ko " SCSI "sd_mod.ko " FUSION "mptbase.ko " FUSION "mptspi.ko kernel/fs/ext3/ext3.ko "
	  "kernel/drivers/md/dm-mod.ko", NULL },
	{ "2.4.21-63.EL", SCSI "scsi_mod.o " SCSI "sd_mod.o " SCSI "BusLogic.o " FUSION "mptbase.o " FUSION "mptscsih.o "
	  "kernel/fs/ext3/ext3.o kernel/drivers/md/lvm-mod.o kernel/drivers/md/raid1.o", NULL },
};

/* Every module needs those of its list that come before it in the same folder. */
static void make_tree(struct kernel *k)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct buf files = { 0 }, dep = { 0 };

	for (const char *p = k->files; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " "), folder = n;

		while (p[folder - 1] != '/')
			folder--;
		if (buf_append(&files, p, n) < 0 || buf_zeros(&files, 1) < 0 || buf_append(&dep, p, n) < 0 || buf_puts(&dep, ":") < 0)
			abort();
		for (const char *q = k->files; q < p; q += strcspn(q, " ") + 1)
			if (!strncmp(q, p, folder) &&
			    (buf_puts(&dep, " ") < 0 || buf_append(&dep, q, strcspn(q, " ")) < 0))
				abort();
		if (buf_puts(&dep, "\n") < 0)
			abort();
		p += n;
	}
	fuzz_check(module_tree_new(k->kver, (const char *)files.data, files.len, buf_str(&dep), NULL, &k->tree, &err) == 0);
	buf_free(&files);
	buf_free(&dep);
}

static int read_module(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	(void)ctx;
	return buf_puts(out, path) < 0 ? error_nomem(err) : 0;
}

static size_t take_wanted(struct fuzz_in *in, const struct kernel *k, const char *wanted[8])
{
	static const char *const names[] = { "mptspi", "ahci", "BusLogic", "mptscsih", "sd_mod", "dm-mod", "ext3", "raid1" };
	unsigned mask = (unsigned)fuzz_take(in, 1);
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((mask & 1u << i) && module_tree_find(k->tree, names[i]))
			wanted[n++] = names[i];
	return n;
}

/* The next text of the input; "" when there is none. To be freed. */
static char *take_text(struct fuzz_in *in)
{
	size_t n = strnlen((const char *)in->p, in->n);
	char *text = (char *)fuzz_copy(in->p, n + 1 <= in->n ? n + 1 : n);

	if (n + 1 > in->n) {
		text = realloc(text, n + 1);
		if (!text)
			abort();
		text[n] = '\0';
	}
	in->p += min_u64(n + 1, in->n);
	in->n -= min_u64(n + 1, in->n);
	return text;
}

/* --- A script --------------------------------------------------------------------------- */

static void put(struct buf *b, const char *name, uint32_t mode, const void *data, size_t n)
{
	const struct cpio_member m = { .name = name, .ino = (uint32_t)b->len + 1, .mode = mode, .nlink = 1,
				       .data = data, .size = (uint32_t)n };

	if (cpio_write(b, &m) < 0)
		abort();
}

/* B holds its bytes. */
static struct initrd *make_image(const char *script, size_t n, struct buf *b)
{
	static const struct cpio_member trailer = { .name = CPIO_TRAILER, .nlink = 1 };
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct initrd *i;

	put(b, "bin/insmod", S_IFREG | 0755, "\177ELF", 4);
	put(b, "sbin", S_IFLNK | 0777, "bin", 3);
	put(b, "lib/scsi_mod.ko", S_IFREG | 0644, "x", 1);
	put(b, "lib/sd_mod.ko", S_IFREG | 0644, "", 0);
	put(b, "etc/lvm/lvm.conf", S_IFREG | 0644, "filter=[]\n", 10);
	put(b, "init", S_IFREG | 0755, script, n);
	if (cpio_write(b, &trailer) < 0)
		abort();
	fuzz_check(initrd_open(b->data, b->len, "image", &i, &err) == 0);
	return i;
}

static void try_lines(const char *script, size_t n)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct nash_fault fault;
	struct buf again = { 0 };
	struct nash s;
	int r = nash_parse(script, n, "script", &s, &err);

	fuzz_check(r == 0 || (r == UNRACK_UNSUPPORTED && err.text[0]));
	if (r < 0)
		return;
	fuzz_check(nash_print(&s, &again) == 0 && again.len == n && (!n || !memcmp(again.data, script, n)));
	for (int release = NASH_EL21; release <= NASH_EL5; release++) {
		bool good = nash_grammar_accepts(&s, (enum nash_release)release, NULL, NULL, &fault);

		fuzz_check(good ? !fault.text[0] : fault.text[0] && fault.line <= s.lines.len);
		/* What stood there is not asked about, but for a last line without its end. */
		if (!good && n && script[n - 1] == '\n' && fault.line)
			fuzz_check(nash_grammar_accepts(&s, (enum nash_release)release, NULL, &s, &fault) || !fault.line);
	}
	nash_free(&s);
	buf_free(&again);
}

static void check_image(const struct initrd *i, const struct initrd_change *c, bool must)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct initrd_answer a;
	int r = initrd_check(i, c->tree, c->wanted, c->n_wanted, &a, &err);

	fuzz_check(r == 0 || (r != UNRACK_INTERNAL && err.text[0] && !must));
	if (r < 0)
		return;
	fuzz_check(a.text[0] && (!must || a.loads));
	fuzz_check(a.loads || (a.missing_link != INITRD_LINK_NONE && a.missing.len));
	initrd_answer_free(&a);
}

/* What comes out boots, and is right. */
static void try_change(const struct initrd *i, struct initrd_change *c, bool two)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct buf out = { 0 }, again = { 0 }, summary = { 0 };
	bool changed, twice;
	struct initrd *new;
	int r = initrd_change(i, c, &out, &changed, &summary, &err);

	fuzz_check(r == 0 || (r != UNRACK_INTERNAL && err.text[0] && !changed && !out.len));
	if (two)
		fuzz_check(initrd_change(i, c, &again, &twice, &summary, &err) == r && twice == changed &&
			   again.len == out.len && (!out.len || !memcmp(again.data, out.data, out.len)));
	if (r == 0 && changed) {
		fuzz_check(initrd_open(out.data, out.len, "new", &new, &err) == 0);
		check_image(new, c, true);
		c->n_devices = 0;
		fuzz_check(initrd_change(new, c, &again, &twice, &summary, &err) == 0 && !twice);
		initrd_close(new);
	}
	buf_free(&out);
	buf_free(&again);
	buf_free(&summary);
}

static void try_script(struct fuzz_in *in, const struct kernel *k, unsigned flags, const char *const *wanted, size_t n)
{
	static const char *const devices[][2] = {
		{ "/dev/cciss/c0d0p2", "/dev/sda2" }, { "/dev/sda3", "/dev/sdb3" }, { "/dev/hda1", NULL },
	};
	static const struct initrd_file file = { "etc/lvm/lvm.conf", "filter=[x]\n", 11 };
	char *conf = take_text(in), *script = (char *)fuzz_copy(in->p, in->n);
	struct initrd_change c = {
		.tree = k->tree, .wanted = wanted, .n_wanted = n, .read_module = read_module, .modules_conf = conf,
		.devices = devices, .n_devices = flags & 1 ? ARRAY_LEN(devices) : 0, .files = &file, .n_files = flags & 1,
	};
	struct buf bytes = { 0 };
	struct initrd *i = make_image(script, in->n, &bytes);

	try_lines(script, in->n);
	check_image(i, &c, false);
	try_change(i, &c, flags & 4);
	initrd_close(i);
	buf_free(&bytes);
	free(script);
	free(conf);
}

/* --- A recipe --------------------------------------------------------------------------- */

static int read_file(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	static const uint8_t program[64] = "\177ELF\2\1\1";
	const char *conf = ctx;

	if (!strncmp(path, "/etc/mod", 8))
		return buf_puts(out, conf) < 0 ? error_nomem(err) : 0;
	return buf_append(out, program, sizeof program) < 0 ? error_nomem(err) : 0;
}

static void try_recipe(struct fuzz_in *in, const struct kernel *k, const char *const *wanted, size_t n)
{
	char *text[7];
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct buf out = { 0 }, summary = { 0 };
	struct initrd *i;
	int r;

	for (size_t t = 0; t < ARRAY_LEN(text); t++)
		text[t] = take_text(in);
	const struct initrd_recipe recipe = {
		.name = "image", .release = k == kernels ? 5 : k == kernels + 1 ? 4 : 3, .tree = k->tree, .wanted = wanted,
		.n_wanted = n, .read_module = read_module, .read_file = read_file, .ctx = text[6], .root = text[0],
		.root_fs = text[1], .root_options = text[2], .resume = text[3][0] ? text[3] : NULL,
		.groups = (const char *const *)&text[4], .n_groups = text[4][0] != '\0',
		.arrays = (const char *const *)&text[5], .n_arrays = text[5][0] != '\0',
	};
	r = initrd_make(&recipe, &out, &summary, &err);
	fuzz_check(r == 0 || (r != UNRACK_INTERNAL && err.text[0] && !out.len));
	if (r == 0) {
		const struct initrd_change c = { .tree = k->tree, .wanted = wanted, .n_wanted = n };

		fuzz_check(initrd_open(out.data, out.len, "image", &i, &err) == 0);
		check_image(i, &c, true);
		initrd_close(i);
	}
	for (size_t t = 0; t < ARRAY_LEN(text); t++)
		free(text[t]);
	buf_free(&out);
	buf_free(&summary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct kernel *k = &kernels[fuzz_take(&in, 1) % ARRAY_LEN(kernels)];
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	const char *wanted[8];
	size_t n;

	if (size > INPUT_MAX)
		return 0;
	if (!k->tree)
		make_tree(k);
	n = take_wanted(&in, k, wanted);
	if (flags & 2)
		try_recipe(&in, k, wanted, n);
	else
		try_script(&in, k, flags, wanted, n);
	return 0;
}
