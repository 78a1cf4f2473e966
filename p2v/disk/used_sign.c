/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signatures: what has left its mark in a volume. The question is not what a volume is, but whether anything
 * else might claim it, so weak marks count too, and nothing is preferred to anything. Places and
 * magics: util-linux' libblkid/src/superblocks; Oracle's: util-linux' asm.c, file(1)'s magic/Magdir/oracle. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/digest.h"
#include "used_parts.h"

#define KIB 1024ull
#define HEAD_BYTES (512 * KIB) /* the highest mark from the beginning: ZFS' second label */
#define TAIL_BYTES (768 * KIB) /* the lowest from the end: ZFS' third label */

/* DRBD's user/drbdmeta.c and drbd/drbd_int.h, drbd_md_ss. To the magic 3 is added by 0.7, 4 by 8, 5 by 8.4 in use,
 * 6 by 9. */
#define DRBD_MAGIC 0x83740267u
#define DRBD_AT 60u
#define DRBD_AT_07 28u
#define DRBD_BYTES 4096u
#define DRBD_RESERVED (128ull << 20) /* by 0.7 where its metadata have one size */
#define SECTORS_BAD 16u        /* of an end, until the rest of it is given up */

struct mark {
	enum used_kind kind;
	const char *name;
	uint32_t at; /* from the beginning, or from the end to its beginning */
	uint8_t n;
	const char *magic;
};

#define MARK(kind, name, at, magic) { kind, name, at, sizeof magic - 1, magic }

static const struct mark head_marks[] = {
	MARK(USED_XFS, "XFS", 0, "XFSB"),
	MARK(USED_LVM, "LVM2", 0x000, "LABELONE"), /* in one of four sectors */
	MARK(USED_LVM, "LVM2", 0x200, "LABELONE"),
	MARK(USED_LVM, "LVM2", 0x400, "LABELONE"),
	MARK(USED_LVM, "LVM2", 0x600, "LABELONE"),
	MARK(USED_OTHER, "NTFS", 3, "NTFS    "),
	MARK(USED_OTHER, "exFAT", 3, "EXFAT   "),
	MARK(USED_OTHER, "BitLocker", 3, "-FVE-FS-"),
	MARK(USED_OTHER, "LUKS", 0, "LUKS\xba\xbe"),
	MARK(USED_OTHER, "LUKS", 0x4000, "SKUL\xba\xbe"),
	MARK(USED_OTHER, "LUKS", 0x8000, "SKUL\xba\xbe"),
	MARK(USED_OTHER, "LUKS", 0x10000, "SKUL\xba\xbe"),
	MARK(USED_OTHER, "btrfs", 0x10040, "_BHRfS_M"),
	MARK(USED_OTHER, "ReiserFS", 0x2034, "ReIsEr"),
	MARK(USED_OTHER, "ReiserFS", 0x10034, "ReIsEr"),
	MARK(USED_OTHER, "ReiserFS", 0x10000, "ReIsEr4"),
	MARK(USED_OTHER, "JFS", 0x8000, "JFS1"),
	MARK(USED_OTHER, "GFS or GFS2", 0x10000, "\x01\x16\x19\x70"),
	MARK(USED_OTHER, "OCFS", 8, "OracleCFS"),
	MARK(USED_OTHER, "OCFS2", 0x400, "OCFSV2"),
	MARK(USED_OTHER, "OCFS2", 0x800, "OCFSV2"),
	MARK(USED_OTHER, "OCFS2", 0x1000, "OCFSV2"),
	MARK(USED_OTHER, "OCFS2", 0x2000, "OCFSV2"),
	MARK(USED_OTHER, "Oracle ASM", 32, "ORCLDISK"),
	MARK(USED_OTHER, "Oracle ASM", 32, "ORCLCLRD"),
	MARK(USED_OTHER, "Oracle's raw data", 28, "\x7d\x7c\x7b\x7a"),
	MARK(USED_OTHER, "Oracle's raw data", 28, "\x7a\x7b\x7c\x7d"),
	MARK(USED_OTHER, "VxFS", 0x400, "\xf5\xfc\x01\xa5"),
	MARK(USED_OTHER, "VxFS", 0x2000, "\xa5\x01\xfc\xf5"),
	MARK(USED_OTHER, "F2FS", 0x400, "\x10\x20\xf5\xf2"),
	MARK(USED_OTHER, "UFS", 0x55c, "\x54\x19\x01\x00"),
	MARK(USED_OTHER, "UFS", 0x255c, "\x54\x19\x01\x00"),
	MARK(USED_OTHER, "UFS", 0x255c, "\x19\x01\x54\x19"),
	MARK(USED_OTHER, "UFS", 0x1055c, "\x19\x01\x54\x19"),
	MARK(USED_OTHER, "UFS", 0x4055c, "\x19\x01\x54\x19"),
	MARK(USED_OTHER, "a Sun disk label", 0x1fc, "\xda\xbe"),
	MARK(USED_OTHER, "a BSD disk label", 0x200, "\x57\x45\x56\x82"),
	MARK(USED_OTHER, "a BSD disk label", 0x40, "\x57\x45\x56\x82"),
	MARK(USED_OTHER, "a Solaris label", 0x20c, "\xee\xde\x0d\x60"),
	MARK(USED_TABLE, "a GPT", 0x200, "EFI PART"),
	MARK(USED_OTHER, "HFS", 0x400, "BD"),
	MARK(USED_OTHER, "HFS+", 0x400, "H+\x00\x04"),
	MARK(USED_OTHER, "HFS+", 0x400, "HX\x00\x05"),
	MARK(USED_OTHER, "ISO 9660", 0x8001, "CD001"),
	MARK(USED_OTHER, "UDF", 0x8001, "BEA01"),
	MARK(USED_OTHER, "squashfs", 0, "hsqs"),
	MARK(USED_OTHER, "cramfs", 0, "\x45\x3d\xcd\x28"),
	MARK(USED_OTHER, "EROFS", 0x400, "\xe2\xe1\xf5\xe0"),
	MARK(USED_OTHER, "a device-mapper snapshot", 0, "SnAp"),
	MARK(USED_OTHER, "a device-mapper hash tree", 0, "verity\x00\x00"),
	MARK(USED_OTHER, "a device-mapper integrity device", 0, "integrt"),
	MARK(USED_OTHER, "VDO", 0, "dmvdo001"),
	MARK(USED_OTHER, "Stratis", 0x204, "!Stra0tis\x86\xff\x02^\x41rh"),
	MARK(USED_OTHER, "bcache", 0x1018, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"),
	MARK(USED_OTHER, "Ceph", 0, "bluestore block device"),
	MARK(USED_RAID, "HighPoint RAID", 0x1220, "\xf0\x16\x78\x5a"),
	MARK(USED_RAID, "HighPoint RAID", 0x1220, "\xfd\x16\x78\x5a"),
};

static const struct mark tail_marks[] = {
	MARK(USED_TABLE, "the backup of a GPT", 512, "EFI PART"),
	MARK(USED_RAID, "Intel RAID", 1024, "Intel Raid ISM Cfg Sig. "),
	MARK(USED_RAID, "DDF RAID", 512, "\xde\x11\xde\x11"),
	MARK(USED_RAID, "DDF RAID", 257 * 512, "\xde\x11\xde\x11"),
	MARK(USED_RAID, "NVIDIA RAID", 1024, "NVIDIA"),
	MARK(USED_RAID, "Silicon Image RAID", 512 - 0x60, "\x00\x00\x00\x2f"),
	MARK(USED_RAID, "LSI RAID", 512, "$XIDE$"),
	MARK(USED_RAID, "Adaptec RAID", 512, "\x37\xfc\x4d\x1e"),
	MARK(USED_RAID, "Adaptec RAID", 512, "DPTM"),
	MARK(USED_RAID, "HighPoint RAID", 11 * 512, "\xf3\x16\x78\x5a"),
	MARK(USED_RAID, "HighPoint RAID", 11 * 512, "\xfd\x16\x78\x5a"),
};

/* Promise's is in one of these sectors, counted from the end. */
static const uint16_t promise_sectors[] = { 63, 255, 256, 16, 399, 591, 675, 735, 911, 974, 991, 951, 3087 };

/* Both ends of a volume; TAIL begins at byte TAIL_AT. Of a small one they overlap. */
struct ends {
	uint8_t *head, *tail;
	size_t head_n, tail_n;
	uint64_t bytes, tail_at;
};

static void add(struct used_signs *out, enum used_kind kind, const char *name, uint64_t at, bool tail)
{
	for (unsigned i = 0; i < out->n; i++)
		if (out->at[i].name == name && out->at[i].tail == tail)
			return;
	if (out->n < USED_SIGNS_MAX)
		out->at[out->n++] = (struct used_sign){ kind, name, at, tail };
}

/* N bytes at AT, if all of them were read; else NULL. */
static const uint8_t *get(const struct ends *v, uint64_t at, size_t n)
{
	if (at <= v->head_n && n <= v->head_n - at)
		return v->head + at;
	if (at >= v->tail_at && at <= v->bytes && n <= v->bytes - at)
		return v->tail + (at - v->tail_at);
	return NULL;
}

static void add_marks(const struct ends *v, const struct mark *marks, size_t n, bool tail, struct used_signs *out)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t at = tail ? v->bytes - marks[i].at : marks[i].at;
		const uint8_t *p = tail && marks[i].at > v->bytes ? NULL : get(v, at, marks[i].n);

		if (p && !memcmp(p, marks[i].magic, marks[i].n))
			add(out, marks[i].kind, marks[i].name, at, tail);
	}
}

/* The magic alone is too short to tell anything. */
static void add_ext(const struct ends *v, struct used_signs *out)
{
	const uint8_t *p = get(v, 0x400, 0x100);

	if (p && get_le16(p + 0x38) == 0xef53 && get_le32(p + 0x18) <= 6 && get_le32(p + 0x20) != 0 && get_le32(p + 0x4c) <= 1)
		add(out, USED_EXT, "ext", 0x400, false);
}

static void add_fat(const struct ends *v, struct used_signs *out)
{
	const uint8_t *p = get(v, 0, SECTOR_SIZE);
	unsigned sector = p ? get_le16(p + 11) : 0;

	if (p && (p[0] == 0xeb || p[0] == 0xe9) && (sector == 512 || sector == 1024 || sector == 2048 || sector == 4096) &&
	    p[13] && !(p[13] & (p[13] - 1)) && get_le16(p + 14) && p[16] >= 1 && p[16] <= 2 && (p[21] == 0xf0 || p[21] >= 0xf8))
		add(out, USED_OTHER, "FAT", 0, false);
}

/* Where used_table.c would see partitions. */
static void add_table(const struct ends *v, struct used_signs *out)
{
	const uint8_t *p = get(v, 0, SECTOR_SIZE);
	bool any = false;

	if (!p || p[510] != 0x55 || p[511] != 0xaa)
		return;
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *entry = p + 446 + 16 * i;

		if (entry[0] & 0x7f)
			return;
		any |= entry[4] && get_le32(entry + 12);
	}
	if (any)
		add(out, USED_TABLE, "a partition table", 0, false);
}

static void add_swap(const struct ends *v, struct used_signs *out)
{
	static const char *const magics[] = { "SWAPSPACE2", "SWAP-SPACE", "S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001",
					      "\xed\xc3\x02\xe9\x98\x56\xe5\x0c" };

	for (uint64_t page = 4096; page <= 65536; page *= 2) {
		const uint8_t *p = get(v, page - 10, 10);

		for (size_t i = 0; p && i < ARRAY_LEN(magics); i++)
			if (!memcmp(p, magics[i], strlen(magics[i])))
				add(out, USED_SWAP, "swap", page - 10, false);
	}
}

/* The version, and where the structure says that it lies itself. */
static void add_lvm1(const struct ends *v, struct used_signs *out)
{
	const uint8_t *p = get(v, 0, 8);

	if (p && p[0] == 'H' && p[1] == 'M' && (get_le16(p + 2) == 1 || get_le16(p + 2) == 2) && get_le32(p + 4) == 0)
		add(out, USED_LVM, "LVM1", 0, false);
}

static void add_md(const struct ends *v, struct used_signs *out)
{
	static const char *const names[] = { "md 1.1", "md 1.2", "md 1.0" };
	uint64_t sectors = v->bytes / SECTOR_SIZE;
	uint64_t places[] = { 0, 8, sectors < 16 ? UINT64_MAX / SECTOR_SIZE : (sectors - 16) & ~7ull };
	const uint8_t *p;
	uint64_t at;

	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		p = get(v, places[i] * SECTOR_SIZE, 152);
		if (p && get_le32(p) == 0xa92b4efc && get_le32(p + 4) == 1 && get_le64(p + 144) == places[i])
			add(out, USED_MD, names[i], places[i] * SECTOR_SIZE, i == 2);
	}
	at = round_down(v->bytes, 65536);
	p = at < 65536 ? NULL : get(v, at - 65536, 8);
	if (p && get_le32(p) == 0xa92b4efc && get_le32(p + 4) == 0)
		add(out, USED_MD, "md 0.90", at - 65536, true);
	if (p && get_be32(p) == 0xa92b4efc)
		add(out, USED_OTHER, "md of another byte order", at - 65536, true);
}

/* Any uberblock of a label's ring; of each end two labels. */
static void add_zfs(const struct ends *v, struct used_signs *out)
{
	uint64_t end = round_down(v->bytes, 256 * KIB);
	uint64_t labels[] = { 0, 256 * KIB, end - 512 * KIB, end - 256 * KIB };

	for (unsigned i = 0; v->bytes >= 1024 * KIB && i < ARRAY_LEN(labels); i++)
		for (uint64_t at = labels[i] + 128 * KIB; at < labels[i] + 256 * KIB; at += KIB) {
			const uint8_t *p = get(v, at, 8);

			if (p && (get_le64(p) == 0xbab10c || get_be64(p) == 0xbab10c))
				add(out, USED_OTHER, "ZFS", at, i >= 2);
		}
}

/* RAID of boards whose magic has only two bytes. */
static void add_summed_raid(const struct ends *v, struct used_signs *out)
{
	const uint8_t *p = v->bytes < SECTOR_SIZE ? NULL : get(v, v->bytes - SECTOR_SIZE, SECTOR_SIZE);
	uint8_t sum = 0;

	if (p && p[0] == 'J' && p[1] == 'M')
		add(out, USED_RAID, "JMicron RAID", v->bytes - SECTOR_SIZE, true);
	if (!p || p[0] != 0x55 || p[1] != 0xaa)
		return;
	for (unsigned i = 0; i < 50; i++)
		sum = (uint8_t)(sum + p[i]);
	if (sum == p[50])
		add(out, USED_RAID, "VIA RAID", v->bytes - SECTOR_SIZE, true);
}

/* In the last whole 4 KiB: DRBD 8 and 9, and 0.7 where its metadata are flexible. */
static void add_drbd(const struct ends *v, struct used_signs *out)
{
	uint64_t at = round_down(v->bytes, DRBD_BYTES) - DRBD_BYTES;
	const uint8_t *p = v->bytes < DRBD_BYTES ? NULL : get(v, at, DRBD_BYTES);

	if (p && get_be32(p + DRBD_AT) >= DRBD_MAGIC + 4 && get_be32(p + DRBD_AT) <= DRBD_MAGIC + 6)
		add(out, USED_OTHER, "DRBD", at + DRBD_AT, true);
	if (p && get_be32(p + DRBD_AT_07) == DRBD_MAGIC + 3)
		add(out, USED_OTHER, "DRBD", at + DRBD_AT_07, true);
}

/* What lies neither at the beginning nor at the end. False: it can't be read. */
static bool add_far(struct block_source *s, struct used_signs *out)
{
	static const struct mark marks[] = {
		MARK(USED_OTHER, "VMFS", 1 << 20, "\x0d\xd0\x01\xc0"),
		MARK(USED_OTHER, "VMFS", 2 << 20, "\x5e\xf1\xab\x2f"),
	};
	struct unrack_error e;
	uint8_t b[32];

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		if (s->size < marks[i].at + sizeof b)
			continue;
		if (block_source_read(s, b, marks[i].n, marks[i].at, &e) < 0)
			return false;
		if (!memcmp(b, marks[i].magic, marks[i].n))
			add(out, marks[i].kind, marks[i].name, marks[i].at, false);
	}
	if (s->size >= DRBD_RESERVED + DRBD_BYTES) {
		uint64_t at = round_down(s->size, DRBD_BYTES) - DRBD_RESERVED;

		if (block_source_read(s, b, sizeof b, at, &e) < 0)
			return false;
		if (get_be32(b + DRBD_AT_07) == DRBD_MAGIC + 3)
			add(out, USED_OTHER, "DRBD", at + DRBD_AT_07, true);
	}
	for (size_t i = 0; i < ARRAY_LEN(promise_sectors); i++) {
		uint64_t back = (uint64_t)promise_sectors[i] * SECTOR_SIZE;

		if (s->size < back)
			continue;
		if (block_source_read(s, b, 24, s->size - back, &e) < 0)
			return false;
		if (!memcmp(b, "Promise Technology, Inc.", 24))
			add(out, USED_RAID, "Promise RAID", s->size - back, true);
	}
	return true;
}

/* False: there are sectors that can't be read; they are zeros. A device that answers nothing takes its time for
 * each of them, so it is not asked for many. */
static bool read_end(struct block_source *s, uint8_t *buf, size_t n, uint64_t off)
{
	struct unrack_error e;
	unsigned bad = 0;

	if (block_source_read(s, buf, n, off, &e) == 0)
		return true;
	for (size_t at = 0; at < n; at += SECTOR_SIZE) {
		size_t part = (size_t)min_u64(SECTOR_SIZE, n - at);

		if (bad >= SECTORS_BAD || block_source_reread(s, buf + at, part, off + at, &e) < 0) {
			memset(buf + at, 0, part);
			bad++;
		}
	}
	return false;
}

int used_sign_read(struct block_source *volume, struct digest_stream *state, struct used_signs *out,
		   struct unrack_error *err)
{
	uint8_t *buf CLEANUP_FREE = malloc(HEAD_BYTES + TAIL_BYTES);
	struct ends v = { .head = buf, .head_n = (size_t)min_u64(volume->size, HEAD_BYTES), .bytes = volume->size };

	memset(out, 0, sizeof *out);
	if (!buf)
		return error_nomem(err);
	v.tail = buf + HEAD_BYTES;
	v.tail_n = (size_t)min_u64(volume->size, TAIL_BYTES);
	v.tail_at = volume->size - v.tail_n;
	out->unreadable = !read_end(volume, buf, v.head_n, 0);
	out->unreadable |= !read_end(volume, buf + HEAD_BYTES, v.tail_n, v.tail_at);
	digest_stream_add(state, v.head, v.head_n);
	digest_stream_add(state, v.tail, v.tail_n);
	add_marks(&v, head_marks, ARRAY_LEN(head_marks), false, out);
	add_marks(&v, tail_marks, ARRAY_LEN(tail_marks), true, out);
	add_ext(&v, out);
	add_fat(&v, out);
	add_table(&v, out);
	add_swap(&v, out);
	add_lvm1(&v, out);
	add_md(&v, out);
	add_zfs(&v, out);
	add_summed_raid(&v, out);
	add_drbd(&v, out);
	out->unreadable |= !add_far(volume, out);
	return 0;
}
