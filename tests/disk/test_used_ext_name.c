/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files whose blocks hold their name; so each block of the image tells what is to be said of it. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../p2v/disk/used_ext.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "base/bytes.h"
#include "base/size.h"

#define BYTES (12u << 20)
#define MARK "@unrack "

static char dir[40] = "/dev/shm/unrack-ext-XXXXXX"; /* mke2fs syncs: in memory where that is there */
static uint8_t *disk;

static int sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int sh(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof cmd, fmt, ap);
	va_end(ap);
	return system(cmd);
}

static void make_file(const char *name, unsigned blocks)
{
	char path[400], text[1024] = "";
	FILE *f;

	snprintf(path, sizeof path, "%s/files%s", dir, name);
	snprintf(text, sizeof text, MARK "%s", name);
	f = fopen(path, "w");
	for (unsigned i = 0; f && i < blocks; i++)
		fwrite(text, sizeof text, 1, f);
	if (!f || fclose(f) != 0)
		exit(1);
}

static void load(const char *image)
{
	char path[80];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, image);
	fd = open(path, O_RDONLY);
	free(disk);
	disk = calloc(1, BYTES);
	if (fd < 0 || !disk || pread(fd, disk, BYTES, 0) != BYTES)
		exit(1);
	close(fd);
}

static struct used_name name_from(struct block_source *s, uint64_t off, uint64_t len)
{
	struct used_name n = { .off = off, .len = len };
	struct unrack_error e = UNRACK_ERROR_INIT;

	if (used_ext_name(s, &n, 1, NULL, &e) != 0)
		ok(false, "an error: %s", e.text);
	return n;
}

static struct used_name name_of(uint64_t off, uint64_t len)
{
	struct unrack_error e;
	struct block_source *s;
	struct used_name n;

	block_source_open_memory(disk, BYTES, "disk", &s, &e);
	n = name_from(s, off, len);
	block_source_close(s);
	return n;
}

static void is_name(struct used_name n, enum used_name_kind kind, const char *name, const char *what)
{
	is_str(n.name, name, "%s", what);
	is_int(n.kind, kind, "of that kind");
}

static uint32_t super32(size_t off)
{
	return get_le32(disk + 1024 + off);
}

/* The first block of 1 KiB that begins with TEXT, in bytes. */
static uint64_t find(const char *text)
{
	for (uint64_t off = 0; off < BYTES; off += 1024)
		if (!memcmp(disk + off, text, strlen(text)))
			return off;
	return 0;
}

/* A hundred blocks at a time, as many as a dying disk may have. */
static void all_files(const char *image)
{
	struct used_name names[64];
	struct unrack_error e = UNRACK_ERROR_INIT;
	unsigned wrong = 0, all = 0, n = 0;
	struct block_source *s;

	load(image);
	block_source_open_memory(disk, BYTES, "disk", &s, &e);
	for (uint64_t off = 0; off < BYTES; off += 1024) {
		if (!memcmp(disk + off, MARK, 8)) {
			names[n++] = (struct used_name){ .off = off + 512, .len = 512 };
			all++;
		}
		if (n < 64 && off != BYTES - 1024)
			continue;
		is_int(used_ext_name(s, names, n, NULL, &e), 0, "%s: names of %u bad sectors", image, n);
		for (; n > 0; n--)
			if (names[n - 1].kind != USED_NAME_FILE ||
			    strcmp(names[n - 1].name, (char *)disk + names[n - 1].off - 512 + 8) != 0) {
				printf("# %s is %s\n", (char *)disk + names[n - 1].off - 504, names[n - 1].name);
				wrong++;
			}
	}
	ok(all > 700, "all files are there");
	is_int(wrong, 0, "each has its path");
	block_source_close(s);
}

static void own_parts(void)
{
	uint64_t table, bitmap;

	load("ext4");
	table = get_le32(disk + 2048 + 8) * 1024ull;
	bitmap = get_le32(disk + 2048) * 1024ull;
	is_name(name_of(0, 512), USED_NAME_VITAL, "boot sector", "before the superblock");
	is_name(name_of(1024, 1), USED_NAME_VITAL, "superblock and group descriptors", "the superblock");
	is_name(name_of(2048, 512), USED_NAME_VITAL, "superblock and group descriptors", "descriptors");
	is_name(name_of(8193 * 1024, 512), USED_NAME_FILE, "a copy of superblock and group descriptors", "copies");
	is_name(name_of(bitmap, 512), USED_NAME_VITAL, "block bitmap", "a bitmap");
	is_name(name_of(get_le32(disk + 2048 + 4) * 1024ull, 512), USED_NAME_VITAL, "inode bitmap", "the other one");
	is_name(name_of(table + 512, 512), USED_NAME_VITAL, "inode table", "a table");
	is_int(name_of(find(MARK "/usr/share/a/other"), 3 << 20).kind, USED_NAME_FILE,
	       "a range of files and free space");
	is_name(name_of(bitmap - 1024, 1 << 20), USED_NAME_VITAL, "inode table", "a range that has tables in it");
	is_name(name_of((super32(4) - 1) * 1024ull, 512), USED_NAME_FREE, "free space", "what nobody uses");
	is_name(name_of(super32(4) * 1024ull, 512), USED_NAME_UNKNOWN, "behind the end of the filesystem",
		"behind the end");
	is_name(name_of(1ull << 50, 512), USED_NAME_UNKNOWN, "behind the end of the filesystem",
		"far behind the end");
	is_name(name_of(get_le32(disk + table + 7 * 256 + 40 + 20) * 1024ull, 512), USED_NAME_FILE, "journal",
		"a journal of which nothing is needed");
	put_le32(disk + 1024 + 0x60, super32(0x60) | 4);
	put_le32(disk + 1024 + 0x64, super32(0x64) & ~0x400u);
	is_name(name_of(get_le32(disk + table + 7 * 256 + 40 + 20) * 1024ull, 512), USED_NAME_VITAL, "journal",
		"one that has to be replayed");
	is_name(name_of(get_le32(disk + table + 256 + 40 + 20) * 1024ull, 512), USED_NAME_VITAL, "/", "the root");
}

static void folders(const char *image)
{
	char first[1024] = "";
	uint64_t off = 0;

	load(image);
	/* A folder's block names what is in it. */
	for (uint64_t at = 0; at < BYTES - 1024 && !off; at += 1024)
		if (memcmp(disk + at, MARK, 8) != 0 && disk[at + 8] == '.' && disk[at + 12 + 8] == '.' &&
		    !memcmp(disk + at + 24 + 8, "deepest", 7))
			off = at;
	ok(off > 0, "%s: a folder", image);
	is_name(name_of(off, 512), USED_NAME_VITAL, "/usr/share/a/b/c", "a folder is vital");
	off = find(MARK "/usr/share/a/b/c/deepest");
	memcpy(first, disk + off + 8, 100);
	is_str(first, "/usr/share/a/b/c/deepest", "a file far below");
	is_name(name_of(off, 512), USED_NAME_FILE, first, "is named");
	is_name(name_of(find("/somewhere/far"), 512), USED_NAME_FILE, "/link", "a long symbolic link");
}

/* The block of which debugfs says KIND. */
static uint64_t block_list(const char *image, const char *kind)
{
	char cmd[300], line[80] = "";
	FILE *p;

	snprintf(cmd, sizeof cmd, "debugfs -R 'stat /big' %s/%s 2>/dev/null | grep -o '(%s[0-9]*):[0-9]*' | "
		 "head -1 | cut -d: -f2", dir, image, kind);
	p = popen(cmd, "r");
	if (!p || !fgets(line, sizeof line, p))
		line[0] = '\0';
	if (p)
		pclose(p);
	return strtoull(line, NULL, 10) * 1024;
}

static void block_lists(void)
{
	uint64_t off = block_list("ext3", "IND"), journal;

	load("ext3");
	ok(off > 0, "a block of addresses");
	is_name(name_of(off, 512), USED_NAME_VITAL, "/big", "is vital for its file");
	is_name(name_of(find(MARK "/big"), 512), USED_NAME_FILE, "/big", "as the file's bytes are not");
	journal = get_le32(disk + 2048 + 8) * 1024ull + 7 * 128 + 40;
	is_name(name_of(get_le32(disk + journal + 48) * 1024ull, 512), USED_NAME_FILE, "journal",
		"a journal's block of addresses");
}

/* Tries many places of a filesystem of which something is gone. */
static void damaged(void)
{
	uint64_t file, table;
	struct twin_source *t;
	struct used_name n;

	load("ext4");
	file = find(MARK "/usr/share/a/b/c/deepest");
	table = get_le32(disk + 2048 + 8) * 1024ull;
	t = twin_source_memory(disk, BYTES);
	twin_source_bad(t, file, 1024, EIO, 0);
	is_name(name_from(twin_source(t), file, 512), USED_NAME_FILE, "/usr/share/a/b/c/deepest",
		"the bad sector itself is not needed");
	twin_source_bad(t, table, 65536, EIO, 0);
	n = name_from(twin_source(t), file, 512);
	is_name(n, USED_NAME_UNKNOWN, "", "without its inode table it has no name");
	ok(twin_source_reads(t) < 200, "and is not looked for for long");
	twin_source_bad(t, 2048, 512, EIO, 0);
	is_name(name_from(twin_source(t), 2048, 512), USED_NAME_VITAL, "superblock and group descriptors",
		"a bad group descriptor");
	is_name(name_from(twin_source(t), file, 512), USED_NAME_UNKNOWN, "", "without them nothing is known");
	twin_source_bad(t, 1024, 512, EIO, 0);
	is_name(name_from(twin_source(t), 1024, 512), USED_NAME_VITAL, "superblock and group descriptors",
		"a bad superblock");
	is_name(name_from(twin_source(t), file, 512), USED_NAME_UNKNOWN, "", "and nothing else");
	block_source_close(twin_source(t));
	twin_source_free(t);
}

static void stopped(void)
{
	struct used_name n = { .len = 512 };
	atomic_bool stop = true;
	struct log log = { .stop = &stop };
	struct unrack_error e;
	struct block_source *s;

	load("ext4");
	n.off = find(MARK);
	block_source_open_memory(disk, BYTES, "disk", &s, &e);
	is_int(used_ext_name(s, &n, 1, &log, &e), UNRACK_INTERRUPTED, "it can be stopped");
	block_source_close(s);
}

static uint32_t rnd(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 20);
}

static void hostile(const char *image)
{
	unsigned n = 0;
	uint64_t table;

	load(image);
	put_le32(disk + 1024 + 0x64, super32(0x64) & ~0x400u); /* checksums would find most */
	table = get_le32(disk + 2048 + 8) * 1024ull;
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned k = 0; k < 20; k++)
			disk[table + rnd() % (64 * 256)] ^= (uint8_t)(1u << rnd() % 8);
		for (unsigned k = 0; k < 20; k++)
			disk[(rnd() % 10240) * 1024 + rnd() % 64] ^= (uint8_t)(1u << rnd() % 8);
		disk[2048 + rnd() % 128] ^= (uint8_t)(i & 1 ? 1u << rnd() % 8 : 0);
		n += name_of(rnd() % 10240 * 1024ull, 512).kind <= USED_NAME_VITAL;
	}
	is_int(n, 60, "%s: hostile bytes", image);
}

int main(void)
{
	if (sh("command -v mke2fs debugfs >/dev/null") != 0)
		skip_all("mke2fs and debugfs are not installed");
	if (!mkdtemp(dir) && !mkdtemp(strcpy(dir, "/tmp/unrack-ext-XXXXXX")))
		return 1;
	if (sh("mkdir -p %s/files/usr/share/a/b/c %s/files/etc && cd %s/files && "
	       "ln -s /somewhere/far/$(printf %%0100d 0) link && ln -s short etc/link", dir, dir, dir) != 0)
		return 1;
	make_file("/big", 400);
	make_file("/usr/share/a/b/c/deepest", 3);
	make_file("/usr/share/a/other", 300);
	for (unsigned i = 0; i < 40; i++) {
		char name[40];

		snprintf(name, sizeof name, "/etc/file-%u", i);
		make_file(name, 1);
	}
	if (sh("cd %s; exec >log 2>&1; for i in ext3 ext4; do (truncate -s 12M $i; mke2fs -q -F -t $i -b 1024 -d files "
	       "$([ $i = ext3 ] && echo -I 128) $i 10M && touch $i.ok)& done; wait; [ -e ext3.ok ] && [ -e ext4.ok ]",
	       dir) != 0) {
		ok(false, "mke2fs makes the images");
		return tap_done();
	}
	all_files("ext3");
	all_files("ext4");
	own_parts();
	folders("ext3");
	folders("ext4");
	block_lists();
	damaged();
	stopped();
	hostile("ext3");
	hostile("ext4");
	free(disk);
	sh("rm -rf %s", dir);
	return tap_done();
}
