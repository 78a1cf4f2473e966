/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that name drivers or disks: modprobe.conf, fstab, and those that would do harm. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "drivers.h"
#include "harm.h"
#include "inspect.h"
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
	struct drivers_adapters adapters;
	struct modconf_change c = { .adapters = adapters.at, .kept = kept, .n_kept = 2 };
	const char **nics CLEANUP_FREE = NULL;
	bool found;
	int r;

	if (!j->f->modconf && j->f->major > 5)
		return 0;
	nics = calloc(j->f->n_nics + 1, sizeof *nics);
	if (!nics)
		return error_nomem(err);
	r = drivers_adapters(j->kernel, j->t, j->f->major, &adapters, err);
	if (r < 0)
		return r;
	c.n_adapters = adapters.n;
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

	j->stable = j->f->major >= RELEASE_DRACUT;
	for (size_t i = 0; r == 0 && i < j->f->n_fstab; i++)
		r = add_fstab_name(j, &t, &j->f->fstab[i], err);
	j->stable = false;
	names = plan_table_names(&t);
	if (r == 0)
		r = fields_edit(buf_str(&before), before.len, 0, &names, &after, err);
	if (r == 0)
		r = plan_add_text(j, path, &before, &after, plan_table_say(&t), err);
	plan_table_free(&t);
	return r;
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
				plan_table_say_used(t, &before,
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
