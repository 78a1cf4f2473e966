/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/used_parts.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "unrack/digest.h"

#define SECTORS 4096u

static uint8_t disk[SECTORS * 512];
static struct used_table t;
static struct digest state;

/* The sum as a polynomial, bit by bit from the top, unlike the code's. */
static uint32_t sum(const uint8_t *p, size_t n)
{
	uint32_t c = UINT32_MAX, out = 0;

	for (size_t i = 0; i < n * 8; i++) {
		uint32_t bit = p[i / 8] >> i % 8 & 1, top = c >> 31;

		c = c << 1 ^ (bit ^ top ? 0x04c11db7u : 0);
	}
	for (unsigned i = 0; i < 32; i++)
		out |= (~c >> i & 1) << (31 - i);
	return out;
}

static void look_at(struct block_source *s)
{
	static const struct digest_key key;
	struct digest_stream *stream = digest_stream_new(&key);
	struct unrack_error e = UNRACK_ERROR_INIT;

	is_int(used_table_read(s, stream, &t, &e), 0, "it is read");
	digest_stream_end(stream, &state);
	digest_stream_free(stream);
	block_source_close(s);
}

static void look(uint64_t bytes)
{
	struct unrack_error e;
	struct block_source *s;

	block_source_open_memory(disk, bytes, "disk", &s, &e);
	look_at(s);
}

static void distrusted(const char *why, const char *name)
{
	look(sizeof disk);
	ok(t.untrusted, "not trusted: %s", name);
	has_str(t.why, why, "which it says");
}

/* --- DOS --- */

static void entry(uint64_t sector, unsigned i, uint8_t type, uint32_t first, uint32_t count)
{
	uint8_t *p = disk + sector * 512 + 446 + 16 * i;

	p[4] = type;
	put_le32(p + 8, first);
	put_le32(p + 12, count);
	disk[sector * 512 + 510] = 0x55;
	disk[sector * 512 + 511] = 0xaa;
}

/* Two primary ones, and two logical ones in sectors 2000 to 3999. */
static void make_dos(void)
{
	memset(disk, 0, sizeof disk);
	entry(0, 0, 0x83, 63, 900);
	entry(0, 1, 0x82, 1000, 500);
	entry(0, 2, 0x05, 2000, 2000);
	entry(2000, 0, 0x83, 63, 437);
	entry(2000, 1, 0x05, 600, 500);
	entry(2600, 0, 0x8e, 1, 499);
	disk[446] = 0x80;
}

static void dos(void)
{
	static const struct used_slot want[] = { { 1, 63, 900 }, { 2, 1000, 500 }, { 5, 2063, 437 }, { 6, 2601, 499 } };
	struct digest before;

	make_dos();
	look(sizeof disk);
	is_str(t.kind, "dos", "a DOS table");
	ok(!t.untrusted && t.n == 4, "is trusted, with four partitions; the extended one is none");
	for (unsigned i = 0; i < t.n; i++)
		ok(t.at[i].number == want[i].number && t.at[i].off == want[i].off * 512 && t.at[i].len == want[i].len * 512,
		   "partition %u is where the table says", want[i].number);
	before = state;
	look(sizeof disk);
	ok(!memcmp(&before, &state, sizeof state), "the same table, the same state");
	put_le32(disk + 2600 * 512 + 446 + 12, 498);
	look(sizeof disk);
	ok(t.at[3].len == 498 * 512 && memcmp(&before, &state, sizeof state) != 0, "a changed table changes the state");
	entry(0, 3, 0x83, 4000, 96);
	look(sizeof disk);
	is_int(t.n, 5, "up to the last sector");
	look(sizeof disk - 512);
	ok(t.untrusted, "a disk that is one sector too short");
	look(sizeof disk - 511);
	ok(t.untrusted, "the rest of a last odd sector is no sector");
}

/* Partition NUMBER is known, although the table is not trusted. */
static bool is_there(unsigned number, uint64_t first, uint64_t count)
{
	for (unsigned i = 0; i < t.n; i++)
		if (t.at[i].number == number && t.at[i].off == first * 512 && t.at[i].len == count * 512)
			return t.untrusted;
	return false;
}

static void dos_odd(void)
{
	make_dos();
	entry(0, 3, 0x83, 500, 100);
	distrusted("overlap", "partitions within each other");
	make_dos();
	entry(0, 3, 0x83, 962, 10);
	distrusted("overlap", "partitions that overlap by one sector");
	make_dos();
	entry(0, 3, 0x83, 3999, 10);
	distrusted("overlap", "one that overlaps the extended one");
	make_dos();
	entry(0, 3, 0x83, 0, 10);
	distrusted("overlap", "one that begins with the table");
	make_dos();
	entry(0, 3, 0x83, 4000, UINT32_MAX);
	distrusted("partition 4 ends behind the disk", "one that is larger than the disk");
	ok(is_there(4, 4000, SECTORS - 4000) && is_there(6, 2601, 499), "what it has on the disk is known, and the others");
	make_dos();
	entry(0, 2, 0x05, 2000, 3000);
	distrusted("extended partition ends behind the disk", "an extended one that is larger than the disk");
	make_dos();
	entry(2600, 1, 0x05, 0, 10);
	distrusted("don't follow each other", "a ring of tables");
	make_dos();
	entry(2600, 1, 0x05, 600, 10);
	distrusted("don't follow each other", "a table that names itself");
	make_dos();
	entry(2000, 1, 0x05, 2001, 10);
	distrusted("don't follow each other", "a chain that leaves the extended partition");
	make_dos();
	disk[2600 * 512 + 510] = 0;
	distrusted("no table at sector 2600", "a chain that breaks off");
	make_dos();
	entry(2600, 2, 0x83, 10, 10);
	distrusted("too many entries", "two logical ones in one table");
	make_dos();
	entry(2600, 0, 0x83, 1, 5000);
	distrusted("partition 6 ends behind the extended one", "a logical one that is too large");
	make_dos();
	entry(2000, 0, 0x83, 63, 538);
	distrusted("overlap", "a logical one over the next one's table");
}

/* A chain as long as there are sectors: it ends, and takes no more than it may. */
static void long_chain(void)
{
	memset(disk, 0, sizeof disk);
	entry(0, 0, 0x05, 1, SECTORS - 1);
	for (uint32_t i = 1; i < SECTORS - 2; i++)
		entry(i, 1, 0x05, i, 1);
	distrusted("too many partitions", "a chain without an end");
	memset(disk, 0, sizeof disk);
	entry(0, 0, 0x05, 1, SECTORS - 1);
	for (uint32_t i = 1; i < 2 * 300; i += 2) {
		entry(i, 0, 0x83, 1, 1);
		entry(i, 1, 0x05, i + 1, 2);
	}
	distrusted("more than 256 partitions", "hundreds of logical ones");
}

static void none(void)
{
	memset(disk, 0, sizeof disk);
	look(sizeof disk);
	ok(!*t.kind && !t.untrusted && t.n == 0, "a disk of zeros has no table");
	disk[510] = 0x55;
	disk[511] = 0xaa;
	look(sizeof disk);
	ok(!*t.kind && !t.untrusted, "a boot sector without partitions is none");
	make_dos();
	disk[446 + 16] = 0x37;
	look(sizeof disk);
	ok(!*t.kind && !t.untrusted, "a boot sector whose code lies there is none");
	look(512);
	ok(!*t.kind && !t.untrusted, "a disk of one sector");
	look(0);
	ok(!*t.kind && !t.untrusted, "a disk of nothing");
}

static void empty_extended(void)
{
	memset(disk, 0, sizeof disk);
	entry(0, 0, 0x0f, 63, 1000);
	look(sizeof disk);
	ok(!t.untrusted && t.n == 0, "an extended partition with nothing in it");
}

static void unreadable(void)
{
	struct twin_source *twin;

	make_dos();
	twin = twin_source_memory(disk, sizeof disk);
	twin_source_bad(twin, 2600 * 512, 512, 5, 0);
	look_at(twin_source(twin));
	ok(t.untrusted, "a table that can't be read in the middle is not trusted");
	has_str(t.why, "can't be read at sector 2600", "it says where");
	twin_source_free(twin);
	twin = twin_source_memory(disk, sizeof disk);
	twin_source_bad(twin, 0, 512, 5, 0);
	look_at(twin_source(twin));
	ok(t.untrusted, "nor is one that can't be read at all");
	twin_source_free(twin);
}

/* --- GPT --- */

static void seal(uint64_t at, uint64_t entries)
{
	uint8_t *h = disk + at * 512;

	put_le32(h + 88, sum(disk + entries * 512, 128 * 128));
	put_le32(h + 16, 0);
	put_le32(h + 16, sum(h, 92));
}

static void header(uint64_t at, uint64_t other, uint64_t entries)
{
	uint8_t *h = disk + at * 512;

	memcpy(h, "EFI PART", 8);
	put_le32(h + 8, 0x10000);
	put_le32(h + 12, 92);
	put_le64(h + 24, at);
	put_le64(h + 32, other);
	put_le64(h + 40, 34);
	put_le64(h + 48, SECTORS - 34);
	memset(h + 56, 0x17, 16);
	put_le64(h + 72, entries);
	put_le32(h + 80, 128);
	put_le32(h + 84, 128);
	seal(at, entries);
}

static void gpt_entry(unsigned i, uint64_t first, uint64_t last)
{
	for (unsigned k = 0; k < 2; k++) {
		uint8_t *p = disk + (k ? SECTORS - 33 : 2) * 512 + 128 * i;

		memset(p, 0x83, 32);
		put_le64(p + 32, first);
		put_le64(p + 40, last);
	}
}

static void seal_both(void)
{
	header(1, SECTORS - 1, 2);
	header(SECTORS - 1, 1, SECTORS - 33);
}

static void make_gpt(void)
{
	memset(disk, 0, sizeof disk);
	entry(0, 0, 0xee, 1, SECTORS - 1);
	gpt_entry(0, 34, 999);
	gpt_entry(4, 1000, SECTORS - 34);
	seal_both();
}

static void gpt(void)
{
	struct digest before;

	make_gpt();
	look(sizeof disk);
	is_str(t.kind, "gpt", "a GPT");
	ok(!t.untrusted && t.n == 2, "is trusted");
	ok(t.at[0].number == 1 && t.at[0].off == 34 * 512 && t.at[0].len == 966 * 512, "its first partition");
	ok(t.at[1].number == 5 && t.at[1].off == 1000 * 512 && t.at[1].len == (SECTORS - 33 - 1000) * 512,
	   "its last one, to the end of what may be used");
	before = state;
	make_gpt();
	disk[2 * 512 + 56] = 'x';
	disk[(SECTORS - 33) * 512 + 56] = 'x';
	seal_both();
	look(sizeof disk);
	ok(!t.untrusted && memcmp(&before, &state, sizeof state) != 0, "a new name of a partition changes the state");
}

static void gpt_odd(void)
{
	make_gpt();
	entry(0, 1, 0x83, 34, 966);
	distrusted("besides a GPT", "a hybrid one");
	ok(is_there(5, 1000, SECTORS - 33 - 1000), "its partitions are those of the GPT");
	make_gpt();
	entry(0, 0, 0xee, 2, SECTORS - 2);
	distrusted("besides a GPT", "a protective entry at another place");
	make_gpt();
	disk[512 + 56] ^= 1;
	distrusted("first header of its partition table (GPT) is missing or damaged", "a wrong sum of the first header");
	ok(is_there(1, 34, 966), "its partitions are known from the backup");
	make_gpt();
	memset(disk + (SECTORS - 1) * 512, 0, 512);
	distrusted("backup of its partition table (GPT) is missing or damaged", "no backup");
	ok(is_there(1, 34, 966) && is_there(5, 1000, SECTORS - 33 - 1000), "its partitions are known all the same");
	make_gpt();
	disk[2 * 512 + 300] ^= 1;
	distrusted("sum of its partition table (GPT) is wrong", "a wrong sum of the entries");
	make_gpt();
	disk[(SECTORS - 33) * 512 + 300] ^= 1;
	distrusted("sum of its partition table (GPT) is wrong", "or of their backup");
	make_gpt();
	memset(disk + (SECTORS - 33) * 512, 0, 128);
	seal(SECTORS - 1, SECTORS - 33);
	distrusted("two copies of its partition table (GPT) differ", "a backup of an older table");
	make_gpt();
	gpt_entry(1, 998, 1001);
	seal_both();
	distrusted("overlap", "partitions that overlap");
	make_gpt();
	gpt_entry(1, 900, 800);
	seal_both();
	distrusted("partition 2 is not within", "one that ends before it begins");
	make_gpt();
	gpt_entry(4, 1000, SECTORS - 33);
	seal_both();
	distrusted("partition 5 is not within", "one that ends within the backup");
}

static void gpt_limits(void)
{
	make_gpt();
	put_le32(disk + 512 + 80, UINT32_MAX);
	put_le32(disk + (SECTORS - 1) * 512 + 80, UINT32_MAX);
	for (unsigned k = 0; k < 2; k++) {
		uint8_t *h = disk + (k ? SECTORS - 1 : 1) * 512;

		put_le32(h + 16, 0);
		put_le32(h + 16, sum(h, 92));
	}
	distrusted("4294967295 entries", "more entries than memory is given for");
	make_gpt();
	for (unsigned k = 0; k < 2; k++) {
		uint8_t *h = disk + (k ? SECTORS - 1 : 1) * 512;

		put_le64(h + 72, UINT64_MAX - 3);
		put_le32(h + 16, 0);
		put_le32(h + 16, sum(h, 92));
	}
	distrusted("can't be read", "entries far behind the disk");
	make_gpt();
	look(sizeof disk - 512);
	ok(t.untrusted, "a disk that is cut off");
	memset(disk, 0, sizeof disk);
	entry(0, 0, 0xee, 1, SECTORS - 1);
	memcpy(disk + 4096, "EFI PART", 8);
	look(sizeof disk);
	ok(t.untrusted, "the image of a disk with sectors of 4096 bytes");
}

int main(void)
{
	dos();
	dos_odd();
	long_chain();
	none();
	empty_extended();
	unreadable();
	gpt();
	gpt_odd();
	gpt_limits();
	return tap_done();
}
