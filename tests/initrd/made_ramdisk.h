/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ramdisks made at test time, as mkinitrd of RHEL 3 lays them out, and damage done to them. */
#ifndef TESTS_INITRD_MADE_RAMDISK_H
#define TESTS_INITRD_MADE_RAMDISK_H

#include "../../initrd/ext2.h"
#include "../../initrd/ext2_tree.h"
#include "made.h"

#define MADE_TIME 1066000000 /* RHEL 3 */
#define MADE_MEMBERS_MAX 40

struct made_members {
	struct initrd_member at[MADE_MEMBERS_MAX];
	size_t n;
};

MADE struct initrd_member *made_file_member(struct made_members *m, const char *name, uint32_t mode,
					    const char *text)
{
	struct initrd_member *f = &m->at[m->n++];

	made(m->n <= MADE_MEMBERS_MAX, name);
	*f = (struct initrd_member){ .name = name, .mode = mode, .nlink = 1, .ino = (uint32_t)m->n, .mtime = MADE_TIME,
				     .data = (const uint8_t *)text, .size = text ? strlen(text) : 0 };
	return f;
}

static char made_nash[20000], made_target[101]; /* with addresses of blocks in a block of their own; a slow link */

/* With SCRIPT, and the modules of the names, separated by blanks; KIB large. */
MADE void made_ramdisk(struct buf *b, const char *script, const char *modules, size_t kib)
{
	static char names[MADE_MEMBERS_MAX][64];
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct made_members m = { .n = 0 };
	struct initrd_member *f;
	int r;

	memset(made_nash, 'n', sizeof made_nash - 1);
	memset(made_target, 't', sizeof made_target - 1);
	made_file_member(&m, ".", S_IFDIR | 0755, NULL);
	made_file_member(&m, "bin", S_IFDIR | 0755, NULL);
	made_file_member(&m, "bin/nash", S_IFREG | 0755, made_nash);
	made_file_member(&m, "bin/insmod", S_IFREG | 0755, "\177ELF insmod");
	f = made_file_member(&m, "bin/vgscan", S_IFREG | 04711, "\177ELF vgwrapper");
	f->nlink = 2;
	f->uid = 70000;
	f->gid = 12;
	m.at[m.n] = *f;
	m.at[m.n++].name = "bin/vgchange";
	made_file_member(&m, "sbin", S_IFLNK | 0777, "bin");
	made_file_member(&m, "loopfs", S_IFLNK | 0777, made_target);
	made_file_member(&m, "dev", S_IFDIR | 0755, NULL);
	f = made_file_member(&m, "dev/console", S_IFCHR | 0600, NULL);
	f->rdev_major = 5;
	f->rdev_minor = 1;
	f = made_file_member(&m, "dev/nvme", S_IFBLK | 0660, NULL);
	f->rdev_major = 259;
	f->rdev_minor = 70000;
	made_file_member(&m, "dev/fifo", S_IFIFO | 0600, NULL)->mtime = 1;
	made_file_member(&m, "lib", S_IFDIR | 0755, NULL);
	for (const char *p = modules; *p; p += strspn(p, " ")) {
		int n = (int)strcspn(p, " ");

		snprintf(names[m.n], sizeof names[0], "lib/%.*s.o", n, p);
		made_file_member(&m, names[m.n], S_IFREG | 0644, "\177ELF of the image");
		p += n;
	}
	if (script)
		made_file_member(&m, "linuxrc", S_IFREG | 0755, script);
	r = ext2_make(m.at, m.n, kib, kib, "made", b, &err);
	if (r < 0)
		printf("# %s\n", err.text);
	made(r == 0, "a ramdisk");
}

/* Where the inode of NAME is. */
MADE uint8_t *made_inode(struct buf *b, const char *name)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	size_t at = 0;
	struct ext2_tree t;

	made(ext2_tree_read(b->data, b->len, "made", &t, &err) == 0, name);
	for (size_t k = 0; k < t.entries.len; k++)
		if (!strcmp(buf_str(&t.names) + t.entries.at[k].name, name))
			at = ext2_layout_inode(&t.layout, b->data, t.entries.at[k].inode);
	ext2_tree_free(&t);
	made(at, name);
	return b->data + at;
}

/* The first block of NAME. */
MADE uint8_t *made_block(struct buf *b, const char *name)
{
	return b->data + get_le32(made_inode(b, name) + 40) * 1024;
}

#endif
