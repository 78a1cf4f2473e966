/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/message.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"

static const uint8_t hello_magic[8] = "unrack\r\n";

enum {
	HELLO_SIZE = 44,
	HELLO_SUMMED = 24, /* its checksum covers what begins here */
	OPEN_SIZE = 16,
	ACCEPT_SIZE = 32 + DIGEST_SEED_SIZE,
	ZERO_SIZE = 16,
	CHECKPOINT_SIZE = 8,
	ACK_SIZE = 16,
	END_SIZE = 16 + DIGEST_SIZE,
	DONE_SIZE = 8 + DIGEST_SIZE,
	ERROR_SIZE = 8,
	ACCEPT_COMPLETE = 1,
};

/* Grain numbers of the largest disk, so that sums of two never wrap. */
#define GRAIN_MAX (MESSAGE_DISK_BYTES_MAX / GRAIN_SIZE)

static const struct {
	const char *name;
	uint32_t limit;
} types[] = {
	[0] = { "?", 0 },
	[MESSAGE_HELLO] = { "HELLO", HELLO_SIZE + MESSAGE_NAME_MAX },
	[MESSAGE_OPEN] = { "OPEN", MESSAGE_CONTROL_MAX },
	[MESSAGE_ACCEPT] = { "ACCEPT", ACCEPT_SIZE },
	[MESSAGE_GRAINS] = { "GRAINS", MESSAGE_GRAINS_LIMIT },
	[MESSAGE_ZERO] = { "ZERO", ZERO_SIZE },
	[MESSAGE_CHECKPOINT] = { "CHECKPOINT", CHECKPOINT_SIZE },
	[MESSAGE_ACK] = { "ACK", ACK_SIZE },
	[MESSAGE_END] = { "END", END_SIZE },
	[MESSAGE_DONE] = { "DONE", DONE_SIZE },
	[MESSAGE_BYE] = { "BYE", 0 },
	[MESSAGE_ERROR] = { "ERROR", ERROR_SIZE + sizeof(((struct unrack_error *)0)->text) },
};

const char *message_name(unsigned type)
{
	return types[type < ARRAY_LEN(types) ? type : 0].name;
}

uint32_t message_limit(unsigned type)
{
	return types[type < ARRAY_LEN(types) ? type : 0].limit;
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

static int bad(struct unrack_error *err, unsigned type, const char *what)
{
	return error_set(err, UNRACK_DAMAGED, "a %s came that is not valid: %s",
			 message_name(type), what);
}

static int check_size(size_t n, size_t want, unsigned type, struct unrack_error *err)
{
	if (n != want)
		return error_set(err, UNRACK_DAMAGED,
				 "a %s of %zu bytes came instead of %zu",
				 message_name(type), n, want);
	return 0;
}

/* Control characters would let the far side write to our terminal. */
static bool is_plain(const uint8_t *p, size_t n, bool lines)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] < ' ' && !(lines && p[i] == '\n')) || p[i] == 0x7f)
			return false;
	return true;
}

size_t message_encode_hello(const struct message_hello *m, uint8_t *out)
{
	size_t name = strnlen(m->machine, MESSAGE_NAME_MAX - 1);

	memcpy(out, hello_magic, sizeof hello_magic);
	put_le32(out + 8, m->version);
	put_le32(out + 12, 0);
	put_le64(out + 24, m->features);
	put_le32(out + 32, m->payload_max);
	put_le32(out + 36, m->disks);
	put_le32(out + 40, (uint32_t)name);
	memcpy(out + HELLO_SIZE, m->machine, name);
	put_le64(out + 16, checksum64(out + HELLO_SUMMED, HELLO_SIZE - HELLO_SUMMED + name));
	return HELLO_SIZE + name;
}

int message_decode_hello(const void *payload, size_t n, struct message_hello *m,
			 struct unrack_error *err)
{
	const uint8_t *p = payload;
	size_t name;

	memset(m, 0, sizeof *m);
	if (n < HELLO_SUMMED || memcmp(p, hello_magic, sizeof hello_magic) != 0)
		return bad(err, MESSAGE_HELLO, "it does not begin as one does");
	m->version = get_le32(p + 8);
	if (m->version != MESSAGE_VERSION)
		return error_set(
			err, UNRACK_UNSUPPORTED,
			"one side speaks version %u of the protocol, the other version %u; use "
			"the same unrack on both sides",
			m->version, MESSAGE_VERSION);
	if (n < HELLO_SIZE || get_le32(p + 12) != 0)
		return bad(err, MESSAGE_HELLO, "it is too short");
	if (get_le64(p + 16) != checksum64(p + HELLO_SUMMED, n - HELLO_SUMMED))
		return bad(err, MESSAGE_HELLO, "its checksum is wrong");
	m->features = get_le64(p + 24);
	m->payload_max = get_le32(p + 32);
	m->disks = get_le32(p + 36);
	name = get_le32(p + 40);
	if (name != n - HELLO_SIZE || name >= MESSAGE_NAME_MAX)
		return bad(err, MESSAGE_HELLO, "the length of the machine's name is wrong");
	if (!is_plain(p + HELLO_SIZE, name, false))
		return bad(err, MESSAGE_HELLO, "the machine's name has control characters");
	if (m->disks > MESSAGE_DISKS_MAX)
		return bad(err, MESSAGE_HELLO, "it announces too many disks");
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
	memcpy(out + OPEN_SIZE, m->strict, strict);
	memcpy(out + OPEN_SIZE + strict, m->advisory, advisory);
	return OPEN_SIZE + strict + advisory;
}

/* One NUL, at the end. */
static bool is_text(const uint8_t *p, size_t n)
{
	return n > 0 && n <= IDENTITY_TEXT_MAX && p[n - 1] == '\0' && is_plain(p, n - 1, true);
}

int message_decode_open(const void *payload, size_t n, struct message_open *m,
			struct unrack_error *err)
{
	const uint8_t *p = payload;
	uint64_t strict, advisory;

	if (n < OPEN_SIZE)
		return bad(err, MESSAGE_OPEN, "it is too short");
	m->bytes = get_le64(p);
	strict = get_le32(p + 8);
	advisory = get_le32(p + 12);
	if (strict + advisory != n - OPEN_SIZE)
		return bad(err, MESSAGE_OPEN, "the lengths of the disk's identity are wrong");
	if (!is_text(p + OPEN_SIZE, strict) || !is_text(p + OPEN_SIZE + strict, advisory))
		return bad(err, MESSAGE_OPEN, "the disk's identity is not text");
	if (m->bytes == 0 || m->bytes > MESSAGE_DISK_BYTES_MAX)
		return bad(err, MESSAGE_OPEN, "no disk has that size");
	m->strict = (const char *)p + OPEN_SIZE;
	m->advisory = m->strict + strict;
	return 0;
}

size_t message_encode_accept(const struct message_accept *m, uint8_t *out)
{
	put_le32(out, m->number);
	put_le32(out + 4, m->complete ? ACCEPT_COMPLETE : 0);
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
	int r = check_size(n, ACCEPT_SIZE, MESSAGE_ACCEPT, err);

	if (r < 0)
		return r;
	m->number = get_le32(p);
	m->complete = get_le32(p + 4) & ACCEPT_COMPLETE;
	m->next_grain = get_le64(p + 8);
	m->data_grains = get_le64(p + 16);
	m->pass = get_le64(p + 24);
	memcpy(m->seed, p + 32, DIGEST_SEED_SIZE);
	if (get_le32(p + 4) & ~(uint32_t)ACCEPT_COMPLETE)
		return bad(err, MESSAGE_ACCEPT, "it has unknown flags");
	if (m->next_grain > GRAIN_MAX || m->data_grains > m->next_grain)
		return bad(err, MESSAGE_ACCEPT, "its position is impossible");
	return 0;
}

size_t message_encode_zero(const struct message_zero *m, uint8_t *out)
{
	put_le64(out, m->first);
	put_le64(out + 8, m->count);
	return ZERO_SIZE;
}

int message_decode_zero(const void *payload, size_t n, struct message_zero *m,
			struct unrack_error *err)
{
	int r = check_size(n, ZERO_SIZE, MESSAGE_ZERO, err);

	if (r < 0)
		return r;
	m->first = get_le64(payload);
	m->count = get_le64((const uint8_t *)payload + 8);
	if (m->first > GRAIN_MAX || m->count == 0 || m->count > GRAIN_MAX)
		return bad(err, MESSAGE_ZERO, "its range is impossible");
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
	int r = check_size(n, CHECKPOINT_SIZE, MESSAGE_CHECKPOINT, err);

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
	int r = check_size(n, ACK_SIZE, MESSAGE_ACK, err);

	if (r < 0)
		return r;
	m->next_grain = get_le64(payload);
	m->data_grains = get_le64((const uint8_t *)payload + 8);
	if (m->next_grain > GRAIN_MAX || m->data_grains > m->next_grain)
		return bad(err, MESSAGE_ACK, "its position is impossible");
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
	int r = check_size(n, END_SIZE, MESSAGE_END, err);

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
	int r = check_size(n, DONE_SIZE, MESSAGE_DONE, err);

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
		return bad(err, MESSAGE_ERROR, "it has no text, or too much");
	code = get_le32(p);
	m->code = code >= 1 && code <= (uint32_t)-UNRACK_INTERNAL ? (enum unrack_code)-(int)code
								  : UNRACK_IO;
	m->sys_errno = (int)(get_le32(p + 4) & 0xffff);
	n -= ERROR_SIZE;
	/* The sentence may quote a file's name; it should arrive all the same. */
	for (size_t i = 0; i < n; i++)
		m->text[i] = is_plain(p + ERROR_SIZE + i, 1, false) ? (char)p[ERROR_SIZE + i] : '?';
	m->text[n] = '\0';
	return 0;
}
