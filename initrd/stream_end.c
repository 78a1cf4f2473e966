/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream_end.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "gzip.h"

/* --- xz --------------------------------------------------------------------------------- */

#define XZ_HEADER 12 /* and footer */

/* A number of up to nine bytes, seven bits each, at *AT of the N bytes P. */
static bool xz_number(const uint8_t *p, size_t n, size_t *at, uint64_t *out)
{
	*out = 0;
	for (unsigned k = 0; k < 9; k++) {
		if (*at >= n)
			return false;
		*out |= (uint64_t)(p[*at] & 0x7f) << (7 * k);
		if (!(p[(*at)++] & 0x80))
			return true;
	}
	return false;
}

/* Whether the index P, N accounts for BLOCKS bytes between the header and itself. */
static bool xz_index_fits(const uint8_t *p, size_t n, uint64_t blocks)
{
	uint64_t records, unpadded, unpacked, sum = 0;
	size_t at = 1;

	if (p[0] != 0 || !xz_number(p, n - 4, &at, &records))
		return false;
	for (; records; records--) {
		if (!xz_number(p, n - 4, &at, &unpadded) || !xz_number(p, n - 4, &at, &unpacked) ||
		    unpadded > blocks || (sum += round_up(unpadded, 4)) > blocks)
			return false;
	}
	return sum == blocks && round_up(at, 4) == n - 4 && gzip_crc32(p, n - 4) == get_le32(p + n - 4);
}

/* Blocks need not say how long they are, so the footer is looked for: it has a checksum, and
 * says where the index is, which has another and adds up to what lies before it. */
static size_t xz_end(const uint8_t *p, size_t n)
{
	size_t looked_at = 0;

	/* All parts of a stream are multiples of 4. The first index is behind the header. */
	for (size_t at = XZ_HEADER + 8; at + XZ_HEADER <= n; at += 4) {
		const uint8_t *footer = p + at;
		uint64_t size;

		if (footer[10] != 'Y' || footer[11] != 'Z' || memcmp(footer + 8, p + 6, 2) != 0 ||
		    gzip_crc32(footer + 4, 6) != get_le32(footer))
			continue;
		size = ((uint64_t)get_le32(footer + 4) + 1) * 4;
		if (size < 8 || size > at - XZ_HEADER)
			continue;
		/* No real stream has many that fail. */
		looked_at += size;
		if (looked_at > n)
			break;
		if (xz_index_fits(footer - size, size, at - size - XZ_HEADER))
			return at + XZ_HEADER;
	}
	return n;
}

/* --- zstd ------------------------------------------------------------------------------- */

static size_t zstd_end(const uint8_t *p, size_t n)
{
	static const uint8_t dictionary[] = { 0, 1, 2, 4 }, content[] = { 0, 2, 4, 8 };
	uint64_t at;
	bool single, last;

	if (n < 5)
		return n;
	single = p[4] & 0x20;
	at = 5u + !single + dictionary[p[4] & 3] + content[p[4] >> 6] + (single && !(p[4] >> 6));
	do {
		uint32_t block, type;

		if (at + 3 > n)
			return n;
		block = p[at] | (uint32_t)p[at + 1] << 8 | (uint32_t)p[at + 2] << 16;
		last = block & 1;
		type = block >> 1 & 3;
		if (type == 3)
			return n;
		at += 3 + (type == 1 ? 1 : block >> 3); /* 1: one byte, repeated */
	} while (!last);
	at += p[4] & 4; /* a checksum */
	return (size_t)min_u64(at, n);
}

/* --- lz4 -------------------------------------------------------------------------------- */

/* Chunks, each behind its size, up to a size of zero: padding, or the end of the file. */
static size_t lz4_end(const uint8_t *p, size_t n)
{
	size_t at = 4;

	while (at + 4 <= n) {
		uint32_t size = get_le32(p + at);

		if (!size)
			return at;
		at += 4;
		if (size == get_le32(p)) /* as a kernel does: another frame continues the stream */
			continue;
		if (size > n - at)
			return n;
		at += size;
	}
	return at < n && is_zero(p + at, n - at) ? at : n;
}

size_t stream_end(enum archive_packing how, const uint8_t *p, size_t n)
{
	switch (how) {
	case PACK_XZ:
		return xz_end(p, n);
	case PACK_ZSTD:
		return zstd_end(p, n);
	case PACK_LZ4:
		return lz4_end(p, n);
	default:
		return n;
	}
}
