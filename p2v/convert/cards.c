/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cards.h"

#include <string.h>

#include "unrack/bootconf.h"
#include "unrack/netconf.h"

#define RELEASE_IFNAMES 7 /* from here on udev names cards after their place */

/* The kernel itself calls cards ethN, in the order in which it finds them. */
static bool is_kernels_name(const char *name)
{
	return !strncmp(name, "eth", 3) && name[3] && strspn(name + 3, "0123456789") == strlen(name + 3);
}

static bool has_rename_device(struct guest *g)
{
	return guest_exists(g, "/lib/udev/rename_device") || guest_exists(g, "/usr/lib/udev/rename_device");
}

/* A rule calls some card of the physical machine so, and none of the VM's. */
static bool is_stale(const struct buf *text, const struct guest_nic *n)
{
	struct udev_rule rule;
	unsigned line = 0;
	size_t pos = 0;
	bool found = false;

	while (!found && udev_rule_next(buf_str(text), text->len, &pos, &line, &rule)) {
		found = !strcmp(rule.name, n->name);
		udev_rule_free(&rule);
	}
	return found;
}

bool cards_name_kept(struct guest *g, const struct guest_facts *f, const char *args,
		     const struct guest_nic *n, const struct buf *rules)
{
	if (n->unnamed || n->rule)
		return true;
	if (is_stale(rules, n))
		return false;
	/* HWADDR and DEVICE of an ifcfg file, by initscripts. */
	if (!n->keyfile && n->hwaddr && n->mac && has_rename_device(g))
		return true;
	return is_kernels_name(n->name) &&
	       (f->major < RELEASE_IFNAMES || (args && args_has(args, strlen(args), "net.ifnames=0")));
}
