/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply.h"

#include "base/size.h"

const char *apply_kind_name(enum edit_kind k)
{
	static const char *const names[] = { [EDIT_WRITE] = "write", [EDIT_RENAME] = "rename",
					     [EDIT_REMOVE] = "remove", [EDIT_SYMLINK] = "symlink" };

	return (unsigned)k < ARRAY_LEN(names) ? names[k] : "unknown";
}

/* What an edit is about to make must not be there: the old initrd that is kept beside the
 * new one is the only way back for whoever boots the physical machine again. */
static int refuse_existing(struct guest *g, const char *path, struct unrack_error *err)
{
	struct guest_stat st;
	int r = g->ops->lstat(g, path, &st, err);

	if (r == 0 && st.type != GUEST_NONE)
		return error_set(err, UNRACK_UNSAFE, "the guest's %s exists and is not overwritten", path);
	return r;
}

static int apply(struct guest *g, const struct edit *e, struct unrack_error *err)
{
	int r;

	switch (e->kind) {
	case EDIT_WRITE:
		if (e->in_file)
			return guest_write_from(g, e->path, e->file, e->mode, e->uid, e->gid, e->label_from, err);
		return g->ops->write(g, e->path, e->after.data, e->after.len, e->mode, e->uid, e->gid,
				     e->label_from, err);
	case EDIT_RENAME:
		r = refuse_existing(g, e->to, err);
		return r < 0 ? r : g->ops->rename(g, e->path, e->to, err);
	case EDIT_REMOVE:
		return g->ops->unlink(g, e->path, err);
	case EDIT_SYMLINK:
		r = refuse_existing(g, e->path, err);
		return r < 0 ? r : g->ops->symlink(g, e->to, e->path, err);
	}
	return error_set(err, UNRACK_INTERNAL, "an edit of an unknown kind");
}

int apply_plan(struct guest *g, const struct plan *p, const struct log *log, struct unrack_error *err)
{
	for (size_t i = 0; i < p->n_edits; i++) {
		const struct log_progress progress = {
			.step = "fix", .disk = -1, .done = i, .total = p->n_edits, .unit = "edits",
		};
		int r;

		if (log_stop_asked(log))
			return error_set(err, UNRACK_INTERRUPTED, "interrupted while the guest was being edited");
		log_progress(log, &progress);
		log_debug(log, "%s %s: %s", apply_kind_name(p->edits[i].kind), p->edits[i].path,
			  p->edits[i].reason ? p->edits[i].reason : "");
		r = apply(g, &p->edits[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}
