/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/bytes.h"
#include "made_ramdisk.h"

static struct unrack_error err;

static int make(const struct made_members *m, size_t kib, size_t max, struct buf *out)
{
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	return ext2_make(m->at, m->n, kib, max, "initrd.img", out, &err);
}

/* A ramdisk from the members of another is that one's twin. */
static void round_trip(void)
{
	CLEANUP_BUF struct buf b = { 0 }, again = { 0 };
	struct made_members m = { .n = 0 };
	struct initrd *i, *j;
	size_t same = 0;

	made_ramdisk(&b, "#!/bin/nash\n", "x y z", 300);
	i = made_open(&b);
	for (m.n = 0; m.n < initrd_len(i); m.n++)
		m.at[m.n] = *initrd_at(i, m.n);
	is_int(make(&m, 300, 300, &again), 0, "a ramdisk of the members of another");
	j = made_open(&again);
	is_int(initrd_len(j), (long)initrd_len(i), "has as many");
	for (size_t k = 0; k < m.n; k++) {
		const struct initrd_member *a = initrd_at(i, k), *c = initrd_at(j, k);

		same += !strcmp(a->name, c->name) && a->mode == c->mode && a->uid == c->uid && a->gid == c->gid &&
			a->nlink == c->nlink && a->ino == c->ino && a->mtime == c->mtime && a->size == c->size &&
			a->rdev_major == c->rdev_major && a->rdev_minor == c->rdev_minor &&
			!memcmp(a->data, c->data, a->size);
	}
	is_int(same, (long)m.n, "which are the same in everything");
	ok(b.len == again.len && !memcmp(b.data + 2048, again.data + 2048, b.len - 2048), "down to the bytes");
	initrd_close(i);
	initrd_close(j);
}

static void details(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct made_members m = { .n = 0 };
	const struct initrd_member *f;
	const uint8_t *s;
	struct ext2_tree t;
	struct initrd *i;

	made_file_member(&m, "a/b/c", S_IFREG | 0600, "content");
	made_file_member(&m, "a", S_IFDIR | 01777, NULL);
	is_int(make(&m, 3000, 4096, &b), 0, "members that come before their folders");
	is_int(b.len, 3000 << 10, "in a ramdisk of the size that is wanted");
	s = b.data + 1024;
	ok(get_le32(s + 92) == 0 && get_le32(s + 96) == 0 && get_le32(s + 100) == 0, "it has no features");
	is_int(get_le16(s + 88), 128, "inodes of 128 bytes");
	is_int(get_le32(s), 752, "one for 4 KiB");
	is_int(get_le32(s + 48), MADE_TIME, "the time of its newest file");
	is_int(s[104 + 6] >> 4, 8, "a UUID that is made of its files");
	is_int(ext2_tree_read(b.data, b.len, "it", &t, &err), 0, "it is a filesystem");
	is_int(ext2_tree_check(&t, &err), 0, "without errors");
	ext2_tree_free(&t);
	i = made_open(&b);
	f = initrd_find(i, "a");
	ok(f && f->mode == (S_IFDIR | 01777) && f->nlink == 3, "a folder has its mode, though it was there already");
	f = initrd_find(i, "a/b");
	ok(f && f->mode == (S_IFDIR | 0755) && f->mtime == MADE_TIME, "one without a member is 0755, and of its file's time");
	initrd_close(i);
}

static void many_files(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd_member *m = calloc(600, sizeof *m);
	char (*names)[16] = calloc(600, sizeof *names);
	struct initrd *i;

	for (unsigned k = 0; k < 600; k++) {
		snprintf(names[k], sizeof *names, "dev/node%u", k);
		m[k] = (struct initrd_member){ .name = names[k], .mode = S_IFBLK | 0600, .rdev_major = 8, .rdev_minor = k & 255 };
	}
	is_int(ext2_make(m, 600, 100, 8192, "initrd.img", &b, &err), 0, "600 nodes in what begins with 100 KiB");
	i = made_open(&b);
	is_int(initrd_len(i), 602, "are all there");
	ok(b.len < 300 << 10, "in %zu KiB", b.len >> 10);
	initrd_close(i);
	free(m);
	free(names);
}

static void refused(const char *name, uint32_t mode, int code, const char *text)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct made_members m = { .n = 0 };

	made_file_member(&m, "file", S_IFREG | 0644, "x");
	made_file_member(&m, "folder/x", S_IFREG | 0644, "x");
	made_file_member(&m, name, mode, mode == (S_IFDIR | 0755) ? NULL : "y");
	is_int(make(&m, 200, 200, &b), code, "%s", name);
	has_str(err.text, text, "is told");
	ok(!b.len, "and gives nothing");
}

static void refusals(void)
{
	static char large[48 << 20];
	CLEANUP_BUF struct buf b = { 0 };
	struct made_members m = { .n = 0 };
	char name[300];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	refused("../x", S_IFREG | 0644, UNRACK_USAGE, "../x: cannot be put into the image: it is no path");
	refused("a/../x", S_IFREG | 0644, UNRACK_USAGE, "it is no path of files from the root folder on");
	refused("a//x", S_IFREG | 0644, UNRACK_USAGE, "it is no path");
	refused("a/", S_IFREG | 0644, UNRACK_USAGE, "it is no path");
	refused("/x", S_IFREG | 0644, UNRACK_USAGE, "it is no path");
	refused("", S_IFREG | 0644, UNRACK_USAGE, "it is no path");
	refused(name, S_IFREG | 0644, UNRACK_USAGE, "it is no path");
	refused("file/x", S_IFREG | 0644, UNRACK_USAGE, "on its way there is something else than a folder");
	refused("file", S_IFDIR | 0755, UNRACK_USAGE, "a folder would take the place of a file, or a file that of a folder");
	refused("folder", S_IFREG | 0644, UNRACK_USAGE, "a folder would take the place of a file");

	memset(large, 'l', (3 << 20) - 1);
	made_file_member(&m, "lib/large.o", S_IFREG | 0644, large);
	is_int(make(&m, 3000, 4096, &b), 0, "more than fits makes it larger");
	ok(b.len > 3072 << 10 && b.len <= 4096 << 10, "within the limit (%zu KiB)", b.len >> 10);
	is_int(make(&m, 3000, 3072, &b), UNRACK_NOSPACE, "or is too large");
	has_str(err.text, "initrd.img: needs a ramdisk of ", "is told");
	has_str(err.text, "KiB, and the kernel's has 3072 KiB; put ramdisk_size=", "with what to do");
	m.at[0].size = 48u << 20;
	is_int(make(&m, 3000, SIZE_MAX, &b), UNRACK_UNSUPPORTED, "48 MiB are always too large");
	is_str(err.text, "initrd.img: needs a ramdisk of more than 48 MiB, which are not handled", "is told");
}

int main(void)
{
	round_trip();
	details();
	many_files();
	refusals();
	return tap_done();
}
