/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "ext2.h"
#include "ext2_grow.h"
#include "ext2_path.h"
#include "ext2_tree.h"
#include "image_path.h"

#define ATTEMPTS_MAX 40

/* What was free stays free up to this: nash makes nodes there, and LVM writes its tables. New inodes
 * would take a whole group of blocks, and there are some left everywhere. */
#define SPARE_BYTES (64u << 10)

size_t ext2_ramdisk_kib(const struct initrd *i)
{
	return (size_t)div_round_up(i->streams.at[i->ramdisk_stream].len, 1024);
}

size_t ext2_ramdisk_default(const char *kver)
{
	return strncmp(kver, "2.4.9-", 6) ? EXT2_RAMDISK_KIB : EXT2_RAMDISK_249_KIB;
}

/* --- How much room it takes ------------------------------------------------------------- */

/* Blocks of a file of N bytes, those with addresses among them; that it has three levels of
 * those is out of a ramdisk's reach. */
static uint64_t blocks_of(const struct ext2_layout *l, uint64_t n)
{
	uint64_t data = div_round_up(n, l->block_size), per = l->block_size / 4, more = 0;

	if (data > 12)
		more++;
	if (data > 12 + per)
		more += 1 + div_round_up(data - 12 - per, per);
	return data + more;
}

struct room {
	uint64_t blocks; /* missing */
	uint32_t inodes;
};

/* What is missing for the files' contents; what folders need turns out when they are written. */
static struct room missing_room(const struct initrd *i, const struct ext2_tree *t, const struct image_edit *edit)
{
	uint64_t need = 0, free_blocks = 0, free_inodes = 0;
	struct room room = { 0, 0 };

	for (size_t k = 0; k < edit->n_replace; k++) {
		uint64_t new = blocks_of(&t->layout, edit->replace[k].n);
		uint64_t old = t->nodes[i->items.at[edit->replace[k].item].m.ino].blocks;

		need += new > old ? new - old : 0;
	}
	for (size_t k = 0; k < edit->n_add; k++)
		need += blocks_of(&t->layout, edit->add[k].data.len);
	for (uint32_t b = t->layout.first_block; b < t->layout.blocks; b++)
		free_blocks += !ext2_tree_uses(t, b);
	for (uint32_t k = 1; k <= t->layout.inodes; k++)
		free_inodes += !ext2_tree_has_inode(t, k);
	need += min_u64(free_blocks, SPARE_BYTES / t->layout.block_size);
	room.blocks = need > free_blocks ? need - free_blocks : 0;
	room.inodes = edit->n_add > free_inodes ? (uint32_t)(edit->n_add - free_inodes) : 0;
	return room;
}

/* --- Changes ---------------------------------------------------------------------------- */

static int put_new(const struct initrd *i, struct ext2_fs *f, const struct image_new *new,
		   const struct image_edit *edit, struct unrack_error *err)
{
	const struct initrd_member m = { .mode = S_IFREG | 0644, .mtime = edit->mtime,
					 .data = new->data.data, .size = new->data.len };
	const char *slash = strrchr(new->name, '/');
	char folder[IMAGE_PATH_MAX], real[IMAGE_PATH_MAX], path[2 * IMAGE_PATH_MAX];
	uint32_t inode;

	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - new->name) : 0, new->name);
	if (!image_real(i, folder, real))
		return error_set(err, UNRACK_DAMAGED, "%s: the links on the way to /%s lead nowhere", i->name, new->name);
	snprintf(path, sizeof path, "%s%s%s", real, *real ? "/" : "", slash ? slash + 1 : new->name);
	return ext2_path_put(f, path, &m, &inode, err);
}

static int change(const struct initrd *i, struct ext2_fs *f, const struct image_edit *edit, struct unrack_error *err)
{
	int r = 0;

	for (size_t k = 0; r == 0 && k < edit->n_replace; k++)
		r = ext2_fs_replace(f, i->items.at[edit->replace[k].item].m.ino, edit->replace[k].data,
				    edit->replace[k].n, err);
	for (size_t k = 0; r == 0 && k < edit->n_add; k++)
		r = put_new(i, f, &edit->add[k], edit, err);
	return r;
}

/* One copy of the filesystem T, grown to SIZE blocks, with the changes. */
static int attempt(const struct initrd *i, const struct ext2_tree *t, uint32_t size, const struct image_edit *edit,
		   struct buf *image, struct unrack_error *err)
{
	const struct store *old = &i->streams.at[i->ramdisk_stream];
	struct ext2_fs *f;
	int r;

	buf_clear(image);
	if (buf_append(image, old->data, old->len) < 0 ||
	    (size != t->layout.blocks && ext2_grow(image, &t->layout, size) < 0))
		return error_nomem(err);
	r = ext2_fs_open(image, div_round_up(size - t->layout.first_block, t->layout.blocks_per_group) > t->layout.groups,
			 edit->mtime, i->name, &f, err);
	if (r)
		return r;
	r = change(i, f, edit, err);
	if (r == 0)
		return ext2_fs_close(f, err);
	ext2_fs_drop(f);
	return r;
}

/* What was written is without errors, or is not handed out. */
static int verify(const struct initrd *i, const struct buf *image, struct unrack_error *err)
{
	struct ext2_tree t;
	int r = ext2_tree_read(image->data, image->len, i->name, &t, err);

	if (r < 0)
		return r;
	r = ext2_tree_check(&t, err);
	ext2_tree_free(&t);
	return r;
}

static int too_large(const struct initrd *i, uint64_t bytes, size_t max, struct unrack_error *err)
{
	uint64_t kib = div_round_up(bytes, 1024);

	if (bytes > EXT2_LAYOUT_IMAGE_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: needs a ramdisk of %llu KiB with what comes in; more than "
				 "%u MiB are not handled", i->name, (unsigned long long)kib,
				 EXT2_LAYOUT_IMAGE_MAX >> 20);
	return error_set(err, UNRACK_NOSPACE, "%s: needs a ramdisk of %llu KiB with what comes in, and the kernel's has "
			 "%zu KiB; put ramdisk_size=%llu on the kernel's command line, and allow as much here",
			 i->name, (unsigned long long)kib, max >> 10, (unsigned long long)kib);
}

/* Grows by as little as possible: what is not needed would be memory lost in the running system. */
static int write_grown(const struct initrd *i, const struct ext2_tree *t, const struct image_edit *edit,
		       struct buf *image, struct unrack_error *err)
{
	size_t len = i->streams.at[i->ramdisk_stream].len;
	size_t max = (size_t)min_u64(edit->ramdisk_max ? edit->ramdisk_max : EXT2_RAMDISK_KIB << 10, EXT2_LAYOUT_IMAGE_MAX);
	struct room room = missing_room(i, t, edit);
	int r = EXT2_FS_NO_BLOCKS;

	for (unsigned k = 0; r > 0 && k < ATTEMPTS_MAX; k++) {
		uint32_t size = t->layout.blocks;

		if (room.blocks > EXT2_LAYOUT_IMAGE_MAX / t->layout.block_size)
			return too_large(i, len + room.blocks * t->layout.block_size, max, err);
		if (room.blocks || room.inodes)
			size = ext2_grow_size(&t->layout, (uint32_t)room.blocks, room.inodes);
		if (!size)
			return error_set(err, UNRACK_UNSUPPORTED, "%s: its ext2 filesystem has groups of %u blocks and no "
					 "room for more of them", i->name, t->layout.blocks_per_group);
		if (size > t->layout.blocks && (uint64_t)size * t->layout.block_size > max)
			return too_large(i, (uint64_t)size * t->layout.block_size, max, err);
		r = attempt(i, t, size, edit, image, err);
		room.blocks += r == EXT2_FS_NO_BLOCKS ? 1 + k : 0;
		room.inodes += r == EXT2_FS_NO_INODES;
	}
	if (r > 0)
		return error_set(err, UNRACK_INTERNAL, "%s: its ext2 filesystem does not take in what is new", i->name);
	return r == 0 ? verify(i, image, err) : r;
}

int ext2_write(const struct initrd *i, const struct image_edit *edit, struct buf *out, struct unrack_error *err)
{
	const struct store *old = &i->streams.at[i->ramdisk_stream];
	CLEANUP_BUF struct buf image = { 0 };
	struct store new = { 0 };
	struct ext2_tree t;
	int r;

	if (!edit)
		return archive_pack(i->ramdisk_how, old, i->name, out, err);
	r = ext2_tree_read(old->data, old->len, i->name, &t, err);
	if (r < 0)
		return r;
	r = ext2_tree_check(&t, err);
	if (r == 0)
		r = write_grown(i, &t, edit, &image, err);
	ext2_tree_free(&t);
	if (r < 0)
		return r;
	store_borrow(&new, image.data, image.len);
	return archive_pack(i->ramdisk_how, &new, i->name, out, err);
}
