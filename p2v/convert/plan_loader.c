/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The boot loader's files: entries and their kernels' arguments wherever they stand, and the
 * names of disks that the loader's own programs read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "inspect.h"
#include "plan_parts.h"
#include "unrack/bootconf.h"

#define WORDS_MAX 4

struct loader_edit {
	struct plan_table names;
	struct args_change change;   /* borrows names */
	const char *words[WORDS_MAX];
	char *words_why;             /* malloc'd; NULL: there are none */
};

/* --- Arguments -------------------------------------------------------------------------- */
/* VG/LV of rd.lvm.lv= is no volume of the disks that are here. */
static bool is_missing_volume(const struct plan_job *j, const char *name, const char *value)
{
	bool any = false;

	if (strcmp(name, "rd.lvm.lv") != 0 && strcmp(name, "rd_LVM_LV") != 0)
		return false;
	for (unsigned i = 0; i < j->g->n_parts; i++) {
		const char *device = j->g->parts[i].device;

		if (j->g->parts[i].disk >= 0)
			continue;
		any = true;
		if (!strncmp(device, "/dev/", 5) && !strcmp(device + 5, value))
			return false;
	}
	return any;
}

/* One NAME=VALUE of the arguments in PATH. IS_STARTED: of the kernel that starts. */
static int add_argument(struct plan_job *j, struct plan_table *t, const char *path, bool is_started,
			const char *name, const char *value, struct unrack_error *err)
{
	bool is_root = !strcmp(name, "root"), is_resume = !strcmp(name, "resume");
	enum devname_result result;
	int r;

	if (is_missing_volume(j, name, value)) {
		r = edit_names_find(&(struct edit_names){ t->v.at, t->v.len }, value, strlen(value)) ?
			    0 :
			    plan_warn(j,
				      say("%s has %s=%s, and no such volume is on the disks given: the "
					  "argument goes, since the boot would wait for it",
					  path, name, value),
				      err);
		return r < 0 ? r : plan_table_add(t, value, NULL, err);
	}
	r = plan_table_translate(j, t, value, is_root ? "/" : NULL, &result, err);
	if (r < 0 || (result != DEVNAME_ABSENT && result != DEVNAME_UNSURE))
		return r;
	if (is_resume)
		return plan_table_add(t, value, NULL, err);
	if (is_root && is_started)
		return plan_refuse_name(j, path, value, result, err);
	return is_root ? plan_warn(j,
				   say("an entry of %s starts with root=%s, which is none of the disks "
				       "given",
				       path, value),
				   err) :
			 0;
}

static int add_arguments(struct plan_job *j, struct plan_table *t, const char *path, bool is_started,
			 const char *args, size_t n, struct unrack_error *err)
{
	char *name, *value;
	size_t at = 0;
	int r = 0;

	while (r == 0 && args_next(args, n, &at, &name, &value)) {
		r = name && value ? add_argument(j, t, path, is_started, name, value, err) :
				    error_nomem(err);
		free(name);
		free(value);
	}
	return r;
}

static int add_entries(struct plan_job *j, struct plan_table *t, struct unrack_error *err)
{
	const struct guest_loader *l = &j->f->loader;
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n_entries; i++) {
		const struct guest_entry *e = &l->entries[i];
		bool is_started =
			e->kernel_index >= 0 && &j->f->kernels[e->kernel_index] == j->kernel;

		if (e->args)
			r = add_arguments(j, t, e->file ? e->file : l->conf, is_started, e->args,
					  strlen(e->args), err);
	}
	return r;
}

/* Multipath would take the VM's disk, by what the physical machine's disks were called. */
static int add_words(struct plan_job *j, struct loader_edit *l, struct unrack_error *err)
{
	const struct guest_kernel *k = j->kernel;
	bool multipath = false;

	if (j->f->major < 6)
		return 0;
	for (size_t i = 0; i < k->n_initrds; i++)
		multipath |= k->initrds[i].multipath;
	if (!multipath)
		return 0;
	l->words[l->change.n_add++] = j->f->major == 6 ? "rd_NO_MULTIPATH" : "rd.multipath=0";
	l->words[l->change.n_add++] = "nompath";
	l->change.add = l->words;
	l->words_why = say("%s starts multipath for the physical machine's disks, and the VM's disk has "
			   "one path and another identity: without multipath it is used as it is",
			   k->initrds[0].path);
	return l->words_why ? 0 : error_nomem(err);
}

/* Whole disks that some file names: those that the map knows. */
static int add_disks(struct plan_job *j, struct plan_table *t, bool drop_absent,
		     struct unrack_error *err)
{
	enum devname_result result;
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->names.n; i++) {
		char name[DEVNAME_MAX + 8];

		snprintf(name, sizeof name, "/dev/%s", j->names.at[i].disk);
		r = plan_table_translate(j, t, name, NULL, &result, err);
		if (r == 0 && result == DEVNAME_ABSENT && drop_absent)
			r = plan_table_add(t, name, NULL, err);
	}
	return r;
}

/* --- Files ------------------------------------------------------------------------------ */
typedef int edit_fn(const char *text, size_t n, const struct args_change *c, struct buf *out,
		    struct unrack_error *err);

static bool is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

/* Why BEFORE became what it is: names, words, or EXTRA (may be NULL). */
static char *say_change(const struct loader_edit *l, const struct buf *before, const struct buf *after,
			const char *extra)
{
	bool words = false;

	for (size_t i = 0; i < l->change.n_add; i++)
		words |= !memmem(buf_str(before), before->len, l->words[i], strlen(l->words[i])) &&
			 memmem(buf_str(after), after->len, l->words[i], strlen(l->words[i]));
	return plan_table_say_used(&l->names, before, words ? l->words_why : extra);
}

static int add_text(struct plan_job *j, const struct loader_edit *l, const char *path,
		    const struct buf *before, const struct buf *after, struct unrack_error *err)
{
	return is_same(before, after) ?
		       0 :
		       plan_add_text(j, path, before, after, say_change(l, before, after, NULL), err);
}

static int edit_file(struct plan_job *j, const struct loader_edit *l, const char *path, edit_fn *edit,
		     struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	char *real CLEANUP_FREE = NULL;
	bool found;
	int r = inspect_real(j->g, path, &real, err);

	if (r < 0 || !real)
		return r;
	r = inspect_read(j->g, real, &before, &found, err);
	if (r == 0)
		r = edit(buf_str(&before), before.len, &l->change, &after, err);
	return r == 0 ? add_text(j, l, real, &before, &after, err) : r;
}

static int edit_grubconf(struct plan_job *j, const struct loader_edit *l, struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	const char *conf = j->f->loader.conf;
	bool found;
	int r = inspect_read(j->g, conf, &before, &found, err);

	if (r == 0)
		r = grubconf_edit(buf_str(&before), before.len, &l->change, j->default_entry, &after,
				  err);
	if (r < 0 || is_same(&before, &after))
		return r;
	return plan_add_text(j, conf, &before, &after,
			     say_change(l, &before, &after,
					j->default_entry >= 0 ? "its default is an entry for Xen's "
								"hypervisor, which ESX can't run" :
								NULL),
			     err);
}

static int edit_grubenv(struct plan_job *j, const struct loader_edit *l, struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 }, value = { 0 };
	char *old CLEANUP_FREE = NULL;
	bool found;
	int r;

	if (!j->f->loader.grubenv)
		return 0;
	r = inspect_read(j->g, j->f->loader.grubenv, &before, &found, err);
	old = r == 0 ? grubenv_get(buf_str(&before), before.len, "kernelopts") : NULL;
	if (r < 0 || !old)
		return r;
	if (args_put(old, strlen(old), &l->change, &value) < 0)
		return error_nomem(err);
	r = grubenv_set(buf_str(&before), before.len, "kernelopts", buf_str(&value), &after, err);
	return r == 0 ? add_text(j, l, j->f->loader.grubenv, &before, &after, err) : r;
}

/* What grub2-mkconfig takes the arguments of later kernels from. */
static int edit_default(const char *text, size_t n, const struct args_change *c, struct buf *out,
			struct unrack_error *err)
{
	CLEANUP_BUF struct buf half = { 0 };
	int r = args_edit_sysconfig(text, n, "GRUB_CMDLINE_LINUX", c, true, &half, err);

	return r < 0 ? r :
		       args_edit_sysconfig(buf_str(&half), half.len, "GRUB_CMDLINE_LINUX_DEFAULT", c,
					   false, out, err);
}

#define DEFAULT_GRUB "/etc/default/grub"
#define CMDLINE "/etc/kernel/cmdline"

/* Arguments that no entry has now, but later ones will. */
static int add_later(struct plan_job *j, struct plan_table *t, struct unrack_error *err)
{
	static const char *const keys[] = { "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT" };
	CLEANUP_BUF struct buf text = { 0 };
	bool found;
	int r = inspect_read(j->g, DEFAULT_GRUB, &text, &found, err);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(keys); i++) {
		char *value CLEANUP_FREE = sysconfig_get(buf_str(&text), text.len, keys[i]);

		if (value)
			r = add_arguments(j, t, DEFAULT_GRUB, false, value, strlen(value), err);
	}
	if (r == 0)
		r = inspect_read(j->g, CMDLINE, &text, &found, err);
	return r == 0 ? add_arguments(j, t, CMDLINE, false, buf_str(&text),
				      strcspn(buf_str(&text), "\n"), err) :
			r;
}

static int edit_grub2(struct plan_job *j, const struct loader_edit *l, struct unrack_error *err)
{
	const struct guest_loader *g = &j->f->loader;
	int r = g->conf ? edit_file(j, l, g->conf, grub2conf_edit, err) : 0;

	for (size_t i = 0; r == 0 && i < g->n_entries; i++)
		if (g->entries[i].file)
			r = edit_file(j, l, g->entries[i].file, bls_edit, err);
	if (r == 0)
		r = edit_grubenv(j, l, err);
	if (r == 0)
		r = edit_file(j, l, DEFAULT_GRUB, edit_default, err);
	return r == 0 ? edit_file(j, l, CMDLINE, args_edit, err) : r;
}

static int edit_entries(struct plan_job *j, struct unrack_error *err)
{
	struct loader_edit l = { 0 };
	bool grub2 = j->f->loader.kind == LOADER_GRUB2;
	int r;

	j->stable = j->f->major >= RELEASE_DRACUT;
	r = add_entries(j, &l.names, err);
	if (r == 0 && grub2)
		r = add_later(j, &l.names, err);
	j->stable = false;
	if (r == 0)
		r = add_words(j, &l, err);
	if (r == 0)
		r = add_disks(j, &l.names, false, err); /* the comment #boot= */
	l.change.names = plan_table_names(&l.names);
	if (r == 0)
		r = grub2 ? edit_grub2(j, &l, err) : edit_grubconf(j, &l, err);
	plan_table_free(&l.names);
	free(l.words_why);
	return r;
}

static int edit_devicemap(struct plan_job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	struct plan_table t = { 0 };
	struct edit_names names;
	bool found;
	int r;

	if (!j->f->devicemap)
		return 0;
	r = inspect_read(j->g, j->f->devicemap, &before, &found, err);
	if (r == 0)
		r = add_disks(j, &t, true, err);
	names = plan_table_names(&t);
	if (r == 0)
		r = devicemap_edit(buf_str(&before), before.len, &names, &after, err);
	if (r == 0)
		r = plan_add_text(j, j->f->devicemap, &before, &after, plan_table_say_used(&t, &before, NULL),
				  err);
	plan_table_free(&t);
	return r;
}

/* "boot=/dev/sda" in /etc/sysconfig/grub: where grub-install and grubby put the loader. */
static int edit_sysconfig_grub(struct plan_job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	char *path CLEANUP_FREE = NULL;
	char *boot CLEANUP_FREE = NULL;
	struct plan_table t = { 0 };
	enum devname_result result;
	struct edit_names names;
	bool found;
	int r = inspect_real(j->g, "/etc/sysconfig/grub", &path, err);

	if (r < 0 || !path)
		return r;
	r = inspect_read(j->g, path, &before, &found, err);
	if (r < 0)
		return r;
	boot = sysconfig_get(buf_str(&before), before.len, "boot");
	if (!boot)
		return 0;
	r = plan_table_translate(j, &t, boot, NULL, &result, err);
	names = plan_table_names(&t);
	if (r == 0)
		r = sysconfig_edit(buf_str(&before), before.len, "boot", &names, &after, err);
	if (r == 0)
		r = plan_add_text(j, path, &before, &after, plan_table_say(&t), err);
	plan_table_free(&t);
	return r;
}

int plan_loader(struct plan_job *j, struct unrack_error *err)
{
	int r = edit_entries(j, err);

	if (r == 0)
		r = edit_devicemap(j, err);
	return r == 0 ? edit_sysconfig_grub(j, err) : r;
}
