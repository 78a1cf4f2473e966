/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a filesystem may be written to: e2fsck would find nothing that matters in it. */
#include <stdarg.h>
#include <stdio.h>

#include "base/bytes.h"
#include "ext2_tree.h"

#define SECTOR 512u /* i_blocks counts these */
#define STATE_VALID 1u
#define STATE_ERRORS 2u

static bool get_bit(const uint8_t *map, uint32_t k)
{
	return map[k / 8] >> k % 8 & 1;
}

static int errors(const struct ext2_tree *t, struct unrack_error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int errors(const struct ext2_tree *t, struct unrack_error *err, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return error_set(err, UNRACK_DAMAGED, "%s: its ext2 filesystem has errors and is not written to: %s; "
			 "unpack it, repair it with e2fsck -f, and pack it again", t->name, what);
}

static int check_inode(const struct ext2_tree *t, uint32_t k, struct unrack_error *err)
{
	const struct ext2_node *node = &t->nodes[k];
	const uint8_t *p = t->p + ext2_layout_inode(&t->layout, t->p, k);

	if (k < t->layout.first_inode && k != EXT2_LAYOUT_ROOT) {
		if (!(k == EXT2_LAYOUT_RESIZE_INODE && t->layout.resize_inode) && (get_le16(p) || get_le32(p + 28)))
			return errors(t, err, "inode %u, which is no file's, is in use", k);
		return 0;
	}
	if (node->links && get_le16(p + 26) != node->links)
		return errors(t, err, "inode %u has %u names and counts %u", k, node->links,
			      (unsigned)get_le16(p + 26));
	if (node->links && get_le32(p + 28) != node->blocks * (t->layout.block_size / SECTOR))
		return errors(t, err, "inode %u counts its blocks wrong", k);
	if (!node->links && get_le16(p + 26))
		return errors(t, err, "inode %u is in use, and has no name", k);
	return 0;
}

static int check_group(const struct ext2_tree *t, uint32_t g, struct unrack_error *err)
{
	const struct ext2_layout *l = &t->layout;
	struct ext2_layout_group d = ext2_layout_group(l, t->p, g);
	const uint8_t *blocks = t->p + (size_t)d.block_bitmap * l->block_size;
	const uint8_t *inodes = t->p + (size_t)d.inode_bitmap * l->block_size;
	uint32_t first = ext2_layout_group_first(l, g), before = g * l->inodes_per_group + 1;
	int r = 0;

	for (uint32_t k = 0; k < ext2_layout_group_blocks(l, g); k++)
		if (get_bit(blocks, k) != ext2_tree_uses(t, first + k))
			return errors(t, err, "block %u is %s, and marked as if not", first + k,
				      get_bit(blocks, k) ? "free" : "in use");
	for (uint32_t k = 0; r == 0 && k < l->inodes_per_group; k++) {
		if (get_bit(inodes, k) != ext2_tree_has_inode(t, before + k))
			return errors(t, err, "inode %u is %s, and marked as if not", before + k,
				      get_bit(inodes, k) ? "free" : "in use");
		r = check_inode(t, before + k, err);
	}
	return r;
}

int ext2_tree_check(const struct ext2_tree *t, struct unrack_error *err)
{
	const uint8_t *s = t->p + EXT2_LAYOUT_SUPER;
	unsigned state = get_le16(s + 58);
	int r = 0;

	if (state & STATE_ERRORS || !(state & STATE_VALID))
		return errors(t, err, "it was not unmounted cleanly");
	if (get_le32(s + 232))
		return errors(t, err, "files in it were not removed to their end");
	if (t->layout.inodes_per_group % 8)
		return errors(t, err, "its groups have %u inodes", t->layout.inodes_per_group);
	for (uint32_t g = 0; r == 0 && g < t->layout.groups; g++)
		r = check_group(t, g, err);
	return r;
}
