/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int inspect_read(struct guest *g, const char *path, struct buf *out, bool *found,
		 struct unrack_error *err)
{
	return guest_read_if(g, path, INSPECT_TEXT_MAX, out, found, err);
}

int inspect_list(struct guest *g, const char *path, struct buf *names, struct unrack_error *err)
{
	struct guest_stat st;
	int r = g->ops->stat(g, path, &st, err);

	buf_clear(names);
	if (r < 0 || st.type != GUEST_DIR)
		return r;
	return g->ops->list(g, path, names, err);
}

int inspect_real(struct guest *g, const char *path, char **out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf real = { 0 };
	struct guest_stat st = { 0 };
	int r = guest_resolve(g, path, &real, err);

	*out = NULL;
	if (r == UNRACK_IO && err->sys_errno == ENOENT)
		return 0;
	if (r == 0)
		r = g->ops->stat(g, buf_str(&real), &st, err);
	if (r < 0 || st.type != GUEST_FILE)
		return r;
	*out = buf_steal(&real);
	return *out ? 0 : error_nomem(err);
}

int inspect_guest(struct guest *g, struct guest_facts *facts, struct unrack_error *err)
{
	static int (*const parts[])(struct guest *, struct guest_facts *, struct unrack_error *) = {
		inspect_release, inspect_loader, inspect_kernels,
	};
	int r = 0;

	memset(facts, 0, sizeof *facts);
	facts->default_kernel = -1;
	facts->minor = -1;
	facts->disks = g->disks ? g->disks : 1; /* a plain directory stands for one disk */
	for (size_t i = 0; r == 0 && i < sizeof parts / sizeof parts[0]; i++)
		r = parts[i](g, facts, err);
	if (r == 0)
		r = inspect_confirm(facts, err);
	if (r == 0)
		r = inspect_net(g, facts, err);
	if (r == 0)
		r = inspect_cards(g, facts, err);
	if (r == 0)
		r = inspect_disks(g, facts, err);
	if (r < 0)
		facts_free(facts);
	return r;
}
