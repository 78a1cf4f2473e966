/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that mke2fs makes, with files whose blocks can be told by their content, and what is wrong
 * with them put in afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../p2v/disk/used_ext.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "base/size.h"

#define PATTERN "\1unrack uses it\n"
#define PATTERN_BLOCKS 212u /* of 1 KiB, in the files of each image */

static char dir[40] = "/dev/shm/unrack-ext-XXXXXX"; /* mke2fs syncs: in memory where that is there */

static const struct image {
	const char *name, *kind, *args; /* of mke2fs; the filesystem is smaller than the file */
	unsigned megabytes;
} images[] = {
	{ "ext2 of revision 0", "ext2", "-t ext2 -r 0 -b 1024 -g 1024 {} 10M", 12 },
	{ "ext3", "ext3", "-t ext3 -b 2048 -I 128 -g 1024 {} 10M", 12 },
	{ "blocks of 64 KiB", "ext4", "-t ext4 -O ^has_journal -b 65536 -g 256 {} 30M", 32 },
	{ "ext4", "ext4", "-t ext4 -b 4096 -g 1024 {} 15M", 16 },
	{ "BLOCK_UNINIT with crc16", "ext4", "-t ext4 -O ^metadata_csum,uninit_bg -b 1024 -g 1024 {} 10M", 12 },
	{ "BLOCK_UNINIT without flex_bg", "ext4", "-t ext4 -O ^flex_bg -b 1024 -g 1024 {} 10M", 12 },
	{ "no checksums", "ext4", "-t ext4 -O ^metadata_csum -b 1024 -g 1024 {} 10M", 12 },
	{ "bigalloc", "ext4", "-t ext4 -O bigalloc -b 1024 -C 8192 -g 256 {} 15M", 16 },
	{ "meta_bg", "ext4", "-t ext4 -O meta_bg,^resize_inode,^64bit -b 1024 -g 256 {} 10M", 12 },
	{ "all that RHEL 8 to 10 know", "ext4", "-t ext4 -O quota,project,encrypt,casefold,verity,orphan_file,large_dir,"
	  "inline_data,mmp,metadata_csum_seed,ea_inode,sparse_super2,^resize_inode -I 256 -b 1024 -g 1024 {} 10M", 12 },
};

static uint8_t *disk; /* a copy of an image */
static size_t bytes;

static void load(const char *name)
{
	off_t from = 0, to;
	char path[80];
	unsigned i = 0;
	int fd;

	while (strcmp(images[i].name, name) != 0)
		i++;
	snprintf(path, sizeof path, "%s/%u", dir, i);
	fd = open(path, O_RDONLY);
	bytes = (size_t)images[i].megabytes << 20;
	free(disk);
	disk = calloc(1, bytes);
	if (fd < 0 || !disk)
		exit(1);
	while ((from = lseek(fd, from, SEEK_DATA)) >= 0) {
		to = lseek(fd, from, SEEK_HOLE);
		if (pread(fd, disk + from, (size_t)(to - from), from) != to - from)
			exit(1);
		from = to;
	}
	close(fd);
}

/* --- What is said of it ------------------------------------------------------------------- */

static struct used_look look;
static struct digest state;
static uint64_t unused_bytes;

static bool unused(uint64_t off, uint64_t len)
{
	size_t n;
	const struct range *r = ranges_list(look.unused, &n);

	for (size_t i = 0; i < n; i++)
		if (r[i].off < off + len && off < r[i].off + r[i].len)
			return true;
	return false;
}

static bool look_at(struct block_source *s)
{
	static const uint8_t seed[DIGEST_SEED_SIZE];
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct digest_key key;
	int r;

	ranges_free(look.unused);
	memset(&look, 0, sizeof look);
	digest_key_init(&key, seed);
	look.unused = ranges_new(0);
	look.state = digest_stream_new(&key);
	r = used_ext(s, &look, &e);
	digest_stream_end(look.state, &state);
	digest_stream_free(look.state);
	unused_bytes = ranges_bytes(look.unused);
	if (r != 0)
		ok(false, "an error: %s", e.text);
	return look.verdict == USED_PARTLY;
}

static bool partly(void)
{
	struct unrack_error e;
	struct block_source *s;
	bool is;

	block_source_open_memory(disk, bytes, "disk", &s, &e);
	is = look_at(s);
	block_source_close(s);
	return is;
}

static void whole(const char *why, const char *name)
{
	ok(!partly(), "%s: all of it is used", name);
	is_str(look.why, why, "is said");
}

/* --- Places ------------------------------------------------------------------------------- */

static uint32_t super32(size_t off)
{
	return get_le32(disk + 1024 + off);
}

static void put_super32(size_t off, uint32_t v)
{
	put_le32(disk + 1024 + off, v);
}

static uint8_t *block(uint64_t number)
{
	return disk + number * (1024u << super32(0x18));
}

static uint8_t *descriptor(unsigned group)
{
	unsigned size = super32(0x60) & 0x80 ? get_le16(disk + 1024 + 0xfe) : 32;

	return block(super32(0x14) + 1) + group * size;
}

static uint8_t *bitmap(unsigned group)
{
	return block(get_le32(descriptor(group)));
}

static uint8_t *inode(unsigned number)
{
	return block(get_le32(descriptor(0) + 8)) + (number - 1) * get_le16(disk + 1024 + 0x58);
}

/* --- Tests -------------------------------------------------------------------------------- */

static void feature(const struct image *image)
{
	unsigned found = 0, lost = 0;
	uint64_t end, free;

	load(image->name);
	ok(partly(), "%s: is understood", image->name);
	is_str(look.why, "", "without a doubt");
	is_str(look.kind, image->kind, "as %s", image->kind);
	for (size_t off = 0; off < bytes; off += 1024)
		if (!memcmp(disk + off, PATTERN, 16)) {
			found++;
			lost += unused(off, 1024);
		}
	ok(found >= PATTERN_BLOCKS - 4 && found <= PATTERN_BLOCKS, "its files are in the image");
	is_int(lost, 0, "no block of them is unused");
	end = (uint64_t)super32(4) * (1024u << super32(0x18));
	free = (uint64_t)super32(0xc) * (1024u << super32(0x18));
	ok(!unused(0, 2048) && !unused((uint64_t)(descriptor(0) - disk), 64), "nor its superblock and descriptors");
	ok(end < bytes && !unused(end, bytes - end), "nor what lies behind its end");
	is_int(unused_bytes, free, "all that is free is unused");
}

static void uninit(void)
{
	unsigned group = 0;

	load("BLOCK_UNINIT with crc16");
	partly();
	while (group < 9 && !(get_le16(descriptor(group) + 18) & 2))
		group++;
	ok(group < 9, "a group without a bitmap");
	memset(bitmap(group), 0xff, 1024);
	ok(partly() && unused_bytes == (uint64_t)super32(0xc) * 1024,
	   "trap: ext: BLOCK_UNINIT: what is at the place of its bitmap does not count");
	load("no checksums");
	put_le16(descriptor(2) + 18, get_le16(descriptor(2) + 18) | 2);
	bitmap(2)[127] ^= 0x80;
	whole("its free blocks of group 2 are not those of its bitmap",
	      "trap: ext: BLOCK_UNINIT means nothing where groups have no checksums");
}

static void states(void)
{
	load("no checksums");
	put_super32(0x60, super32(0x60) | 4);
	whole("its journal has to be replayed", "trap: ext: needs_recovery is set");
	load("no checksums");
	disk[1024 + 0x3a] = 0;
	whole("it is mounted, or was not unmounted cleanly", "trap: ext: the state is not VALID");
	load("no checksums");
	disk[1024 + 0x3a] = 3;
	whole("errors were found in it: fsck has to repair it", "trap: ext: the ERROR flag");
	load("no checksums");
	bytes -= 3 << 20;
	whole("it is larger than its volume (10240 blocks of 1024 bytes)",
	      "trap: ext: a filesystem larger than its partition");
	bytes += 3 << 20;
	load("no checksums");
	memset(disk + 1024 + 0xd0, 7, 16); /* the journal's UUID; no inode */
	put_super32(0xe0, 0);
	ok(partly(), "trap: ext: an external journal that needs no recovery");
	put_super32(0x60, super32(0x60) | 4);
	whole("its journal has to be replayed", "trap: ext: an external journal that has to be replayed");
}

/* One block more is free in the bitmap, and in the counts that AGREE says. */
static void set_free(unsigned group, uint64_t number, unsigned agree)
{
	uint32_t bit = (uint32_t)(number - super32(0x14)) % super32(0x20);

	bitmap(group)[bit / 8] &= (uint8_t)~(1u << bit % 8);
	if (agree & 1)
		put_le16(descriptor(group) + 12, (uint16_t)(get_le16(descriptor(group) + 12) + 1));
	if (agree & 2)
		put_super32(0xc, super32(0xc) + 1);
}

static uint32_t journal_block(void)
{
	return get_le32(inode(8) + 40 + 12 + 8); /* of its first extent */
}

static void counts(void)
{
	uint32_t at = 1024 * 3 + 1;

	load("no checksums");
	bitmap(3)[127] ^= 0x80;
	whole("its free blocks of group 3 are not those of its bitmap",
	      "trap: ext: a bitmap that does not agree with its group's count");
	load("no checksums");
	set_free(3, at, 1);
	whole("its block bitmap of group 3 has blocks of its own as free",
	      "a copy of the superblock that is free");
	load("no checksums");
	put_le16(descriptor(3) + 12, (uint16_t)(get_le16(descriptor(3) + 12) - 1));
	whole("its free blocks of group 3 are not those of its bitmap",
	      "trap: ext: a group's count that does not agree with its bitmap");
	load("no checksums");
	put_super32(0xc, super32(0xc) - 1);
	whole("its groups have other free blocks than its superblock says",
	      "trap: ext: a superblock that does not agree with its groups");
	load("no checksums");
	set_free(0, get_le32(descriptor(0) + 8), 3);
	whole("its block bitmap of group 0 has blocks of its own as free", "an inode table that is free");
	load("no checksums");
	is_int((journal_block() - 1) / 1024, 4, "the journal begins in group 4");
	set_free(4, journal_block(), 3);
	whole("its block bitmap of group 4 has blocks of its own as free", "a journal that is free");
	load("no checksums");
	set_free(0, get_le32(inode(2) + 40 + 12 + 8), 3);
	whole("its block bitmap of group 0 has blocks of its own as free", "a root directory that is free");
}

static void structures(void)
{
	load("no checksums");
	put_le32(descriptor(2) + 8, get_le32(descriptor(1) + 8));
	whole("parts of it lie one upon the other", "two groups with one inode table");
	load("no checksums");
	put_le32(descriptor(2), 10240);
	whole("its group descriptors point behind its end", "a bitmap behind the end");
	load("no checksums");
	put_le32(descriptor(2), 0);
	whole("its group descriptors point behind its end", "a bitmap before the beginning");
	load("no checksums");
	put_le16(inode(2), 0x81a4);
	whole("its inode 2 is not what it should be", "a root that is no directory");
	load("no checksums");
	put_le32(inode(8) + 40 + 12 + 8, 1u << 31);
	whole("its inode 8 can't be read", "a journal that is elsewhere");
	load("no checksums");
	put_le32(block(journal_block()), 0);
	whole("its journal can't be read", "a journal that is none");
	load("no checksums");
	put_be32(block(journal_block()) + 0x1c, 1);
	whole("its journal has to be replayed", "a journal that is not empty");
	load("no checksums");
	put_be32(block(journal_block()) + 0x20, 5);
	whole("its journal has recorded an error", "a journal with an error");
	load("no checksums");
	memset(block(1025), 0, 1024);
	ok(partly(), "a first backup that is gone leaves the others");
	memset(block(1024 * 3 + 1), 0, 1024);
	memset(block(1024 * 5 + 1), 0, 1024);
	memset(block(1024 * 7 + 1), 0, 1024);
	whole("no backup of its superblock is there", "no backup at all");
}

static void checksums(void)
{
	load("ext4");
	disk[1024 + 0x78] ^= 1; /* its label */
	whole("its superblock's checksum is wrong", "a superblock with a wrong checksum");
	load("ext4");
	descriptor(1)[14] ^= 1;
	whole("the checksum of its group 1 is wrong", "a descriptor with a wrong checksum");
	load("ext4");
	bitmap(0)[100] ^= 1;
	whole("its block bitmap of group 0 has a wrong checksum", "a bitmap with a wrong checksum");
	load("BLOCK_UNINIT with crc16");
	descriptor(1)[18] ^= 2;
	whole("the checksum of its group 1 is wrong", "a descriptor with a wrong crc16");
	load("ext4");
	inode(2)[4] ^= 1;
	whole("its inode 2 can't be read", "a root with a wrong checksum");
}

static void others(void)
{
	struct digest before;

	load("all that RHEL 8 to 10 know");
	put_le32(block(get_le64(disk + 1024 + 0x168)) + 4, 0x12345);
	whole("another machine, or fsck, is using it", "multi-mount protection that is active");
	put_le32(block(get_le64(disk + 1024 + 0x168)), 0);
	whole("its multi-mount protection can't be read", "multi-mount protection that is broken");
	load("ext3");
	partly();
	before = state;
	put_super32(0x2c, super32(0x2c) + 1);
	partly();
	ok(memcmp(&state, &before, sizeof state) != 0, "its state changes when it is mounted");
	disk[1024 + 0x3a] = 0;
	before = state;
	partly();
	ok(look.verdict == USED_WHOLE && memcmp(&state, &before, sizeof state) != 0,
	   "also when it is not trusted");
	bytes = 1500;
	whole("its superblock can't be read", "a volume that ends in the superblock");
}

static int once;

/* The superblock is another one when it is read again. */
static int change(void *ctx, uint64_t off, size_t n)
{
	(void)ctx, (void)n;
	if (off == 1024 && once++)
		disk[1024 + 0xc] ^= 1;
	return 0;
}

static void reading(void)
{
	struct { uint64_t off; const char *why; } bad[5];
	struct twin_source *t;

	load("no checksums");
	bad[0] = (typeof(bad[0])){ 1024, "its superblock can't be read" };
	bad[1] = (typeof(bad[0])){ 2048, "its superblock or group descriptors can't be read" };
	bad[2] = (typeof(bad[0])){ (uint64_t)(bitmap(4) - disk), "its block bitmap of group 4 can't be read" };
	bad[3] = (typeof(bad[0])){ (uint64_t)(inode(8) - disk), "its inode 8 can't be read" };
	bad[4] = (typeof(bad[0])){ journal_block() * 1024, "its journal can't be read" };
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		t = twin_source_memory(disk, bytes);
		twin_source_bad(t, bad[i].off, 512, EIO, 0);
		ok(!look_at(twin_source(t)), "a bad sector at %llu", (unsigned long long)bad[i].off);
		is_str(look.why, bad[i].why, "is named");
		block_source_close(twin_source(t));
		twin_source_free(t);
	}
	t = twin_source_memory(disk, bytes);
	twin_source_bad(t, 9500 * 1024, 1024, EIO, 0);
	ok(look_at(twin_source(t)) && twin_source_reads(t) < 60,
	   "a bad sector of the files is no matter, and there are few reads");
	twin_source_hook(t, change, NULL);
	ok(!look_at(twin_source(t)), "a superblock that changes meanwhile");
	is_str(look.why, "it changes while it is read", "is noticed");
	block_source_close(twin_source(t));
	twin_source_free(t);
}

static uint32_t rnd(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 20);
}

static void flip(size_t at)
{
	disk[at < bytes ? at : 1024] ^= (uint8_t)(1u << rnd() % 8);
}

/* Flips bits in superblock, descriptors, bitmaps and inodes, more and more of them. SUMS: its checksums
 * find each bit that is flipped. */
static void hostile(const char *name, bool sums)
{
	unsigned taken = 0, size, groups;
	size_t inodes, bits, descriptors;

	load(name);
	size = get_le16(disk + 1024 + 0x58);
	inodes = (size_t)(inode(1) - disk);
	bits = (size_t)(bitmap(0) - disk);
	descriptors = (size_t)(descriptor(0) - disk);
	groups = min_u64(super32(4) / super32(0x20), 1024 / 32); /* that are in the first block of them */
	for (unsigned i = 0; i < 150; i++) {
		if (i % 30 == 0)
			load(name);
		flip(i & 1 ? 1024 + rnd() % 0x2a0 : descriptors + rnd() % (groups * 32));
		flip(inodes + rnd() % (12 * size));
		flip(bits + rnd() % 4096);
		taken += partly();
	}
	ok(taken < 150, "%s: hostile bytes", name);
	if (!sums)
		return;
	taken = 0;
	load(name);
	for (unsigned i = 0; i < 50; i++) {
		size_t at = i & 1 ? 1024 + rnd() % 1024 : descriptors + rnd() % (groups * 32);
		uint8_t before = disk[at];

		flip(at);
		taken += partly();
		disk[at] = before;
	}
	is_int(taken, 0, "%s: no flipped bit is overlooked", name);
}

static int sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int sh(const char *fmt, ...)
{
	char cmd[16384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof cmd, fmt, ap);
	va_end(ap);
	return system(cmd);
}

static void make_file(const char *name, unsigned blocks)
{
	char path[80];
	FILE *f;

	snprintf(path, sizeof path, "%s/files/%s", dir, name);
	f = fopen(path, "w");
	for (unsigned i = 0; f && i < blocks * 64; i++)
		fwrite(PATTERN, 16, 1, f);
	if (!f || fclose(f) != 0)
		exit(1);
}

/* All at once, since each takes its time. */
static bool make_images(void)
{
	char cmd[8192] = "", args[512];
	size_t n = 0;

	for (unsigned i = 0; i < ARRAY_LEN(images); i++) {
		const char *at = strstr(images[i].args, "{}");

		snprintf(args, sizeof args, "%.*s%s/%u%s", (int)(at - images[i].args), images[i].args, dir, i, at + 2);
		n += (size_t)snprintf(cmd + n, sizeof cmd - n,
				      "(truncate -s %uM %s/%u && mke2fs -q -F -d %s/files %s && touch %s/ok.%u)&\n",
				      images[i].megabytes, dir, i, dir, args, dir, i);
	}
	return sh("cd %s; exec >log 2>&1; %s wait; [ $(ls ok.* | wc -l) = %zu ]", dir, cmd, ARRAY_LEN(images)) == 0;
}

int main(void)
{
	if (!mkdtemp(dir) && !mkdtemp(strcpy(dir, "/tmp/unrack-ext-XXXXXX")))
		return 1;
	if (sh("mkdir %s/files", dir) != 0)
		return 1;
	make_file("one", 200);
	make_file("two", 11);
	make_file("three", 1);
	if (sh("command -v mke2fs >/dev/null") != 0)
		skip_all("mke2fs is not installed");
	if (!make_images()) {
		sh("sed 's/^/# /' %s/log", dir);
		ok(false, "mke2fs makes the images");
		return tap_done();
	}
	for (unsigned i = 0; i < ARRAY_LEN(images); i++)
		feature(&images[i]);
	uninit();
	states();
	counts();
	structures();
	checksums();
	others();
	reading();
	hostile("no checksums", false);
	hostile("BLOCK_UNINIT with crc16", false);
	hostile("meta_bg", true);
	hostile("bigalloc", true);
	ranges_free(look.unused);
	free(disk);
	sh("rm -rf %s", dir);
	return tap_done();
}
