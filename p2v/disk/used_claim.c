/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What follows from the signatures in a volume, or on a disk with a partition table: only what one alone
 * claims is looked into. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "used_parts.h"

#define MD_SIZE_AT 32 /* of a superblock 0.90: what an array uses of each device, in KiB */
#define MD_RESERVED 65536u

/* The superblock at the end of a mirror's leg, before which lies the leg as if there were none: what else
 * was seen is the content of the array. */
static bool is_leg(const struct used_signs *s)
{
	unsigned md = 0, tails = 0;

	for (unsigned i = 0; i < s->n; i++) {
		md += s->at[i].kind == USED_MD && s->at[i].tail;
		tails += s->at[i].tail || s->at[i].kind == USED_MD;
	}
	return md == 1 && tails == 1;
}

static void claim_one(const struct used_sign *s, enum used_depth depth, struct used_claim *out)
{
	snprintf(out->kind, sizeof out->kind, "%s", s->name);
	switch (s->kind) {
	case USED_EXT:
		out->read = used_ext;
		break;
	case USED_XFS:
		out->read = used_xfs;
		break;
	case USED_SWAP:
		out->read = used_swap;
		break;
	case USED_MD:
		if (depth == USED_ON_DISK)
			out->what = USED_CLAIM_MD;
		else
			strcpy(out->why, "it is a member of an array, on an array or logical volume");
		break;
	case USED_LVM:
		if (depth != USED_ON_GROUP)
			out->what = USED_CLAIM_LVM;
		else
			strcpy(out->why, "it is a physical volume on a logical one");
		break;
	case USED_RAID:
	case USED_TABLE:
	case USED_OTHER:
		break;
	}
	if (out->read)
		out->what = USED_CLAIM_READ;
}

void used_claim_volume(const struct used_signs *s, enum used_depth depth, struct used_claim *out)
{
	memset(out, 0, sizeof *out);
	if (s->unreadable) {
		/* There may be others; but what is known says what lies where. */
		if (s->n == 1)
			snprintf(out->kind, sizeof out->kind, "%s", s->at[0].name);
		out->unsure = true;
		strcpy(out->why, "its beginning or its end can't be read");
	} else if (depth == USED_ON_DISK && is_leg(s)) {
		strcpy(out->kind, "md");
		out->what = USED_CLAIM_MD;
	} else if (s->n > 1) {
		snprintf(out->why, sizeof out->why, "it has signatures of both %s and %s (wipefs lists them)", s->at[0].name,
			 s->at[1].name);
	} else if (s->n == 1) {
		claim_one(&s->at[0], depth, out);
	}
}

static const struct used_slot *find_slot(const struct used_table *t, uint64_t at)
{
	for (unsigned i = 0; i < t->n; i++)
		if (at >= t->at[i].off && at - t->at[i].off < t->at[i].len)
			return &t->at[i];
	return NULL;
}

/* A superblock 0.90 in the last partition may be the whole disk's: both are counted from the end. Where the
 * two places are the same, it tells how large a device is. */
static bool is_partitions(struct block_source *disk, const struct used_sign *s, const struct used_slot *slot)
{
	struct unrack_error e;
	uint8_t b[4];

	return !strcmp(s->name, "md 0.90") && slot->len >= MD_RESERVED &&
	       s->at == slot->off + round_down(slot->len, MD_RESERVED) - MD_RESERVED &&
	       block_source_read(disk, b, sizeof b, s->at + MD_SIZE_AT, &e) == 0 && get_le32(b) != 0 &&
	       get_le32(b) * 1024ull <= slot->len;
}

static bool claims_disk(struct block_source *disk, const struct used_sign *s, const struct used_table *t)
{
	const struct used_slot *slot = find_slot(t, s->at);

	if (s->kind == USED_TABLE)
		return !strcmp(t->kind, "dos") && s->at >= SECTOR_SIZE;
	if (!slot)
		return true;
	/* Within a partition lies its content; what has its place by the disk's end may be both's. */
	return (s->kind == USED_RAID || s->kind == USED_MD) && s->tail && !is_partitions(disk, s, slot);
}

void used_claim_disk(struct block_source *disk, const struct used_signs *s, struct used_table *table)
{
	const struct used_sign *claims = NULL;

	for (unsigned i = 0; i < s->n && !claims; i++)
		if (claims_disk(disk, &s->at[i], table))
			claims = &s->at[i];
	if (!claims && s->n < USED_SIGNS_MAX)
		return;
	table->untrusted = true;
	if (claims)
		snprintf(table->why, sizeof table->why, "it has a partition table and, at byte %llu, a signature of %s (wipefs lists "
			 "them)", (unsigned long long)claims->at, claims->name);
	else
		strcpy(table->why, "it has too many signatures");
}
