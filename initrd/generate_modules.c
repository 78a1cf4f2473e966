/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate.h"

struct names {
	const char *at[GENERATE_NAMES];
	size_t n;
};

/* One that the kernel need not have: mkinitrd's "findmodule -ide-disk". */
static void want(const struct generate *g, struct names *l, const char *name)
{
	if (l->n < GENERATE_NAMES && module_tree_find(g->recipe->tree, name) &&
	    !module_tree_builtin(g->recipe->tree, name))
		l->at[l->n++] = name;
}

static void want_all(const struct generate *g, struct names *l, const char *const *names)
{
	for (; *names; names++)
		want(g, l, *names);
}

static int want_drivers(const struct generate *g, struct names *l, struct unrack_error *err)
{
	static const char *const scsi[] = { "scsi_mod", "sd_mod", NULL };
	const struct initrd_recipe *r = g->recipe;

	if (r->n_wanted)
		want_all(g, l, scsi);
	if (r->n_wanted > GENERATE_NAMES / 2)
		return error_set(err, UNRACK_USAGE, "an initrd for %zu drivers cannot be made; ask for at most %d",
				 r->n_wanted, GENERATE_NAMES / 2);
	for (size_t k = 0; k < r->n_wanted; k++)
		l->at[l->n++] = r->wanted[k];
	return 0;
}

/* Which level an array has is not known: all that kernels start arrays of. */
static void want_arrays(const struct generate *g, struct names *l)
{
	static const char *const levels[] = { "linear", "raid0", "raid1", "raid10", "xor", "raid5", "raid456", NULL };

	if (g->recipe->n_arrays)
		want_all(g, l, levels);
}

static void want_volumes(const struct generate *g, struct names *l, const char *const *modules)
{
	if (g->recipe->n_groups)
		want_all(g, l, modules);
}

int generate_modules(struct generate *g, struct unrack_error *err)
{
	static const char *const usb[] = { "ehci-hcd", "ohci-hcd", "uhci-hcd", NULL };
	static const char *const ide[] = { "ide-mod", "ide-probe-mod", "ide-disk", NULL };
	static const char *const lvm1[] = { "lvm-mod", NULL }, *const dm[] = { "dm-mod", NULL };
	static const char *const targets[] = { "dm-mirror", "dm-zero", "dm-snapshot", NULL };
	enum nash_release release = g->release;
	struct names l = { .n = 0 };
	int r;

	if (release == NASH_EL5) {
		want_all(g, &l, usb);
		want(g, &l, g->recipe->root_fs);
	}
	r = want_drivers(g, &l, err);
	if (r < 0)
		return r;
	if (release == NASH_EL5)
		want_arrays(g, &l);
	want_all(g, &l, release == NASH_EL21 ? ide : ide + 2);
	want_volumes(g, &l, release <= NASH_EL3 ? lvm1 : dm);
	if (release != NASH_EL5) {
		want_arrays(g, &l);
		want(g, &l, g->recipe->root_fs);
	}
	if (release >= NASH_EL4)
		want_volumes(g, &l, targets);
	return module_tree_closure(g->recipe->tree, l.at, l.n, &g->modules, err);
}
