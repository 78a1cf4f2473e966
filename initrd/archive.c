/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "codec.h"
#include "gzip.h"

#define PIECE_IN  (1u << 20) /* of a stream, after which it is forgotten */
#define PIECE_OUT (256u << 10)

static const struct {
	const char *name;
	const char *magic;
	size_t magic_len;
	const struct codec *unpack, *pack; /* NULL: cannot be done */
} packings[] = {
	[PACK_PLAIN] = { "", "", 0, NULL, NULL },
	[PACK_GZIP] = { "gzip", "\x1f\x8b", 2, &codec_isal_unpack, &codec_zlib_pack },
	[PACK_BZIP2] = { "bzip2", "BZh", 3, &codec_bzip2_unpack, &codec_bzip2_pack },
	[PACK_XZ] = { "xz", "\xfd" "7zXZ\0", 6, &codec_xz_unpack, &codec_xz_pack },
	/* properties 0x5d, and a dictionary whose size is a multiple of 64 KiB */
	[PACK_LZMA] = { "lzma", "\x5d\0\0", 3, &codec_lzma_unpack, &codec_lzma_pack },
	[PACK_ZSTD] = { "zstd", "\x28\xb5\x2f\xfd", 4, &codec_zstd_unpack, &codec_zstd_pack },
	[PACK_LZ4] = { "lz4", "\x02\x21\x4c\x18", 4, &codec_lz4_unpack, &codec_lz4_pack },
	[PACK_LZO] = { "lzo", "\x89LZO\0\r\n\x1a\n", 9, NULL, NULL },
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

/* --- One stream, piece by piece --------------------------------------------------------- */

struct job {
	const struct codec *codec;
	void *state;
	const struct store *in;
	size_t at;
	/* Takes what the codec gave. */
	int (*put)(struct job *j, const uint8_t *p, size_t n, struct unrack_error *err);
	struct store *store; /* one of these */
	struct buf *buf;
	size_t limit;
	enum archive_packing how;
	const char *name;
};

static int put_unpacked(struct job *j, const uint8_t *p, size_t n, struct unrack_error *err)
{
	if (n > j->limit - j->store->len)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s: a stream in it unpacks to more than the %zu MiB left for it; "
				 "no initrd is that large",
				 j->name, j->limit >> 20);
	return store_add(j->store, p, n, err);
}

static int put_packed(struct job *j, const uint8_t *p, size_t n, struct unrack_error *err)
{
	if (j->buf->len > ARCHIVE_PACKED_MAX || n > ARCHIVE_PACKED_MAX - j->buf->len)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: would have more than %u MiB when written, which is more "
				 "than can be changed", j->name, ARCHIVE_PACKED_MAX >> 20);
	return buf_append(j->buf, p, n) < 0 ? error_nomem(err) : 0;
}

static int fault(const struct job *j, enum codec_result r, struct unrack_error *err)
{
	if (r == CODEC_NOMEM)
		return error_nomem(err);
	if (r == CODEC_MEMORY)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: its %s stream needs a dictionary of more than %u MiB to "
				 "be unpacked, which no initrd has", j->name, packings[j->how].name,
				 ARCHIVE_DICTIONARY_MAX >> 20);
	return error_set(err, UNRACK_DAMAGED, "%s: its %s stream is cut short or damaged; take another copy of this "
			 "file", j->name, packings[j->how].name);
}

/* One run of the codec over a piece; *RESULT is CODEC_END after the last one. */
static int step(struct job *j, uint8_t *out, enum codec_result *result, struct unrack_error *err)
{
	const uint8_t *in = j->in->data + j->at;
	size_t left = j->in->len - j->at, piece = (size_t)min_u64(left, PIECE_IN), gave;
	struct codec_io io = { .in = in, .n_in = piece, .last = piece == left, .out = out, .n_out = PIECE_OUT };

	*result = j->codec->run(j->state, &io);
	if (*result != CODEC_MORE && *result != CODEC_END)
		return fault(j, *result, err);
	gave = PIECE_OUT - io.n_out;
	if (*result == CODEC_MORE && !gave && io.in == in)
		return fault(j, CODEC_DAMAGED, err);
	j->at = (size_t)(io.in - j->in->data);
	store_forget(j->in, (size_t)(in - j->in->data), j->at);
	return gave ? j->put(j, out, gave, err) : 0;
}

static int run(struct job *j, struct unrack_error *err)
{
	CLEANUP_FREE uint8_t *out = malloc(PIECE_OUT);
	enum codec_result result = CODEC_MORE;
	int r = 0;

	if (!out)
		return error_nomem(err);
	j->state = j->codec->begin(ARCHIVE_DICTIONARY_MAX);
	if (!j->state)
		return error_nomem(err);
	while (r == 0 && result == CODEC_MORE)
		r = step(j, out, &result, err);
	j->codec->end(j->state);
	return r;
}

int archive_unpack_store(enum archive_packing how, const struct store *in, size_t from, size_t limit,
			 const char *name, struct store *out, size_t *used, struct unrack_error *err)
{
	struct job j = {
		.codec = packings[how].unpack, .in = in, .at = from, .put = put_unpacked, .store = out,
		.limit = limit, .how = how, .name = name,
	};
	int r;

	if (!j.codec)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is packed with %s, which unrack can't unpack; pack it "
				 "anew with gzip", name, packings[how].name);
	r = run(&j, err);
	*used = j.at - from;
	return r < 0 ? r : store_end(out, err);
}

int archive_unpack(enum archive_packing how, const uint8_t *in, size_t n, size_t limit,
		   const char *name, struct buf *out, size_t *used, struct unrack_error *err)
{
	CLEANUP_STORE struct store s = { .keep = SIZE_MAX };
	struct store whole;
	int r;

	store_borrow(&whole, in, n);
	r = archive_unpack_store(how, &whole, 0, limit, name, &s, used, err);
	if (r < 0)
		return r;
	*out = s.mem;
	s.mem = (struct buf){ 0 };
	return 0;
}

int archive_pack(enum archive_packing how, const struct store *in, const char *name, struct buf *out,
		 struct unrack_error *err)
{
	struct job j = {
		.codec = packings[how].pack, .in = in, .put = put_packed, .buf = out, .how = how, .name = name,
	};

	if (how == PACK_GZIP && in->len <= GZIP_WHOLE_MAX)
		return gzip_pack(in->data, in->len, out, err);
	if (j.codec)
		return run(&j, err);
	if (how != PACK_PLAIN)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is packed with %s, which unrack can't pack; pack it anew "
				 "with gzip", name, packings[how].name);
	for (size_t n; j.at < in->len; j.at += n) {
		int r;

		n = (size_t)min_u64(in->len - j.at, PIECE_IN);
		r = put_packed(&j, in->data + j.at, n, err);
		if (r < 0)
			return r;
		store_forget(in, j.at, j.at + n);
	}
	return 0;
}
