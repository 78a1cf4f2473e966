/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <string.h>

#include "base/size.h"
#include "gzip.h"
#include "stream_end.h"

static const struct {
	const char *name;
	const char *magic;
	size_t magic_len;
} packings[] = {
	[PACK_PLAIN] = { "", "", 0 },
	[PACK_GZIP] = { "gzip", "\x1f\x8b", 2 },
	[PACK_BZIP2] = { "bzip2", "BZh", 3 },
	[PACK_XZ] = { "xz", "\xfd" "7zXZ\0", 6 },
	/* properties 0x5d, and a dictionary whose size is a multiple of 64 KiB */
	[PACK_LZMA] = { "lzma", "\x5d\0\0", 3 },
	[PACK_ZSTD] = { "zstd", "\x28\xb5\x2f\xfd", 4 },
	[PACK_LZ4] = { "lz4", "\x02\x21\x4c\x18", 4 },
	[PACK_LZO] = { "lzo", "\x89LZO\0\r\n\x1a\n", 9 },
};

enum archive_packing archive_packing_of(const uint8_t *p, size_t n)
{
	for (unsigned k = PACK_PLAIN + 1; k < ARRAY_LEN(packings); k++)
		if (n >= packings[k].magic_len && !memcmp(p, packings[k].magic, packings[k].magic_len))
			return k;
	return PACK_PLAIN;
}

const char *archive_packing_name(enum archive_packing how)
{
	return packings[how].name;
}

static void cleanup_archive(struct archive **a)
{
	archive_read_free(*a);
}

/* Only the filter that the first bytes ask for: libarchive would start programs for others. */
static int add_filter(struct archive *a, enum archive_packing how)
{
	switch (how) {
	case PACK_BZIP2:
		return archive_read_support_filter_bzip2(a);
	case PACK_XZ:
		return archive_read_support_filter_xz(a);
	case PACK_LZMA:
		return archive_read_support_filter_lzma(a);
	case PACK_ZSTD:
		return archive_read_support_filter_zstd(a);
	case PACK_LZ4:
		return archive_read_support_filter_lz4(a);
	default:
		return ARCHIVE_FATAL;
	}
}

static int unpack(enum archive_packing how, const uint8_t *in, size_t n, size_t limit,
		  const char *name, struct buf *out, size_t *used, struct unrack_error *err)
{
	__attribute__((cleanup(cleanup_archive))) struct archive *a = archive_read_new();
	struct archive_entry *entry;
	la_int64_t came;
	int r;

	if (!a)
		return error_nomem(err);
	if (add_filter(a, how) != ARCHIVE_OK)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s: is packed with %s, which libarchive cannot unpack here", name,
				 packings[how].name);
	if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_open_memory(a, in, n) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return error_set(err, UNRACK_DAMAGED, "%s: its %s stream is cut short or damaged (%s); "
				 "take another copy of this file", name, packings[how].name,
				 archive_error_string(a) ? archive_error_string(a) : "no data");
	/* A stream packed twice counts as two filters; the last one is the memory. */
	if (archive_filter_count(a) < 2)
		return error_set(err, UNRACK_DAMAGED, "%s: its %s stream is cut short or damaged; "
				 "take another copy of this file", name, packings[how].name);
	if (archive_filter_count(a) > 2)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is packed more than once, which no kernel can undo",
				 name);
	for (;;) {
		const void *p;
		size_t got;
		la_int64_t offset;

		r = archive_read_data_block(a, &p, &got, &offset);
		if (r != ARCHIVE_OK)
			break;
		if (got > limit - out->len)
			return error_set(err, UNRACK_UNSUPPORTED,
					 "%s: a stream in it unpacks to more than the %zu MiB left for it; "
					 "no initrd is that large",
					 name, limit >> 20);
		if (buf_append(out, p, got) < 0)
			return error_nomem(err);
	}
	if (r != ARCHIVE_EOF)
		return error_set(err, UNRACK_DAMAGED, "%s: its %s stream is damaged (%s); "
				 "take another copy of this file", name, packings[how].name,
				 archive_error_string(a) ? archive_error_string(a) : "no reason given");
	came = archive_filter_bytes(a, -1);
	*used = came > 0 ? (size_t)came : 0;
	return 0;
}

int archive_unpack(enum archive_packing how, const uint8_t *in, size_t n, size_t limit,
		   const char *name, struct buf *out, size_t *used, struct unrack_error *err)
{
	if (how == PACK_GZIP)
		return gzip_unpack(in, n, limit, name, out, used, err);
	return unpack(how, in, stream_end(how, in, n), limit, name, out, used, err);
}

int archive_pack(enum archive_packing how, const uint8_t *in, size_t n, const char *name,
		 struct buf *out, struct unrack_error *err)
{
	if (how == PACK_GZIP)
		return gzip_pack(in, n, out, err);
	if (how != PACK_PLAIN)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s: is packed with %s; only plain and gzip images can be rewritten",
				 name, packings[how].name);
	return buf_append(out, in, n) < 0 ? error_nomem(err) : 0;
}
