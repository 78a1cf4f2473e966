/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control messages: there and back, and every way in which they can be wrong. */
#include "../support/tap.h"
#include "base/bytes.h"
#include "base/size.h"
#include "unrack/message.h"

static struct unrack_error err;
static uint8_t p[MESSAGE_CONTROL_MAX + 16];

static void hello_sum(size_t n)
{
	put_le64(p + 16, checksum64(p + 24, n - 24));
}

static void test_hello(void)
{
	struct message_hello m = { .version = MESSAGE_VERSION, .features = 5, .payload_max = 1 << 20,
				   .disks = 3, .machine = "web01" }, got;
	size_t n = message_encode_hello(&m, p);

	is_int(message_decode_hello(p, n, &got, &err), 0, "HELLO is read back");
	ok(got.features == 5 && got.payload_max == 1 << 20 && got.disks == 3, "with its numbers");
	is_str(got.machine, "web01", "and the machine's name");
	ok(memcmp(p, "unrack\r\n", 8) == 0 && get_le32(p + 8) == 1, "it begins with magic and version");

	p[8] = 2;
	is_int(message_decode_hello(p, n, &got, &err), UNRACK_UNSUPPORTED,
	       "another version is refused");
	is_str(err.text, "one side speaks version 2 of the protocol, the other version 1; use the same "
	       "unrack on both sides", "and says what to do");
	is_int(message_decode_hello(p, 24, &got, &err), UNRACK_UNSUPPORTED,
	       "whatever else has changed in it");
	p[8] = 1;
	for (size_t i = 0; i < n; i++) {
		if (i >= 8 && i < 12)
			continue;
		p[i] ^= 0x40;
		if (message_decode_hello(p, n, &got, &err) != UNRACK_DAMAGED)
			ok(false, "byte %zu of HELLO was changed, and it was taken", i);
		p[i] ^= 0x40;
	}
	for (size_t i = 0; i < n; i++)
		if (message_decode_hello(p, i, &got, &err) != UNRACK_DAMAGED)
			ok(false, "HELLO was cut at %zu, and taken", i);
	message_decode_hello(p, 23, &got, &err);
	is_str(err.text, "a HELLO came that is not valid: it does not begin as one does",
	       "a piece of a HELLO is none");
	message_decode_hello(p, 43, &got, &err);
	has_str(err.text, "it is too short", "nor is a short one");
	message_decode_hello(p, n - 1, &got, &err);
	has_str(err.text, "its checksum is wrong", "nor one of which the end is missing");
	put_le32(p + 36, MESSAGE_DISKS_MAX + 1);
	hello_sum(n);
	is_int(message_decode_hello(p, n, &got, &err), UNRACK_DAMAGED, "too many disks are refused");
	has_str(err.text, "too many disks", "with the reason");
	message_encode_hello(&m, p);
	put_le32(p + 12, 1);
	is_int(message_decode_hello(p, n, &got, &err), UNRACK_DAMAGED, "what must be 0 is 0");
	has_str(err.text, "a field that must be 0 is not", "with the reason");
	message_encode_hello(&m, p);
	put_le32(p + 40, 0xfffffff0);
	hello_sum(n);
	is_int(message_decode_hello(p, n, &got, &err), UNRACK_DAMAGED, "a wrong length is refused");
	has_str(err.text, "length of the machine's name", "with the reason");
	memcpy(m.machine, "we\x1b[m", 6);
	n = message_encode_hello(&m, p);
	is_int(message_decode_hello(p, n, &got, &err), UNRACK_DAMAGED,
	       "control characters are refused");
	has_str(err.text, "the machine's name has control characters", "with the reason");
	memset(m.machine, 'n', sizeof m.machine);
	n = message_encode_hello(&m, p);
	is_int(message_decode_hello(p, n, &got, &err), 0, "a long name is cut");
	is_int(strlen(got.machine), MESSAGE_NAME_MAX - 1, "at its limit");
	ok(n <= message_limit(MESSAGE_HELLO), "and keeps to the limit of the message");
}

static void test_open(void)
{
	struct message_open m = { .bytes = 1000000, .strict = "gpt=1\nmbr=2\n", .advisory = "serial=3\n",
				  .state = { { 1, 2, 3 } }, .flags = OPEN_LIVE | OPEN_ALL_BLOCKS }, got;
	char *big = malloc(IDENTITY_TEXT_MAX + 1);
	size_t n = message_encode_open(&m, p);

	is_int(message_decode_open(p, n, &got, &err), 0, "OPEN is read back");
	is_int(got.bytes, 1000000, "with the size");
	is_str(got.strict, "gpt=1\nmbr=2\n", "and the identity");
	is_str(got.advisory, "serial=3\n", "in both parts");
	ok(memcmp(&got.state, &m.state, sizeof m.state) == 0 && got.flags == m.flags, "state and flags");
	p[32] |= 4;
	is_int(message_decode_open(p, n, &got, &err), UNRACK_DAMAGED, "unknown flags are refused");
	has_str(err.text, "unknown flags", "with the reason");
	p[32] = 0;
	p[36] = 1;
	is_int(message_decode_open(p, n, &got, &err), UNRACK_DAMAGED, "what must be 0 is 0");
	p[36] = 0;
	for (size_t i = 0; i < n; i++)
		if (message_decode_open(p, i, &got, &err) != UNRACK_DAMAGED)
			ok(false, "OPEN was cut at %zu, and taken", i);
	has_str(err.text, "the lengths of the disk's identity are wrong", "a cut one is refused");
	message_decode_open(p, 39, &got, &err);
	has_str(err.text, "a OPEN came that is not valid: it is too short", "a short one too");
	is_int(message_decode_open(p, n + 1, &got, &err), UNRACK_DAMAGED, "a longer one is refused");
	put_le32(p + 8, 14);
	put_le32(p + 12, 9);
	is_int(message_decode_open(p, n, &got, &err), UNRACK_DAMAGED,
	       "a text without its end is refused");
	has_str(err.text, "not text", "with the reason");
	put_le32(p + 8, 0xffffffff);
	put_le32(p + 12, (uint32_t)(n - 40 + 1));
	is_int(message_decode_open(p, n, &got, &err), UNRACK_DAMAGED, "lengths may not wrap");
	has_str(err.text, "lengths", "with the reason");
	message_encode_open(&m, p);
	put_le32(p + 8, 0);
	put_le32(p + 12, 23);
	is_int(message_decode_open(p, n, &got, &err), UNRACK_DAMAGED, "a text of no bytes is refused");
	message_encode_open(&m, p);
	p[42] = '\0';
	is_int(message_decode_open(p, n, &got, &err), UNRACK_DAMAGED, "a NUL within is refused");
	p[42] = 0x07;
	is_int(message_decode_open(p, n, &got, &err), UNRACK_DAMAGED, "a control character as well");
	m.bytes = 0;
	n = message_encode_open(&m, p);
	is_int(message_decode_open(p, n, &got, &err), UNRACK_DAMAGED,
	       "a disk without bytes is refused");
	m.bytes = MESSAGE_DISK_BYTES_MAX + 1;
	n = message_encode_open(&m, p);
	is_int(message_decode_open(p, n, &got, &err), UNRACK_DAMAGED, "and one beyond all sizes");
	has_str(err.text, "no disk has that size", "with the reason");
	m.bytes = 1;
	memset(big, 'a', IDENTITY_TEXT_MAX);
	big[IDENTITY_TEXT_MAX] = '\0';
	m.strict = big;
	is_int(message_encode_open(&m, p), 0, "an identity that is too long is not sent");
	big[IDENTITY_TEXT_MAX - 1] = '\0';
	m.advisory = big;
	n = message_encode_open(&m, p);
	ok(n > 0 && n <= message_limit(MESSAGE_OPEN) &&
		   message_limit(MESSAGE_OPEN) <= MESSAGE_CONTROL_MAX,
	   "the longest one fits");
	is_int(message_decode_open(p, n, &got, &err), 0, "and is taken");
	free(big);
}

static void test_accept(void)
{
	struct message_accept m = { .number = 2, .complete = true, .next_grain = 100, .data_grains = 60,
				    .pass = 1 }, got;
	size_t n;

	memset(m.seed, 9, sizeof m.seed);
	n = message_encode_accept(&m, p);
	is_int(message_decode_accept(p, n, &got, &err), 0, "ACCEPT is read back");
	ok(got.number == 2 && got.complete && got.next_grain == 100 && got.data_grains == 60 &&
	   got.pass == 1 && memcmp(got.seed, m.seed, sizeof m.seed) == 0 && !got.keeps_streams && !got.delta,
	   "with all its fields");
	p[4] = 3;
	is_int(message_decode_accept(p, n, &got, &err), UNRACK_DAMAGED, "what is complete gets no pass");
	has_str(err.text, "what is complete needs no pass", "with the reason");
	p[4] = 2;
	ok(message_decode_accept(p, n, &got, &err) == 0 && got.delta && !got.complete, "a delta pass has its flag");
	m.complete = false;
	m.keeps_streams = true;
	message_encode_accept(&m, p);
	message_decode_accept(p, n, &got, &err);
	ok(!got.complete && got.keeps_streams, "and that its image keeps what comes");
	p[5] = 1;
	is_int(message_decode_accept(p, n, &got, &err), UNRACK_DAMAGED, "unknown flags are refused");
	has_str(err.text, "a ACCEPT came that is not valid: it has unknown flags", "with the reason");
	p[5] = 0;
	put_le64(p + 16, 101);
	is_int(message_decode_accept(p, n, &got, &err), UNRACK_DAMAGED,
	       "more data than grains is refused");
	has_str(err.text, "a ACCEPT came that is not valid: its position is impossible", "with the reason");
	put_le64(p + 8, UINT64_MAX);
	is_int(message_decode_accept(p, n, &got, &err), UNRACK_DAMAGED, "an endless position too");
	is_int(message_decode_accept(p, n - 1, &got, &err), UNRACK_DAMAGED, "a short one too");
	has_str(err.text, "a ACCEPT of 63 bytes came instead of 64", "with the reason");
}

static void test_numbers(void)
{
	struct message_range z = { 5, 1000 }, z2;
	struct message_checkpoint c = { 77 }, c2;
	struct message_ack a = { 50, 20 }, a2;
	struct message_end e = { .first = 3, .data_grains = 4, .session = { "abcdefghijklmno" } }, e2;
	struct message_done d = { .data_grains = 4, .whole = { "abcdefghijklmno" } }, d2;
	size_t n;

	n = message_encode_range(&z, p);
	is_int(message_decode_range(MESSAGE_ZERO, p, n, &z2, &err), 0, "ZERO is read back");
	ok(z2.first == 5 && z2.count == 1000, "with its range");
	put_le64(p + 8, 0);
	is_int(message_decode_range(MESSAGE_ZERO, p, n, &z2, &err), UNRACK_DAMAGED, "an empty range is refused");
	has_str(err.text, "a ZERO came that is not valid: its range is impossible", "with the reason");
	put_le64(p + 8, UINT64_MAX);
	is_int(message_decode_range(MESSAGE_ZERO, p, n, &z2, &err), UNRACK_DAMAGED, "a range that wraps is refused");
	is_int(message_decode_range(MESSAGE_ZERO, p, n + 1, &z2, &err), UNRACK_DAMAGED, "a long one is refused");

	n = message_encode_checkpoint(&c, p);
	is_int(message_decode_checkpoint(p, n, &c2, &err), 0, "CHECKPOINT is read back");
	is_int(c2.next_grain, 77, "with its position");
	is_int(message_decode_checkpoint(p, 0, &c2, &err), UNRACK_DAMAGED, "an empty one is refused");

	n = message_encode_ack(&a, p);
	is_int(message_decode_ack(p, n, &a2, &err), 0, "ACK is read back");
	ok(a2.next_grain == 50 && a2.data_grains == 20, "with its numbers");
	put_le64(p + 8, 51);
	is_int(message_decode_ack(p, n, &a2, &err), UNRACK_DAMAGED, "more data than grains is refused");
	has_str(err.text, "a ACK came that is not valid: its position is impossible", "with the reason");

	n = message_encode_end(&e, p);
	is_int(message_decode_end(p, n, &e2, &err), 0, "END is read back");
	ok(e2.first == 3 && e2.data_grains == 4 && !memcmp(&e2.session, &e.session, DIGEST_SIZE),
	   "with all its fields");
	is_int(message_decode_end(p, n - 1, &e2, &err), UNRACK_DAMAGED, "a short one is refused");

	n = message_encode_done(&d, p);
	is_int(message_decode_done(p, n, &d2, &err), 0, "DONE is read back");
	ok(d2.data_grains == 4 && !memcmp(&d2.whole, &d.whole, DIGEST_SIZE), "with all its fields");
	is_int(message_decode_done(p, n + 1, &d2, &err), UNRACK_DAMAGED, "a long one is refused");
}

static void test_error(void)
{
	struct unrack_error m = { UNRACK_NOSPACE, 28, "" }, got;
	size_t n;

	strcpy(m.text, "the disk is full");
	n = message_encode_error(&m, p);
	is_int(message_decode_error(p, n, &got, &err), 0, "ERROR is read back");
	ok(got.code == UNRACK_NOSPACE && got.sys_errno == 28, "with its code");
	is_str(got.text, "the disk is full", "and its sentence");
	m.code = UNRACK_LOST;
	message_encode_error(&m, p);
	message_decode_error(p, n, &got, &err);
	is_int(got.code, UNRACK_LOST, "the last code is one, too");
	put_le32(p, 4711);
	message_decode_error(p, n, &got, &err);
	is_int(got.code, UNRACK_IO, "an unknown code is an error all the same");
	put_le32(p, 0);
	message_decode_error(p, n, &got, &err);
	is_int(got.code, UNRACK_IO, "and so is the code of success");
	strcpy(m.text, "\x1b[2Jname\n");
	n = message_encode_error(&m, p);
	is_int(message_decode_error(p, n, &got, &err), 0, "control characters do not hide an error");
	is_str(got.text, "?[2Jname?", "but are not passed on");
	is_int(message_decode_error(p, 8, &got, &err), UNRACK_DAMAGED, "without a text it is refused");
	has_str(err.text, "a ERROR came that is not valid: it has no text, or too much", "with the reason");
	memset(m.text, 'e', sizeof m.text - 1);
	m.text[sizeof m.text - 1] = '\0';
	n = message_encode_error(&m, p);
	ok(n <= message_limit(MESSAGE_ERROR), "the longest text fits");
	is_int(message_decode_error(p, n, &got, &err), 0, "and is taken");
	is_int(message_decode_error(p, n + 1, &got, &err), UNRACK_DAMAGED, "a longer one is refused");
}

static void test_frames(void)
{
	struct frame f = { .type = MESSAGE_ACK, .length = 16 };

	is_int(message_check_frame(&f, &err), 0, "an ACK of 16 bytes may come");
	f.length = 17;
	is_int(message_check_frame(&f, &err), UNRACK_DAMAGED,
	       "one of 17 is stopped before its payload");
	is_str(err.text, "a ACK of 17 bytes came, more than the 16 it may have",
	       "with the reason");
	f.type = MESSAGE_BYE;
	is_int(message_check_frame(&f, &err), UNRACK_DAMAGED, "a BYE has no payload");
	f.type = 0;
	f.length = 0;
	is_int(message_check_frame(&f, &err), UNRACK_UNSUPPORTED, "there is no type 0");
	f.type = MESSAGE_LOST + 1;
	is_int(message_check_frame(&f, &err), UNRACK_UNSUPPORTED, "nor one after the last");
	is_str(err.text, "a message of the unknown type 23 came", "with its number");
	f.type = MESSAGE_PING;
	is_int(message_check_frame(&f, &err), 0, "a PING may come");
	f.length = 1;
	is_int(message_check_frame(&f, &err), UNRACK_DAMAGED, "without a payload");
	for (unsigned t = 0; t < 256; t++)
		if (message_limit(t) > FRAME_PAYLOAD_MAX ||
		    (t != MESSAGE_GRAINS && t != MESSAGE_DELTA && t != MESSAGE_TEXT && message_limit(t) > MESSAGE_CONTROL_MAX))
			ok(false, "type %u is longer than the buffers for it", t);
}

int main(void)
{
	test_hello();
	test_open();
	test_accept();
	test_numbers();
	test_error();
	test_frames();
	return tap_done();
}
