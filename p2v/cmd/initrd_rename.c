/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "initrd_rename.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"

/* The '=' between the names; NULL: there is none. */
static char *find_middle(char *s)
{
	static const char *const tags[] = { "LABEL=", "UUID=", "PARTLABEL=", "PARTUUID=" };

	for (size_t k = 0; k < ARRAY_LEN(tags); k++)
		if (!strncmp(s, tags[k], strlen(tags[k])))
			s += strlen(tags[k]);
	return *s == '=' ? NULL : strchr(s, '=');
}

int initrd_rename_parse(const struct option_list *list, struct initrd_renames *out, struct unrack_error *err)
{
	*out = (struct initrd_renames){ .n = 0 };
	for (unsigned k = 0; k < list->n; k++) {
		char *s = strdup(list->at[k]), *middle = s ? find_middle(s) : NULL;

		if (!s)
			return error_nomem(err);
		out->texts[out->n] = s;
		out->pairs[out->n][0] = s;
		out->n++;
		if (!middle)
			return error_set(err, UNRACK_USAGE, "--rename takes OLD=NEW, such as /dev/cciss/c0d0p2=/dev/sda2, not \"%s\"",
					 list->at[k]);
		*middle = '\0';
		out->pairs[k][1] = middle[1] ? middle + 1 : NULL;
		for (unsigned other = 0; other < k; other++)
			if (!strcmp(out->pairs[other][0], s))
				return error_set(err, UNRACK_USAGE, "--rename gives %s two new names", s);
	}
	return 0;
}

void initrd_rename_free(struct initrd_renames *r)
{
	for (size_t k = 0; k < r->n; k++)
		free(r->texts[k]);
	r->n = 0;
}

bool initrd_rename_mentioned(const struct initrd_answer *a, const char *name)
{
	size_t n = strlen(name);

	if (!strcmp(a->root, name) || !strcmp(a->resume, name))
		return true;
	for (const char *p = buf_str(&a->mentions); *p; p += strcspn(p, "\n") + 1)
		if (strcspn(p, "\n") == n && !memcmp(p, name, n))
			return true;
	return false;
}
