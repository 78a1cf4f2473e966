/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/layout.h"
#include "made.h"

static struct unrack_error err;

static void file(struct layout *l, const char *name, const char *text)
{
	struct buf b = { 0 };

	buf_puts(&b, text);
	ok(layout_file(l, name, 0644, &b) == 0 && !b.data, "%s is added", name);
}

static void fill(struct layout *l)
{
	*l = (struct layout){ .mtime = 77 };
	layout_folder(l, ".", 0700);
	layout_folder(l, "bin", 0755);
	layout_folder(l, "bin/deep", 0755);
	file(l, "bin/nash", "nash");
	layout_link(l, "bin/vgscan", "bin/nash");
	layout_symlink(l, "sbin", "bin");
	layout_folder(l, "dev", 0755);
	layout_node(l, "dev/md1", S_IFBLK | 0600, 9, 1);
	file(l, "linuxrc", "#!/bin/nash\n");
	is_int(layout_link(l, "x", "bin/none"), -1, "a link to nothing is none");
}

static void check(const struct buf *b, const char *container)
{
	struct initrd *i = made_open(b);
	const struct initrd_member *m = initrd_find(i, "bin/vgscan");

	is_str(initrd_container(i), container, "it is a %s", container);
	ok(m && m->size == 4 && m->nlink == 2 && m->ino == initrd_find(i, "bin/nash")->ino, "two names of a file");
	ok(initrd_find(i, "bin/nash")->size == 4, "both with its content");
	m = initrd_find(i, "dev/md1");
	ok(m && m->mode == (S_IFBLK | 0600) && m->rdev_major == 9 && m->rdev_minor == 1 && m->mtime == 77, "a node");
	m = initrd_find(i, "sbin");
	ok(m && S_ISLNK(m->mode) && m->size == 3 && !memcmp(m->data, "bin", 3), "a link");
	m = initrd_find(i, "bin");
	ok(m && m->mode == (S_IFDIR | 0755) && m->nlink == 3, "a folder with one in it");
	m = initrd_find(i, ".");
	ok(m && m->mode == (S_IFDIR | 0700) && m->uid == 0, "and the root folder");
	initrd_close(i);
}

int main(void)
{
	CLEANUP_BUF struct buf a = { 0 }, b = { 0 };
	struct layout l;

	fill(&l);
	is_int(layout_cpio(&l, "x", &a, &err), 0, "as a cpio archive");
	check(&a, "gzip newc cpio");
	is_int(layout_cpio(&l, "x", &b, &err), 0, "again");
	ok(a.len == b.len && !memcmp(a.data, b.data, a.len), "with the same bytes");
	buf_clear(&a);
	is_int(layout_ext2(&l, 100, 200, "x", &a, &err), 0, "as a ramdisk");
	check(&a, "gzip ext2");
	buf_clear(&b);
	is_int(layout_ext2(&l, 100, 200, "x", &b, &err), 0, "again");
	ok(a.len == b.len && !memcmp(a.data, b.data, a.len), "with the same bytes");
	buf_clear(&b);
	is_int(layout_ext2(&l, 5, 8, "x", &b, &err), UNRACK_NOSPACE, "too small a ramdisk");
	layout_free(&l);
	return tap_done();
}
