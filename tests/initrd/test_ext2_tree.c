/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/bytes.h"
#include "made_ramdisk.h"

static struct unrack_error err;
static struct buf b;

static void fresh(void)
{
	buf_clear(&b);
	made_ramdisk(&b, "#!/bin/nash\n", "x y", 200);
}

static int read_tree(struct ext2_tree *t)
{
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	return ext2_tree_read(b.data, b.len, "initrd.img", t, &err);
}

static void damaged(const char *text, const char *what)
{
	struct ext2_tree t;

	is_int(read_tree(&t), UNRACK_DAMAGED, "%s", what);
	has_str(err.text, text, "is told");
	has_str(err.text, "take another copy of this file", "with what to do");
	fresh();
}

static uint8_t *entry(const char *folder, const char *name)
{
	uint8_t *p = made_block(&b, folder);

	for (size_t at = 0; at < 1024; at += get_le16(p + at + 4))
		if (p[at + 6] == strlen(name) && !memcmp(p + at + 8, name, strlen(name)))
			return p + at;
	made(false, name);
	return NULL;
}

static void files(void)
{
	uint8_t *nash, *table;
	struct ext2_tree t;

	fresh();
	nash = made_inode(&b, "bin/nash");
	put_le32(nash + 40, 200);
	damaged("a file has block 200, and there are 200", "a block behind the end");
	put_le32(made_inode(&b, "bin/nash") + 44, get_le32(made_inode(&b, "bin/nash") + 40));
	damaged("is used twice", "a block that comes twice in a file");
	put_le32(made_inode(&b, "lib/x.o") + 40, get_le32(made_inode(&b, "bin/nash") + 40));
	damaged("is used twice", "a block of two files");
	put_le32(made_inode(&b, "lib/x.o") + 40, 3);
	damaged("block 3 is used twice", "a file's block that is a bitmap");
	put_le32(made_inode(&b, "lib/x.o") + 40 + 4 * 14, get_le32(made_inode(&b, "bin/nash") + 40 + 4 * 12));
	damaged("is used twice", "addresses of two files");
	nash = made_inode(&b, "bin/nash");
	table = b.data + get_le32(nash + 40 + 4 * 12) * 1024;
	put_le32(nash + 40 + 4 * 14, get_le32(nash + 40 + 4 * 12));
	put_le32(nash + 40 + 4 * 12, 0);
	put_le32(table, (uint32_t)((table - b.data) / 1024));
	damaged("is used twice", "addresses that lead in a circle");
	put_le16(made_inode(&b, "lib/x.o"), S_IFIFO | 0644);
	is_int(read_tree(&t), 0, "a file that is a fifo now, and still has a block, is read");
	is_int(ext2_tree_check(&t, &err), UNRACK_DAMAGED, "but not written to");
	ext2_tree_free(&t);
	fresh();
	put_le16(made_inode(&b, "lib/x.o"), 0x3000);
	damaged("is of no known kind", "a file of no kind");
	put_le32(made_inode(&b, "lib/x.o") + 32, 0x80000);
	damaged("keeps its content as ext4 does", "extents");
	put_le32(made_inode(&b, "lib/x.o") + 104, 4);
	damaged("block 4 is used twice", "attributes in a bitmap");
	put_le32(made_inode(&b, "sbin") + 4, 60);
	damaged("has 60 bytes", "a target longer than the inode");
	put_le32(made_inode(&b, "loopfs") + 4, 1024);
	damaged("has 1024 bytes", "a target longer than a block");
	put_le32(made_inode(&b, "sbin") + 4, 0);
	damaged("has 0 bytes", "a link to nowhere");
}

static void sizes(void)
{
	struct ext2_tree t;
	uint8_t *out;

	put_le32(made_inode(&b, "lib/x.o") + 108, 1);
	is_int(read_tree(&t), UNRACK_UNSUPPORTED, "a file of 4 GiB");
	is_str(err.text, "initrd.img: its files are larger than 48 MiB together; more are not handled", "is told");
	fresh();
	put_le32(made_inode(&b, "lib/x.o") + 4, 25u << 20);
	put_le32(made_inode(&b, "lib/y.o") + 4, 25u << 20);
	is_int(read_tree(&t), UNRACK_UNSUPPORTED, "two that are too large together");
	fresh();
	put_le32(made_inode(&b, "lib/x.o") + 4, 5000);
	is_int(read_tree(&t), 0, "a file with holes");
	out = calloc(1, t.content);
	ext2_tree_contents(&t, out);
	for (size_t k = 0; k < t.entries.len; k++)
		if (!strcmp(buf_str(&t.names) + t.entries.at[k].name, "lib/x.o")) {
			const struct ext2_node *n = &t.nodes[t.entries.at[k].inode];

			is_int(n->size, 5000, "has its size");
			ok(!memcmp(out + n->data, "\177ELF of the image\0", 18) && !out[n->data + 4999], "and zeros in them");
		}
	free(out);
	ext2_tree_free(&t);
	fresh();
}

static void folders(void)
{
	struct ext2_tree t;
	uint32_t lib;

	put_le32(entry("lib", "x.o"), 20000);
	damaged("entries of folder \"lib\" make no sense", "an inode that there is not");
	put_le32(entry("lib", "x.o"), 5);
	damaged("inode 5, which is no file's, has a name", "an inode that no file has");
	put_le32(entry("lib", "x.o"), EXT2_LAYOUT_ROOT);
	damaged("inode 2, which is no file's", "a name for root");
	lib = get_le32(entry("lib", "."));
	put_le32(entry("bin", "nash"), lib);
	damaged("\"..\" of the folder of inode", "a folder in two places");
	put_le32(entry("lib", "x.o"), lib);
	damaged("two names lead to the folder of inode", "a folder in itself");
	put_le32(entry("lib", ".."), lib);
	damaged("\"..\" of the folder of inode", "a wrong parent");
	put_le32(entry("lib", "."), 2);
	damaged("entries of folder \"lib\" make no sense", "a wrong self");
	put_le32(entry("lib", ".."), 0);
	damaged("folder \"lib\" has not one \".\" and one \"..\"", "no parent");
	entry("lib", "x.o")[9] = '/';
	damaged("a name in folder \"lib\" is none", "a slash in a name");
	entry("lib", "x.o")[10] = '\0';
	damaged("a name in folder \"lib\" is none", "a NUL in a name");
	memcpy(entry("lib", "x.o") + 8, "..", 2);
	entry("lib", "..o")[6] = 2;
	damaged("\"..\" of the folder of inode", "a second \"..\"");
	put_le16(entry("lib", "x.o") + 4, 0);
	damaged("entries of folder \"lib\" make no sense", "an entry of no length");
	put_le16(entry("lib", "x.o") + 4, 1004);
	damaged("entries of folder \"lib\" make no sense", "an entry that leaves its block");
	put_le16(entry("lib", "x.o") + 4, 13);
	damaged("entries of folder \"lib\" make no sense", "an entry at no multiple of 4");
	entry("lib", "x.o")[6] = 200;
	damaged("entries of folder \"lib\" make no sense", "a name longer than its entry");
	put_le32(made_inode(&b, "lib") + 4, 0);
	damaged("folder \"lib\" has 0 bytes in 1 blocks", "an empty folder");
	put_le32(made_inode(&b, "lib") + 4, 2048);
	damaged("folder \"lib\" has 2048 bytes in 1 blocks", "a folder with a hole");
	put_le16(made_inode(&b, "."), S_IFREG | 0644);
	damaged("its root is no folder", "a root that is a file");

	put_le32(entry("lib", "x.o"), 0);
	is_int(read_tree(&t), 0, "an entry that is not used");
	is_int(t.entries.len, 15, "is none");
	ext2_tree_free(&t);
	fresh();
}

/* Folders one in another, in a chain of N. */
static int nested(unsigned n, struct ext2_tree *t)
{
	struct initrd_member m = { .mode = S_IFIFO | 0644, .nlink = 1 };
	char path[400] = "";

	for (unsigned k = 0; k < n; k++)
		strcat(path, "d/");
	strcat(path, "f");
	m.name = path;
	buf_clear(&b);
	made(ext2_make(&m, 1, 400, 400, "made", &b, &err) == 0, "a nest");
	return read_tree(t);
}

static void limits(void)
{
	struct ext2_tree t;

	is_int(nested(63, &t), 0, "64 folders one in another");
	ext2_tree_free(&t);
	is_int(nested(64, &t), UNRACK_UNSUPPORTED, "and one more");
	is_str(err.text, "initrd.img: has more than 64 folders one in another, which no initrd has", "is told");
	fresh();
}

static void errors(const char *text, const char *what)
{
	struct ext2_tree t;

	is_int(read_tree(&t), 0, "%s: it is read", what);
	is_int(ext2_tree_check(&t, &err), UNRACK_DAMAGED, "but not written to");
	has_str(err.text, text, "for that reason");
	has_str(err.text, "initrd.img: its ext2 filesystem has errors and is not written to: ", "which is told");
	ext2_tree_free(&t);
	fresh();
}

static void checks(void)
{
	struct ext2_layout_group d;
	struct ext2_layout l;
	struct ext2_tree t;

	is_int(read_tree(&t), 0, "one without errors");
	is_int(ext2_tree_check(&t, &err), 0, "is free of them");
	l = t.layout;
	d = ext2_layout_group(&l, b.data, 0);
	ext2_tree_free(&t);
	b.data[d.block_bitmap * 1024] &= 0xfe;
	errors("block 1 is in use, and marked as if not", "the superblock is marked free");
	b.data[d.block_bitmap * 1024 + 190 / 8] |= 1 << 190 % 8;
	errors("block 191 is free, and marked as if not", "a lost block");
	b.data[d.inode_bitmap * 1024 + 1] &= 0xfb;
	errors("inode 11 is in use, and marked as if not", "a file's inode is marked free");
	b.data[d.inode_bitmap * 1024 + 5] |= 0x80;
	errors("inode 48 is free, and marked as if not", "a lost inode");
	put_le16(made_inode(&b, "lib/x.o") + 26, 2);
	errors("has 1 names and counts 2", "one link too many");
	put_le16(made_inode(&b, "bin") + 26, 3);
	errors("has 2 names and counts 3", "one link of a folder too many");
	put_le32(made_inode(&b, "bin/nash") + 28, 2);
	errors("counts its blocks wrong", "a wrong number of blocks");
	put_le16(b.data + ext2_layout_inode(&l, b.data, 40) + 26, 1);
	errors("inode 40 is in use, and has no name", "a file without a name");
	put_le16(b.data + ext2_layout_inode(&l, b.data, 8), S_IFREG);
	errors("inode 8, which is no file's, is in use", "a journal");
	put_le16(b.data + 1024 + 58, 0);
	errors("it was not unmounted cleanly", "a mounted one");
	put_le16(b.data + 1024 + 58, 3);
	errors("it was not unmounted cleanly", "one with errors");
	put_le32(b.data + 1024 + 232, 12);
	errors("files in it were not removed to their end", "orphans");
}

int main(void)
{
	files();
	sizes();
	folders();
	limits();
	checks();
	buf_free(&b);
	return tap_done();
}
