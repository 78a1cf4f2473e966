/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "dracut_check.h"
#include "ext2.h"
#include "nash_check.h"

static int check_nash(const struct initrd *i, const struct module_tree *tree,
		      const struct loads_want *want, const struct initrd_needs *needs,
		      struct initrd_answer *out, struct unrack_error *err)
{
	const struct initrd_member *init = initrd_find(i, initrd_script(i));
	struct nash s;
	int r = nash_parse(init->data, init->size, i->name, &s, err);

	if (r < 0)
		return r;
	s.ramdisk = i->ramdisk;
	r = nash_check(&s, i, tree, want, needs, out, err);
	nash_free(&s);
	return r;
}

int initrd_check_kind(const struct initrd *i, struct unrack_error *err)
{
	if (i->kind == INITRD_OTHER)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: is an image of the form %s, of which what it loads cannot "
				 "be told: %s", i->name, i->container, i->reason);
	return 0;
}

int initrd_check(const struct initrd *i, const struct module_tree *tree,
		 const char *const *wanted, size_t n, struct initrd_answer *out,
		 struct unrack_error *err)
{
	return initrd_check_needs(i, tree, wanted, n, NULL, out, err);
}

int initrd_check_needs(const struct initrd *i, const struct module_tree *tree,
		       const char *const *wanted, size_t n, const struct initrd_needs *needs,
		       struct initrd_answer *out, struct unrack_error *err)
{
	struct loads_want want;
	size_t len;
	int r;

	*out = (struct initrd_answer){ .kind = i->kind, .ramdisk_kib = i->ramdisk ? ext2_ramdisk_kib(i) : 0 };
	r = initrd_check_kind(i, err);
	if (r == 0)
		r = loads_want_new(tree, wanted, n, &want, err);
	if (r < 0)
		return r;
	if (i->kind == INITRD_NASH)
		r = check_nash(i, tree, &want, needs, out, err);
	else
		r = dracut_check(i, tree, &want, needs, out, err);
	loads_want_free(&want);
	if (r == 0)
		r = module_tree_failed(tree, err);
	len = strlen(out->text);
	if (r == 0 && !module_tree_has_deps(tree))
		snprintf(out->text + len, sizeof out->text - len,
			 "; modules.dep of kernel %.64s is missing, so what they need is not known",
			 module_tree_kver(tree));
	if (r < 0)
		initrd_answer_free(out);
	return r;
}

void initrd_answer_free(struct initrd_answer *a)
{
	buf_free(&a->order);
	buf_free(&a->files);
	buf_free(&a->volumes);
	buf_free(&a->arrays);
	buf_free(&a->filesystems);
	buf_free(&a->missing);
	buf_free(&a->mentions);
	buf_free(&a->arguments);
}
