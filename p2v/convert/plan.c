/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tempfile.h"
#include "drivers.h"
#include "plan_parts.h"

/* --- Adding --------------------------------------------------------------------------- */
int plan_warn(struct plan_job *j, char *text, struct unrack_error *err)
{
	struct plan *p = j->plan;
	char **warnings = text ? realloc(p->warnings, (p->n_warnings + 1) * sizeof *warnings) : NULL;

	if (!warnings) {
		free(text);
		return error_nomem(err);
	}
	p->warnings = warnings;
	p->warnings[p->n_warnings++] = text;
	return 0;
}

struct edit *plan_add_edit(struct plan_job *j, enum edit_kind kind, const char *path)
{
	struct plan *p = j->plan;
	struct edit *edits = realloc(p->edits, (p->n_edits + 1) * sizeof *edits), *e;

	if (!edits)
		return NULL;
	p->edits = edits;
	e = &edits[p->n_edits];
	memset(e, 0, sizeof *e);
	e->kind = kind;
	e->existed = true;
	e->path = strdup(path);
	if (!e->path)
		return NULL;
	p->n_edits++;
	return e;
}

int plan_add_text(struct plan_job *j, const char *path, const struct buf *before,
		  const struct buf *after, char *reason, struct unrack_error *err)
{
	struct edit *e;

	if (before->len == after->len &&
	    (!before->len || !memcmp(before->data, after->data, before->len))) {
		free(reason);
		return 0;
	}
	e = reason ? plan_add_edit(j, EDIT_WRITE, path) : NULL;
	if (!e) {
		free(reason);
		return error_nomem(err);
	}
	e->reason = reason;
	return buf_append(&e->before, before->data, before->len) |
			       buf_append(&e->after, after->data, after->len) ?
		       error_nomem(err) :
		       0;
}

int plan_add_file(struct plan_job *j, const char *path, const char *label_from, const struct buf *after,
		  char *reason, struct unrack_error *err)
{
	struct edit *e = reason ? plan_add_edit(j, EDIT_WRITE, path) : NULL;

	if (!e) {
		free(reason);
		return error_nomem(err);
	}
	e->reason = reason;
	e->existed = false;
	e->mode = 0644;
	e->label_from = strdup(label_from);
	return !e->label_from || buf_append(&e->after, after->data, after->len) < 0 ? error_nomem(err) : 0;
}

int plan_add_move(struct plan_job *j, enum edit_kind kind, const char *path, const char *to,
		  const struct buf *before, char *reason, struct unrack_error *err)
{
	struct edit *e = reason ? plan_add_edit(j, kind, path) : NULL;

	if (!e) {
		free(reason);
		return error_nomem(err);
	}
	e->reason = reason;
	e->to = to ? strdup(to) : NULL;
	if ((to && !e->to) || (before && buf_append(&e->before, before->data, before->len) < 0))
		return error_nomem(err);
	return 0;
}

int plan_edit_take(struct edit *e, struct buf *bytes, uint64_t keep, struct unrack_error *err)
{
	static const char what[] = "the guest's new initrds";
	int r;

	if (bytes->len <= keep) {
		e->after = *bytes;
		*bytes = (struct buf){ 0 };
		return 0;
	}
	r = tempfile_open(what, &e->file, err);
	e->in_file = r == 0;
	if (r == 0)
		r = tempfile_add(e->file, what, bytes->data, bytes->len, err);
	e->file_bytes = bytes->len;
	buf_free(bytes);
	return r;
}

uint64_t plan_edit_bytes(const struct edit *e)
{
	return e->in_file ? e->file_bytes : e->after.len;
}

void plan_edit_free(struct edit *e)
{
	free(e->path);
	free(e->to);
	buf_free(&e->before);
	buf_free(&e->after);
	if (e->in_file)
		close(e->file);
	free(e->label_from);
	free(e->reason);
	buf_free(&e->summary);
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->n_edits; i++)
		plan_edit_free(&p->edits[i]);
	free(p->edits);
	for (size_t i = 0; i < p->n_warnings; i++)
		free(p->warnings[i]);
	free(p->warnings);
	memset(p, 0, sizeof *p);
}

/* --- What cannot be repaired ---------------------------------------------------------- */
static int refuse_family(const struct guest_facts *f, struct unrack_error *err)
{
	const struct guest_loader *l = &f->loader;

	if (f->efi)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s boots by EFI; EFI guests are not repaired by this version",
				 f->release);
	if (l->kind == LOADER_LILO)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s boots by LILO, whose map of sectors can't be rewritten "
				 "from outside; install GRUB on the server first, then copy it again",
				 f->release);
	if (l->kind == LOADER_NONE || (!l->conf && !l->n_entries))
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s has no boot loader that is known: there is no "
				 "/boot/grub/grub.conf or /boot/grub2/grub.cfg; is /boot on a disk "
				 "that is not here?",
				 f->release);
	return 0;
}

#define RELEASE_LVM2 4 /* from here on the volumes are those of LVM 2, and the initrd is an archive */

/* A device that is made of others: LVM, software RAID, multipath. */
static bool is_stacked(const char *name)
{
	struct devname d;

	return !strncmp(name, "/dev/", 5) && strncmp(name, "/dev/disk/", 10) != 0 &&
	       !devname_parse(name, &d);
}

static int refuse_root(const struct plan_job *j, struct unrack_error *err)
{
	const struct guest *g = j->g;
	const char *root = j->f->root;
	bool is_mounted = g->n_mounts && g->mounts[0].device[0];
	struct initrd_needs needs;

	if (!root)
		return error_set(err, UNRACK_DAMAGED,
				 "/etc/fstab of the guest names no device for /");
	/* Since dracut names of volumes stay, and what is on multipath is found by its content. */
	if (j->f->major >= RELEASE_DRACUT && is_mounted && strncmp(root, "/dev/md", 7) != 0)
		return 0;
	if (!is_stacked(root) && is_mounted && g->mounts[0].disk < 0)
		root = g->mounts[0].device;
	if (!is_stacked(root))
		return 0;
	/* Nor do those of LVM in nash's scripts. */
	drivers_root_needs(g, NULL, &needs);
	if (j->f->major >= RELEASE_LVM2 && is_mounted && needs.root_on_lvm)
		return 0;
	return error_set(err, UNRACK_UNSUPPORTED,
			 "the root filesystem is on %s; guests before RHEL 4 whose root is on LVM, those before RHEL 6 whose "
			 "root is on multipath, and any whose root is on software RAID, are not repaired by this version",
			 root);
}

/* --- The kernel that the VM starts ---------------------------------------------------- */
static int entry_without_xen(const struct plan_job *j)
{
	const struct guest_facts *f = j->f;

	for (size_t i = 0; i < f->loader.n_entries; i++) {
		const struct guest_entry *e = &f->loader.entries[i];

		if (!e->xen && e->kernel_index >= 0 && !f->kernels[e->kernel_index].xen &&
		    drivers_disk(&f->kernels[e->kernel_index], j->t))
			return (int)i;
	}
	return -1;
}

static int choose_kernel(struct plan_job *j, struct unrack_error *err)
{
	const struct guest_loader *l = &j->f->loader;
	const struct guest_entry *e;
	int entry = l->default_entry;

	if (entry < 0 || (size_t)entry >= l->n_entries)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s starts entry %d by default, and has %zu (they count from 0); "
				 "correct it on the server, then copy it again",
				 l->conf, entry, l->n_entries);
	e = &l->entries[entry];
	if (e->xen) {
		entry = entry_without_xen(j);
		if (entry < 0)
			return error_set(err, UNRACK_UNSUPPORTED,
					 "%s starts Xen's hypervisor (%s), which ESX can't run, and "
					 "there is no entry without it; install kernel (not "
					 "kernel-xen) on the server",
					 l->conf, e->title);
		j->default_entry = entry;
		e = &l->entries[entry];
	}
	if (!e->kernel)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "%s starts entry %d (%s) by default, which is no kernel of this "
				 "guest",
				 l->conf, entry, e->title);
	if (e->kernel_index < 0)
		return error_set(err, UNRACK_DAMAGED,
				 "%s starts %s by default (%s), which is not there", l->conf,
				 e->kernel, e->title);
	j->entry = e;
	j->kernel = &j->f->kernels[e->kernel_index];
	return 0;
}

static int require_driver(const struct plan_job *j, struct unrack_error *err)
{
	char why[TARGET_WHY_MAX];

	if (drivers_disk(j->kernel, j->t))
		return 0;
	drivers_no_disk(j->kernel, j->t, why);
	return error_set(err, UNRACK_UNSUPPORTED,
			 "no kernel with a usable driver: %s, which starts by default, has no "
			 "driver for %s (%s)",
			 j->kernel->kver, j->t->disk->name, why);
}

/* Names that were matched only by their order are said. */
static int warn_names(struct plan_job *j, struct unrack_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->names.n; i++) {
		const struct devname_mapped *m = &j->names.at[i];

		if (m->image >= 0 && j->names.images > 1 && !strncmp(m->why, "by its order", 12))
			r = plan_warn(j,
				      say("/dev/%s is taken to be disk %d %s; "
					  "/boot/grub/device.map of the server "
					  "could say it for certain",
					  m->disk, m->image, m->why),
				      err);
	}
	return r;
}

int plan_make(struct guest *g, const struct guest_facts *facts, const struct target *t,
	      struct plan *out, struct unrack_error *err)
{
	static int (*const parts[])(struct plan_job *, struct unrack_error *) = {
		warn_names,  plan_harm,		plan_modconf, plan_fstab,  plan_loader, plan_network, plan_cards,
		plan_kudzu,  plan_lvm,		plan_devices_file, plan_caches, plan_dracut,  plan_initrds,
	};
	struct plan_job *j = calloc(1, sizeof *j);
	int r;

	memset(out, 0, sizeof *out);
	if (!j)
		return error_nomem(err);
	j->g = g;
	j->f = facts;
	j->t = t;
	j->default_entry = -1;
	j->names = facts->names;
	j->plan = out;
	devname_map_target(&j->names, target_node(t));
	r = refuse_family(facts, err);
	if (r == 0)
		r = refuse_root(j, err);
	if (r == 0)
		r = choose_kernel(j, err);
	if (r == 0)
		r = require_driver(j, err);
	for (size_t i = 0; r == 0 && i < sizeof parts / sizeof parts[0]; i++)
		r = parts[i](j, err);
	free(j);
	if (r < 0)
		plan_free(out);
	return r;
}
