/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "initrd_files.h"

#include <stdlib.h>
#include <string.h>

#include "unrack/io.h"

#define CONTENT_MAX (16u << 20) /* configuration files, small programs */

/* Real paths only: a kernel would take "a/../b" as it is written. */
static bool is_path(const char *s)
{
	size_t n;

	for (; *s; s += n + (s[n] == '/')) {
		n = strcspn(s, "/");
		if (n == 0 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.') || (s[n] && !s[n + 1]))
			return false;
	}
	return true;
}

static int read_one(const char *text, struct initrd_files *f, struct unrack_error *err)
{
	const char *middle = strchr(text, '='), *begin = text + (*text == '/');
	struct buf *content = &f->contents[f->n];
	char *name;
	int r;

	name = strndup(begin, middle && middle > begin ? (size_t)(middle - begin) : 0);
	if (!name)
		return error_nomem(err);
	f->names[f->n] = name;
	f->at[f->n].path = name;
	f->n++;
	if (!*name || !middle[1] || !is_path(name))
		return error_set(err, UNRACK_USAGE, "--file takes NAME=FILE, such as etc/lvm/lvm.conf=lvm.conf, not \"%s\"", text);
	r = io_read_file(io_posix(), middle + 1, CONTENT_MAX, content, err);
	f->at[f->n - 1].data = buf_str(content);
	f->at[f->n - 1].n = content->len;
	return r;
}

int initrd_files_read(const struct option_list *list, struct initrd_files *out, struct unrack_error *err)
{
	int r = 0;

	memset(out, 0, sizeof *out);
	for (unsigned k = 0; r == 0 && k < list->n; k++)
		r = read_one(list->at[k], out, err);
	return r;
}

void initrd_files_free(struct initrd_files *f)
{
	for (size_t k = 0; k < f->n; k++) {
		buf_free(&f->contents[k]);
		free(f->names[k]);
	}
	f->n = 0;
}
