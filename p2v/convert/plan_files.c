/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that name drivers or disks: modprobe.conf, fstab, the loader's, and those that
 * would do harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "drivers.h"
#include "harm.h"
#include "inspect.h"
#include "lines.h"
#include "plan_parts.h"

/* --- Drivers -------------------------------------------------------------------------- */
/* "scsi_hostadapter cciss and eth0 tg3": the aliases that the VM has no use for. */
static char *say_aliases(const struct plan_job *j, const struct modconf_change *c)
{
	CLEANUP_BUF struct buf old = { 0 }, new = { 0 };
	int bad = 0;

	for (size_t i = 0; i < j->f->n_aliases; i++)
		bad |= buf_printf(&old, "%s%s %s", i ? ", " : "", j->f->aliases[i].name,
				  j->f->aliases[i].module);
	for (size_t i = 0; i < c->n_adapters; i++)
		bad |= buf_printf(&new, "%s%s", i ? ", " : "", c->adapters[i]);
	if (c->nic_module)
		bad |= buf_printf(&new, "%s%s", new.len ? " and " : "", c->nic_module);
	return bad ? NULL :
		     say("modprobe and mkinitrd take drivers from its aliases; it has %s, the "
			 "VM's %s and %s need %s",
			 old.len ? buf_str(&old) : "none", j->t->disk->name, j->t->nic->name,
			 buf_str(&new));
}

/* The file that this release's mkinitrd reads, where there was none. */
static int add_modconf(struct plan_job *j, const struct buf *text, char *reason,
		       struct unrack_error *err)
{
	const char *path = j->f->major < 4 ? "/etc/modules.conf" : "/etc/modprobe.conf";
	struct edit *e = text->len && reason ? plan_add_edit(j, EDIT_WRITE, path) : NULL;

	if (!text->len || !e) {
		free(reason);
		return text->len ? error_nomem(err) : 0;
	}
	e->reason = reason;
	e->existed = false;
	e->mode = 0644;
	e->label_from = strdup("/etc/fstab");
	return !e->label_from || buf_append(&e->after, text->data, text->len) < 0 ? error_nomem(err) :
										    0;
}

int plan_modconf(struct plan_job *j, struct unrack_error *err)
{
	/* The VM's CD hangs on an IDE controller, and its USB is of no vendor's. */
	static const char *const kept[] = { "ata_piix", "usb-storage" };
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	const char *adapters[DRIVERS_MAX];
	struct modconf_change c = { .adapters = adapters, .kept = kept, .n_kept = 2 };
	const char **nics CLEANUP_FREE = NULL;
	bool found;
	int r;

	if (!j->f->modconf && j->f->major > 5)
		return 0;
	nics = calloc(j->f->n_nics + 1, sizeof *nics);
	if (!nics)
		return error_nomem(err);
	c.n_adapters = drivers_adapters(j->kernel, j->t, adapters);
	c.nic_module = drivers_nic(j->kernel, j->t);
	c.nics = nics;
	for (size_t i = 0; i < j->f->n_nics; i++)
		if (!strncmp(j->f->nics[i].name, "eth", 3))
			nics[c.n_nics++] = j->f->nics[i].name;
	if (!c.nic_module)
		r = plan_warn(j,
			      say("kernel %s has no driver for %s: the VM will have no network",
				  j->kernel->kver, j->t->nic->name),
			      err);
	else
		r = 0;
	if (r == 0 && j->f->modconf)
		r = inspect_read(j->g, j->f->modconf, &before, &found, err);
	if (r == 0)
		r = modconf_edit(buf_str(&before), before.len, &c, &after, err);
	if (r < 0 || j->f->modconf)
		return r < 0 ? r :
			       plan_add_text(j, j->f->modconf, &before, &after, say_aliases(j, &c),
					     err);
	return add_modconf(j, &after, say_aliases(j, &c), err);
}

/* --- fstab ---------------------------------------------------------------------------- */
static int add_fstab_name(struct plan_job *j, struct plan_table *t, const struct fstab_entry *e,
			  struct unrack_error *err)
{
	bool needed =
		fstab_is_local(e) || (!strcmp(e->type, "swap") && !fstab_has_option(e, "noauto"));
	enum devname_result result;
	int r = plan_table_translate(j, t, e->device, e->where, &result, err);

	if (r < 0 || !needed || result == DEVNAME_KEPT || result == DEVNAME_NEW)
		return r;
	if (result == DEVNAME_UNSURE || !strcmp(e->where, "/"))
		return plan_refuse_name(j, "/etc/fstab", e->device, result, err);
	return plan_warn(j,
			 say("/etc/fstab mounts %s at %s, a disk that is none of the %u given",
			     e->device, e->where, j->names.images),
			 err);
}

int plan_fstab(struct plan_job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	char *path CLEANUP_FREE = NULL;
	struct plan_table t = { 0 };
	struct edit_names names;
	bool found;
	int r = inspect_real(j->g, "/etc/fstab", &path, err);

	if (r < 0 || !path)
		return r;
	r = inspect_read(j->g, path, &before, &found, err);

	for (size_t i = 0; r == 0 && i < j->f->n_fstab; i++)
		r = add_fstab_name(j, &t, &j->f->fstab[i], err);
	names = plan_table_names(&t);
	if (r == 0)
		r = fields_edit(buf_str(&before), before.len, 0, &names, &after, err);
	if (r == 0)
		r = plan_add_text(j, path, &before, &after, plan_table_say(&t), err);
	plan_table_free(&t);
	return r;
}

/* --- Loader --------------------------------------------------------------------------- */
/* Device names in the arguments of one entry. */
static int add_arguments(struct plan_job *j, struct plan_table *t, const struct guest_entry *e,
			 struct unrack_error *err)
{
	struct line l = { e->args, strlen(e->args), 0 };
	const char *word;
	size_t at = 0, len;
	int r = 0;

	while (r == 0 && line_word(&l, &at, &word, &len)) {
		const char *equals = memchr(word, '=', len);
		bool is_root = len > 5 && !memcmp(word, "root=", 5),
		     is_resume = len > 7 && !memcmp(word, "resume=", 7);
		char *name CLEANUP_FREE =
			equals ? line_copy(equals + 1, (size_t)(word + len - equals) - 1) : NULL;
		enum devname_result result;

		if (!equals)
			continue;
		if (!name)
			return error_nomem(err);
		r = plan_table_translate(j, t, name, is_root ? "/" : NULL, &result, err);
		if (r < 0 || (result != DEVNAME_ABSENT && result != DEVNAME_UNSURE))
			continue;
		if (is_resume)
			r = plan_table_add(t, name, NULL, err);
		else if (is_root && e->kernel_index >= 0 &&
			 &j->f->kernels[e->kernel_index] == j->kernel)
			r = plan_refuse_name(j, j->f->loader.conf, name, result, err);
		else if (is_root)
			r = plan_warn(j,
				      say("entry \"%s\" of %s starts with root=%s, which is "
					  "none of the disks given",
					  e->title, j->f->loader.conf, name),
				      err);
	}
	return r;
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

/* The changes that AFTER really has: names that were only provided for are left out. */
static char *say_used(const struct plan_table *t, const struct buf *before, const char *extra)
{
	struct plan_table used = { 0 };
	char *text, *all;

	for (size_t i = 0; i < t->v.len; i++) {
		const char *old = t->v.at[i].old;
		const char *p = memmem(buf_str(before), before->len, old, strlen(old));

		for (; p; p = strstr(p + 1, old)) {
			if (strchr(" \t\r\n\"'", p[strlen(old)])) { /* the end of the text too */
				plan_name_vec_push(&used.v, t->v.at[i]);
				break;
			}
		}
	}
	text = used.v.len ? plan_table_say(&used) : strdup("");
	plan_name_vec_free(&used.v);
	if (!extra || !text)
		return text;
	all = say("%s%s%s", extra, *text ? "; " : "", text);
	free(text);
	return all;
}

static int edit_conf(struct plan_job *j, struct unrack_error *err)
{
	const struct guest_loader *l = &j->f->loader;
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	struct plan_table t = { 0 };
	struct edit_names names;
	bool found;
	int r = inspect_read(j->g, l->conf, &before, &found, err);

	for (size_t i = 0; r == 0 && i < l->n_entries; i++)
		if (l->entries[i].args)
			r = add_arguments(j, &t, &l->entries[i], err);
	if (r == 0)
		r = add_disks(j, &t, false, err); /* the comment #boot= */
	names = plan_table_names(&t);
	if (r == 0)
		r = grubconf_edit(buf_str(&before), before.len, &names, j->default_entry, &after,
				  err);
	if (r == 0)
		r = plan_add_text(j, l->conf, &before, &after,
				  say_used(&t, &before,
					   j->default_entry >= 0 ?
						   "its default is an entry for Xen's hypervisor, "
						   "which ESX can't run" :
						   NULL),
				  err);
	plan_table_free(&t);
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
		r = plan_add_text(j, j->f->devicemap, &before, &after, say_used(&t, &before, NULL),
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
	int r = edit_conf(j, err);

	if (r == 0)
		r = edit_devicemap(j, err);
	return r == 0 ? edit_sysconfig_grub(j, err) : r;
}

/* --- First do no harm ----------------------------------------------------------------- */
static int edit_harm(struct plan_job *j, enum harm_file file, const char *path,
		     const struct plan_table *t, struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	struct edit_names names = plan_table_names(t);
	bool found;
	int r = inspect_read(j->g, path, &before, &found, err);

	if (r == 0)
		r = harm_edit(file, buf_str(&before), before.len, &names, &after, err);
	return r == 0 ? plan_add_text(
				j, path, &before, &after,
				say_used(t, &before,
					 "names of disks move, and here a wrong one destroys data"),
				err) :
			r;
}

static int add_harm(struct plan_job *j, struct plan_table *t, const char *path, const struct harm *h,
		    struct unrack_error *err)
{
	enum devname_result result;
	int r = plan_table_translate(j, t, h->device, NULL, &result, err);

	if (r < 0 || result == DEVNAME_KEPT || result == DEVNAME_NEW)
		return r;
	if (!h->what[0] || devname_is_hardware_alias(h->device))
		return plan_warn(j,
				 say("line %u of %s names %s, which will not be there in the VM",
				     h->line, path, h->device),
				 err);
	return error_set(
		err, UNRACK_UNSAFE,
		"line %u of %s %s %s, and %s: in the VM that may be another disk; remove the "
		"line on the server, then copy it again",
		h->line, path, h->what, h->device,
		result == DEVNAME_ABSENT ? "none of the disks given is that" :
					   "nothing says which disk that is");
}

int plan_harm(struct plan_job *j, struct unrack_error *err)
{
	struct plan_table t = { 0 };
	struct harm_list list;
	int r = harm_find(j->g, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.n; i++)
		devname_map_mention(&j->names, list.at[i].device);
	devname_map_settle(&j->names);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = add_harm(j, &t, list.paths[list.at[i].file], &list.at[i], err);
	for (int i = 0; r == 0 && i < HARM_FILES; i++)
		if (list.paths[i])
			r = edit_harm(j, (enum harm_file)i, list.paths[i], &t, err);
	plan_table_free(&t);
	harm_free(&list);
	return r;
}
