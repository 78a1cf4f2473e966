/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/archive.h"
#include "made.h"

static struct unrack_error err;
static struct buf out;

static int unpack(enum archive_packing how, const struct buf *b, size_t limit, size_t *used)
{
	buf_clear(&out);
	return archive_unpack(how, b->data, b->len, limit, "x.img", &out, used, &err);
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

static void one(enum archive_packing how, const char *command, const char *name)
{
	CLEANUP_BUF struct buf b = { 0 }, cut = { 0 };
	size_t used, n, cuts = 0, refused = 0;

	if (!make(&b, command))
		return;
	n = b.len;
	is_int(archive_packing_of(b.data, b.len), how, "%s: recognised", command);
	is_str(archive_packing_name(how), name, "and called %s", name);
	is_int(unpack(how, &b, 1 << 20, &used), 0, "%s: unpacks", command);
	is_int(used, (long)n, "its end is told");
	ok(out.len == 168894 && !strncmp(buf_str(&out), "1\n2\n3\n", 6), "to what went in");
	is_int(unpack(how, &b, 100000, &used), UNRACK_UNSUPPORTED, "%s: the limit holds", command);

	for (size_t k = 1; k < n; k = k * 2 + 1) {
		buf_clear(&cut);
		buf_append(&cut, b.data, k);
		refused += unpack(how, &cut, 1 << 20, &used) == UNRACK_DAMAGED;
		cuts++;
	}
	is_int(refused, (long)cuts, "%s: cut short: damaged", command);

	/* lz4 needs zeros to end; the others may follow each other closely. */
	buf_zeros(&b, how == PACK_LZ4 ? 4 : 0);
	gzip_pack((const uint8_t *)"next", 4, &b, &err);
	is_int(unpack(how, &b, 1 << 20, &used), 0, "%s: another segment may follow", command);
	is_int(used, (long)n, "and where is told");
	is_int(out.len, 168894, "and nothing is lost");
}

int main(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	size_t used;

	one(PACK_GZIP, "gzip -9n", "gzip");
	one(PACK_BZIP2, "bzip2", "bzip2");
	one(PACK_XZ, "xz --check=crc32", "xz");
	one(PACK_LZMA, "xz --format=lzma", "lzma");
	one(PACK_ZSTD, "zstd -q", "zstd");
	one(PACK_LZ4, "lz4 -l -q", "lz4");

	if (make(&b, "xz | xz"))
		is_int(unpack(PACK_XZ, &b, 1 << 20, &used), UNRACK_UNSUPPORTED, "packed twice: refused");
	buf_clear(&b);
	buf_append(&b, "\x89LZO\0\r\n\x1a\n1234567", 16);
	is_int(archive_packing_of(b.data, b.len), PACK_LZO, "lzo is recognised");
	is_int(unpack(PACK_LZO, &b, 1 << 20, &used), UNRACK_UNSUPPORTED, "and not unpacked");
	is_str(err.text, "x.img: is packed with lzo, which libarchive cannot unpack here", "and said so");
	is_int(archive_packing_of((const uint8_t *)"070701", 6), PACK_PLAIN, "a cpio archive is plain");
	is_int(archive_packing_of((const uint8_t *)"\x1f", 1), PACK_PLAIN, "a single byte is plain");

	buf_clear(&b);
	is_int(archive_pack(PACK_PLAIN, (const uint8_t *)"abc", 3, "x.img", &b, &err), 0, "plain is written");
	is_str(buf_str(&b), "abc", "as it is");
	is_int(archive_pack(PACK_XZ, (const uint8_t *)"abc", 3, "x.img", &b, &err), UNRACK_UNSUPPORTED,
	       "xz is not written");
	is_str(err.text, "x.img: is packed with xz; only plain and gzip images can be rewritten", "and said so");
	buf_free(&out);
	return tap_done();
}
