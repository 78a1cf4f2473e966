/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image_path.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS_MAX 40 /* as Linux follows */

struct walk {
	char *done;  /* real */
	size_t len;
	char rest[IMAGE_PATH_MAX];
	unsigned links;
};

/* One component, "..", or nothing between two slashes. */
static bool descend(struct walk *w, const char *name, size_t n)
{
	if (n == 0 || (n == 1 && name[0] == '.'))
		return true;
	if (n == 2 && !memcmp(name, "..", 2)) {
		while (w->len && w->done[--w->len] != '/')
			;
		w->done[w->len] = '\0';
		return true;
	}
	if (w->len + 1 + n >= IMAGE_PATH_MAX)
		return false;
	if (w->len)
		w->done[w->len++] = '/';
	memcpy(w->done + w->len, name, n);
	w->len += n;
	w->done[w->len] = '\0';
	return true;
}

/* The target of the link M takes the place of what led to it, which was PARENT long. */
static bool follow(struct walk *w, const struct initrd_member *m, size_t parent, const char *behind)
{
	char rest[IMAGE_PATH_MAX];
	int n = snprintf(rest, sizeof rest, "%.*s/%s", (int)m->size, (const char *)m->data, behind);

	if (++w->links > LINKS_MAX || m->size >= IMAGE_PATH_MAX || n < 0 || (size_t)n >= sizeof rest)
		return false;
	w->len = rest[0] == '/' ? 0 : parent;
	w->done[w->len] = '\0';
	memcpy(w->rest, rest, (size_t)n + 1);
	return true;
}

bool image_real(const struct initrd *i, const char *path, char out[IMAGE_PATH_MAX])
{
	struct walk w = { .done = out };
	const char *p = w.rest;

	out[0] = '\0';
	if (strlen(path) >= IMAGE_PATH_MAX)
		return false;
	strcpy(w.rest, path);
	while (*p) {
		size_t n = strcspn(p, "/"), parent = w.len;
		const struct initrd_member *m;

		if (!descend(&w, p, n))
			return false;
		p += n + (p[n] == '/');
		m = w.len > parent ? initrd_find(i, out) : NULL;
		if (!m || !S_ISLNK(m->mode))
			continue;
		if (!follow(&w, m, parent, p))
			return false;
		p = w.rest;
	}
	return true;
}

const struct initrd_member *image_at(const struct initrd *i, const char *path)
{
	char real[IMAGE_PATH_MAX];

	return image_real(i, path, real) ? initrd_find(i, real) : NULL;
}

const struct initrd_member *image_file(const struct initrd *i, const char *path)
{
	const struct initrd_member *m = image_at(i, path);

	return m && S_ISREG(m->mode) && m->size ? m : NULL;
}
