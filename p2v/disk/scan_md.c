/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Superblocks of md. Layout: Linux' include/uapi/linux/raid/md_p.h; places: drivers/md/md.c,
 * super_90_load and super_1_load. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "scan_groups.h"

#define MAGIC 0xa92b4efcu
#define SUPER_BYTES 512u /* enough of it */
#define RESERVED_90 65536u

/* 0.90 is written in the byte order of its machine; that of a PC is little. */
static bool parse_90(const uint8_t *b, struct scan_md *out)
{
	uint32_t id[4] = { get_le32(b + 20), get_le32(b + 52), get_le32(b + 56), get_le32(b + 60) };

	if (get_le32(b) != MAGIC || get_le32(b + 4) != 0)
		return false;
	snprintf(out->uuid, sizeof out->uuid, "%08x%08x%08x%08x", id[0], id[1], id[2], id[3]);
	out->level = (int)get_le32(b + 28);
	out->disks = get_le32(b + 40);
	out->events = get_le64(b + 156);
	return true;
}

/* AT: where it lies within its device, in sectors, which it knows itself. */
static bool parse_1(const uint8_t *b, uint64_t at, struct scan_md *out)
{
	if (get_le32(b) != MAGIC || get_le32(b + 4) != 1 || get_le64(b + 144) != at)
		return false;
	for (unsigned i = 0; i < 16; i++)
		snprintf(out->uuid + 2 * i, 3, "%02x", b[16 + i]);
	out->level = (int)get_le32(b + 72);
	out->disks = get_le32(b + 92);
	out->events = get_le64(b + 200);
	return true;
}

bool scan_md_read(struct block_source *s, uint64_t off, uint64_t bytes, struct scan_md *out)
{
	uint64_t sectors = bytes / SECTOR_SIZE;
	uint64_t places[] = { 0, 8, sectors < 16 ? 0 : (sectors - 16) & ~7ull };
	struct unrack_error dropped;
	uint8_t b[SUPER_BYTES];

	for (unsigned i = 0; i < ARRAY_LEN(places); i++)
		if (places[i] < sectors &&
		    block_source_read(s, b, sizeof b, off + places[i] * SECTOR_SIZE, &dropped) == 0 &&
		    parse_1(b, places[i], out))
			return true;
	return bytes >= 2 * RESERVED_90 &&
	       block_source_read(s, b, sizeof b, off + round_down(bytes, RESERVED_90) - RESERVED_90,
				 &dropped) == 0 && parse_90(b, out);
}

const char *scan_md_level(const struct scan_md *md, char out[16])
{
	if (md->level >= 0)
		snprintf(out, 16, "raid%d", md->level);
	else
		snprintf(out, 16, "%s", md->level == -1 ? "linear" : "md");
	return out;
}
