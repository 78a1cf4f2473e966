/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every compression, against the program that others pack and unpack with. */
#include <unistd.h>

#include "../../initrd/archive.h"
#include "base/size.h"
#include "made.h"

static struct unrack_error err;
static struct buf out;

static int unpack(enum archive_packing how, const struct buf *b, size_t limit, size_t *used)
{
	buf_free(&out);
	return archive_unpack(how, b->data, b->len, limit, "x.img", &out, used, &err);
}

static int pack(enum archive_packing how, const struct buf *in, struct buf *to)
{
	struct store s;

	store_borrow(&s, in->data, in->len);
	return archive_pack(how, &s, "x.img", to, &err);
}

/* What `seq 30000` prints, as packed by COMMAND. */
static bool make(struct buf *b, const char *command)
{
	char line[200];

	snprintf(line, sizeof line, "seq 30000 2>/dev/null | %s 2>/dev/null", command);
	if (made_by(b, line))
		return true;
	ok(true, "%s # SKIP it is not here", command);
	return false;
}

static const struct {
	enum archive_packing how;
	const char *name, *command, *undo;
} all[] = {
	{ PACK_GZIP, "gzip", "gzip -9n", "gzip -dc" },
	{ PACK_BZIP2, "bzip2", "bzip2", "bzip2 -dc" },
	{ PACK_XZ, "xz", "xz --check=crc32", "xz -dc" },
	{ PACK_LZMA, "lzma", "xz --format=lzma", "xz --format=lzma -dc" },
	{ PACK_ZSTD, "zstd", "zstd -q", "zstd -qdc" },
	{ PACK_LZ4, "lz4", "lz4 -l -q", "lz4 -dc" },
};

static void unpacks(size_t k)
{
	CLEANUP_BUF struct buf b = { 0 };
	enum archive_packing how = all[k].how;
	const char *command = all[k].command;
	size_t used, n;

	if (!make(&b, command))
		return;
	n = b.len;
	is_int(archive_packing_of(b.data, b.len), how, "%s: recognised", command);
	is_str(archive_packing_name(how), all[k].name, "and called %s", all[k].name);
	is_int(unpack(how, &b, 1 << 20, &used), 0, "%s: unpacks", command);
	is_int(used, (long)n, "its end is told");
	ok(out.len == 168894 && !strncmp(buf_str(&out), "1\n2\n3\n", 6), "to what went in");
	is_int(unpack(how, &b, 168894, &used), 0, "%s: as much as the limit is taken", command);
	is_int(unpack(how, &b, 168893, &used), UNRACK_UNSUPPORTED, "not a byte more");
	is_str(err.text, "x.img: a stream in it unpacks to more than the 0 MiB left for it; no initrd is that large",
	       "and said so");

	/* lz4 needs a size of zero to end; the others may follow each other closely. */
	buf_zeros(&b, how == PACK_LZ4 ? 4 : 0);
	gzip_pack((const uint8_t *)"next", 4, &b, &err);
	is_int(unpack(how, &b, 1 << 20, &used), 0, "%s: another segment may follow", command);
	is_int(used, (long)n + (how == PACK_LZ4 ? 4 : 0), "and where is told");
	is_int(out.len, 168894, "and nothing is lost");
}

/* A small one, at every byte. lz4's chunk has no checksum, and what is no chunk may be padding. */
static void damaged(size_t k)
{
	CLEANUP_BUF struct buf b = { 0 }, plain = { 0 };
	enum archive_packing how = all[k].how;
	size_t used, refused = 0, wrong = 0, first = how == PACK_LZ4 ? 5 : 0;

	for (int i = 0; i < 40; i++)
		buf_printf(&plain, "%d ", i * 7919);
	made(pack(how, &plain, &b) == 0, all[k].name);
	for (size_t n = first; n < b.len; n++) {
		const struct buf cut = { .data = b.data, .len = n };

		refused += unpack(how, &cut, 1 << 20, &used) == UNRACK_DAMAGED && !out.data;
	}
	is_int(refused, (long)(b.len - first), "%s: cut at any byte: damaged", all[k].name);
	has_str(err.text, "stream is cut short or damaged; take another copy of this file", "and said so");
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *exact = malloc(b.len);
		struct buf changed = { .data = exact, .len = b.len };

		made(exact, "a copy");
		memcpy(exact, b.data, b.len); /* for a checker of addresses */
		exact[n] ^= 0x10;
		if (unpack(how, &changed, 1 << 20, &used) == 0)
			wrong += used > b.len || (how != PACK_LZ4 && how != PACK_LZMA &&
						  (out.len != plain.len || memcmp(out.data, plain.data, out.len)));
		free(exact);
	}
	is_int(wrong, 0, "%s: a bit that differs never gives other data unnoticed, where there is a checksum",
	       all[k].name);
}

/* LINE, with %s for a file that holds B. */
static bool piped(struct buf *got, const struct buf *b, const char *line, const char *what)
{
	char path[] = "/tmp/unrack-test-XXXXXX", command[300];
	int fd = mkstemp(path);
	bool good;

	made(fd >= 0 && write(fd, b->data, b->len) == (ssize_t)b->len && close(fd) == 0, path);
	snprintf(command, sizeof command, "(%s) < %s 2>/dev/null", line, path);
	good = made_by(got, command);
	unlink(path);
	if (!good)
		ok(system("command -v lz4 zstd xz bzip2 >/dev/null") != 0, "%s # SKIP it is not here", what);
	return good;
}

static void packs(size_t k, const struct buf *plain, const char *what)
{
	CLEANUP_BUF struct buf b = { 0 }, again = { 0 }, got = { 0 };
	enum archive_packing how = all[k].how;
	size_t used;

	is_int(pack(how, plain, &b), 0, "%s: packs %s", all[k].name, what);
	is_int(archive_packing_of(b.data, b.len), how, "as what it is");
	is_int(pack(how, plain, &again), 0, "once more");
	ok(again.len == b.len && !memcmp(again.data, b.data, b.len), "to the same bytes");
	is_int(unpack(how, &b, plain->len, &used), 0, "it unpacks");
	is_int(used, (long)b.len, "whole");
	ok(out.len == plain->len && (!out.len || !memcmp(out.data, plain->data, out.len)), "to what it was");
	if (plain->len && piped(&got, &b, all[k].undo, all[k].undo))
		ok(got.len == plain->len && !memcmp(got.data, plain->data, got.len),
		   "%s gives the same", all[k].undo);
}

static void kernels_rules(void)
{
	CLEANUP_BUF struct buf plain = { 0 }, b = { 0 }, got = { 0 };

	for (int i = 0; i < 30000; i++)
		buf_printf(&plain, "%d\n", i);
	made(pack(PACK_XZ, &plain, &b) == 0, "xz");
	if (piped(&got, &b, "cat > /tmp/unrack-test-$$.xz; xz --robot --list -vv /tmp/unrack-test-$$.xz; "
			    "rm /tmp/unrack-test-$$.xz", "xz --list")) {
		has_str(buf_str(&got), "\tCRC32\t", "xz: the check is one that a kernel knows");
		has_str(buf_str(&got), "--lzma2=dict=1MiB", "and the dictionary is dracut's");
	}
	buf_clear(&b);
	made(pack(PACK_ZSTD, &plain, &b) == 0, "zstd");
	ok(b.data[4] & 4, "zstd: with a checksum");
	if (piped(&got, &b, "zstd -qdc --memory=8MiB", "zstd"))
		ok(got.len == plain.len, "and it needs little memory");
}

/* What a stream asks for is not simply given. */
static void dictionaries(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	size_t used;

	if (make(&b, "xz --check=crc32 --lzma2=preset=0,dict=256MiB")) {
		is_int(unpack(PACK_XZ, &b, 1 << 20, &used), UNRACK_UNSUPPORTED, "xz with a dictionary of 256 MiB: refused");
		is_str(err.text, "x.img: its xz stream needs a dictionary of more than 128 MiB to be unpacked, which no "
		       "initrd has", "and said so");
	}
	if (make(&b, "xz --check=crc32 --lzma2=preset=0,dict=64MiB"))
		is_int(unpack(PACK_XZ, &b, 1 << 20, &used), 0, "that of xz -9 is taken");
	if (make(&b, "zstd -q -1 --long=28"))
		is_int(unpack(PACK_ZSTD, &b, 1 << 20, &used), UNRACK_UNSUPPORTED, "zstd with a window of 256 MiB: refused");
	if (make(&b, "zstd -q -1 --long=27"))
		is_int(unpack(PACK_ZSTD, &b, 1 << 20, &used), 0, "the largest that a kernel takes is taken");
}

static void bombs(void)
{
	CLEANUP_BUF struct buf zeros = { 0 };

	buf_zeros(&zeros, 2 << 20);
	for (size_t k = 0; k < ARRAY_LEN(all); k++) {
		CLEANUP_BUF struct buf b = { 0 };
		size_t used;

		if (all[k].how == PACK_LZMA) /* as xz, and slow to be packed */
			continue;
		made(pack(all[k].how, &zeros, &b) == 0, all[k].name);
		is_int(unpack(all[k].how, &b, 1 << 20, &used), UNRACK_UNSUPPORTED, "%s: a bomb is stopped", all[k].name);
		ok(!out.data, "and nothing of it kept");
	}
}

int main(void)
{
	CLEANUP_BUF struct buf b = { 0 }, text = { 0 }, none = { 0 }, noise = { 0 };
	unsigned seed = 1;
	size_t used;

	for (int i = 0; i < 30000; i++)
		buf_printf(&text, "%d\n", i);
	for (int i = 0; i < 70000; i++) {
		uint8_t c = (uint8_t)made_random(&seed);

		buf_append(&noise, &c, 1);
	}
	for (size_t k = 0; k < ARRAY_LEN(all); k++) {
		unpacks(k);
		damaged(k);
		packs(k, &text, "text");
		packs(k, &none, "nothing");
		packs(k, &noise, "noise");
	}
	kernels_rules();
	dictionaries();
	bombs();

	buf_append(&b, "\x89LZO\0\r\n\x1a\n1234567", 16);
	is_int(archive_packing_of(b.data, b.len), PACK_LZO, "lzo is recognised");
	is_int(unpack(PACK_LZO, &b, 1 << 20, &used), UNRACK_UNSUPPORTED, "and not unpacked");
	is_str(err.text, "x.img: is packed with lzo, which unrack can't unpack; pack it anew with gzip", "and said so");
	is_int(pack(PACK_LZO, &b, &none), UNRACK_UNSUPPORTED, "nor packed");
	is_int(archive_packing_of((const uint8_t *)"070701", 6), PACK_PLAIN, "a cpio archive is plain");
	is_int(archive_packing_of((const uint8_t *)"\x1f", 1), PACK_PLAIN, "a single byte is plain");
	buf_clear(&b);
	is_int(pack(PACK_PLAIN, &text, &b), 0, "plain is written");
	ok(b.len == text.len && !memcmp(b.data, text.data, b.len), "as it is");
	buf_free(&out);
	return tap_done();
}
