/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/md_super.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "md_image.h"
#include <errno.h>

#define BYTES (1u << 20)
#define OFF 512u

static uint8_t disk[OFF + BYTES], *const member = disk + OFF;
static struct md_super md;
static struct unrack_error e;

static const struct md_image mirror = { .level = 1, .disks = 2, .slot = 1, .events = 19 | 1ull << 32, .bytes = BYTES - 131072,
					.start = 16 };

static int look(uint64_t bytes)
{
	struct block_source *s;
	int r;

	block_source_open_memory(disk, sizeof disk, "disk", &s, &e);
	r = md_super_read(s, OFF, bytes, &md, &e);
	block_source_close(s);
	return r;
}

static void clear(void)
{
	memset(disk, 0, sizeof disk);
}

static void refused(const char *why, const char *name)
{
	is_int(look(BYTES), UNRACK_DAMAGED, "%s", name);
	has_str(e.text, why, "says: %s", why);
}

static void old(bool big_endian)
{
	struct md_image m = mirror;
	uint8_t *b;

	clear();
	m.big_endian = big_endian;
	b = md_image_90(member, BYTES, &m);
	is_int(look(BYTES), 0, "version 0.90 in %s-endian bytes", big_endian ? "big" : "little");
	is_str(md.version, "0.90", "its version");
	is_str(md.uuid, "11111111222222222222222322222224", "its UUID, as mdadm writes it");
	ok(md.level == 1 && md.disks == 2 && md.slot == 1 && md.role == MD_ACTIVE, "its level, disks and place");
	is_int(md.events, 19 | 1ll << 32, "its events");
	ok(md.start == 0 && md.bytes == mirror.bytes && md.at == BYTES - 65536, "its data, and where it is itself");
	ok(md.clean && !md.odd, "clean");
	md_image_word(b, 33, 0, big_endian);
	md_image_seal_90(b, big_endian);
	ok(look(BYTES) == 0 && !md.clean, "not clean");
	md_image_word(b, 128 + 32 + 4, 7, big_endian);
	md_image_seal_90(b, big_endian);
	ok(look(BYTES) == 0 && md.role == MD_FAULTY, "faulty");
	md_image_word(b, 128 + 32 + 4, 2, big_endian);
	md_image_seal_90(b, big_endian);
	ok(look(BYTES) == 0 && md.role == MD_SPARE, "not in sync");
	md_image_word(b, 2, 91, big_endian);
	md_image_seal_90(b, big_endian);
	ok(look(BYTES) == 0 && md.odd && strstr(md.odd, "reshaped"), "being reshaped");
	b[100] ^= 1;
	refused("checksum of its md superblock is wrong", "a byte that is another one");
	b[100] ^= 1;
	/* As alphas wrote it: in 16 bits. */
	md_image_word(b, 2, 90, big_endian);
	md_image_seal_90(b, big_endian);
	{
		uint32_t s = big_endian ? get_be32(b + 152) : get_le32(b + 152);

		s = (s & 0xffff) + (s >> 16);
		md_image_word(b, 38, (s & 0xffff) + (s >> 16), big_endian);
	}
	is_int(look(BYTES), 0, "a checksum in 16 bits");
	md_image_word(b, 8, BYTES / 1024, big_endian);
	md_image_seal_90(b, big_endian);
	refused("contradicts itself", "data over its superblock");
	md_image_word(b, 8, 100, big_endian);
	md_image_word(b, 992, 27, big_endian);
	md_image_seal_90(b, big_endian);
	refused("contradicts itself", "a number that is not in the table");
	md_image_word(b, 992, 0, big_endian);
	md_image_word(b, 2, 89, big_endian);
	md_image_seal_90(b, big_endian);
	refused("of a version that is not known", "a version before");
}

static void new(uint64_t sector, const char *version)
{
	struct md_image m = mirror;
	uint64_t start = m.start;
	uint8_t *b;
	unsigned wrong = 0, slot;

	clear();
	m.start = start = sector > 8 ? 0 : 64;
	b = md_image_1(member, sector, &m);
	is_int(look(BYTES), 0, "version %s", version);
	is_str(md.version, version, "its version");
	is_str(md.uuid, "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "its UUID");
	ok(md.level == 1 && md.disks == 2 && md.slot == 1 && md.role == MD_ACTIVE && md.clean && !md.odd, "its facts");
	ok(md.start == start * 512 && md.bytes == m.bytes && md.events == m.events, "its data and events");
	ok(md_super_role(&md, 0, &slot) == MD_ACTIVE && slot == 0, "what it says of the other");
	ok(md_super_role(&md, 3, &slot) == MD_SPARE && md_super_role(&md, 4000000, &slot) == MD_SPARE, "and of none");
	for (unsigned i = 0; i < 256 + 18; i++) {
		b[i] ^= 4;
		wrong += look(BYTES) == 0;
		b[i] ^= 4;
	}
	is_int(wrong, 0, "with any byte another one, it does not count");
	b[255] = 1; /* with an odd number of roles, the last two bytes are summed up by themselves */
	md_image_seal_1(b);
	is_int(look(BYTES), 0, "any content with its checksum right");
	m.dirty = true;
	md_image_1(member, sector, &m);
	ok(look(BYTES) == 0 && !md.clean, "not clean");
	m.dirty = false;
	for (unsigned bit = 0; bit < 16; bit++) {
		m.features = 1u << bit;
		b = md_image_1(member, sector, &m);
		put_le32(b + 96, sector > 8 ? (uint32_t)-8 : 8);
		md_image_seal_1(b);
		ok(look(BYTES) == 0 && !md.odd == (bit == 0), "feature %u is %s", bit, bit ? "odd" : "a bitmap");
	}
}

static void data_places(void)
{
	static const struct {
		uint64_t start, bytes;
		bool fine;
	} at[] = { { 64, BYTES - 65536, true }, { 8, 65536, false }, { 16, 65536, true }, { 9, 65536, true },
		   { 64, BYTES, false }, { UINT64_MAX / 512, 512, false }, { UINT64_MAX, 512, false }, { 0, 65536, false },
		   { 0, 4096, true } };
	struct md_image m = mirror;
	uint8_t *b;

	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		clear();
		m.start = at[i].start;
		m.bytes = at[i].bytes;
		md_image_1(member, 8, &m);
		is_int(look(BYTES), at[i].fine ? 0 : UNRACK_DAMAGED, "data at sector %llu", (unsigned long long)at[i].start);
	}
	clear();
	m = mirror;
	m.start = 64;
	m.features = 1;
	b = md_image_1(member, 8, &m);
	put_le32(b + 96, 100);
	md_image_seal_1(b);
	refused("contradicts itself", "a bitmap in the data");
	put_le32(b + 96, 8);
	put_le16(b + 186, 8);
	put_le32(b + 188, 50);
	md_image_seal_1(b);
	refused("contradicts itself", "a list of bad blocks that reaches into the data");
	put_le16(b + 186, 6);
	md_image_seal_1(b);
	is_int(look(BYTES), 0, "one that doesn't");
}

static void places(void)
{
	struct md_image m = mirror;
	struct block_source *s;
	struct twin_source *t;
	uint8_t *b;

	clear();
	refused("no md superblock that counts", "nothing");
	m.start = 64;
	md_image_1(member, 8, &m);
	md_image_90(member, BYTES, &m);
	refused("the superblocks of two arrays", "a superblock at the end and a new one at the beginning");
	clear();
	b = md_image_1(member, 8, &m);
	put_le64(b + 144, 0);
	md_image_seal_1(b);
	refused("no md superblock that counts", "one that was made for another place");
	clear();
	b = md_image_1(member, 8, &m);
	put_le32(b + 220, 4000);
	refused("contradicts itself", "more members than there is room for");
	clear();
	m.start = 0;
	md_image_1(member, md_image_end(BYTES), &m);
	ok(look(BYTES - 4096) < 0, "one at the end of a larger member is not that of a smaller one");
	ok(look(131071) == UNRACK_DAMAGED, "a small member");
	for (uint64_t n = 0; n < 40; n++)
		look(n * 7777);
	t = twin_source_memory(disk, sizeof disk);
	s = twin_source(t);
	twin_source_bad(t, OFF + 4096, 512, EIO, 0);
	ok(md_super_read(s, OFF, BYTES, &md, &e) == UNRACK_IO, "a place that can't be read");
	has_str(e.text, "its md superblock can't be read", "says so");
	block_source_close(s);
	twin_source_free(t);
}

int main(void)
{
	char level[16];

	old(false);
	old(true);
	new(0, "1.1");
	new(8, "1.2");
	new(md_image_end(BYTES), "1.0");
	data_places();
	places();
	is_str(md_super_level(1, level), "raid1", "raid1");
	is_str(md_super_level(-1, level), "linear", "linear");
	is_str(md_super_level(-4, level), "md", "multipath");
	return tap_done();
}
