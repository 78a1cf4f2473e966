/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/sha256.h"

static struct unrack_error err;

static void sum_is(const char *path, const char *text, size_t times, const char *want, const char *what)
{
	char hex[SHA256_HEX] = "";
	FILE *f = fopen(path, "w");

	while (times--)
		fputs(text, f);
	fclose(f);
	is_int(sha256_file(io_posix(), path, 0, NULL, hex, &err), 0, "%s", what);
	is_str(hex, want, "its sum");
}

int main(void)
{
	char path[] = "/tmp/sha256.XXXXXX", hex[SHA256_HEX];
	atomic_bool stop = true;
	struct log log = { .stop = &stop };

	close(mkstemp(path));
	/* FIPS 180-4's own examples (NIST, SHA256.pdf), and a million "a". */
	sum_is(path, "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "an empty file");
	sum_is(path, "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc");
	sum_is(path, "aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
	       "a million a");
	sum_is(path, "0123456789abcdef", 131072, "9e5c630590af086d064e518b3c1d1cf98e9f4bc9df4fa7cfa32879079a250f62",
	       "two whole pieces");
	is_int(sha256_file(io_posix(), path, 0, &log, hex, &err), UNRACK_INTERRUPTED, "a stop ends it");
	unlink(path);
	is_int(sha256_file(io_posix(), path, 0, NULL, hex, &err), UNRACK_IO, "a file that is missing");
	is_int(err.sys_errno, ENOENT, "is said to be");
	return tap_done();
}
