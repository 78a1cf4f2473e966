/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of an ext2 filesystem in memory, found from its root folder on. Pure, and made for
 * images by anyone: every block may belong to one thing only, every folder is entered once, and what
 * is kept of names and contents is bounded, so that nothing is read twice or for ever.
 *
 * NAME is for messages; the bytes must outlive the tree. Threads: any, one per object. */
#ifndef INITRD_EXT2_TREE_H
#define INITRD_EXT2_TREE_H

#include "base/vec.h"
#include "ext2_layout.h"
#include "unrack/buf.h"

#define EXT2_TREE_CONTENT_MAX EXT2_LAYOUT_IMAGE_MAX /* of all files: holes in files make it more than blocks */
#define EXT2_TREE_NAMES_MAX IMAGE_NAMES_MAX /* of all paths */

struct ext2_entry {
	uint32_t inode;
	size_t name; /* where its path is in NAMES */
};
DEFINE_VEC(ext2_entries, struct ext2_entry);

struct ext2_node {
	uint32_t links;  /* entries of folders that name it, "." and ".." among them */
	uint32_t blocks; /* all that it has */
	size_t size;     /* of a file's content, or a link's target; 0 for all else */
	size_t data;     /* where that is in what ext2_tree_contents writes */
	bool fast;       /* ... it is in the inode instead */
};

struct ext2_tree {
	struct ext2_layout layout;
	const char *name;
	const uint8_t *p;
	uint8_t *used, *shared;      /* a bit for each block: in use; by attributes, which several may share */
	struct ext2_node *nodes;     /* by inode */
	struct ext2_entries entries; /* "." first, and folders before what is in them */
	struct buf names;            /* NUL-terminated paths without a leading '/' */
	size_t content;
};

/* UNRACK_DAMAGED: it contradicts itself; UNRACK_UNSUPPORTED: more than the limits. */
int ext2_tree_read(const uint8_t *p, size_t n, const char *name, struct ext2_tree *out,
		   struct unrack_error *err);
void ext2_tree_free(struct ext2_tree *t);

/* Copies the contents of all files to OUT, which is zeros, of t->content bytes. */
void ext2_tree_contents(const struct ext2_tree *t, uint8_t *out);

/* Whether its bitmaps and counts agree with what is there, as they must before it is written to:
 * UNRACK_DAMAGED says where they don't. */
int ext2_tree_check(const struct ext2_tree *t, struct unrack_error *err);

bool ext2_tree_uses(const struct ext2_tree *t, uint32_t block);
/* Whether files may have it and none has, or it is one of the filesystem's own. */
bool ext2_tree_has_inode(const struct ext2_tree *t, uint32_t inode);

#endif
