/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "line_list.h"

#include <string.h>

bool line_list_has(const struct buf *list, const char *item, size_t n)
{
	for (const char *s = buf_str(list); *s; s += strcspn(s, "\n") + 1)
		if (!strncmp(s, item, n) && s[n] == '\n')
			return true;
	return false;
}

int line_list_add(struct buf *list, const char *item, size_t n)
{
	size_t lines = 0;

	if (!n || list->len >= LINE_LIST_BYTES)
		return 0;
	for (const char *s = buf_str(list); *s; s += strcspn(s, "\n") + 1)
		if ((!strncmp(s, item, n) && s[n] == '\n') || ++lines == LINE_LIST_MAX)
			return 0;
	return buf_append(list, item, n) < 0 || buf_puts(list, "\n") < 0 ? -1 : 0;
}
