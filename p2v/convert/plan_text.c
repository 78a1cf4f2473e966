/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "unrack/diff.h"
#include "unrack/plan.h"

static int put_edit(const struct edit *e, struct buf *out)
{
	int bad;

	switch (e->kind) {
	case EDIT_WRITE:
		bad = buf_printf(out, "%s %s", e->existed ? "change" : "write", e->path);
		break;
	case EDIT_RENAME:
		bad = buf_printf(out, "rename %s to %s", e->path, e->to);
		break;
	case EDIT_REMOVE:
		bad = buf_printf(out, "remove %s", e->path);
		break;
	default:
		bad = buf_printf(out, "link %s to %s", e->path, e->to);
		break;
	}
	return bad | buf_printf(out, ": %s\n", e->reason);
}

int plan_to_text(const struct plan *p, struct buf *out)
{
	int bad = 0;

	for (size_t i = 0; i < p->n_edits; i++)
		bad |= put_edit(&p->edits[i], out);
	for (size_t i = 0; i < p->n_warnings; i++)
		bad |= buf_printf(out, "warning: %s\n", p->warnings[i]);
	return bad ? -1 : 0;
}

/* Names for diff's two first lines: "a/etc/fstab", and /dev/null for a file that is not there. */
static int put_diff(const struct edit *e, struct buf *out)
{
	CLEANUP_BUF struct buf a = { 0 }, b = { 0 };
	bool removed = e->kind == EDIT_REMOVE;

	if (buf_printf(&a, e->existed || removed ? "a%s" : "/dev/null", e->path) < 0 ||
	    buf_printf(&b, removed ? "/dev/null" : "b%s", e->path) < 0)
		return -1;
	return diff_unified(buf_str(&a), buf_str(&b), e->before.data, e->before.len, e->after.data,
			    e->after.len, out);
}

int plan_diff(const struct plan *p, struct buf *out, struct unrack_error *err)
{
	int bad = 0;

	for (size_t i = 0; i < p->n_edits; i++) {
		const struct edit *e = &p->edits[i];

		bad |= buf_puts(out, "# ") | put_edit(e, out);
		if (e->binary)
			bad |= buf_append(out, e->summary.data, e->summary.len);
		else if (e->kind == EDIT_WRITE || (e->kind == EDIT_REMOVE && e->before.len))
			bad |= put_diff(e, out);
	}
	for (size_t i = 0; i < p->n_warnings; i++)
		bad |= buf_printf(out, "# warning: %s\n", p->warnings[i]);
	return bad ? error_nomem(err) : 0;
}
