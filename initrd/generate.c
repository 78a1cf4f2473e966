/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate.h"

#include <errno.h>
#include <string.h>

#include "ext2.h"
#include "image.h"
#include "nash_check.h"
#include "nash_grammar.h"
#include "nash_names.h"
#include "unrack/diff.h"

/* --- What is asked for ------------------------------------------------------------------ */

static int check_recipe(const struct initrd_recipe *r, struct generate *g, struct unrack_error *err)
{
	char group[INITRD_GROUP_MAX];

	if (r->release < 2 || r->release > 5)
		return error_set(err, UNRACK_UNSUPPORTED, "%s: an initrd for release %d is not made by mkinitrd", r->name,
				 r->release);
	if (!r->root_fs || !r->root_fs[0] || !r->root || !r->root[0])
		return error_set(err, UNRACK_USAGE, "%s: an initrd needs to know root's device and filesystem", r->name);
	g->release = (enum nash_release)(r->release - 2);
	g->script_name = g->release <= NASH_EL3 ? "linuxrc" : "init";
	if (g->release == NASH_EL21 && (r->n_groups || initrd_volume_group(r->root, group)))
		return error_set(err, UNRACK_UNSUPPORTED, "%s: mkinitrd of RHEL 2.1 cannot start from LVM, and root is %s",
				 r->name, r->root);
	if (initrd_volume_group(r->root, group) && !r->n_groups)
		return error_set(err, UNRACK_USAGE, "%s: root is on the volume group %s, which is not among those to be "
				 "activated", r->name, group);
	if (nash_names_array(r->root) && !r->n_arrays)
		return error_set(err, UNRACK_USAGE, "%s: root is on the array %s, and none is to be started", r->name, r->root);
	return 0;
}

/* modprobe.conf, or modules.conf with its older name. */
static int read_modules_conf(struct generate *g, struct unrack_error *err)
{
	static const char *const old[] = { "/etc/modules.conf", "/etc/conf.modules", NULL };
	static const char *const new[] = { "/etc/modprobe.conf", NULL };
	int r = 0;

	for (const char *const *p = g->release <= NASH_EL3 ? old : new; *p; p++) {
		buf_clear(&g->modules_conf);
		err->sys_errno = 0;
		r = g->recipe->read_file(g->recipe->ctx, *p, &g->modules_conf, err);
		if (r == 0 || err->sys_errno != ENOENT)
			return r;
	}
	buf_clear(&g->modules_conf);
	return 0;
}

/* --- What comes of it ------------------------------------------------------------------- */

static int check_script(const struct generate *g, const struct initrd *image, const struct nash *s,
			const struct loads_want *want, struct unrack_error *err)
{
	const struct initrd_recipe *r = g->recipe;
	const struct initrd_needs needs = { .root_fs = r->root_fs, .root_on_lvm = r->n_groups > 0,
					    .root_on_md = r->n_arrays > 0 };
	struct initrd_answer answer = { 0 };
	struct nash_fault fault;
	int e;

	if (!nash_grammar_accepts(s, g->release, image, NULL, &fault))
		return error_set(err, UNRACK_UNSUPPORTED, "%s: a /%s for it would not be run by nash: line %zu: %s", r->name,
				 g->script_name, fault.line, fault.text);
	e = nash_check(s, image, r->tree, want, &needs, &answer, err);
	if (e == 0 && (!answer.loads || answer.missing_link != INITRD_LINK_NONE))
		e = error_set(err, UNRACK_UNSUPPORTED, "%s: cannot be made: %s", r->name, answer.text);
	initrd_answer_free(&answer);
	return e;
}

/* Nothing is handed out that initrd_check would refuse. */
static int verify(const struct generate *g, const struct buf *bytes, struct buf *summary,
		  struct unrack_error *err)
{
	const struct initrd_recipe *r = g->recipe;
	const struct initrd_member *m;
	struct initrd empty = { 0 };
	struct initrd *image = NULL;
	struct loads_want want;
	struct nash s;
	int e = initrd_open(bytes->data, bytes->len, r->name, &image, err);

	if (e < 0)
		return e;
	m = initrd_find(image, g->script_name);
	if (initrd_get_kind(image) != INITRD_NASH || !m) {
		initrd_close(image);
		return error_set(err, UNRACK_INTERNAL, "%s: the new image is none by mkinitrd", r->name);
	}
	e = nash_parse(m->data, m->size, r->name, &s, err);
	if (e == 0) {
		e = loads_want_new(r->tree, r->wanted, r->n_wanted, &want, err);
		if (e == 0) {
			e = check_script(g, image, &s, &want, err);
			loads_want_free(&want);
		}
		nash_free(&s);
	}
	if (e == 0 && (image_compare(&empty, image, g->script_name, summary) < 0 ||
		       diff_unified(g->script_name, g->script_name, NULL, 0, m->data, m->size, summary) < 0))
		e = error_nomem(err);
	initrd_close(image);
	return e;
}

static int make(struct generate *g, struct buf *out, struct buf *summary, struct unrack_error *err)
{
	const struct initrd_recipe *r = g->recipe;
	size_t kib = g->release == NASH_EL21 ? 3000 : 8000;
	size_t max = r->ramdisk_max ? r->ramdisk_max >> 10 : ext2_ramdisk_default(module_tree_kver(r->tree));
	int e = check_recipe(r, g, err);

	if (e == 0)
		e = read_modules_conf(g, err);
	if (e == 0)
		e = generate_modules(g, err);
	if (e == 0)
		e = generate_files(g, err);
	if (e < 0)
		return e;
	e = g->release <= NASH_EL3 ? layout_ext2(&g->layout, kib, max, r->name, out, err)
				   : layout_cpio(&g->layout, r->name, out, err);
	return e < 0 ? e : verify(g, out, summary, err);
}

int initrd_make(const struct initrd_recipe *recipe, struct buf *out, struct buf *summary,
		struct unrack_error *err)
{
	struct generate g = { .recipe = recipe };
	int r;

	buf_clear(out);
	r = make(&g, out, summary, err);
	if (r < 0)
		buf_clear(out);
	layout_free(&g.layout);
	module_list_free(&g.modules);
	buf_free(&g.modules_conf);
	buf_free(&g.script);
	return r;
}
