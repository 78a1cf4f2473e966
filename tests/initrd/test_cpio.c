/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "made.h"

static struct unrack_error err;

/* A member with one number of its header, the K-th, replaced by TEXT. */
static int with_number(int k, const char *text)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct cpio_member m;
	size_t at = 0;

	made_member(&b, "lib/x.ko", S_IFREG | 0644, "0123456789");
	memcpy(b.data + 6 + 8 * k, text, 8);
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	return cpio_read(b.data, b.len, &at, &m, "x.img", &err);
}

static void round_trip(void)
{
	CLEANUP_BUF struct buf b = { 0 }, again = { 0 };
	struct cpio_member m;
	size_t at = 0, members = 0;

	made_member(&b, "init", S_IFREG | 0755, "#!/bin/nash\n");
	made_member(&b, "a/very/deep/name", S_IFREG | 0644, "x");
	made_node(&b, "dev/tty1", S_IFCHR | 0620, 9, 1, 4, 1, NULL, 0);
	made_member(&b, "sbin", S_IFLNK | 0777, "bin");
	/* a header as another program writes it: lower case, and a name with more than one NUL */
	buf_puts(&b, "0707020000abcd000081a400000001000000020000000149959f1400000003"
		     "00000008000000010000000000000000000000060000012c");
	buf_append(&b, "abc\0\0\0foo\0", 10);
	while (at < b.len) {
		is_int(cpio_read(b.data, b.len, &at, &m, "x.img", &err), 0, "reads %s",
		       members < 5 ? "a member" : "too many");
		members++;
		cpio_write(&again, &m);
	}
	is_int(members, 5, "five members");
	ok(again.len == b.len && !memcmp(again.data, b.data, b.len), "written they are the same in every byte");
	is_str(m.name, "abc", "the last one's name");
	is_int(m.ino, 0xabcd, "inode");
	is_int(m.mode, S_IFREG | 0644, "mode");
	is_int(m.uid * 10 + m.gid, 12, "owner");
	is_int(m.size, 3, "size");
	ok(!memcmp(m.data, "foo", 3), "data");

	buf_clear(&again);
	m.data = (const uint8_t *)"\xff\xff\xff\xff\x03";
	m.size = 5;
	cpio_write(&again, &m);
	ok(!memcmp(again.data, "0707020000abcd000081a4", 22), "with other data the header stays");
	ok(!memcmp(again.data + 54, "00000005", 8), "but for the size");
	ok(!memcmp(again.data + 102, "000003FF", 8), "and the checksum, if it had one");
}

static void hostile(void)
{
	CLEANUP_BUF struct buf b = { 0 };
	struct cpio_member m;
	char name[CPIO_NAME_MAX + 1];
	size_t at, refused = 0;

	is_int(with_number(6, "0000000A"), 0, "the member itself is good");
	is_int(with_number(6, "FFFFFFFF"), UNRACK_DAMAGED, "a size of 4 GiB");
	has_str(err.text, "x.img: the cpio member at byte 0 says it has 4294967295 bytes, but the archive ends before",
		"is said");
	is_int(with_number(6, "0000000D"), UNRACK_DAMAGED, "a size that is one too large with the padding");
	is_int(with_number(11, "00000000"), UNRACK_DAMAGED, "a name without even a NUL");
	has_str(err.text, "says its name has 0 bytes; 1 to 4096 are possible", "is said");
	is_int(with_number(11, "FFFFFFFF"), UNRACK_DAMAGED, "a name of 4 GiB");
	is_int(with_number(11, "00000008"), UNRACK_DAMAGED, "a name that does not end with a NUL");
	has_str(err.text, "the name of the cpio member at byte 0 has no end", "is said");
	is_int(with_number(1, "0000 1A4"), UNRACK_DAMAGED, "a number that is none");
	has_str(err.text, "the cpio header at byte 0 has something else than a number in it", "is said");
	is_int(with_number(1, "0x0001A4"), UNRACK_DAMAGED, "0x is no digit");

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	made_member(&b, name, S_IFREG | 0644, "");
	at = 0;
	is_int(cpio_read(b.data, b.len, &at, &m, "x.img", &err), UNRACK_DAMAGED, "a name of 4097 bytes");
	buf_clear(&b);
	made_member(&b, name + 1, S_IFREG | 0644, "");
	at = 0;
	is_int(cpio_read(b.data, b.len, &at, &m, "x.img", &err), 0, "one of 4096 is taken");
	buf_clear(&b);

	made_member(&b, "lib/x.ko", S_IFREG | 0644, "0123456789");
	for (size_t n = 0; n < b.len - 2; n++) {
		at = 0;
		refused += cpio_read(b.data, n, &at, &m, "x.img", &err) == UNRACK_DAMAGED && at == 0;
	}
	is_int(refused, (long)b.len - 2, "cut at any byte before its padding: damaged");
	at = 0;
	is_int(cpio_read(b.data, b.len - 2, &at, &m, "x.img", &err), 0, "the last padding may be missing");
	is_int(at, (long)b.len - 2, "and nothing behind the end is used");
	memcpy(b.data, "070707", 6);
	at = 0;
	is_int(cpio_read(b.data, b.len, &at, &m, "x.img", &err), UNRACK_DAMAGED, "old cpio is not read");
	is_str(err.text, "x.img: is a cpio archive of the old form (odc), which no kernel unpacks; make it anew with cpio -o -H "
	       "newc", "and told");
	ok(cpio_mistaken((const uint8_t *)"\xc7\x71", 2) && !cpio_mistaken(b.data, 5), "so is the binary one");
}

int main(void)
{
	round_trip();
	hostile();
	return tap_done();
}
