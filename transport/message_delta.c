/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MAP, DIGESTS and LOST: what a copy says besides the data. */
#include <string.h>

#include "base/bytes.h"
#include "message_parts.h"

enum { MAP_MORE = 1 };

size_t message_encode_map(const struct map_run *runs, uint32_t n, bool more, uint8_t *out)
{
	put_le32(out, n);
	put_le32(out + 4, more ? MAP_MORE : 0);
	for (uint32_t i = 0; i < n; i++) {
		put_le64(out + MESSAGE_MAP_SIZE + i * MESSAGE_RUN_SIZE, runs[i].first);
		put_le64(out + MESSAGE_MAP_SIZE + i * MESSAGE_RUN_SIZE + 8, runs[i].count);
	}
	return MESSAGE_MAP_SIZE + n * MESSAGE_RUN_SIZE;
}

int message_decode_map(const void *payload, size_t n, struct message_map *m, struct unrack_error *err)
{
	const uint8_t *p = payload;

	if (n < MESSAGE_MAP_SIZE)
		return message_bad(err, MESSAGE_MAP, "it is too short");
	m->count = get_le32(p);
	m->more = get_le32(p + 4) & MAP_MORE;
	if (get_le32(p + 4) & ~(uint32_t)MAP_MORE)
		return message_bad(err, MESSAGE_MAP, "it has unknown flags");
	if (m->count > MESSAGE_MAP_RUNS || n != MESSAGE_MAP_SIZE + m->count * MESSAGE_RUN_SIZE)
		return message_bad(err, MESSAGE_MAP, "the number of its runs is wrong");
	if (m->count == 0 && m->more)
		return message_bad(err, MESSAGE_MAP, "it is empty, and another one is to follow");
	for (uint32_t i = 0; i < m->count; i++) {
		const uint8_t *run = p + MESSAGE_MAP_SIZE + i * MESSAGE_RUN_SIZE;

		m->run[i].first = get_le64(run);
		m->run[i].count = get_le64(run + 8);
		if (m->run[i].first > MESSAGE_GRAIN_LAST || m->run[i].count == 0 ||
		    m->run[i].count > MESSAGE_GRAIN_LAST)
			return message_bad(err, MESSAGE_MAP, "one of its runs is impossible");
	}
	return 0;
}

size_t message_encode_digests(const struct message_digests *m, uint8_t *out)
{
	size_t n = m->digest ? (size_t)m->count * DIGEST_SIZE : 0;

	put_le64(out, m->first);
	put_le64(out + 8, m->count);
	if (n)
		memcpy(out + MESSAGE_DIGESTS_SIZE, m->digest, n);
	return MESSAGE_DIGESTS_SIZE + n;
}

int message_decode_digests(const void *payload, size_t n, struct message_digests *m,
			   struct unrack_error *err)
{
	const uint8_t *p = payload;

	if (n < MESSAGE_DIGESTS_SIZE)
		return message_bad(err, MESSAGE_DIGESTS, "it is too short");
	m->first = get_le64(p);
	m->count = get_le64(p + 8);
	m->digest = n > MESSAGE_DIGESTS_SIZE ? p + MESSAGE_DIGESTS_SIZE : NULL;
	if (m->first > MESSAGE_GRAIN_LAST || m->count == 0 || m->count > MESSAGE_WANT_MAX)
		return message_bad(err, MESSAGE_DIGESTS, "its range is impossible");
	if (m->digest && (m->count > MESSAGE_DIGESTS_MAX ||
			  n != MESSAGE_DIGESTS_SIZE + (size_t)m->count * DIGEST_SIZE))
		return message_bad(err, MESSAGE_DIGESTS, "it does not have its digests");
	return 0;
}

size_t message_encode_lost(const struct message_lost *m, uint8_t *out)
{
	size_t n = strnlen(m->text, MESSAGE_LOST_TEXT_MAX);

	put_le64(out, m->off);
	put_le64(out + 8, m->len);
	memcpy(out + MESSAGE_LOST_SIZE, m->text, n);
	return MESSAGE_LOST_SIZE + n;
}

int message_decode_lost(const void *payload, size_t n, struct message_lost *m, struct unrack_error *err)
{
	const uint8_t *p = payload;

	if (n < MESSAGE_LOST_SIZE || n > MESSAGE_LOST_SIZE + MESSAGE_LOST_TEXT_MAX)
		return message_bad(err, MESSAGE_LOST, "it is too short, or too long");
	m->off = get_le64(p);
	m->len = get_le64(p + 8);
	if (m->len == 0 || m->off > MESSAGE_DISK_BYTES_MAX || m->len > MESSAGE_DISK_BYTES_MAX)
		return message_bad(err, MESSAGE_LOST, "its range is impossible");
	n -= MESSAGE_LOST_SIZE;
	if (!message_is_plain(p + MESSAGE_LOST_SIZE, n, false) || memchr(p + MESSAGE_LOST_SIZE, '\0', n))
		return message_bad(err, MESSAGE_LOST, "its text has control characters");
	memcpy(m->text, p + MESSAGE_LOST_SIZE, n);
	m->text[n] = '\0';
	return 0;
}
