/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/used_parts.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "base/size.h"
#include "unrack/digest.h"

#define BYTES ((3u << 20) + 40 * 1024) /* no multiple of 64 KiB */

static uint8_t *volume;
static struct used_signs s;

static void look_at(struct block_source *src)
{
	static const struct digest_key key;
	struct digest_stream *state = digest_stream_new(&key);
	struct unrack_error e;

	if (used_sign_read(src, state, &s, &e) < 0)
		exit(1);
	digest_stream_free(state);
	block_source_close(src);
}

static void look(uint64_t bytes)
{
	struct unrack_error e;
	struct block_source *src;

	block_source_open_memory(volume, bytes, "volume", &src, &e);
	look_at(src);
}

static void clear(void)
{
	memset(volume, 0, BYTES);
}

static void one(const char *name, enum used_kind kind, uint64_t at, bool tail)
{
	look(BYTES);
	ok(s.n == 1 && !strcmp(s.at[0].name, name) && s.at[0].kind == kind && s.at[0].tail == tail && s.at[0].at == at,
	   "%s is found, once", name);
	if (s.n != 1 || s.at[0].at != at)
		printf("# %u found; %s at %llu\n", s.n, s.n ? s.at[0].name : "", s.n ? (unsigned long long)s.at[0].at : 0);
}

#define PUT(at, magic) memcpy(volume + (at), magic, sizeof magic - 1)

/* Magics as they stand in real superblocks; the program's own table is not looked at. */
static void at_beginning(void)
{
	static const struct {
		const char *name;
		uint32_t at;
		const char *magic;
	} known[] = {
		{ "NTFS", 3, "NTFS    " }, { "btrfs", 65600, "_BHRfS_M" }, { "ReiserFS", 65536 + 52, "ReIsEr2Fs" },
		{ "ReiserFS", 8192 + 52, "ReIsErFs" }, { "JFS", 32768, "JFS1" }, { "LUKS", 0, "LUKS\xba\xbe" },
		{ "GFS or GFS2", 65536, "\x01\x16\x19\x70" }, { "OCFS2", 1024, "OCFSV2" }, { "OCFS2", 8192, "OCFSV2" },
		{ "Oracle ASM", 32, "ORCLDISKDATA1" }, { "Oracle's raw data", 28, "}|{z" }, { "VMFS", 1 << 20, "\x0d\xd0\x01\xc0" },
		{ "a GPT", 512, "EFI PART" }, { "ISO 9660", 32769, "CD001" }, { "a BSD disk label", 512, "\x57\x45\x56\x82" },
		{ "a Sun disk label", 508, "\xda\xbe" }, { "ZFS", 128 * 1024 + 5 * 1024, "\x0c\xb1\xba\0\0\0\0" },
		{ "Stratis", 516, "!Stra0tis\x86\xff\x02^\x41rh" }, { "Ceph", 0, "bluestore block device" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		clear();
		memcpy(volume + known[i].at, known[i].magic, strlen(known[i].magic));
		one(known[i].name, !strcmp(known[i].name, "a GPT") ? USED_TABLE : USED_OTHER, known[i].at, false);
	}
	clear();
	PUT(0, "XFSB");
	one("XFS", USED_XFS, 0, false);
	clear();
	put_le16(volume + 1024 + 56, 0xef53);
	put_le32(volume + 1024 + 32, 8192);
	one("ext", USED_EXT, 1024, false);
	put_le32(volume + 1024 + 24, 40);
	look(BYTES);
	is_int(s.n, 0, "two bytes alone are no ext");
	clear();
	PUT(0, "HM\1\0\0\0\0\0");
	one("LVM1", USED_LVM, 0, false);
	clear();
	PUT(0, "HMMM, a text");
	look(BYTES);
	is_int(s.n, 0, "two letters alone are no LVM 1");
	clear();
	PUT(0, "\xeb\x3c\x90mkdosfs\0\0\2\4\4\0\2\0\2\0\0\xf8");
	one("FAT", USED_OTHER, 0, false);
}

static void lvm_sectors(void)
{
	for (unsigned i = 0; i < 4; i++) {
		clear();
		PUT(i * 512, "LABELONE");
		one("LVM2", USED_LVM, i * 512, false);
	}
	clear();
	PUT(4 * 512, "LABELONE");
	look(BYTES);
	is_int(s.n, 0, "behind the fourth sector LVM does not look");
}

static void swap_pages(void)
{
	static const char *const magics[] = { "SWAPSPACE2", "SWAP-SPACE", "S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001" };

	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		clear();
		memcpy(volume + 4086, magics[i], strlen(magics[i]));
		one("swap", USED_SWAP, 4086, false);
	}
	for (unsigned page = 8192; page <= 65536; page *= 2) {
		clear();
		PUT(page - 10, "SWAPSPACE2");
		one("swap", USED_SWAP, page - 10, false);
	}
}

static void at_end(void)
{
	static const struct {
		const char *name;
		enum used_kind kind;
		uint32_t back;
		const char *magic;
	} known[] = {
		{ "Intel RAID", USED_RAID, 1024, "Intel Raid ISM Cfg Sig. 1.3.00" }, { "DDF RAID", USED_RAID, 512, "\xde\x11\xde\x11" },
		{ "NVIDIA RAID", USED_RAID, 1024, "NVIDIA" }, { "LSI RAID", USED_RAID, 512, "$XIDE$" },
		{ "Adaptec RAID", USED_RAID, 512, "\x37\xfc\x4d\x1e" }, { "JMicron RAID", USED_RAID, 512, "JM" },
		{ "Promise RAID", USED_RAID, 63 * 512, "Promise Technology, Inc." },
		{ "Promise RAID", USED_RAID, 3087 * 512, "Promise Technology, Inc." },
		{ "DRBD", USED_OTHER, 4096 - 60, "\x83\x74\x02\x6b" }, { "the backup of a GPT", USED_TABLE, 512, "EFI PART" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		clear();
		memcpy(volume + BYTES - known[i].back, known[i].magic, strlen(known[i].magic));
		one(known[i].name, known[i].kind, BYTES - known[i].back, true);
	}
	clear();
	PUT(BYTES - 512, "\x55\xaa");
	look(BYTES);
	is_int(s.n, 0, "two bytes with a wrong sum are no VIA RAID");
	volume[BYTES - 512 + 50] = 0xff;
	one("VIA RAID", USED_RAID, BYTES - 512, true);
	clear();
	PUT((3u << 20) - 512 * 1024 + 130 * 1024, "\x0c\xb1\xba");
	one("ZFS", USED_OTHER, (3u << 20) - 512 * 1024 + 130 * 1024, true);
}

/* Its block is the last whole one, wherever the volume ends. */
static void drbd(void)
{
	static const char *const magics[] = { "\x83\x74\x02\x6b", "\x83\x74\x02\x6c", "\x83\x74\x02\x6d" };
	uint8_t *small = volume;
	uint64_t large = (132u << 20) + 512;

	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		clear();
		memcpy(volume + BYTES - 8192 + 60, magics[i], 4);
		look(BYTES - 512);
		ok(s.n == 1 && !strcmp(s.at[0].name, "DRBD") && s.at[0].tail, "DRBD of a volume of an odd size (%zu)", i);
	}
	look(BYTES);
	is_int(s.n, 0, "where another volume would have it is none");
	clear();
	PUT(BYTES - 4096 + 28, "\x83\x74\x02\x6a");
	one("DRBD", USED_OTHER, BYTES - 4096 + 28, true);
	volume = calloc(1, large);
	if (!volume)
		exit(1);
	PUT((4u << 20) + 28, "\x83\x74\x02\x6a");
	look(large);
	ok(s.n == 1 && !strcmp(s.at[0].name, "DRBD"), "DRBD 0.7, 128 MiB before the end");
	free(volume);
	volume = small;
}

static void md(void)
{
	uint64_t at = ((BYTES / 512 - 16) & ~7ull) * 512;

	clear();
	put_le32(volume + (3u << 20) - 65536, 0xa92b4efc);
	one("md 0.90", USED_MD, (3u << 20) - 65536, true);
	clear();
	put_le32(volume + at, 0xa92b4efc);
	put_le32(volume + at + 4, 1);
	put_le64(volume + at + 144, at / 512);
	one("md 1.0", USED_MD, at, true);
	put_le64(volume + at + 144, at / 512 + 8);
	look(BYTES);
	is_int(s.n, 0, "one of a partition that ends here is not this volume's");
	for (unsigned i = 0; i < 2; i++) {
		clear();
		put_le32(volume + i * 4096, 0xa92b4efc);
		put_le32(volume + i * 4096 + 4, 1);
		put_le64(volume + i * 4096 + 144, i * 8);
		one(i ? "md 1.2" : "md 1.1", USED_MD, i * 4096, false);
	}
}

static void table(void)
{
	clear();
	PUT(510, "\x55\xaa");
	look(BYTES);
	is_int(s.n, 0, "a boot sector without partitions is no table");
	volume[446 + 4] = 0x83;
	volume[446 + 12] = 1;
	one("a partition table", USED_TABLE, 0, false);
	volume[446] = 0x12;
	look(BYTES);
	is_int(s.n, 0, "nor is a boot sector whose code lies there");
}

static void several(void)
{
	clear();
	put_le16(volume + 1024 + 56, 0xef53);
	put_le32(volume + 1024 + 32, 8192);
	PUT(4086, "SWAPSPACE2");
	look(BYTES);
	is_int(s.n, 2, "an old swap header in an ext's first block counts");
	PUT(BYTES - 1024, "Intel Raid ISM Cfg Sig. ");
	look(BYTES);
	is_int(s.n, 3, "so does the RAID at the end");
	for (unsigned i = 0; i < 4; i++)
		PUT(i * 512, "LABELONE");
	PUT(3, "NTFS    ");
	PUT(32768, "JFS1");
	PUT(65600, "_BHRfS_M");
	PUT(8192 + 52, "ReIsErFs");
	PUT(65536, "\x01\x16\x19\x70");
	look(BYTES);
	is_int(s.n, USED_SIGNS_MAX, "and only so many are told");
}

static void sizes(void)
{
	static const uint64_t bytes[] = { 0, 1, 511, 512, 4085, 4096, 65535, 65536, 131072, 600000, 1 << 20 };

	memset(volume, 0xfc, BYTES);
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		look(bytes[i]);
		is_int(s.n, 0, "%llu bytes of nothing known", (unsigned long long)bytes[i]);
	}
}

static void unreadable(void)
{
	static const uint64_t bad[] = { 100, 500 * 1024, 1 << 20, BYTES - 3087 * 512, BYTES - 1 };

	clear();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct twin_source *twin = twin_source_memory(volume, BYTES);

		twin_source_bad(twin, bad[i], 1, 5, 0);
		look_at(twin_source(twin));
		ok(s.unreadable, "byte %llu can't be read", (unsigned long long)bad[i]);
		twin_source_free(twin);
	}
	memcpy(volume + 0x10040, "_BHRfS_M", 8);
	for (unsigned count = 1; count <= 20; count += 19) {
		struct twin_source *twin = twin_source_memory(volume, BYTES);

		for (unsigned i = 0; i < count; i++)
			twin_source_bad(twin, 1024 * i, 1, 5, 0);
		look_at(twin_source(twin));
		ok(s.unreadable && (s.n == 1) == (count == 1), "%s", count == 1 ? "beside what can't be read there may be a signature"
		   : "a beginning of which nothing can be read is given up soon");
		twin_source_free(twin);
	}
}

int main(void)
{
	volume = malloc(BYTES);
	if (!volume)
		return 1;
	clear();
	look(BYTES);
	ok(s.n == 0 && !s.unreadable, "nothing is found in zeros");
	at_beginning();
	lvm_sectors();
	swap_pages();
	at_end();
	drbd();
	md();
	table();
	several();
	sizes();
	unreadable();
	free(volume);
	return tap_done();
}
