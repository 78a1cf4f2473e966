/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels of RHEL 4 and 5 whose own initrd is missing or damaged: one is made as mkinitrd would
 * have made it in the VM, of the guest's own programs, configuration and modules. */
#include <stdlib.h>
#include <string.h>

#include "appliance.h"
#include "base/cleanup.h"
#include "inspect.h"
#include "plan_parts.h"

#define RELEASE_FIRST 4 /* those before have ramdisks, and are not repaired */

struct source {
	const struct plan_job *j;
	const struct guest_kernel *k;
};

static int read_module(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	const struct source *s = ctx;

	return inspect_read_module((void *)(uintptr_t)s->k, path, out, err);
}

/* As the file will be: lvm.conf and modprobe.conf are changed by other parts of the plan. */
static int read_file(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	const struct source *s = ctx;
	const struct plan *p = s->j->plan;
	char *real CLEANUP_FREE = NULL;
	int r = inspect_real(s->j->g, path, &real, err);

	for (size_t i = 0; r == 0 && i < p->n_edits; i++)
		if (p->edits[i].kind == EDIT_WRITE && !strcmp(p->edits[i].path, real ? real : path))
			return buf_append(out, p->edits[i].after.data, p->edits[i].after.len) < 0 ? error_nomem(err) : 0;
	return r < 0 ? r : s->j->g->ops->read(s->j->g, path, INSPECT_BINARY_MAX, out, err);
}

/* --- Root ------------------------------------------------------------------------------- */

/* What an image must know of root and swap, and where that is kept. */
struct way {
	char root[DEVNAME_MAX], resume[DEVNAME_MAX]; /* new names */
	char groups[2][INITRD_GROUP_MAX];
	const char *group_list[2];
	size_t n_groups;
	const struct fstab_entry *entry; /* of "/" */
};

static void add_group(struct way *w, const char *device)
{
	char group[INITRD_GROUP_MAX];

	if (!initrd_volume_group(device, group) || (w->n_groups && !strcmp(w->groups[0], group)))
		return;
	memcpy(w->groups[w->n_groups], group, sizeof group);
	w->group_list[w->n_groups] = w->groups[w->n_groups];
	w->n_groups++;
}

/* LABEL= and UUID= do not tell that they are on LVM. */
static void add_groups(const struct plan_job *j, struct way *w)
{
	const struct guest_mount *root = &j->g->mounts[0];
	int swap = w->resume[0] ? guest_mount_resolve(j->g, &j->names, w->resume) : -1;

	add_group(w, root->disk < 0 && root->device[0] ? root->device : w->root);
	add_group(w, swap >= 0 && j->g->parts[swap].disk < 0 ? j->g->parts[swap].device : w->resume);
}

static int name_root(struct plan_job *j, struct way *w, struct unrack_error *err)
{
	enum devname_result result;
	const char *old = w->entry->device;
	int r = plan_translate(j, old, "/", w->root, &result, err);

	if (r < 0)
		return r;
	if (result == DEVNAME_ABSENT || result == DEVNAME_UNSURE)
		return plan_refuse_name(j, "/etc/fstab", old, result, err);
	if (result == DEVNAME_NEW)
		return 0;
	if (strlen(old) >= sizeof w->root)
		return error_set(err, UNRACK_UNSUPPORTED, "/etc/fstab names root %s, which is too long for an initrd", old);
	strcpy(w->root, old);
	return 0;
}

/* A swap that is not there is none to resume from. */
static int name_resume(struct plan_job *j, struct way *w, struct unrack_error *err)
{
	enum devname_result result;
	const char *old = j->f->swap;
	int r;

	if (!old || j->f->major < 5 || strlen(old) >= sizeof w->resume)
		return 0;
	r = plan_translate(j, old, NULL, w->resume, &result, err);
	if (r == 0 && result == DEVNAME_KEPT)
		strcpy(w->resume, old);
	else if (r == 0 && result != DEVNAME_NEW)
		w->resume[0] = '\0';
	return r;
}

static int find_way(struct plan_job *j, struct way *w, struct unrack_error *err)
{
	int r;

	*w = (struct way){ .entry = NULL };
	for (size_t i = 0; i < j->f->n_fstab; i++)
		if (!strcmp(j->f->fstab[i].where, "/"))
			w->entry = &j->f->fstab[i];
	if (!w->entry)
		return error_set(err, UNRACK_UNSUPPORTED, "/etc/fstab has no line for /");
	r = name_root(j, w, err);
	if (r == 0)
		r = name_resume(j, w, err);
	if (r < 0)
		return r;
	add_groups(j, w);
	return 0;
}

/* --- The image -------------------------------------------------------------------------- */

static int make(struct plan_job *j, const struct guest_kernel *k, const char *path, struct buf *new,
		struct buf *summary, struct unrack_error *err)
{
	struct source source = { j, k };
	const char *wanted[DRIVERS_MAX];
	struct guest_stat st = { 0 };
	struct way w;
	struct initrd_recipe recipe;
	int r = find_way(j, &w, err);

	if (r == 0)
		r = j->g->ops->stat(j->g, k->vmlinuz, &st, err);
	if (r < 0)
		return r;
	recipe = (struct initrd_recipe){
		.name = path, .release = j->f->major, .tree = k->tree, .wanted = wanted,
		.n_wanted = drivers_wanted(k, j->t, wanted), .read_module = read_module, .read_file = read_file,
		.ctx = &source, .root = w.root,
		.root_fs = strcmp(w.entry->type, "auto") ? w.entry->type : j->g->mounts[0].fstype,
		.root_options = w.entry->options, .resume = w.resume[0] ? w.resume : NULL,
		.groups = w.group_list, .n_groups = w.n_groups,
		.mtime = st.mtime,
	};
	return initrd_make(&recipe, new, summary, err);
}

int plan_generate(struct plan_job *j, const struct guest_kernel *k, const char *path, const char *why,
		  struct plan_need *needs, struct unrack_error *err)
{
	CLEANUP_BUF struct buf new = { 0 }, summary = { 0 };
	struct unrack_error fault = UNRACK_ERROR_INIT;
	int r;

	if (j->f->major < RELEASE_FIRST)
		return error_set(err, UNRACK_UNSUPPORTED, "%s", why);
	r = make(j, k, path, &new, &summary, &fault);
	if (r == UNRACK_MISSING || r == UNRACK_UNSUPPORTED || r == UNRACK_DAMAGED)
		return error_set(err, UNRACK_UNSUPPORTED, "%s, and none can be made: %s", why, fault.text);
	if (r < 0) {
		*err = fault;
		return r;
	}
	return plan_add_image(j, path, k->vmlinuz, &new, &summary,
			      say("%s; so one is made as mkinitrd of RHEL %d makes it, of the guest's own programs and the "
				  "modules of kernel %s", why, j->f->major, k->kver), needs, err);
}
