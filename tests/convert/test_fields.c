/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/edit.h"

static const struct edit_name pairs[] = {
	{ "/dev/cciss/c0d0p1", "/dev/sda1" }, { "/dev/cciss/c0d0p12", "/dev/sda12" },
	{ "/dev/hda2", "/dev/sda2" }, { "/dev/sdq1", NULL },
};
static const struct edit_names names = { pairs, sizeof pairs / sizeof pairs[0] };
static struct unrack_error err;
static struct buf out;

static void test_edit(void)
{
	static const struct {
		unsigned field;
		const char *before, *after, *what;
	} cases[] = {
		{ 0, "/dev/cciss/c0d0p1  /boot\text3 defaults 1 2\n", "/dev/sda1  /boot\text3 defaults 1 2\n", "the rest of a line stays" },
		{ 0, "/dev/cciss/c0d0p12 /x ext3\n", "/dev/sda12 /x ext3\n", "a longer name is another name" },
		{ 0, "/dev/cciss/c0d0p13 /x ext3\n", "/dev/cciss/c0d0p13 /x ext3\n", "an unknown name stays" },
		{ 0, "# /dev/hda2 / ext3\n  #/dev/hda2\n", "# /dev/hda2 / ext3\n  #/dev/hda2\n", "comments stay" },
		{ 0, "\t /dev/hda2\t/ ext3\r\n\r\nLABEL=/ / ext3\r\n", "\t /dev/sda2\t/ ext3\r\n\r\nLABEL=/ / ext3\r\n", "CRLF and blanks" },
		{ 0, "/dev/hda2", "/dev/sda2", "a lone word without newline" },
		{ 0, "/dev/hda2 a\n/dev/hda2 b\n", "/dev/sda2 a\n/dev/sda2 b\n", "duplicates" },
		{ 0, "/dev/sdq1 /q ext3\n", "/dev/sdq1 /q ext3\n", "a name without a new one stays" },
		{ 1, "swap /dev/hda2 /dev/urandom swap\n", "swap /dev/sda2 /dev/urandom swap\n", "crypttab's second field" },
		{ 1, "/dev/hda2\n", "/dev/hda2\n", "a line without that field" },
		{ 1, "raw /dev/hda2", "raw /dev/sda2", "kdump.conf" },
		{ 0, "", "", "nothing" },
		{ 0, "\n\n \n", "\n\n \n", "empty lines" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		is_int(fields_edit(cases[i].before, strlen(cases[i].before), cases[i].field, &names, &out, &err), 0, "edited");
		is_str(buf_str(&out), cases[i].after, "%s", cases[i].what);
	}
	is_int(fields_edit("/dev/hda2\0/dev/hda2 x\n", 23, 0, &names, &out, &err), 0, "a NUL in the text");
	ok(out.len == 23 && !memcmp(out.data, "/dev/hda2\0/dev/hda2 x\n", 23), "is copied, and is no blank");
}

static void test_next(void)
{
	char f[3][256], text[700];
	unsigned line = 0;
	size_t pos = 0;
	const char *t = "# x\n a b\tc d\n\nonly";

	ok(fields_next(t, strlen(t), &pos, &line, f, 3), "a line");
	ok(line == 2 && !strcmp(f[0], "a") && !strcmp(f[1], "b") && !strcmp(f[2], "c"), "has its fields");
	ok(fields_next(t, strlen(t), &pos, &line, f, 3), "the last line");
	ok(line == 4 && !strcmp(f[0], "only") && !f[1][0] && !f[2][0], "has one");
	ok(!fields_next(t, strlen(t), &pos, &line, f, 3), "then it ends");
	memset(text, 'a', sizeof text);
	pos = 0;
	ok(fields_next(text, sizeof text, &pos, &line, f, 3) && strlen(f[0]) == 255, "a long field is cut");
}

int main(void)
{
	test_edit();
	test_next();
	buf_free(&out);
	return tap_done();
}
