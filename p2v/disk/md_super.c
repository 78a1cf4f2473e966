/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "md_super.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"

#define MAGIC 0xa92b4efcu
#define RESERVED_90 65536u

/* Version 0.90. */
#define DISKS_90 27u
#define DISK_90_AT(n) (512u + 128u * (n))
#define SUM_90_AT 152u
#define STATE_CLEAN 1u
#define DISK_FAULTY 1u
#define DISK_ACTIVE 2u
#define DISK_SYNC 4u

/* Version 1. */
#define HEAD_1 256u    /* the roles of its members follow */
#define SUM_1_AT 216u
#define ROLES_MAX ((MD_SUPER_BYTES - HEAD_1) / 2)
#define ROLE_FAULTY 0xfffeu
#define ROLE_SPARE 0xffffu
#define FEATURE_BITMAP 1u
#define FEATURE_RECOVERY 2u
#define FEATURE_RESHAPE 4u
#define FEATURE_BAD_BLOCKS 8u

static int damaged(struct unrack_error *err, const char *what)
{
	return error_set(err, UNRACK_DAMAGED, "%s", what);
}

/* --- Version 0.90, in the byte order of its machine --------------------------------------------- */

static uint32_t word(const struct md_super *md, size_t at)
{
	return md->big_endian ? get_be32(md->raw + at) : get_le32(md->raw + at);
}

static uint32_t fold(uint64_t sum)
{
	return (uint32_t)((sum & 0xffffffff) + (sum >> 32));
}

/* Architectures differed in how they summed up; to 16 bits all come to the same. */
static uint32_t fold_16(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static bool sum_90_is_right(const struct md_super *md)
{
	uint64_t sum = 0;

	for (size_t at = 0; at < MD_SUPER_BYTES; at += 4)
		sum += at == SUM_90_AT ? 0 : word(md, at);
	return fold_16(fold(sum)) == fold_16(word(md, SUM_90_AT));
}

static enum md_role role_90(const struct md_super *md, unsigned number, unsigned *slot)
{
	uint32_t state = word(md, DISK_90_AT(number) + 16);

	*slot = word(md, DISK_90_AT(number) + 12);
	if (state & DISK_FAULTY)
		return MD_FAULTY;
	return (state & DISK_SYNC) && (state & DISK_ACTIVE) && *slot < md->disks ? MD_ACTIVE : MD_SPARE;
}

/* At its place from the beginning of the member. */
static int parse_90(struct md_super *out, uint64_t at, struct unrack_error *err)
{
	if (word(out, 4) != 0 || word(out, 8) < 90 || word(out, 8) > 91)
		return damaged(err, "its md superblock is of a version that is not known");
	if (!sum_90_is_right(out))
		return damaged(err, "the checksum of its md superblock is wrong");
	snprintf(out->version, sizeof out->version, "0.90");
	snprintf(out->uuid, sizeof out->uuid, "%08x%08x%08x%08x", word(out, 20), word(out, 52), word(out, 56),
		 word(out, 60));
	out->level = (int)word(out, 28);
	out->disks = word(out, 40);
	out->events = (uint64_t)word(out, out->big_endian ? 156 : 160) << 32 | word(out, out->big_endian ? 160 : 156);
	out->at = at;
	out->start = 0;
	out->bytes = 1024ull * word(out, 32);
	out->clean = word(out, 132) & STATE_CLEAN;
	out->number = word(out, 3968);
	if (word(out, 8) == 91)
		out->odd = "its array is being reshaped";
	else if (word(out, 48) != 0)
		out->odd = "its superblock says that it does not count";
	if (out->number >= DISKS_90 || out->bytes > at)
		return damaged(err, "its md superblock contradicts itself");
	return 0;
}

/* --- Version 1 ------------------------------------------------------------------------------- */

static unsigned roles_1(const struct md_super *md)
{
	return get_le32(md->raw + 220);
}

static bool sum_1_is_right(const struct md_super *md)
{
	size_t n = HEAD_1 + 2 * (size_t)roles_1(md), at;
	uint64_t sum = 0;

	for (at = 0; n - at >= 4; at += 4)
		sum += at == SUM_1_AT ? 0 : get_le32(md->raw + at);
	if (n - at == 2)
		sum += get_le16(md->raw + at);
	return fold(sum) == get_le32(md->raw + SUM_1_AT);
}

static enum md_role role_1(const struct md_super *md, unsigned number, unsigned *slot)
{
	unsigned role = number < roles_1(md) ? get_le16(md->raw + HEAD_1 + 2 * number) : ROLE_SPARE;

	*slot = role;
	if (role < md->disks)
		return MD_ACTIVE;
	return role == ROLE_SPARE ? MD_SPARE : role == ROLE_FAULTY ? MD_FAULTY : MD_OTHER;
}

static const char *odd_1(uint32_t features)
{
	if (features & FEATURE_RECOVERY)
		return "it was being rebuilt";
	if (features & FEATURE_RESHAPE)
		return "its array is being reshaped";
	if (features & FEATURE_BAD_BLOCKS)
		return "it has bad blocks by its superblock";
	return features & ~FEATURE_BITMAP ? "its superblock uses features that are not known" : NULL;
}

/* SECTORS at DISTANCE sectors from the superblock, and the data. */
static bool in_data(const struct md_super *md, int32_t distance, uint64_t sectors)
{
	int64_t from = (int64_t)(md->at / SECTOR_SIZE) + distance, to = from + (int64_t)sectors;

	return to > (int64_t)(md->start / SECTOR_SIZE) && from < (int64_t)((md->start + md->bytes) / SECTOR_SIZE);
}

/* The superblock and what belongs to it have to lie beside the data. The size of a bitmap is not told. */
static bool touches_data(const struct md_super *md)
{
	uint64_t bad_blocks = get_le16(md->raw + 186);

	return in_data(md, 0, div_round_up(HEAD_1 + 2 * roles_1(md), SECTOR_SIZE)) ||
	       ((get_le32(md->raw + 8) & FEATURE_BITMAP) && in_data(md, (int32_t)get_le32(md->raw + 96), 1)) ||
	       (bad_blocks && in_data(md, (int32_t)get_le32(md->raw + 188), bad_blocks));
}

/* In a member of BYTES bytes. */
static int parse_1(struct md_super *out, uint64_t at, uint64_t bytes, struct unrack_error *err)
{
	static const char *const versions[] = { "1.0", "1.1", "1.2" };
	uint64_t end;

	if (roles_1(out) > ROLES_MAX)
		return damaged(err, "its md superblock contradicts itself");
	if (!sum_1_is_right(out))
		return damaged(err, "the checksum of its md superblock is wrong");
	snprintf(out->version, sizeof out->version, "%s", versions[at == 0 ? 1 : at == 8 * SECTOR_SIZE ? 2 : 0]);
	for (unsigned i = 0; i < 16; i++)
		snprintf(out->uuid + 2 * i, 3, "%02x", out->raw[16 + i]);
	out->level = (int)get_le32(out->raw + 72);
	out->disks = get_le32(out->raw + 92);
	out->events = get_le64(out->raw + 200);
	out->at = at;
	out->clean = get_le64(out->raw + 208) == UINT64_MAX;
	out->number = get_le32(out->raw + 160);
	out->odd = odd_1(get_le32(out->raw + 8));
	if (mul_overflows(get_le64(out->raw + 128), SECTOR_SIZE, &out->start) ||
	    mul_overflows(get_le64(out->raw + 80), SECTOR_SIZE, &out->bytes) ||
	    add_overflows(out->start, out->bytes, &end) || end > bytes || touches_data(out))
		return damaged(err, "its md superblock contradicts itself");
	return 0;
}

/* --- Both ------------------------------------------------------------------------------------ */

enum md_role md_super_role(const struct md_super *md, unsigned number, unsigned *slot)
{
	if (md->version[0] == '0')
		return number < DISKS_90 ? role_90(md, number, slot) : MD_OTHER;
	return role_1(md, number, slot);
}

/* True if there is a superblock at AT, whatever is wrong with it. */
static bool is_super(const struct md_super *md, uint64_t at, uint64_t at_90)
{
	uint32_t major = get_le32(md->raw + 4);

	if (get_le32(md->raw) == MAGIC && major == 1)
		return get_le64(md->raw + 144) == at / SECTOR_SIZE;
	return at == at_90 && (get_le32(md->raw) == MAGIC || get_be32(md->raw) == MAGIC);
}

static int parse(struct md_super *out, uint64_t at, uint64_t bytes, struct unrack_error *err)
{
	int r;

	out->big_endian = get_le32(out->raw) != MAGIC;
	if (!out->big_endian && get_le32(out->raw + 4) == 1)
		r = parse_1(out, at, bytes, err);
	else
		r = parse_90(out, at, err);
	if (r == 0)
		out->role = md_super_role(out, out->number, &out->slot);
	return r;
}

int md_super_read(struct block_source *s, uint64_t off, uint64_t bytes, struct md_super *out,
		  struct unrack_error *err)
{
	uint64_t sectors = bytes / SECTOR_SIZE;
	uint64_t at_90 = round_down(sectors * SECTOR_SIZE, RESERVED_90) - RESERVED_90;
	uint64_t at_10 = ((sectors - 16) & ~7ull) * SECTOR_SIZE;
	uint64_t places[] = { 0, 8 * SECTOR_SIZE, at_10, at_90 }, found = UINT64_MAX;

	/* In a small or odd member, places may be the same. */
	if (bytes < 2 * RESERVED_90)
		return damaged(err, "it is too small for a member of an array");
	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		int r;

		memset(out, 0, sizeof *out);
		r = block_source_read(s, out->raw, sizeof out->raw, off + places[i], err);
		if (r < 0)
			return error_prefix(err, "its md superblock can't be read");
		if (!is_super(out, places[i], at_90) || places[i] == found)
			continue;
		if (found != UINT64_MAX)
			return damaged(err, "it has the superblocks of two arrays");
		found = places[i];
	}
	if (found == UINT64_MAX)
		return damaged(err, "it has no md superblock that counts");
	memset(out, 0, sizeof *out);
	if (block_source_read(s, out->raw, sizeof out->raw, off + found, err) < 0)
		return error_prefix(err, "its md superblock can't be read");
	return parse(out, found, bytes, err);
}

const char *md_super_level(int level, char out[16])
{
	if (level >= 0)
		snprintf(out, 16, "raid%d", level);
	else
		snprintf(out, 16, "%s", level == -1 ? "linear" : "md");
	return out;
}
