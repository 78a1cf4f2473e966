/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dracut_cmdline.h"

#include <string.h>

#include "dracut.h"

/* What may stand on either side of a device's name: "root=block:/dev/sda1", "a=/dev/x,/dev/y". */
static bool is_edge(char c)
{
	return strchr("=,:\"'", c) != NULL; /* the NUL too */
}

/* The longest name that begins at P; NULL: none does. */
static const char *const *find_device(const struct initrd_change *c, const char *p, const char *end)
{
	const char *const *best = NULL;
	size_t best_len = 0;

	for (size_t k = 0; k < c->n_devices; k++) {
		const char *old = c->devices[k][0];
		size_t len = strlen(old);

		if (len > best_len && len <= (size_t)(end - p) && !memcmp(p, old, len) &&
		    (p + len == end || is_edge(p[len]))) {
			best = c->devices[k];
			best_len = len;
		}
	}
	return best;
}

static int edit_word(const char *p, const char *end, const struct initrd_change *c, const char *name,
		     struct buf *out, struct unrack_error *err)
{
	const char *word = p;
	size_t before = out->len;
	bool edge = true;

	while (p < end) {
		const char *const *device = edge ? find_device(c, p, end) : NULL;

		if (device && !device[1]) {
			if (end - word > 5 && !memcmp(word, "root=", 5))
				return error_set(err, UNRACK_USAGE, "%s: %s is the root device in it, and has to have "
						 "another name in the virtual machine", name, device[0]);
			out->len = before;
			return 0;
		}
		if (device ? buf_puts(out, device[1]) < 0 : buf_append(out, p, 1) < 0)
			return error_nomem(err);
		edge = !device && is_edge(*p);
		p += device ? strlen(device[0]) : 1;
	}
	return 0;
}

int dracut_cmdline_edit(const char *from, size_t n, const struct initrd_change *c, const char *name,
			struct buf *out, struct unrack_error *err)
{
	const char *p = from, *end = from + n, *word, *last = from;
	size_t len;
	int r;

	while (dracut_word(&p, end, &word, &len)) {
		if (buf_append(out, last, (size_t)(word - last)) < 0)
			return error_nomem(err);
		r = edit_word(word, p, c, name, out, err);
		if (r < 0)
			return r;
		last = p;
	}
	return buf_append(out, last, (size_t)(end - last)) < 0 ? error_nomem(err) : 0;
}
