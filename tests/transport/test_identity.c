/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "../support/tap.h"
#include "unrack/identity.h"

static struct unrack_error err;

static struct identity make(uint64_t bytes, const char *strict, const char *advisory)
{
	struct identity id;

	if (identity_init(&id, bytes, strict, advisory, &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	return id;
}

static void compares(uint64_t a_bytes, const char *a_strict, const char *a_advisory,
		     uint64_t b_bytes, const char *b_strict, const char *b_advisory,
		     enum identity_match want, const char *want_why, const char *what)
{
	struct identity a = make(a_bytes, a_strict, a_advisory), b = make(b_bytes, b_strict, b_advisory);
	char why[256];

	is_int(identity_compare(&a, &b, why, sizeof why), want, "%s", what);
	is_str(why, want_why, "%s: the reason", what);
	is_int(identity_compare(&a, &b, NULL, 0), want, "%s, without a reason", what);
	identity_free(&a);
	identity_free(&b);
}

static void test_init(void)
{
	struct identity id = make(7, "mbr=1\n10.ext3=b\n1.ext3=a\n", NULL), copy;
	static char big[IDENTITY_TEXT_MAX + 16];
	static const char *const bad[] = { "mbr", "mbr=1", "=1\n", "m br=1\n", "mbr=1\n\n", "a=\x01\n",
					   "a=\xe4\n", "a=\x7f\n" };

	is_str(id.strict, "1.ext3=a\n10.ext3=b\nmbr=1\n", "lines are sorted");
	is_str(id.advisory, "", "no text is an empty one");
	is_int(identity_copy(&copy, &id, &err), 0, "it is copied");
	is_str(copy.strict, id.strict, "with its text");
	identity_free(&copy);
	identity_free(&id);
	ok(!id.strict && !id.advisory, "freed, it is empty");
	identity_free(&id);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		is_int(identity_init(&id, 1, bad[i], "", &err), UNRACK_DAMAGED, "malformed text %zu", i);
		has_str(err.text, "not lines of key=value", "malformed text %zu: said so", i);
	}
	is_int(identity_init(&id, 1, "", "serial\n", &err), UNRACK_DAMAGED, "also if advisory");
	is_int(identity_init(&id, 1, "a=1\nb=2\na=1\n", "", &err), UNRACK_DAMAGED, "a key twice");
	has_str(err.text, "names a twice", "it is named");
	memset(big, 'x', sizeof big);
	memcpy(big, "a=", 2);
	strcpy(big + IDENTITY_TEXT_MAX - 2, "\n");
	is_int(identity_init(&id, 1, big, big, &err), 0, "the largest text");
	identity_free(&id);
	strcpy(big + IDENTITY_TEXT_MAX - 2, "x\n");
	is_int(identity_init(&id, 1, big, "", &err), UNRACK_DAMAGED, "one byte more");
	is_int(identity_init(&id, 1, "", "x==y=\n", &err), 0, "a value may have = in it");
	is_str(id.advisory, "x==y=\n", "and keeps it");
	identity_free(&id);
}

static bool is_partial(const char *strict)
{
	struct identity id;
	bool partial;

	if (identity_init(&id, 5, strict, "stream=head\n", &err) < 0)
		exit(1);
	partial = identity_is_partial(&id);
	identity_free(&id);
	return partial;
}

/* What is known of a stream by its head, against the disk itself. */
static void partial(void)
{
	compares(5, "mbr=1\nstream=head\n", "", 5, "mbr=1\nstream=head\n", "", IDENTITY_SAME, "",
		 "the same stream again");
	compares(5, "mbr=1\nstream=head\n", "", 5, "mbr=2\nstream=head\n", "", IDENTITY_DIFFERENT,
		 "mbr is 2, was 1", "another stream");
	compares(5, "mbr=1\nstream=head\n", "", 5, "gpt=1\nmbr=1\nstream=head\n", "", IDENTITY_DIFFERENT,
		 "gpt is 1, was missing", "a stream that names more");
	compares(6, "mbr=1\nstream=head\n", "", 5, "mbr=1\nstream=head\n", "", IDENTITY_DIFFERENT,
		 "size 5 against 6", "a stream of another size");
	compares(5, "mbr=1\nstream=head\n", "", 5, "1.ext3=a\nmbr=1\n2.swap=b\nzzz=c\n", "serial=A\n",
		 IDENTITY_SAME, "", "the disk that was streamed");
	compares(5, "1.ext3=a\nmbr=1\nzzz=c\n", "serial=A\n", 5, "mbr=1\nstream=head\n", "", IDENTITY_SAME, "",
		 "a stream of a disk that is known");
	compares(5, "mbr=1\nstream=head\n", "", 5, "1.ext3=a\nmbr=2\n", "", IDENTITY_DIFFERENT,
		 "mbr is 2, was 1", "a disk that was not streamed");
	compares(5, "1.ext3=a\nmbr=2\n", "", 5, "mbr=1\nstream=head\n", "", IDENTITY_DIFFERENT,
		 "mbr is 1, was 2", "a stream of another disk");
	compares(5, "head=1\nstream=head\n", "", 5, "0.ext3=a\n", "", IDENTITY_DIFFERENT,
		 "head is missing, was 1", "a disk that does not have what the stream names");
	compares(5, "0.ext3=a\n", "", 5, "head=1\nstream=head\n", "", IDENTITY_DIFFERENT,
		 "head is 1, was missing", "a stream that names what the disk does not have");
	compares(5, "1.ext3=a\n2.ext3=b\nstream=head\n", "", 5, "1.ext3=a\n3.ext3=b\n", "", IDENTITY_DIFFERENT,
		 "2.ext3 is missing, was b", "a disk that agrees only in part");
	compares(5, "stream=head\n", "", 5, "", "", IDENTITY_SAME, "", "a blank stream of a blank disk");
	compares(5, "stream=head\n", "", 5, "mbr=1\n", "", IDENTITY_DIFFERENT, "mbr is 1, was missing",
		 "a blank stream is not just any disk");
	compares(5, "mbr=1\n", "", 5, "stream=head\n", "", IDENTITY_DIFFERENT, "mbr is missing, was 1",
		 "nor is any disk a blank stream");
}

int main(void)
{
	test_init();
	compares(5, "mbr=1\n", "serial=A\n", 5, "mbr=1\n", "serial=A\n", IDENTITY_SAME, "", "equal");
	compares(512, "mbr=1\n", "", 1024, "mbr=1\n", "", IDENTITY_DIFFERENT, "size 1024 against 512",
		 "another size");
	compares(5, "1.ext3=a\nmbr=1\n", "", 5, "1.ext3=b\nmbr=1\n", "", IDENTITY_DIFFERENT,
		 "1.ext3 is b, was a", "another filesystem");
	compares(5, "1.ext3=a\nmbr=1\n", "", 5, "mbr=1\n", "", IDENTITY_DIFFERENT,
		 "1.ext3 is missing, was a", "a filesystem gone");
	compares(5, "mbr=1\n", "", 5, "mbr=1\n2.swap=q\n", "", IDENTITY_DIFFERENT,
		 "2.swap is q, was missing", "a filesystem new");
	compares(5, "1.ext3=a\n", "", 5, "1.ext3=ab\n", "", IDENTITY_DIFFERENT, "1.ext3 is ab, was a",
		 "a longer value");
	compares(5, "1.ext3=a\n", "", 5, "1.ext=a\n", "", IDENTITY_DIFFERENT,
		 "1.ext is a, was missing", "a shorter key");
	compares(5, "mbr=1\n", "serial=A\n", 5, "mbr=1\n", "serial=B\n", IDENTITY_SAME_BUT,
		 "serial is B, was A", "a clone");
	compares(5, "mbr=1\n", "", 5, "mbr=1\n", "serial=B\n", IDENTITY_SAME, "",
		 "a serial that was unknown");
	compares(5, "mbr=1\n", "serial=A\nwwid=x\n", 5, "mbr=1\n", "serial=A\nwwid=y\n",
		 IDENTITY_SAME_BUT, "wwid is y, was x", "virtual disks that share a serial");
	compares(5, "mbr=1\n", "serial=A\nwwid=x\n", 5, "mbr=1\n", "serial=B\nwwid=x\n", IDENTITY_SAME,
		 "", "one wwid, two ways to show the serial");
	compares(5, "mbr=1\n", "model=A\n", 5, "mbr=1\n", "model=B\n", IDENTITY_SAME, "",
		 "another driver's model name");
	compares(5, "", "", 5, "", "", IDENTITY_SAME, "", "two blank disks");
	partial();
	ok(is_partial("mbr=1\nstream=head\n") && is_partial("stream=head\n"), "what is of a stream says so");
	ok(!is_partial("mbr=1\n") && !is_partial("") && !is_partial("streams=1\n") && !is_partial("mbr=stream\n"),
	   "what is not does not");
	return tap_done();
}
