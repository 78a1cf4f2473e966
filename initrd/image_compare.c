/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "image.h"
#include "unrack/diff.h"

/* Names come from outside: what a terminal would obey is shown as '?'. */
static int put_name(struct buf *out, const char *name)
{
	for (; *name; name++) {
		char c = (unsigned char)*name < ' ' || *name == 127 ? '?' : *name;

		if (buf_append(out, &c, 1) < 0)
			return -1;
	}
	return 0;
}

static int put(struct buf *out, const char *what, const char *name)
{
	return buf_puts(out, what) < 0 || put_name(out, name) < 0 ? -1 : 0;
}

static bool same_meta(const struct initrd_member *a, const struct initrd_member *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       a->rdev_major == b->rdev_major && a->rdev_minor == b->rdev_minor;
}

static int put_one(struct buf *out, const char *what, const struct initrd_member *m)
{
	return put(out, what, m->name) < 0 ? -1 : buf_printf(out, ", %zu bytes\n", m->size);
}

/* Two members of one name. */
static int compare(const struct initrd_member *old, const struct initrd_member *new,
		   const char *script, struct buf *out)
{
	int r = 0;

	if (!same_meta(old, new))
		r = put(out, "changed ", old->name) < 0 ? -1
		    : buf_printf(out, ", mode %o to %o, owner %u:%u to %u:%u\n", old->mode, new->mode,
				 old->uid, old->gid, new->uid, new->gid);
	if (r < 0 || (old->size == new->size && !memcmp(old->data, new->data, old->size)))
		return r;
	if (put(out, "changed ", old->name) < 0 ||
	    buf_printf(out, ", %zu to %zu bytes\n", old->size, new->size) < 0)
		return -1;
	if (strcmp(old->name, script) != 0)
		return 0;
	return diff_unified(script, script, old->data, old->size, new->data, new->size, out);
}

int image_compare(const struct initrd *old, const struct initrd *new, const char *script,
		  struct buf *out)
{
	size_t ka = 0, kb = 0;
	const struct initrd_member *a = image_next(old, &ka), *b = image_next(new, &kb);

	while (a || b) {
		int d = !a ? 1 : !b ? -1 : strcmp(a->name, b->name), r;

		if (d < 0)
			r = put_one(out, "removed ", a);
		else if (d > 0)
			r = put_one(out, "added   ", b);
		else
			r = compare(a, b, script, out);
		if (r < 0)
			return r;
		if (d <= 0)
			a = image_next(old, &ka);
		if (d >= 0)
			b = image_next(new, &kb);
	}
	return 0;
}
