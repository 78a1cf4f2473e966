/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/image_names.h"

#include <stdio.h>
#include <string.h>

#include "../support/tap.h"

static void plain(const char *stored, const char *want)
{
	char name[64];
	size_t n;

	snprintf(name, sizeof name, "%s", stored);
	n = image_names_plain(name);
	is_str(name, want, "\"%s\"", stored);
	is_int(n, strlen(want), "its length");
}

int main(void)
{
	struct image_names names = { 0 };
	char text[4096];
	char *first, *last = NULL;

	plain("etc/passwd", "etc/passwd");
	plain("./etc/passwd", "etc/passwd");
	plain("/etc", "etc");
	plain("etc/", "etc");
	plain("tree//etc/./x/", "tree/etc/x");
	plain(".", ".");
	plain("./", ".");
	plain("/", ".");
	plain("", ".");
	plain(".hidden/..data/...", ".hidden/..data/...");
	plain("a/../b", "a/../b");

	memset(text, 'x', sizeof text);
	first = image_names_add(&names, "first", 5);
	for (int k = 0; k < 100; k++)
		last = image_names_add(&names, text, sizeof text - 1);
	ok(last && strlen(last) == sizeof text - 1, "a long name gets its end");
	is_str(first, "first", "the first one stays where it was");
	is_str(image_names_add(&names, text, 0), "", "an empty one");
	image_names_free(&names);
	image_names_free(&names);
	return tap_done();
}
