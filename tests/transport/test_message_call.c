/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages of the call: there and back, and every way in which they can be wrong. */
#include "../support/tap.h"
#include "base/bytes.h"
#include "base/size.h"
#include "unrack/message.h"

static struct unrack_error err;
static uint8_t p[MESSAGE_CONTROL_MAX + 16];
static char big[IDENTITY_TEXT_MAX + 2];

/* A change made on purpose, by someone who knows the checksum. */
static void resum(size_t n)
{
	put_le64(p + 16, checksum64(p + 24, n - 24));
}

static const struct message_call good_call = {
	.kind = CALL_RECEIVE, .features = 5, .rate = 1ull << 40, .flags = CALL_SAME_DISK, .offers = 3,
	.silence_ms = 30000, .path = "/vm/web\xff\n01", .format = 2, .streams = 4, .max_bad = 1ull << 33,
};

static void refused_call(const struct message_call *m, const char *text, const char *what)
{
	struct message_call got;
	size_t n = message_encode_call(m, p);

	is_int(message_decode_call(p, n, &got, &err), UNRACK_DAMAGED, "%s", what);
	has_str(err.text, text, "with the reason");
}

static void changed_call(size_t at, uint32_t value, const char *text, const char *what)
{
	struct message_call got;
	size_t n = message_encode_call(&good_call, p);

	put_le32(p + at, value);
	resum(n);
	is_int(message_decode_call(p, n, &got, &err), UNRACK_DAMAGED, "%s", what);
	has_str(err.text, text, "with the reason");
}

static void test_call(void)
{
	struct message_call m = good_call, got;
	size_t n = message_encode_call(&m, p);

	is_int(message_decode_call(p, n, &got, &err), 0, "CALL is read back");
	ok(got.kind == CALL_RECEIVE && got.features == 5 && got.rate == 1ull << 40 && got.flags == 1 &&
	   got.offers == 3 && got.silence_ms == 30000 && got.format == 2 && got.streams == 4 &&
	   got.max_bad == 1ull << 33, "with its numbers");
	is_str(got.path, m.path, "and the path, whatever its bytes are");
	ok(memcmp(p, "unrack\r\n", 8) == 0 && get_le32(p + 8) == 1 && get_le32(p + 32) == 1 &&
	   get_le32(p + 36) == 1 && get_le32(p + 40) == 3 && get_le32(p + 44) == 30000 &&
	   get_le64(p + 48) == 1ull << 40 && get_le32(p + 56) == strlen(m.path) + 1 &&
	   get_le16(p + 60) == 2 && get_le16(p + 62) == 4 && get_le64(p + 64) == 1ull << 33,
	   "the bytes are where unrack-wire(5) has them");
	for (size_t i = 0; i < n; i++) {
		p[i] ^= 0x40;
		if (message_decode_call(p, n, &got, &err) !=
		    (i >= 8 && i < 12 ? UNRACK_UNSUPPORTED : UNRACK_DAMAGED))
			ok(false, "byte %zu of CALL was changed, and it was taken", i);
		p[i] ^= 0x40;
		if (message_decode_call(p, i, &got, &err) != UNRACK_DAMAGED)
			ok(false, "CALL was cut at %zu, and taken", i);
	}
	is_int(message_decode_call(p, n + 1, &got, &err), UNRACK_DAMAGED, "a longer one is refused");
	p[8] = 2;
	is_int(message_decode_call(p, n, &got, &err), UNRACK_UNSUPPORTED, "another version is refused");
	is_str(err.text, "one side speaks version 2 of the protocol, the other version 1; use the same "
	       "unrack on both sides", "and says what to do");

	changed_call(12, 1, "a field that must be 0 is not", "what must be 0 is 0");
	changed_call(60, 4, "it wants an unknown format", "there is no format 4");
	changed_call(60, 17 << 16, "it announces too many connections", "nor are there 17 connections");
	changed_call(32, 0, "of no known kind", "there is no kind 0");
	changed_call(32, 5, "of no known kind", "nor one after the last");
	changed_call(32, 4, "what it wants to join", "who joins brings no disks");
	changed_call(36, 32, "unknown flags", "unknown flags are refused");
	changed_call(56, (uint32_t)strlen(good_call.path), "length of the path", "a wrong length is refused");
	changed_call(56, UINT32_MAX, "length of the path", "also one that wraps");
	changed_call(76, 0, "the path is no string", "a NUL within the path is refused");
	changed_call(40, MESSAGE_DISKS_MAX + 1, "announces too many disks", "too many disks are refused");
	changed_call(40, 0, "announces no disks", "a copy without disks is refused");
	m.path = "";
	refused_call(&m, "no folder to receive into", "who shall receive needs a folder");
	m.kind = CALL_SEND;
	n = message_encode_call(&m, p);
	is_int(message_decode_call(p, n, &got, &err), 0, "who shall send does not");
	p[72] = 'x';
	resum(n);
	is_int(message_decode_call(p, n, &got, &err), UNRACK_DAMAGED, "a path without its end is refused");
	m.offers = 0;
	refused_call(&m, "announces no disks", "but disks");
	m.kind = CALL_SCAN;
	n = message_encode_call(&m, p);
	is_int(message_decode_call(p, n, &got, &err), 0, "a scan of everything names none");
	m.path = "/vm";
	refused_call(&m, "only who receives needs one", "and no folder");

	m = (struct message_call){ .kind = CALL_JOIN, .streams = 1, .path = "0123abcd" };
	n = message_encode_call(&m, p);
	is_int(message_decode_call(p, n, &got, &err), 0, "who joins says what and as which");
	m.streams = 0;
	refused_call(&m, "what it wants to join", "number 0 is there already");
	m.streams = 1;
	m.path = "";
	refused_call(&m, "what it wants to join", "without a token nobody does");

	m = good_call;
	memset(big, 'a', MESSAGE_PATH_MAX);
	big[MESSAGE_PATH_MAX - 1] = '\0';
	m.path = big;
	n = message_encode_call(&m, p);
	ok(n > 0 && n <= message_limit(MESSAGE_CALL), "the longest path fits");
	is_int(message_decode_call(p, n, &got, &err), 0, "and is taken");
	memcpy(big + MESSAGE_PATH_MAX - 1, "a", 2);
	is_int(message_encode_call(&m, p), 0, "a longer one is not sent");
	/* Nor taken, although the payload may be as long as that of other messages. */
	p[n - 1] = 'a';
	p[n] = '\0';
	put_le32(p + 56, MESSAGE_PATH_MAX + 1);
	resum(n + 1);
	is_int(message_decode_call(p, n + 1, &got, &err), UNRACK_DAMAGED, "and not taken");
}

static void test_ready(void)
{
	struct message_ready m = { .features = 9, .offers = 2 }, got;
	size_t n = message_encode_ready(&m, p);

	is_int(message_decode_ready(p, n, &got, &err), 0, "READY is read back");
	ok(got.features == 9 && got.offers == 2 && n == 76 && get_le32(p + 32) == 2 && got.streams == 0 &&
	   got.token[0] == '\0', "with its numbers");
	for (size_t i = 0; i < n; i++) {
		p[i] ^= 0x40;
		if (message_decode_ready(p, n, &got, &err) !=
		    (i >= 8 && i < 12 ? UNRACK_UNSUPPORTED : UNRACK_DAMAGED))
			ok(false, "byte %zu of READY was changed, and it was taken", i);
		p[i] ^= 0x40;
		if (message_decode_ready(p, i, &got, &err) != UNRACK_DAMAGED)
			ok(false, "READY was cut at %zu, and taken", i);
	}
	p[n] = 0;
	resum(n + 1);
	is_int(message_decode_ready(p, n + 1, &got, &err), UNRACK_DAMAGED, "a longer one is refused");
	has_str(err.text, "it is too long", "with the reason");
	resum(n);
	p[36] = 4;
	resum(n);
	is_int(message_decode_ready(p, n, &got, &err), UNRACK_DAMAGED, "several connections need a token");
	m.streams = 4;
	strcpy(m.token, "0123456789abcdef0123456789abcdef");
	n = message_encode_ready(&m, p);
	is_int(message_decode_ready(p, n, &got, &err), 0, "with one they are read back");
	ok(got.streams == 4 && !strcmp(got.token, m.token) && !memcmp(p + 40, m.token, 32), "both");
	p[36] = 1;
	resum(n);
	is_int(message_decode_ready(p, n, &got, &err), UNRACK_DAMAGED, "one connection has none");
	p[36] = 17;
	resum(n);
	is_int(message_decode_ready(p, n, &got, &err), UNRACK_DAMAGED, "nobody takes 17");
	p[36] = 4;
	p[40] = 'x';
	resum(n);
	is_int(message_decode_ready(p, n, &got, &err), UNRACK_DAMAGED, "a token has digits");
	memset(p + 40, 'a', 36);
	resum(n);
	is_int(message_decode_ready(p, n, &got, &err), UNRACK_DAMAGED, "and an end");
	m = (struct message_ready){ .offers = 2 };
	m.offers = MESSAGE_DISKS_MAX + 1;
	n = message_encode_ready(&m, p);
	is_int(message_decode_ready(p, n, &got, &err), UNRACK_DAMAGED, "too many disks are refused");
	has_str(err.text, "too many disks", "with the reason");
	p[8] = 3;
	is_int(message_decode_ready(p, n, &got, &err), UNRACK_UNSUPPORTED, "another version is refused");
	has_str(err.text, "one side speaks version 3 of the protocol", "with both");
}

static const struct message_offer good_offer = { 1000000, 7, "/dev/\x80""disk\t", "mbr=1\n", "serial=2\n" };

static void changed_offer(size_t at, uint32_t value, const char *text, const char *what)
{
	struct message_offer got;
	size_t n = message_encode_offer(&good_offer, p);

	put_le32(p + at, value);
	is_int(message_decode_offer(p, n, &got, &err), UNRACK_DAMAGED, "%s", what);
	has_str(err.text, text, "with the reason");
}

static void test_offer(void)
{
	struct message_offer m = good_offer, got;
	size_t n = message_encode_offer(&m, p), name = strlen(m.name) + 1;

	is_int(message_decode_offer(p, n, &got, &err), 0, "OFFER is read back");
	ok(got.bytes == 1000000 && got.number == 7 && get_le64(p) == 1000000 && get_le32(p + 8) == 7,
	   "with its numbers");
	is_str(got.name, m.name, "the name, whatever its bytes are");
	is_str(got.strict, "mbr=1\n", "and the identity");
	is_str(got.advisory, "serial=2\n", "in both parts");
	for (size_t i = 0; i < n; i++)
		if (message_decode_offer(p, i, &got, &err) != UNRACK_DAMAGED)
			ok(false, "OFFER was cut at %zu, and taken", i);
	is_int(message_decode_offer(p, n + 1, &got, &err), UNRACK_DAMAGED, "a longer one is refused");
	is_int(message_decode_offer(p, 23, &got, &err), UNRACK_DAMAGED, "a short one too");
	has_str(err.text, "it is too short", "with the reason");
	changed_offer(4, 1 << 14, "no disk has that size", "a size beyond all disks is refused");
	changed_offer(8, MESSAGE_DISKS_MAX, "no disk has that number",
		      "a number beyond all folders is refused");
	changed_offer(12, (uint32_t)name + 1, "lengths of its texts", "a wrong length is refused");
	changed_offer(16, UINT32_MAX, "lengths of its texts", "also one that wraps");
	changed_offer(20, 0, "lengths of its texts", "or is missing");
	changed_offer(26, 0, "the disk's name is no string", "a NUL within the name is refused");
	changed_offer(24 + name, 0, "identity is not text", "a NUL within the identity is refused");
	changed_offer(24 + name, 0x07070707, "identity is not text", "a control character too");
	message_encode_offer(&m, p);
	put_le32(p + 12, (uint32_t)name - 1);
	put_le32(p + 16, 8);
	is_int(message_decode_offer(p, n, &got, &err), UNRACK_DAMAGED, "a name without its end is refused");
	message_encode_offer(&m, p);
	put_le32(p + 16, 0);
	put_le32(p + 20, 17);
	is_int(message_decode_offer(p, n, &got, &err), UNRACK_DAMAGED, "an identity of no bytes is refused");

	m = (struct message_offer){ 0, -1, "/dev/sda", "", "" };
	n = message_encode_offer(&m, p);
	is_int(message_decode_offer(p, n, &got, &err), 0, "a disk that is not known yet has only a name");
	is_int(got.number, -1, "and perhaps no number");
	is_int(get_le32(p + 8), UINT32_MAX, "which is 0xffffffff");
	memset(big, 'a', sizeof big - 1);
	big[IDENTITY_TEXT_MAX - 1] = '\0';
	m.strict = m.advisory = big;
	m.name = big + IDENTITY_TEXT_MAX - MESSAGE_PATH_MAX;
	n = message_encode_offer(&m, p);
	ok(n > 0 && n == message_limit(MESSAGE_OFFER), "the longest one fits");
	is_int(message_decode_offer(p, n, &got, &err), 0, "and is taken");
	m.name = big + IDENTITY_TEXT_MAX - MESSAGE_PATH_MAX - 1;
	is_int(message_encode_offer(&m, p), 0, "a longer name is not sent");
	m.name = "";
	n = message_encode_offer(&m, p);
	is_int(message_decode_offer(p, n, &got, &err), 0, "a name may be empty");
	big[IDENTITY_TEXT_MAX - 1] = 'a';
	m.strict = "";
	is_int(message_encode_offer(&m, p), 0, "a longer identity is not sent");
	m.advisory = "";
	m.strict = big;
	is_int(message_encode_offer(&m, p), 0, "in neither part");
}

int main(void)
{
	test_call();
	test_ready();
	test_offer();
	return tap_done();
}
