/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image_names.h"

#include <string.h>

#define BLOCK (64u << 10)

char *image_names_add(struct image_names *names, const char *p, size_t n)
{
	char *copy;

	if (n + 1 > names->left) {
		char *block = malloc(BLOCK);

		if (!block || image_blocks_push(&names->blocks, block) < 0) {
			free(block);
			return NULL;
		}
		names->left = BLOCK;
	}
	copy = names->blocks.at[names->blocks.len - 1] + BLOCK - names->left;
	memcpy(copy, p, n);
	copy[n] = '\0';
	names->left -= n + 1;
	return copy;
}

void image_names_free(struct image_names *names)
{
	for (size_t k = 0; k < names->blocks.len; k++)
		free(names->blocks.at[k]);
	image_blocks_free(&names->blocks);
	names->left = 0;
}

size_t image_names_plain(char *name)
{
	const char *from = name;
	char *to = name;

	while (*from) {
		size_t n = strcspn(from, "/");

		if (n && !(n == 1 && *from == '.')) {
			if (to > name)
				*to++ = '/';
			memmove(to, from, n);
			to += n;
		}
		from += n;
		from += *from == '/';
	}
	if (to == name)
		*to++ = '.';
	*to = '\0';
	return (size_t)(to - name);
}
