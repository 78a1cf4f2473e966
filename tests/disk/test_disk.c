/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/disk.h"

int main(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	char path[] = "/tmp/unrack-open-XXXXXX", back[3];
	struct block_source *s = NULL;
	struct identity id;
	int fd = mkstemp(path);

	is_int(disk_open(path, DISK_QUIET, &s, &id, &e), UNRACK_USAGE, "an empty image is refused");
	has_str(e.text, "is empty", "and it says so");
	ok(write(fd, "abcdefg", 7) == 7, "(seven bytes)");
	is_int(disk_open(path, DISK_QUIET, &s, &id, &e), 0, "an image of any size is taken");
	ok(s->size == 7 && id.bytes == 7, "with its size to the byte");
	ok(block_source_read(s, back, 3, 4, &e) == 0 && !memcmp(back, "efg", 3), "and read");
	block_source_close(s);
	identity_free(&id);
	is_int(disk_open(path, DISK_LIVE, &s, &id, &e), 0, "an image that may be in use");
	ok(block_source_read(s, back, 3, 4, &e) == 0 && !memcmp(back, "efg", 3), "is read, too");
	block_source_close(s);
	identity_free(&id);
	is_int(disk_open("/tmp", DISK_QUIET, &s, &id, &e), UNRACK_USAGE, "a folder is refused");
	is_int(disk_open("/dev/null", DISK_QUIET, &s, &id, &e), UNRACK_USAGE, "so is a character device");
	is_int(disk_open("/nonexistent/disk", DISK_QUIET, &s, &id, &e), UNRACK_IO, "so is what is not there");
	has_str(e.text, "/nonexistent/disk", "named");
	close(fd);
	unlink(path);
	return tap_done();
}
