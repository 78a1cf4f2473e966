/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The payload of one message: 0:1 its type, the rest the payload. What a decoder takes, the
 * encoder must give back, byte for byte. */
#include "fuzz.h"
#include "unrack/identity.h"
#include "unrack/message.h"

static uint8_t out[MESSAGE_CONTROL_MAX];

static void same(const uint8_t *p, size_t n, size_t made)
{
	fuzz_check(made == n && memcmp(p, out, n) == 0);
}

static void check_string(const uint8_t *p, size_t n, const char *s)
{
	const uint8_t *at = (const uint8_t *)s;

	fuzz_check(at >= p && at < p + n && memchr(at, 0, (size_t)(p + n - at)));
}

/* What comes of the texts of an OPEN or OFFER: identities that are well formed or refused. */
static void check_identity(uint64_t bytes, const char *strict, const char *advisory)
{
	struct identity id, again;
	struct unrack_error err;
	char why[256];

	if (identity_init(&id, bytes, strict, advisory, &err) < 0)
		return;
	fuzz_check(identity_copy(&again, &id, &err) == 0);
	fuzz_check(identity_compare(&id, &again, why, sizeof why) == IDENTITY_SAME);
	fuzz_check(strlen(id.strict) == strlen(strict) && strlen(id.advisory) == strlen(advisory));
	identity_free(&again);
	identity_free(&id);
}

static int hello(const uint8_t *p, size_t n, struct unrack_error *err)
{
	struct message_hello m;
	int r = message_decode_hello(p, n, &m, err);

	if (r == 0)
		same(p, n, message_encode_hello(&m, out));
	return r;
}

static int open_disk(const uint8_t *p, size_t n, struct unrack_error *err)
{
	struct message_open m;
	int r = message_decode_open(p, n, &m, err);

	if (r < 0)
		return r;
	check_string(p, n, m.strict);
	check_string(p, n, m.advisory);
	check_identity(m.bytes, m.strict, m.advisory);
	same(p, n, message_encode_open(&m, out));
	return r;
}

static int offer(const uint8_t *p, size_t n, struct unrack_error *err)
{
	struct message_offer m;
	int r = message_decode_offer(p, n, &m, err);

	if (r < 0)
		return r;
	check_string(p, n, m.name);
	check_string(p, n, m.strict);
	check_string(p, n, m.advisory);
	check_identity(m.bytes, m.strict, m.advisory);
	same(p, n, message_encode_offer(&m, out));
	return r;
}

static int call(const uint8_t *p, size_t n, struct unrack_error *err)
{
	struct message_call m;
	int r = message_decode_call(p, n, &m, err);

	if (r < 0)
		return r;
	check_string(p, n, m.path);
	fuzz_check(m.offers <= MESSAGE_DISKS_MAX);
	same(p, n, message_encode_call(&m, out));
	return r;
}

static int any_grains(unsigned type, const uint8_t *p, size_t n, struct unrack_error *err)
{
	struct message_grains m;
	struct message_grains_writer w;
	int r = message_decode_grains(type, p, n, &m, err);
	uint8_t *made;

	if (r < 0)
		return r;
	made = malloc(message_limit(MESSAGE_GRAINS));
	if (!made)
		abort();
	message_grains_begin(&w, made, m.first, m.span);
	for (unsigned i = 0; i < m.count; i++) {
		fuzz_check(m.grain[i].z >= p && m.grain[i].z + m.grain[i].size <= p + n);
		memcpy(message_grains_room(&w), m.grain[i].z, m.grain[i].size);
		message_grains_add(&w, m.grain[i].place, m.grain[i].size, &m.grain[i].digest);
	}
	fuzz_check(message_grains_end(&w) == n && memcmp(made, p, n) == 0);
	free(made);
	return r;
}

static int grains(const uint8_t *p, size_t n, struct unrack_error *err)
{
	return any_grains(MESSAGE_GRAINS, p, n, err);
}

static int delta(const uint8_t *p, size_t n, struct unrack_error *err)
{
	return any_grains(MESSAGE_DELTA, p, n, err);
}

static int range(unsigned type, const uint8_t *p, size_t n, struct unrack_error *err)
{
	struct message_range m;
	int r = message_decode_range(type, p, n, &m, err);

	if (r == 0)
		same(p, n, message_encode_range(&m, out));
	return r;
}

static int zero(const uint8_t *p, size_t n, struct unrack_error *err)
{
	return range(MESSAGE_ZERO, p, n, err);
}

static int not_changed(const uint8_t *p, size_t n, struct unrack_error *err)
{
	return range(MESSAGE_SAME, p, n, err);
}

static int want(const uint8_t *p, size_t n, struct unrack_error *err)
{
	return range(MESSAGE_WANT, p, n, err);
}

static int map(const uint8_t *p, size_t n, struct unrack_error *err)
{
	static struct message_map m;
	int r = message_decode_map(p, n, &m, err);

	if (r == 0)
		same(p, n, message_encode_map(m.run, m.count, m.more, out));
	return r;
}

static int error(const uint8_t *p, size_t n, struct unrack_error *err)
{
	struct unrack_error m;
	int r = message_decode_error(p, n, &m, err);

	if (r < 0)
		return r;
	fuzz_check(m.code < 0 && strlen(m.text) == n - 8);
	for (const char *c = m.text; *c; c++)
		fuzz_check((unsigned char)*c >= ' ' && *c != 0x7f);
	return r;
}

#define PLAIN(name)                                                                     \
	static int name(const uint8_t *p, size_t n, struct unrack_error *err)           \
	{                                                                               \
		struct message_##name m;                                                \
		int r = message_decode_##name(p, n, &m, err);                           \
                                                                                        \
		if (r == 0)                                                             \
			same(p, n, message_encode_##name(&m, out));                     \
		return r;                                                               \
	}

PLAIN(accept)
PLAIN(checkpoint)
PLAIN(ack)
PLAIN(end)
PLAIN(done)
PLAIN(ready)
PLAIN(digests)
PLAIN(lost)

static int nothing(const uint8_t *p, size_t n, struct unrack_error *err)
{
	(void)p;
	(void)n;
	(void)err;
	return 0;
}

static int (*const decoder[])(const uint8_t *p, size_t n, struct unrack_error *err) = {
	[MESSAGE_HELLO] = hello, [MESSAGE_OPEN] = open_disk, [MESSAGE_ACCEPT] = accept,
	[MESSAGE_GRAINS] = grains, [MESSAGE_ZERO] = zero, [MESSAGE_CHECKPOINT] = checkpoint,
	[MESSAGE_ACK] = ack, [MESSAGE_END] = end, [MESSAGE_DONE] = done, [MESSAGE_BYE] = nothing,
	[MESSAGE_ERROR] = error, [MESSAGE_PING] = nothing, [MESSAGE_CALL] = call,
	[MESSAGE_READY] = ready, [MESSAGE_OFFER] = offer, [MESSAGE_TEXT] = nothing,
	[MESSAGE_MAP] = map, [MESSAGE_WANT] = want, [MESSAGE_DIGESTS] = digests,
	[MESSAGE_DELTA] = delta, [MESSAGE_SAME] = not_changed, [MESSAGE_LOST] = lost,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned type = (unsigned)fuzz_take(&in, 1) % ARRAY_LEN(decoder);
	struct frame f = { .type = (uint8_t)type, .length = (uint32_t)in.n };
	struct unrack_error err = UNRACK_ERROR_INIT;
	uint8_t *p;
	int r;

	if (!decoder[type] || message_check_frame(&f, &err) < 0)
		return 0;
	p = fuzz_copy(in.p, in.n);
	/* A wrong checksum is refused at once, which is soon known. */
	if ((type == MESSAGE_HELLO || type == MESSAGE_CALL || type == MESSAGE_READY) && in.n >= 24)
		put_le64(p + 16, checksum64(p + 24, in.n - 24));
	r = decoder[type](p, in.n, &err);
	fuzz_check(r == 0 || (r == (int)err.code && err.text[0]));
	free(p);
	return 0;
}
