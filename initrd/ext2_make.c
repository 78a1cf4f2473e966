/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "ext2.h"
#include "ext2_layout.h"
#include "ext2_path.h"
#include "unrack/digest.h"

#define KIB_MIN 64u
#define STEP_KIB 64u
#define KIB_PER_INODE 4u /* as mke2fs does for small filesystems */
#define INODES_MORE 32u
#define INODE_BYTES 128u

/* Names of one file. */
struct link {
	uint32_t ino;   /* of the members */
	uint32_t inode; /* that it has become; 0: not yet */
};

static struct link *link_of(struct link *links, size_t *n, const struct initrd_member *m)
{
	if (!S_ISREG(m->mode) || m->nlink < 2)
		return NULL;
	for (size_t k = 0; k < *n; k++)
		if (links[k].ino == m->ino)
			return &links[k];
	links[*n] = (struct link){ .ino = m->ino };
	return &links[(*n)++];
}

static int put_all(struct ext2_fs *f, const struct initrd_member *m, size_t n, struct unrack_error *err)
{
	struct link *links CLEANUP_FREE = calloc(n + 1, sizeof *links);
	size_t n_links = 0;
	int r = links ? 0 : error_nomem(err);

	for (size_t k = 0; r == 0 && k < n; k++) {
		struct link *l = link_of(links, &n_links, &m[k]);
		uint32_t inode;

		if (!strcmp(m[k].name, "."))
			r = ext2_fs_set(f, EXT2_LAYOUT_ROOT, &m[k], err);
		else if (l && l->inode)
			r = ext2_path_link(f, m[k].name, &m[k], l->inode, err);
		else
			r = ext2_path_put(f, m[k].name, &m[k], &inode, err);
		if (l && !l->inode && r == 0)
			l->inode = inode;
	}
	return r;
}

/* The UUID that these members always get, of version 8: made of what one likes. */
static int make_uuid(const struct initrd_member *m, size_t n, uint8_t uuid[16], struct unrack_error *err)
{
	static const uint8_t seed[DIGEST_SEED_SIZE];
	struct digest_stream *s;
	struct digest_key key;
	struct digest d;

	digest_key_init(&key, seed);
	s = digest_stream_new(&key);
	if (!s)
		return error_nomem(err);
	for (size_t k = 0; k < n; k++) {
		uint8_t meta[28];

		put_le32(meta, m[k].mode);
		put_le32(meta + 4, m[k].uid);
		put_le32(meta + 8, m[k].gid);
		put_le32(meta + 12, m[k].rdev_major);
		put_le32(meta + 16, m[k].rdev_minor);
		put_le64(meta + 20, (uint64_t)m[k].mtime);
		digest_stream_add(s, m[k].name, strlen(m[k].name) + 1);
		digest_stream_add(s, meta, sizeof meta);
		digest_stream_add(s, m[k].data, m[k].size);
	}
	digest_stream_end(s, &d);
	digest_stream_free(s);
	memcpy(uuid, d.b, 16);
	uuid[6] = (uint8_t)(0x80 | (uuid[6] & 0x0f));
	uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3f));
	return 0;
}

static int attempt(const struct initrd_member *m, size_t n, size_t kib, uint32_t inodes, const uint8_t uuid[16],
		   const char *name, struct buf *out, struct unrack_error *err)
{
	struct ext2_fs *f;
	int64_t now = 0;
	int r;

	for (size_t k = 0; k < n; k++)
		now = m[k].mtime > now ? m[k].mtime : now;
	buf_clear(out);
	if (buf_zeros(out, kib << 10) < 0)
		return error_nomem(err);
	r = ext2_fs_create(out, inodes, uuid, (uint32_t)now, name, &f, err);
	if (r)
		return r;
	r = put_all(f, m, n, err);
	if (r == 0)
		return ext2_fs_close(f, err);
	ext2_fs_drop(f);
	return r;
}

/* What they take at least; folders that are no members turn out later. */
static uint64_t least_kib(const struct initrd_member *m, size_t n)
{
	uint64_t kib = KIB_MIN + n * INODE_BYTES / 1024;

	for (size_t k = 0; k < n; k++)
		if (!S_ISREG(m[k].mode) || m[k].nlink < 2)
			kib += div_round_up(m[k].size, 1024);
	return kib;
}

int ext2_make(const struct initrd_member *m, size_t n, size_t kib, size_t max_kib, const char *name,
	      struct buf *out, struct unrack_error *err)
{
	uint32_t inodes = (uint32_t)min_u64(n, IMAGE_MEMBERS_MAX) + INODES_MORE;
	uint8_t uuid[16];
	int r = make_uuid(m, n, uuid, err);

	if (r < 0)
		return r;
	r = EXT2_FS_NO_BLOCKS;
	for (kib = max_u64(kib, least_kib(m, n)); kib <= EXT2_LAYOUT_IMAGE_MAX >> 10; kib += STEP_KIB) {
		inodes = (uint32_t)max_u64(kib / KIB_PER_INODE, inodes);
		r = attempt(m, n, kib, inodes, uuid, name, out, err);
		if (r == EXT2_FS_NO_INODES)
			inodes += INODES_MORE;
		if (r <= 0)
			break;
	}
	if (r == 0 && kib <= max_kib)
		return 0;
	buf_clear(out);
	if (r < 0)
		return r;
	if (r > 0)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: needs a ramdisk of more than %u MiB, which are not handled",
				 name, EXT2_LAYOUT_IMAGE_MAX >> 20);
	return error_set(err, UNRACK_NOSPACE, "%s: needs a ramdisk of %zu KiB, and the kernel's has %zu KiB; put "
			 "ramdisk_size=%zu on the kernel's command line, and allow as much here", name, kib, max_kib,
			 kib);
}
