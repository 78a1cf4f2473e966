/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message_parts.h"

#include <string.h>

#include "base/bytes.h"
#include "base/size.h"

static const uint8_t magic[8] = "unrack\r\n";

enum {
	HELLO_SIZE = 44,
	OPEN_SIZE = 24 + DIGEST_SIZE,
	ACCEPT_SIZE = 32 + DIGEST_SEED_SIZE,
	RANGE_SIZE = 16,
	CHECKPOINT_SIZE = 8,
	ACK_SIZE = 16,
	END_SIZE = 16 + DIGEST_SIZE,
	DONE_SIZE = 8 + DIGEST_SIZE,
	ERROR_SIZE = 8,
	ACCEPT_COMPLETE = 1,
	ACCEPT_DELTA = 2,
	ACCEPT_KEEPS_STREAMS = 4,
};

static const struct {
	const char *name;
	uint32_t limit;
} types[] = {
	[0] = { "?", 0 },
	[MESSAGE_HELLO] = { "HELLO", HELLO_SIZE + MESSAGE_NAME_MAX },
	[MESSAGE_OPEN] = { "OPEN", MESSAGE_CONTROL_MAX },
	[MESSAGE_ACCEPT] = { "ACCEPT", ACCEPT_SIZE },
	[MESSAGE_GRAINS] = { "GRAINS", MESSAGE_GRAINS_LIMIT },
	[MESSAGE_ZERO] = { "ZERO", RANGE_SIZE },
	[MESSAGE_CHECKPOINT] = { "CHECKPOINT", CHECKPOINT_SIZE },
	[MESSAGE_ACK] = { "ACK", ACK_SIZE },
	[MESSAGE_END] = { "END", END_SIZE },
	[MESSAGE_DONE] = { "DONE", DONE_SIZE },
	[MESSAGE_BYE] = { "BYE", 0 },
	[MESSAGE_ERROR] = { "ERROR", ERROR_SIZE + sizeof(((struct unrack_error *)0)->text) },
	[MESSAGE_PING] = { "PING", 0 },
	[MESSAGE_CALL] = { "CALL", MESSAGE_CALL_SIZE + MESSAGE_PATH_MAX },
	[MESSAGE_READY] = { "READY", MESSAGE_READY_SIZE },
	[MESSAGE_OFFER] = { "OFFER", MESSAGE_OFFER_SIZE + MESSAGE_PATH_MAX + 2 * IDENTITY_TEXT_MAX },
	[MESSAGE_TEXT] = { "TEXT", MESSAGE_TEXT_MAX },
	[MESSAGE_MAP] = { "MAP", MESSAGE_MAP_SIZE + MESSAGE_MAP_RUNS * MESSAGE_RUN_SIZE },
	[MESSAGE_WANT] = { "WANT", RANGE_SIZE },
	[MESSAGE_DIGESTS] = { "DIGESTS", MESSAGE_DIGESTS_SIZE + MESSAGE_DIGESTS_MAX * DIGEST_SIZE },
	[MESSAGE_DELTA] = { "DELTA", MESSAGE_GRAINS_LIMIT },
	[MESSAGE_SAME] = { "SAME", RANGE_SIZE },
	[MESSAGE_LOST] = { "LOST", MESSAGE_LOST_SIZE + MESSAGE_LOST_TEXT_MAX },
};

_Static_assert(MESSAGE_OFFER_SIZE + MESSAGE_PATH_MAX + 2 * IDENTITY_TEXT_MAX <= MESSAGE_CONTROL_MAX,
	       "the longest control message fits in the buffers for them");
_Static_assert(MESSAGE_MAP_SIZE + MESSAGE_MAP_RUNS * MESSAGE_RUN_SIZE <= MESSAGE_CONTROL_MAX &&
	       MESSAGE_DIGESTS_SIZE + MESSAGE_DIGESTS_MAX * DIGEST_SIZE <= MESSAGE_CONTROL_MAX,
	       "and so do those that are sent in parts");

const char *message_name(unsigned type)
{
	return types[type < ARRAY_LEN(types) ? type : 0].name;
}

uint32_t message_limit(unsigned type)
{
	return types[type < ARRAY_LEN(types) ? type : 0].limit;
}

bool message_is_of_call(unsigned type)
{
	return type >= MESSAGE_CALL && type <= MESSAGE_TEXT;
}

int message_check_frame(const struct frame *f, struct unrack_error *err)
{
	if (f->type == 0 || f->type >= ARRAY_LEN(types))
		return error_set(err, UNRACK_UNSUPPORTED,
				 "a message of the unknown type %u came", f->type);
	if (f->length > message_limit(f->type))
		return error_set(err, UNRACK_DAMAGED,
				 "a %s of %u bytes came, more than the %u it may have",
				 message_name(f->type), f->length, message_limit(f->type));
	return 0;
}

int message_bad(struct unrack_error *err, unsigned type, const char *what)
{
	return error_set(err, UNRACK_DAMAGED, "a %s came that is not valid: %s",
			 message_name(type), what);
}

int message_check_size(size_t n, size_t want, unsigned type, struct unrack_error *err)
{
	if (n != want)
		return error_set(err, UNRACK_DAMAGED,
				 "a %s of %zu bytes came instead of %zu",
				 message_name(type), n, want);
	return 0;
}

bool message_is_plain(const void *text, size_t n, bool lines)
{
	const uint8_t *p = text;

	for (size_t i = 0; i < n; i++)
		if ((p[i] < ' ' && !(lines && p[i] == '\n')) || p[i] == 0x7f)
			return false;
	return true;
}

bool message_is_string(const uint8_t *p, uint64_t n)
{
	return n > 0 && strnlen((const char *)p, n) == n - 1;
}

bool message_is_identity(const uint8_t *p, uint64_t n)
{
	return n > 0 && n <= IDENTITY_TEXT_MAX && p[n - 1] == '\0' && message_is_plain(p, n - 1, true);
}

void message_put_intro(uint8_t *out, uint32_t version, size_t n)
{
	memcpy(out, magic, sizeof magic);
	put_le32(out + 8, version);
	put_le32(out + 12, 0);
	put_le64(out + 16, checksum64(out + MESSAGE_INTRO_SIZE, n - MESSAGE_INTRO_SIZE));
}

int message_check_intro(const uint8_t *p, size_t n, size_t least, unsigned type,
			struct unrack_error *err)
{
	if (n < MESSAGE_INTRO_SIZE || memcmp(p, magic, sizeof magic) != 0)
		return message_bad(err, type, "it does not begin as one does");
	if (get_le32(p + 8) != MESSAGE_VERSION)
		return error_set(
			err, UNRACK_UNSUPPORTED,
			"one side speaks version %u of the protocol, the other version %u; use "
			"the same unrack on both sides",
			get_le32(p + 8), MESSAGE_VERSION);
	if (n < least)
		return message_bad(err, type, "it is too short");
	if (get_le64(p + 16) != checksum64(p + MESSAGE_INTRO_SIZE, n - MESSAGE_INTRO_SIZE))
		return message_bad(err, type, "its checksum is wrong");
	if (get_le32(p + 12) != 0)
		return message_bad(err, type, "a field that must be 0 is not");
	return 0;
}

size_t message_encode_hello(const struct message_hello *m, uint8_t *out)
{
	size_t name = strnlen(m->machine, MESSAGE_NAME_MAX - 1);

	put_le64(out + 24, m->features);
	put_le32(out + 32, m->payload_max);
	put_le32(out + 36, m->disks);
	put_le32(out + 40, (uint32_t)name);
	memcpy(out + HELLO_SIZE, m->machine, name);
	message_put_intro(out, m->version, HELLO_SIZE + name);
	return HELLO_SIZE + name;
}

int message_decode_hello(const void *payload, size_t n, struct message_hello *m,
			 struct unrack_error *err)
{
	const uint8_t *p = payload;
	size_t name;
	int r;

	memset(m, 0, sizeof *m);
	r = message_check_intro(p, n, HELLO_SIZE, MESSAGE_HELLO, err);
	if (r < 0)
		return r;
	m->version = get_le32(p + 8);
	m->features = get_le64(p + 24);
	m->payload_max = get_le32(p + 32);
	m->disks = get_le32(p + 36);
	name = get_le32(p + 40);
	if (name != n - HELLO_SIZE || name >= MESSAGE_NAME_MAX)
		return message_bad(err, MESSAGE_HELLO, "the length of the machine's name is wrong");
	if (!message_is_plain(p + HELLO_SIZE, name, false))
		return message_bad(err, MESSAGE_HELLO, "the machine's name has control characters");
	if (m->disks > MESSAGE_DISKS_MAX)
		return message_bad(err, MESSAGE_HELLO, "it announces too many disks");
	memcpy(m->machine, p + HELLO_SIZE, name);
	return 0;
}

size_t message_encode_open(const struct message_open *m, uint8_t *out)
{
	size_t strict = strlen(m->strict) + 1, advisory = strlen(m->advisory) + 1;

	if (strict > IDENTITY_TEXT_MAX || advisory > IDENTITY_TEXT_MAX)
		return 0;
	put_le64(out, m->bytes);
	put_le32(out + 8, (uint32_t)strict);
	put_le32(out + 12, (uint32_t)advisory);
	memcpy(out + 16, m->state.b, DIGEST_SIZE);
	put_le32(out + 32, m->flags);
	put_le32(out + 36, 0);
	memcpy(out + OPEN_SIZE, m->strict, strict);
	memcpy(out + OPEN_SIZE + strict, m->advisory, advisory);
	return OPEN_SIZE + strict + advisory;
}

int message_decode_open(const void *payload, size_t n, struct message_open *m,
			struct unrack_error *err)
{
	const uint8_t *p = payload;
	uint64_t strict, advisory;

	if (n < OPEN_SIZE)
		return message_bad(err, MESSAGE_OPEN, "it is too short");
	m->bytes = get_le64(p);
	strict = get_le32(p + 8);
	advisory = get_le32(p + 12);
	if (strict + advisory != n - OPEN_SIZE)
		return message_bad(err, MESSAGE_OPEN, "the lengths of the disk's identity are wrong");
	if (!message_is_identity(p + OPEN_SIZE, strict) ||
	    !message_is_identity(p + OPEN_SIZE + strict, advisory))
		return message_bad(err, MESSAGE_OPEN, "the disk's identity is not text");
	if (m->bytes == 0 || m->bytes > MESSAGE_DISK_BYTES_MAX)
		return message_bad(err, MESSAGE_OPEN, "no disk has that size");
	memcpy(m->state.b, p + 16, DIGEST_SIZE);
	m->flags = get_le32(p + 32);
	if (m->flags & ~(OPEN_LIVE | OPEN_ALL_BLOCKS))
		return message_bad(err, MESSAGE_OPEN, "it has unknown flags");
	if (get_le32(p + 36) != 0)
		return message_bad(err, MESSAGE_OPEN, "a field that must be 0 is not");
	m->strict = (const char *)p + OPEN_SIZE;
	m->advisory = m->strict + strict;
	return 0;
}

size_t message_encode_accept(const struct message_accept *m, uint8_t *out)
{
	put_le32(out, m->number);
	put_le32(out + 4, (m->complete ? ACCEPT_COMPLETE : 0) | (m->delta ? ACCEPT_DELTA : 0) |
			  (m->keeps_streams ? ACCEPT_KEEPS_STREAMS : 0));
	put_le64(out + 8, m->next_grain);
	put_le64(out + 16, m->data_grains);
	put_le64(out + 24, m->pass);
	memcpy(out + 32, m->seed, DIGEST_SEED_SIZE);
	return ACCEPT_SIZE;
}

int message_decode_accept(const void *payload, size_t n, struct message_accept *m,
			  struct unrack_error *err)
{
	const uint8_t *p = payload;
	int r = message_check_size(n, ACCEPT_SIZE, MESSAGE_ACCEPT, err);
	uint32_t flags;

	if (r < 0)
		return r;
	flags = get_le32(p + 4);
	m->number = get_le32(p);
	m->complete = flags & ACCEPT_COMPLETE;
	m->delta = flags & ACCEPT_DELTA;
	m->keeps_streams = flags & ACCEPT_KEEPS_STREAMS;
	m->next_grain = get_le64(p + 8);
	m->data_grains = get_le64(p + 16);
	m->pass = get_le64(p + 24);
	memcpy(m->seed, p + 32, DIGEST_SEED_SIZE);
	if (flags & ~(uint32_t)(ACCEPT_COMPLETE | ACCEPT_DELTA | ACCEPT_KEEPS_STREAMS))
		return message_bad(err, MESSAGE_ACCEPT, "it has unknown flags");
	if (m->complete && m->delta)
		return message_bad(err, MESSAGE_ACCEPT, "what is complete needs no pass");
	if (m->next_grain > MESSAGE_GRAIN_LAST || m->data_grains > m->next_grain)
		return message_bad(err, MESSAGE_ACCEPT, "its position is impossible");
	return 0;
}

size_t message_encode_range(const struct message_range *m, uint8_t *out)
{
	put_le64(out, m->first);
	put_le64(out + 8, m->count);
	return RANGE_SIZE;
}

int message_decode_range(unsigned type, const void *payload, size_t n, struct message_range *m,
			 struct unrack_error *err)
{
	int r = message_check_size(n, RANGE_SIZE, type, err);

	if (r < 0)
		return r;
	m->first = get_le64(payload);
	m->count = get_le64((const uint8_t *)payload + 8);
	if (m->first > MESSAGE_GRAIN_LAST || m->count == 0 || m->count > MESSAGE_GRAIN_LAST)
		return message_bad(err, type, "its range is impossible");
	if (type == MESSAGE_WANT && m->count > MESSAGE_WANT_MAX)
		return message_bad(err, type, "it asks for too much at once");
	return 0;
}

size_t message_encode_checkpoint(const struct message_checkpoint *m, uint8_t *out)
{
	put_le64(out, m->next_grain);
	return CHECKPOINT_SIZE;
}

int message_decode_checkpoint(const void *payload, size_t n, struct message_checkpoint *m,
			      struct unrack_error *err)
{
	int r = message_check_size(n, CHECKPOINT_SIZE, MESSAGE_CHECKPOINT, err);

	if (r < 0)
		return r;
	m->next_grain = get_le64(payload);
	return 0;
}

size_t message_encode_ack(const struct message_ack *m, uint8_t *out)
{
	put_le64(out, m->next_grain);
	put_le64(out + 8, m->data_grains);
	return ACK_SIZE;
}

int message_decode_ack(const void *payload, size_t n, struct message_ack *m,
		       struct unrack_error *err)
{
	int r = message_check_size(n, ACK_SIZE, MESSAGE_ACK, err);

	if (r < 0)
		return r;
	m->next_grain = get_le64(payload);
	m->data_grains = get_le64((const uint8_t *)payload + 8);
	if (m->next_grain > MESSAGE_GRAIN_LAST || m->data_grains > m->next_grain)
		return message_bad(err, MESSAGE_ACK, "its position is impossible");
	return 0;
}

size_t message_encode_end(const struct message_end *m, uint8_t *out)
{
	put_le64(out, m->first);
	put_le64(out + 8, m->data_grains);
	memcpy(out + 16, m->session.b, DIGEST_SIZE);
	return END_SIZE;
}

int message_decode_end(const void *payload, size_t n, struct message_end *m,
		       struct unrack_error *err)
{
	const uint8_t *p = payload;
	int r = message_check_size(n, END_SIZE, MESSAGE_END, err);

	if (r < 0)
		return r;
	m->first = get_le64(p);
	m->data_grains = get_le64(p + 8);
	memcpy(m->session.b, p + 16, DIGEST_SIZE);
	return 0;
}

size_t message_encode_done(const struct message_done *m, uint8_t *out)
{
	put_le64(out, m->data_grains);
	memcpy(out + 8, m->whole.b, DIGEST_SIZE);
	return DONE_SIZE;
}

int message_decode_done(const void *payload, size_t n, struct message_done *m,
			struct unrack_error *err)
{
	int r = message_check_size(n, DONE_SIZE, MESSAGE_DONE, err);

	if (r < 0)
		return r;
	m->data_grains = get_le64(payload);
	memcpy(m->whole.b, (const uint8_t *)payload + 8, DIGEST_SIZE);
	return 0;
}

size_t message_encode_error(const struct unrack_error *m, uint8_t *out)
{
	size_t n = strnlen(m->text, sizeof m->text - 1);

	put_le32(out, (uint32_t)-(int)m->code);
	put_le32(out + 4, (uint32_t)m->sys_errno);
	memcpy(out + ERROR_SIZE, m->text, n);
	return ERROR_SIZE + n;
}

int message_decode_error(const void *payload, size_t n, struct unrack_error *m,
			 struct unrack_error *err)
{
	const uint8_t *p = payload;
	uint32_t code;

	if (n <= ERROR_SIZE || n - ERROR_SIZE >= sizeof m->text)
		return message_bad(err, MESSAGE_ERROR, "it has no text, or too much");
	code = get_le32(p);
	m->code = code >= 1 && code <= (uint32_t)-UNRACK_LOST ? (enum unrack_code)-(int)code
							      : UNRACK_IO;
	m->sys_errno = (int)(get_le32(p + 4) & 0xffff);
	n -= ERROR_SIZE;
	/* The sentence may quote a file's name; it should arrive all the same. */
	for (size_t i = 0; i < n; i++)
		m->text[i] = message_is_plain(p + ERROR_SIZE + i, 1, false) ? (char)p[ERROR_SIZE + i] : '?';
	m->text[n] = '\0';
	return 0;
}
