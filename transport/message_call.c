/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages of the call. */
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "message_parts.h"
#include "unrack/channel.h"
#include "unrack/journal.h"

#define FORMAT_MAX DISK_SPARSE
#define ANY_NUMBER UINT32_MAX

size_t message_encode_call(const struct message_call *m, uint8_t *out)
{
	size_t path = strlen(m->path) + 1;

	if (path > MESSAGE_PATH_MAX)
		return 0;
	put_le64(out + 24, m->features);
	put_le32(out + 32, m->kind);
	put_le32(out + 36, m->flags);
	put_le32(out + 40, m->offers);
	put_le32(out + 44, m->silence_ms);
	put_le64(out + 48, m->rate);
	put_le32(out + 56, (uint32_t)path);
	put_le16(out + 60, m->format);
	put_le16(out + 62, m->streams);
	put_le64(out + 64, m->max_bad);
	memcpy(out + MESSAGE_CALL_SIZE, m->path, path);
	message_put_intro(out, MESSAGE_VERSION, MESSAGE_CALL_SIZE + path);
	return MESSAGE_CALL_SIZE + path;
}

static int check_call(const struct message_call *m, struct unrack_error *err)
{
	if (m->kind < CALL_RECEIVE || m->kind > CALL_JOIN)
		return message_bad(err, MESSAGE_CALL, "it is of no known kind");
	if (m->flags & ~(CALL_SAME_DISK | CALL_DISCARD_CHANGES | CALL_ALL_BLOCKS | CALL_LIVE | CALL_STOP_AT_BAD))
		return message_bad(err, MESSAGE_CALL, "it has unknown flags");
	if (m->format > FORMAT_MAX)
		return message_bad(err, MESSAGE_CALL, "it wants an unknown format");
	if (m->streams > CHANNEL_STRIPES_MAX)
		return message_bad(err, MESSAGE_CALL, "it announces too many connections");
	if (m->kind == CALL_JOIN && (m->offers > 0 || m->streams == 0 || m->path[0] == '\0'))
		return message_bad(err, MESSAGE_CALL, "it does not say what it wants to join");
	if (m->offers > MESSAGE_DISKS_MAX)
		return message_bad(err, MESSAGE_CALL, "it announces too many disks");
	if (m->offers == 0 && m->kind != CALL_SCAN && m->kind != CALL_JOIN)
		return message_bad(err, MESSAGE_CALL, "it announces no disks");
	if (m->kind == CALL_RECEIVE && m->path[0] == '\0')
		return message_bad(err, MESSAGE_CALL, "it has no folder to receive into");
	if (m->kind != CALL_RECEIVE && m->kind != CALL_JOIN && m->path[0] != '\0')
		return message_bad(err, MESSAGE_CALL, "it has a folder, but only who receives needs one");
	return 0;
}

int message_decode_call(const void *payload, size_t n, struct message_call *m,
			struct unrack_error *err)
{
	const uint8_t *p = payload;
	int r = message_check_intro(p, n, MESSAGE_CALL_SIZE, MESSAGE_CALL, err);

	if (r < 0)
		return r;
	m->features = get_le64(p + 24);
	m->kind = get_le32(p + 32);
	m->flags = get_le32(p + 36);
	m->offers = get_le32(p + 40);
	m->silence_ms = get_le32(p + 44);
	m->rate = get_le64(p + 48);
	m->format = get_le16(p + 60);
	m->streams = get_le16(p + 62);
	m->max_bad = get_le64(p + 64);
	m->path = (const char *)p + MESSAGE_CALL_SIZE;
	if (get_le32(p + 56) != n - MESSAGE_CALL_SIZE || n - MESSAGE_CALL_SIZE > MESSAGE_PATH_MAX)
		return message_bad(err, MESSAGE_CALL, "the length of the path is wrong");
	if (!message_is_string(p + MESSAGE_CALL_SIZE, n - MESSAGE_CALL_SIZE))
		return message_bad(err, MESSAGE_CALL, "the path is no string");
	return check_call(m, err);
}

/* Digits, and then zeros to the end. */
static bool is_token(const char *text)
{
	size_t n;

	if (text[MESSAGE_TOKEN_MAX - 1] != '\0')
		return false;
	n = strspn(text, "0123456789abcdef");
	return is_zero(text + n, MESSAGE_TOKEN_MAX - n);
}

size_t message_encode_ready(const struct message_ready *m, uint8_t *out)
{
	put_le64(out + 24, m->features);
	put_le32(out + 32, m->offers);
	put_le32(out + 36, m->streams);
	memset(out + 40, 0, MESSAGE_TOKEN_MAX);
	memcpy(out + 40, m->token, strnlen(m->token, MESSAGE_TOKEN_MAX - 1));
	message_put_intro(out, MESSAGE_VERSION, MESSAGE_READY_SIZE);
	return MESSAGE_READY_SIZE;
}

int message_decode_ready(const void *payload, size_t n, struct message_ready *m,
			 struct unrack_error *err)
{
	const uint8_t *p = payload;
	int r = message_check_intro(p, n, MESSAGE_READY_SIZE, MESSAGE_READY, err);

	if (r < 0)
		return r;
	m->features = get_le64(p + 24);
	m->offers = get_le32(p + 32);
	if (n != MESSAGE_READY_SIZE)
		return message_bad(err, MESSAGE_READY, "it is too long");
	m->streams = get_le32(p + 36);
	memcpy(m->token, p + 40, MESSAGE_TOKEN_MAX);
	if (m->streams > CHANNEL_STRIPES_MAX)
		return message_bad(err, MESSAGE_READY, "it announces too many connections");
	if (!is_token(m->token) || (m->streams > 1) != (m->token[0] != '\0'))
		return message_bad(err, MESSAGE_READY, "its token is none");
	if (m->offers > MESSAGE_DISKS_MAX)
		return message_bad(err, MESSAGE_READY, "it announces too many disks");
	return 0;
}

size_t message_encode_offer(const struct message_offer *m, uint8_t *out)
{
	size_t name = strlen(m->name) + 1, strict = strlen(m->strict) + 1;
	size_t advisory = strlen(m->advisory) + 1;
	uint8_t *text = out + MESSAGE_OFFER_SIZE;

	if (name > MESSAGE_PATH_MAX || strict > IDENTITY_TEXT_MAX || advisory > IDENTITY_TEXT_MAX)
		return 0;
	put_le64(out, m->bytes);
	put_le32(out + 8, m->number < 0 ? ANY_NUMBER : (uint32_t)m->number);
	put_le32(out + 12, (uint32_t)name);
	put_le32(out + 16, (uint32_t)strict);
	put_le32(out + 20, (uint32_t)advisory);
	memcpy(text, m->name, name);
	memcpy(text + name, m->strict, strict);
	memcpy(text + name + strict, m->advisory, advisory);
	return MESSAGE_OFFER_SIZE + name + strict + advisory;
}

int message_decode_offer(const void *payload, size_t n, struct message_offer *m,
			 struct unrack_error *err)
{
	const uint8_t *p = payload, *text = p + MESSAGE_OFFER_SIZE;
	uint64_t name, strict, advisory;
	uint32_t number;

	if (n < MESSAGE_OFFER_SIZE)
		return message_bad(err, MESSAGE_OFFER, "it is too short");
	m->bytes = get_le64(p);
	number = get_le32(p + 8);
	name = get_le32(p + 12);
	strict = get_le32(p + 16);
	advisory = get_le32(p + 20);
	if (name + strict + advisory != n - MESSAGE_OFFER_SIZE || name > MESSAGE_PATH_MAX)
		return message_bad(err, MESSAGE_OFFER, "the lengths of its texts are wrong");
	if (!message_is_string(text, name))
		return message_bad(err, MESSAGE_OFFER, "the disk's name is no string");
	if (!message_is_identity(text + name, strict) ||
	    !message_is_identity(text + name + strict, advisory))
		return message_bad(err, MESSAGE_OFFER, "the disk's identity is not text");
	if (m->bytes > MESSAGE_DISK_BYTES_MAX)
		return message_bad(err, MESSAGE_OFFER, "no disk has that size");
	if (number != ANY_NUMBER && number >= MESSAGE_DISKS_MAX)
		return message_bad(err, MESSAGE_OFFER, "no disk has that number");
	m->number = number == ANY_NUMBER ? -1 : (int32_t)number;
	m->name = (const char *)text;
	m->strict = m->name + name;
	m->advisory = m->strict + strict;
	return 0;
}
