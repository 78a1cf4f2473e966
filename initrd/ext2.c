/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ext2.h"

#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "ext2_tree.h"

/* Numbers of devices: of 8 bits each, or as 2.6 has them where those are not enough. */
static void set_device(struct initrd_member *m, const uint8_t *addresses)
{
	uint32_t old = get_le32(addresses), new = get_le32(addresses + 4);

	m->rdev_major = old ? old >> 8 & 0xff : new >> 8 & 0xfff;
	m->rdev_minor = old ? old & 0xff : (new & 0xff) | (new >> 12 & 0xfff00);
}

/* The inode of 256 bytes has two more bits for seconds, if it says that it has that part. */
static int64_t time_of(const struct ext2_layout *l, const uint8_t *p)
{
	int64_t t = (int32_t)get_le32(p + 16);

	if (l->inode_size >= 256 && get_le16(p + 128) >= 12)
		t += (int64_t)(get_le32(p + 136) & 3) << 32;
	return t;
}

static struct initrd_member member_of(const struct ext2_tree *t, const struct ext2_entry *e,
				      const uint8_t *content)
{
	const uint8_t *p = t->p + ext2_layout_inode(&t->layout, t->p, e->inode);
	const struct ext2_node *node = &t->nodes[e->inode];
	struct initrd_member m = {
		.name = buf_str(&t->names) + e->name,
		.mode = get_le16(p),
		.uid = get_le16(p + 2) | (uint32_t)get_le16(p + 120) << 16,
		.gid = get_le16(p + 24) | (uint32_t)get_le16(p + 122) << 16,
		.nlink = get_le16(p + 26),
		.ino = e->inode,
		.mtime = time_of(&t->layout, p),
		.data = node->fast ? p + 40 : content + node->data,
		.size = node->size,
	};

	if (S_ISCHR(m.mode) || S_ISBLK(m.mode))
		set_device(&m, p + 40);
	return m;
}

/* Moves the memory of B to I's streams, which go when I does. */
static int keep(struct initrd *i, struct buf *b, struct unrack_error *err)
{
	struct store s = { .keep = SIZE_MAX };
	int r = store_take(&s, b, err);

	if (r == 0 && image_streams_push(&i->streams, s) < 0)
		r = error_nomem(err);
	if (r < 0)
		store_free(&s);
	return r;
}

static int add_members(struct initrd *i, struct ext2_tree *t, struct unrack_error *err)
{
	CLEANUP_BUF struct buf content = { .data = calloc(1, t->content + 1), .cap = t->content + 1 };
	int r;

	if (!content.data)
		return error_nomem(err);
	content.len = t->content;
	ext2_tree_contents(t, content.data);
	for (size_t k = 0; k < t->entries.len; k++) {
		const struct image_item item = { .m = member_of(t, &t->entries.at[k], content.data) };

		if (image_items_push(&i->items, item) < 0)
			return error_nomem(err);
	}
	r = keep(i, &content, err);
	return r < 0 ? r : keep(i, &t->names, err);
}

int ext2_read(struct initrd *i, size_t stream, struct unrack_error *err)
{
	const struct store *b = &i->streams.at[stream];
	struct ext2_tree t;
	int r = ext2_tree_read(b->data, b->len, i->name, &t, err);

	if (r < 0)
		return r;
	i->ramdisk = true;
	i->ramdisk_stream = stream;
	r = add_members(i, &t, err);
	ext2_tree_free(&t);
	return r;
}
