/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fsprobe.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"

#define EXT_SUPER 1024u
#define EXT_HAS_JOURNAL 0x4u   /* compat */
#define EXT_RECOVER 0x4u       /* incompat */
#define EXT_JOURNAL_DEV 0x8u   /* incompat */
#define EXT3_INCOMPAT 0x16u    /* what ext3 may have: filetype, recover, meta_bg */
#define EXT3_RO_COMPAT 0x7u    /* sparse_super, large_file, btree_dir */
#define EXT_STATE_ERRORS 0x2u
#define SWAP_HEADER 1024u

static void set_uuid(struct fsprobe *out, const uint8_t *u)
{
	if (is_zero(u, 16))
		return;
	snprintf(out->uuid, sizeof out->uuid,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

static void set_label(struct fsprobe *out, const uint8_t *label, size_t n)
{
	n = strnlen((const char *)label, n < sizeof out->label ? n : sizeof out->label - 1);
	memcpy(out->label, label, n);
	out->label[n] = '\0';
}

static bool probe_ext(const uint8_t *head, size_t n, struct fsprobe *out)
{
	const uint8_t *s = head + EXT_SUPER;
	uint32_t compat, incompat, ro_compat;

	if (n < EXT_SUPER + 1024 || get_le16(s + 0x38) != 0xef53)
		return false;
	compat = get_le32(s + 0x5c);
	incompat = get_le32(s + 0x60);
	ro_compat = get_le32(s + 0x64);
	set_uuid(out, s + 0x68);
	set_label(out, s + 0x78, 16);
	if (incompat & EXT_JOURNAL_DEV) {
		out->type = "jbd";
		return true;
	}
	out->mountable = true;
	out->dirty = incompat & EXT_RECOVER;
	out->errors = get_le16(s + 0x3a) & EXT_STATE_ERRORS;
	if (incompat & ~EXT3_INCOMPAT || ro_compat & ~EXT3_RO_COMPAT)
		out->type = "ext4";
	else
		out->type = compat & EXT_HAS_JOURNAL ? "ext3" : "ext2";
	return true;
}

static bool has(const uint8_t *head, size_t n, size_t at, const char *magic)
{
	size_t len = strlen(magic);

	return n >= at + len && !memcmp(head + at, magic, len);
}

static bool probe_xfs(const uint8_t *head, size_t n, struct fsprobe *out)
{
	if (n < 512 || !has(head, n, 0, "XFSB"))
		return false;
	out->type = "xfs";
	out->mountable = true;
	set_uuid(out, head + 32);
	set_label(out, head + 108, 12);
	return true;
}

/* The header's first bytes hold the label and UUID; the magic ends the first page. */
static bool probe_swap(const uint8_t *head, size_t n, struct fsprobe *out)
{
	static const char *const suspended[] = { "S1SUSPEND", "S2SUSPEND", "ULSUSPEND" };

	out->hibernated = false;
	for (size_t i = 0; i < ARRAY_LEN(suspended); i++)
		if (has(head, n, 4086, suspended[i]))
			out->hibernated = true;
	if (!out->hibernated && !has(head, n, 4086, "SWAPSPACE2") && !has(head, n, 4086, "SWAP-SPACE"))
		return false;
	out->type = "swap";
	if (!has(head, n, 4086, "SWAP-SPACE")) {
		set_uuid(out, head + SWAP_HEADER + 12);
		set_label(out, head + SWAP_HEADER + 28, 16);
	}
	return true;
}

/* The physical volume's UUID is the first thing behind the label's header; LVM shows it in
 * groups of 6, 4, 4, 4, 4, 4 and 6 characters. */
static void set_pv_uuid(struct fsprobe *out, const uint8_t *head, size_t n, size_t label)
{
	size_t at = label + get_le32(head + label + 20), k = 0;

	if (get_le32(head + label + 20) > SECTOR_SIZE || n < at + 32)
		return;
	for (size_t i = 0; i < 32; i++)
		if (!isalnum(head[at + i]))
			return;
	for (size_t i = 0; i < 32; i++) {
		if (i >= 6 && i <= 26 && (i - 6) % 4 == 0)
			out->uuid[k++] = '-';
		out->uuid[k++] = (char)head[at + i];
	}
	out->uuid[k] = '\0';
}

static bool probe_member(const uint8_t *head, size_t n, struct fsprobe *out)
{
	for (size_t sector = 0; sector < 4; sector++)
		if (has(head, n, sector * SECTOR_SIZE, "LABELONE") &&
		    has(head, n, sector * SECTOR_SIZE + 24, "LVM2 001")) {
			out->type = "LVM2_member";
			set_pv_uuid(out, head, n, sector * SECTOR_SIZE);
			return true;
		}
	if (has(head, n, 0, "LUKS\xba\xbe")) {
		out->type = "crypto_LUKS";
		return true;
	}
	if ((n >= 4 && get_le32(head) == 0xa92b4efc) ||
	    (n >= 4100 && get_le32(head + 4096) == 0xa92b4efc)) {
		out->type = "linux_raid_member";
		return true;
	}
	return false;
}

void fsprobe_read(const uint8_t *head, size_t n, struct fsprobe *out)
{
	memset(out, 0, sizeof *out);
	out->type = "";
	/* A member of a volume group or array may still have an old filesystem's superblock. An
	 * ext superblock is younger than a swap header beside it: mkswap clears where it is. */
	if (probe_member(head, n, out) || probe_xfs(head, n, out) || probe_ext(head, n, out) ||
	    probe_swap(head, n, out))
		return;
	if (has(head, n, 65536 + 64, "_BHRfS_M"))
		out->type = "btrfs";
	else if (has(head, n, 65536 + 52, "ReIsEr"))
		out->type = "reiserfs";
	else if (has(head, n, 3, "NTFS    "))
		out->type = "ntfs";
	else if (has(head, n, 54, "FAT1") || has(head, n, 82, "FAT32"))
		out->type = "vfat";
}

int fsprobe_active(const uint8_t *sector, size_t n)
{
	int active = 0;

	if (n < SECTOR_SIZE || get_le16(sector + 510) != 0xaa55)
		return 0;
	for (int i = 0; i < 4; i++)
		if (sector[446 + 16 * i] == 0x80 && active == 0)
			active = i + 1;
	return active;
}
