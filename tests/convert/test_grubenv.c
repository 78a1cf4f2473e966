/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "../support/tap.h"
#include "unrack/bootconf.h"

static struct unrack_error err;
static char block[GRUBENV_BYTES + 1];

static void make(const char *lines)
{
	memset(block, '#', GRUBENV_BYTES);
	memcpy(block, "# GRUB Environment Block\n", 25);
	memcpy(block + 25, lines, strlen(lines));
}

static void test_get(void)
{
	char *value;

	make("saved_entry=abc-4.18.0\n#c=1\nkernelopts=root=/dev/x ro a\\\\b\\\nc \nempty=\n");
	value = grubenv_get(block, GRUBENV_BYTES, "saved_entry");
	is_str(value, "abc-4.18.0", "a value");
	free(value);
	value = grubenv_get(block, GRUBENV_BYTES, "kernelopts");
	is_str(value, "root=/dev/x ro a\\b\nc ", "escapes are undone, blanks stay");
	free(value);
	value = grubenv_get(block, GRUBENV_BYTES, "empty");
	is_str(value, "", "an empty one");
	free(value);
	ok(!grubenv_get(block, GRUBENV_BYTES, "c"), "comments have none");
	ok(!grubenv_get(block, GRUBENV_BYTES, "saved"), "whole names only");
	ok(!grubenv_get(block, GRUBENV_BYTES - 1, "empty"), "a block of another size is none");
	block[0] = 'x';
	ok(!grubenv_get(block, GRUBENV_BYTES, "empty"), "nor one without its first line");
}

static void test_set(void)
{
	char long_value[GRUBENV_BYTES];
	struct buf out = { 0 }, expected = { 0 };
	char *value;

	make("saved_entry=x\nkernelopts=root=/dev/cciss/c0d0p2 \nboot_success=1\n");
	is_int(grubenv_set(block, GRUBENV_BYTES, "kernelopts", "root=UUID=1 a\\b ", &out, &err), 0, "a shorter value");
	is_int(out.len, GRUBENV_BYTES, "the block keeps its size");
	ok(!strncmp(buf_str(&out), "# GRUB Environment Block\nsaved_entry=x\nkernelopts=root=UUID=1 a\\\\b \nboot_success=1\n####", 85),
	   "and the rest of it, filled up");
	value = grubenv_get(buf_str(&out), out.len, "kernelopts");
	is_str(value, "root=UUID=1 a\\b ", "read back");
	free(value);
	is_int(grubenv_set(block, GRUBENV_BYTES, "none", "x", &out, &err), 0, "a name that is not there");
	ok(!memcmp(out.data, block, GRUBENV_BYTES), "is not added");
	is_int(grubenv_set(block, GRUBENV_BYTES, "saved_entry", "x", &out, &err), 0, "the same value");
	ok(!memcmp(out.data, block, GRUBENV_BYTES), "changes nothing");
	memset(long_value, 'v', sizeof long_value - 1);
	long_value[sizeof long_value - 1] = '\0';
	is_int(grubenv_set(block, GRUBENV_BYTES, "kernelopts", long_value, &out, &err), UNRACK_NOSPACE, "a value that does not fit");
	has_str(err.text, "kernelopts does not fit into the guest's grubenv, which has 1024 bytes", "is refused");
	is_int(out.len, 0, "and nothing is handed out");
	is_int(grubenv_set("x", 1, "a", "b", &out, &err), UNRACK_DAMAGED, "what is no block");
	has_str(err.text, "is no environment block of GRUB 2 (1024 bytes)", "is refused");
	buf_free(&out);
	buf_free(&expected);
}

static void test_hostile(void)
{
	struct buf out = { 0 };

	for (unsigned seed = 1; seed < 300; seed++) {
		unsigned x = seed;

		make("");
		for (size_t i = 25; i < GRUBENV_BYTES; i++) {
			x = x * 1103515245u + 12345u;
			block[i] = "a=\\\n#b\0 "[x >> 16 & 7];
		}
		free(grubenv_get(block, GRUBENV_BYTES, "a"));
		if (grubenv_set(block, GRUBENV_BYTES, "a", "\\\n", &out, &err) == 0 && out.len != GRUBENV_BYTES) {
			ok(false, "seed %u: %zu bytes", seed, out.len);
			break;
		}
	}
	ok(true, "any bytes are safe");
	buf_free(&out);
}

int main(void)
{
	test_get();
	test_set();
	test_hostile();
	return tap_done();
}
