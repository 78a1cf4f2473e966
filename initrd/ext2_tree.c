/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ext2_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "cpio.h"
#include "image.h"

#define DIRECT 12u
#define LEVELS 3u
#define FOLDERS_MAX 64u /* one in another; those of initrds are 3 deep */
#define SECTOR 512u /* i_blocks counts these */
#define FAST_MAX 60u
#define FLAGS_EXT4 0x10080000u /* extents, inline_data */

static int damaged(const struct ext2_tree *t, struct unrack_error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int damaged(const struct ext2_tree *t, struct unrack_error *err, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return error_set(err, UNRACK_DAMAGED, "%s: its ext2 filesystem is damaged: %s; take another copy of this "
			 "file", t->name, what);
}

static const uint8_t *inode_of(const struct ext2_tree *t, uint32_t inode)
{
	return t->p + ext2_layout_inode(&t->layout, t->p, inode);
}

static bool get_bit(const uint8_t *map, uint32_t k)
{
	return map[k / 8] >> k % 8 & 1;
}

/* --- Blocks ----------------------------------------------------------------------------- */

static int claim(struct ext2_tree *t, uint32_t block, struct unrack_error *err)
{
	if (block < t->layout.first_block || block >= t->layout.blocks)
		return damaged(t, err, "a file has block %u, and there are %u", block, t->layout.blocks);
	if (get_bit(t->used, block))
		return damaged(t, err, "block %u is used twice", block);
	t->used[block / 8] |= (uint8_t)(1u << block % 8);
	return 0;
}

static int claim_run(struct ext2_tree *t, uint32_t first, uint32_t n, struct unrack_error *err)
{
	int r = 0;

	for (uint32_t k = 0; r == 0 && k < n; k++)
		r = claim(t, first + k, err);
	return r;
}

static int claim_groups(struct ext2_tree *t, struct unrack_error *err)
{
	const struct ext2_layout *l = &t->layout;
	int r = 0;

	for (uint32_t g = 0; r == 0 && g < l->groups; g++) {
		struct ext2_layout_group d = ext2_layout_group(l, t->p, g);

		r = claim_run(t, ext2_layout_group_first(l, g), ext2_layout_super_blocks(l, g), err);
		if (r == 0)
			r = claim(t, d.block_bitmap, err);
		if (r == 0)
			r = claim(t, d.inode_bitmap, err);
		if (r == 0)
			r = claim_run(t, d.table, l->table_blocks, err);
	}
	return r;
}

/* A walk over the blocks of an inode, those with addresses of others among them. */
struct walk {
	struct ext2_tree *claims; /* NULL: they are its own already */
	uint8_t *out;             /* NULL, or where the content goes */
	size_t size;
	uint64_t index; /* of the next block of content */
	uint32_t blocks;
	struct unrack_error *err;
};

static int walk_block(const struct ext2_tree *t, struct walk *w, uint32_t block, unsigned level)
{
	uint32_t size = t->layout.block_size, per = size / 4;
	const uint8_t *p = t->p + (size_t)block * size;
	int r = 0;

	if (!block) {
		w->index += level == 0 ? 1 : level == 1 ? per : level == 2 ? (uint64_t)per * per
								: (uint64_t)per * per * per;
		return 0;
	}
	if (w->claims && (r = claim(w->claims, block, w->err)) < 0)
		return r;
	w->blocks++;
	for (uint32_t k = 0; level && r == 0 && k < per; k++)
		r = walk_block(t, w, get_le32(p + 4 * k), level - 1);
	if (level)
		return r;
	if (w->out && w->index * size < w->size)
		memcpy(w->out + w->index * size, p, (size_t)min_u64(size, w->size - w->index * size));
	w->index++;
	return 0;
}

static int walk_inode(const struct ext2_tree *t, struct walk *w, uint32_t inode)
{
	const uint8_t *addresses = inode_of(t, inode) + 40;
	int r = 0;

	for (unsigned k = 0; r == 0 && k < DIRECT + LEVELS; k++)
		r = walk_block(t, w, get_le32(addresses + 4 * k), k < DIRECT ? 0 : k - DIRECT + 1);
	return r;
}

/* Extended attributes; the files that share a block of them are not counted. */
static int claim_attributes(struct ext2_tree *t, uint32_t inode, struct unrack_error *err)
{
	uint32_t block = get_le32(inode_of(t, inode) + 104);
	int r;

	if (!block)
		return 0;
	t->nodes[inode].blocks++;
	if (block < t->layout.blocks && get_bit(t->shared, block))
		return 0;
	r = claim(t, block, err);
	if (r == 0)
		t->shared[block / 8] |= (uint8_t)(1u << block % 8);
	return r;
}

/* --- Inodes ----------------------------------------------------------------------------- */

static bool has_content(uint32_t mode)
{
	return S_ISREG(mode) || S_ISLNK(mode) || S_ISDIR(mode);
}

/* As Linux tells links apart that have their target in the inode: no blocks but of attributes. */
static bool is_fast(const uint8_t *p, const struct ext2_layout *l)
{
	return S_ISLNK(get_le16(p)) &&
	       get_le32(p + 28) == (get_le32(p + 104) ? l->block_size / SECTOR : 0);
}

/* The first time that a name leads to INODE. */
static int read_node(struct ext2_tree *t, uint32_t inode, struct unrack_error *err)
{
	const uint8_t *p = inode_of(t, inode);
	struct ext2_node *node = &t->nodes[inode];
	struct walk w = { .claims = t, .err = err };
	uint32_t mode = get_le16(p);
	uint64_t size = get_le32(p + 4);
	int r;

	if (!has_content(mode) && !S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
		return damaged(t, err, "inode %u is of no known kind", inode);
	if (get_le32(p + 32) & FLAGS_EXT4)
		return damaged(t, err, "inode %u keeps its content as ext4 does", inode);
	r = claim_attributes(t, inode, err);
	if (r < 0 || !has_content(mode))
		return r;
	if (S_ISREG(mode))
		size |= (uint64_t)get_le32(p + 108) << 32;
	node->fast = is_fast(p, &t->layout);
	if (S_ISLNK(mode) && (size == 0 || size >= (node->fast ? FAST_MAX : t->layout.block_size)))
		return damaged(t, err, "the symbolic link of inode %u has %llu bytes", inode,
			       (unsigned long long)size);
	if (!node->fast) {
		r = walk_inode(t, &w, inode);
		node->blocks += w.blocks;
	}
	if (r < 0 || S_ISDIR(mode))
		return r;
	if (size > EXT2_TREE_CONTENT_MAX - t->content)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: its files are larger than %u MiB together; more are "
				 "not handled", t->name, EXT2_TREE_CONTENT_MAX >> 20);
	node->size = (size_t)size;
	if (!node->fast) {
		node->data = t->content;
		t->content += node->size;
	}
	return 0;
}

/* --- Folders ---------------------------------------------------------------------------- */

struct path {
	char text[CPIO_NAME_MAX];
	size_t len;
	unsigned depth;
};

static int add_entry(struct ext2_tree *t, const char *path, uint32_t inode, struct unrack_error *err)
{
	const struct ext2_entry e = { inode, t->names.len };

	if (t->entries.len == IMAGE_MEMBERS_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: holds more than %u files, which no initrd does",
				 t->name, IMAGE_MEMBERS_MAX);
	if (t->names.len + strlen(path) >= EXT2_TREE_NAMES_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: the names of its files are longer than %u MiB "
				 "together, which those of no initrd are", t->name, EXT2_TREE_NAMES_MAX >> 20);
	return ext2_entries_push(&t->entries, e) < 0 ||
	       buf_append(&t->names, path, strlen(path) + 1) < 0 ? error_nomem(err) : 0;
}

static int read_folder(struct ext2_tree *t, uint32_t inode, uint32_t parent, struct path *path,
		       struct unrack_error *err);

/* One name of the folder INODE, whose PATH it is put behind for as long as it is looked at. */
static int read_entry(struct ext2_tree *t, uint32_t inode, uint32_t target, const char *name, size_t n,
		      struct path *path, struct unrack_error *err)
{
	size_t old = path->len;
	bool first = t->nodes[target].links == 0;
	int r;

	if (!n || memchr(name, '/', n) || memchr(name, '\0', n))
		return damaged(t, err, "a name in folder \"%s\" is none", path->text);
	if (target < t->layout.first_inode)
		return damaged(t, err, "inode %u, which is no file's, has a name", target);
	if (old + 1 + n >= sizeof path->text)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: the path of a file in it is longer than %u bytes",
				 t->name, CPIO_NAME_MAX);
	if (!first && S_ISDIR(get_le16(inode_of(t, target))))
		return damaged(t, err, "two names lead to the folder of inode %u", target);
	path->len += (size_t)sprintf(path->text + old, "%s%.*s", old ? "/" : "", (int)n, name);
	t->nodes[target].links++;
	r = first ? read_node(t, target, err) : 0;
	if (r == 0)
		r = add_entry(t, path->text, target, err);
	if (r == 0 && S_ISDIR(get_le16(inode_of(t, target))))
		r = read_folder(t, target, inode, path, err);
	path->len = old;
	path->text[old] = '\0';
	return r;
}

/* Whether the name is "." or "..", which must lead where they do; counted in *DOTS. */
static int read_dots(struct ext2_tree *t, const uint8_t *name, size_t n, uint32_t target, uint32_t inode,
		     uint32_t parent, unsigned *dots, struct unrack_error *err)
{
	if (n == 0 || n > 2 || name[0] != '.' || name[n - 1] != '.')
		return 0;
	if (target != (n == 1 ? inode : parent))
		return damaged(t, err, "\"%.*s\" of the folder of inode %u leads elsewhere", (int)n,
			       (const char *)name, inode);
	t->nodes[target].links++;
	++*dots;
	return 1;
}

/* Entries: inode, length of the entry, length of the name, kind, name. Those of one block fill it. */
static int read_entries(struct ext2_tree *t, const uint8_t *data, size_t size, uint32_t inode, uint32_t parent,
			struct path *path, struct unrack_error *err)
{
	uint32_t block = t->layout.block_size;
	unsigned dots = 0;
	int r = 0;

	for (size_t at = 0; r >= 0 && at < size;) {
		const uint8_t *e = data + at;
		uint32_t target = get_le32(e), length = get_le16(e + 4);

		if (length < 8 || length % 4 || length > block - at % block || e[6] > length - 8 ||
		    target > t->layout.inodes || (at == 0 && target != inode))
			return damaged(t, err, "entries of folder \"%s\" make no sense", path->text);
		at += length;
		if (!target)
			continue;
		r = read_dots(t, e + 8, e[6], target, inode, parent, &dots, err);
		if (r == 0)
			r = read_entry(t, inode, target, (const char *)e + 8, e[6], path, err);
	}
	if (r >= 0 && dots != 2)
		return damaged(t, err, "folder \"%s\" has not one \".\" and one \"..\"", path->text);
	return r < 0 ? r : 0;
}

static int read_folder(struct ext2_tree *t, uint32_t inode, uint32_t parent, struct path *path,
		       struct unrack_error *err)
{
	uint32_t size = get_le32(inode_of(t, inode) + 4);
	struct walk w = { .size = size };
	uint8_t *data CLEANUP_FREE = NULL;
	int r;

	if (path->depth == FOLDERS_MAX)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: has more than %u folders one in another, which no "
				 "initrd has", t->name, FOLDERS_MAX);
	/* No larger than its blocks: folders have no holes. */
	if (!size || size % t->layout.block_size || size / t->layout.block_size > t->nodes[inode].blocks)
		return damaged(t, err, "folder \"%s\" has %u bytes in %u blocks", path->text, size,
			       t->nodes[inode].blocks);
	data = w.out = calloc(1, size);
	if (!data)
		return error_nomem(err);
	walk_inode(t, &w, inode);
	path->depth++;
	r = read_entries(t, data, size, inode, parent, path, err);
	path->depth--;
	return r;
}

/* --- The whole -------------------------------------------------------------------------- */

/* The addresses of blocks that are reserved for group descriptors, which are claimed already. */
static int claim_resize_inode(struct ext2_tree *t, struct unrack_error *err)
{
	uint32_t block = t->layout.resize_inode ? get_le32(inode_of(t, EXT2_LAYOUT_RESIZE_INODE) + 40 + 4 * 13) : 0;

	return block ? claim(t, block, err) : 0;
}

static int read_all(struct ext2_tree *t, struct unrack_error *err)
{
	struct path path = { .text = "" };
	int r = claim_groups(t, err);

	if (r == 0)
		r = claim_resize_inode(t, err);
	if (r == 0)
		r = read_node(t, EXT2_LAYOUT_ROOT, err);
	if (r == 0 && !S_ISDIR(get_le16(inode_of(t, EXT2_LAYOUT_ROOT))))
		return damaged(t, err, "its root is no folder");
	if (r == 0)
		r = add_entry(t, ".", EXT2_LAYOUT_ROOT, err);
	return r < 0 ? r : read_folder(t, EXT2_LAYOUT_ROOT, EXT2_LAYOUT_ROOT, &path, err);
}

int ext2_tree_read(const uint8_t *p, size_t n, const char *name, struct ext2_tree *out,
		   struct unrack_error *err)
{
	int r;

	*out = (struct ext2_tree){ .name = name, .p = p };
	r = ext2_layout_read(p, n, name, &out->layout, err);
	if (r < 0)
		return r;
	out->used = calloc(2, out->layout.blocks / 8 + 1);
	out->nodes = calloc(out->layout.inodes + 1, sizeof *out->nodes);
	if (out->used)
		out->shared = out->used + out->layout.blocks / 8 + 1;
	r = out->used && out->nodes ? read_all(out, err) : error_nomem(err);
	if (r < 0)
		ext2_tree_free(out);
	return r;
}

void ext2_tree_free(struct ext2_tree *t)
{
	free(t->used);
	free(t->nodes);
	ext2_entries_free(&t->entries);
	buf_free(&t->names);
	*t = (struct ext2_tree){ 0 };
}

void ext2_tree_contents(const struct ext2_tree *t, uint8_t *out)
{
	for (uint32_t k = 1; k <= t->layout.inodes; k++) {
		struct walk w = { .out = out + t->nodes[k].data, .size = t->nodes[k].size };

		if (t->nodes[k].size && !t->nodes[k].fast)
			walk_inode(t, &w, k);
	}
}

bool ext2_tree_uses(const struct ext2_tree *t, uint32_t block)
{
	return get_bit(t->used, block);
}

bool ext2_tree_has_inode(const struct ext2_tree *t, uint32_t inode)
{
	return inode < t->layout.first_inode || t->nodes[inode].links;
}
