/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a copy says besides the data: MAP, WANT, DIGESTS, SAME, LOST. */
#include "../support/tap.h"
#include "base/bytes.h"
#include "base/size.h"
#include "unrack/grain.h"
#include "unrack/message.h"

static struct unrack_error err;
static uint8_t p[MESSAGE_CONTROL_MAX + 64];

static void test_map(void)
{
	static struct message_map m;
	static struct map_run runs[MESSAGE_MAP_RUNS];
	size_t n;

	for (unsigned i = 0; i < MESSAGE_MAP_RUNS; i++)
		runs[i] = (struct map_run){ 3ull * i, 2 };
	n = message_encode_map(runs, 3, true, p);
	is_int(message_decode_map(p, n, &m, &err), 0, "MAP is read back");
	ok(m.count == 3 && m.more && m.run[2].first == 6 && m.run[2].count == 2, "with its runs");
	for (size_t i = 0; i < n; i++)
		if (message_decode_map(p, i, &m, &err) != UNRACK_DAMAGED)
			ok(false, "MAP was cut at %zu, and taken", i);
	is_int(message_decode_map(p, n + 1, &m, &err), UNRACK_DAMAGED, "a longer one is refused");
	has_str(err.text, "the number of its runs is wrong", "with the reason");
	put_le64(p + 16, 0);
	is_int(message_decode_map(p, n, &m, &err), UNRACK_DAMAGED, "an empty run is refused");
	has_str(err.text, "one of its runs is impossible", "with the reason");
	message_encode_map(runs, 3, true, p);
	put_le64(p + 8, UINT64_MAX);
	is_int(message_decode_map(p, n, &m, &err), UNRACK_DAMAGED, "and one beyond all disks");
	p[4] = 2;
	is_int(message_decode_map(p, n, &m, &err), UNRACK_DAMAGED, "unknown flags are refused");
	has_str(err.text, "unknown flags", "with the reason");
	n = message_encode_map(NULL, 0, false, p);
	ok(message_decode_map(p, n, &m, &err) == 0 && m.count == 0 && !m.more, "a map may be empty");
	p[4] = 1;
	is_int(message_decode_map(p, n, &m, &err), UNRACK_DAMAGED, "but not for ever");
	n = message_encode_map(runs, MESSAGE_MAP_RUNS, true, p);
	is_int(n, message_limit(MESSAGE_MAP), "the largest one has the size of its limit");
	is_int(message_decode_map(p, n, &m, &err), 0, "and is taken");
	put_le32(p, MESSAGE_MAP_RUNS + 1);
	is_int(message_decode_map(p, n + 16, &m, &err), UNRACK_DAMAGED, "a larger one is not");
	put_le32(p, UINT32_MAX);
	is_int(message_decode_map(p, n, &m, &err), UNRACK_DAMAGED, "nor one whose number wraps");
}

static void test_ranges(void)
{
	struct message_range m = { 7, MESSAGE_WANT_MAX }, got;
	size_t n = message_encode_range(&m, p);

	ok(message_decode_range(MESSAGE_WANT, p, n, &got, &err) == 0 && got.first == 7 &&
	   got.count == MESSAGE_WANT_MAX, "WANT is read back");
	ok(message_decode_range(MESSAGE_SAME, p, n, &got, &err) == 0, "SAME has the same form");
	put_le64(p + 8, MESSAGE_WANT_MAX + 1);
	is_int(message_decode_range(MESSAGE_WANT, p, n, &got, &err), UNRACK_DAMAGED, "a WANT has its limit");
	has_str(err.text, "a WANT came that is not valid: it asks for too much at once", "with the reason");
	is_int(message_decode_range(MESSAGE_SAME, p, n, &got, &err), 0, "a SAME has not");
	put_le64(p + 8, 0);
	is_int(message_decode_range(MESSAGE_SAME, p, n, &got, &err), UNRACK_DAMAGED, "an empty SAME is refused");
	has_str(err.text, "a SAME came", "by its name");
}

static void test_digests(void)
{
	static uint8_t digest[MESSAGE_DIGESTS_MAX * DIGEST_SIZE] = { 1, 2, 3 };
	struct message_digests m = { 100, 2, digest }, got;
	size_t n = message_encode_digests(&m, p);

	is_int(n, 48, "DIGESTS has its digests");
	ok(message_decode_digests(p, n, &got, &err) == 0 && got.first == 100 && got.count == 2 &&
	   memcmp(got.digest, digest, 32) == 0, "and is read back");
	for (size_t i = 0; i < n; i++)
		if (i != 16 && message_decode_digests(p, i, &got, &err) != UNRACK_DAMAGED)
			ok(false, "DIGESTS was cut at %zu, and taken", i);
	has_str(err.text, "it does not have its digests", "a cut one is refused");
	is_int(message_decode_digests(p, n + 1, &got, &err), UNRACK_DAMAGED, "a longer one too");
	put_le64(p + 8, 1ull << 60);
	is_int(message_decode_digests(p, n, &got, &err), UNRACK_DAMAGED, "a number that wraps as well");
	put_le64(p + 8, 0);
	is_int(message_decode_digests(p, n, &got, &err), UNRACK_DAMAGED, "and none");
	m = (struct message_digests){ 5, MESSAGE_WANT_MAX, NULL };
	n = message_encode_digests(&m, p);
	ok(message_decode_digests(p, n, &got, &err) == 0 && n == 16 && got.count == MESSAGE_WANT_MAX &&
	   !got.digest, "zeros need none, however many they are");
	put_le64(p + 8, MESSAGE_WANT_MAX + 1);
	is_int(message_decode_digests(p, n, &got, &err), UNRACK_DAMAGED, "up to what can be asked for");
	m = (struct message_digests){ 0, MESSAGE_DIGESTS_MAX, digest };
	n = message_encode_digests(&m, p);
	is_int(n, message_limit(MESSAGE_DIGESTS), "the largest one has the size of its limit");
	is_int(message_decode_digests(p, n, &got, &err), 0, "and is taken");
}

static void test_lost(void)
{
	struct message_lost m = { 1000, 512, "/etc/passwd on vg0/root" }, got;
	size_t n = message_encode_lost(&m, p);

	ok(message_decode_lost(p, n, &got, &err) == 0 && got.off == 1000 && got.len == 512, "LOST is read back");
	is_str(got.text, m.text, "with what lies there");
	ok(message_decode_lost(p, 16, &got, &err) == 0 && got.text[0] == '\0', "which may be nothing");
	is_int(message_decode_lost(p, 15, &got, &err), UNRACK_DAMAGED, "a short one is refused");
	p[20] = 0x1b;
	is_int(message_decode_lost(p, n, &got, &err), UNRACK_DAMAGED, "control characters are refused");
	p[20] = '\0';
	is_int(message_decode_lost(p, n, &got, &err), UNRACK_DAMAGED, "a NUL as well");
	has_str(err.text, "its text has control characters", "with the reason");
	p[20] = 'x';
	put_le64(p + 8, 0);
	is_int(message_decode_lost(p, n, &got, &err), UNRACK_DAMAGED, "no bytes can't be lost");
	memset(m.text, 't', sizeof m.text - 1);
	m.text[sizeof m.text - 1] = '\0';
	n = message_encode_lost(&m, p);
	is_int(n, message_limit(MESSAGE_LOST), "the longest one has the size of its limit");
	is_int(message_decode_lost(p, n, &got, &err), 0, "and is taken");
	is_int(message_decode_lost(p, n + 1, &got, &err), UNRACK_DAMAGED, "a longer one is not");
}

int main(void)
{
	test_map();
	test_ranges();
	test_digests();
	test_lost();
	return tap_done();
}
