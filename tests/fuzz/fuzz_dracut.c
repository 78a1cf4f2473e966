/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images by dracut, checked, changed and used for another kernel: 0:1 flags. 1: RHEL 6's form; 2: root needs LVM;
 * 4: md; 8: xfs; 16: the image is of another kernel. Then files, each a name, a NUL, 0:2 length, content:
 *
 *	NAME	of the image         @NAME	a link in it, to the content
 *	!NAME	of the guest's /lib/modules/KVER (one that it has already gets this content)
 *	=	what the boot loader gives the kernel as arguments
 *
 * What is handed out by a change begins with the image, is good, and the same change does nothing more. */
#include <errno.h>
#include <sys/stat.h>

#include "../../initrd/cpio.h"
#include "../../initrd/kmod_index.h"
#include "fuzz.h"
#include "unrack/initrd.h"

#define KVER "3.10.0-1160.el7.x86_64"
#define FILES_MAX 64
#define NAME_MAX_USED 200

static const char dep[] =
	"kernel/scsi_mod.ko.xz:\nkernel/sd_mod.ko.xz: kernel/scsi_mod.ko.xz\n"
	"kernel/vmw_pvscsi.ko.xz: kernel/scsi_mod.ko.xz\nkernel/noalias.ko: kernel/scsi_mod.ko.xz\n"
	"kernel/dm-mod.ko.xz:\nkernel/raid1.ko.xz:\nkernel/xfs.ko.xz: kernel/libcrc32c.ko.xz\nkernel/libcrc32c.ko.xz:\n";
static const char alias[] = "alias scsi:t-0x00* sd_mod\nalias pci:v000015ADd000007C0sv*sd*bc*sc*i* vmw_pvscsi\n";

struct file {
	char name[NAME_MAX_USED];
	const uint8_t *data;
	size_t n;
};

struct guest {
	struct file files[FILES_MAX];
	size_t n;
};

static struct unrack_error err;

static void put(struct buf *b, const char *name, uint32_t mode, const void *data, size_t n)
{
	const struct cpio_member m = {
		.name = name, .ino = (uint32_t)b->len, .mode = mode, .nlink = 1, .data = data, .size = (uint32_t)n,
	};

	fuzz_check(cpio_write(b, &m) == 0);
}

static void put_text(struct buf *b, const char *name, const char *text)
{
	put(b, name, S_IFREG | 0644, text, strlen(text));
}

/* What an image has before the input's files come over it. */
static void begin(struct buf *b, unsigned flags)
{
	bool el6 = flags & 1;
	char name[100];

	snprintf(name, sizeof name, "%slib/modules/%s/kernel/sd_mod.ko.xz", el6 ? "" : "usr/", flags & 16 ? "3.10.0-1" : KVER);
	put_text(b, name, "\177ELF");
	if (el6) {
		put_text(b, "init", "#!/bin/sh\n");
		put_text(b, "lib/dracut-lib.sh", "read CMDLINE_ETC </etc/cmdline\n");
		put_text(b, "sbin/modprobe", "\177ELF");
	} else {
		put(b, "lib", S_IFLNK | 0777, "usr/lib", 7);
		put(b, "init", S_IFLNK | 0777, "usr/lib/systemd/systemd", 23);
		put_text(b, "usr/lib/dracut-lib.sh", "cmdline.d");
		put_text(b, "usr/bin/kmod", "\177ELF");
		put_text(b, "usr/sbin/modprobe", "\177ELF");
	}
	put_text(b, "usr/lib/udev/rules.d/80-drivers.rules", "MODALIAS kmod");
}

static struct file *guest_file(struct guest *g, const char *name)
{
	for (size_t k = 0; k < g->n; k++)
		if (!strcmp(g->files[k].name, name))
			return &g->files[k];
	if (g->n == FILES_MAX)
		return NULL;
	snprintf(g->files[g->n].name, NAME_MAX_USED, "%s", name);
	return &g->files[g->n++];
}

static void set(struct guest *g, const char *name, const void *data, size_t n)
{
	struct file *f = guest_file(g, name);

	if (f) {
		f->data = data;
		f->n = n;
	}
}

static int read_guest(void *ctx, const char *path, struct buf *out, struct unrack_error *e)
{
	struct guest *g = ctx;

	for (size_t k = 0; k < g->n; k++)
		if (!strcmp(g->files[k].name, path))
			return buf_append(out, g->files[k].data, g->files[k].n);
	return error_errno(e, ENOENT, "can't open %s", path);
}

static void read_files(struct fuzz_in *in, struct guest *g, struct buf *image, struct buf *arguments)
{
	for (size_t k = 0; in->n && k < FILES_MAX; k++) {
		const uint8_t *end = memchr(in->p, '\0', in->n);
		char name[NAME_MAX_USED];
		size_t n;

		if (!end)
			return;
		snprintf(name, sizeof name, "%s", (const char *)in->p);
		in->n -= (size_t)(end + 1 - in->p);
		in->p = end + 1;
		n = (size_t)fuzz_take(in, 2);
		n = (size_t)min_u64(n, in->n);
		if (name[0] == '!')
			set(g, name + 1, in->p, n);
		else if (name[0] == '=')
			fuzz_check(buf_append(arguments, in->p, n) == 0);
		else if (name[0])
			put(image, name[0] == '@' ? name + 1 : name, name[0] == '@' ? S_IFLNK | 0777 : S_IFREG | 0644, in->p, n);
		in->p += n;
		in->n -= n;
	}
}

/* The tree that a caller would make of the guest's files. */
static struct module_tree *tree_of(struct guest *g)
{
	CLEANUP_BUF struct buf names = { 0 }, text = { 0 };
	struct file *f = guest_file(g, "modules.dep");
	struct module_tree *t;

	for (size_t k = 0; k < g->n; k++)
		fuzz_check(buf_append(&names, g->files[k].name, strlen(g->files[k].name) + 1) == 0);
	if (f)
		fuzz_check(buf_append(&text, f->data, f->n) == 0);
	fuzz_check(module_tree_new(KVER, (const char *)names.data, names.len, buf_str(&text), NULL, &t, &err) == 0);
	return t;
}

static void is_good(const struct buf *image, const struct initrd_change *c)
{
	CLEANUP_BUF struct buf out = { 0 }, summary = { 0 };
	struct initrd_answer a;
	struct initrd *i;
	bool changed;

	fuzz_check(initrd_open(image->data, image->len, "new.img", &i, &err) == 0);
	fuzz_check(initrd_check_needs(i, c->tree, c->wanted, c->n_wanted, c->needs, &a, &err) == 0);
	fuzz_check(a.loads && a.missing_link == INITRD_LINK_NONE);
	initrd_answer_free(&a);
	fuzz_check(initrd_change(i, c, &out, &changed, &summary, &err) == 0 && !changed);
	initrd_close(i);
}

static void play(const struct buf *file, const struct initrd_change *c)
{
	CLEANUP_BUF struct buf out = { 0 }, summary = { 0 };
	struct initrd_answer a;
	struct initrd *i;
	bool changed;

	if (initrd_open(file->data, file->len, "initrd.img", &i, &err) < 0)
		return;
	if (initrd_check_needs(i, c->tree, c->wanted, c->n_wanted, c->needs, &a, &err) == 0) {
		fuzz_check((a.missing_link == INITRD_LINK_NONE) == !a.missing.len && a.text[0]);
		initrd_answer_free(&a);
	}
	if (initrd_change(i, c, &out, &changed, &summary, &err) == 0 && changed) {
		fuzz_check(out.len > file->len && !memcmp(out.data, file->data, file->len));
		is_good(&out, c);
	}
	buf_clear(&out);
	if (initrd_rebase(i, c, &out, &summary, &err) == 0)
		is_good(&out, c);
	initrd_close(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const wanted[] = { "vmw_pvscsi", "noalias" };
	struct fuzz_in in = { data, size };
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	CLEANUP_BUF struct buf image = { 0 }, arguments = { 0 };
	const struct cpio_member trailer = { .name = CPIO_TRAILER, .nlink = 1 };
	struct guest g = { 0 };
	struct initrd_needs needs = { .root_on_lvm = flags & 2, .root_on_md = flags & 4,
				      .root_fs = flags & 8 ? "xfs" : NULL, .root_volume = "vg/root" };
	struct initrd_change c = { .wanted = wanted, .n_wanted = 2, .read_module = read_guest, .ctx = &g, .needs = &needs };

	begin(&image, flags);
	for (const char *p = dep; *p; p = strchr(p, '\n') + 1) {
		char name[NAME_MAX_USED];

		snprintf(name, sizeof name, "%.*s", (int)strcspn(p, ":"), p);
		set(&g, name, "\177ELF", 4);
	}
	set(&g, "modules.dep", dep, sizeof dep - 1);
	set(&g, "modules.alias", alias, sizeof alias - 1);
	read_files(&in, &g, &image, &arguments);
	needs.arguments = arguments.len ? buf_str(&arguments) : NULL;
	fuzz_check(cpio_write(&image, &trailer) == 0);
	c.tree = tree_of(&g);
	play(&image, &c);
	module_tree_free((struct module_tree *)c.tree);
	return 0;
}
