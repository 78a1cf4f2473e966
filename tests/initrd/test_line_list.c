/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/line_list.h"

#include <stdio.h>
#include <string.h>

#include "../support/tap.h"
#include "base/cleanup.h"

static size_t lines(const struct buf *list)
{
	size_t n = 0;

	for (const char *p = buf_str(list); (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

static void once(void)
{
	CLEANUP_BUF struct buf list = { 0 };

	is_int(line_list_add(&list, "vg/root", 7) | line_list_add(&list, "vg", 2) | line_list_add(&list, "vg/root", 7), 0,
	       "items are added");
	is_int(line_list_add(&list, "", 0), 0, "an empty one adds nothing");
	is_str(buf_str(&list), "vg/root\nvg\n", "each is there once, in order");
	ok(line_list_has(&list, "vg", 2) && !line_list_has(&list, "vg/", 3), "a part of one is none");
}

/* All is compared with all, so there are bounds. */
static void many(void)
{
	CLEANUP_BUF struct buf list = { 0 }, long_ones = { 0 };
	char item[16], word[1000];
	int r = 0;

	for (int k = 0; k < 2 * LINE_LIST_MAX; k++)
		r |= line_list_add(&list, item, (size_t)snprintf(item, sizeof item, "/dev/md%d", k));
	is_int(r, 0, "many are no error");
	is_int(lines(&list), LINE_LIST_MAX, "but no more than %d are taken", LINE_LIST_MAX);
	ok(line_list_has(&list, "/dev/md0", 8), "those that came first");
	memset(word, 'x', sizeof word);
	for (int k = 0; k < LINE_LIST_MAX; k++) {
		snprintf(word, 5, "%04d", k);
		word[4] = 'x';
		r |= line_list_add(&long_ones, word, sizeof word);
	}
	is_int(r, 0, "nor are long ones");
	ok(long_ones.len < LINE_LIST_BYTES + sizeof word + 1, "and they take no more than some bytes");
}

int main(void)
{
	once();
	many();
	return tap_done();
}
