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
	if (!n || line_list_has(list, item, n))
		return 0;
	return buf_append(list, item, n) < 0 || buf_puts(list, "\n") < 0 ? -1 : 0;
}
