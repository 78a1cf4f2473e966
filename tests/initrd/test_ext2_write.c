/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/bytes.h"
#include "base/size.h"
#include "made_ramdisk.h"

static struct unrack_error err;
static char contents[5000000];

struct fixture {
	struct buf b, out;
	struct initrd *i;
	struct image_new add[10];
	struct image_replace replace;
	struct image_edit e;
};

static void set_up(struct fixture *f, size_t kib)
{
	*f = (struct fixture){ .e = { .add = f->add, .mtime = 7000 } };
	made_ramdisk(&f->b, "#!/bin/nash\nold\n", "x y", kib);
	f->i = made_open(&f->b);
}

static void add(struct fixture *f, const char *name, size_t n)
{
	f->add[f->e.n_add++] = (struct image_new){ (char *)name, { (uint8_t *)contents, n, 0 } };
}

static void script(struct fixture *f, const char *text)
{
	f->replace = (struct image_replace){ image_index(f->i, "linuxrc"), (const uint8_t *)text, strlen(text) };
	f->e.replace = &f->replace;
	f->e.n_replace = 1;
}

static int edit(struct fixture *f)
{
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	buf_clear(&f->out);
	return image_write_edited(f->i, &f->e, &f->out, &err);
}

static void tear_down(struct fixture *f)
{
	initrd_close(f->i);
	buf_free(&f->b);
	buf_free(&f->out);
}

/* How many members of the old one are in NEW as they were. */
static long kept(const struct fixture *f, const struct initrd *new)
{
	long same = 0;

	for (size_t k = 0; k < initrd_len(f->i); k++) {
		const struct initrd_member *a = initrd_at(f->i, k), *c = initrd_find(new, a->name);

		same += c && a->ino == c->ino && a->mode == c->mode && a->uid == c->uid && a->gid == c->gid &&
			a->nlink == c->nlink && a->mtime == c->mtime && a->size == c->size &&
			a->rdev_major == c->rdev_major && a->rdev_minor == c->rdev_minor &&
			!memcmp(a->data, c->data, a->size);
	}
	return same;
}

static void edits(void)
{
	CLEANUP_BUF struct buf first = { 0 };
	const struct initrd_member *m;
	struct initrd *new;
	struct fixture f;

	set_up(&f, 300);
	script(&f, "#!/bin/nash\nnew, and longer than the old one\n");
	add(&f, "lib/BusLogic.o", 30000);
	add(&f, "etc/lvm/lvm.conf", 10);
	add(&f, "sbin/tool", 5);
	is_int(edit(&f), 0, "a script, a module, a file in folders that are new, and one behind a link");
	is_int(f.out.len, 300 << 10, "the ramdisk does not grow");
	new = made_open(&f.out);
	is_int(kept(&f, new), (long)initrd_len(f.i) - 2, "all members are as they were but the script, and the links of root");
	m = initrd_find(new, "linuxrc");
	ok(m && m->size == 45 && !memcmp(m->data + 12, "new,", 4), "the script is the new one");
	ok(m && m->mode == (S_IFREG | 0755) && m->mtime == MADE_TIME && m->ino == initrd_find(f.i, "linuxrc")->ino,
	   "and the same file");
	m = initrd_find(new, "lib/BusLogic.o");
	ok(m && m->size == 30000 && !memcmp(m->data, contents, 30000), "the module is there");
	ok(m && m->mode == (S_IFREG | 0644) && m->uid == 0 && m->mtime == 7000, "0644 of root, of that time");
	m = initrd_find(new, "etc/lvm");
	ok(m && m->mode == (S_IFDIR | 0755) && m->nlink == 2, "a folder was made");
	ok(initrd_find(new, "etc/lvm/lvm.conf"), "for the file in it");
	ok(initrd_find(new, "bin/tool"), "links on the way are followed");
	is_int(initrd_len(new), (long)initrd_len(f.i) + 5, "nothing else is new");
	initrd_close(new);
	buf_append(&first, f.out.data, f.out.len);
	is_int(edit(&f), 0, "again");
	ok(first.len == f.out.len && !memcmp(first.data, f.out.data, first.len), "it gives the same bytes");
	tear_down(&f);
}

static void replaced(void)
{
	const struct initrd_member *m;
	struct initrd *new;
	struct fixture f;

	set_up(&f, 300);
	script(&f, "short");
	add(&f, "lib/x.o", 40000);
	add(&f, "bin/vgscan", 3);
	add(&f, "loopfs", 4);
	is_int(edit(&f), 0, "files that have names which are there");
	new = made_open(&f.out);
	is_int(kept(&f, new), (long)initrd_len(f.i) - 5, "take their places");
	m = initrd_find(new, "bin/vgchange");
	ok(m && m->nlink == 1 && m->size == 14 && m->mode == (S_IFREG | 04711), "another name of one keeps the old content");
	m = initrd_find(new, "bin/vgscan");
	ok(m && m->size == 3 && m->mode == (S_IFREG | 0644), "this one has the new");
	m = initrd_find(new, "loopfs");
	ok(m && S_ISREG(m->mode) && m->size == 4, "a link goes, and not what it leads to");
	is_int(initrd_len(new), (long)initrd_len(f.i), "none is there twice");
	initrd_close(new);
	f.e.n_add = 0;
	add(&f, "lib", 3);
	is_int(edit(&f), UNRACK_USAGE, "a file in place of a folder");
	has_str(err.text, "lib: cannot be put into the image", "is told");
	f.e.n_add = 0;
	add(&f, "dev/console/x", 3);
	is_int(edit(&f), UNRACK_USAGE, "a file in a device");
	tear_down(&f);
}

static void no_limit(struct fixture *f)
{
	static const char *const names[] = { "lib/3.o", "lib/4.o", "lib/5.o", "lib/6.o", "lib/7.o", "lib/8.o" };

	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		add(f, names[k], 5000000);
	is_int(edit(f), UNRACK_NOSPACE, "40 MB of modules");
	has_str(err.text, "the kernel's has 16384 KiB", "are too much for that");
	f->e.ramdisk_max = SIZE_MAX;
	is_int(edit(f), 0, "not where there is no limit");
	add(f, "lib/9.o", 5000000);
	add(f, "lib/10.o", 5000000);
	is_int(edit(f), UNRACK_UNSUPPORTED, "50 MB are always too much");
	has_str(err.text, "KiB with what comes in; more than 48 MiB are not handled", "is told");
}

static void growth(void)
{
	const struct initrd_member *m;
	struct initrd *new;
	struct fixture f;
	size_t least;

	set_up(&f, 300);
	add(&f, "lib/large.o", 1000000);
	is_int(edit(&f), 0, "a module larger than what is free");
	new = made_open(&f.out);
	is_int(kept(&f, new), (long)initrd_len(f.i), "all members are as they were");
	m = initrd_find(new, "lib/large.o");
	ok(m && m->size == 1000000 && !memcmp(m->data, contents, 1000000), "and it is there");
	ok(f.out.len > 1000000 && f.out.len < 1400000, "in %zu KiB", f.out.len >> 10);
	initrd_close(new);
	least = f.out.len;
	f.e.ramdisk_max = least;
	is_int(edit(&f), 0, "a ramdisk just as large");
	f.e.ramdisk_max = least - 1;
	is_int(edit(&f), UNRACK_NOSPACE, "one that is a byte too small");
	has_str(err.text, "initrd.img: needs a ramdisk of ", "is told");
	has_str(err.text, "on the kernel's command line, and allow as much here", "with what to do");
	ok(!f.out.len, "and nothing is handed out");
	f.e.ramdisk_max = 100 << 10;
	f.add[0].data.len = 1000;
	is_int(edit(&f), 0, "one that is larger already is not asked how large it may be");
	f.e.ramdisk_max = 0;
	f.add[0].data.len = 5000000;
	is_int(edit(&f), 0, "by default");
	ok(f.out.len <= 8192 << 10, "it grows up to 8192 KiB");
	add(&f, "lib/more.o", 5000000);
	is_int(edit(&f), UNRACK_NOSPACE, "and no further");
	has_str(err.text, "the kernel's has 8192 KiB", "is told");
	f.e.ramdisk_max = 16384 << 10;
	is_int(edit(&f), 0, "unless the kernel has more");
	new = made_open(&f.out);
	m = initrd_find(new, "lib/more.o");
	ok(m && m->size == 5000000 && !memcmp(m->data, contents, 5000000), "then into groups that are new");
	is_int(kept(&f, new), (long)initrd_len(f.i), "all others are as they were");
	initrd_close(new);
	if (tap_all())
		no_limit(&f);
	tear_down(&f);
}

/* Filesystems with errors are not written to. */
static void with_errors(void)
{
	struct fixture f;

	set_up(&f, 300);
	initrd_close(f.i);
	put_le16(made_inode(&f.b, "lib/x.o") + 26, 2);
	f.i = made_open(&f.b);
	add(&f, "lib/z.o", 10);
	is_int(edit(&f), UNRACK_DAMAGED, "one with a wrong link count");
	has_str(err.text, "repair it with e2fsck -f", "is told, with what to do");
	is_int(initrd_write(f.i, &f.out, &err), 0, "it can be written as it is");
	tear_down(&f);
	set_up(&f, 300);
	initrd_close(f.i);
	f.b.data[1024 + 0x174] = 200; /* s_log_groups_per_flex */
	f.i = made_open(&f.b);
	add(&f, "lib/z.o", 10);
	is_int(edit(&f), UNRACK_DAMAGED, "one whose superblock libext2fs does not like");
	has_str(err.text, "initrd.img: libext2fs does not write to its ext2 filesystem (error 2133571388); unpack it, repair", "is told");
	tear_down(&f);
}

/* --- Scripts of RHEL 2.1 and 3 --- */

#define EL3 "2.4.21-63.ELsmp"
#define EL21 "2.4.9-e.72"
#define DEP(v)                                                                                  \
	"/lib/modules/" v "/kernel/drivers/scsi/scsi_mod.o:\n"                                  \
	"/lib/modules/" v "/kernel/drivers/scsi/sd_mod.o:\t/lib/modules/" v "/kernel/drivers/scsi/scsi_mod.o\n" \
	"/lib/modules/" v "/kernel/drivers/message/fusion/mptbase.o:\n"                         \
	"/lib/modules/" v "/kernel/drivers/message/fusion/mptscsih.o:\t/lib/modules/" v         \
	"/kernel/drivers/message/fusion/mptbase.o /lib/modules/" v "/kernel/drivers/scsi/scsi_mod.o\n" \
	"/lib/modules/" v "/kernel/drivers/scsi/BusLogic.o:\t/lib/modules/" v "/kernel/drivers/scsi/scsi_mod.o\n" \
	"/lib/modules/" v "/kernel/fs/jbd/jbd.o:\n"                                             \
	"/lib/modules/" v "/kernel/fs/ext3/ext3.o:\t/lib/modules/" v "/kernel/fs/jbd/jbd.o\n"

static size_t module_bytes;

static int read_module(void *ctx, const char *path, struct buf *out, struct unrack_error *e)
{
	int r = made_read(ctx, path, out, e);

	return r < 0 || buf_zeros(out, module_bytes) == 0 ? r : error_nomem(e);
}

static void release(const char *data, const char *kver, const char *dep, const char *driver, const char *first)
{
	CLEANUP_BUF struct buf text = { 0 }, b = { 0 }, out = { 0 }, summary = { 0 };
	struct module_tree *tree = made_tree(kver, dep);
	struct initrd_change c = { .tree = tree, .wanted = &driver, .n_wanted = 1, .read_module = read_module };
	struct initrd_answer a;
	char line[80], path[100];
	struct initrd *i, *new;
	bool changed;

	snprintf(path, sizeof path, "tests/initrd/data/%s", data);
	made_file(&text, data, path);
	made_ramdisk(&b, buf_str(&text), "scsi_mod sd_mod aic7xxx jbd ext3", 3000);
	made_gzip(&b);
	i = made_open(&b);
	module_bytes = 50000;
	is_int(initrd_check(i, tree, &driver, 1, &a, &err), 0, "%s: it is checked", data);
	ok(!a.loads, "and does not load %s", driver);
	has_str(a.text, "/linuxrc never loads", "which is told of its script");
	is_int(a.ramdisk_kib, 3000, "it takes 3000 KiB");
	initrd_answer_free(&a);
	is_int(initrd_change(i, &c, &out, &changed, &summary, &err), 0, "it is changed");
	ok(changed, "into a new one");
	snprintf(line, sizeof line, "added   lib/%s.o, ", driver);
	has_str(buf_str(&summary), line, "the summary names the module");
	snprintf(line, sizeof line, "+insmod /lib/%s.o\n", first);
	has_str(buf_str(&summary), line, "and the line");
	new = made_open(&out);
	is_int(initrd_check(new, tree, &driver, 1, &a, &err), 0, "the new one is checked");
	ok(a.loads, "and loads %s: %s", driver, a.text);
	initrd_answer_free(&a);
	is_str(initrd_container(new), "gzip ext2", "it is packed as it was");
	c.wanted = &driver;
	is_int(initrd_change(new, &c, &b, &changed, &summary, &err), 0, "a second change");
	ok(!changed, "changes nothing");
	initrd_close(new);
	module_bytes = 4300000;
	is_int(initrd_change(i, &c, &out, &changed, &summary, &err),
	       !strcmp(kver, EL21) || strcmp(first, driver) ? UNRACK_NOSPACE : 0, "modules of 4 MB");
	if (!strcmp(kver, EL21))
		has_str(err.text, "the kernel's has 4096 KiB", "is too much for the ramdisk of 2.4.9");
	c.ramdisk_max = 16u << 20;
	is_int(initrd_change(i, &c, &out, &changed, &summary, &err), 0, "but not for a larger one");
	initrd_close(i);
	module_tree_free(tree);
}

/* A script that has no command by which one tells the release. */
static void no_signs(void)
{
	CLEANUP_BUF struct buf b = { 0 }, out = { 0 }, summary = { 0 };
	struct module_tree *tree = made_tree(EL3, DEP(EL3));
	const char *driver = "BusLogic";
	struct initrd_change c = { .tree = tree, .wanted = &driver, .n_wanted = 1, .read_module = made_read };
	struct initrd *i;
	bool changed;

	made_ramdisk(&b, "#!/bin/nash\nmkrootdev /dev/root\n", "", 300);
	i = made_open(&b);
	is_int(initrd_change(i, &c, &out, &changed, &summary, &err), 0, "a script without a sign of its release");
	ok(!strstr(buf_str(&summary), "stabilized"), "gets no command that only nash 5 has, since it is a ramdisk's");
	initrd_close(i);
	module_tree_free(tree);
}

int main(void)
{
	unsigned seed = 1;

	for (size_t k = 0; k < sizeof contents; k++)
		contents[k] = (char)made_random(&seed);
	edits();
	replaced();
	growth();
	with_errors();
	no_signs();
	release("el3-scsi.linuxrc", EL3, DEP(EL3), "BusLogic", "BusLogic");
	release("el3-scsi.linuxrc", EL3, DEP(EL3), "mptscsih", "mptbase");
	release("el3-lvm.linuxrc", EL3, DEP(EL3), "BusLogic", "BusLogic");
	release("el21-scsi.linuxrc", EL21, DEP(EL21), "BusLogic", "BusLogic");
	return tap_done();
}
