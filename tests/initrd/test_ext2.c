/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/bytes.h"
#include "made_ramdisk.h"

static struct unrack_error err;

static void members(void)
{
	CLEANUP_BUF struct buf b = { 0 }, out = { 0 };
	const struct initrd_member *m, *other;
	struct initrd *i;

	made_ramdisk(&b, "#!/bin/nash\n", "scsi_mod", 200);
	i = made_open(&b);
	is_int(initrd_get_kind(i), INITRD_NASH, "a ramdisk whose /linuxrc is for nash");
	is_str(initrd_container(i), "ext2", "its container");
	ok(initrd_is_ramdisk(i), "it is a ramdisk");
	is_str(initrd_script(i), "linuxrc", "and starts with /linuxrc");
	is_int(initrd_len(i), 15, "all members are there");
	is_int(initrd_segments(i), 0, "it has no segments");
	is_str(initrd_at(i, 0)->name, ".", "root's folder comes first");
	m = initrd_find(i, "bin/nash");
	ok(m && m->mode == (S_IFREG | 0755) && m->mtime == MADE_TIME && m->size == sizeof made_nash - 1 &&
	   !memcmp(m->data, made_nash, m->size), "a file of several blocks");
	m = initrd_find(i, "bin/vgscan");
	other = initrd_find(i, "bin/vgchange");
	ok(m && other && m->ino == other->ino && m->nlink == 2 && m->data == other->data, "two names of one file");
	ok(m && m->mode == (S_IFREG | 04711) && m->uid == 70000 && m->gid == 12, "with its mode and owners");
	m = initrd_find(i, "dev/console");
	ok(m && m->mode == (S_IFCHR | 0600) && m->rdev_major == 5 && m->rdev_minor == 1, "a device");
	m = initrd_find(i, "dev/nvme");
	ok(m && m->mode == (S_IFBLK | 0660) && m->rdev_major == 259 && m->rdev_minor == 70000, "one of large numbers");
	m = initrd_find(i, "dev/fifo");
	ok(m && S_ISFIFO(m->mode) && m->mtime == 1, "a fifo, with a time of its own");
	m = initrd_find(i, "sbin");
	ok(m && S_ISLNK(m->mode) && m->size == 3 && !memcmp(m->data, "bin", 3), "a symbolic link in its inode");
	m = initrd_find(i, "loopfs");
	ok(m && S_ISLNK(m->mode) && m->size == 100 && !memcmp(m->data, made_target, 100), "one with a block");
	m = initrd_follow(i, "sbin/nash");
	ok(m && m->size == sizeof made_nash - 1, "links are followed");
	is_int(initrd_write(i, &out, &err), 0, "it is written");
	ok(out.len == b.len && !memcmp(out.data, b.data, b.len), "as it was");
	initrd_close(i);
}

static void packed(void)
{
	CLEANUP_BUF struct buf b = { 0 }, out = { 0 }, again = { 0 };
	struct initrd *i;
	size_t n;

	made_ramdisk(&b, "#!/bin/sh\n", "", 200);
	n = b.len;
	made_gzip(&b);
	i = made_open(&b);
	is_str(initrd_container(i), "gzip ext2", "a packed ramdisk");
	is_int(initrd_get_kind(i), INITRD_OTHER, "whose /linuxrc is for another shell");
	is_int(initrd_write(i, &out, &err), 0, "is written");
	ok(out.len == b.len && !memcmp(out.data, b.data, b.len), "and packed as it was");
	ok(out.len < n / 2, "(it is packed)");
	initrd_close(i);
	buf_clear(&b);
	made_ramdisk(&b, NULL, "", 200);
	buf_zeros(&b, 5000);
	i = made_open(&b);
	is_int(initrd_get_kind(i), INITRD_OTHER, "one without a /linuxrc");
	is_int(initrd_write(i, &again, &err), 0, "is written");
	ok(again.len == b.len && !memcmp(again.data, b.data, b.len), "with what is behind the filesystem");
	initrd_close(i);
}

static int open_bytes(const struct buf *b, size_t n, struct initrd **i)
{
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	return initrd_open(b->data, n, "initrd.img", i, &err);
}

/* Bytes of the superblock, and what they make of the image. */
static void superblock(size_t at, uint32_t value, const char *text, const char *what)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;

	made_ramdisk(&b, "#!/bin/nash\n", "", 200);
	put_le32(b.data + 1024 + at, value);
	is_int(open_bytes(&b, b.len, &i), UNRACK_DAMAGED, "%s", what);
	has_str(err.text, text, "is told");
	ok(!i, "and gives no image");
}

static void superblocks(void)
{
	static const char sb[] = "initrd.img: the superblock of its ext2 filesystem contradicts itself; take another copy";
	static const char more[] = "initrd.img: its ext2 filesystem has 201 blocks of 1024 bytes, but ends after 204800 bytes";
	CLEANUP_BUF struct buf b = { 0 };
	struct initrd *i;

	superblock(0, 1, sb, "fewer inodes than its groups have");
	superblock(4, 201, more, "more blocks than the image has");
	superblock(4, 1, sb, "fewer blocks than it needs");
	superblock(4, 0xffffffff, "has 4294967295 blocks", "as many blocks as there can be");
	superblock(20, 0, sb, "a wrong first block");
	superblock(24, 3, sb, "blocks of 8 KiB");
	superblock(24, 0xffffffff, sb, "blocks of any size");
	superblock(28, 1, sb, "fragments");
	superblock(32, 8193, sb, "groups larger than their bitmap");
	superblock(32, 0, sb, "groups of nothing");
	superblock(40, 0, sb, "groups without inodes");
	superblock(40, 0xfffffff8, sb, "groups with any number of inodes");
	superblock(76, 2, sb, "a later format");
	superblock(84, 3, sb, "files where none can be");
	superblock(88, 100, sb, "inodes smaller than they are");
	superblock(88, 4096, sb, "inodes larger than blocks");
	superblock(204, 0xffff0000, sb, "any number of reserved blocks");
	superblock(1024, 1, "the table of groups of its", "a bitmap over the superblock");
	superblock(1024 + 8, 199, "the table of groups of its", "a table of inodes that goes behind the end");
	superblock(1024 + 4, 0xffffffff, "the table of groups of its", "a bitmap anywhere");

	made_ramdisk(&b, "#!/bin/nash\n", "", 200);
	is_int(open_bytes(&b, 2047, &i), UNRACK_DAMAGED, "an image that ends in its superblock");
	is_str(err.text, "initrd.img: its ext2 filesystem is cut short; take another copy of this file", "is told");
	put_le32(b.data + 1024 + 96, 0x40);
	i = made_open(&b);
	is_str(initrd_container(i), "ext4", "features of ext4");
	is_int(initrd_get_kind(i), INITRD_OTHER, "make it something else");
	is_int(initrd_len(i), 0, "that shows no members");
	ok(!initrd_is_ramdisk(i), "and is not known as a ramdisk");
	initrd_close(i);
	buf_clear(&b);
	made_ramdisk(&b, "#!/bin/nash\n", "", 200);
	buf_zeros(&b, 48u << 20);
	is_int(open_bytes(&b, b.len, &i), UNRACK_UNSUPPORTED, "a ramdisk larger than any");
	has_str(err.text, "is a ramdisk of 48 MiB; more than 48 MiB are not handled", "is told");
}

/* Whatever is in it: an answer, and never a byte outside. */
static void mutations(void)
{
	CLEANUP_BUF struct buf plain = { 0 }, b = { 0 };
	unsigned seed = 3, opened = 0, refused = 0;

	made_ramdisk(&plain, "#!/bin/nash\n", "a b c", 100);
	for (int round = 0; round < 1500; round++) {
		struct initrd *i;

		buf_clear(&b);
		buf_append(&b, plain.data, plain.len);
		for (unsigned k = made_random(&seed) % 4 + 1; k > 0; k--)
			b.data[1024 + made_random(&seed) % 40000] = (uint8_t)"\0\1\2\3\377\200\013\7"[made_random(&seed) % 8];
		if (open_bytes(&b, b.len, &i) == 0) {
			opened++;
		} else {
			refused += err.text[0] && !i;
		}
		initrd_close(i);
	}
	is_int(opened + refused, 1500, "every image is opened or refused with a reason");
	ok(opened > 100 && refused > 100, "some of each (%u, %u)", opened, refused);
}

int main(void)
{
	members();
	packed();
	superblocks();
	mutations();
	return tap_done();
}
