/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The superblock of ext2, ext3 and ext4, by its bytes. What it says must be checked here before
 * libext2fs sees it, which allocates and reads what the counts ask for. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "used_ext.h"

#define MAGIC 0xef53u

/* Features. */
#define COMPAT_JOURNAL 0x4u
#define COMPAT_RESIZE_INODE 0x10u
#define COMPAT_ORPHAN_FILE 0x1000u
/* dir_prealloc, imagic_inodes, has_journal, ext_attr, resize_inode, dir_index, sparse_super2, fast_commit,
 * stable_inodes, orphan_file */
#define COMPAT_KNOWN 0x1e3fu

#define INCOMPAT_FILETYPE 0x2u
#define INCOMPAT_RECOVER 0x4u
#define INCOMPAT_JOURNAL_DEV 0x8u
#define INCOMPAT_META_BG 0x10u
#define INCOMPAT_64BIT 0x80u
#define INCOMPAT_MMP 0x100u
/* and extents, flex_bg, ea_inode, csum_seed, large_dir, inline_data, encrypt, casefold */
#define INCOMPAT_KNOWN 0x3e7deu

#define RO_SPARSE_SUPER 0x1u
#define RO_LARGE_FILE 0x2u
#define RO_QUOTA 0x100u
#define RO_BIGALLOC 0x200u
#define RO_PROJECT 0x2000u
#define RO_SHARED_BLOCKS 0x4000u
#define RO_ORPHAN_PRESENT 0x10000u
/* and huge_file, gdt_csum, dir_nlink, extra_isize, metadata_csum, readonly, verity */
#define RO_KNOWN 0x1f77bu

#define STATE_VALID 1u
#define STATE_ERRORS 2u
#define FLAG_SNAPSHOT 0x70u /* is one, or has broken ones */

static bool no(char why[USED_EXT_WHY], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool no(char why[USED_EXT_WHY], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, USED_EXT_WHY, fmt, ap);
	va_end(ap);
	return false;
}

/* What has a feature that ext3 never had is ext4, journal or not. */
static const char *kind_of(const struct used_ext_super *s)
{
	if (s->incompat & INCOMPAT_JOURNAL_DEV)
		return "jbd";
	if (s->incompat & ~(INCOMPAT_FILETYPE | INCOMPAT_RECOVER | INCOMPAT_META_BG) ||
	    s->ro_compat & ~(RO_SPARSE_SUPER | RO_LARGE_FILE))
		return "ext4";
	return s->compat & COMPAT_JOURNAL ? "ext3" : "ext2";
}

static bool features_known(const struct used_ext_super *s, char why[USED_EXT_WHY])
{
	if (s->incompat & INCOMPAT_JOURNAL_DEV)
		return no(why, "it is the journal of another filesystem");
	if (get_le32(s->bytes + 0x4c) > 1)
		return no(why, "its format is of revision %u, which is not known",
			  (unsigned)get_le32(s->bytes + 0x4c));
	if (get_le32(s->bytes + 0x4c) == 0 && (s->compat || s->incompat || s->ro_compat))
		return no(why, "it has features that its revision does not have");
	if (s->incompat & ~INCOMPAT_KNOWN || s->ro_compat & ~RO_KNOWN || s->compat & ~COMPAT_KNOWN)
		return no(why, "it has features that are not known (%#x, %#x, %#x)",
			  (unsigned)(s->compat & ~COMPAT_KNOWN), (unsigned)(s->incompat & ~INCOMPAT_KNOWN),
			  (unsigned)(s->ro_compat & ~RO_KNOWN));
	return true;
}

/* Sizes of blocks, clusters and groups. */
static bool units_sane(struct used_ext_super *s)
{
	const uint8_t *b = s->bytes;
	uint32_t log_block = get_le32(b + 0x18), log_cluster = get_le32(b + 0x1c);
	uint64_t clusters_per_group = get_le32(b + 0x24);

	if (log_block > 6 || log_cluster < log_block || log_cluster - log_block > 16)
		return false;
	s->block_size = 1024u << log_block;
	s->cluster_bits = log_cluster - log_block;
	if (s->cluster_bits && !(s->ro_compat & RO_BIGALLOC))
		return false;
	s->blocks_per_group = get_le32(b + 0x20);
	s->first_block = get_le32(b + 0x14);
	return clusters_per_group >= 8 && clusters_per_group % 8 == 0 &&
	       clusters_per_group <= 8ull * s->block_size &&
	       s->blocks_per_group == clusters_per_group << s->cluster_bits &&
	       s->first_block == (s->block_size == 1024 && !(s->ro_compat & RO_BIGALLOC));
}

static bool inodes_sane(const struct used_ext_super *s)
{
	const uint8_t *b = s->bytes;
	uint32_t per_group = get_le32(b + 0x28), revision = get_le32(b + 0x4c);
	uint32_t size = revision ? get_le16(b + 0x58) : 128;

	return size >= 128 && size <= s->block_size && (size & (size - 1)) == 0 && per_group > 0 &&
	       per_group <= 8 * s->block_size &&
	       (uint64_t)per_group * s->groups == get_le32(b);
}

static bool groups_sane(struct used_ext_super *s, char why[USED_EXT_WHY])
{
	const uint8_t *b = s->bytes;
	uint32_t desc = s->incompat & INCOMPAT_64BIT ? get_le16(b + 0xfe) : 32, per_block;
	uint64_t groups;

	if (s->blocks <= s->first_block || s->free_blocks > s->blocks || desc < 32 ||
	    desc > s->block_size || (desc & (desc - 1)) || (s->incompat & INCOMPAT_64BIT && desc < 64))
		return no(why, "its superblock contradicts itself");
	groups = div_round_up(s->blocks - s->first_block, s->blocks_per_group);
	if (groups > USED_EXT_DESCRIPTORS_MAX / desc)
		return no(why, "it has %" PRIu64 " groups of blocks, which are too many", groups);
	s->groups = (uint32_t)groups;
	s->descriptor_size = desc;
	per_block = s->block_size / desc;
	if (get_le16(b + 0xce) > s->block_size / 4 ||
	    (s->incompat & INCOMPAT_META_BG && get_le32(b + 0x104) > div_round_up(groups, per_block)))
		return no(why, "its superblock contradicts itself");
	return true;
}

static void find_special(struct used_ext_super *s)
{
	const uint8_t *b = s->bytes;

	s->journal = s->compat & COMPAT_JOURNAL ? get_le32(b + 0xe0) : 0;
	s->mmp = s->incompat & INCOMPAT_MMP ? get_le64(b + 0x168) : 0;
	s->special[0] = 2; /* the root directory */
	s->special[1] = s->journal;
	if (s->ro_compat & RO_QUOTA) {
		s->special[2] = get_le32(b + 0x240);
		s->special[3] = get_le32(b + 0x244);
	}
	if (s->ro_compat & RO_PROJECT)
		s->special[4] = get_le32(b + 0x26c);
	if (s->compat & COMPAT_ORPHAN_FILE)
		s->special[5] = get_le32(b + 0x280);
}

bool used_ext_super_parse(const uint8_t *b, uint64_t volume_bytes, struct used_ext_super *out,
			  char why[USED_EXT_WHY])
{
	struct used_ext_super *s = out;
	uint64_t bytes;

	memset(s, 0, sizeof *s);
	if (get_le16(b + 0x38) != MAGIC)
		return no(why, "its superblock is gone");
	memcpy(s->bytes, b, sizeof s->bytes);
	s->compat = get_le32(b + 0x5c);
	s->incompat = get_le32(b + 0x60);
	s->ro_compat = get_le32(b + 0x64);
	memcpy(s->kind, kind_of(s), strlen(kind_of(s)));
	s->blocks = get_le32(b + 4);
	s->free_blocks = get_le32(b + 0xc);
	if (s->incompat & INCOMPAT_64BIT) {
		s->blocks |= (uint64_t)get_le32(b + 0x150) << 32;
		s->free_blocks |= (uint64_t)get_le32(b + 0x158) << 32;
	}
	if (!features_known(s, why))
		return false;
	if (!units_sane(s))
		return no(why, "its superblock contradicts itself");
	if (!groups_sane(s, why))
		return false;
	if (!inodes_sane(s))
		return no(why, "its superblock contradicts itself");
	if (mul_overflows(s->blocks, s->block_size, &bytes) || bytes > volume_bytes)
		return no(why, "it is larger than its volume (%" PRIu64 " blocks of %u bytes)", s->blocks,
			  (unsigned)s->block_size);
	find_special(s);
	return true;
}

bool used_ext_super_clean(const struct used_ext_super *s, char why[USED_EXT_WHY])
{
	const uint8_t *b = s->bytes;
	unsigned state = get_le16(b + 0x3a);

	if (s->incompat & INCOMPAT_RECOVER)
		return no(why, "its journal has to be replayed");
	if (state & STATE_ERRORS || get_le32(b + 0x194))
		return no(why, "errors were found in it: fsck has to repair it");
	if (state != STATE_VALID)
		return no(why, "it is mounted, or was not unmounted cleanly");
	if (get_le32(b + 0xe8) || s->ro_compat & RO_ORPHAN_PRESENT)
		return no(why, "it has deleted files whose space is still to be freed");
	if (get_le32(b + 0x160) & FLAG_SNAPSHOT)
		return no(why, "it has snapshots");
	if (s->ro_compat & RO_SHARED_BLOCKS)
		return no(why, "its files share blocks");
	return true;
}

/* tune2fs changes the UUID of the first superblock only, so the time of mke2fs counts as well. */
bool used_ext_super_backup(const struct used_ext_super *s, const uint8_t *b)
{
	const uint8_t *a = s->bytes;

	return get_le16(b + 0x38) == MAGIC && get_le32(b + 0x18) == get_le32(a + 0x18) &&
	       get_le32(b + 0x20) == get_le32(a + 0x20) && get_le32(b + 0x28) == get_le32(a + 0x28) &&
	       (!memcmp(b + 0x68, a + 0x68, 16) ||
		(get_le32(a + 0x108) && get_le32(b + 0x108) == get_le32(a + 0x108)));
}
